// SPDX-License-Identifier: EUPL-1.2
// Promise: a citizen's file reaches staff byte by byte, and theirs the citizen; nothing that a browser would run is ever served
// as a page; limits hold whatever the client says about its file.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { randomBytes, randomUUID } = require('node:crypto');
const { Gateway } = require('../lib/gateway');
const { Chat } = require('../lib/chat');
const { swaks } = require('../lib/mail');
const { until } = require('../lib/process');

const MIB = 1024 * 1024;
const png = (n) => Buffer.concat([Buffer.from('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489', 'hex'), randomBytes(n)]);
let gateway, chat;
before(async () => {
    gateway = await new Gateway({ chat: '      upload_max_mb: 1' }).start();
    await gateway.login();
    chat = await new Chat(gateway.port).connect();
}, { timeout: 60000 });
after(async () => {
    chat?.close();
    await gateway?.close();
});

async function ticket(c = chat) {
    const from = c.frames.length;
    c.send({ t: 'upload' });
    return (await c.wait((f) => f.t === 'upload_ticket', 10000, from)).ticket;
}
const put = (t, bytes, name = 'bild.png', headers = {}) => gateway.raw('PUT', `/channels/chat/upload/${t}`, { 'x-file-name': encodeURIComponent(name), ...headers }, bytes);
async function say_with(files, text = 'Mit Datei') {
    const cid = randomUUID();
    chat.send({ t: 'msg', cid, text, files });
    return until('an ack', () => chat.acks.get(cid) || chat.frames.find((f) => f.t === 'nack' && f.cid === cid));
}
function harmless(a) {
    assert.match(a.headers['content-disposition'], /^attachment/);
    assert.equal(a.headers['x-content-type-options'], 'nosniff');
    assert.match(a.headers['content-security-policy'], /sandbox/);
}

test('a file from the chat: staff see it, download it, and the citizen finds it in another window', { timeout: 60000 }, async () => {
    const bytes = png(300000);
    const up = await put(await ticket(), bytes, 'Schlagloch Größe.png');
    assert.equal(up.status, 201, up.text);
    assert.equal(up.json.file.type, 'image/png');
    assert.equal(up.json.file.length, bytes.length);
    const ack = await say_with([up.json.file.blob]);
    const full = await gateway.api('GET', `/tickets/${ack.number}`);
    const m = full.items.find((i) => i.attachments?.length);
    assert.equal(m.attachments[0].name, 'Schlagloch Größe.png');
    assert.equal(m.attachments[0].length, bytes.length);
    const got = await gateway.raw('GET', `/api/v1/messages/${m.id}/attachments/0`, { cookie: gateway.cookie });
    assert.ok(got.bytes.equals(bytes));
    harmless(got);
    assert.equal((await gateway.raw('GET', `/api/v1/messages/${m.id}/attachments/0`)).status, 401);
    const window2 = await new Chat(gateway.port, { token: chat.token }).connect();
    const shown = await window2.wait((f) => f.t === 'message' && f.files?.length);
    window2.close();
    const own = await gateway.raw('GET', `/channels/chat/file/${shown.id}/0?t=${shown.files[0].token}`);
    assert.equal(own.status, 200);
    assert.ok(own.bytes.equals(bytes));
    harmless(own);
    const t = shown.files[0].token;
    const forged = `${t.slice(0, -2)}${t.slice(-2) === 'AA' ? 'BB' : 'AA'}`;
    assert.equal((await gateway.raw('GET', `/channels/chat/file/${shown.id}/0?t=${forged}`)).status, 403);
});

