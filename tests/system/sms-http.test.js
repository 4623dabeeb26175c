// SPDX-License-Identifier: EUPL-1.2
// Promise: text messages through a provider of any kind, by configuration alone, are answered end to end: through a real Kannel
// in front of a message centre, and through an invented provider that speaks JSON, signs, repeats and errs.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const path = require('node:path');
const { createHmac, randomUUID } = require('node:crypto');
const { execFileSync, spawnSync } = require('node:child_process');
const { Gateway, BINARY, ROOT } = require('../lib/gateway');
const { Smsc } = require('../lib/fake-smsc');
const { Kannel } = require('../lib/kannel');
const { freePort, until } = require('../lib/process');

const WORD = 'nur-kannel-weiss-es', KEY = 'taubenschlag', TOKEN = 'token-of-the-city';
let smsc, kannel, gateway, api, answer;
const asked = [];

const channels = () => `  - id: kannel
    type: sms-http
    queue: buergerbuero
    options:
      url: "${kannel.url}"
      method: GET
      user: stadt
      password: geheim
      from: "115"
      fields: {username: "{user}", password: "{password}", from: "{from}", to: "{to}", text: "{text}", charset: UTF-8, coding: "{coding}", dlr-mask: "31", dlr-url: "{receipt_url}?id={id}&state=%d"}
      ok_status: ["202"]
      error: status
      errors: {403: misconfigured, 503: throttled}
      states: {1: delivered, 2: failed, 4: ignored, 8: sent, 16: failed}
      in_secret: ${WORD}
  - id: json
    type: sms-http
    queue: buergerbuero
    options:
      url: "http://127.0.0.1:${api.address().port}/v1/sms/{from}"
      content_type: json
      fields: {to: "{to}", message: {text: "{text}"}, ref: "{id}", callback: "{receipt_url}"}
      headers: ["Authorization: Bearer {secret}"]
      secret: ${TOKEN}
      from: "Stadt & Land"
      number: digits
      part_chars: 100
      max_parts: 3
      ok: json:/state
      ok_values: [queued]
      message_id: json:/id
      error: json:/code
      errors: {E7: rejected, E21: opted_out}
      in: {id: /id, from: /from, text: /text, time: /at, list: /messages}
      receipt: {id: /id, state: /state}
      hmac_secret: ${KEY}
      hmac_header: X-Sign
      hmac_prefix: "sha256="
  - id: form
    type: sms-http
    queue: buergerbuero
    options:
      url: "http://127.0.0.1:${api.address().port}/form"
      fields: {an: "{to}", was: "{text}"}
      message_id: "text:OK {}"
      in_secret: ${KEY}
      in_secret_at: "header:X-Key"
      allow: [127.0.0.1]
      answer: "<ok/>"
      answer_type: text/xml
      confirm: false
`;

before(async () => {
    api = http.createServer((q, a) => {
        let body = '';
        q.on('data', (c) => (body += c));
        q.on('end', () => {
            const entry = { url: q.url, headers: q.headers, body };
            asked.push(entry);
            const [status, text, headers] = (answer || (() => [200, JSON.stringify({ state: 'queued', id: `J${asked.length}` })]))(entry);
            if (!status) return q.socket.destroy();
            a.writeHead(status, headers);
            a.end(text);
        });
    });
    await new Promise((done) => api.listen(0, '127.0.0.1', done));
    smsc = await new Smsc({ after(e) {
        if (e.pdu.registered_delivery & 1) smsc.receipt(e.id, 'DELIVRD', { source_addr: e.pdu.destination_addr, destination_addr: e.pdu.source_addr });
    } }).start();
    const port = await freePort();
    kannel = await new Kannel({ smsc: { port: smsc.port },
        service: `post-url = "http://127.0.0.1:${port}/channels/kannel/message/${WORD}?id=%I&from=%p&to=%P&time=%t"` }).start();
    gateway = new Gateway({ extra_channels: channels() });
    gateway.port = port;
    await gateway.start();
    await gateway.login();
    await kannel.ready();
}, { timeout: 90000 });
after(async () => {
    await gateway?.close();
    await kannel?.close();
    await smsc?.close();
    api?.closeAllConnections();
    api?.close();
});

