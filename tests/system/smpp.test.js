// SPDX-License-Identifier: EUPL-1.2
// Promise: text messages by SMPP reach a person and are answered; long ones both ways, receipts, throttling, lost binds,
// hostile PDUs, STOP. The message centre is npm smpp, in one case Net::SMPP; the alphabet is compared with npm smpp's.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const path = require('node:path');
const { randomUUID } = require('node:crypto');
const { Gateway } = require('../lib/gateway');
const { Smsc, smppChannel, smpp } = require('../lib/fake-smsc');
const { Process, until, freePort } = require('../lib/process');

let gateway, smsc;
let behave = () => 0;
let after_submit = () => {};
let before_submit = () => {};

before(async () => {
    smsc = await new Smsc({ answer: (p, n) => behave(p, n), after: (e, s) => after_submit(e, s), before: (e, s) => before_submit(e, s), ids: (n) => String(5000 + n) }).start();
    gateway = new Gateway({ extra_channels: smppChannel(smsc.port, 'receipt_ids: hex\nwindow: 4\nenquire_s: 1\nresponse_s: 20\npart_hours: 1') });
    await gateway.start();
    await gateway.login();
    await smsc.ready();
}, { timeout: 90000 });
after(async () => {
    await gateway?.close();
    await smsc?.close();
});

const tickets = async () => (await gateway.api('GET', '/tickets?view=all&limit=200')).tickets;
const full = (number) => gateway.api('GET', `/tickets/${number}`);
/** The ticket whose citizen wrote the text; with its message. */
async function ticket(text, g = gateway) {
    return until(`a ticket with ${text.slice(0, 40)}`, async () => {
        for (const t of (await g.api('GET', '/tickets?view=all&limit=200')).tickets) {
            const f = await g.api('GET', `/tickets/${t.number}`);
            const m = f.items.find((x) => x.direction === 'in' && x.text === text);
            if (m) return { ...f, number: t.number, message: m };
        }
    }, 30000);
}
const answer = (number, text, g = gateway) => g.api('POST', `/tickets/${number}/messages`, { kind: 'reply', text, attachments: [], client_id: randomUUID() }, 202);
const sent = (text) => until(`the submit of ${text.slice(0, 30)}`, () => smsc.accepted.find((s) => s.text === text), 30000);
const state = (number, text, want) => until(`${text.slice(0, 30)} to be ${want}`, async () => {
    const m = (await full(number)).items.find((x) => x.text === text);
    return m?.delivery?.state === want && m;
}, 30000);

test('binds as configured, with version 3.4', () => {
    assert.deepEqual(smsc.binds[0], { kind: 'transceiver', system_id: 'draht', password: 'geheim', version: 0x34 });
});

test('a message becomes a ticket, the reply goes back, the receipt says delivered (hex where the answer was decimal)', { timeout: 90000 }, async () => {
    assert.equal(await smsc.deliver({ short_message: 'Grüße € {x}', source_addr: '01700000001', source_addr_ton: 0 }), 0);
    const t = await ticket('Grüße € {x}');
    assert.match(JSON.stringify(t), /\+491700000001/);
    await answer(t.number, 'Guten Tag [ja] für 5 €');
    const s = await sent('Guten Tag [ja] für 5 €');
    assert.equal(s.pdu.destination_addr, '491700000001');
    assert.equal(s.pdu.dest_addr_ton, 1);
    assert.equal(s.pdu.source_addr, '12345');
    assert.equal(s.pdu.data_coding, 0);
    assert.equal(s.pdu.registered_delivery, 1);
    assert.equal(await smsc.receipt(Number(s.id).toString(16)), 0);
    await state(t.number, 'Guten Tag [ja] für 5 €', 'delivered');
    // An operator sees what was said to the centre and what it answered, and neither text nor number.
    const lines = (await gateway.api('GET', '/channels/sms/log')).lines.filter((l) => l.event === 'smpp.pdu').map((l) => l.text);
    for (const wanted of [/^out bind_transceiver \d+ -> 0x00/, /^in deliver_sm \d+ -> 0x00$/, new RegExp(`^out submit_sm \\d+ -> 0x00 id=${s.id}$`)]) assert.ok(lines.some((l) => wanted.test(l)), `${wanted} in\n${lines.join('\n')}`);
    assert.doesNotMatch(lines.join('\n'), /1700000001|Grüße|Guten Tag/);
    // The same person again: the same ticket.
    assert.equal(await smsc.deliver({ short_message: 'Danke', source_addr: '+491700000001', source_addr_ton: 1 }), 0);
    assert.equal((await ticket('Danke')).number, t.number);
});

