// SPDX-License-Identifier: EUPL-1.2
// Promise: long replies leave in the form that the centre wants, receipts are found by ids in decimal, a full queue delays and does
// not lose, data_sm is a message too, and answers given twice or parts that contradict each other do no harm.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const { Gateway } = require('../lib/gateway');
const { Smsc, smppChannel } = require('../lib/fake-smsc');
const { until } = require('../lib/process');

const LONG = `Lang: ${'ab€'.repeat(70)} Ende`;
let gateway, wide, whole; // centres: 16-bit references and hexadecimal ids; everything in message_payload
let behave = () => 0;
let after_submit = () => {};

before(async () => {
    wide = await new Smsc({ answer: (p, n) => behave(p, n), after: (e, s) => after_submit(e, s), ids: (n) => (0xabc00 + n).toString(16) }).start();
    whole = await new Smsc({ answer: (p) => (/Hersteller/.test(p.message_payload?.message ?? '') ? 0x400 : 0) }).start();
    gateway = new Gateway({
        extra_channels: smppChannel(wide.port, 'concat: udh16\nreceipt_ids: decimal') + smppChannel(whole.port, 'concat: payload\nunknown_errors: reject').replace('id: sms', 'id: sms2'),
    });
    await gateway.start();
    await gateway.login();
    await wide.ready();
    await whole.ready();
}, { timeout: 90000 });
after(async () => {
    await gateway?.close();
    await wide?.close();
    await whole?.close();
});

const full = (number) => gateway.api('GET', `/tickets/${number}`);
/** The number of the ticket in which somebody wrote the text. */
const ticket = (text) => until(`a ticket with ${text.slice(0, 40)}`, async () => {
    for (const t of (await gateway.api('GET', '/tickets?view=all&limit=200')).tickets)
        if ((await full(t.number)).items.some((x) => x.direction === 'in' && x.text === text)) return t.number;
}, 30000);
async function citizen(smsc, text, source_addr) {
    assert.equal(await smsc.deliver({ short_message: text, source_addr }), 0);
    return ticket(text);
}
const answer = (number, text) => gateway.api('POST', `/tickets/${number}/messages`, { kind: 'reply', text, attachments: [], client_id: randomUUID() }, 202);
const state = (number, text, want) => until(`${text.slice(0, 30)} to be ${want}`, async () => (await full(number)).items.find((x) => x.text === text)?.delivery?.state === want, 30000);

test('staff are told how long a text may be, as the centre takes it', async () => {
    const { channels } = await gateway.api('GET', '/settings');
    const text = (id) => channels.find((c) => c.id === id).text;
    assert.deepEqual([text('sms').unit, text('sms').header_bytes, text('sms').messages_max], ['sms', 7, 10]);
    assert.deepEqual([text('sms2').unit, text('sms2').header_bytes, text('sms2').messages_max], ['sms', 6, 0]);
});

test('a long reply by 16-bit references; the receipt in decimal for an id that was hexadecimal', { timeout: 90000 }, async () => {
    const number = await citizen(wide, 'lang, bitte', '491701000001');
    await answer(number, LONG);
    const parts = await until('both parts', () => wide.accepted.length === 2 && wide.accepted, 30000);
    assert.equal(parts.map((p) => p.text).join(''), LONG);
    for (const [i, p] of parts.entries()) {
        assert.ok(p.pdu.esm_class & 0x40);
        const udh = Buffer.from([].concat(p.pdu.short_message.udh)[0]);
        assert.deepEqual([udh[0], udh[1], udh[4], udh[5]], [8, 4, 2, i + 1]);
    }
    await state(number, LONG, 'sent');
    assert.equal(await wide.receipt(String(parseInt(parts[1].id, 16))), 0);
    await state(number, LONG, 'delivered');
});

test('a long reply whole in message_payload, in GSM and in UCS-2', { timeout: 90000 }, async () => {
    const number = await citizen(whole, 'am Stück, bitte', '491701000002');
    const cyrillic = 'я'.repeat(300);
    for (const text of [LONG, cyrillic]) {
        await answer(number, text);
        const s = await until('one submit', () => whole.accepted.find((x) => x.text === text), 30000);
        assert.equal(s.pdu.short_message.message.length, 0);
        assert.equal(s.pdu.esm_class & 0x40, 0);
        assert.equal(s.pdu.data_coding, text === LONG ? 0 : 8);
    }
    assert.equal(whole.submits.length, 2);
});