test('a file from staff reaches the chat', { timeout: 60000 }, async () => {
    const ack = await chat.say('Bitte schicken Sie mir das Formular');
    const bytes = Buffer.concat([Buffer.from('%PDF-1.7\n'), randomBytes(200000)]);
    const up = await gateway.raw('POST', '/api/v1/uploads?name=Formular.pdf', { cookie: gateway.cookie, 'x-csrf-token': gateway.csrf, 'content-type': 'application/octet-stream' }, bytes);
    assert.equal(up.status, 201, up.text);
    await gateway.api('POST', `/tickets/${ack.number}/messages`, { kind: 'reply', text: 'Hier ist es.', attachments: [up.json], client_id: randomUUID() }, 202);
    const shown = await chat.wait((f) => f.t === 'message' && f.from === 'agent' && f.files?.length);
    assert.equal(shown.files[0].name, 'Formular.pdf');
    const got = await gateway.raw('GET', `/channels/chat/file/${shown.id}/0?t=${shown.files[0].token}`);
    assert.ok(got.bytes.equals(bytes));
    harmless(got);
});

test('staff uploads want session and CSRF token', async () => {
    assert.equal((await gateway.raw('POST', '/api/v1/uploads?name=x', { 'content-type': 'application/octet-stream' }, 'x')).status, 401);
    assert.equal((await gateway.raw('POST', '/api/v1/uploads?name=x', { cookie: gateway.cookie, 'content-type': 'application/octet-stream' }, 'x')).status, 403);
});

test('the limit: one byte less passes, one more is refused, on both sides', { timeout: 60000 }, async () => {
    const most = png(MIB);
    assert.equal((await put(await ticket(), most.subarray(0, MIB))).status, 201);
    const more = await put(await ticket(), most.subarray(0, MIB + 1)).catch(() => ({ status: 413 }));
    assert.equal(more.status, 413);
    const { attachment_max_bytes } = await gateway.api('GET', '/settings');
    const big = await gateway.raw('POST', '/api/v1/uploads?name=x', { cookie: gateway.cookie, 'x-csrf-token': gateway.csrf, 'content-type': 'application/octet-stream', 'content-length': attachment_max_bytes + 1, expect: '100-continue' }).catch(() => ({ status: 413 }));
    assert.equal(big.status, 413);
    assert.equal((await gateway.raw('GET', '/readyz')).status, 200);
});

test('an upload ticket opens once and only as it was made', { timeout: 30000 }, async () => {
    const t = await ticket();
    assert.equal((await put(t, png(10))).status, 201);
    assert.equal((await put(t, png(10))).status, 403);
    for (const forged of ['', 'x', `${t.slice(0, 10)}A${t.slice(11)}`, '..%2f..%2fmaster.key']) assert.ok((await put(forged, png(10))).status >= 403);
});

/** Speaks HTTP by hand; resolves with what came back once the server closed, or done() says enough. */
function by_hand(head, body, done = () => false) {
    return new Promise((resolve) => {
        const s = net.connect(gateway.port, '127.0.0.1');
        let text = '';
        s.on('data', (d) => {
            text += d.toString('latin1');
            if (done(text)) s.destroy();
        });
        s.on('error', () => {});
        s.on('close', () => resolve(text));
        s.write(head);
        if (body) s.write(body);
    });
}

test('lies about the length: too much is cut off, too little is never a file', { timeout: 90000 }, async () => {
    const head = (t, lines) => `PUT /channels/chat/upload/${t} HTTP/1.1\r\nHost: 127.0.0.1:${gateway.port}\r\nx-file-name: a.png\r\n${lines}\r\n\r\n`;
    const answered = (x) => /^HTTP\/1\.1 \d/.test(x);
    assert.match(await by_hand(head(await ticket(), 'Content-Length: 99999999'), png(100), answered), /^HTTP\/1\.1 413/);
    const negative = await by_hand(head(await ticket(), 'Content-Length: -1'), png(100), answered);
    assert.doesNotMatch(negative, /^HTTP\/1\.1 20/);
    const twice = await by_hand(head(await ticket(), 'Content-Length: 5\r\nContent-Length: 500'), png(100), answered);
    assert.doesNotMatch(twice, /^HTTP\/1\.1 20/);
    // Less than promised, then gone: no answer, and no file.
    const t = await ticket();
    const s = net.connect(gateway.port, '127.0.0.1');
    s.on('error', () => {});
    await new Promise((r) => s.write(head(t, 'Content-Length: 1000'), r));
    await new Promise((r) => s.write(png(100), r));
    s.destroy();
    await new Promise((r) => s.on('close', r));
    assert.equal((await put(t, png(50))).status, 201, 'the ticket was not used up');
    // More than promised: what follows is not part of the file.
    const more = await by_hand(head(await ticket(), 'Content-Length: 40\r\nConnection: close'), png(500), (x) => /"length":\d+/.test(x) || /^HTTP\/1\.1 4/.test(x));
    if (/^HTTP\/1\.1 201/.test(more)) assert.match(more, /"length":40\b/);
    assert.equal((await gateway.raw('GET', '/healthz')).status, 200);
});