test('a receipt before its answer, and one for nobody', { timeout: 90000 }, async () => {
    const t = await ticket('Grüße € {x}');
    before_submit = (e, s) => s.deliver_sm({ source_addr: '491700000001', source_addr_ton: 1, destination_addr: '12345', esm_class: 4, short_message: 'x', receipted_message_id: Number(e.id).toString(16), message_state: 2 });
    await answer(t.number, 'frühe Quittung');
    await state(t.number, 'frühe Quittung', 'delivered');
    before_submit = () => {};
    assert.equal(await smsc.receipt('ffffff'), 0);
});

test('long messages: out with a header, in by header and by SAR, out of order, with a doubled part', { timeout: 90000 }, async () => {
    const t = await ticket('Grüße € {x}');
    const long = `Lang ${'ä€'.repeat(130)} Ende`;
    const from = smsc.submits.length;
    await answer(t.number, long);
    const parts = await until('all parts', () => {
        const p = smsc.submits.slice(from).filter((s) => s.pdu.esm_class & 0x40);
        return p.length === 3 && p;
    }, 30000);
    assert.equal(parts.map((p) => p.text).join(''), long);
    const udh = parts.map((p) => p.pdu.short_message.udh[0] || p.pdu.short_message.udh);
    assert.equal(new Set(udh.map((u) => Buffer.from(u).subarray(-3, -2).toString('hex'))).size, 1, 'one reference');
    assert.deepEqual(parts.map((p) => p.pdu.registered_delivery), [2, 2, 1]);

    // UCS-2 in three parts, a surrogate pair torn between the first two.
    const text = `Straße 😀 ${'я'.repeat(140)}`;
    const be = Buffer.from(text, 'utf16le').swap16();
    const cut = Buffer.from('Straße ', 'utf16le').length + 2;
    const pieces = [be.subarray(0, cut), be.subarray(cut, cut + 130), be.subarray(cut + 130)];
    const part = (i, ref = 9) => smsc.raw(Buffer.concat([Buffer.from([5, 0, 3, ref, 3, i + 1]), pieces[i]]), { esm_class: 0x40, data_coding: 8 });
    assert.equal(await part(2), 0);
    assert.equal(await part(0), 0);
    assert.equal(await part(0), 0);
    assert.equal(await part(1), 0);
    await ticket(text);

    const sar = (i, words) => smsc.raw(Buffer.from(words), { sar_msg_ref_num: 300, sar_total_segments: 2, sar_segment_seqnum: i, data_coding: 3 });
    assert.equal(await sar(2, 'hinten'), 0);
    assert.equal(await sar(1, 'vorne '), 0);
    await ticket('vorne hinten');
    assert.equal(await smsc.deliver({ short_message: Buffer.alloc(0), message_payload: Buffer.from('im Paket') }), 0);
    await ticket('im Paket');
});

test('throttled: put off, then sent, once', { timeout: 90000 }, async () => {
    const t = await ticket('Grüße € {x}');
    let n = 0;
    behave = () => (n++ < 2 ? 0x58 : 0);
    await answer(t.number, 'nach der Bremse');
    await sent('nach der Bremse');
    behave = () => 0;
    assert.equal(smsc.submits.filter((s) => s.text === 'nach der Bremse').length, 3);
    await state(t.number, 'nach der Bremse', 'sent');
});

test('a bodiless refusal: the reply fails with a sentence', { timeout: 90000 }, async () => {
    const t = await ticket('Grüße € {x}');
    behave = () => 0x0b;
    await answer(t.number, 'falsche Nummer');
    const m = await state(t.number, 'falsche Nummer', 'failed');
    behave = () => 0;
    assert.match(JSON.stringify(m), /0x0b/);
});

