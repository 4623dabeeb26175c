// SPDX-License-Identifier: EUPL-1.2
// The measurements, one function each: start the parts, measure beside the floor, put figures. See docs/benchmarks.md for
// what each one means.
'use strict';
const path = require('node:path');
const WebSocket = require('ws');
const { ROOT } = require('../lib/gateway');
const { Chat } = require('../lib/chat');
const { Dovecot } = require('../lib/mail');
const { run, until, Process } = require('../lib/process');
const { median, quantile, rss_mb, redis_cli, capture_call, redis_rate, varied_hash } = require('./tools');

const LOAD = path.join(ROOT, 'build', 'opt', 'bench', 'chat_load');
const socket_of = (gateway) => path.join(gateway.state, 'redis', 'redis.sock');
const TEXT = 'x'.repeat(120);

async function chat_load(port, mode, connections, seconds, ...more) {
    const p = new Process(LOAD, [port, mode, connections, seconds, ...more].map(String));
    await p.line(/"ready"/, 60000);
    const ready = JSON.parse(p.output.split('\n')[0]);
    return { ready, process: p, result: p.done.then(() => JSON.parse(p.output.trim().split('\n').pop())) };
}

/** The accept call of a chat's further message, with a dedupe id that varies, and of a first message with everything varied. */
async function accept_calls(gateway) {
    const chat = await new Chat(gateway.port).connect();
    const first = await capture_call(socket_of(gateway), /accept/, () => chat.say(TEXT));
    const next = await capture_call(socket_of(gateway), /accept/, () => chat.say(TEXT));
    chat.close();
    const hash = /^[0-9a-f]{32}$/;
    const same = new Set(first.filter((a) => hash.test(a)));
    return {
        further: next.map((a) => (hash.test(a) && !same.has(a) ? varied_hash(a) : a)),
        fresh: first.map((a) => (hash.test(a) ? varied_hash(a) : a)),
    };
}

async function chat({ gateway, put }) {
    await gateway.start();
    const ratios = [];
    const floors = [];
    const ours = [];
    const bare = [];
    const calls = await accept_calls(gateway);
    const bytes = calls.further.slice(3).reduce((n, a) => n + a.length, 0);
    for (let i = 0; i < 3; i++) {
        floors.push(await redis_rate(socket_of(gateway), calls.further, { requests: 40000 }));
        const load = await chat_load(gateway.port, 'closed', 50, 5, 0, TEXT.length);
        const r = await load.result;
        if (r.nacks) throw new Error(`${r.nacks} messages were refused`);
        ours.push(r.per_s);
        bare.push(await redis_rate(socket_of(gateway), ['XADD', 'bench:xadd', '*', 'body', 'x'.repeat(bytes)], { requests: 40000 }));
        ratios.push(ours[i] / floors[i]);
    }
    put('chat_vs_floor', median(ratios), 'ratio', 'higher');
    put('accept_vs_xadd', median(floors) / median(bare), 'ratio', 'higher');
    put('chat_per_s', median(ours), 'messages/s', 'higher');
    put('accept_floor_per_s', median(floors), 'calls/s', 'higher');
    put('xadd_per_s', median(bare), 'calls/s', 'higher');
}

/** Mails per second by smtp-source over LMTP; 4 KB each, 20 connections at a time, a new one for each mail or 20 kept ones. */
async function mail_rate(port, to, n, is_kept = false) {
    const began = process.hrtime.bigint();
    const r = await run('smtp-source', ['-L', ...(is_kept ? ['-d'] : []), '-s', '20', '-m', String(n), '-l', '4096', '-f', 'last@buerger.test', '-t', to, `127.0.0.1:${port}`]);
    if (r.code !== 0) throw new Error(`smtp-source: ${r.out}`);
    return n / (Number(process.hrtime.bigint() - began) / 1e9);
}

async function lmtp({ gateway, put }) {
    await gateway.start();
    const dovecot = await new Dovecot().start();
    try {
        await mail_rate(gateway.lmtp, 'buergerbuero@stadt.test', 200);
        await mail_rate(dovecot.lmtp, 'amt@stadt.test', 200);
        for (const is_kept of [false, true]) {
            const ratios = [];
            const ours = [];
            const theirs = [];
            for (let i = 0; i < 3; i++) {
                ours.push(await mail_rate(gateway.lmtp, 'buergerbuero@stadt.test', 10000, is_kept));
                theirs.push(await mail_rate(dovecot.lmtp, 'amt@stadt.test', 2000, is_kept));
                ratios.push(ours[i] / theirs[i]);
            }
            const kept = is_kept ? '_kept' : '';
            put(`lmtp${kept}_vs_dovecot`, median(ratios), 'ratio', 'higher');
            put(`lmtp${kept}_per_s`, median(ours), 'mails/s', 'higher');
            put(`dovecot${kept}_per_s`, median(theirs), 'mails/s', 'higher');
        }
    } finally {
        await dovecot.close();
    }
}

