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
const { Chat } = require('../lib/chat');
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

/** A window that polls, for networks without WebSockets. */
class Polling {
    constructor(g) { this.url = `http://127.0.0.1:${g.port}/channels/chat/poll`; this.frames = []; this.token = null; }
    async ask(frames, wait_ms) {
        const r = await fetch(this.url, { method: 'POST', headers: { 'content-type': 'application/json', origin: new URL(this.url).origin }, body: JSON.stringify({ token: this.token, frames, wait_ms }) });
        const j = await r.json();
        assert.equal(r.status, 200, JSON.stringify(j));
        this.token = j.token;
        this.close = j.close;
        this.frames.push(...j.frames);
    }
}
const texts = (frames) => frames.filter((f) => f.t === 'message').map((f) => `${f.seq} ${f.from} ${f.text}`);
const of_type = (c, t) => c.frames.filter((f) => f.t === t);

test('a chat with windows at both gateways: each shows everything at once, in order and once', { timeout: 120000 }, async () => {
    const a = await new Chat(north.port).connect();
    const number = (await a.say('Der Kanal ist voll.')).number;
    const b = await new Chat(south.port, { token: a.token }).connect();
    await b.wait((f) => f.t === 'message' && f.text === 'Der Kanal ist voll.');
    const polling = new Polling(south);
    await polling.ask([{ t: 'hello', lang: 'de', token: b.token, last_seq: 0 }], 0);
    const long = polling.ask([{ t: 'ping' }], 0).then(() => polling.ask([], 5000)); // the message may have come with the first
    await a.say('In der Nordstraße.');
    await b.wait((f) => f.t === 'message' && f.text === 'In der Nordstraße.', 10000);
    await long;
    await b.say('Seit gestern.');
    await a.wait((f) => f.t === 'message' && f.text === 'Seit gestern.', 10000);
    // Whichever gateway claims them: both windows hear of replies that staff of either write.
    for (let i = 0; i < 4; i++) await answer(i % 2 ? north : south, number, `Antwort ${i}.`);
    for (const c of [a, b]) await c.wait((f) => f.t === 'message' && f.text === 'Antwort 3.', 30000);
    // Both write at the same time.
    await Promise.all([0, 1, 2].flatMap((i) => [a.say(`Nord ${i}`), b.say(`Süd ${i}`)]));
    const shown = (c) => texts(c.frames).map((x) => Number(x.split(' ')[0]));
    const all = 13;
    await until('all of it in both windows', () => [a, b].every((c) => new Set([...shown(c), ...[...c.acks.values()].map((x) => x.seq)]).size === all), 20000);
    for (const c of [a, b]) {
        const seqs = shown(c);
        assert.deepEqual(seqs, [...new Set(seqs)].sort((x, y) => x - y), 'in order and once');
    }
    while (!texts(polling.frames).some((x) => x.startsWith(`${all} `))) await polling.ask([], 5000);
    const polled = texts(polling.frames).map((x) => Number(x.split(' ')[0]));
    assert.deepEqual(polled, [...Array(all).keys()].map((i) => i + 1), 'the polling window has each once');
    // Read in one window: the other one learns it, and staff.
    const reply = a.frames.find((f) => f.text === 'Antwort 0.');
    b.send({ t: 'read', seq: all });
    await a.wait((f) => f.t === 'state' && f.id === reply.id && f.state === 'read', 10000);
    // Staff close it at one gateway; the window at the other one says so, once.
    await north.api('PATCH', `/tickets/${number}`, { state: 'closed' });
    for (const c of [a, b]) await c.wait((f) => f.t === 'closed', 10000);
    await a.say('Eins noch.');
    await b.wait((f) => f.text === 'Eins noch.', 10000);
    for (const c of [a, b]) assert.equal(of_type(c, 'closed').length, 1);
    a.close();
    b.close();
});

