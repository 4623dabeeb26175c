// SPDX-License-Identifier: EUPL-1.2
// Promise: a mail that Postfix hands over becomes one ticket, and the answer reaches the citizen's mailbox in the same thread.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { Gateway } = require('../lib/gateway');
const { Dovecot, Postfix, swaks } = require('../lib/mail');
const { until, freePort } = require('../lib/process');

let gateway, dovecot, postfix;

before(async () => {
    const lmtp = await freePort();
    dovecot = await new Dovecot().start();
    postfix = await new Postfix().start(lmtp, dovecot.lmtp);
    gateway = new Gateway({ mail: `      relay: 127.0.0.1:${postfix.smtp}\n      relay_tls: none` });
    gateway.lmtp = lmtp;
    await gateway.start();
    await gateway.login();
}, { timeout: 60000 });

after(async () => {
    await gateway?.close();
    await postfix?.close();
    await dovecot?.close();
});

const tickets = async (view = 'all') => (await gateway.api('GET', `/tickets?view=${view}&limit=50`)).tickets;
const find = (subject) => until(`a ticket ${subject}`, async () => (await tickets()).find((t) => t.subject === subject));
const answer = (number, text) => gateway.api('POST', `/tickets/${number}/messages`, { kind: 'reply', text, attachments: [], client_id: require('node:crypto').randomUUID() }, 202);
const mailbox = (user, pattern) => until(`a mail with ${pattern} for ${user}`, () => dovecot.mails(user).find((m) => pattern.test(m)), 30000);
const header = (mail, name) => (mail.replace(/\r?\n[ \t]+/g, ' ').match(new RegExp(`^${name}:\\s*(.*)$`, 'im')) || [])[1]?.trim();

test('a mail becomes a ticket, the reply comes back in its thread, the answer to it lands in the same ticket', { timeout: 120000 }, async () => {
    const sent = await swaks(postfix.smtp, { from: 'jana@buerger.test', to: 'buergerbuero@stadt.test', subject: 'Sperrmüll nicht abgeholt'.replace('ü', 'ue'), body: 'Der Karton liegt noch da.', headers: ['Message-ID: <first@buerger.test>'] });
    assert.equal(sent.code, 0, sent.out);
    const t = await find('Sperrmuell nicht abgeholt');
    assert.equal(t.state, 'new');
    assert.equal(t.queue, 'buergerbuero');
    assert.equal(t.sender.address, 'jana@buerger.test');
    await answer(t.number, 'Guten Tag, wir holen ihn morgen. Größe ist gleich.');
    const reply = await mailbox('jana@buerger.test', /wir holen ihn morgen/);
    assert.match(header(reply, 'In-Reply-To'), /<first@buerger\.test>/);
    assert.match(header(reply, 'References'), /<first@buerger\.test>/);
    assert.match(header(reply, 'Subject'), /Sperrmuell nicht abgeholt/);
    assert.ok(header(reply, 'Message-ID'));
    const again = await swaks(postfix.smtp, { from: 'jana@buerger.test', to: 'buergerbuero@stadt.test', subject: 'Re: ganz anderer Betreff', body: 'Danke schön.', headers: [`In-Reply-To: ${header(reply, 'Message-ID')}`, 'Message-ID: <second@buerger.test>'] });
    assert.equal(again.code, 0, again.out);
    const full = await until('the follow-up in the same ticket', async () => {
        const f = await gateway.api('GET', `/tickets/${t.number}`);
        return f.items.filter((i) => i.direction === 'in').length === 2 && f;
    });
    assert.deepEqual(full.items.filter((i) => i.type === 'message').map((i) => i.direction), ['in', 'out', 'in']);
    const out = full.items.find((i) => i.direction === 'out');
    assert.ok(['sent', 'delivered'].includes(out.delivery.state), JSON.stringify(out.delivery));
});

test('the same mail delivered twice is one message', { timeout: 60000 }, async () => {
    const mail = { protocol: 'LMTP', from: 'karl@buerger.test', to: 'buergerbuero@stadt.test', subject: 'Zweimal', headers: ['Message-ID: <twice@buerger.test>', 'Date: Mon, 23 Nov 2026 10:00:00 +0100'] };
    assert.equal((await swaks(gateway.lmtp, mail)).code, 0);
    const t = await find('Zweimal');
    assert.equal((await swaks(gateway.lmtp, mail)).code, 0);
    const full = await gateway.api('GET', `/tickets/${t.number}`);
    assert.equal(full.items.filter((i) => i.type === 'message').length, 1);
    assert.equal((await tickets()).filter((x) => x.subject === 'Zweimal').length, 1);
});