async function idle_chats({ gateway, put }) {
    await gateway.start();
    await gateway.login();
    put('rss_idle_mb', rss_mb(gateway.process.pid), 'MiB', 'lower');
    const warm = await chat_load(gateway.port, 'idle', 500, 1);
    await warm.result;
    const before = rss_mb(gateway.process.pid);
    const load = await chat_load(gateway.port, 'idle', 5000, 10);
    if (load.ready.ready < 5000) throw new Error(`only ${load.ready.ready} of 5000 chats opened`);
    // The room that the warm-up left behind serves 500 of them.
    put('idle_chat_bytes', ((rss_mb(gateway.process.pid) - before) * 1048576) / 4500, 'bytes', 'lower');
    await load.result;
}

async function start_time({ gateway, put }) {
    await gateway.start();
    const times = [];
    for (let i = 0; i < 7; i++) {
        await gateway.stop();
        const began = process.hrtime.bigint();
        await gateway.spawn();
        times.push(Number(process.hrtime.bigint() - began) / 1e6);
    }
    put('start_ms', median(times), 'ms', 'lower');
}

/** Probes among the load: from a citizen's send to the frame in a staff member's browser. */
async function latency({ gateway, put }) {
    await gateway.start();
    await gateway.login();
    const shown = new Map();
    const staff = [];
    for (let i = 0; i < 50; i++) {
        const ws = new WebSocket(`ws://127.0.0.1:${gateway.port}/api/v1/live`, ['draht.inbox.v1'], { origin: `http://127.0.0.1:${gateway.port}`, headers: { cookie: gateway.cookie } });
        if (i === 0)
            ws.on('message', (d) => {
                const at = process.hrtime.bigint();
                for (const [mark] of d.toString().matchAll(/probe-\d+-/g)) if (!shown.has(mark)) shown.set(mark, at);
            });
        else ws.on('message', () => {});
        await new Promise((resolve, reject) => {
            ws.on('open', resolve);
            ws.on('error', reject);
        });
        staff.push(ws);
    }
    const load = await chat_load(gateway.port, 'paced', 2000, 20, 500, TEXT.length);
    const probe = await new Chat(gateway.port).connect();
    const times = [];
    const sent = new Map();
    for (let i = 0; i < 300; i++) {
        const mark = `probe-${i}-`;
        sent.set(mark, process.hrtime.bigint());
        probe.send({ t: 'msg', cid: mark, text: mark });
        await until(mark, () => shown.has(mark), 10000);
        times.push(Number(shown.get(mark) - sent.get(mark)) / 1e6);
    }
    const r = await load.result;
    put('citizen_to_inbox_ms_p99', quantile(times, 0.99), 'ms', 'lower');
    put('citizen_to_inbox_ms_p50', quantile(times, 0.5), 'ms', 'lower');
    put('load_during_latency_per_s', r.per_s, 'messages/s', 'higher');
    for (const ws of staff) ws.terminate();
    probe.close();
}

async function list_ms(gateway) {
    const times = [];
    for (let i = 0; i < 60; i++) {
        const began = process.hrtime.bigint();
        await gateway.api('GET', '/tickets?view=all&limit=50');
        times.push(Number(process.hrtime.bigint() - began) / 1e6);
    }
    return median(times);
}

/** A rewrite of the append-only file runs beside the load and copies pages; it is measured neither here nor there. */
async function quiet(socket) {
    await until('Redis to finish its rewrite', async () => /aof_rewrite_in_progress:0/.test(await redis_cli(socket, 'INFO', 'persistence')) && /aof_rewrite_scheduled:0/.test(await redis_cli(socket, 'INFO', 'persistence')), 300000);
}

async function growth({ gateway, put, tickets }) {
    await gateway.start();
    await gateway.login();
    const socket = socket_of(gateway);
    const calls = await accept_calls(gateway);
    const used = async () => Number((await redis_cli(socket, 'INFO', 'memory')).match(/used_memory:(\d+)/)[1]);
    const chats = await chat_load(gateway.port, 'closed', 50, 3, 0, TEXT.length);
    await chats.result;
    await quiet(socket);
    const empty_accept = await redis_rate(socket, calls.fresh, { requests: 20000 });
    const empty_list = await list_ms(gateway);
    const before = await used();
    const base = Number((await gateway.api('GET', '/tickets/counts')).all);
    let made = 0;
    while (made < 2500) { // redis-benchmark seeds by time and process number: now and then it repeats the run before, and all is known
        await redis_rate(socket, calls.fresh, { requests: 5000 });
        made = Number((await gateway.api('GET', '/tickets/counts')).all) - base;
    }
    const per_ticket = ((await used()) - before) / Math.max(1, made);
    const more_before = await used();
    await redis_rate(socket, calls.further, { requests: 20000 });
    const per_message = ((await used()) - more_before) / 20000;
    put('redis_bytes_per_five_message_ticket', per_ticket + 4 * per_message, 'bytes', 'lower');
    await redis_rate(socket, calls.fresh, { requests: tickets });
    const count = Number((await gateway.api('GET', '/tickets/counts')).all);
    put('growth_tickets', count, 'tickets', 'higher');
    await quiet(socket);
    put('growth_accept', (await redis_rate(socket, calls.fresh, { requests: 20000 })) / empty_accept, 'ratio', 'higher');
    put('growth_list', empty_list / (await list_ms(gateway)), 'ratio', 'higher');
    put('list_ms', await list_ms(gateway), 'ms', 'lower');
}

module.exports = { chat, lmtp, idle_chats, start_time, latency, growth };