test('the bind drops in mid-window: nothing is lost, twice only what is in doubt', { timeout: 120000 }, async () => {
    const numbers = [];
    for (let i = 0; i < 6; i++) {
        assert.equal(await smsc.deliver({ short_message: `Fenster ${i}`, source_addr: `4917011110${i}` }), 0);
        numbers.push((await ticket(`Fenster ${i}`)).number);
    }
    const from = smsc.submits.length;
    behave = () => null; // silence
    await Promise.all(numbers.map((n, i) => answer(n, `Antwort ${i}`)));
    await until('a full window', () => smsc.submits.length - from >= 4);
    behave = () => 0;
    smsc.drop();
    await smsc.ready();
    const told = async () => {
        return Promise.all(numbers.map(async (n, i) => (await full(n)).items.find((m) => m.text === `Antwort ${i}`)?.delivery.state));
    };
    const states = await until('every reply to be settled', async () => {
        const s = await told();
        return s.every((x) => x === 'in_doubt' || x === 'sent') && s;
    }, 60000);
    assert.equal(states.filter((s) => s === 'in_doubt').length, 4, states.join());
    assert.equal(smsc.accepted.slice(0).filter((s) => /^Antwort/.test(s.text)).length, 2);
    assert.equal(smsc.submits.filter((s) => /^Antwort/.test(s.text)).length, 6, 'nothing was sent twice');
});

test('a message whose answer was lost comes again: one message; the same word twice: two', { timeout: 90000 }, async () => {
    const ask = () => smsc.deliver({ short_message: 'Nochmals', source_addr: '491702222222' });
    void ask();
    smsc.session().on('pdu', () => {});
    await ticket('Nochmals');
    smsc.drop();
    await smsc.ready();
    assert.equal(await ask(), 0);
    const count = async () => (await full((await ticket('Nochmals')).number)).items.filter((m) => m.text === 'Nochmals').length;
    assert.equal(await count(), 1);
    assert.equal(await smsc.deliver({ short_message: 'ja', source_addr: '491702222222' }), 0);
    assert.equal(await smsc.deliver({ short_message: 'ja', source_addr: '491702222222' }), 0);
    const t = await ticket('ja');
    await until('both', async () => (await full(t.number)).items.filter((m) => m.text === 'ja').length === 2);
});

test('STOP, START and HELP', { timeout: 90000 }, async () => {
    const from = '491703333333';
    assert.equal(await smsc.deliver({ short_message: 'Ein Anliegen', source_addr: from }), 0);
    const t = await ticket('Ein Anliegen');
    assert.equal(await smsc.deliver({ short_message: ' stop ', source_addr: from }), 0);
    await until('the confirmation', () => smsc.submits.find((s) => /keine SMS mehr/.test(s.text)));
    await answer(t.number, 'kommt nicht an');
    await state(t.number, 'kommt nicht an', 'opted_out');
    assert.ok(!smsc.submits.some((s) => s.text === 'kommt nicht an'));
    assert.equal(await smsc.deliver({ short_message: 'START', source_addr: from }), 0);
    await until('the confirmation', () => smsc.submits.find((s) => /wieder SMS/.test(s.text)));
    await answer(t.number, 'kommt wieder an');
    await sent('kommt wieder an');
    assert.equal(await smsc.deliver({ short_message: 'Hilfe!', source_addr: from }), 0);
    await until('the explanation', () => smsc.submits.find((s) => /Anliegen als SMS/.test(s.text)));
    assert.ok(!(await full(t.number)).items.some((m) => /^\s*(stop|START|Hilfe!)\s*$/.test(m.text)));
});

test('enquire_link is asked and answered', { timeout: 60000 }, async () => {
    const s = smsc.session();
    await new Promise((resolve) => s.enquire_link({}, resolve));
    await new Promise((resolve) => s.once('enquire_link', resolve));
});