const tickets = async (id) => (await gateway.api('GET', '/tickets?view=all&limit=200')).tickets.filter((t) => t.channel === id);
const items = async (n) => (await gateway.api('GET', `/tickets/${n}`)).items;
const ticketOf = async (id, text) => {
    for (const t of await tickets(id)) if ((await items(t.number)).some((i) => i.text === text)) return t;
    return undefined;
};
const reply = (number, text) => gateway.api('POST', `/tickets/${number}/messages`, { kind: 'reply', text, attachments: [], client_id: randomUUID() }, 202);
const sealed = (body) => ({ 'content-type': 'application/json', 'x-sign': `sha256=${createHmac('sha256', KEY).update(body).digest('hex')}` });
const post = (where, value, headers) => {
    const body = typeof value === 'string' ? value : JSON.stringify(value);
    return gateway.raw('POST', where, headers || sealed(body), body);
};
const IN = '/channels/json/message', BACK = '/channels/json/status';
let count = 0;
const message = (from, text, more = {}) => ({ id: `in${++count}`, from, text, ...more });
const take = async (...list) => post(IN, { messages: list });

test('Kannel: a citizen writes, the city answers, the telephone has it', async () => {
    const octets = Buffer.from('F~r 5 \x1be: a\x00b', 'latin1'); // what it is in the mobile network's alphabet
    assert.equal(await smsc.deliver({ source_addr: '491700000011', data_coding: 0, short_message: octets }), 0);
    const t = await until('the ticket', () => ticketOf('kannel', 'Für 5 €: a@b'), 30000);
    const text = 'Grüße & Dank, 5 € + {x} = 100 %';
    await reply(t.number, text);
    const out = await until('the answer at the centre', () => smsc.submits.find((s) => String(s.text).startsWith(text)), 30000);
    assert.equal(`${out.pdu.source_addr} ${out.pdu.destination_addr} ${out.pdu.data_coding}`, '115 491700000011 0');
    await until('its receipt', async () => /"delivered"/.test(JSON.stringify(await items(t.number))), 30000);
});

test('Kannel: what the mobile network cannot write goes out and comes in as UTF-16', async () => {
    assert.equal(await smsc.deliver({ source_addr: '491700000012', data_coding: 8, short_message: 'Łódź 🙂' }), 0);
    const t = await until('the ticket', () => ticketOf('kannel', 'Łódź 🙂'), 30000);
    await reply(t.number, 'Dzień dobry 🙂');
    await until('the answer at the centre', () => smsc.submits.find((s) => s.pdu.data_coding === 8 && String(s.text).startsWith('Dzień dobry 🙂')), 30000);
});

test("Kannel: raw octets of the mobile network's alphabet, labelled UTF-8", async () => {
    assert.equal(await smsc.deliver({ source_addr: '491700000013', short_message: 'Grüße € {x}' }), 0);
    await until('the ticket', () => ticketOf('kannel', 'Grüße € {x}'), 30000);
});

