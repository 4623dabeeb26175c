// SPDX-License-Identifier: EUPL-1.2
// Promise: a reply that is taken back leaves no trace of an answer, in whatever order, and opens again what it closed.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const { Gateway } = require('../lib/gateway');
const { Chat } = require('../lib/chat');

let gateway;
before(async () => {
    gateway = await new Gateway({ undo_seconds: 60 }).start();
    await gateway.login();
}, { timeout: 60000 });
after(() => gateway?.close());

const reply = (number, more = {}) => gateway.api('POST', `/tickets/${number}/messages`, { kind: 'reply', text: 'x', attachments: [], client_id: randomUUID(), ...more }, 202);
const undo = (m) => gateway.api('POST', `/messages/${m.id}/undo`, {});
const ticket = (number) => gateway.api('GET', `/tickets/${number}`);
const unanswered = async (number) => (await gateway.api('GET', '/tickets?view=unanswered')).tickets.some((t) => t.number === number);
const pause = () => new Promise((done) => { setTimeout(done, 5); });

for (const order of ['newest', 'oldest']) {
    test(`two replies taken back, the ${order} first`, { timeout: 60000 }, async () => {
        const chat = await new Chat(gateway.port).connect();
        const { number } = await chat.say('Hallo');
        const one = await reply(number);
        await pause();
        const two = await reply(number);
        const [first, second] = order === 'newest' ? [two, one] : [one, two];
        await undo(first);
        assert.equal(await unanswered(number), false, 'one reply still stands');
        assert.equal((await ticket(number)).last_out_at, second.at);
        await undo(second);
        assert.equal(await unanswered(number), true);
        assert.equal((await ticket(number)).last_out_at, null);
        chat.close();
    });
}

test('taking back "send and done" opens the ticket again, in the chat too', { timeout: 60000 }, async () => {
    const chat = await new Chat(gateway.port).connect();
    const { number } = await chat.say('Hallo');
    await ticket(number); // whoever answers has opened it
    const m = await reply(number, { close: true });
    await chat.wait((f) => f.t === 'closed');
    assert.equal((await ticket(number)).state, 'closed');
    assert.equal(await unanswered(number), false);
    await undo(m);
    await chat.wait((f) => f.t === 'reopened');
    assert.equal((await ticket(number)).state, 'new');
    assert.equal(await unanswered(number), true);
    const list = await gateway.api('GET', '/tickets?view=closed');
    assert.ok(!list.tickets.some((t) => t.number === number));
    chat.close();
});

test('what was closed before, or closed by hand since, stays closed', { timeout: 60000 }, async () => {
    const chat = await new Chat(gateway.port).connect();
    const { number } = await chat.say('Hallo');
    const m = await reply(number);
    await gateway.api('PATCH', `/tickets/${number}`, { state: 'closed' });
    await undo(m);
    assert.equal((await ticket(number)).state, 'closed');
    const again = await reply(number, { close: true });
    await undo(again);
    assert.equal((await ticket(number)).state, 'closed');
    chat.close();
});