test('hostile PDUs: each is answered as the protocol says or ends the connection, and the channel lives', { timeout: 120000 }, async () => {
    const header = (length, command, status, sequence) => {
        const b = Buffer.alloc(16);
        b.writeUInt32BE(length >>> 0, 0);
        b.writeUInt32BE(command >>> 0, 4);
        b.writeUInt32BE(status, 8);
        b.writeUInt32BE(sequence, 12);
        return b;
    };
    const pdu = (command, body = Buffer.alloc(0), sequence = 77) => Buffer.concat([header(16 + body.length, command, 0, sequence), body]);
    const deliver = (o = {}) => Buffer.concat([Buffer.from('\0\x01\x01491704444444\0\x03\0', 'latin1'), Buffer.from('12345\0'), Buffer.from([o.esm ?? 0, 0, 0]), Buffer.from('\0\0'), Buffer.from([0, 0, o.dc ?? 0, 0, o.length ?? (o.text || '').length]), Buffer.from(o.text || '', 'latin1'), o.tail || Buffer.alloc(0)]);
    const send = (s, bytes) => s.socket.write(bytes);
    /** What the gateway answers to the PDU with sequence 77; or that it hung up. */
    const heard = (s, bytes) => new Promise((resolve) => {
        s.on('pdu', (p) => (p.sequence_number === 77 || p.command === 'generic_nack') && resolve(p.command_status));
        s.once('close', () => resolve('closed'));
        send(s, bytes);
    });
    const fresh = async () => (await smsc.ready()).session();
    assert.equal(await heard(await fresh(), pdu(5, deliver({ text: 'kurz', length: 255 }))), 1);
    assert.equal(await heard(await fresh(), pdu(5, deliver({ text: 'kurz', length: 200 }))), 1);
    assert.equal(await heard(await fresh(), pdu(5, deliver({ text: 'x', tail: Buffer.from([2, 12, 0, 9, 1]) }))), 0xc0);
    assert.equal(await heard(await fresh(), pdu(5, deliver({ text: 'x', tail: Buffer.from([2, 12, 0, 1, 1]) }))), 0xc2);
    assert.equal(await heard(await fresh(), pdu(5, Buffer.from('A'.repeat(40)))), 0xc2);
    assert.equal(await heard(await fresh(), pdu(0x999)), 3);
    for (const [esm, dc, text] of [[0x40, 0, '\x20\0\x03'], [0x40, 0, '\x05\0\x03\x01\0\0leer'], [0x40, 0, '\x05\0\x03\x01\x03\x05fremd'], [0, 8, 'abc'], [0, 8, '\xd8\x3d'], [0, 0, 'Ende\x1b'], [0, 4, '\x01\x02'], [0, 0, '']])
        assert.equal(await heard(await fresh(), pdu(5, deliver({ esm, dc, text }))), 0, JSON.stringify(text));
    const storm = await fresh();
    for (let i = 0; i < 2000; i++) send(storm, header(16, 0x80000000, 3, i + 1000));
    send(storm, header(16, 0x80000004, 0, 424242)); // an answer to nothing, without a body
    assert.equal(await heard(storm, pdu(0x15)), 0);
    for (const length of [0, 15, 0x7fffffff]) {
        const s = await fresh();
        const closed = new Promise((resolve) => s.once('close', resolve));
        send(s, header(length, 5, 0, 77));
        await closed;
    }
    // Byte by byte.
    const s = await fresh();
    const all = pdu(5, deliver({ text: 'Byte fuer Byte' }));
    for (const b of all) {
        send(s, Buffer.from([b]));
        await new Promise((r) => setImmediate(r));
    }
    await ticket('Byte fuer Byte');
    assert.equal((await gateway.raw('GET', '/readyz')).status, 200);
});

test('parts survive a restart; TERM unbinds; nothing that was taken is asked for twice', { timeout: 120000 }, async () => {
    const part = (i, text) => smsc.raw(Buffer.concat([Buffer.from([6, 8, 4, 1, 2, 2, i]), Buffer.from(text)]), { esm_class: 0x40, source_addr: '491705555555' });
    assert.equal(await part(1, 'vor dem Start, '), 0);
    const bye = new Promise((resolve) => smsc.session().once('unbind', resolve));
    await gateway.stop();
    await bye;
    await gateway.spawn();
    await gateway.login();
    await smsc.ready();
    assert.equal(await part(2, 'nach dem Start'), 0);
    await ticket('vor dem Start, nach dem Start');
    assert.equal(await part(2, 'nach dem Start') >= 0, true);
});

