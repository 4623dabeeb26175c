// SPDX-License-Identifier: EUPL-1.2
// Promise: a text message through Twilio's interface is answered end to end; signatures by Twilio's own library decide, forged
// ones change nothing, the code in the body decides about a failed answer.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { createHash, randomUUID } = require('node:crypto');
const { execFileSync } = require('node:child_process');
const { getExpectedTwilioSignature } = require('twilio/lib/webhooks/webhooks');
const { Gateway, BINARY, ROOT } = require('../lib/gateway');
const { until } = require('../lib/process');

const SID = 'ACtaubenschlag', TOKEN = 'token-of-the-city', CITY = '+4930990011';
let gateway, api, base, answer;
const sent = [];

before(async () => {
    api = http.createServer((q, a) => {
        let body = '';
        q.on('data', (c) => (body += c));
        q.on('end', async () => {
            if (q.method === 'GET') return a.end(q.headers.authorization ? 'a file' : 'none');
            const form = Object.fromEntries(new URLSearchParams(body));
            sent.push({ url: q.url, authorization: q.headers.authorization, form });
            const [status, json, headers] = answer ? await answer(form) : [201, { sid: `SM${sent.length}`, status: 'queued' }];
            a.writeHead(status, { 'content-type': 'application/json', ...headers });
            a.end(JSON.stringify(json));
        });
    });
    await new Promise((done) => api.listen(0, '127.0.0.1', done));
    gateway = await new Gateway({ extra_channels: `  - id: sms
    type: twilio
    queue: buergerbuero
    options:
      account_sid: ${SID}
      auth_token: ${TOKEN}
      from: "${CITY}"
      api_url: "http://127.0.0.1:${api.address().port}"
` }).start();
    await gateway.login();
    base = fs.readFileSync(gateway.config, 'utf8').match(/public_url: *"?([^"\s]+)/)?.[1] || `http://127.0.0.1:${gateway.port}`;
}, { timeout: 60000 });
after(async () => {
    await gateway?.close();
    api?.close();
});

const MESSAGE = '/channels/sms/message', STATUS = '/channels/sms/status';
const encode = (fields) => new URLSearchParams(Object.entries(fields).flatMap(([k, v]) => [v].flat().map((x) => [k, x]))).toString();
const post = (where, fields, o = {}) => gateway.raw('POST', where, {
    'content-type': 'application/x-www-form-urlencoded', 'x-twilio-signature': o.signature ?? getExpectedTwilioSignature(o.token || TOKEN, (o.base || base) + where, fields) }, encode(o.sends || fields));
let count = 0;
const message = (from, text, more = {}) => ({ MessageSid: `SMin${++count}`, AccountSid: SID, From: from, To: CITY, Body: text, NumMedia: '0', ...more });
const tickets = async () => (await gateway.api('GET', '/tickets?view=all&limit=200')).tickets.filter((t) => t.channel === 'sms');
const items = async (n) => (await gateway.api('GET', `/tickets/${n}`)).items;
const ticketOf = async (text) => {
    for (const t of await tickets()) if ((await items(t.number)).some((i) => i.text === text)) return t;
    return undefined;
};
const reply = (number, text) => gateway.api('POST', `/tickets/${number}/messages`, { kind: 'reply', text, attachments: [], client_id: randomUUID() }, 202);

test('in once, answered, delivered', async () => {
    const m = message('+49151000001', 'Die Laterne ist dunkel & kalt – ä🙂');
    const first = await post(MESSAGE, m);
    assert.equal(first.status, 200, first.text);
    assert.match(first.headers['content-type'], /text\/xml/);
    assert.match(first.text, /<Response\/>$/);
    assert.equal((await post(MESSAGE, m)).status, 200);
    const t = await ticketOf(m.Body);
    assert.ok(t);
    assert.equal((await items(t.number)).filter((i) => i.text === m.Body).length, 1);
    sent.length = 0;
    await reply(t.number, 'Wir kümmern uns & danken.');
    await until('the answer at the provider', () => sent.find((s) => s.form.Body.startsWith('Wir kümmern uns & danken.')));
    const s = sent.at(-1);
    assert.equal(s.url, `/2010-04-01/Accounts/${SID}/Messages.json`);
    assert.equal(s.authorization, `Basic ${Buffer.from(`${SID}:${TOKEN}`).toString('base64')}`);
    assert.equal(`${s.form.To} ${s.form.From}`, `${m.From} ${CITY}`);
    assert.equal(s.form.StatusCallback, base + STATUS);
    const state = async () => JSON.stringify(await items(t.number));
    await until('it to be sent', async () => /"sent"/.test(await state()));
    assert.equal((await post(STATUS, { MessageSid: `SM${sent.length}`, AccountSid: SID, MessageStatus: 'delivered' })).status, 200);
    await until('the receipt', async () => /"delivered"/.test(await state()));
});

