// SPDX-License-Identifier: EUPL-1.2
// Promise: whatever somebody posts to the address of a provider, packed, without an end, beyond every limit or in the wrong form,
// costs its sender the connection and nobody else a message. One table over all channels that are posted to.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const net = require('node:net');
const { gzipSync } = require('node:zlib');
const { Gateway } = require('../lib/gateway');
const { until } = require('../lib/process');
const rows = require('../bench/channel-rows').rows.filter((r) => !r.has_program && r.name !== 'desk');

let gateway;
before(async () => {
    gateway = await new Gateway({ extra_channels: rows.map((r) => r.yaml).join('') }).start();
    await gateway.login();
}, { timeout: 60000 });
after(() => gateway?.close());

let count = 0;
const post = (x, headers = {}, body = x.body) => gateway.raw(x.method || 'POST', x.path, { ...x.headers, ...headers }, body);
const texts = async () => (await Promise.all((await gateway.api('GET', '/tickets?view=all&limit=200')).tickets.map((t) => gateway.api('GET', `/tickets/${t.number}`)))).flatMap((t) => t.items.map((i) => i.text || ''));
/** An honest message is taken. */
async function goes_on(row, what) {
    const text = `${row.name} nach ${what} ${++count}`;
    const a = await post(row.request(count, `s${count}`, text, gateway));
    assert.ok(a.status < 300, `${a.status} ${a.text}`);
    await until(`a message behind ${what}`, async () => (await texts()).some((t) => t.includes(text)), 30000);
}
/** By hand: a head, then what is said to be its body; resolves with what came back until it closed or done. */
function by_hand(row, lines, body) {
    const x = row.request(++count, `s${count}`, 'von Hand', gateway);
    const s = net.connect(gateway.port, '127.0.0.1');
    const c = { s, text: '', closed: false };
    s.on('data', (d) => (c.text += d.toString('latin1')));
    s.on('error', () => {});
    s.on('close', () => (c.closed = true));
    s.write(`${x.method || 'POST'} ${x.path} HTTP/1.1\r\nHost: 127.0.0.1:${gateway.port}\r\n${Object.entries(x.headers).map(([k, v]) => `${k}: ${v}\r\n`).join('')}${lines}\r\n`);
    s.write(body);
    return c;
}

for (const row of rows) {
    test(`${row.name}: packed, endless, huge, deep and empty bodies are refused, and the next message is taken`, { timeout: 90000 }, async () => {
        const open = by_hand(row, 'Transfer-Encoding: chunked\r\n', '5\r\n{"a":\r\n'); // its end never comes
        const huge = by_hand(row, 'Content-Length: 104857600\r\n', Buffer.alloc(200000, 0x20));
        await until('100 MB to be refused', () => huge.closed || /^HTTP\/1\.1 413/.test(huge.text));
        assert.doesNotMatch(huge.text, /^HTTP\/1\.1 2/);
        const x = row.request(++count, `s${count}`, `gepackt ${row.name}`, gateway);
        const bomb = gzipSync(Buffer.alloc(10 << 20, 0x20));
        const bodies = [[gzipSync(x.body), { 'content-encoding': 'gzip' }], [bomb, { 'content-encoding': 'gzip' }], [Buffer.from('['.repeat(10000)), {}], [Buffer.from('\0\xff\xfe'), {}], [Buffer.alloc(0), {}]];
        for (const [body, headers] of bodies) {
            const a = await post(x, { ...headers, 'content-length': body.length }, body);
            assert.ok(a.status >= 400, `${body.subarray(0, 10).toString('latin1')}: ${a.status}`);
        }
        assert.ok(!(await texts()).some((t) => t.includes('gepackt')));
        await goes_on(row, 'allem');
        open.s.destroy();
        huge.s.destroy();
    });
}

test('what follows one request is not part of it: two in one, a length twice, chunks and a length', { timeout: 60000 }, async () => {
    for (const row of rows) {
        for (const [lines, body] of [['Content-Length: 2\r\nContent-Length: 200\r\n', 'x'.repeat(200)], ['Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n']]) {
            const c = by_hand(row, lines, body);
            await until('the end of the connection', () => c.closed);
            assert.doesNotMatch(c.text, /^HTTP\/1\.1 2/, row.name);
            assert.ok(c.text.split('HTTP/1.1 ').length <= 2, `${row.name}: ${c.text}`);
            c.s.destroy();
        }
        await goes_on(row, 'zwei Längen');
    }
});
