// SPDX-License-Identifier: EUPL-1.2
// Promise: with a virus scanner configured no upload is kept that it did not pass; without an answer of it the citizen hears so.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { Gateway } = require('../lib/gateway');
const { Chat } = require('../lib/chat');
const { FakeClamd, EICAR } = require('../lib/fake-clamd');
const { scratch, freePort, until } = require('../lib/process');

const dir = scratch('clamd');
const socket = path.join(dir, 'clamd.sock');
let clamd, gateway;
before(async () => {
    clamd = await new FakeClamd().listen(socket);
    gateway = await new Gateway({ chat: `      clamd: "unix:${socket}"` }).start();
    await gateway.login();
}, { timeout: 60000 });
after(async () => {
    await gateway?.close();
    await clamd?.close();
    fs.rmSync(dir, { recursive: true, force: true });
});

async function upload(chat, bytes, g = gateway) {
    const from = chat.frames.length;
    chat.send({ t: 'upload' });
    const { ticket } = await chat.wait((f) => f.t === 'upload_ticket', 15000, from);
    return g.raw('PUT', `/channels/chat/upload/${ticket}`, { 'x-file-name': 'a.txt', 'content-length': bytes.length }, bytes);
}

test('a clean file is kept, byte for byte what the scanner saw; a harmful one is not', { timeout: 60000 }, async () => {
    const chat = await new Chat(gateway.port).connect();
    const clean = Buffer.from('Alles in Ordnung.\n'.repeat(50000));
    const ok = await upload(chat, clean);
    assert.equal(ok.status, 201, ok.text);
    assert.deepEqual(clamd.files.at(-1), clean);
    const bad = await upload(chat, Buffer.from(EICAR));
    assert.equal(bad.status, 422);
    assert.equal(bad.json.code, 'infected');
    assert.match(bad.json.detail, /not sent and not stored/);
    chat.send({ t: 'msg', cid: 'with-file', text: 'mit Datei', files: [ok.json.file.blob] });
    const ack = await chat.wait((f) => f.t === 'ack');
    const t = await gateway.api('GET', `/tickets/${ack.number}`);
    assert.equal(t.items.find((i) => i.type === 'message').attachments.length, 1);
    chat.close();
});

test('a scanner that fails, babbles or hangs up keeps the file out and the chat alive', { timeout: 60000 }, async () => {
    const chat = await new Chat(gateway.port).connect();
    for (const mode of ['error', 'garbage', 'hang up']) {
        clamd.mode = mode;
        const a = await upload(chat, Buffer.alloc(300000, 'a'));
        assert.equal(a.status, 503, mode);
        assert.match(a.json.detail, /Your text is safe/);
    }
    clamd.mode = 'scan';
    assert.equal((await upload(chat, Buffer.from('wieder da'))).status, 201);
    chat.close();
});

test('a scanner that is away, by TCP and by name; a stop does not wait for a silent one', { timeout: 90000 }, async () => {
    const port = await freePort();
    const g = await new Gateway({ chat: `      clamd: "localhost:${port}"` }).start();
    const chat = await new Chat(g.port).connect();
    assert.equal((await upload(chat, Buffer.from('niemand da'), g)).status, 503);
    const tcp = await new FakeClamd().listen({ port, host: 'localhost' });
    assert.equal((await upload(chat, Buffer.from('jetzt schon'), g)).status, 201);
    tcp.mode = 'silent';
    const waiting = upload(chat, Buffer.from('keine Antwort'), g);
    await until('the scanner to have the file', () => tcp.files.length === 2);
    await g.close();
    assert.equal((await waiting).status, 503);
    chat.close();
    await tcp.close();
});
