// SPDX-License-Identifier: EUPL-1.2
// Promise: what the border offers to channels in C, the wire offers to programs: ordered state, tickets, mails aside, long answers, leases;
// each within its limits, and a program that does not read harms itself alone.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const http = require('node:http');
const fs = require('node:fs');
const path = require('node:path');
const { randomUUID } = require('node:crypto');
const WebSocket = require('ws');
const { Gateway, ROOT } = require('../lib/gateway');
const { outgoing } = require('../lib/mail');
const { until, scratch } = require('../lib/process');

const PROGRAM = path.join(ROOT, 'tests/plugins/exec/puppet.py');
const MENDED = path.join(scratch('mended'), 'program');
let g, peer, base;
const streams = []; /* open answers of the peer */

before(async () => {
    peer = http.createServer((q, a) => {
        const { pathname, searchParams } = new URL(q.url, base);
        let got = 0;
        q.on('data', (c) => (got += c.length)).on('end', () => {
            if (pathname === '/events') {
                a.writeHead(200, { 'content-type': 'text/event-stream' });
                a.write('data: first\n\n');
                streams.push(a);
            } else if (pathname === '/moved') a.writeHead(302, { location: `${base}/bytes?n=5` }).end();
            else if (pathname === '/none') a.writeHead(404).end('nothing here');
            else if (pathname === '/bytes') a.end('b'.repeat(Number(searchParams.get('n'))));
            else a.end(`got ${got}`);
        });
    });
    await new Promise((done) => peer.listen(0, '127.0.0.1', done));
    base = `http://127.0.0.1:${peer.address().port}`;
    const channel = (id, word, timeout = 5) => `  - id: ${id}\n    type: exec\n    queue: buergerbuero\n    options:\n      command: [${PROGRAM}, ${word}]\n      timeout_s: ${timeout}\n      settings: {peer: "${base}"}\n`;
    const broken = channel('broken', 'plain').replace(PROGRAM, MENDED);
    fs.writeFileSync(MENDED, '#!/bin/sh\necho "no paper" >&2\nexit 3\n', { mode: 0o755 });
    g = new Gateway({ extra_channels: broken + channel('prog', 'plain') + channel('slow', 'plain', 2) + channel('holder', 'lease') + channel('deaf', 'plain', 600) });
    await g.start();
    await g.login();
    for (const id of ['prog', 'slow', 'holder', 'deaf']) await up(id);
}, { timeout: 90000 });
after(async () => {
    streams.forEach((s) => s.destroy());
    peer.closeAllConnections();
    peer.close();
    await g.close();
    fs.rmSync(path.dirname(MENDED), { recursive: true, force: true });
});

const state = async (id) => (await g.api('GET', '/settings')).channels.find((c) => c.id === id);
const up = (id) => until(`${id} to be ready`, async () => (await state(id)).up, 60000);
const tell = async (method, params, more = {}, id = 'prog') => {
    const a = await g.raw('POST', `/channels/${id}/do`, { 'content-type': 'application/json' }, JSON.stringify({ method, params, ...more }));
    assert.equal(a.status, 200, `${method}: ${a.status} ${a.text}`);
    return a;
};
/** What Draht answers to the program: its result, or the code of its error. */
const ask = async (method, params, id) => {
    const { result, error } = (await tell(method, params, {}, id)).json;
    return error ? error.code : result;
};
const seen = async (what, id = 'prog') => (await g.raw('GET', `/channels/${id}/seen`)).json.filter((o) => o[what]).map((o) => o[what]);
const BAD = -32602;
let nr = 0;
async function citizen(id = 'prog') {
    const number = `n${++nr}`;
    return ask('inbound', { external_id: number, sender: `s${number}`, thread: `t${number}`, text: 'Frage', status_url: 'https://stadt.test/s/1' }, id);
}

