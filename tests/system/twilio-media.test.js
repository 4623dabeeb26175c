// SPDX-License-Identifier: EUPL-1.2
// Promise: files of a reply reach Twilio, which fetches them by signed addresses (HEAD, then GET) that hold over a restart and end with
// delivery, erasure, time and number; nobody else gets a file, and what Twilio does not take is refused before anything is sent.
// The provider is a FAKE, written from the published contract; its signatures are npm twilio's.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const http = require('node:http');
const net = require('node:net');
const { randomUUID } = require('node:crypto');
const { getExpectedTwilioSignature } = require('twilio/lib/webhooks/webhooks');
const { Gateway } = require('../lib/gateway');
const { until } = require('../lib/process');

const SID = 'ACtaubenschlag', TOKEN = 'token-of-the-city', CITY = '+4930990011';
const PNG = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.from('a picture of the street lamp'.repeat(40))]);
const PDF = Buffer.from('%PDF-1.7 a paper');
let gateway, api, base, fetches = true;
const sent = [], fetched = [];

const ask = (method, url, headers = {}) => new Promise((resolve, reject) => {
    const r = http.request(url, { method, headers, agent: false }, (a) => {
        const parts = [];
        a.on('data', (c) => parts.push(c));
        a.on('end', () => resolve({ status: a.statusCode, headers: a.headers, bytes: Buffer.concat(parts) }));
    });
    r.on('error', reject);
    r.end();
});

before(async () => {
    api = http.createServer((q, a) => {
        let body = '';
        q.on('data', (c) => (body += c));
        q.on('end', async () => {
            const form = new URLSearchParams(body);
            const media = form.getAll('MediaUrl');
            for (const url of fetches ? media : []) fetched.push({ url, head: await ask('HEAD', url), get: await ask('GET', url) });
            sent.push({ form, media, url: q.url, callback: form.get('StatusCallback') });
            a.writeHead(201, { 'content-type': 'application/json' });
            a.end(JSON.stringify({ sid: `MM${sent.length}`, status: 'queued', num_media: String(media.length) }));
        });
    });
    await new Promise((done) => api.listen(0, '127.0.0.1', done));
    const channel = (id, more) => `  - id: ${id}
    type: twilio
    queue: buergerbuero
    options:
      account_sid: ${SID}
      auth_token: ${TOKEN}
      from: "${CITY}"
      api_url: "http://127.0.0.1:${api.address().port}"
${more}`;
    gateway = await new Gateway({ extra_channels: channel('mms', '      media: true\n') + channel('mms2', '      media: true\n') + channel('plain', '') }).start();
    await gateway.login();
    base = `http://127.0.0.1:${gateway.port}`;
}, { timeout: 60000 });
after(async () => {
    await gateway?.close();
    api?.close();
});

let count = 0;
const post = (url, fields, token = TOKEN) => gateway.raw('POST', new URL(url, base).pathname, {
    'content-type': 'application/x-www-form-urlencoded', 'x-twilio-signature': getExpectedTwilioSignature(token, new URL(url, base).href, fields) }, new URLSearchParams(fields).toString());
async function ask_city(channel = 'mms') {
    const text = `Frage ${++count}`;
    assert.equal((await post(`/channels/${channel}/message`, { MessageSid: `SMin${count}`, AccountSid: SID, From: `+4915100000${count}`, To: CITY, Body: text, NumMedia: '0' })).status, 200);
    return (await gateway.api('GET', '/tickets?view=all&limit=200')).tickets.find((t) => t.preview.includes(text) || t.subject.includes(text)).number;
}
const upload = async (name, bytes) => (await gateway.raw('POST', `/api/v1/uploads?name=${encodeURIComponent(name)}`, { cookie: gateway.cookie, 'x-csrf-token': gateway.csrf, 'content-type': 'application/octet-stream' }, bytes)).json;
const reply = (number, text, attachments) => gateway.api('POST', `/tickets/${number}/messages`, { kind: 'reply', text, attachments, client_id: randomUUID() }, 202);
const delivery = async (number, text) => (await gateway.api('GET', `/tickets/${number}`)).items.find((i) => i.text === text)?.delivery;
const state = (number, text, want) => until(`${text} to be ${want}`, async () => (await delivery(number, text))?.state === want);
/** A reply with the picture, at the provider; its address. */
async function send_picture(text, channel = 'mms') {
    const number = await ask_city(channel);
    await reply(number, text, [await upload('Lage plan.png', PNG)]);
    await state(number, text, 'sent');
    const s = sent.find((x) => x.form.get('Body')?.startsWith(text));
    return { number, s, url: s.media[0] };
}
const receipt = (s, what, token) => post(s.callback, { MessageSid: `MM${sent.indexOf(s) + 1}`, AccountSid: SID, MessageStatus: what }, token);

