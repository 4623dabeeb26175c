// SPDX-License-Identifier: EUPL-1.2
// Every channel whose peer speaks HTTP to us: durable messages per second beside the floor (the same accept function called by
// redis-benchmark), and what one message costs the gateway in instructions (callgrind). One row of the table a channel.
'use strict';
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { Gateway, ROOT } = require('../lib/gateway');
const { scratch, run, until } = require('../lib/process');
const { capture_call, redis_rate, varied_hash } = require('./tools');
const { rows } = require('./channel-rows');

const CONNECTIONS = 20;
const SENDERS = 200;
const TEXT = 'Die Straßenlaterne vor Haus 12 ist seit Montag dunkel. '.repeat(2);
const socket_of = (gateway) => path.join(gateway.state, 'redis', 'redis.sock');

/** Sends requests first..first+n-1 over kept connections; fails on the first answer that is no 2xx. */
async function send(port, row, first, n) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS });
    let next = first;
    const one = (q) => new Promise((resolve, reject) => {
        const r = http.request({ host: '127.0.0.1', port, agent, method: q.method || 'POST', path: q.path, headers: { ...q.headers, 'content-length': q.body.length } }, (a) => {
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
            await one(row.request(i, `s${i % SENDERS}`, `${TEXT}${i}`, port));
        }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, worker));
    agent.destroy();
}

/** Messages that came in so far, as the gateway's own metrics count the events of the stream. */
async function accepted(gateway) {
    const m = (await gateway.raw('GET', '/metrics')).text.match(/draht_events_total\{type="message\.received"\} (\d+)/);
    return m ? Number(m[1]) : 0;
}

const with_rows = (binary, options = {}) => new Gateway({ binary, extra_channels: rows.map((r) => r.yaml).join(''), ...options });

async function rates({ binary, put }) {
    const gateway = await with_rows(binary).start();
    try {
        await gateway.login();
        for (const row of rows) {
            await send(gateway.port, row, 0, 300);
            const call = await capture_call(socket_of(gateway), /accept/, () => send(gateway.port, row, 300, 1));
            const hash = /^[0-9a-f]{32}$/;
            const at = call.findIndex((x) => hash.test(x));
            const floor_call = call.map((x, i) => (i === at ? varied_hash(x) : x));
            const n = 4000;
            const before = await accepted(gateway);
            const began = process.hrtime.bigint();
            await send(gateway.port, row, 1000, n);
            const rate = n / (Number(process.hrtime.bigint() - began) / 1e9);
            await until(`all ${n} messages of ${row.name} in the stream`, async () => (await accepted(gateway)) - before === n);
            const floor = await redis_rate(socket_of(gateway), floor_call, { connections: CONNECTIONS, requests: 8000 });
            put(`${row.name}_per_s`, rate, 'messages/s', 'higher');
            put(`${row.name}_vs_floor`, rate / floor, 'ratio', 'higher');
        }
    } finally {
        await gateway.close();
    }
}

/** A gateway below callgrind on the state that a quick one made; ends with the instructions it took. */
async function instructions(binary, state_of, row, n) {
    const dir = scratch('callgrind');
    const out = path.join(dir, 'out');
    const wrapper = path.join(dir, 'draht');
    fs.writeFileSync(wrapper, `#!/bin/sh\nexec valgrind -q --tool=callgrind --callgrind-out-file=${out} ${binary} "$@"\n`, { mode: 0o755 });
    const gateway = with_rows(wrapper, { dir: state_of });
    gateway.ready = () => until_ready(gateway);
    await gateway.start();
    try {
        await send(gateway.port, row, Date.now() % 1e9, n);
    } finally {
        await gateway.stop();
    }
    const m = fs.readFileSync(out, 'utf8').match(/^(?:summary|totals): (\d+)/m);
    fs.rmSync(dir, { recursive: true, force: true });
    if (!m) throw new Error('callgrind wrote no total');
    return Number(m[1]);
}

async function until_ready(gateway) {
    await until('the gateway below callgrind', async () => (await gateway.raw('GET', '/readyz')).status === 200, 180000);
}

async function costs({ binary, put }) {
    if ((await run('valgrind', ['--version'])).code !== 0) throw new Error('valgrind is missing');
    const first = await with_rows(binary).start();
    await first.stop();
    for (const row of rows) {
        const few = await instructions(binary, first.dir, row, 50);
        const many = await instructions(binary, first.dir, row, 250);
        put(`${row.name}_instructions`, (many - few) / 200, 'instructions/message', 'lower');
    }
    fs.rmSync(first.dir, { recursive: true, force: true });
}

const BINARY = process.env.DRAHT_BINARY || path.join(ROOT, 'build', 'opt', 'draht');
module.exports = { channels: ({ put }) => rates({ binary: BINARY, put }), channel_costs: ({ put }) => costs({ binary: BINARY, put }) };
