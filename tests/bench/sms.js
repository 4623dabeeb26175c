// SPDX-License-Identifier: EUPL-1.2
// SMS: Draht and Kannel in turns on the same small message centre (smsc_load.c), with the same window and texts; what one message
// costs Draht in instructions; and the floor below it. Kannel's bearerbox syncs nothing by itself (neither its spool nor its file):
// what it is compared with is its store in a Redis that syncs before it answers, as ours does; its spool is told beside it.
'use strict';
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { randomUUID } = require('node:crypto');
const { Gateway, ROOT } = require('../lib/gateway');
const { Kannel } = require('../lib/kannel');
const { smppChannel } = require('../lib/fake-smsc');
const { scratch, freePort, run, until, Process } = require('../lib/process');
const { median, capture_call, redis_rate, varied_hash } = require('./tools');

const WINDOW = 50;
const SENDERS = 200;
const CONNECTIONS = 20;
const TEXT = 'Die Laterne vor Haus 12 ist seit Montag dunkel. Bitte nachsehen. '.repeat(2).trim();
const BINARY = process.env.DRAHT_BINARY || path.join(ROOT, 'build', 'opt', 'draht');
const LOAD = path.join(ROOT, 'build', 'opt', 'bench', 'smsc_load');
const HTTP_LOAD = path.join(ROOT, 'build', 'opt', 'bench', 'http_load');
const socket_of = (gateway) => path.join(gateway.state, 'redis', 'redis.sock');

/** smsc_load; it speaks lines of JSON. */
class Centre {
    async start() {
        this.port = await freePort();
        this.process = new Process(LOAD, [String(this.port)], { stdio: ['pipe', 'pipe', 'pipe'] });
        this.seen = 0;
        await this.said('ready');
        return this;
    }

    /** The next line of that kind. */
    async said(kind, limit_ms = 120000) {
        return until(`the message centre to say ${kind}`, () => {
            if (this.process.exited) throw new Error('smsc_load ended');
            const lines = this.process.output.split('\n').slice(0, -1);
            const at = lines.findIndex((l, i) => i >= this.seen && l.startsWith(`{"${kind}"`));
            if (at < 0) return undefined;
            this.seen = at + 1;
            return JSON.parse(lines[at]);
        }, limit_ms);
    }

    /** Messages per second until the last one is answered. */
    async hand_in(n, window = WINDOW) {
        this.process.child.stdin.write(`in ${n} ${window} ${SENDERS}\n`);
        const r = await this.said('in');
        if (r.refused) throw new Error(`${r.refused} of ${n} messages were refused`);
        return n / r.seconds;
    }

    /** Messages per second from the first of send() to the last submit_sm. */
    async takes(n, send) {
        this.process.child.stdin.write(`out ${n}\n`);
        const done = this.said('out');
        await Promise.all([send(), done]);
        return n / (await done).seconds;
    }

    async close() {
        await this.process.end();
    }
}

/** Lays the requests down for http_load.c and measures what act(send) does; send() puts them over CONNECTIONS kept connections. */
async function with_requests(port, requests, act) {
    const dir = scratch('http-load');
    const file = path.join(dir, 'requests');
    try {
        fs.writeFileSync(file, requests.map((r) => `${r}\0`).join(''));
        return await act(async () => {
            const r = await run(HTTP_LOAD, [String(port), String(CONNECTIONS), '202', file]);
            if (r.code !== 0) throw new Error(r.out);
            const { answered } = JSON.parse(r.out);
            if (answered !== requests.length) throw new Error(`${answered} of ${requests.length} requests were answered`);
        });
    } finally {
        fs.rmSync(dir, { recursive: true, force: true });
    }
}

const request = (line, headers, body = '') => `${line} HTTP/1.1\r\nhost: 127.0.0.1\r\n${Object.entries({ ...headers, ...(body && { 'content-length': Buffer.byteLength(body) }) }).map(([k, v]) => `${k}: ${v}\r\n`).join('')}\r\n${body}`;