test('what a browser would run is refused, whatever its name says', { timeout: 60000 }, async () => {
    const evil = {
        'bild.png': '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        'foto.jpg': '<?xml version="1.0"?>\n<!-- x -->\n<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        'text.txt': '<!DOCTYPE html><html><script>alert(1)</script></html>',
        'a.pdf': '   \n\t<HTML><body onload=alert(1)>',
        'b.png': '\ufeff<script>alert(1)</script>',
        'prog.png': Buffer.concat([Buffer.from('MZ\x90\x00'), randomBytes(100)]),
        'elf.pdf': Buffer.concat([Buffer.from('\x7fELF'), randomBytes(100)]),
        'leer.png': '',
    };
    for (const [name, bytes] of Object.entries(evil)) {
        const a = await put(await ticket(), bytes, name);
        assert.equal(a.status, name === 'leer.png' ? a.status : 415, `${name}: ${a.status} ${a.text}`);
        assert.ok(a.status >= 400, name);
    }
});

test('an image that is also a page is refused in the chat', { timeout: 30000 }, async () => {
    const a = await put(await ticket(), Buffer.from('GIF89a/*<html><script>alert(document.domain)</script>*/=1;alert(1)//'), 'x.html');
    assert.equal(a.status, 415, a.text);
});

test('by mail such files are kept, and served as downloads without rights and never as pages', { timeout: 60000 }, async () => {
    const evil = { svg: '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', html: '<!DOCTYPE html><script>alert(1)</script>', gif: 'GIF89a/*<html><script>alert(1)</script>*/=1' };
    for (const [kind, text] of Object.entries(evil)) {
        const file = path.join(gateway.dir, `boese.${kind}`);
        fs.writeFileSync(file, text);
        const sent = await swaks(gateway.lmtp, { protocol: 'LMTP', from: 'a@buerger.test', to: 'buergerbuero@stadt.test', subject: `Anhang ${kind}`, attach: file });
        assert.equal(sent.code, 0, sent.out);
        const t = await until('the ticket', async () => (await gateway.api('GET', '/tickets?view=all')).tickets.find((x) => x.subject === `Anhang ${kind}`));
        const m = (await gateway.api('GET', `/tickets/${t.number}`)).items.find((i) => i.direction === 'in');
        for (const url of [`/api/v1/messages/${m.id}/attachments/0`, `/api/v1/messages/${m.id}/original`]) {
            const got = await gateway.raw('GET', url, { cookie: gateway.cookie });
            assert.equal(got.status, 200);
            harmless(got);
            assert.doesNotMatch(got.headers['content-type'], /svg|html|xml|script/);
        }
    }
});

test('hostile names stay names; a file of another conversation cannot be sent', { timeout: 60000 }, async () => {
    for (const name of ['../../etc/passwd', 'a\r\nSet-Cookie: x=1', 'CON', `${'x'.repeat(3000)}.png`, '\u202egnp.exe', '']) {
        const a = await put(await ticket(), png(10), name);
        assert.equal(a.status, 201, `${JSON.stringify(name)}: ${a.text}`);
        assert.doesNotMatch(a.json.file.name, /[/\\\r\n\u202e]/);
        assert.ok(Buffer.byteLength(a.json.file.name) <= 255);
        assert.equal(a.headers['set-cookie'], undefined);
    }
    const other = await new Chat(gateway.port).connect();
    const theirs = (await put(await ticket(other), png(10))).json.file.blob;
    const answer = await say_with([theirs], 'Fremde Datei');
    assert.equal(answer.t, 'nack');
    other.close();
});