test('a conversation under watch: what others do to it, and its place among those who wait', async () => {
    const [a, b] = [await citizen(), await citizen()];
    const thread = `tn${nr}`;
    const place = async () => (await seen('notify')).findLast((n) => n.thread === thread && n.what === 'place')?.detail;
    assert.deepEqual(await ask('watch', { thread }), {});
    assert.deepEqual(await ask('watch.place', { thread }), {});
    await until('its place', async () => Number(await place()) >= 1);
    const before = Number(await place());
    await g.api('POST', `/tickets/${a.message.split('.')[0]}/messages`, { kind: 'reply', text: 'Gern', client_id: randomUUID() }, 202);
    await until('it moves up', async () => Number(await place()) === before - 1);
    await g.api('POST', `/tickets/${b.message.split('.')[0]}/messages`, { kind: 'reply', text: 'Gern', client_id: randomUUID() }, 202);
    await until('it waits no more', async () => (await place()) === '');
    assert.ok((await seen('notify')).some((n) => n.thread === thread && n.what === 'items'));
    assert.deepEqual(await ask('watch.place', { thread, on: false }), {});
    assert.deepEqual(await ask('watch', { thread, on: false }), {});
});

test('small state in order', async () => {
    for (const [key, score] of [['a', 10], ['b', 30], ['c', 20]]) {
        assert.deepEqual(await ask('state.set', { key, value: `value of ${key}` }), {});
        assert.deepEqual(await ask('state.rank', { index: 'all', key, score }), {});
    }
    assert.deepEqual(await ask('state.ranked', { index: 'all' }), { values: ['value of b', 'value of c', 'value of a'] });
    assert.deepEqual(await ask('state.ranked', { index: 'all', min: 10, max: 20, skip: 1, limit: 1 }), { values: ['value of a'] });
    await ask('state.del', { key: 'c' });
    assert.deepEqual(await ask('state.ranked', { index: 'all' }), { values: ['value of b', null, 'value of a'] });
    assert.deepEqual(await ask('state.rank', { index: 'all', key: 'a', score: 40, cut: 25 }), {});
    assert.deepEqual(await ask('state.ranked', { index: 'all' }), { values: ['value of a', 'value of b'] });
    const long = (n) => 'k'.repeat(n);
    assert.deepEqual(await ask('state.rank', { index: long(200), key: long(200), score: 1 }), {});
    for (const p of [{ index: long(201), key: 'a', score: 1 }, { index: 'i', key: long(201), score: 1 }, { index: 'i', key: 'a' }, { index: 'i', key: 'a', score: 1.5 }])
        assert.equal(await ask('state.rank', p), BAD, JSON.stringify(p).slice(0, 60));
    assert.deepEqual(await ask('state.ranked', { index: 'none', limit: 200 }), { values: [] });
    for (const p of [{ limit: 201 }, { limit: 0 }, { skip: -1 }]) assert.equal(await ask('state.ranked', { index: 'i', ...p }), BAD);
});

test('its own tickets, and nobody else\'s', async () => {
    const mine = await citizen();
    const other = await citizen('slow');
    const numbers = [mine.ticket, other.ticket, '2000-000001'];
    const [t, ...rest] = (await ask('tickets', { numbers })).tickets;
    assert.deepEqual(rest, []);
    assert.equal(t.number, mine.ticket);
    assert.equal(t.closed, false);
    assert.equal(t.erased, false);
    assert.ok(t.updated_ms > 0);
    const many = (n) => Array.from({ length: n }, (_, i) => `2000-${String(i).padStart(6, '0')}`);
    assert.deepEqual(await ask('tickets', { numbers: many(200) }), { tickets: [] });
    for (const list of [many(201), [], 'x', [7], ['']]) assert.equal(await ask('tickets', { numbers: list }), BAD);
});