test('a receipt that is faster than the answer to our send counts', async () => {
    const m = message('+49151000009', 'Wann kommt die Tonne?');
    await post(MESSAGE, m);
    const t = await ticketOf(m.Body);
    let early;
    answer = async () => {
        early ??= post(STATUS, { MessageSid: 'SMearly', AccountSid: SID, MessageStatus: 'delivered' });
        await Promise.race([early, sleep(700)]);
        return [201, { sid: 'SMearly' }];
    };
    await reply(t.number, 'Am Dienstag.');
    await until('the receipt', async () => /"delivered"/.test(JSON.stringify(await items(t.number))), 30000);
    assert.equal((await early).status, 200);
    answer = undefined;
});

test('only what the account has signed counts', async () => {
    const m = message('+49151000002', 'gefälscht');
    for (const o of [{ token: 'another-token' }, { signature: '' }, { signature: 'x'.repeat(28) }, { sends: { ...m, Body: 'anders' } }, { base: 'http://other.example' }])
        assert.equal((await post(MESSAGE, m, o)).status, 403, JSON.stringify(o));
    assert.equal((await post(MESSAGE, { ...m, AccountSid: 'ACother' })).status, 403);
    assert.equal(await ticketOf('gefälscht'), undefined);
    assert.equal(await ticketOf('anders'), undefined);
    const list = message('+49151000002', 'mit Listen', { Media: ['b', 'a', 'a'], Empty: '' });
    assert.equal((await post(MESSAGE, list)).status, 200);
    const body = JSON.stringify(message('+49151000002', 'als JSON'));
    const sum = createHash('sha256').update(body).digest('hex');
    const url = `${MESSAGE}?bodySHA256=${sum}`;
    const asJson = (text) => gateway.raw('POST', url, { 'content-type': 'application/json', 'x-twilio-signature': getExpectedTwilioSignature(TOKEN, base + url, {}) }, text);
    assert.equal((await asJson(`${body} `)).status, 403);
    assert.equal((await asJson(body)).status, 200);
    assert.ok(await ticketOf('als JSON'));
});

test('hostile posts: two signatures, an old post once more, fields of no sense, bodies too large or packed', async () => {
    const m = message('+49151000007', 'nur einmal');
    const form = (fields, more = {}) => gateway.raw('POST', MESSAGE, { 'content-type': 'application/x-www-form-urlencoded', 'x-twilio-signature': getExpectedTwilioSignature(TOKEN, base + MESSAGE, fields), ...more }, encode(fields));
    const good = getExpectedTwilioSignature(TOKEN, base + MESSAGE, m);
    for (const s of [['A'.repeat(27) + '=', good], good.slice(0, -1), good.toLowerCase(), `${good}=`]) assert.equal((await form(m, { 'x-twilio-signature': s })).status, 403, String(s));
    assert.equal(await ticketOf('nur einmal'), undefined);
    for (let i = 0; i < 3; i++) assert.equal((await form(m)).status, 200);
    assert.equal((await items((await ticketOf('nur einmal')).number)).filter((x) => x.text === 'nur einmal').length, 1);
    for (const fields of [{ ...m, MessageSid: '' }, { ...m, MessageSid: 'S', From: ['', 'x'] }, { MessageSid: 'S', AccountSid: SID, MessageStatus: 'exploded', ErrorCode: '-1' }, { ...m, MessageSid: 'S2', NumMedia: '-3', Body: '' }])
        assert.equal((await form(fields)).status, 200, JSON.stringify(fields));
    assert.notEqual((await form({ ...m, Body: 'x'.repeat(70000) })).status, 200);
    assert.notEqual((await form(m, { 'content-encoding': 'gzip', 'x-twilio-signature': 'A'.repeat(28) })).status, 200);
    const large = await gateway.raw('POST', MESSAGE, { 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(100 * 1024 * 1024) }).catch(() => ({ status: 0 }));
    assert.ok([0, 413].includes(large.status), String(large.status));
    const after_all = message('+49151000008', 'danach heil');
    assert.equal((await form(after_all)).status, 200);
    assert.ok(await ticketOf('danach heil'));
});

test('files come from the provider, with the password only there', async () => {
    const m = message('+49151000003', 'mit Bild', { NumMedia: '2', MediaUrl0: `http://127.0.0.1:${api.address().port}/media/1`, MediaUrl1: 'http://127.0.0.1:1/inside' });
    assert.equal((await post(MESSAGE, m)).status, 200);
    const item = (await items((await ticketOf('mit Bild')).number)).find((i) => i.text === 'mit Bild');
    assert.equal(item.attachments.length, 1);
});