/** Draht: in by deliver_sm, out as replies of staff through the API. */
class Draht {
    async start(binary = BINARY, more = {}) {
        this.centre = await new Centre().start();
        this.gateway = new Gateway({ binary, extra_channels: smppChannel(this.centre.port, `window: ${WINDOW}\nreceipts: false`), ...more });
        if (more.ready) this.gateway.ready = () => more.ready(this.gateway);
        await this.gateway.start();
        await this.centre.said('bound');
        return this;
    }

    async accepted() {
        const m = (await this.gateway.raw('GET', '/metrics')).text.match(/draht_events_total\{type="message\.received"\} (\d+)/);
        return m ? Number(m[1]) : 0;
    }

    async in(n) {
        const before = await this.accepted();
        const rate = await this.centre.hand_in(n);
        await until(`all ${n} messages in the stream`, async () => (await this.accepted()) - before === n);
        return rate;
    }

    async tickets() {
        const numbers = [];
        for (let after = ''; numbers.length < SENDERS;) {
            const page = await this.gateway.api('GET', `/tickets?view=all&limit=100${after}`);
            numbers.push(...page.tickets.map((t) => t.number));
            if (!page.next) break;
            after = `&after=${encodeURIComponent(page.next)}`;
        }
        return numbers;
    }

    reply(number, text) {
        const { cookie, csrf } = this.gateway;
        return request(`POST /api/v1/tickets/${number}/messages`, { cookie, 'x-csrf-token': csrf, 'content-type': 'application/json' }, JSON.stringify({ kind: 'reply', text, attachments: [], client_id: randomUUID() }));
    }

    async out(n) {
        this.numbers ??= await this.tickets();
        const replies = Array.from({ length: n }, (_, i) => this.reply(this.numbers[i % this.numbers.length], `${TEXT} ${i}`));
        return with_requests(this.gateway.port, replies, (send) => this.centre.takes(n, send));
    }

    async close() {
        await this.gateway?.close();
        await this.centre?.close();
    }
}

/** Where bearerbox keeps messages: a file each in a folder, or a Redis. */
const STORES = {
    spool: (dir) => {
        fs.mkdirSync(path.join(dir, 'spool'), { recursive: true });
        return `store-type = spool\nstore-location = "${dir}/spool"\n`;
    },
    redis: (dir, port) => `store-type = redis\n\ngroup = redis-connection\nid = pool\nhost = 127.0.0.1\nport = ${port}\ndatabase = 0\nmax-connections = 10\n\ngroup = store-db\nid = pool\ntable = store\n`,
};

/** Kannel: in by deliver_sm and on to a web server that says yes to everything, out by sendsms. */
class Rival {
    constructor(store) {
        this.store = store;
    }

    async start() {
        this.centre = await new Centre().start();
        this.arrived = 0;
        this.sink = http.createServer((q, a) => {
            this.arrived++;
            a.end();
        });
        await new Promise((resolve) => this.sink.listen(0, '127.0.0.1', resolve));
        if (this.store === 'redis') await this.start_redis();
        this.kannel = new Kannel({ smsc: { port: this.centre.port, more: `max-pending-submits = ${WINDOW}` }, service: `get-url = "http://127.0.0.1:${this.sink.address().port}/?from=%p&text=%a"`, store: (dir) => STORES[this.store](dir, this.redis_port), is_quiet: true });
        await this.kannel.start();
        await this.kannel.ready();
        await this.centre.said('bound');
        return this;
    }

    /** As ours: append-only, a sync before each answer. */
    async start_redis() {
        this.dir = scratch('kannel-redis');
        this.redis_port = await freePort();
        this.redis = new Process('redis-server', ['--port', String(this.redis_port), '--bind', '127.0.0.1', '--dir', this.dir, '--save', '', '--appendonly', 'yes', '--appendfsync', 'always']);
        await this.redis.line(/Ready to accept/);
    }

    async in(n) {
        const before = this.arrived;
        const rate = await this.centre.hand_in(n);
        await until(`all ${n} messages at the web server`, () => this.arrived - before >= n, 120000);
        return rate;
    }

    out(n) {
        const { port, pathname } = new URL(this.kannel.url);
        const sends = Array.from({ length: n }, (_, i) => request(`GET ${pathname}?${this.kannel.query({ charset: 'UTF-8', to: `+49170${String(i % SENDERS).padStart(7, '0')}`, text: `${TEXT} ${i}` })}`));
        return with_requests(port, sends, (send) => this.centre.takes(n, send));
    }