test('a message comes in once, is answered in parts, and has its receipts', async () => {
    const m = message('0151 000 0001', 'Wo ist der Kompost?', { at: '2026-11-23 10:15:00' });
    assert.equal((await take(m)).status, 200);
    assert.equal((await take(m)).status, 200);
    const t = await ticketOf('json', m.text);
    assert.equal((await items(t.number)).filter((i) => i.text === m.text).length, 1);
    const first = asked.length;
    await reply(t.number, `${'Wort '.repeat(30)}"Ende"\nund aus`);
    await until('all parts', () => asked.length - first >= 2, 30000);
    const [one] = asked.slice(first);
    assert.equal(one.url, '/v1/sms/Stadt%20%26%20Land');
    assert.equal(one.headers.authorization, `Bearer ${TOKEN}`);
    const body = JSON.parse(one.body);
    assert.equal(`${body.to} ${body.callback}`, `491510000001 http://127.0.0.1:${gateway.port}${BACK}`);
    const joined = () => asked.slice(first).map((x) => JSON.parse(x.body).message.text).join(' ');
    await until('the last part', () => joined().includes('"Ende"'), 30000);
    assert.ok(asked.slice(first).every((x) => JSON.parse(x.body).message.text.length <= 100));
    await until('it to be sent', async () => /"sent"/.test(JSON.stringify(await items(t.number))));
    for (let i = first; i < asked.length; i++) assert.equal((await post(BACK, { id: `J${i + 1}`, state: 'DELIVRD' })).status, 200);
    await until('the receipts', async () => /"delivered"/.test(JSON.stringify(await items(t.number))));
});

test('a receipt that is faster than the answer counts, unknown states do nothing', async () => {
    const m = message('+49151000002', 'Schnell');
    await take(m);
    const t = await ticketOf('json', 'Schnell');
    const early = [];
    answer = () => {
        early.push(post(BACK, { id: 'Jfast', state: 'delivered' }));
        return [200, '{"state":"queued","id":"Jfast"}'];
    };
    await reply(t.number, 'Sehr.');
    await until('the receipt', async () => /"delivered"/.test(JSON.stringify(await items(t.number))), 30000);
    answer = undefined;
    assert.equal((await early[0]).status, 200);
    for (const body of [{ id: 'Jfast', state: 'exploded' }, { id: 'Jfast' }, { state: 'failed' }, { id: 17, state: null }, { id: {}, state: [] }])
        assert.equal((await post(BACK, body)).status, 200, JSON.stringify(body));
    assert.ok(!/"failed"/.test(JSON.stringify(await items(t.number))));
});

test('the code decides: opted out, refused, wait, in doubt; stop words hold answers back', async () => {
    const m = message('+49151000003', 'Frage');
    await take(m);
    const t = await ticketOf('json', 'Frage');
    const tried = (s) => asked.filter((x) => x.body.includes(s)).length;
    answer = (x) => (x.body.includes('Aaa') ? [403, '{"code":"E21"}']
        : x.body.includes('Bbb') && tried('Bbb') === 1 ? [429, '{"code":"slow"}', { 'retry-after': '1' }]
            : x.body.includes('Ccc') ? [0] : x.body.includes('Ddd') ? [200, '{"state":"no","code":"E7"}'] : x.body.includes('Hhh') ? [200, '{"hallo":"welt"}'] : x.body.includes('Ggg') ? [200, '{"state":"no"}'] : [200, '{"state":"queued","id":"Jx"}']);
    const shows = (p) => until(`staff to see ${p}`, async () => p.test(JSON.stringify(await items(t.number))), 30000);
    const first = answer;
    const one = async (text) => (await items(t.number)).find((i) => i.text === text)?.delivery;
    await reply(t.number, 'Aaa');
    await shows(/opted out.*E21/);
    await reply(t.number, 'Bbb');
    await until('the second attempt', () => tried('Bbb') === 2, 30000);
    answer = (x) => (x.body.includes('Iii') && tried('Iii') === 1 ? [429, '{"code":"slow"}', { 'retry-after': '2' }] : [200, '{"state":"queued","id":"Ji"}']);
    await take(message('+49151000033', 'Noch jemand'));
    const other = await ticketOf('json', 'Noch jemand');
    await reply(t.number, 'Iii');
    await until('the wait', async () => (await one('Iii'))?.state === 'retry');
    await reply(other.number, 'Jjj');
    await until('the other to wait, too', async () => (await items(other.number)).find((i) => i.text === 'Jjj').delivery.state === 'retry');
    assert.equal(tried('Jjj'), 0);
    await until('both', () => tried('Iii') === 2 && tried('Jjj') === 1, 30000);
    answer = first;
    await reply(t.number, 'Ddd');
    await shows(/refused.*E7/);
    await reply(t.number, 'x'.repeat(301));
    await shows(/max_parts/);
    await reply(t.number, 'Ccc');
    await shows(/in_doubt/);
    assert.equal(tried('Ccc'), 1);
    await reply(t.number, 'Hhh'); // neither a yes nor a no
    await until('doubt', async () => (await one('Hhh')).state === 'in_doubt');
    assert.match((await one('Hhh')).reason, /neither yes nor no/);
    await reply(t.number, 'Ggg'); // a no by its value
    await until('a refusal', async () => (await one('Ggg')).state === 'failed');
    const said = (await gateway.api('GET', '/channels/json/log')).lines.filter((l) => l.event === 'sms.send').map((l) => l.text);
    assert.deepEqual(said.slice(-2), ['status=200 code=none meaning=in_doubt', 'status=200 code=200 meaning=rejected']);
    answer = undefined;
    await take(message('+49151000003', 'Stopp!'));
    await reply(t.number, 'Eee');
    await until('the held answer', async () => (JSON.stringify(await items(t.number)).match(/opted out/g) || []).length >= 2, 30000);
    assert.equal(tried('Eee'), 0);
    await take(message('+49151000003', 'START'));
    await reply(t.number, 'Fff');
    await until('the answer', () => tried('Fff') === 1, 30000);
});

