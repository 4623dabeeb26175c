// SPDX-License-Identifier: EUPL-1.2
// Promise: no input ends the process, and nobody's bad input stops others.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const net = require('node:net');
const { Gateway } = require('../lib/gateway');
const { Chat } = require('../lib/chat');
const { until } = require('../lib/process');

let gateway;
before(async () => {
    gateway = await new Gateway().start();
    await gateway.login();
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