test('a mail aside; none for a conversation that is looked at', { timeout: 120000 }, async () => {
    const mine = await citizen();
    assert.deepEqual(await ask('aside', { ticket: mine.ticket, recipient: 'jana@example.org', text: 'Bitte bestätigen Sie.', key: 'confirm' }), {});
    await until('the mail', () => outgoing(g).find((m) => /jana@example\.org/.test(m) && /Bitte best/.test(m)), 60000);
    const replied = async (of) => {
        const m = await g.api('POST', `/tickets/${of.ticket}/messages`, { kind: 'reply', text: 'Antwort', attachments: [], client_id: randomUUID() }, 202);
        await until('the reply to be sent', async () => (await g.api('GET', `/tickets/${of.ticket}`)).items.find((i) => i.id === m.id).delivery.state === 'sent', 30000);
        return m.id;
    };
    const asides = async (of) => (await g.api('GET', `/tickets/${of.ticket}`)).items.filter((i) => i.recipient);
    const about = await replied(mine);
    assert.deepEqual(await ask('present', { thread: `tn${nr}`, present: true }), {});
    assert.deepEqual(await ask('aside', { ticket: mine.ticket, recipient: 'nobody@example.org', text: 'Ungelesen', about }), {});
    await until('it to be dropped', async () => (await asides(mine)).some((i) => i.recipient === 'nobody@example.org' && i.delivery.state === 'cancelled'), 60000);
    const gone = await citizen();
    await ask('present', { thread: `tn${nr}`, present: true });
    await ask('present', { thread: `tn${nr}`, present: false });
    assert.deepEqual(await ask('aside', { ticket: gone.ticket, recipient: 'away@example.org', text: 'Ungelesen', about: await replied(gone) }), {});
    await until('the second mail', () => outgoing(g).find((m) => /away@example\.org/.test(m)), 60000);
    const p = { ticket: mine.ticket, recipient: 'a@example.org', text: 'x' };
    for (const wrong of [{ text: 'x'.repeat(65537) }, { text: '' }, { recipient: '' }, { ticket: 'x'.repeat(65) }, { key: 'x'.repeat(201) }, { delay_ms: 7 * 86400000 + 1 }, { delay_ms: -1 }])
        assert.equal(await ask('aside', { ...p, ...wrong }), BAD);
    assert.deepEqual(await ask('aside', { ...p, text: 'x'.repeat(65536), key: 'k'.repeat(200), delay_ms: 7 * 86400000 }), {});
});

test('conversations that are looked at are counted', async () => {
    for (let i = 0; i < 1000; i++) await tell('present', { thread: `v${i}` }, { background: true }, 'slow');
    assert.deepEqual(await ask('present', { thread: 'v999' }, 'slow'), {}, 'known already');
    assert.equal(await ask('present', { thread: 'one more' }, 'slow'), -32001);
    await ask('present', { thread: 'v0', present: false }, 'slow');
    assert.deepEqual(await ask('present', { thread: 'one more' }, 'slow'), {});
});

test('answers whole: 256 KiB in a line, more in a file; bodies from a file; redirects only when asked', async () => {
    const get = (p, more) => ask('http.request', { url: base + p, ...more });
    assert.equal((await get('/bytes?n=262144')).length, 262144);
    assert.equal(await get('/bytes?n=262145'), -32002);
    const file = await get(`/bytes?n=${25 << 20}`, { answer: 'file' });
    assert.equal(file.length, 25 << 20);
    assert.equal((await tell('read', { file: file.file })).text, `${25 << 20} ${'b'.repeat(40)}`);
    assert.equal(await get(`/bytes?n=${(25 << 20) + 1}`, { answer: 'file' }), -32002);
    await tell('write', { name: 'upload', length: 300000 });
    assert.equal((await get('/take', { method: 'POST', body_file: 'upload' })).body, 'got 300000');
    assert.equal(await get('/take', { method: 'POST', body_file: '../secret' }), BAD);
    assert.equal(await get('/take', { method: 'POST', body_file: 'upload', body: 'both' }), BAD);
    assert.equal((await get('/moved')).status, 302);
    assert.equal((await get('/moved', { redirect: true })).body, 'bbbbb');
    assert.equal((await get('/none', { once: true })).status, 404);
    for (const wrong of [{ answer: 'pigeon' }, { answer: 'stream' }, { answer: 'stream', stream: 's'.repeat(65) }, { timeout_ms: 120001 }, { headers: { 'a b': 'c' } }])
        assert.equal(await get('/none', wrong), BAD, JSON.stringify(wrong).slice(0, 60));
});