test('STOP, START and HELP are answered once and make no message; not where the provider does it', async () => {
    const from = '+49151000030', to = '49151000030';
    await take(message(from, 'Ein Anliegen'));
    const t = await ticketOf('json', 'Ein Anliegen');
    const told = (words) => asked.filter((x) => x.body.includes(to) && words.test(x.body));
    for (const [word, words, n] of [['STOP', /keine SMS mehr/, 1], ['Start.', /wieder SMS/, 1], ['hilfe!', /Anliegen als SMS.*STOP beendet/s, 1], ['Stop All', /keine SMS mehr/, 2]]) {
        const m = message(from, word);
        for (let i = 0; i < 2; i++) assert.equal((await take(m)).status, 200); /* the provider repeats it */
        await until(`the answer to ${word}`, () => told(words).length === n);
    }
    assert.match(JSON.parse(told(/keine SMS mehr/)[0].body).message.text, /^Sie bekommen von Teststadt keine SMS mehr/);
    await take(message('Stadtwerke', 'STOP'), message(from, 'STOP jetzt aber')); /* a name cannot be answered; a sentence is a message */
    await until('the sentence', async () => (await items(t.number)).some((i) => i.text === 'STOP jetzt aber'));
    assert.deepEqual((await items(t.number)).filter((i) => i.type === 'message').map((i) => i.text), ['Ein Anliegen', 'STOP jetzt aber']);
    await reply(t.number, 'Kommt nicht an');
    await until('the held answer', async () => /opted out/.test(JSON.stringify(await items(t.number))), 30000);
    assert.equal(told(/Kommt nicht an/).length, 0);
    assert.equal(told(/keine SMS mehr/).length, 2);

    const form = (text) => gateway.raw('POST', '/channels/form/message', { 'content-type': 'application/x-www-form-urlencoded', 'x-key': KEY }, new URLSearchParams({ id: `f${++count}`, from: '+49151000031', text }).toString());
    for (const text of ['Noch ein Anliegen', 'Stopp', 'Hilfe']) assert.equal((await form(text)).status, 200);
    const other = await ticketOf('form', 'Noch ein Anliegen');
    const list = (await items(other.number)).filter((i) => i.type === 'message');
    assert.deepEqual(list.map((i) => i.text), ['Noch ein Anliegen', 'Stopp', 'Hilfe']);
    assert.match(JSON.stringify(list[1].warnings), /answers are held back/);
    await reply(other.number, 'Kommt auch nicht an');
    await until('the held answer', async () => /opted out/.test(JSON.stringify(await items(other.number))), 30000);
    assert.ok(!asked.some((x) => x.body.includes('49151000031')));
});

