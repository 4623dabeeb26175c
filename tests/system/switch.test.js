// SPDX-License-Identifier: EUPL-1.2
// Promise: a reply can go out by another channel than the citizen came by, and the answer to it lands in the same ticket.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const { Gateway } = require('../lib/gateway');
const { Chat } = require('../lib/chat');
const { outgoing, swaks } = require('../lib/mail');
const { until } = require('../lib/process');

let gateway;
before(async () => {
    gateway = await new Gateway().start();
    await gateway.login();
}, { timeout: 60000 });
after(() => gateway?.close());

const say = (number, more, want = 202) => gateway.api('POST', `/tickets/${number}/messages`,
    { kind: 'reply', text: 'Wir schreiben Ihnen per E-Mail.', attachments: [], client_id: randomUUID(), ...more }, want);
const ticket = (number) => gateway.api('GET', `/tickets/${number}`);
const header = (mail, name) => (mail.replace(/\r?\n[ \t]+/g, ' ').match(new RegExp(`^${name}:\\s*(.*)$`, 'im')) || [])[1]?.trim();

test('a chat is answered by mail, and the answer to that mail lands in the same ticket', { timeout: 90000 }, async () => {
    const chat = await new Chat(gateway.port).connect();
    const { number } = await chat.say('Bitte schreiben Sie an jana@example.org');
    const m = await say(number, { channel: 'mail', recipient: 'jana@example.org' });
    assert.equal(m.channel, 'mail');
    assert.equal(m.channel_type, 'email');
    assert.equal(m.recipient, 'jana@example.org');
    const mail = await until('the mail', () => outgoing(gateway).find((x) => /Wir schreiben Ihnen/.test(x)));
    assert.match(header(mail, 'To'), /jana@example\.org/);
    assert.equal(header(mail, 'In-Reply-To'), undefined, 'a chat has no mail to reply to');
    await until('the word of delivery', async () => (await ticket(number)).items.find((i) => i.id === m.id).delivery.state === 'sent');
    const to = header(mail, 'Reply-To').match(/[^\s<>]+@[^\s<>]+/)[0];
    const sent = await swaks(gateway.lmtp, { protocol: 'LMTP', from: 'jana@example.org', to, subject: header(mail, 'Subject'), body: 'Danke, per Mail ist gut.',
        headers: [`In-Reply-To: ${header(mail, 'Message-ID')}`, 'Message-ID: <a1@example.org>'] });
    assert.equal(sent.code, 0, sent.out);
    const t = await until('the answer in the same ticket', async () => {
        const x = await ticket(number);
        return x.items.find((i) => i.text?.includes('per Mail ist gut')) && x;
    });
    const answer = t.items.find((i) => i.text?.includes('per Mail ist gut'));
    assert.equal(answer.channel, 'mail');
    assert.equal(answer.address, 'jana@example.org');
    assert.equal((await gateway.api('GET', '/tickets?view=all')).tickets.length, 1);
    const again = await say(number, { channel: 'mail', recipient: 'jana@example.org', text: 'Zweite Antwort.' });
    const second = await until('the second mail', () => outgoing(gateway).find((x) => /Zweite Antwort/.test(x)));
    assert.equal(header(second, 'In-Reply-To'), '<a1@example.org>');
    assert.ok(again.id);
    await say(number, { text: 'Und im Chat.' });
    await chat.wait((f) => f.t === 'message' && f.text === 'Und im Chat.');
    chat.close();
});

test('what cannot be written to is refused in words', { timeout: 60000 }, async () => {
    const chat = await new Chat(gateway.port).connect();
    const { number } = await chat.say('Hallo');
    for (const [more, word] of [
        [{ channel: 'nothing', recipient: 'a@example.org' }, /write first/],
        [{ channel: 'chat', recipient: 'chat:abc' }, /write first/],
        [{ channel: 'mail' }, /recipient/],
        [{ recipient: 'a@example.org' }, /write first/],
        [{ channel: 'mail', recipient: 'a b@example.org' }, /recipient/],
        [{ channel: 'mail', recipient: 'a@example.org\nBcc: x@example.org' }, /recipient/],
        [{ channel: 'mail', recipient: `${'a'.repeat(300)}@example.org` }, /recipient/],
        [{ channel: 'mail', recipient: 'a@example.org', kind: 'note' }, /Only a reply/],
    ]) {
        const x = await gateway.raw('POST', `/api/v1/tickets/${number}/messages`,
            { cookie: gateway.cookie, 'x-csrf-token': gateway.csrf, 'content-type': 'application/json' },
            JSON.stringify({ kind: 'reply', text: 'x', attachments: [], client_id: randomUUID(), ...more }));
        assert.equal(x.status, 400, JSON.stringify(more));
        assert.match(x.json.detail, word);
    }
    chat.close();
});
