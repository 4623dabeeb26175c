// SPDX-License-Identifier: EUPL-1.2
// Promise: no input ends the process, and nobody's bad input stops others.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const net = require('node:net');
const { randomBytes } = require('node:crypto');
const { Gateway } = require('../lib/gateway');
const { Chat } = require('../lib/chat');
const { until } = require('../lib/process');

let gateway, silent;
before(async () => {
    gateway = await new Gateway().start();
    await gateway.login();
    silent = await socket();
    silent.began = Date.now();
}, { timeout: 60000 });
after(() => gateway?.close());

/** A raw connection that collects what comes back. */
function dial(port) {
    const s = net.connect(port, '127.0.0.1');
    const c = { s, text: '', closed: false };
    s.on('data', (d) => (c.text += d.toString('latin1')));
    s.on('error', () => {});
    s.on('close', () => (c.closed = true));
    return c;
}
const count = (text, pattern) => (text.match(pattern) || []).length;

for (const [name, end] of [['LF.LF', '\n.\n'], ['CRLF.LF', '\r\n.\n'], ['LF.CRLF', '\n.\r\n'], ['CR.CR', '\r.\r'], ['CR LF dot CR', '\r\n.\r']]) {
    test(`LMTP smuggling with ${name} never starts a second mail`, { timeout: 20000 }, async () => {
        const c = dial(gateway.lmtp);
        await until('greeting', () => /^220 /m.test(c.text));
        c.s.write('LHLO x.test\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<buergerbuero@stadt.test>\r\nDATA\r\n');
        await until('354', () => /^354 /m.test(c.text));
        c.s.write(`Subject: smuggle ${name}\r\nMessage-ID: <smuggle-${name.replace(/\W/g, '')}@x.test>\r\n\r\nhello${end}MAIL FROM:<evil@x.test>\r\nRCPT TO:<buergerbuero@stadt.test>\r\nDATA\r\nSubject: EVIL\r\n\r\nx\r\n.\r\nQUIT\r\n`);
        await until('the end', () => c.closed || /^221 /m.test(c.text));
        assert.ok(count(c.text, /^354 /gm) === 1, c.text);
        const list = await gateway.api('GET', '/tickets?view=all&limit=200');
        assert.ok(!list.tickets.some((t) => t.subject === 'EVIL'));
    });
}

test('LMTP: oversize, long lines, 1000 recipients, no RCPT, byte by byte', { timeout: 60000 }, async () => {
    const big = dial(gateway.lmtp);
    big.s.write('LHLO x.test\r\nMAIL FROM:<a@x.test> SIZE=999999999\r\n');
    await until('552', () => /^552 /m.test(big.text));
    big.s.write(`NOOP ${'x'.repeat(10000)}\r\n`);
    await until('500', () => /^500 /m.test(big.text));
    big.s.write('DATA\r\n');
    await until('503', () => /^503 /m.test(big.text));
    big.s.write('MAIL FROM:<a@x.test>\r\n' + 'RCPT TO:<buergerbuero@stadt.test>\r\n'.repeat(1000));
    await until('452', () => /^452 /m.test(big.text));
    big.s.destroy();
    const slow = dial(gateway.lmtp);
    for (const b of 'LHLO x.test\r\nMAIL FROM:<s@x.test>\r\nRCPT TO:<buergerbuero@stadt.test>\r\nDATA\r\nSubject: Byte\r\n\r\nx\r\n.\r\n') slow.s.write(b);
    await until('250 per recipient', () => /354[^]*^250 /m.test(slow.text));
    slow.s.destroy();
});

test('HTTP: garbage, endless heads, huge bodies and lies get an answer or a close, never a crash', { timeout: 60000 }, async () => {
    for (const bytes of ['\0\0\0\0\r\n\r\n', 'GET\r\n\r\n', `GET / HTTP/1.1\r\nX: ${'a'.repeat(200000)}\r\n\r\n`, 'POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n',
        'POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n{}', 'GET /%00%ff/../.. HTTP/1.1\r\nHost: x\r\n\r\n', `GET /${'%2e%2e/'.repeat(50)}etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n`]) {
        const c = dial(gateway.port);
        c.s.write(bytes);
        await until(`an answer to ${JSON.stringify(bytes.slice(0, 40))}`, () => c.closed || c.text.length > 0, 20000);
        assert.doesNotMatch(c.text, /^HTTP\/1\.1 200/);
        c.s.destroy();
    }
    assert.equal((await gateway.raw('GET', '/readyz')).status, 200);
});

test('1,000 idle slow connections do not stop others', { timeout: 90000 }, async () => {
    const idle = [];
    for (let i = 0; i < 500; i++) {
        idle.push(dial(gateway.lmtp));
        const h = dial(gateway.port);
        h.s.write('GET / HTTP/1.1\r\nHos');
        idle.push(h);
    }
    const chat = await new Chat(gateway.port).connect();
    const ack = await chat.say('Trotzdem da');
    assert.ok(ack.number);
    chat.close();
    for (const c of idle) c.s.destroy();
});