test('a long answer comes in pieces, ends, or is cancelled', async () => {
    const chunks = async (name) => (await seen('http.chunk')).filter((c) => c.stream === name);
    const bytes = async (name) => (await chunks(name)).map((c) => c.body).join('');
    const length = async (name) => (await chunks(name)).reduce((n, c) => n + (c.length || c.body.length), 0);
    const open = (name) => tell('http.request', { url: `${base}/events`, answer: 'stream', stream: name, timeout_ms: 60000 }, { background: true });
    await open('one');
    await until('the first piece', async () => (await bytes('one')) === 'data: first\n\n');
    const big = `data: ${'z'.repeat(200000)}\n\n`;
    streams[0].write(big);
    await until('all of a large piece', async () => (await length('one')) === big.length + 13);
    assert.ok((await chunks('one')).every((c) => (c.length || 0) <= 65536));
    assert.equal(await ask('http.request', { url: `${base}/events`, answer: 'stream', stream: 'one' }), BAD, 'the name is taken');
    streams[0].end();
    const results = async () => (await seen('answer')).filter((a) => a.result && a.result.status);
    await until('the end', async () => (await results()).length === 1);
    assert.equal((await results())[0].result.status, 200);
    await open('two');
    await until('the next', async () => (await bytes('two')) === 'data: first\n\n');
    assert.deepEqual(await ask('http.cancel', { stream: 'two' }), {});
    assert.equal(await ask('http.cancel', { stream: 'two' }), -32003);
    await until('the peer to be left', () => streams[1].destroyed || streams[1].socket.destroyed);
    assert.equal((await ask('http.request', { url: `${base}/none`, answer: 'stream', stream: 'x' })).body, 'nothing here', 'only a 200 is streamed');
    const before_eight = streams.length;
    for (let i = 0; i < 8; i++) await open(`s${i}`);
    await until('eight streams', () => streams.length === before_eight + 8);
    assert.equal(await ask('http.request', { url: `${base}/events`, answer: 'stream', stream: 'ninth' }), BAD);
    for (let i = 0; i < 8; i++) assert.deepEqual(await ask('http.cancel', { stream: `s${i}` }), {});
});

test('a program that does not answer to pieces loses the stream, and nothing else', { timeout: 60000 }, async () => {
    await tell('silent', { silent: true });
    const errors = async () => (await seen('answer')).filter((a) => a.error && /keep up/.test(a.error.message)).length;
    const open = (name) => tell('http.request', { url: `${base}/events`, answer: 'stream', stream: name, timeout_ms: 60000 }, { background: true });
    const pieces = async (name) => (await seen('http.chunk')).filter((c) => c.stream === name).length;
    await open('silent');
    for (let n = 1; n <= 16; n++) {
        await until(`piece ${n}`, async () => (await pieces('silent')) === n);
        if (n < 16) streams.at(-1).write(`data: ${n}\n\n`);
    }
    assert.equal(await errors(), 0, '16 may wait');
    streams.at(-1).write('data: 17\n\n');
    await until('the stream to be ended', async () => (await errors()) === 1);
    await tell('silent', { silent: false });
    assert.equal((await state('prog')).up, true);
});

/** A browser's WebSocket to the program; texts and the code that closed it. */
function socket(id, { origin = 'https://stadt.test', protocol = 'live.v1' } = {}) {
    const ws = new WebSocket(`ws://127.0.0.1:${g.port}/channels/${id}/live`, [protocol], { origin });
    const s = { ws, texts: [] };
    ws.on('message', (t) => s.texts.push(String(t))).on('close', (code, reason) => Object.assign(s, { code, reason: String(reason) }));
    s.opened = new Promise((done) => ws.on('open', () => done(true)).on('unexpected-response', (q, a) => done(a.statusCode)).on('error', () => done(0)));
    return s;
}
const route = (id, more) => ask('socket.route', { path: '/live', protocol: 'live.v1', origins: 'https://stadt.test http://127.0.0.1:8080', ...more }, id);

