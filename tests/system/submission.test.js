// SPDX-License-Identifier: EUPL-1.2
// Promise: replies leave through a submission server (STARTTLS, AUTH) whole, and every way a relay can fail is shown as what
// it is: put off, misconfigured, in doubt. Nothing is sent twice unless a person says so.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const { randomBytes, randomUUID } = require('node:crypto');
const { Gateway } = require('../lib/gateway');
const { Dovecot, Postfix, swaks } = require('../lib/mail');
const { until, freePort } = require('../lib/process');
const { FaultRelay } = require('../fault/relay');

let citizens, submission, postfix, relay;
const running = [];
const lines = (list) => list.map((l) => `      ${l}`).join('\n');
const through = (password) => lines([`relay: "localhost:${submission.submission}"`, 'relay_tls: starttls', 'relay_user: draht@stadt.test', `relay_password: ${password}`, `relay_ca: ${submission.ca}`]);
async function gateway_with(mail) {
    const g = new Gateway({ mail });
    running.push(g);
    await g.start();
    await g.login();
    return g;
}

before(async () => {
    citizens = await new Dovecot().start();
    postfix = await new Postfix().start(await freePort(), citizens.lmtp);
    submission = await new Dovecot().start(postfix.smtp);
    relay = new FaultRelay();
    await relay.listen();
}, { timeout: 60000 });

after(async () => {
    for (const g of running) await g.close();
    await relay?.close();
    await submission?.close();
    await postfix?.close();
    await citizens?.close();
});

async function ticket(g, subject, from = 'jana@buerger.test') {
    const sent = await swaks(g.lmtp, { protocol: 'LMTP', from, to: 'buergerbuero@stadt.test', subject });
    assert.equal(sent.code, 0, sent.out);
    return until(`a ticket ${subject}`, async () => (await g.api('GET', '/tickets?view=all&limit=200')).tickets.find((t) => t.subject === subject));
}
const answer = (g, number, text, attachments = []) => g.api('POST', `/tickets/${number}/messages`, { kind: 'reply', text, attachments, client_id: randomUUID() }, 202);
const delivery = async (g, m) => (await g.api('GET', `/tickets/${m.id.split('.')[0]}`)).items.find((i) => i.id === m.id).delivery;
const becomes = (g, m, state, limit_ms = 30000) => until(`${m.id} to be ${state}`, async () => {
    const d = await delivery(g, m);
    if (d.state !== state) throw new Error(JSON.stringify(d));
    return d;
}, limit_ms);

test('through STARTTLS and AUTH, relayed on by Postfix, an attachment of 3 MB arrives byte by byte', { timeout: 90000 }, async () => {
    const g = await gateway_with(through('geheim'));
    const t = await ticket(g, 'Bitte Formular');
    const bytes = randomBytes(3000000);
    const up = await g.raw('POST', `/api/v1/uploads?name=${encodeURIComponent('Größe.bin')}`, { cookie: g.cookie, 'x-csrf-token': g.csrf, 'content-type': 'application/octet-stream' }, bytes);
    assert.equal(up.status, 201, up.text);
    const m = await answer(g, t.number, 'Anbei das Formular.\n.\nEin Punkt allein.', [up.json]);
    await becomes(g, m, 'sent');
    const mail = await until('the mail', () => citizens.mails('jana@buerger.test').find((x) => x.includes('Subject: Re: Bitte Formular')), 30000);
    assert.match(mail.split(/\r?\n--/).find((p) => /text\/plain/.test(p)), /\n(\.|=2E)\r?\nEin Punkt allein/, 'a lone dot survives');
    const parts = mail.split(/\r?\n--/).filter((p) => /content-disposition:\s*attachment/i.test(p));
    assert.equal(parts.length, 1);
    const at = parts[0].search(/\r?\n\r?\n/);
    assert.ok(Buffer.from(parts[0].slice(at).replace(/\s/g, ''), 'base64').equals(bytes), 'byte by byte');
    assert.match(submission.process.output, /submission-login: Info: Login: user=<draht@stadt\.test>.*TLS/);
});

test('a wrong password: failed with a sentence, the channel says so, one attempt a reply', { timeout: 90000 }, async () => {
    const g = await gateway_with(through('falsch-geraten'));
    const t = await ticket(g, 'Falsches Passwort');
    const began = submission.process.output.length;
    const first = await answer(g, t.number, 'Eins');
    const d = await becomes(g, first, 'failed', 60000);
    assert.equal(d.attempt, 1);
    assert.match(d.reason, /login/i);
    assert.equal(d.next_at, null);
    const second = await answer(g, t.number, 'Zwei');
    const mail = (await g.api('GET', '/settings')).channels.find((c) => c.id === 'mail');
    assert.equal(mail.up, false);
    assert.match(mail.sentence, /login/i);
    assert.doesNotMatch(g.process.output, /falsch-geraten/);
    assert.equal((await g.api('GET', '/outbox?state=failed')).items[0].message, first.id);
    // With the right password everything goes out: what waited by itself, what failed because a person says so.
    assert.equal(await g.stop(), 0);
    fs.writeFileSync(g.config, fs.readFileSync(g.config, 'utf8').replace('falsch-geraten', 'geheim'));
    await g.spawn();
    await becomes(g, second, 'sent');
    await g.api('POST', `/messages/${first.id}/retry`, {});
    await becomes(g, first, 'sent');
    const tries = submission.process.output.slice(began).match(/submission-login: Info: (Disconnected|Aborted)[^\n]*auth failed[^\n]*/g) || [];
    assert.equal(tries.length, 1, tries.join('\n'));
});