test('two files go out in one message, are fetched by HEAD and GET, and are gone when it is delivered', async () => {
    const number = await ask_city();
    const text = 'Hier sind Plan und Brief.';
    await reply(number, text, [await upload('Lageplan Süd.png', PNG), await upload('brief.pdf', PDF)]);
    await state(number, text, 'sent');
    const s = sent.find((x) => x.form.get('Body')?.startsWith(text));
    assert.equal(s.media.length, 2);
    assert.equal(sent.filter((x) => x.form.get('Body')?.startsWith(text)).length, 1);
    for (const [i, type, name, bytes] of [[0, 'image/png', 'LageplanSd.png', PNG], [1, 'application/pdf', 'brief.pdf', PDF]]) {
        const { head, get, url } = fetched.find((f) => f.url === s.media[i]);
        assert.ok(url.startsWith(`${base}/channels/mms/media/`), url);
        assert.ok(!url.includes(number));
        for (const a of [head, get]) {
            assert.equal(a.status, 200);
            assert.equal(a.headers['content-type'], type);
            assert.equal(a.headers['content-length'], String(bytes.length));
            assert.equal(a.headers['content-disposition'], `inline; filename="${name}"`);
            assert.equal(a.headers['cache-control'], 'no-store');
            assert.equal(a.headers['x-content-type-options'], 'nosniff');
            assert.match(a.headers['content-security-policy'], /sandbox/);
        }
        assert.equal(head.bytes.length, 0);
        assert.ok(get.bytes.equals(bytes));
    }
    assert.equal((await receipt(s, 'sent')).status, 200);
    assert.equal((await ask('GET', s.media[0])).status, 200);
    assert.equal((await receipt(s, 'delivered', 'another-token')).status, 403);
    assert.equal((await ask('GET', s.media[0])).status, 200);
    assert.equal((await receipt(s, 'delivered')).status, 200);
    await state(number, text, 'delivered');
    for (const url of s.media) await until('the address to end', async () => (await ask('GET', url)).status === 410);
});

test('an address holds over a restart between sending and fetching', { timeout: 60000 }, async () => {
    fetches = false;
    const { number, s, url } = await send_picture('Vor dem Neustart');
    fetches = true;
    assert.equal(await gateway.stop(), 0);
    await gateway.spawn();
    await gateway.login();
    const a = await ask('GET', url);
    assert.equal(a.status, 200);
    assert.ok(a.bytes.equals(PNG));
    assert.equal((await receipt(s, 'undelivered')).status, 200);
    await state(number, 'Vor dem Neustart', 'failed');
    await until('the address to end', async () => (await ask('GET', url)).status === 410);
});

