// SPDX-License-Identifier: EUPL-1.2
// Promise: `draht normalize` prints the same members in the same order for every channel, one JSON object a line, and says in one
// line on standard error, with exit status 1, what is wrong with input that is none.
'use strict';
const { test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { scratch } = require('../lib/process');
const { BINARY } = require('../lib/gateway');

const dir = scratch('normalize');
const file = path.join(dir, 'raw');
const run = (type, input) => {
    fs.writeFileSync(file, typeof input === 'string' || Buffer.isBuffer(input) ? input : JSON.stringify(input));
    return spawnSync(BINARY, ['normalize', type, file], { encoding: 'utf8' });
};
const lines = (type, input) => {
    const r = run(type, input);
    assert.equal(r.status, 0, `${type}: ${r.stderr}`);
    return r.stdout.trimEnd().split('\n').map((l) => JSON.parse(l));
};

const COMMON = ['kind', 'channel', 'external_id', 'sender', 'recipients', 'subject', 'text', 'html_present', 'in_reply_to', 'references', 'attachments',
    'automatic', 'sent_at', 'warnings'];
const at = { timestamp: '1767225600' };
const whatsapp = (value) => ({ object: 'whatsapp_business_account', entry: [{ id: '1', changes: [{ field: 'messages', value: { messaging_product: 'whatsapp', metadata: { phone_number_id: '77' }, ...value } }] }] });
const wa = (type, content) => whatsapp({ messages: [{ from: '49151', id: 'wamid.1', ...at, type, [type]: content }] });
const meta = (object, event) => ({ object, entry: [{ id: '77', time: 1767225600000, messaging: [{ sender: { id: '5' }, recipient: { id: '77' }, timestamp: 1767225600000, ...event }] }] });
const sync = (timeline, ephemeral = []) => ({ next_batch: 's', rooms: { join: { '!r:lab.test': { timeline: { events: timeline }, ephemeral: { events: ephemeral } } } } });
const pdu = (esm, text) => {
    const cstr = (s) => Buffer.from(`${s}\0`, 'latin1');
    const body = Buffer.concat([cstr(''), Buffer.from([1, 1]), cstr('49151000001'), Buffer.from([1, 1]), cstr('49441'), Buffer.from([esm, 0, 0]), cstr(''), cstr(''),
        Buffer.from([0, 0, 0, 0, text.length]), Buffer.from(text, 'latin1')]);
    const head = Buffer.alloc(16);
    head.writeUInt32BE(16 + body.length, 0);
    head.writeUInt32BE(5, 4);
    head.writeUInt32BE(1, 12);
    return Buffer.concat([head, body]).toString('hex');
};

const messages = {
    smpp: pdu(0, 'Hallo'),
    twilio: 'MessageSid=S1&From=%2B49151&To=%2B49441&Body=Hallo',
    'sms-http': 'id=1&from=%2B49151&to=%2B49441&text=Hallo',
    telegram: { update_id: 1, message: { message_id: 2, date: 1767225600, chat: { id: 5, type: 'private' }, from: { id: 5, first_name: 'Jana' }, text: 'Hallo' } },
    whatsapp: wa('text', { body: 'Hallo' }),
    messenger: meta('page', { message: { mid: 'm', text: 'Hallo' } }),
    instagram: meta('instagram', { message: { mid: 'm', text: 'Hallo' } }),
    matrix: sync([{ type: 'm.room.message', event_id: '$1', sender: '@jana:lab.test', origin_server_ts: 1767225600000, content: { msgtype: 'm.text', body: 'Hallo' } }]),
    mastodon: { id: '1', type: 'mention', account: { id: '2', acct: 'jana@b.test' }, status: { id: '3', created_at: '2026-01-01T00:00:00.000Z', visibility: 'direct', content: '<p>Hallo</p>', account: { id: '2', acct: 'jana@b.test' } } },
    open311: 'service_code=001&lat=53.1&long=8.2&description=Hallo',
    desk: { kind: 'counter', what: 'Hallo', client_id: 'c' },
    webchat: { t: 'msg', cid: '01HXAMPLE0000000000000000', text: 'Hallo' },
};

test('every channel prints the same members in the same order', () => {
    for (const [type, raw] of Object.entries(messages)) {
        const [m] = lines(type, raw);
        assert.equal(m.kind, 'message', `${type}: ${JSON.stringify(m)}`);
        assert.deepEqual(Object.keys(m).slice(0, COMMON.length), COMMON, type);
        assert.equal(m.channel, type);
        assert.equal(m.text, 'Hallo', type);
        assert.deepEqual(Object.keys(m.sender), ['address', 'name'], type);
    }
});

test('receipts name the message, the state and, where the provider tells, code and reason', () => {
    const rows = [
        ['smpp', pdu(4, 'id:abc sub:001 dlvrd:001 stat:DELIVRD err:000'), ['abc', 'delivered']],
        ['smpp', pdu(4, 'id:abc stat:UNDELIV err:011'), ['abc', 'failed']],
        ['twilio', 'MessageSid=S1&MessageStatus=canceled', ['S1', 'failed']],
        ['twilio', 'MessageSid=S1&MessageStatus=sent', ['S1', 'sent']],
        ['sms-http', 'id=1&state=DELIVRD', ['1', 'delivered']],
        ['whatsapp', whatsapp({ statuses: [{ id: 'w', status: 'failed', ...at, errors: [{ code: 131047 }] }] }), ['w', 'failed']],
        ['messenger', meta('page', { delivery: { mids: ['m'], watermark: 1767225600000 } }), ['m', 'delivered']],
        ['instagram', meta('instagram', { read: { mid: 'm' } }), ['m', 'read']],
        ['matrix', sync([], [{ type: 'm.receipt', content: { $1: { 'm.read': { '@jana:lab.test': {} } } } }]), ['$1', 'read']],
    ];
    for (const [type, raw, want] of rows) {
        const [r] = lines(type, raw);
        assert.deepEqual(Object.keys(r).slice(0, 6), ['kind', 'channel', 'external_id', 'state', 'code', 'reason'], type);
        assert.deepEqual([r.kind, r.channel, r.external_id, r.state], ['receipt', type, ...want]);
        assert.equal(r.code, { [pdu(4, 'id:abc stat:UNDELIV err:011')]: '011' }[raw] ?? (type === 'whatsapp' ? 131047 : null));
        assert.equal(r.state === 'failed' && type !== 'sms-http', r.reason !== null, JSON.stringify(r));
    }
});

test('what citizens share, change and take back', () => {
    const place = lines('twilio', 'MessageSid=S1&From=whatsapp%3A%2B49151&Body=&Latitude=53.1&Longitude=8.2&Label=Rathaus')[0];
    assert.equal(place.text, 'Rathaus\n53.100000, 8.200000\nhttps://www.openstreetmap.org/?mlat=53.100000&mlon=8.200000');
    for (const bad of ['Latitude=91&Longitude=0', 'Latitude=nan&Longitude=0', 'Latitude=1x&Longitude=0', 'Latitude=1'])
        assert.equal(lines('twilio', `MessageSid=S1&From=%2B49151&${bad}`)[0].reason, 'an empty message', bad);
    assert.deepEqual(lines('twilio', 'MessageSid=S&From=%2B49151&NumMedia=1&MediaUrl0=https%3A%2F%2Fa.test%2Fx&MediaContentType0=image%2Fpng')[0].attachments,
        [{ name: 'anhang', type: 'image/png', bytes: null, sha256: null }]);
    const edit = lines('whatsapp', wa('edit', { original_message_id: 'wamid.0', message: { type: 'text', text: { body: 'neu' } } }))[0];
    assert.deepEqual([edit.text, edit.in_reply_to, edit.warnings], ['neu', 'wamid.0', ['The citizen has changed an earlier message to this.']]);
    assert.deepEqual(lines('whatsapp', wa('revoke', { original_message_id: 'wamid.0' })), [{ kind: 'ignored', channel: 'whatsapp', reason: 'the citizen took a message back' }]);
    assert.equal(lines('whatsapp', wa('order', { product_items: [{ product_retailer_id: 'A', quantity: '2', item_price: 3.5, currency: 'EUR' }] }))[0].text, '2 x A (3.50 EUR)');
});

test('numbers are as short as they can be', () => {
    for (const [lat, want] of [['53.1', '53.1'], ['53.12345678901234', '53.12345678901234'], ['0', '0.0'], ['-8.2', '-8.2']]) {
        const r = run('open311', `service_code=1&lat=${lat}&long=8.2`);
        assert.ok(r.stdout.includes(`"lat":${want},"long":8.2,`), r.stdout);
    }
    assert.deepEqual(lines('open311', 'service_code=1&description=x')[0].warnings, ['names no place']);
});

test('input without anything in it is one line, input that is none is refused with what and where', () => {
    for (const [type, raw] of [['telegram', '[]'], ['whatsapp', { object: 'whatsapp_business_account', entry: [] }], ['matrix', { next_batch: 's' }], ['webchat', ''],
        ['messenger', { object: 'page', entry: [] }]])
        assert.deepEqual(lines(type, raw), [{ kind: 'ignored', channel: type, reason: 'nothing in it' }]);
    const rows = [
        ['smpp', '', /empty/], ['smpp', '00z', /byte 3 is no hex digit/], ['smpp', '000', /lacks a digit/],
        ['twilio', '', /empty/], ['twilio', `a=${'x'.repeat(70000)}`, /70002 bytes/], ['twilio', '{"a"', /Line 1, column 4/],
        ['sms-http', '', /empty/], ['sms-http', '[1,', /Line 1, column 3/], ['open311', '', /empty/], ['open311', `${'a=1&'.repeat(65)}`, /at most 64 fields/],
        ['whatsapp', '{\n"a" 1}', /Line 2, column \d/], ['matrix', '{}', /next_batch/], ['matrix', '', /empty/], ['desk', '[', /Line 1/],
        ['mastodon', '7', /no JSON object/], ['telegram', Buffer.from([0xff, 0x7b]), /Line 1/],
    ];
    for (const [type, raw, want] of rows) {
        const r = run(type, raw);
        assert.equal(r.status, 1, `${type} ${raw.slice(0, 20)}: ${r.stdout}`);
        assert.equal(r.stdout, '');
        assert.match(r.stderr, want);
        assert.match(r.stderr, /^draht normalize: \S+raw: The input is .*\n$/);
    }
});