test('an untrusted certificate: no mail and no password leave', { timeout: 90000 }, async () => {
    const g = await gateway_with(through('geheim').replace(submission.ca, citizens.ca));
    const t = await ticket(g, 'Fremdes Zertifikat');
    const began = submission.process.output.length;
    const d = await becomes(g, await answer(g, t.number, 'Geht nicht'), 'failed');
    assert.match(d.reason, /encryption/i);
    assert.doesNotMatch(submission.process.output.slice(began), /Login: user/);
});

test('a relay that is busy: put off with a time; retry by hand delivers when it is back, once', { timeout: 90000 }, async () => {
    const g = await gateway_with(lines([`relay: 127.0.0.1:${relay.port}`]));
    await relay.set('tempfail');
    const t = await ticket(g, 'Relais besetzt');
    const m = await answer(g, t.number, 'Kommt spaeter');
    const d = await becomes(g, m, 'retry');
    assert.ok(Date.parse(d.next_at) > Date.now(), d.next_at);
    assert.match(d.reason, /451|put off/);
    const listed = (await g.api('GET', '/outbox?state=retry')).items;
    assert.equal(listed[0].message, m.id);
    await relay.set('ok');
    await g.api('POST', `/messages/${m.id}/retry`, {});
    await becomes(g, m, 'sent');
    assert.equal(relay.kept.filter((k) => /Kommt spaeter/.test(k.data)).length, 1);
});

test('a connection that ends after the final dot: in doubt; a person marks it as sent or sends it again', { timeout: 120000 }, async () => {
    const g = running.at(-1);
    const t = await ticket(g, 'Im Zweifel');
    await relay.set('drop_kept');
    const a = await answer(g, t.number, 'Zweifel A');
    const d = await becomes(g, a, 'in_doubt');
    assert.ok(d.reason.length > 10);
    assert.equal((await g.api('GET', '/outbox?state=in_doubt')).items[0].message, a.id);
    await g.api('POST', `/messages/${a.id}/mark-sent`, {});
    await becomes(g, a, 'sent');
    await relay.set('drop_lost');
    const b = await answer(g, t.number, 'Zweifel B');
    await becomes(g, b, 'in_doubt');
    assert.equal(relay.kept.filter((k) => /Zweifel B/.test(k.data)).length, 0);
    await relay.set('ok');
    await g.api('POST', `/messages/${b.id}/retry`, {});
    await becomes(g, b, 'sent');
    await relay.set('drop_kept');
    const c = await answer(g, t.number, 'Zweifel C');
    await becomes(g, c, 'in_doubt');
    await relay.set('ok');
    await g.api('POST', `/messages/${c.id}/retry`, {});
    await becomes(g, c, 'sent');
    const count = (text) => relay.kept.filter((k) => k.data.includes(text));
    assert.equal(count('Zweifel A').length, 1, 'marked as sent: not sent again');
    assert.equal(count('Zweifel B').length, 1);
    assert.equal(count('Zweifel C').length, 2, 'sent again because a person said so');
    assert.equal(count('Zweifel C')[0].message_id, count('Zweifel C')[1].message_id);
    assert.equal((await g.api('GET', '/outbox?state=in_doubt')).items.length, 0);
});

test('a gateway that is killed while the relay is silent shows the reply as in doubt or sends it later, never silently twice', { timeout: 120000 }, async () => {
    const g = running.at(-1);
    const t = await ticket(g, 'Mitten drin');
    await relay.set('hang');
    const m = await answer(g, t.number, 'Abgebrochen');
    await becomes(g, m, 'sending');
    g.process.kill('SIGKILL');
    await g.process.done;
    await relay.set('ok');
    await g.spawn();
    const d = await until('a decision', async () => {
        const x = await delivery(g, m);
        return ['in_doubt', 'sent', 'retry'].includes(x.state) && x;
    }, 60000);
    const kept = relay.kept.filter((k) => /Abgebrochen/.test(k.data)).length;
    assert.ok(kept <= 1 && (d.state !== 'sent' || kept === 1), `${d.state}, ${kept} kept`);
});