test('forged, foreign and odd addresses get nothing, and the log keeps none', async () => {
    const { url } = await send_picture('Nur für den Anbieter');
    const token = url.split('/').pop(), [handle, file, until_ms, signature] = token.split('.');
    const at = (path) => ask('GET', base + path);
    const forged = [[handle, '1', until_ms, signature], [handle, file, String(Number(until_ms) + 1), signature], [handle.replace(/./, (c) => (c === '0' ? '1' : '0')), file, until_ms, signature],
        [handle, file, until_ms, `A${signature.slice(1)}`], [handle, file, until_ms, ''], [handle, file, until_ms], [handle.toUpperCase(), file, until_ms, signature], [handle, `0${file}`, until_ms, signature]];
    for (const t of forged.map((x) => x.join('.')).filter((t) => t !== token)) assert.equal((await at(`/channels/mms/media/${t}`)).status, 404, t);
    for (const path of [`/channels/mms2/media/${token}`, '/channels/mms/media/', `/channels/mms/media/${token}/x`, `/channels/mms/media/x/${token}`, `/channels/mms/media/${token}%20`, `/channels/mms/media/${'a'.repeat(1000)}`,
        '/channels/mms/media/%2e%2e%2f%2e%2e%2fetc%2fpasswd', `/channels/plain/media/${token}`]) assert.equal((await at(path)).status, 404, path);
    for (const path of [`/channels/mms/media/${token}%00`, `/channels/mms/media/${'a'.repeat(5000)}`]) assert.notEqual((await at(path).catch(() => ({ status: 0 }))).status, 200, path);
    const raw = await new Promise((done) => { /* as it stands: clients take such steps out */
        let got = '';
        const c = net.connect(gateway.port, '127.0.0.1', () => c.end(`GET /channels/mms/media/../../../../etc/passwd HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`));
        c.on('data', (d) => (got += d)).on('close', () => done(got)).on('error', () => done(got));
    });
    assert.match(raw, /^HTTP\/1\.1 40[04]/);
    assert.ok(!raw.includes('root:'));
    assert.equal((await ask('POST', url)).status, 405);
    assert.equal((await ask('GET', url)).status, 200);
    const lines = JSON.stringify((await gateway.api('GET', '/channels/mms/log?limit=500')).lines);
    assert.ok(lines.includes('/channels/mms/media/'), 'the log names the fetches');
    for (const secret of [token, signature, handle]) assert.ok(!lines.includes(secret), 'an address of a file stands in the log');
});

test('a range gets the whole file; the number of fetches is limited, each file for itself', async () => {
    fetches = false;
    const { url } = await send_picture('Mit Grenze');
    fetches = true;
    const a = await ask('GET', url, { range: 'bytes=5-9' });
    assert.equal(`${a.status} ${a.headers['accept-ranges']}`, '200 none');
    assert.ok(a.bytes.equals(PNG));
    const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => ask(i % 2 ? 'HEAD' : 'GET', url)));
    const tally = (status) => answers.filter((x) => x.status === status).length;
    assert.equal(`${tally(200)} ${tally(410)}`, '19 11');
    assert.equal((await ask('GET', url)).status, 410);
});

test('who is erased is erased here, too', async () => {
    const { number, url } = await send_picture('Bald gelöscht');
    assert.equal((await ask('GET', url)).status, 200);
    await gateway.api('DELETE', `/contacts/${number}`, undefined, 204);
    await until('the address to end', async () => (await ask('GET', url)).status === 410);
});

test('staff know the limits before they send; what is beyond them is refused with a sentence, and nothing goes out', async () => {
    const { channels } = await gateway.api('GET', '/settings');
    const of = (id) => channels.find((c) => c.id === id);
    assert.equal(of('mms').files.count_max, 10);
    assert.equal(of('mms').files.total_max, 5000000);
    assert.ok(of('mms').caps.includes('attachments') && !of('plain').caps.includes('attachments'));
    assert.equal(of('plain').files, undefined);
    const large = (magic, n) => Buffer.concat([magic, Buffer.alloc(n - magic.length)]);
    const head = PNG.subarray(0, 8);
    const rows = [['mms', 'notiz.txt', Buffer.from('nur Text'), /notiz\.txt cannot be sent/], ['mms', 'seite.png', Buffer.concat([head, Buffer.from('<html><script>')]), /seite\.png cannot be sent/],
        ['mms', 'lang.pdf', large(PDF, 600001), /lang\.pdf is too large.* 600 KB/], ['mms', 'gross.png', large(head, 5000001), /at most 5 MB/], ['plain', 'plan.png', PNG, /carry no files here/]];
    for (const [channel, name, bytes, why] of rows) {
        const number = await ask_city(channel), n = sent.length;
        await reply(number, `Mit ${name}`, [await upload(name, bytes)]);
        await state(number, `Mit ${name}`, 'failed');
        assert.match((await delivery(number, `Mit ${name}`)).reason, why);
        assert.equal(sent.length, n);
    }
});