const frames = [
    ['not JSON', '{'], ['an array', '[]'], ['no type', '{}'], ['unknown type', '{"t":"nope"}'], ['numbers for strings', '{"t":"msg","cid":5,"text":7}'],
    ['a cid of 65 bytes', JSON.stringify({ t: 'msg', cid: 'x'.repeat(65), text: 'a' })], ['seq beyond the head', '{"t":"read","seq":99999999999999}'], ['negative seq', '{"t":"got","seq":-1}'],
    ['deep nesting', `{"t":${'['.repeat(2000)}${']'.repeat(2000)}}`], ['lone surrogate', '{"t":"msg","cid":"s","text":"\\ud83d"}'], ['a second hello', '{"t":"hello","token":null,"last_seq":0}'],
    ['too long', JSON.stringify({ t: 'msg', cid: 'long', text: 'x'.repeat(4001) })],
];
test('chat: hostile frames get an error, the gateway goes on', { timeout: 60000 }, async () => {
    for (const [name, text] of frames) {
        const chat = await new Chat(gateway.port).connect();
        const n = chat.frames.length;
        chat.ws.send(text);
        const answered = chat.say(`Nach ${name}`).catch(() => null);
        await until(`an answer after ${name}`, () => chat.closed || chat.frames.length > n);
        await answered;
        chat.close();
    }
    const big = await new Chat(gateway.port).connect();
    big.ws.send('x'.repeat(200000));
    await until('1009', () => big.closed === 1009);
    assert.equal((await gateway.raw('GET', '/healthz')).status, 200);
});

/** A WebSocket by hand: the handshake, then whatever bytes a test makes up. */
async function socket(more = '') {
    const c = dial(gateway.port);
    c.s.write(`GET /channels/chat/socket HTTP/1.1\r\nHost: 127.0.0.1:${gateway.port}\r\nOrigin: http://127.0.0.1:${gateway.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\nSec-WebSocket-Protocol: draht.chat.v1\r\n${more}\r\n`);
    await until('the handshake', () => c.text.includes('\r\n\r\n') || c.closed);
    [c.head] = c.text.split('\r\n\r\n');
    assert.match(c.head, /^HTTP\/1\.1 101/);
    return c;
}
/** One frame; the mask is zero, so that the payload stands in it as it is. first: FIN, RSV and opcode. length: what it claims. */
function frame(first, payload, { masked = true, length = payload.length } = {}) {
    const size = length < 126 ? Buffer.from([length]) : length < 65536 ? Buffer.from([126, length >> 8, length & 255]) : Buffer.concat([Buffer.from([127, 0, 0, 0, 0]), Buffer.from(new Uint32Array([length]).buffer).reverse()]);
    if (masked) size[0] |= 0x80;
    return Buffer.concat([Buffer.from([first]), size, masked ? Buffer.alloc(4) : Buffer.alloc(0), Buffer.from(payload)]);
}
const HELLO = '{"t":"hello","lang":"de","token":null,"last_seq":0}';

test('chat: a message in a million frames of one byte each ends at the limit', { timeout: 120000 }, async () => {
    const c = await socket();
    c.s.write(Buffer.concat([...HELLO].map((x, i) => frame((i === HELLO.length - 1 ? 0x80 : 0) | (i ? 0 : 1), x))));
    await until('the welcome', () => c.text.includes('"t":"welcome"'));
    const block = Buffer.concat(Array.from({ length: 10000 }, () => frame(0, 'x')));
    c.s.write(frame(1, 'x'));
    for (let i = 0; i < 100 && !c.closed; i++) c.s.write(block);
    await until('1009', () => c.text.includes('\x03\xf1'));
    c.s.destroy();
});

// libwebsockets 4.1 reads a frame without a mask as it reads others; so it must meet the same limits.
for (const [what, bytes, code] of [
    ['a frame that claims 100 MB', frame(0x81, 'x'.repeat(1000), { length: 100 << 20 }), 1009],
    ['a frame without a mask, beyond the limit', frame(0x81, 'x'.repeat(1000), { length: 100 << 20, masked: false }), 1009],
    ['a packed frame that nobody agreed on', frame(0xc1, Buffer.alloc(100)), 1002],
    ['a binary frame', frame(0x82, HELLO), 1003],
    ['a continuation of nothing', frame(0x80, HELLO), 1002],
    ['a control frame of 126 bytes', frame(0x89, 'p'.repeat(126)), 0],
]) {
    test(`chat: ${what} ends its connection and no other`, { timeout: 30000 }, async () => {
        const other = await new Chat(gateway.port).connect();
        const c = await socket();
        c.s.write(bytes);
        await until('the end', () => c.closed || (code && c.text.includes(String.fromCharCode(code >> 8, code & 255))));
        assert.ok(!c.text.includes('"t":"welcome"'));
        assert.ok((await other.say(`Neben ${what}`)).number);
        other.close();
        c.s.destroy();
    });
}

test('chat: packing is declined; a flood of pings stops nobody', { timeout: 60000 }, async () => {
    const c = await socket('Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n');
    assert.doesNotMatch(c.head, /permessage-deflate/i);
    const other = await new Chat(gateway.port).connect();
    const block = Buffer.concat(Array.from({ length: 1000 }, () => frame(0x89, 'p'.repeat(125))));
    for (let i = 0; i < 100 && !c.closed; i++) c.s.write(block);
    assert.ok((await other.say('Neben der Flut')).number);
    await until('the flood to be read', () => c.closed || c.s.writableLength === 0, 30000);
    other.close();
    c.s.destroy();
});

test('chat: who answers no ping is asked after half a minute at most, and given up at the third', { timeout: 120000 }, async () => {
    const pinged = () => /\x89\x00/.test(silent.text.slice(silent.head.length));
    await until('a ping', pinged, 60000);
    assert.ok(!silent.closed);
    await until('the end', () => silent.closed, 110000);
    assert.ok(Date.now() - silent.began >= 50000, 'two were missed');
});