test('WebSockets: texts both ways in order, either side closes, strangers are refused', { timeout: 60000 }, async () => {
    for (const wrong of [{ path: 'live' }, { path: '/li*' }, { path: `/${'p'.repeat(200)}` }, { protocol: '' }, { protocol: 'a b' }, { protocol: 'p'.repeat(64) }, { origins: 'stadt.test' }, { origins: 'x'.repeat(4001) }])
        assert.equal(await route('prog', wrong), BAD, JSON.stringify(wrong).slice(0, 60));
    assert.deepEqual(await route('prog'), {});
    assert.deepEqual(await route('prog'), {}, 'the same again is no fault');
    assert.equal(await route('prog', { path: '/other' }), -32002);
    assert.equal(await socket('prog', { origin: 'https://evil.test' }).opened, 403);
    const a = socket('prog');
    const b = socket('prog', { origin: 'http://127.0.0.1:8080' });
    assert.equal(await a.opened, true);
    assert.equal(await b.opened, true);
    const opened = await until('both to be told', async () => ((all) => all.length === 2 && all)(await seen('socket.open')));
    assert.equal(opened[0].peer, '127.0.0.1');
    const [one, two] = opened.map((o) => o.socket);
    for (let i = 0; i < 50; i++) {
        (i % 2 ? b : a).ws.send(`Satz ${i} "ü"\n`);
        if (i % 10 === 9) await until('them to be read', async () => (await seen('socket.text')).length === i + 1);
    }
    const heard = await seen('socket.text');
    const mine = heard[0].text.startsWith('Satz 0') ? heard[0].socket : heard.find((t) => t.text.startsWith('Satz 0')).socket;
    const other = mine === one ? two : one;
    assert.deepEqual(heard.filter((t) => t.socket === mine).map((t) => t.text), Array.from({ length: 25 }, (_, i) => `Satz ${2 * i} "ü"\n`));
    assert.equal(heard.filter((t) => t.socket === other).length, 25);
    for (let i = 0; i < 20; i++) assert.deepEqual(await ask('socket.send', { socket: mine, text: `Antwort ${i}` }), {});
    await until('the answers', () => a.texts.length === 20);
    assert.deepEqual(a.texts, Array.from({ length: 20 }, (_, i) => `Antwort ${i}`));
    assert.deepEqual(b.texts, []);
    const long = async (n) => (await tell('socket.send', { socket: mine }, { fill: ['text', n] })).json;
    assert.deepEqual((await long(262144)).result, {});
    assert.equal((await long(262145)).error.code, BAD);
    for (const [p, code] of [[{ socket: mine }, BAD], [{ socket: 999999, text: 'x' }, -32003], [{ text: 'x' }, -32003]]) assert.equal(await ask('socket.send', p), code);
    for (const p of [{ code: 1001 }, { code: 2999 }, { code: 5000 }, { reason: 'r'.repeat(121) }]) assert.equal(await ask('socket.close', { socket: mine, ...p }), BAD);
    assert.deepEqual(await ask('socket.close', { socket: mine, code: 4000, reason: 'Feierabend' }), {});
    await until('the close', () => a.code === 4000);
    assert.equal(a.reason, 'Feierabend');
    assert.equal(await ask('socket.close', { socket: mine }), -32003);
    assert.ok(!(await seen('socket.close')).some((c) => c.socket === mine), 'what it closed itself it is not told');
    b.ws.close(1000);
    await until('the program to be told', async () => (await seen('socket.close')).some((c) => c.socket === other));
    assert.equal(await ask('socket.send', { socket: other, text: 'x' }), -32003);
});