test('Kannel: STOP is confirmed on the telephone', async () => {
    assert.equal(await smsc.deliver({ source_addr: '491700000014', short_message: 'STOP' }), 0);
    await until('the confirmation', () => smsc.submits.find((s) => s.pdu.destination_addr === '491700000014' && /keine SMS mehr/.test(s.text)), 30000);
    assert.equal(smsc.submits.filter((s) => s.pdu.destination_addr === '491700000014').length, 1);
});

test('only who signs, knows the word and calls from the right network is heard', async () => {
    const body = JSON.stringify({ messages: [message('+49151000004', 'gefälscht')] });
    const good = sealed(body)['x-sign'];
    const json = (sign) => ({ 'content-type': 'application/json', ...(sign === undefined ? {} : { 'x-sign': sign }) });
    for (const s of [undefined, '', 'sha256=', good.slice(7), good.slice(0, -2), `${good}00`, `sha256=${'0'.repeat(64)}`, [`sha256=${'0'.repeat(64)}`, good]])
        assert.equal((await post(IN, body, json(s))).status, 403, String(s));
    assert.equal((await post(IN, `${body} `, json(good))).status, 403); // other bytes, the same meaning
    assert.equal((await gateway.raw('GET', `${IN}?id=1&from=1&text=x`, json(sealed('')['x-sign']))).status, 403);
    assert.equal(await ticketOf('json', 'gefälscht'), undefined);
    assert.equal((await post(IN, body, json(`sha256=${good.slice(7).toUpperCase()}`))).status, 200);
    assert.ok(await ticketOf('json', 'gefälscht'));
    for (const p of ['/channels/kannel/message', '/channels/kannel/message/', `/channels/kannel/message/${WORD}x`])
        assert.notEqual((await gateway.raw('GET', `${p}?id=1&from=1&text=heimlich`)).status, 200, p);
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    assert.equal((await gateway.raw('POST', '/channels/form/message', { ...form, 'x-key': 'falsch' }, 'id=1&from=1&text=x')).status, 403);
    const yes = await gateway.raw('POST', '/channels/form/message', { ...form, 'x-key': KEY }, 'id=1&from=%2B49151000005&text=Formular');
    assert.equal(`${yes.status} ${yes.headers['content-type']} ${yes.text}`, '200 text/xml <ok/>');
    assert.ok(await ticketOf('form', 'Formular'));
});

test('without an id the fields are the id; an old request once more changes nothing', async () => {
    const send = (body) => gateway.raw('POST', '/channels/form/message', { 'content-type': 'application/x-www-form-urlencoded', 'x-key': KEY }, body);
    for (const when of ['', '&time=1795428900', '&time=1795428900123', '&time=-5']) {
        const text = `ohne Nummer ${when.length}`, body = `from=0151000006&text=${encodeURIComponent(text)}${when}`;
        for (let i = 0; i < 2; i++) assert.equal((await send(body)).status, 200);
        const t = await ticketOf('form', text);
        assert.equal((await items(t.number)).filter((i) => i.text === text).length, 1, when);
    }
});

test('many messages, some of them twice, some of them nothing', async () => {
    const list = Array.from({ length: 50 }, (_, i) => message(`+4915200000${i % 5}`, `Nummer ${i}`));
    assert.equal((await take(...list, list[3], list[3], null, 5, [], {}, { id: 9007199254740993, from: '+491530000001', text: 'große Zahl' }, { id: 'n', from: 17, text: 5 })).status, 200);
    const all = [];
    for (const t of await tickets('json')) all.push(...(await items(t.number)).map((i) => i.text));
    for (const m of list) assert.equal(all.filter((x) => x === m.text).length, 1, m.text);
    assert.equal(all.filter((x) => x === 'große Zahl').length, 1);
    assert.equal((await take(...Array.from({ length: 101 }, () => message('+491', 'x')))).status, 413);
    for (const body of ['', '{', '[]', '{"messages":5}', 'null', '{"messages":[{"id":123456789012345678901234567890,"from":"1","text":"x"}]}'])
        assert.notEqual((await post(IN, body)).status, 200, body);
});