test('an unknown address is refused at RCPT, a subject token counts only for who belongs to the ticket', { timeout: 60000 }, async () => {
    const unknown = await swaks(gateway.lmtp, { protocol: 'LMTP', from: 'a@buerger.test', to: 'niemand@stadt.test' });
    assert.match(unknown.out, /550 5\.1\.1/);
    await swaks(gateway.lmtp, { protocol: 'LMTP', from: 'ida@buerger.test', to: 'buergerbuero@stadt.test', subject: 'Fundbuero' });
    const t = await find('Fundbuero');
    await swaks(gateway.lmtp, { protocol: 'LMTP', from: 'fremd@buerger.test', to: 'buergerbuero@stadt.test', subject: `Trick [#${t.number}]` });
    const other = await find(`Trick [#${t.number}]`);
    assert.notEqual(other.number, t.number);
    await swaks(gateway.lmtp, { protocol: 'LMTP', from: 'ida@buerger.test', to: 'buergerbuero@stadt.test', subject: `Nachtrag [#${t.number}]`, body: 'Noch etwas' });
    await until('the known sender to join', async () => (await gateway.api('GET', `/tickets/${t.number}`)).items.filter((i) => i.direction === 'in').length === 2);
});

test('who answers from another address joins by the thread, and staff are told', { timeout: 60000 }, async () => {
    const give = (from, id, more = []) => swaks(gateway.lmtp, { protocol: 'LMTP', from, to: 'buergerbuero@stadt.test', subject: 'Wohngeld', headers: [`Message-ID: <${id}@buerger.test>`, ...more] });
    await give('Olga@Buerger.test', 'wohngeld-1');
    const t = await find('Wohngeld');
    await give('olga@buerger.test', 'wohngeld-2', ['In-Reply-To: <wohngeld-1@buerger.test>']);
    await give('fremd@buerger.test', 'wohngeld-3', ['In-Reply-To: <wohngeld-2@buerger.test>']);
    const items = await until('all three in one ticket', async () => {
        const all = (await gateway.api('GET', `/tickets/${t.number}`)).items.filter((i) => i.direction === 'in');
        return all.length === 3 && all;
    });
    assert.deepEqual(items.map((i) => i.warnings.includes('other_sender')), [false, false, true]);
    assert.equal(items[2].address, 'fremd@buerger.test');
});

test('a bounce comes back to the message it belongs to and reopens the ticket', { timeout: 90000 }, async () => {
    await swaks(gateway.lmtp, { protocol: 'LMTP', from: 'weg@nirgends.test', to: 'buergerbuero@stadt.test', subject: 'Bald weg' });
    const t = await find('Bald weg');
    await answer(t.number, 'Diese Antwort kommt nicht an.');
    const failed = await until('the failure to be shown', async () => {
        const f = await gateway.api('GET', `/tickets/${t.number}`);
        const o = f.items.find((i) => i.direction === 'out');
        return o?.delivery?.state === 'failed' && { f, o };
    }, 60000);
    assert.ok(failed.o.delivery.reason, 'says why');
    assert.equal(failed.f.state, 'open');
});

test('an attachment arrives with its bytes and its hash', { timeout: 60000 }, async () => {
    await swaks(gateway.lmtp, { protocol: 'LMTP', from: 'foto@buerger.test', to: 'buergerbuero@stadt.test', subject: 'Mit Anhang', attach: '/etc/hostname' });
    const t = await find('Mit Anhang');
    const full = await gateway.api('GET', `/tickets/${t.number}`);
    const m = full.items.find((i) => i.direction === 'in');
    assert.equal(m.attachments.length, 1);
    const got = await gateway.raw('GET', `/api/v1/messages/${m.id}/attachments/${m.attachments[0].i}`, { cookie: gateway.cookie });
    assert.equal(got.status, 200);
    assert.match(got.headers['content-disposition'], /^attachment/);
    assert.equal(got.headers['x-content-type-options'], 'nosniff');
    assert.deepEqual(got.bytes, require('node:fs').readFileSync('/etc/hostname'));
    const original = await gateway.raw('GET', `/api/v1/messages/${m.id}/original`, { cookie: gateway.cookie });
    assert.equal(original.status, 200);
    assert.match(original.text, /^Subject: Mit Anhang/m);
    assert.equal(require('node:crypto').createHash('sha256').update(original.bytes).digest('hex'), m.original.sha256);
});

test('the log of the channel has a line for each mail in and out, without who and what', async () => {
    const log = path.join(gateway.state, 'log', 'channel-mail.jsonl');
    await swaks(gateway.lmtp, { protocol: 'LMTP', from: 'lotte@buerger.test', to: 'buergerbuero@stadt.test', subject: 'Laterne am Markt', body: 'Sie flackert.' });
    const t = (await gateway.api('GET', '/tickets?view=all&limit=1')).tickets[0];
    await answer(t.number, 'Wir kommen am Montag.');
    const lines = () => (fs.existsSync(log) ? fs.readFileSync(log, 'utf8').trim().split('\n').map((l) => JSON.parse(l)) : []);
    await until('the line of the answer', () => lines().find((l) => l.event === 'email.out' && l.text.startsWith(`${t.number}.`) && / sent: .*2\d\d/.test(l.text)), 30000);
    assert.ok(lines().some((l) => l.event === 'email.in' && /^by LMTP, \d+ bytes: stored$/.test(l.text)));
    assert.ok(lines().some((l) => l.event === 'email.in' && l.text === 'by LMTP: refused, no such mailbox'), 'the stranger of an earlier test');
    const all = fs.readFileSync(log, 'utf8');
    for (const hidden of ['lotte', 'buerger.test', 'Laterne', 'flackert', 'Montag']) assert.ok(!all.includes(hidden), hidden);
});