test('the queue of the centre is full: put off, then sent', { timeout: 90000 }, async () => {
    const number = await citizen(wide, 'volle Schlange', '491701000003');
    const from = wide.submits.length;
    behave = () => (wide.submits.length === from ? 0x14 : 0);
    await answer(number, 'nach der Schlange');
    await state(number, 'nach der Schlange', 'sent');
    behave = () => 0;
    assert.equal(wide.submits.slice(from).filter((s) => s.text === 'nach der Schlange').length, 2);
});

test('what a refusal means: for good, ours to mend, or later', { timeout: 120000 }, async () => {
    const rows = { 'zu lang': [0x01, 'failed'], 'falsche Art': [0x50, 'failed'], 'falscher Absender': [0x0a, 'failed'], 'Code des Herstellers': [0x400, 'retry'], Systemfehler: [0x08, 'retry'] };
    for (const [i, [text, [status, want]]] of Object.entries(rows).entries()) {
        const number = await citizen(wide, `Fehler ${i}, bitte`, `49170100002${i}`);
        behave = () => status;
        await answer(number, text);
        await state(number, text, want);
        assert.equal(wide.submits.filter((s) => s.text === text).length, 1, text);
    }
    behave = () => 0;
    const number = await citizen(whole, 'ein Fehler, bitte', '491701000030');
    await answer(number, `Code des Herstellers ${LONG}`);
    await state(number, `Code des Herstellers ${LONG}`, 'failed');
});

test('data_sm is a message, too', { timeout: 60000 }, async () => {
    const status = await new Promise((resolve) => {
        wide.session().data_sm({ source_addr: '491701000004', source_addr_ton: 1, source_addr_npi: 1, destination_addr: '12345', message_payload: Buffer.from('als Datenpaket') }, (p) => resolve(p.command_status));
    });
    assert.equal(status, 0);
    await ticket('als Datenpaket');
});

test('an answer that comes twice counts once', { timeout: 90000 }, async () => {
    const number = await citizen(wide, 'doppelt beantwortet', '491701000005');
    const from = wide.submits.length;
    after_submit = (e, s) => {
        s.send(e.pdu.response({ message_id: e.id }));
        s.send(e.pdu.response({ command_status: 0x0b }));
    };
    await answer(number, 'nur einmal');
    await until('the odd answers in the log', () => (gateway.process.output.match(/smpp\.odd.*answer to nothing/g) || []).length >= 2, 30000);
    await state(number, 'nur einmal', 'sent');
    after_submit = () => {};
    await answer(number, 'und weiter');
    await state(number, 'und weiter', 'sent');
    assert.equal(wide.submits.length - from, 2);
});

test('the total changes midway: each count is a message of its own', { timeout: 90000 }, async () => {
    const part = (total, i, text) => wide.raw(Buffer.concat([Buffer.from([5, 0, 3, 77, total, i]), Buffer.from(text)]), { esm_class: 0x40, source_addr: '491701000006' });
    assert.equal(await part(3, 1, 'eins '), 0);
    assert.equal(await part(2, 2, 'B'), 0);
    assert.equal(await part(3, 2, 'zwei '), 0);
    assert.equal(await part(2, 1, 'A '), 0);
    assert.equal(await part(3, 3, 'drei'), 0);
    const number = await ticket('A B');
    assert.equal(await ticket('eins zwei drei'), number);
});

test('a part longer than a part can be is a message of its own', { timeout: 90000 }, async () => {
    const text = (i, n) => `Teil ${i} `.padEnd(n, String(i));
    const part = (ref, i, n) => wide.raw(Buffer.alloc(0), { source_addr: '491701000040', sar_msg_ref_num: ref, sar_total_segments: 2, sar_segment_seqnum: i, data_coding: 3, message_payload: Buffer.from(text(i, n)) });
    for (const i of [1, 2]) assert.equal(await part(5, i, 255), 0);
    await ticket(text(1, 255) + text(2, 255));
    for (const n of [256, 60000]) {
        assert.equal(await part(6, 1, n), 0);
        const number = await ticket(text(1, n));
        assert.match(JSON.stringify((await full(number)).items.find((x) => x.text === text(1, n)).warnings), /longer than a part/);
    }
});