test('bodies without end, too large, or packed do no harm', async () => {
    const zip = await post(IN, 'x', { ...sealed('x'), 'content-encoding': 'gzip' });
    assert.notEqual(zip.status, 200);
    const large = await gateway.raw('POST', IN, { 'content-type': 'application/json', 'content-length': String(100 * 1024 * 1024) }).catch(() => ({ status: 0 }));
    assert.ok([0, 413].includes(large.status), String(large.status));
    const s = net.connect(gateway.port, '127.0.0.1');
    s.on('error', () => {});
    s.write(`POST ${IN} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"mes\r\n`);
    assert.equal((await take(message('+49151000007', 'Alles heil'))).status, 200);
    assert.ok(await ticketOf('json', 'Alles heil'));
    s.destroy();
});

test('a form provider whose answer is text', async () => {
    const t = await ticketOf('form', 'Formular');
    answer = (x) => (x.url === '/form' ? [200, 'OK T77 queued\n'] : [500, '']);
    await reply(t.number, 'Gerne & bald');
    const x = await until('the answer', () => asked.find((a) => a.url === '/form'), 30000);
    assert.match(x.body, /^an=%2B49151000005&was=Gerne%20%26%20bald/);
    await until('it to be sent', async () => /"sent"/.test(JSON.stringify(await items(t.number))));
    assert.equal((await gateway.raw('GET', '/channels/form/status?id=T77&state=delivered', { 'x-key': KEY })).status, 200);
    await until('the receipt', async () => /"delivered"/.test(JSON.stringify(await items(t.number))), 30000);
    answer = undefined;
});

test('draht check names the fault, draht normalize shows what comes in, the log tells no secrets', async () => {
    const bad = path.join(gateway.dir, 'bad.yaml');
    fs.writeFileSync(bad, fs.readFileSync(gateway.config, 'utf8').replace('ok: json:/state', 'ok: regex:.*').replace('{text: "{text}"}', '{text: "{txt}"}'));
    const c = spawnSync(BINARY, ['check', '-c', bad], { cwd: ROOT, encoding: 'utf8' });
    assert.notEqual(c.status, 0);
    assert.match(c.stdout, /bad\.yaml:\d+:\d+: channel json: .*\{txt\} is unknown/);
    const show = (text) => {
        const file = path.join(gateway.dir, `raw-${randomUUID()}`);
        fs.writeFileSync(file, text);
        return execFileSync(BINARY, ['normalize', 'sms-http', file], { cwd: ROOT, encoding: 'utf8' }).trim().split('\n').map((l) => JSON.parse(l));
    };
    const [m] = show('id=7&from=0151000008&to=115&text=Gr%7E%1Ee+%1Be&time=1795428900');
    assert.equal(`${m.kind} ${m.channel} ${m.external_id} ${m.sender.address} ${m.text} ${m.sent_at}`, 'message sms-http 7 +49151000008 Grüße € 2026-11-23T10:15:00.000Z');
    assert.deepEqual(show('[{"id":"a","state":"DELIVRD"},{"id":"b","state":"?"}]').map((x) => `${x.kind} ${x.state}`), ['receipt delivered', 'ignored undefined']);
    const log = JSON.stringify(await gateway.api('GET', '/channels/kannel/log')) + JSON.stringify(await gateway.api('GET', '/channels/json/log'));
    for (const s of [TOKEN, KEY, WORD, 'geheim', '491700000011']) assert.ok(!log.includes(s), s);
});
