// SPDX-License-Identifier: EUPL-1.2
// Promise: what a real Kannel writes as a client of a message centre, we read as it was meant: the octets of its submit_sm are
// captured from the wire and given to `draht normalize smpp`; its long messages become one; its alphabet, npm smpp's and ours agree.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { Gateway, BINARY } = require('../lib/gateway');
const { Kannel } = require('../lib/kannel');
const { Smsc, smppChannel, smpp } = require('../lib/fake-smsc');
const { scratch, run, until } = require('../lib/process');

const SUBMIT = 4;
const DELIVER = 5;
const FROM = '+491711234567';
let dir, smsc, wire, kannel;
const heard = []; // whole PDUs of Kannel

/** Between Kannel and the message centre: passes everything on and keeps the submit_sm as they were. */
function tap(port) {
    const server = net.createServer((s) => {
        const inner = net.connect(port, '127.0.0.1');
        let rest = Buffer.alloc(0);
        s.on('data', (d) => {
            rest = Buffer.concat([rest, d]);
            while (rest.length >= 16 && rest.length >= rest.readUInt32BE(0)) {
                const n = rest.readUInt32BE(0);
                if (rest.readUInt32BE(4) === SUBMIT) heard.push(Buffer.from(rest.subarray(0, n)));
                rest = rest.subarray(n);
            }
        });
        for (const [a, b] of [[s, inner], [inner, s]]) {
            a.pipe(b);
            a.on('error', () => b.destroy());
            a.on('close', () => b.destroy());
        }
    });
    return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

before(async () => {
    dir = scratch('smpp-kannel');
    smsc = await new Smsc().start();
    wire = await tap(smsc.port);
    kannel = await new Kannel({ smsc: { port: wire.address().port } }).start();
    await kannel.ready();
}, { timeout: 90000 });
after(async () => {
    await kannel?.close();
    await smsc?.close();
    wire?.close();
    fs.rmSync(dir, { recursive: true, force: true });
});

/** What Kannel puts on the wire for a text; from: the sender, so that each test knows its own. */
async function submits(text, n = 1, more = {}) {
    const from = heard.length;
    const a = await kannel.send({ from: FROM, to: '12345', charset: 'UTF-8', text, ...more });
    assert.equal(a.status, 202, a.body);
    await until(`${n} submit_sm of Kannel`, () => heard.length >= from + n, 30000);
    return heard.slice(from);
}

/** submit_sm and deliver_sm have one body; the command says which way it goes. */
function as_deliver(pdu) {
    const copy = Buffer.from(pdu);
    copy.writeUInt32BE(DELIVER, 4);
    return copy;
}

async function normalize(pdu) {
    const file = path.join(dir, 'pdu.hex');
    fs.writeFileSync(file, pdu.toString('hex'));
    const r = await run(BINARY, ['normalize', 'smpp', file]);
    assert.equal(r.code, 0, r.out);
    return JSON.parse(r.out.trim().split('\n').pop());
}

for (const [name, text, more] of [
    ['the basic table', 'Grüße aus Köln, ÄÖÜ ß, à è é ù ì ò Ç Ø ø Å å Æ æ É Ñ ñ ¿ ¡ § @ £ $ ¥ ¤', {}],
    ['the extension table', 'Kosten: 5 € {a} [b] ~c^ \\d|', {}],
    ['Greek capitals', 'Δ Φ Γ Λ Ω Π Ψ Σ Θ Ξ', {}],
    ['UCS-2', 'Привет, ещё раз', { coding: '2' }],
    ['a pair of surrogates', 'Danke 😀 sehr', { coding: '2' }],
    ['a full message', 'x'.repeat(160), {}],
])
    test(`Kannel writes ${name}, we read it`, { timeout: 60000 }, async () => {
        const [pdu] = await submits(text, 1, more);
        const o = await normalize(as_deliver(pdu));
        assert.equal(o.kind, 'message');
        assert.equal(o.text, text);
        assert.equal(o.recipients[0], '12345');
        assert.equal(o.sender.address, FROM);
        assert.deepEqual(o.warnings, []);
        assert.equal(o.part, null);
    });

test('with a receipt asked for, the octets differ and the text does not', { timeout: 60000 }, async () => {
    const [pdu] = await submits('mit Quittung', 1, { 'dlr-mask': '31', 'dlr-url': 'http://127.0.0.1:9/' });
    assert.equal((await normalize(as_deliver(pdu))).text, 'mit Quittung');
    assert.equal((await normalize(pdu)).kind, 'ignored', 'a submit_sm is nothing that a centre sends');
});

test('every character of both tables: Kannel, npm smpp and we agree', { timeout: 90000 }, async () => {
    const { GSM } = smpp.gsmCoder;
    const all = [...GSM.chars, ...GSM.extChars].filter((c) => !/[\x00-\x1f ]/.test(c));
    assert.ok(all.length > 130, `${all.length} characters`);
    for (let at = 0; at < all.length; at += 60) {
        const text = `a${all.slice(at, at + 60).join('')}z`;
        const [pdu] = await submits(text);
        const octets = smpp.gsmCoder.encode(text, 0);
        const found = pdu.subarray(pdu.length - octets.length);
        assert.equal(found.toString('hex'), octets.toString('hex'), 'Kannel and npm smpp');
        assert.equal((await normalize(as_deliver(pdu))).text, text, 'Kannel and we');
    }
});

test('a long message in Kannel\'s parts, in any order, becomes one ticket', { timeout: 120000 }, async () => {
    const text = `Lang: ${'äöü€ '.repeat(70)}Ende`;
    const parts = await submits(text, 3);
    assert.equal(parts.length, 3);
    for (const [i, p] of parts.entries()) {
        const { part } = await normalize(as_deliver(p));
        assert.deepEqual([part.total, part.number], [3, i + 1]);
    }
    const centre = await new Smsc().start();
    const g = new Gateway({ extra_channels: smppChannel(centre.port) });
    try {
        await g.start();
        await g.login();
        await centre.ready();
        for (const p of [parts[2], parts[0], parts[1]]) centre.session().socket.write(as_deliver(p));
        await until('the whole message', async () => {
            for (const t of (await g.api('GET', '/tickets?view=all')).tickets)
                if ((await g.api('GET', `/tickets/${t.number}`)).items.some((m) => m.text === text)) return true;
        }, 60000);
    } finally {
        await g.close();
        await centre.close();
    }
});
