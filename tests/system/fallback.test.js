// SPDX-License-Identifier: EUPL-1.2
// Promise: a reply that is not read in the chat goes to the citizen's confirmed mail address, and what is read there does not.
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
    gateway = await new Gateway({ chat: '      fallback_minutes: 1' }).start();
    await gateway.login();
}, { timeout: 60000 });
after(() => gateway?.close());

const reply = (number, text) => gateway.api('POST', `/tickets/${number}/messages`, { kind: 'reply', text, attachments: [], client_id: randomUUID() }, 202);
const ticket = (number) => gateway.api('GET', `/tickets/${number}?before=100000`);
const asides = async (number) => (await ticket(number)).items.filter((i) => i.recipient && /Frage beantwortet/.test(i.text));
const plain = (mail) => mail.replace(/=\r?\n/g, '').replace(/=3D/g, '=');
const header = (mail, name) => (mail.replace(/\r?\n[ \t]+/g, ' ').match(new RegExp(`^${name}:\\s*(.*)$`, 'im')) || [])[1]?.trim();
const mailsTo = (address) => outgoing(gateway).filter((m) => (header(m, 'To') || '').includes(address)).map(plain);
const question = (address) => until(`the question to ${address}`, () => mailsTo(address).find((m) => /\/confirm\//.test(m)));

async function chatWith(address) {
    const chat = await new Chat(gateway.port).connect();
    const { number } = await chat.say(`Frage von ${address.split('@')[0]}`);
    chat.send({ t: 'email', address });
    return { chat, number, mail: await question(address) };
}
async function confirm(mail) {
    const path = new URL(mail.match(/https?:\/\/\S+\/confirm\/\S+/)[0]).pathname;
    const page = await gateway.raw('GET', path);
    assert.equal(page.status, 200);
    assert.match(page.text, /<form method="post">/);
    const done = await gateway.raw('POST', path, { 'content-type': 'application/x-www-form-urlencoded', origin: `http://127.0.0.1:${gateway.port}` }, '');
    assert.equal(done.status, 200, done.text);
    return path;
}

test('unread goes out by mail, read does not, an open window does not, an unconfirmed address does not', { timeout: 240000 }, async () => {
    const away = await chatWith('away@example.org');
    const back = await chatWith('back@example.org');
    const open = await chatWith('open@example.org');
    const silent = await chatWith('silent@example.org');
    assert.match(header(away.mail, 'Auto-Submitted'), /auto/);
    for (const one of [away, back, open]) await confirm(one.mail);
    for (const one of [away, back, silent]) one.chat.close();
    for (const one of [away, back, open, silent]) await reply(one.number, 'Ihre Frage ist die Frage beantwortet.');
    for (const one of [away, back, open]) {
        const [planned] = await until('the planned mail', async () => {
            const list = await asides(one.number);
            return list.length && list;
        });
        assert.equal(planned.delivery.state, 'queued');
    }
    const t = await ticket(away.number);
    assert.equal(t.items.filter((i) => i.direction === 'out' && !i.recipient && i.delivery.state === 'sent').length, 1, 'the chat does not wait for the mail');
    const again = await new Chat(gateway.port, { token: back.chat.token }).connect();
    const shown = await again.wait((f) => f.t === 'message' && f.from === 'agent');
    again.send({ t: 'read', seq: shown.seq });
    await until('the read mark', async () => (await ticket(back.number)).items.some((i) => i.delivery?.state === 'read'));
    again.close();

    const mail = await until('the mail', () => mailsTo('away@example.org').find((m) => /die Frage beantwortet/.test(m)), 120000);
    for (const one of [back, open]) {
        await until('the needless mail to be dropped', async () => (await asides(one.number))[0].delivery.state === 'cancelled', 60000);
    }
    assert.equal((await asides(silent.number)).length, 0);
    for (const name of ['back', 'open', 'silent']) assert.ok(!mailsTo(`${name}@example.org`).some((m) => /die Frage beantwortet/.test(m)), name);
    assert.equal(mailsTo('away@example.org').filter((m) => /die Frage beantwortet/.test(m)).length, 1);

    const sent = await swaks(gateway.lmtp, { protocol: 'LMTP', from: 'away@example.org', to: header(mail, 'Reply-To').match(/[^\s<>]+@[^\s<>]+/)[0],
        subject: header(mail, 'Subject'), body: 'Danke per Mail.', headers: [`In-Reply-To: ${header(mail, 'Message-ID')}`] });
    assert.equal(sent.code, 0, sent.out);
    await until('the answer in the same ticket', async () => (await ticket(away.number)).items.some((i) => i.text?.includes('Danke per Mail')));
    const returned = await new Chat(gateway.port, { token: away.chat.token }).connect();
    await returned.wait((f) => f.t === 'message' && /die Frage beantwortet/.test(f.text));
    await returned.wait((f) => f.t === 'message' && f.from === 'me' && /Danke per Mail/.test(f.text));
    returned.close();

    open.chat.close();
    await until('a new plan when the window closes unread', async () => (await asides(open.number)).some((i) => i.delivery.state === 'queued'), 30000);
});

test('a link that was changed or belongs to another address confirms nothing; an address is asked once', { timeout: 90000 }, async () => {
    const one = await chatWith('one@example.org');
    const path = new URL(one.mail.match(/https?:\/\/\S+\/confirm\/\S+/)[0]).pathname;
    for (const wrong of [path.slice(0, -4) + (path.endsWith('AAAA') ? 'BBBB' : 'AAAA'), '/channels/chat/confirm/x', `/channels/chat/confirm/${'A'.repeat(3000)}`]) {
        assert.equal((await gateway.raw('POST', wrong, {}, '')).status, 410);
    }
    one.chat.send({ t: 'email', address: 'other@example.org' });
    await question('other@example.org');
    assert.equal((await gateway.raw('POST', path, {}, '')).status, 410, 'the address was replaced');
    one.chat.close();
    const stranger = await new Chat(gateway.port).connect();
    const { number } = await stranger.say('Noch einer');
    stranger.send({ t: 'email', address: 'one@example.org' });
    await until('the note for staff', async () => (await ticket(number)).items.some((i) => /one@example\.org/.test(i.text || '')));
    stranger.close();
    assert.equal(mailsTo('one@example.org').length, 1);
});

test('after an erasure the address is forgotten: confirmed, it gets no mail; not yet confirmed, its link is void', { timeout: 120000 }, async () => {
    const known = await chatWith('known@example.org');
    const pending = await chatWith('pending@example.org');
    const other = await chatWith('other2@example.org');
    const path = await confirm(known.mail);
    await confirm(other.mail);
    for (const one of [known, pending]) await gateway.api('DELETE', `/contacts/${one.number}`, undefined, 204);
    const late = new URL(pending.mail.match(/https?:\/\/\S+\/confirm\/\S+/)[0]).pathname;
    for (const gone of [path, late]) {
        await until('the link to be void', async () => (await gateway.raw('POST', gone, {}, '')).status === 410);
    }
    const anew = await known.chat.say('Ich schreibe noch einmal');
    assert.notEqual(anew.number, known.number);
    for (const number of [anew.number, other.number]) await reply(number, 'Damit ist die Frage beantwortet.');
    await until('the plan for who was not erased', async () => (await asides(other.number)).length === 1);
    assert.equal((await asides(anew.number)).length, 0);
    for (const one of [known, pending, other]) one.chat.close();
});
