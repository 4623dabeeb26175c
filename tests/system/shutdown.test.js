// SPDX-License-Identifier: EUPL-1.2
// Promise: TERM ends everything within ten seconds with exit code 0 and leaves nothing behind; the state is all there after
// the next start; one state folder belongs to one gateway.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { Gateway, BINARY } = require('../lib/gateway');
const { Chat } = require('../lib/chat');
const { connects } = require('../lib/mail');
const { until, run, freePort } = require('../lib/process');

let gateway;
before(async () => {
    gateway = await new Gateway().start();
    await gateway.login();
}, { timeout: 60000 });
after(() => gateway?.close());

const redis_pid = () => Number(fs.readFileSync(path.join(gateway.state, 'redis', 'redis.pid'), 'utf8'));
/** Processes that name our folder on their command line or work in it. */
function processes_in(dir) {
    return fs.readdirSync('/proc').filter((p) => /^\d+$/.test(p)).filter((p) => {
        try {
            return fs.readFileSync(`/proc/${p}/cmdline`, 'utf8').includes(dir) || fs.readlinkSync(`/proc/${p}/cwd`).startsWith(dir);
        } catch {
            return false;
        }
    });
}

test('a second gateway on the same state folder is refused with a sentence, and harms nothing', { timeout: 30000 }, async () => {
    const other = path.join(gateway.dir, 'other.yaml');
    fs.writeFileSync(other, fs.readFileSync(gateway.config, 'utf8').replace(`port: ${gateway.port}`, `port: ${await freePort()}`).replace(String(gateway.lmtp), String(await freePort())));
    const { code, out } = await run(BINARY, ['run', '-c', other, '--state', gateway.state]);
    assert.equal(code, 1, out);
    assert.match(out, /another draht works in .*--state/);
    assert.equal((await gateway.raw('GET', '/readyz')).status, 200);
});

test('TERM twice in a moment is one wish: the end is in order', { timeout: 60000 }, async () => {
    gateway.process.kill('SIGTERM');
    gateway.process.kill('SIGINT');
    assert.equal(await gateway.process.done, 0, gateway.process.output.slice(-2000));
    await gateway.spawn();
});

test('another signal a second later ends at once what would wait', { timeout: 60000 }, async () => {
    const redis = redis_pid();
    process.kill(redis, 'SIGSTOP'); // what is asked of the store stays open
    const open = gateway.raw('GET', '/api/v1/tickets').catch(() => undefined);
    try {
        await until('the request to be under way', async () => (await gateway.raw('GET', '/healthz')).status === 200);
        const began = Date.now();
        gateway.process.kill('SIGTERM');
        await until('the drain to begin', () => gateway.process.output.includes('app.stop draining'));
        await until('a second to pass', () => Date.now() - began > 1200);
        assert.ok(!gateway.process.exited);
        gateway.process.kill('SIGTERM');
        assert.equal(await gateway.process.done, 1);
        assert.ok(Date.now() - began < 5000, `${Date.now() - began} ms`);
        assert.match(gateway.process.output, /a second signal came/);
    } finally {
        try {
            process.kill(redis, 'SIGCONT');
        } catch { /* it went with the gateway */ }
    }
    await open;
    await until('the old store to end', () => !fs.existsSync(`/proc/${redis}`));
    await gateway.spawn();
});

test('TERM: sockets close with 1012, exit 0 within 10 s, no store and no process left; all is there after the start', { timeout: 60000 }, async () => {
    const chat = await new Chat(gateway.port).connect();
    const ack = await chat.say('Vor dem Ende');
    const redis = redis_pid();
    assert.ok(fs.existsSync(`/proc/${redis}`));
    const began = Date.now();
    gateway.process.kill('SIGTERM');
    assert.equal(await gateway.process.done, 0, gateway.process.output.slice(-2000));
    assert.ok(Date.now() - began < 10000, `${Date.now() - began} ms`);
    await until('the close code', () => chat.closed);
    assert.equal(chat.closed, 1012);
    assert.ok(!fs.existsSync(`/proc/${redis}`), 'the store is gone');
    assert.deepEqual(processes_in(gateway.dir), []);
    assert.equal(await connects(gateway.port), false);
    assert.equal(await connects(gateway.lmtp), false);
    await gateway.spawn();
    await chat.connect();
    await chat.wait((f) => f.t === 'welcome' && f.number === ack.number);
    const full = await gateway.api('GET', `/tickets/${ack.number}`);
    assert.deepEqual(full.items.filter((i) => i.direction === 'in').map((i) => i.text), ['Vor dem Ende']);
    chat.close();
});

test('a question that the stop overtakes is answered with 503 and when to ask again', { timeout: 60000 }, async () => {
    await gateway.login();
    for (const url of ['/channels/chat/log', '/settings']) {
        const redis = redis_pid();
        process.kill(redis, 'SIGSTOP'); // the look-up of the session waits
        const answer = gateway.raw('GET', `/api/v1${url}`, { cookie: gateway.cookie });
        try {
            assert.equal((await gateway.raw('GET', '/healthz')).status, 200); // by now the first one was read
            gateway.process.kill('SIGTERM');
            await until('the stop', () => gateway.process.output.includes('draining'));
        } finally {
            process.kill(redis, 'SIGCONT');
        }
        const { status, headers, json } = await answer;
        assert.equal(`${status} ${json?.code} ${headers['retry-after']}`, '503 stopping 2', url);
        assert.equal(await gateway.process.done, 0, gateway.process.output.slice(-2000));
        await gateway.spawn();
    }
});

test('TERM under load: whatever was acknowledged is there, clients go on after the start', { timeout: 90000 }, async () => {
    const chats = await Promise.all(Array.from({ length: 20 }, () => new Chat(gateway.port).connect()));
    const acked = new Map();
    for (const c of chats) c.onAck = (f) => acked.set(f.id, f);
    for (const c of chats) for (let i = 0; i < 8; i++) c.say(`Nachricht ${i}`, undefined, 60000).catch(() => {});
    await until('some acks', () => acked.size >= 20);
    gateway.process.kill('SIGTERM');
    assert.equal(await gateway.process.done, 0, gateway.process.output.slice(-2000));
    await gateway.spawn();
    for (const c of chats) {
        c.close();
        await c.connect();
    }
    await until('everything to be acknowledged', () => chats.every((c) => c.open.size === 0), 30000);
    const numbers = new Set([...acked.values()].map((f) => f.number));
    assert.equal(numbers.size, chats.length);
    for (const n of numbers) {
        const texts = (await gateway.api('GET', `/tickets/${n}`)).items.filter((i) => i.direction === 'in').map((i) => i.text);
        assert.equal(texts.length, 8, texts.join());
        assert.equal(new Set(texts).size, 8);
    }
    for (const c of chats) c.close();
});

test('INT ends it as well', { timeout: 30000 }, async () => {
    gateway.process.kill('SIGINT');
    assert.equal(await gateway.process.done, 0);
    assert.deepEqual(processes_in(gateway.dir), []);
});
