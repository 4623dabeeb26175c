// SPDX-License-Identifier: EUPL-1.2
// Every channel to which messages are handed, by requests or on a wire of its own: durable messages per second beside the floor
// (the same accept function called by redis-benchmark). One row of the table a channel.
'use strict';
const http = require('node:http');
const path = require('node:path');
const { Gateway, ROOT } = require('../lib/gateway');
const { until } = require('../lib/process');
const { accepted, capture_call, cpu_ms, redis_rate, varied_hash } = require('./tools');
const posted = require('./channel-rows').rows;
const { xmpp } = require('./wire-rows');

const CONNECTIONS = 20;
const SENDERS = 200;
const TEXT = 'Die Straßenlaterne vor Haus 12 ist seit Montag dunkel. '.repeat(2);
const rows = [...posted, xmpp];
const socket_of = (gateway) => path.join(gateway.state, 'redis', 'redis.sock');

/** Sends messages first..first+n-1; returns when all are acknowledged. */
async function send(gateway, row, first, n) {
    const text = (i) => `${TEXT}${i}`;
    if (row.send) await row.send(gateway, first, n, text);
    else await post(gateway, row, first, n, text);
}

/** By requests over kept connections; fails on the first answer that is no 2xx. */
async function post(gateway, row, first, n, text_of) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS });
    let next = first;
    const one = (q) => new Promise((resolve, reject) => {
        const r = http.request({ host: '127.0.0.1', port: gateway.port, agent, method: q.method || 'POST', path: q.path, headers: { ...q.headers, 'content-length': q.body.length } }, (a) => {
            let text = '';
            a.on('data', (c) => (text += c));
            a.on('end', () => (a.statusCode < 300 ? resolve() : reject(new Error(`${row.name}: ${a.statusCode} ${text.slice(0, 300)}`))));
        });
        r.on('error', reject);
        r.end(q.body);
    });
    const worker = async () => {
        while (next < first + n) {
            const i = next++;
            await one(row.request(i, `s${i % SENDERS}`, text_of(i), gateway));
        }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, worker));
    agent.destroy();
}

async function rate_of(gateway, row, put) {
    await row.ready?.(gateway);
    await send(gateway, row, 0, 300);
    const call = await capture_call(socket_of(gateway), /accept/, () => send(gateway, row, 300, 1));
    const n = 4000;
    const before = await accepted(gateway);
    const cpu = cpu_ms(gateway.process.pid);
    const began = process.hrtime.bigint();
    await send(gateway, row, 1000, n);
    const rate = n / (Number(process.hrtime.bigint() - began) / 1e9);
    await until(`all ${n} messages of ${row.name} in the stream`, async () => (await accepted(gateway)) - before === n);
    if (row.has_program) put(`${row.name}_gateway_us`, ((cpu_ms(gateway.process.pid) - cpu) * 1000) / n, 'µs of processor/message', 'lower');
    put_rate(row.name, rate, await floor_of(gateway, call, CONNECTIONS), put);
}

/** Calls a second of the same function with the same payload, each with a dedupe id of its own. */
function floor_of(gateway, call, connections) {
    const at = call.findIndex((x) => /^[0-9a-f]{32}$/.test(x));
    return redis_rate(socket_of(gateway), call.map((x, i) => (i === at ? varied_hash(x) : x)), { connections, requests: 8000 });
}

function put_rate(name, rate, floor, put) {
    put(`${name}_per_s`, rate, 'messages/s', 'higher');
    put(`${name}_vs_floor`, rate / floor, 'ratio', 'higher');
}

async function rates({ binary, put }) {
    for (const r of rows) await r.start?.();
    const gateway = await new Gateway({ binary, extra_channels: rows.map((r) => r.yaml).join('') }).start();
    try {
        await gateway.login();
        for (const row of rows) await rate_of(gateway, row, put);
    } finally {
        await gateway.close();
        for (const r of rows) await r.stop?.();
    }
}

const BINARY = process.env.DRAHT_BINARY || path.join(ROOT, 'build', 'opt', 'draht');
module.exports = { channels: ({ put }) => rates({ binary: BINARY, put }), send, floor_of, put_rate, socket_of, BINARY };
