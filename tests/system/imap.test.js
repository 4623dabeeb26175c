// SPDX-License-Identifier: EUPL-1.2
// Promise: a mailbox that is read by IMAP (Dovecot, TLS) loses nothing and doubles nothing: not over a kill -9, not when the
// store stands still, not when the mailbox is numbered anew. A mail is marked only when it is stored.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { Gateway } = require('../lib/gateway');
const { Dovecot, swaks } = require('../lib/mail');
const { until } = require('../lib/process');

const BOX = 'buergerbuero@stadt.test';
let gateway, dovecot;

const options = (o = {}) => [`imap_url: "imaps://localhost:${dovecot.imaps}"`, `imap_user: ${BOX}`, `imap_password: ${o.password || 'geheim'}`, `relay_ca: ${dovecot.ca}`,
    `imap_poll_s: ${o.poll_s || 3600}`, 'max_size_mb: 1'].map((l) => `      ${l}`).join('\n');

before(async () => {
    dovecot = await new Dovecot().start();
    gateway = await new Gateway({ mail: options() }).start();
    await gateway.login();
}, { timeout: 60000 });

after(async () => {
    await gateway?.close();
    await dovecot?.close();
});

const tickets = async () => (await gateway.api('GET', '/tickets?view=all&limit=200')).tickets;
const named = async (subject) => (await tickets()).filter((t) => t.subject === subject);
const arrives = (subject) => until(`a ticket ${subject}`, async () => (await named(subject))[0], 30000);
async function put(subject, more = {}) {
    const sent = await swaks(dovecot.lmtp, { protocol: 'LMTP', from: 'jana@buerger.test', to: BOX, subject, ...more });
    assert.equal(sent.code, 0, sent.out);
}
/** The file's text, or nothing: Dovecot moves files from new to cur and renames them for flags while we look. */
function textOf(file) {
    try {
        return fs.readFileSync(file, 'utf8');
    } catch (e) {
        if (e.code === 'ENOENT') return '';
        throw e;
    }
}
/** Files of the mailbox whose mail has this subject; their names carry the flags. */
function files(subject) {
    const out = [];
    for (const d of ['new', 'cur']) {
        const dir = path.join(dovecot.dir, 'mail', BOX, d);
        if (fs.existsSync(dir)) for (const f of fs.readdirSync(dir)) if (new RegExp(`^Subject: ${subject}\\r?$`, 'm').test(textOf(path.join(dir, f)))) out.push(f);
    }
    return out;
}
const flagged = (subject, letter) => files(subject).some((f) => new RegExp(`:2,[A-Za-z]*${letter}`).test(f));
async function restart() {
    gateway.process.kill('SIGKILL');
    await gateway.process.done;
    await gateway.spawn();
}

test('a mail in the mailbox becomes a ticket at once (IDLE), and is marked as seen only then', { timeout: 60000 }, async () => {
    await put('Erste Nachricht');
    const t = await arrives('Erste Nachricht');
    assert.equal(t.sender.address, 'jana@buerger.test');
    await until('the first mail to be marked', () => flagged('Erste Nachricht', 'S'));
    // The poll is an hour away: only IDLE can be this quick.
    const began = Date.now();
    await put('Zweite Nachricht');
    await until('the flag', () => flagged('Zweite Nachricht', 'S'));
    assert.ok(Date.now() - began < 10000, `${Date.now() - began} ms`);
    assert.equal((await named('Zweite Nachricht')).length, 1, 'marked, so it is stored');
});

test('while the store stands still nothing is marked; afterwards the mail arrives, once', { timeout: 90000 }, async () => {
    const pid = Number(fs.readFileSync(path.join(gateway.state, 'redis', 'redis.pid'), 'utf8'));
    process.kill(pid, 'SIGSTOP');
    try {
        await put('Im Stillstand');
        await until('the gateway to notice', async () => (await gateway.raw('GET', '/readyz')).status !== 200, 30000);
        assert.equal(flagged('Im Stillstand', 'S'), false);
    } finally {
        process.kill(pid, 'SIGCONT');
    }
    await gateway.ready();
    await arrives('Im Stillstand');
    await until('the flag', () => flagged('Im Stillstand', 'S'), 30000);
    assert.equal((await named('Im Stillstand')).length, 1);
});

test('kill -9 in the middle of a full mailbox: every mail is one ticket with one message', { timeout: 150000 }, async () => {
    const all = Array.from({ length: 30 }, (_, i) => `Stapel ${i}`);
    const seen = () => all.filter((s) => flagged(s, 'S')).length;
    const filling = (async () => {
        for (let i = 0; i < all.length; i += 6) await Promise.all(all.slice(i, i + 6).map((s) => put(s)));
    })();
    for (const n of [1, 8, 20]) {
        await until(`${n} mails to be marked`, () => seen() >= n, 40000);
        await restart();
    }
    await filling;
    await until('all to be marked', () => seen() === all.length, 40000);
    const list = await tickets();
    for (const s of all) {
        const mine = list.filter((t) => t.subject === s);
        assert.equal(mine.length, 1, s);
        assert.equal(mine[0].messages, 1, s);
    }
});

test('a mailbox that is numbered anew (UIDVALIDITY) gives no doubles, also of mails without a Message-ID', { timeout: 120000 }, async () => {
    await put('Ohne Kennung', { headers: ['Message-ID: '] });
    await arrives('Ohne Kennung');
    await until('the flag', () => flagged('Ohne Kennung', 'S'));
    const box = path.join(dovecot.dir, 'mail', BOX);
    const validity = () => fs.readFileSync(path.join(box, 'dovecot-uidlist'), 'utf8').match(/V(\d+)/)[1];
    const old = validity();
    const count = (await tickets()).length;
    assert.equal(await gateway.stop(), 0);
    for (const f of fs.readdirSync(box)) if (f.startsWith('dovecot')) fs.rmSync(path.join(box, f), { recursive: true });
    await gateway.spawn();
    await put('Nach der neuen Zählung'.replace('ä', 'ae'));
    await arrives('Nach der neuen Zaehlung');
    assert.notEqual(validity(), old);
    const list = await tickets();
    assert.equal(list.length, count + 1);
    assert.ok(list.every((t) => t.messages === 1), JSON.stringify(list.filter((t) => t.messages !== 1)));
});

test('a mail that is too large stays in the mailbox, flagged, and does not stop the next one', { timeout: 60000 }, async () => {
    const big = path.join(dovecot.dir, 'big.bin');
    fs.writeFileSync(big, Buffer.alloc(1500000, 7));
    await put('Viel zu gross', { attach: big });
    await put('Danach');
    await arrives('Danach');
    assert.ok(flagged('Viel zu gross', 'F'));
    assert.equal((await named('Viel zu gross')).length, 0);
});

test('a wrong password is shown as a sentence at the channel, and the gateway serves everything else', { timeout: 60000 }, async () => {
    const other = new Gateway({ mail: options({ password: 'falsch' }) });
    try {
        await other.start();
        await other.login();
        const mail = await until('the channel to be down', async () => (await other.api('GET', '/settings')).channels.find((c) => c.id === 'mail' && c.up && /cannot be read/.test(c.sentence)), 30000);
        assert.ok(mail.sentence.length > 10, JSON.stringify(mail));
        assert.doesNotMatch(mail.sentence, /falsch/);
    } finally {
        await other.close();
    }
});