    async close() {
        await this.kannel?.close();
        await this.redis?.end();
        await this.centre?.close();
        this.sink?.close();
        if (this.dir) fs.rmSync(this.dir, { recursive: true, force: true });
    }
}

const ROUNDS = 3;
const MESSAGES = 3000;

/** In turns, so that a disturbed moment meets all of them; the median of each, and of the ratios round by round. */
async function in_turns(parts, act) {
    const rates = parts.map(() => []);
    for (const part of parts) await act(part, 300);
    for (let i = 0; i < ROUNDS; i++) for (let j = 0; j < parts.length; j++) rates[j].push(await act(parts[j], MESSAGES));
    return { rates: rates.map(median), ratio: (a, b) => median(rates[a].map((r, i) => r / rates[b][i])) };
}

async function sms({ put }) {
    const parts = [new Draht(), new Rival('redis'), new Rival('spool')];
    try {
        for (const part of parts) await part.start();
        await parts[0].gateway.login();
        for (const way of ['in', 'out']) {
            const r = await in_turns(parts, (part, n) => part[way](n));
            put(`smpp_${way}_vs_kannel`, r.ratio(0, 1), 'ratio', 'higher');
            put(`smpp_${way}_vs_kannel_unsynced`, r.ratio(0, 2), 'ratio', 'higher');
            put(`smpp_${way}_per_s`, r.rates[0], 'messages/s', 'higher');
            put(`kannel_${way}_per_s`, r.rates[1], 'messages/s', 'higher');
            put(`kannel_${way}_unsynced_per_s`, r.rates[2], 'messages/s', 'higher');
        }
        await floor(parts[0], put);
    } finally {
        for (const part of parts) await part.close();
    }
}

/** The accept function called by redis-benchmark with the same payload over as many connections as the window is wide. */
async function floor(draht, put) {
    const socket = socket_of(draht.gateway);
    const call = await capture_call(socket, /accept/, () => draht.in(1));
    const at = call.findIndex((x) => /^[0-9a-f]{32}$/.test(x));
    const ours = await draht.in(MESSAGES);
    const bare = await redis_rate(socket, call.map((x, i) => (i === at ? varied_hash(x) : x)), { connections: WINDOW, requests: 8000 });
    put('smpp_vs_floor', ours / bare, 'ratio', 'higher');
}

/** What n messages cost a gateway below callgrind, its start included. */
async function instructions(dir, way, n) {
    const scratchpad = scratch('callgrind');
    const out = path.join(scratchpad, 'out');
    const wrapper = path.join(scratchpad, 'draht');
    fs.writeFileSync(wrapper, `#!/bin/sh\nexec valgrind -q --tool=callgrind --callgrind-out-file=${out} ${BINARY} "$@"\n`, { mode: 0o755 });
    const draht = new Draht();
    try {
        await draht.start(wrapper, { dir, ready: (g) => until('the gateway below callgrind', async () => (await g.raw('GET', '/readyz')).status === 200, 180000) });
        await draht[way](n);
    } finally {
        await draht.gateway?.stop();
        await draht.centre?.close();
    }
    const m = fs.readFileSync(out, 'utf8').match(/^(?:summary|totals): (\d+)/m);
    fs.rmSync(scratchpad, { recursive: true, force: true });
    if (!m) throw new Error('callgrind wrote no total');
    return Number(m[1]);
}

async function sms_costs({ put }) {
    if ((await run('valgrind', ['--version'])).code !== 0) throw new Error('valgrind is missing');
    const first = await new Draht().start();
    const { dir } = first.gateway;
    try {
        await first.in(SENDERS); // every citizen is known
        await first.gateway.stop();
        const few = await instructions(dir, 'in', 50);
        const many = await instructions(dir, 'in', 250);
        put('smpp_instructions', (many - few) / 200, 'instructions/message', 'lower');
    } finally {
        await first.close();
    }
}

module.exports = { Draht, Rival, sms, sms_costs };
