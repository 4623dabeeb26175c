// SPDX-License-Identifier: EUPL-1.2
// Promise: two gateways share one Redis (a real one of its own), one key and one folder of blobs: staff of either see everything,
// a reply goes out once through whichever can reach the citizen, and when one is killed the other goes on.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { randomUUID, randomBytes } = require('node:crypto');
const { Gateway } = require('../lib/gateway');
const { Dovecot, Postfix, swaks, connects } = require('../lib/mail');
const { scratch, freePort, until, Process } = require('../lib/process');

let redis, redis_port, citizens, postfix, north, south;

/** Folders of their own, but the key and the blobs (a shared file system) are one. */
async function gateway(shared, name) {
    const dir = path.join(shared, name);
    fs.mkdirSync(dir, { mode: 0o700 });
    fs.symlinkSync(path.join(shared, 'blobs'), path.join(dir, 'blobs'));
    const g = new Gateway({ mail: `      relay: "127.0.0.1:${postfix.smtp}"`, top: `redis:\n  address: 127.0.0.1:${redis_port}\nmaster_key: ${shared}/master.key\n` });
    g.state = dir;
    await g.start();
    return g;
}

before(async () => {
    const dir = scratch('redis');
    redis_port = await freePort();
    redis = new Process('redis-server', ['--port', String(redis_port), '--bind', '127.0.0.1', '--dir', dir, '--appendonly', 'yes', '--appendfsync', 'always', '--save', '']);
    await until('Redis', () => connects(redis_port));
    citizens = await new Dovecot().start();
    postfix = await new Postfix().start(await freePort(), citizens.lmtp);
    const shared = scratch('shared');
    fs.mkdirSync(path.join(shared, 'blobs'), { mode: 0o700 });
    north = await gateway(shared, 'north');
    await north.login();
    south = await gateway(shared, 'south');
    await south.login('admin', north.password);
}, { timeout: 90000 });

after(async () => {
    await north?.close();
    await south?.close();
    await postfix?.close();
    await citizens?.close();
    await redis?.end();
});

const tickets = async (g) => (await g.api('GET', '/tickets?view=all&limit=200')).tickets;
const answer = (g, number, text) => g.api('POST', `/tickets/${number}/messages`, { kind: 'reply', text, attachments: [], client_id: randomUUID() }, 202);
const items = async (g, number) => (await g.api('GET', `/tickets/${number}`)).items;
const mails = (text) => citizens.mails('jana@buerger.test').filter((m) => m.includes(text)).length;
async function mail_to(g, subject) {
    const sent = await swaks(g.lmtp, { protocol: 'LMTP', from: 'jana@buerger.test', to: 'buergerbuero@stadt.test', subject });
    assert.equal(sent.code, 0, sent.out);
    return until(`a ticket ${subject}`, async () => (await tickets(south)).find((t) => t.subject === subject));
}

test('a mail taken in here is answered there, once', { timeout: 90000 }, async () => {
    const t = await mail_to(north, 'An den Norden');
    assert.ok((await tickets(north)).some((x) => x.number === t.number));
    for (let i = 0; i < 10; i++) await answer(i % 2 ? north : south, t.number, `Antwort Nummer ${i}.`);
    await until('all of them at the citizen', () => [...Array(10).keys()].every((i) => mails(`Antwort Nummer ${i}.`) > 0), 60000);
    for (let i = 0; i < 10; i++) assert.equal(mails(`Antwort Nummer ${i}.`), 1, `number ${i}`);
    const states = (await items(north, t.number)).filter((m) => m.delivery).map((m) => m.delivery.state);
    assert.deepEqual(new Set(states), new Set(['sent']));
});

test('an attachment stored by one is read through the other', { timeout: 60000 }, async () => {
    const t = await mail_to(south, 'Mit Anlage');
    for (const [g, other, n] of [[north, south, 1000], [south, north, 300000]]) {
        const bytes = randomBytes(n);
        const up = await g.raw('POST', '/api/v1/uploads?name=a.bin', { cookie: g.cookie, 'x-csrf-token': g.csrf, 'content-type': 'application/octet-stream' }, bytes);
        assert.equal(up.status, 201, up.text);
        const m = await g.api('POST', `/tickets/${t.number}/messages`, { kind: 'note', text: 'Anlage', attachments: [up.json], client_id: randomUUID() }, 202);
        await until('the note at the other', async () => (await items(other, t.number)).some((x) => x.id === m.id));
        const got = await other.raw('GET', `/api/v1/messages/${m.id}/attachments/0`, { cookie: other.cookie });
        assert.equal(got.status, 200, got.text);
        assert.ok(got.bytes.equals(bytes));
    }
});

test('one is killed: the other takes in, answers, and sends what the dead one had claimed', { timeout: 180000 }, async () => {
    const t = await mail_to(north, 'Vor dem Ende');
    const ids = [];
    for (let i = 0; i < 5; i++) ids.push((await answer(north, t.number, `Nach dem Ende ${i}.`)).id);
    north.process.kill('SIGKILL');
    await north.process.done;
    await mail_to(south, 'Nach dem Ende des Nordens');
    const settled = await until('every reply to be settled', async () => {
        const all = (await items(south, t.number)).filter((m) => ids.includes(m.id)).map((m) => m.delivery.state);
        return all.every((s) => ['sent', 'in_doubt'].includes(s)) ? all : undefined;
    }, 120000);
    for (let i = 0; i < 5; i++) if (settled[i] === 'sent') assert.equal(mails(`Nach dem Ende ${i}.`), 1, `number ${i}`);
});