const place_of = (c) => c.frames.findLast((f) => f.t === 'place');
let patient; // waits on, over the end of a gateway

test('who chats is told how many wait before him, whichever gateway the others and the staff are at', { timeout: 60000 }, async () => {
    const a = await new Chat(north.port).connect();
    const first = (await a.say('Ich war zuerst da.')).number;
    await until('the place of the first', () => place_of(a)?.before >= 0);
    const before = place_of(a).before;
    patient = await new Chat(south.port).connect();
    await patient.say('Ich kam danach.');
    await until('the second behind the first', () => place_of(patient)?.before === before + 1);
    await a.say('Noch etwas.');
    await answer(south, first, 'Bitte sehr.');
    await until('the second moves up', () => place_of(patient)?.before === before);
    await until('the first has his answer and no place', () => place_of(a)?.before === null && a.frames.some((f) => f.text === 'Bitte sehr.'));
    const told = patient.frames.filter((f) => f.t === 'place').length;
    const c = await new Chat(south.port).connect(); // behind him: nothing to tell him
    await c.say('Ich komme zuletzt.');
    await until('the third behind the second', () => place_of(c)?.before === before + 1);
    assert.equal(patient.frames.filter((f) => f.t === 'place').length, told);
    const again = await new Chat(north.port, { token: a.token }).connect();
    await again.say('Und jetzt?'); // an answered citizen who asks anew is behind them
    await until('the first behind the others', () => place_of(again)?.before === before + 2);
    for (const x of [a, c, again]) x.close();
});

test('a chat that is ended at one gateway is ended in the windows at the other', { timeout: 60000 }, async () => {
    const a = await new Chat(north.port).connect();
    await a.say('Das war es schon.');
    const b = await new Chat(south.port, { token: a.token }).connect();
    const polling = new Polling(south);
    await polling.ask([{ t: 'hello', lang: 'de', token: b.token, last_seq: 0 }], 0);
    await polling.ask([{ t: 'ping' }], 0);
    const other = await new Chat(south.port).connect();
    await other.say('Ich bleibe.');
    const long = polling.ask([], 25000);
    a.send({ t: 'end' });
    for (const c of [a, b]) await until('the end of a window', () => c.closed === 1000);
    await long;
    while (polling.close === undefined) await polling.ask([], 25000);
    assert.equal(polling.close, 1000);
    for (const g of [north, south]) {
        const again = new Chat(g.port, { token: b.token });
        await again.connect(3000).catch(() => {});
        assert.equal(again.closed, 4401, 'no token leads back');
    }
    assert.equal(other.closed, undefined);
    assert.ok(await other.say('Immer noch.'));
    other.close();
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
    const sent = [...settled.keys()].filter((i) => settled[i] === 'sent');
    await until('what the relay took to reach the mailbox', () => sent.every((i) => mails(`Nach dem Ende ${i}.`) > 0));
    for (const i of sent) assert.equal(mails(`Nach dem Ende ${i}.`), 1, `number ${i}`);
});

test('the place outlives a kill: after one in mid-stream it is what it was, and moves on', { timeout: 120000 }, async () => {
    const before = place_of(patient).before;
    const late = await new Chat(south.port).connect();
    await late.say('Kurz vor dem Ende.');
    await until('his place', () => place_of(late)?.before > before);
    const behind = place_of(late).before - before;
    south.process.kill('SIGKILL');
    await south.process.done;
    await south.spawn();
    const [a, b] = await Promise.all([patient, late].map((c) => new Chat(south.port, { token: c.token, last_seq: 0 }).connect()));
    await until('both places as before', () => place_of(a)?.before === before && place_of(b)?.before === before + behind);
    const number = a.frames.find((f) => f.t === 'welcome').number;
    await answer(south, number, 'Danke für die Geduld.');
    await until('one moves up, the other is answered', () => place_of(a)?.before === null && place_of(b)?.before === before + behind - 1);
    a.close();
    b.close();
});