test('a transmitter and a receiver; a refused password is told and not tried again', { timeout: 120000 }, async () => {
    const pair = await new Smsc().start();
    const strict = await new Smsc({ refuse: 0x0e }).start();
    const g = new Gateway({ extra_channels: smppChannel(pair.port, 'bind: pair\nconcat: sar') + smppChannel(strict.port).replace('id: sms', 'id: sms2') });
    try {
        await g.start();
        await g.login();
        await until('both binds', () => pair.binds.length === 2);
        assert.deepEqual(pair.binds.map((b) => b.kind).sort(), ['receiver', 'transmitter']);
        await pair.ready();
        assert.equal(await pair.deliver({ short_message: 'durch den Empfaenger' }), 0);
        const t = await ticket('durch den Empfaenger', g);
        await answer(t.number, 'x'.repeat(200), g);
        await until('two parts', () => pair.submits.length === 2);
        assert.deepEqual(pair.submits.map((s) => [s.pdu.sar_total_segments, s.pdu.sar_segment_seqnum]), [[2, 1], [2, 2]]);
        assert.equal(strict.binds.length, 1);
        assert.match(g.process.output, /refuses system_id or password/);
    } finally {
        await g.close();
        await pair.close();
        await strict.close();
    }
});

test('nobody listens: the gateway starts all the same, and binds when somebody does', { timeout: 60000 }, async () => {
    const port = await freePort();
    const g = new Gateway({ extra_channels: smppChannel(port) });
    const late = new Smsc();
    try {
        await g.start();
        await late.start(port);
        await late.ready();
    } finally {
        await g.close();
        await late.close();
    }
});

test('Net::SMPP as a second message centre: bind, a message in, the reply out, an acknowledgement where a rule asks for one', { timeout: 90000 }, async () => {
    const port = await freePort();
    const centre = new Process('perl', [path.join(__dirname, '..', 'lib', 'fake-smsc.pl'), String(port)]);
    let g;
    try {
        await centre.line(/listening/);
        g = new Gateway({ rules: '  - {name: Eingang, channel: sms, acknowledge: ack}\n', extra_channels: smppChannel(port) });
        await g.start();
        await g.login();
        await centre.line(/^bind draht geheim$/m, 30000);
        await centre.line(/^taken 0$/m, 30000);
        const t = await ticket('von Net::SMPP', g);
        await answer(t.number, 'Grüße an Perl', g);
        const hex = smpp.gsmCoder.encode('Grüße an Perl').toString('hex');
        const m = await centre.line(new RegExp(`^submit (\\d+) (\\d+) ${hex}$`, 'm'), 30000);
        assert.deepEqual([m[1], m[2]], ['491706666666', '0']);
        const number = smpp.gsmCoder.encode(t.number).toString('hex');
        await centre.line(new RegExp(`^submit 491706666666 \\d+ [0-9a-f]*${number}`, 'm'), 30000);
    } finally {
        await g?.close();
        centre.kill('SIGKILL');
        await centre.done;
    }
});

test('the alphabet is that of another implementation: every character of npm smpp, both ways', { timeout: 90000 }, async () => {
    const coder = smpp.gsmCoder;
    const basic = [...coder.GSM.chars].filter((c) => !/[\n\r\f\x1b ]/.test(c)).join('');
    const text = `a${basic}${coder.GSM.extChars.replace(/[\f\n\r]/g, '')}z`;
    const octets = coder.encode(text, 0);
    const halves = [text.slice(0, 70), text.slice(70)];
    for (const half of halves) assert.equal(await smsc.raw(coder.encode(half, 0), { source_addr: '491707777777', data_coding: 0 }), 0);
    assert.ok(octets.length > 128);
    const t = await ticket(halves[0]);
    await ticket(halves[1]);
    await answer(t.number, text);
    const s = await until('the submit of the alphabet', () => smsc.submits.find((x) => x.text === text), 30000);
    assert.equal(s.pdu.data_coding, 0);
});
