// SPDX-License-Identifier: EUPL-1.2
// Promise: who reports our mail as unwanted (ARF) gets none until he writes again; a forged report changes nothing; two
// cities with automatic acknowledgements do not answer each other for ever.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { randomUUID } = require('node:crypto');
const { Gateway } = require('../lib/gateway');
const { swaks } = require('../lib/mail');
const { until, scratch } = require('../lib/process');

const ACK = '  - {name: Eingang, channel: mail, acknowledge: ack}';
const running = [];
let north, south;

async function city(address) {
    const outgoing = path.join(scratch('maildir'), 'out');
    const g = new Gateway({ mail: `      outgoing_maildir: ${outgoing}`, rules: ACK });
    g.address = address;
    g.outgoing = outgoing;
    running.push(g);
    await g.start();
    await g.login();
    return g;
}
const sent = (g) => {
    const dir = path.join(g.outgoing, 'new');
    return fs.existsSync(dir) ? fs.readdirSync(dir).sort().map((f) => fs.readFileSync(path.join(dir, f), 'utf8')) : [];
};
const tickets = async (g) => (await g.api('GET', '/tickets?view=all&limit=200')).tickets;
const give = async (g, from, data) => {
    const r = await swaks(g.lmtp, { protocol: 'LMTP', from, to: 'buergerbuero@stadt.test', data });
    assert.equal(r.code, 0, r.out);
};
const head = (mail, name) => mail.match(new RegExp(`^${name}: *(.*(?:\\r?\\n[ \\t].*)*)`, 'mi'))?.[1].replace(/\r?\n[ \t]+/g, ' ').trim();
const letter = (subject, from = 'jana@buerger.test', more = '') => `From: ${from}\r\nTo: buergerbuero@stadt.test\r\nSubject: ${subject}\r\nDate: ${new Date().toUTCString()}\r\nMessage-ID: <${randomUUID()}@buerger.test>\r\n${more}\r\nGuten Tag.\r\n`;
async function ticket(g, subject) {
    return until(`a ticket ${subject}`, async () => (await tickets(g)).find((t) => t.subject === subject));
}
const answer = (g, number) => g.api('POST', `/tickets/${number}/messages`, { kind: 'reply', text: 'Unsere Antwort.', attachments: [], client_id: randomUUID() }, 202);
const settled = (g, m) => until(`${m.id} to be settled`, async () => {
    const d = (await g.api('GET', `/tickets/${m.id.split('.')[0]}`)).items.find((i) => i.id === m.id).delivery;
    if (!['sent', 'failed', 'opted_out'].includes(d.state)) throw new Error(JSON.stringify(d));
    return d;
}, 30000);
const report = (id, to) => `From: fbl@provider.test\r\nTo: buergerbuero@stadt.test\r\nSubject: complaint\r\nMessage-ID: <${randomUUID()}@provider.test>\r\nMIME-Version: 1.0\r
Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nspam\r\n--b\r
Content-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nVersion: 1\r\nOriginal-Rcpt-To: <${to}>\r\n\r\n--b\r
Content-Type: message/rfc822\r\n\r\nFrom: buergerbuero@stadt.test\r\nMessage-ID: ${id}\r\nSubject: x\r\n\r\ny\r\n--b--\r\n`;

before(async () => {
    north = await city('buergerbuero@stadt.test');
    south = await city('buergerbuero@stadt.test');
}, { timeout: 60000 });
after(async () => {
    for (const g of running) await g.close();
});

test('a complaint stops mails to that address in every ticket; a new mail of the citizen lifts it', { timeout: 90000 }, async () => {
    await give(north, 'jana@buerger.test', letter('Erste Frage'));
    const t = await ticket(north, 'Erste Frage');
    const m = await answer(north, t.number);
    assert.equal((await settled(north, m)).state, 'sent');
    const ours = sent(north).find((x) => x.includes('Unsere Antwort'));
    await give(north, '', report(head(ours, 'Message-ID'), 'Jana@Buerger.test'));
    await until('the complaint to be logged', () => /email\.complaint/.test(north.process.output));
    const d = await settled(north, await answer(north, t.number));
    assert.equal(d.state, 'opted_out');
    assert.match(d.reason, /reported our mail as unwanted/);
    // Known also after a restart, and to every ticket of the address.
    assert.equal(await north.stop(), 0);
    await north.spawn();
    assert.equal((await settled(north, await answer(north, t.number))).state, 'opted_out');
    await give(north, 'jana@buerger.test', letter('Zweite Frage'));
    const second = await ticket(north, 'Zweite Frage');
    assert.equal((await settled(north, await answer(north, second.number))).state, 'sent');
    assert.doesNotMatch(north.process.output, /jana@/i);
});

test('a report about a mail that is not ours suppresses nobody', { timeout: 60000 }, async () => {
    await give(south, 'amir@buerger.test', letter('Frage von Amir', 'amir@buerger.test'));
    const t = await ticket(south, 'Frage von Amir');
    await give(south, '', report('<draht.forged.1@stadt.test>', 'amir@buerger.test'));
    assert.equal((await settled(south, await answer(south, t.number))).state, 'sent');
});

test('two cities that acknowledge automatically stop after one acknowledgement', { timeout: 90000 }, async () => {
    const before_n = sent(north).length, before_s = sent(south).length;
    const seen = new Set([...sent(north), ...sent(south)]);
    // A person at the southern city writes to the northern one; from here on only machines write.
    await give(north, 'post@sued.test', letter('Amtshilfe', 'post@sued.test'));
    await ticket(north, 'Amtshilfe');
    let carried = 0;
    for (let quiet = 0; quiet < 20;) {
        let moved = false;
        for (const [from, to] of [[north, south], [south, north]]) {
            for (const mail of sent(from)) {
                if (seen.has(mail)) continue;
                seen.add(mail);
                carried++;
                moved = true;
                assert.ok(carried < 10, 'they answer each other');
                await give(to, head(mail, 'Auto-Submitted') ? '' : 'buergerbuero@stadt.test', mail);
            }
        }
        quiet = moved ? 0 : quiet + 1;
        await new Promise((r) => setTimeout(r, 100));
    }
    assert.equal(sent(north).length - before_n, 1, 'one acknowledgement for the person');
    assert.equal(sent(south).length - before_s, 0, 'none for the acknowledgement');
});