test('WebSockets of a program that does not answer, or ends, are closed; new ones wait until it is there', { timeout: 90000 }, async () => {
    await tell('silent', { silent: true });
    const slow = socket('prog');
    assert.equal(await slow.opened, true);
    for (let i = 0; i < 16; i++) slow.ws.send(`${i}`);
    await until('sixteen', async () => (await seen('socket.text')).length >= 66);
    assert.equal(slow.code, undefined, '16 may wait');
    slow.ws.send('one more');
    await until('the close', () => slow.code === 1013);
    await tell('silent', { silent: false });
    assert.equal((await state('prog')).up, true);
    assert.deepEqual(await route('holder', { origins: '' }), {}, 'anybody');
    const s = socket('holder', { origin: 'https://anything.test' });
    assert.equal(await s.opened, true);
    const restarts = () => g.process.output.match(/exec\.restart channel=holder /g)?.length || 0;
    const begun = restarts();
    await g.raw('POST', '/channels/holder/do', {}, JSON.stringify({ method: 'die', params: {} }));
    await until('the close', () => s.code === 1012);
    await until('the restart', () => restarts() > begun);
    assert.ok([true, 503].includes(await socket('holder').opened));
    await up('holder');
    const again = socket('holder');
    assert.equal(await again.opened, true, 'the route is still there');
    await until('the new one to be told', async () => (await seen('socket.open', 'holder')).length > 0);
    assert.deepEqual(await seen('socket.close', 'holder'), [], 'of the old sockets it hears nothing');
    again.ws.close();
});

test('a thousand WebSockets, and not one more', { timeout: 90000 }, async () => {
    assert.deepEqual(await route('slow'), {});
    const all = [];
    for (let i = 0; i < 20; i++) {
        const some = Array.from({ length: 50 }, () => socket('slow'));
        for (const s of some) assert.equal(await s.opened, true);
        all.push(...some);
    }
    assert.equal(await socket('slow').opened, 503);
    all.pop().ws.close();
    await until('room for another', async () => {
        const s = socket('slow');
        all.push(s);
        return (await s.opened) === true;
    });
    for (const s of all) s.ws.terminate();
    await until('the program to be told of all', async () => (await seen('socket.close', 'slow')).length === 1001, 30000);
});

test('a lease stays with the channel while its program is started anew', { timeout: 60000 }, async () => {
    await until('the lease', async () => (await seen('lease', 'holder')).some((l) => l.held), 30000);
    assert.deepEqual(await ask('lease', { name: 'poll' }, 'holder'), {}, 'the same again is no fault');
    assert.equal(await ask('lease', { name: 'another' }, 'holder'), -32002);
    await g.raw('POST', '/channels/holder/do', {}, JSON.stringify({ method: 'die', params: {} }));
    await until('the restart', () => /exec\.restart channel=holder /.test(g.process.output), 20000);
    await up('holder');
    await until('the new one to hear of it', async () => (await seen('lease', 'holder')).some((l) => l.held), 30000);
});

test('what only the program knows, it offers later', async () => {
    assert.deepEqual(await ask('offer', { caps: ['attachments', 'first'], text_max: 160, concurrency: 64 }), {});
    for (const p of [{ caps: ['flying'] }, { concurrency: 65 }, { concurrency: 0 }, { text_max: -1 }]) assert.equal(await ask('offer', p), BAD);
});

test('limits of files are shown to staff, wrong ones are refused', async () => {
    const files = { count_max: 3, total_max: 9000, kinds: [{ types: 'image/png image/jpeg', bytes_max: 4000 }, { types: 'text/*', bytes_max: 0 }] };
    assert.deepEqual(await ask('files', files), {});
    assert.deepEqual((await g.api('GET', '/settings')).channels.find((c) => c.files)?.files, files);
    for (const p of [{ count_max: -1 }, { total_max: -1 }, { kinds: 'all' }, { kinds: [{ types: '' }] }, { kinds: [7] }, { kinds: [{ types: 'a/b', bytes_max: -1 }] }, { kinds: Array(17).fill({ types: 'a/b' }) }]) assert.equal(await ask('files', p), BAD, JSON.stringify(p));
    assert.deepEqual(await ask('files', { kinds: Array(16).fill({ types: 'a/b' }) }), {});
});

