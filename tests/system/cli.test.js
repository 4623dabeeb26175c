// SPDX-License-Identifier: EUPL-1.2
// Promise: the command line tells precisely what is wrong, and normalize touches no state.
'use strict';
const { test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { scratch, run } = require('../lib/process');
const { BINARY } = require('../lib/gateway');

const dir = scratch('cli');
const file = (name, text) => {
    const f = path.join(dir, name);
    fs.writeFileSync(f, text);
    return f;
};

test('check names every fault with file:line:column and the near name', async () => {
    const f = file('bad.yaml', 'lisen:\n  port: 80\noutbox:\n  undo_seconds: lots\n');
    const { code, out } = await run(BINARY, ['check', '-c', f]);
    assert.equal(code, 1);
    assert.match(out, /bad\.yaml:1:1: .*listen/);
    assert.match(out, /bad\.yaml:4:\d+: /);
});

test('check asks each channel whether the settings would do', async () => {
    const meta = (id) => `privacy_acknowledged: true\n      app_secret: abcdefgh\n      verify_token: abcdefgh\n      access_token: abcdefgh\n      ${id}`;
    const twilio = (from, sid = 'ACx') => ['twilio', `account_sid: ${sid}\n      auth_token: abcdefgh\n      from: "${from}"`];
    const rows = [
        [...twilio('+4930990011'), null], [...twilio('MG0123456789abcdef0123456789abcdef'), null], [...twilio('72000'), null], [...twilio('Stadt Leer'), null], [...twilio('whatsapp:+4930990011'), null],
        [...twilio('+49...'), /from is the city's number/], [...twilio('+'), /from is/], [...twilio('Stadtverwaltung'), /from is/], [...twilio('+4930990011', 'AC...'), /account_sid is letters and digits/],
        ['telegram', 'token: "123456789:AAxxxxxxxxxxxxxxxxx"', null], ['telegram', 'token: "AAxxxxxxxxxxxxxxxxxxxxxxx"', /token is digits/], ['telegram', 'token: "123456789:AAxxxxxxxxxxxxxxxxx"\n      mode: webhook', /secret is needed/],
        ['whatsapp', meta('phone_number_id: "100"'), null], ['whatsapp', meta('phone_number_id: "+49"'), /phone_number_id must be/], ['whatsapp', meta('phone_number_id: "100"').replace('true', 'false'), /passes through Meta's servers/],
        ['messenger', meta('page_id: "5x"'), /page_id must be/], ['instagram', meta('page_id: "5"\n      account_id: "x"'), /account_id must be/],
        ['smpp', 'smsc: "host:2775"\n      system_id: a\n      password: b\n      source: "115"', null], ['smpp', 'smsc: "host"\n      system_id: a\n      password: b\n      source: "115"', /host:port is needed/],
    ];
    for (const [type, options, want] of rows) {
        const f = file('channel.yaml', `queues:\n  - {id: buero, name: Amt}\nchannels:\n  - id: c1\n    type: ${type}\n    queue: buero\n    options:\n      ${options}\n`);
        const { code, out } = await run(BINARY, ['check', '-c', f]);
        assert.equal(code, want ? 1 : 0, `${options}: ${out}`);
        if (want) assert.match(out, new RegExp(`channel\\.yaml:4:5: channel c1: .*${want.source}`));
    }
});

test('check accepts the example configuration', async () => {
    const { code, out } = await run(BINARY, ['check', '-c', path.join(__dirname, '..', '..', 'config', 'draht.yaml')]);
    assert.equal(code, 0, out);
});

test('explain prints a key, help names the commands, a wrong command is usage', async () => {
    const e = await run(BINARY, ['explain', 'outbox.undo_seconds']);
    assert.equal(e.code, 0, e.out);
    assert.match(e.out, /undo_seconds/);
    const h = await run(BINARY, ['--help']);
    assert.equal(h.code, 0);
    for (const word of ['run', 'check', 'explain', 'normalize', 'user']) assert.match(h.out, new RegExp(`\\b${word}\\b`));
    assert.equal((await run(BINARY, ['rnu'])).code, 2);
});

test('normalize email prints one JSON object', async () => {
    const f = file('mail.eml', ['From: =?utf-8?q?J=C3=BCrgen?= <j@buerger.test>', 'To: amt@stadt.test', 'Subject: =?iso-8859-1?q?Gr=FC=DFe?=', 'Message-ID: <n1@buerger.test>', 'In-Reply-To: <n0@stadt.test>',
        'Date: Mon, 23 Nov 2026 10:00:00 +0100', 'MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary=b', '', '--b', 'Content-Type: text/plain; charset=utf-8', '', 'Hallo', '--b',
        'Content-Type: text/plain; name="../../x.txt"', 'Content-Disposition: attachment; filename="../../x.txt"', '', 'abc', '--b--', ''].join('\r\n'));
    const { code, out } = await run(BINARY, ['normalize', 'email', f], { env: { PATH: process.env.PATH, ASAN_OPTIONS: 'detect_leaks=0' } });
    assert.equal(code, 0, out);
    const m = JSON.parse(out.trim());
    assert.equal(m.kind, 'message');
    assert.equal(m.external_id.replace(/[<>]/g, ''), 'n1@buerger.test');
    assert.deepEqual(m.sender, { address: 'j@buerger.test', name: 'Jürgen' });
    assert.equal(m.subject, 'Grüße');
    assert.equal(m.text.trim(), 'Hallo');
    assert.equal(m.html_present, false);
    assert.equal(m.sent_at, '2026-11-23T09:00:00.000Z'.replace('.000', m.sent_at.includes('.') ? '.000' : ''));
    assert.equal(m.attachments.length, 1);
    assert.doesNotMatch(m.attachments[0].name, /[/\\]/);
    assert.equal(m.attachments[0].bytes, 3);
    assert.match(m.attachments[0].sha256, /^[0-9a-f]{64}$/);
    assert.equal(m.automatic, false);
    for (const k of ['channel', 'recipients', 'in_reply_to', 'references', 'warnings']) assert.ok(k in m, k);
});

test('normalize says in one line what it cannot do', async () => {
    const { code, out } = await run(BINARY, ['normalize', 'pigeon', file('x', 'x')]);
    assert.equal(code, 1);
    assert.equal(out.trim().split('\n').length, 1);
});
