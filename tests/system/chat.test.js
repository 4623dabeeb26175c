// SPDX-License-Identifier: EUPL-1.2
// Promise: a chat message is acknowledged once it is durable, staff see it, the answer arrives in the same chat, in every tab.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { Gateway } = require('../lib/gateway');
const { Chat } = require('../lib/chat');
const { until } = require('../lib/process');

let gateway;
before(async () => {
    gateway = await new Gateway().start();
    await gateway.login();
}, { timeout: 60000 });
after(() => gateway?.close());

const reply = (number, text) => gateway.api('POST', `/tickets/${number}/messages`, { kind: 'reply', text, attachments: [], client_id: `${number}-${text}` }, 202);

test('ack, ticket, reply, two tabs, resume, and a stolen token fails', { timeout: 60000 }, async () => {
    const a = await new Chat(gateway.port).connect();
    const ack = await a.say('Wann hat das Bürgerbüro offen?');
    assert.match(ack.number, /^\d{4}-\d{6}$/);
    const old = a.token;
    const list = await gateway.api('GET', '/tickets?view=unanswered');
    const t = list.tickets.find((x) => x.number === ack.number);
    assert.equal(t.channel_type, 'webchat');
    const b = new Chat(gateway.port, { token: a.token });
    await b.connect();
    await b.wait((f) => f.t === 'message' && /offen/.test(f.text));
    await reply(ack.number, 'Von 8 bis 18 Uhr.');
    await a.wait((f) => f.t === 'message' && f.from === 'agent' && /8 bis 18/.test(f.text));
    const shown = await b.wait((f) => f.t === 'message' && f.from === 'agent' && /8 bis 18/.test(f.text));
    b.send({ t: 'read', seq: shown.seq });
    await until('the read mark to reach staff', async () => {
        const f = await gateway.api('GET', `/tickets/${ack.number}`);
        return f.items.find((i) => i.direction === 'out').delivery.state === 'read';
    });
    await b.say('Aus dem zweiten Fenster');
    await a.wait((f) => f.t === 'message' && /zweiten Fenster/.test(f.text));
    a.close();
    b.close();
    const c = new Chat(gateway.port, { token: b.token });
    await c.connect();
    await c.wait((f) => f.t === 'message' && /zweiten Fenster/.test(f.text));
    assert.equal([...c.messages.values()].length, 3);
    const thief = new Chat(gateway.port, { token: old });
    await assert.rejects(thief.connect());
    await until('the stolen token to be refused', () => thief.closed === 4401);
    c.close();
});

test('a citizen learns when staff open the ticket, in every tab and once', { timeout: 60000 }, async () => {
    const a = await new Chat(gateway.port).connect();
    const ack = await a.say('Haben Sie das gelesen?');
    await gateway.api('GET', `/tickets/${ack.number}?before=1`);
    await gateway.api('GET', `/tickets/${ack.number}`);
    const read = await a.wait((f) => f.t === 'read');
    assert.ok(read.seq >= ack.seq);
    const then = a.frames.length;
    await gateway.api('GET', `/tickets/${ack.number}`);
    const second = await a.say('Und das?');
    await gateway.api('GET', `/tickets/${ack.number}`);
    const again = await a.wait((f) => f.t === 'read', 15000, then);
    assert.ok(again.seq >= second.seq, 'opening it once more says nothing new');
    a.close();
});

test('the same client id is one message; another text under it is a conflict', { timeout: 60000 }, async () => {
    const a = await new Chat(gateway.port).connect();
    const first = await a.say('Eins', 'same-cid');
    a.acks.clear();
    const second = await a.say('Eins', 'same-cid');
    assert.equal(first.id, second.id);
    a.send({ t: 'msg', cid: 'same-cid', text: 'Etwas anderes' });
    const nack = await a.wait((f) => f.t === 'nack');
    assert.equal(nack.code, 'conflict');
    const full = await gateway.api('GET', `/tickets/${first.number}`);
    assert.equal(full.items.filter((i) => i.type === 'message' && i.direction === 'in').length, 1);
    a.close();
});

test('a foreign origin and an unknown subprotocol are refused at the handshake', { timeout: 30000 }, async () => {
    for (const origin of ['https://evil.example', 'null', `http://127.0.0.1:${gateway.port}.evil.example`])
        await assert.rejects(new Chat(gateway.port, { origin }).connect(3000), origin);
    const WebSocket = require('ws');
    const ws = new WebSocket(`ws://127.0.0.1:${gateway.port}/channels/chat/socket`, ['other.v1'], { origin: `http://127.0.0.1:${gateway.port}` });
    const status = await new Promise((r) => {
        ws.on('unexpected-response', (q, a) => r(a.statusCode));
        ws.on('error', () => r(0));
        ws.on('open', () => r(101));
    });
    assert.equal(status, 400);
});

test('kill -9 after the ack loses nothing and the chat goes on', { timeout: 60000 }, async () => {
    const a = await new Chat(gateway.port).connect();
    const ack = await a.say('Vor dem Absturz');
    gateway.process.kill('SIGKILL');
    await gateway.process.done;
    await gateway.spawn();
    a.close();
    await a.connect();
    const again = await a.say('Nach dem Absturz');
    assert.equal(again.number, ack.number);
    const full = await gateway.api('GET', `/tickets/${ack.number}`);
    assert.deepEqual(full.items.filter((i) => i.type === 'message' && i.direction === 'in').map((i) => i.text), ['Vor dem Absturz', 'Nach dem Absturz']);
    a.close();
});

test('the form without JavaScript makes a ticket and names its number', { timeout: 30000 }, async () => {
    const page = await gateway.raw('GET', '/channels/chat/form');
    assert.equal(page.status, 200);
    assert.match(page.text, /<form[^>]+method="post"/i);
    const body = new URLSearchParams({ message: 'Ohne Skript geschrieben', email: '', language: 'de' }).toString();
    const done = await gateway.raw('POST', '/channels/chat/form', { 'content-type': 'application/x-www-form-urlencoded', origin: `http://127.0.0.1:${gateway.port}` }, body);
    assert.equal(done.status, 200, done.text);
    const number = done.text.match(/\d{4}-\d{6}/)[0];
    const full = await gateway.api('GET', `/tickets/${number}`);
    assert.equal(full.items.find((i) => i.direction === 'in').text, 'Ohne Skript geschrieben');
});