test('limits of texts are shown to staff, wrong ones are refused', async () => {
    const text = { unit: 'sms', message_max: 0, messages_max: 6, header_bytes: 7, is_plain: true, is_latin1: false, late_max: 1024 };
    assert.deepEqual(await ask('text', { ...text, window_hours: 12 }), {});
    const c = (await g.api('GET', '/settings')).channels.find((x) => x.text);
    assert.deepEqual(c.text, text);
    assert.equal(c.reply_window_hours, 12);
    for (const p of [{ unit: 'pages' }, { message_max: -1 }, { late_max: 2 ** 31 }]) assert.equal(await ask('text', p), BAD, JSON.stringify(p));
    assert.deepEqual(await ask('text', {}), {});
    assert.deepEqual((await g.api('GET', '/settings')).channels.find((x) => x.text).text, { unit: 'points', message_max: 0, messages_max: 0, header_bytes: 6, is_plain: false, is_latin1: false, late_max: 0 });
});

test('without a scanner nobody looked', async () => {
    await tell('write', { name: 'file', length: 10 });
    assert.equal(await ask('scan', { file: 'file' }), -32001);
    assert.equal(await ask('scan', { file: '/etc/passwd' }), BAD);
});

test('a program that does not read: 4 MiB wait for it, with more it is ended, the others go on', { timeout: 120000 }, async () => {
    await tell('deaf', {}, {}, 'deaf');
    const posts = [];
    const post = () => posts.push(g.raw('POST', '/channels/deaf/sink', { 'content-type': 'text/plain' }, 'd'.repeat(262000)).then((a) => a.status, (e) => e.message));
    for (let i = 0; i < 15; i++) post();
    await g.api('GET', '/settings'); /* the gateway is there, and has taken some */
    assert.equal((await state('deaf')).up, true, 'under 4 MiB it may be slow');
    for (let i = 0; i < 12; i++) post();
    await until('it to be ended', () => /exec\.broken channel=deaf .*does not read/.test(g.process.output), 60000);
    for (const status of await Promise.all(posts)) assert.equal(status, 503);
    await until('it to be there again', async () => (await state('deaf')).up, 60000);
    assert.equal((await ask('fact', { name: 'city.name' }, 'deaf')).value, 'Teststadt');
    assert.equal((await state('prog')).up, true);
});

test('a program that ends at once, again and again: ever later, with the reason, nobody else is harmed, and it comes back when mended', { timeout: 120000 }, async () => {
    const restarts = () => [...g.process.output.matchAll(/exec\.restart channel=broken delay_ms=(\d+) fails=(\d+) why=(.*)/g)];
    await until('four starts to fail', () => restarts().length >= 4, 60000);
    for (const [i, [, delay, fails, why]] of restarts().slice(0, 4).entries()) {
        assert.equal(Number(fails), i + 1);
        assert.ok(Number(delay) >= 375 * 2 ** i && Number(delay) <= 625 * 2 ** i, `${delay} ms after ${fails}`);
        assert.match(why, /status 3/);
    }
    assert.match(g.process.output, /exec\.stderr channel=broken no paper/);
    const { up: is_up, sentence } = await state('broken');
    assert.equal(is_up, false);
    assert.match(sentence, /The program ended \(status 3, signal 0\)/);
    assert.equal((await ask('fact', { name: 'city.name' })).value, 'Teststadt');
    fs.writeFileSync(`${MENDED}.new`, `#!/bin/sh\nexec ${PROGRAM}\n`, { mode: 0o755 });
    fs.renameSync(`${MENDED}.new`, MENDED);
    await up('broken');
    assert.equal((await ask('fact', { name: 'city.name' }, 'broken')).value, 'Teststadt');
});