test('the code decides: opted out, wait, misconfigured; stop words hold answers back', async () => {
    const m = message('+49151000004', 'Frage');
    await post(MESSAGE, m);
    const t = await ticketOf('Frage');
    const first = (f) => !sent.some((s, i) => i < sent.length - 1 && s.form.Body === f.Body);
    answer = (f) => (f.Body.startsWith('A') ? [400, { code: 21610 }] : f.Body.startsWith('B') && first(f) ? [429, { code: 20429 }, { 'retry-after': '1' }] : f.Body.startsWith('Q') && first(f) ? [400, { code: 21611 }, { 'retry-after': '1' }] : [201, { sid: `SMx${sent.length}` }]);
    await reply(t.number, 'A bleibt liegen');
    await until('the failed answer', async () => /opted out/.test(JSON.stringify(await items(t.number))));
    await reply(t.number, 'B kommt später');
    await until('the second attempt', () => sent.filter((s) => s.form.Body.startsWith('B kommt')).length === 2, 30000);
    const said = (await gateway.api('GET', `/channels/${t.channel}/log`)).lines.filter((l) => l.event === 'twilio.send').map((l) => `${l.level} ${l.text}`);
    assert.deepEqual(said.slice(-2), ['warn status=400 code=21610 The recipient has opted out of text messages.', 'warn status=429 code=20429 The provider asks to wait.']);
    await reply(t.number, 'Q wartet auf Platz');
    await until('the second attempt', () => sent.filter((s) => s.form.Body.startsWith('Q wartet')).length === 2, 30000);
    answer = undefined;
    await post(MESSAGE, message(m.From, 'STOP'));
    const before_n = sent.length;
    await reply(t.number, 'C geht nicht hinaus');
    await until('the held answer', async () => (JSON.stringify(await items(t.number)).match(/opted out/g) || []).length >= 2);
    assert.equal(sent.length, before_n);
    const says = async (text, type) => assert.equal((await post(MESSAGE, { ...message(m.From, text), OptOutType: type })).status, 200);
    await says('Bin wieder da', 'START'); // words of the messaging service's own
    await reply(t.number, 'D geht wieder');
    await until('the answer', () => sent.some((s) => s.form.Body === 'D geht wieder'));
    await says('Schluss damit', 'STOP');
    await reply(t.number, 'E geht nicht hinaus');
    await until('the held answer', async () => (JSON.stringify(await items(t.number)).match(/opted out/g) || []).length >= 3);
    await says('was gibt es', 'HELP'); // changes nothing
    assert.ok(!sent.some((s) => s.form.Body.startsWith('E ')));
});

test('when the provider asks to wait the whole channel does', async () => {
    const two = ['+49151000041', '+49151000042'];
    for (const from of two) await post(MESSAGE, message(from, `Pause ${from}`));
    const t = await Promise.all(two.map((from) => ticketOf(`Pause ${from}`)));
    const tried = (text) => sent.filter((s) => s.form.Body === text).length;
    answer = (f) => (f.Body === 'Zu schnell' && tried('Zu schnell') === 1 ? [429, { code: 20429 }, { 'retry-after': '2' }] : [201, { sid: `SMw${sent.length}` }]);
    await reply(t[0].number, 'Zu schnell');
    await until('the first attempt', () => tried('Zu schnell') === 1);
    const of = async (i, text) => (await items(t[i].number)).find((x) => x.text === text)?.delivery.state;
    await until('the wait', async () => (await of(0, 'Zu schnell')) === 'retry');
    await reply(t[1].number, 'Wartet mit');
    await until('the other to wait', async () => (await of(1, 'Wartet mit')) === 'retry');
    assert.equal(tried('Wartet mit'), 0);
    await until('both', async () => tried('Zu schnell') === 2 && tried('Wartet mit') === 1, 30000);
    answer = undefined;
});

test('draht normalize shows messages and receipts', () => {
    const show = (fields) => {
        const file = path.join(gateway.dir, `raw-${randomUUID()}`);
        fs.writeFileSync(file, encode(fields));
        return JSON.parse(execFileSync(BINARY, ['normalize', 'twilio', file], { cwd: ROOT, encoding: 'utf8' }));
    };
    const m = show(message('+49151000005', 'Hallo'));
    assert.equal(`${m.kind} ${m.channel} ${m.sender.address} ${m.recipients[0]} ${m.text}`, `message twilio +49151000005 ${CITY} Hallo`);
    assert.equal(show({ MessageSid: 'S', MessageStatus: 'undelivered', ErrorCode: '30005' }).state, 'failed');
    assert.equal(show({ MessageSid: 'S', MessageStatus: 'failed', ErrorCode: '30999' }).reason, 'The provider could not deliver the text message (code 30999).');
    assert.equal(show({ MessageSid: 'S', MessageStatus: 'failed' }).reason, 'The provider could not deliver the text message.');
    assert.equal(show({ MessageSid: 'S', MessageStatus: 'queued' }).kind, 'ignored');
    assert.equal(show(message('Deutsche Bank', 'Werbung')).sender.address, 'Deutsche Bank');
    assert.equal(show({ ...message('whatsapp:+49151', ''), MessageType: 'interactive', ListId: 'r1', ListTitle: 'Reisepass' }).text, 'Reisepass');
    assert.equal(show({ ...message('whatsapp:+49151', 'Ja'), MessageType: 'button', ButtonText: 'Ja', ButtonPayload: 'y' }).text, 'Ja');
    for (const from of ['', '  ', '+49\n151', 'x'.repeat(65)]) assert.equal(show(message(from, 'x')).reason, 'no sender');
});
