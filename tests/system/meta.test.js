// SPDX-License-Identifier: EUPL-1.2
// Promise: WhatsApp, Messenger and Instagram answer a citizen end to end against the published contract (fake-graph.js, not
// Meta): every kind of event is understood, nothing counts twice, forged bodies change nothing, errors decide by their code.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { createHash, randomBytes, randomUUID } = require('node:crypto');
const { execFileSync } = require('node:child_process');
const { Gateway, BINARY, ROOT } = require('../lib/gateway');
const { FakeGraph, signature, asMetaWrites, bodyOf, fixtures } = require('../lib/fake-graph');
const { until, scratch } = require('../lib/process');

const ACCOUNTS = { whatsapp: '100200300', messenger: '500600', instagram: '700800' };
const FLAVOURS = Object.keys(ACCOUNTS);
let graph, gateway;

function channels(url) {
    const common = (type, more) => `  - id: ${type}
    type: ${type}
    queue: buergerbuero
    options:
      privacy_acknowledged: true
      app_secret: secret-of-the-app
      verify_token: word-of-the-city
      access_token: token-of-the-city
      api_url: "${url}"
${more}`;
    return [
        common('whatsapp', '      phone_number_id: "100200300"\n      template_name: answer_of_the_city\n'),
        common('messenger', '      page_id: "500600"\n      human_agent: true\n'),
        common('instagram', '      page_id: "500600"\n      account_id: "700800"\n'),
    ].join('');
}

before(async () => {
    graph = await new FakeGraph().start();
    gateway = await new Gateway({ extra_channels: channels(graph.url) }).start();
    await gateway.login();
}, { timeout: 60000 });
after(async () => {
    await gateway?.close();
    await graph?.stop();
});

const normalize = (type, text) => {
    const file = path.join(gateway.dir, `raw-${randomUUID()}`);
    fs.writeFileSync(file, text);
    return execFileSync(BINARY, ['normalize', type, file], { cwd: ROOT, encoding: 'utf8' }).trim().split('\n').filter(Boolean).map((l) => JSON.parse(l));
};
const tickets = async (channel) => (await gateway.api('GET', '/tickets?view=all&limit=200')).tickets.filter((t) => t.channel === channel);
const items = async (number) => (await gateway.api('GET', `/tickets/${number}`)).items;
const texts = async (channel) => (await Promise.all((await tickets(channel)).map((t) => items(t.number)))).flat();
const reply = (number, text, attachments = []) => gateway.api('POST', `/tickets/${number}/messages`, { kind: 'reply', text, attachments, client_id: randomUUID() }, 202);

let count = 0;
/** A fresh message of a citizen in the flavour's own form. */
function message(flavour, sender, text, o = {}) {
    const id = o.id || `id.${flavour}.${++count}`;
    const at = Date.now() - (o.age_ms || 0);
    const x = flavour === 'whatsapp'
        ? { message: { from: sender, id, timestamp: String(Math.floor(at / 1000)), type: 'text', text: { body: text }, ...o.more }, contacts: [{ profile: { name: 'Jana Probe' }, wa_id: sender, user_id: `DE.${sender}` }] }
        : { event: { sender: { id: sender }, timestamp: at, message: { mid: id, text, ...o.more } } };
    return bodyOf(flavour, ACCOUNTS[flavour], [x]);
}
async function write(flavour, sender, text, o) {
    const a = await graph.post(gateway, flavour, message(flavour, sender, text, o));
    assert.equal(a.status, 200, a.text);
    return until('the ticket', async () => (await texts(flavour)).find((i) => i.text === text) && (await Promise.all((await tickets(flavour)).map(async (t) => ((await items(t.number)).some((i) => i.text === text) ? t.number : undefined)))).find(Boolean));
}
const sentWith = (text) => until(`a send of ${text}`, () => graph.sent.find((s) => JSON.stringify(s).includes(text)));
const delivery = (number, text, state) => until(`${text} to be ${state}`, async () => {
    const i = (await items(number)).find((x) => x.text === text);
    return i?.delivery?.state === state && i;
}, 30000);

for (const flavour of FLAVOURS) {
    test(`${flavour}: every kind of event, all in one POST body`, { timeout: 60000 }, async () => {
        const list = fixtures(flavour);
        const got = normalize(flavour, asMetaWrites(bodyOf(flavour, ACCOUNTS[flavour], list)));
        assert.equal(got.length, list.length);
        list.forEach((x, i) => {
            for (const [key, want] of Object.entries(x.want)) {
                if (key === 'attachments') {
                    assert.equal(got[i].attachments.length, want.length, x.name);
                    want.forEach((f, n) => assert.deepEqual({ ...got[i].attachments[n], ...f }, got[i].attachments[n], x.name));
                } else if (key === 'sender') {
                    assert.deepEqual({ ...got[i].sender, ...want }, got[i].sender, x.name);
                } else {
                    assert.deepEqual(got[i][key], want, `${x.name}: ${key}`);
                }
            }
            assert.equal(got[i].channel, flavour);
        });
    });

    test(`${flavour}: the webhook is verified by its word, and the challenge comes back as plain text`, async () => {
        const ask = (q) => gateway.raw('GET', `/channels/${flavour}/webhook?${new URLSearchParams(q)}`);
        const challenge = '<script>alert(1)</script>';
        const a = await ask({ 'hub.mode': 'subscribe', 'hub.verify_token': 'word-of-the-city', 'hub.challenge': challenge });
        assert.equal(a.status, 200);
        assert.equal(a.text, challenge);
        assert.match(a.headers['content-type'], /^text\/plain/);
        for (const q of [{ 'hub.mode': 'subscribe', 'hub.verify_token': 'word-of-the-citz', 'hub.challenge': '1' }, { 'hub.mode': 'unsubscribe', 'hub.verify_token': 'word-of-the-city' }, { 'hub.mode': 'subscribe', 'hub.verify_token': 'word-of-the-city', 'hub.challenge': 'x'.repeat(201) }, {}])
            assert.equal((await ask(q)).status, 403);
    });

    test(`${flavour}: a message becomes a ticket, the reply goes out, its states come back, the next message joins`, { timeout: 90000 }, async () => {
        const sender = `49155510${FLAVOURS.indexOf(flavour)}`;
        const first = `Frage an ${flavour}`;
        const number = await write(flavour, sender, first);
        await reply(number, `Antwort auf ${flavour}`);
        const out = await sentWith(`Antwort auf ${flavour}`);
        if (flavour === 'whatsapp') {
            assert.deepEqual({ ...out, id: 0 }, { id: 0, messaging_product: 'whatsapp', recipient_type: 'individual', to: sender, type: 'text', text: { preview_url: false, body: 'Antwort auf whatsapp' } });
        } else {
            assert.deepEqual({ ...out, id: 0 }, { id: 0, recipient: { id: sender }, messaging_type: 'RESPONSE', message: { text: `Antwort auf ${flavour}` } });
        }
        assert.ok(graph.requests.some((r) => (flavour === 'whatsapp' ? r.json?.status === 'read' && r.json.message_id : r.json?.sender_action === 'mark_seen' && r.json.recipient.id === sender)));
        await delivery(number, `Antwort auf ${flavour}`, 'sent');
        const at = Date.now() + 1000;
        const status = (state) => graph.post(gateway, flavour, bodyOf(flavour, ACCOUNTS[flavour], [flavour === 'whatsapp'
            ? { status: { id: out.id, status: state, timestamp: String(Math.floor(at / 1000)), recipient_id: sender } }
            : { event: { sender: { id: sender }, ...(state === 'delivered' ? { delivery: { mids: [out.id], watermark: at } } : { read: flavour === 'instagram' ? { mid: out.id } : { watermark: at } }) } }]));
        assert.equal((await status('delivered')).status, 200);
        await delivery(number, `Antwort auf ${flavour}`, 'delivered');
        assert.equal((await status('read')).status, 200);
        await delivery(number, `Antwort auf ${flavour}`, 'read');
        assert.equal((await status('delivered')).status, 200); // late: changes nothing
        await delivery(number, `Antwort auf ${flavour}`, 'read');
        assert.equal(await write(flavour, sender, `Danke von ${flavour}`), number);
    });

    test(`${flavour}: redelivered, replayed and doubled within one POST counts once`, { timeout: 60000 }, async () => {
        const body = message(flavour, '4915557', `Einmal auf ${flavour}`);
        body.entry.push(structuredClone(body.entry[0]));
        for (let i = 0; i < 3; i++) assert.equal((await graph.post(gateway, flavour, body)).status, 200);
        assert.equal((await texts(flavour)).filter((i) => i.text === `Einmal auf ${flavour}`).length, 1);
    });

    test(`${flavour}: fifty entries in one POST, another account's and unknown ones among them`, { timeout: 60000 }, async () => {
        const body = message(flavour, '4915558', `Menge ${flavour} 0`);
        for (let i = 1; i < 49; i++) body.entry.push(message(flavour, '4915558', `Menge ${flavour} ${i}`).entry[0]);
        body.entry.push(bodyOf(flavour, '999', [message(flavour, '4915558', 'fremd')].map(() => (flavour === 'whatsapp' ? { message: { from: '1', id: 'x', timestamp: '1', type: 'text', text: { body: 'fremd' } } } : { event: { message: { mid: 'x', text: 'fremd' } } })))?.entry[0]);
        assert.equal((await graph.post(gateway, flavour, body)).status, 200);
        const all = (await texts(flavour)).map((i) => i.text);
        assert.deepEqual(all.filter((t) => t?.startsWith(`Menge ${flavour}`)).map((t) => Number(t.split(' ')[2])), [...Array(49).keys()]);
        assert.ok(!all.includes('fremd'));
        assert.equal((await graph.post(gateway, flavour, { object: 'user', entry: [{ id: '1' }] })).status, 200);
        assert.equal((await graph.post(gateway, flavour, { object: body.object, entry: [null, 5, { changes: 'x', messaging: [null, { message: null }] }] })).status, 200);
    });

    test(`${flavour}: what is not signed by Meta changes nothing`, { timeout: 60000 }, async () => {
        const body = message(flavour, '4915559', `Gefälscht ${flavour}`);
        const bytes = asMetaWrites(body);
        const good = signature('secret-of-the-app', bytes);
        const forgeries = [null, '', 'sha256=', good.slice(0, -1), good.toUpperCase(), good.replace('sha256', 'sha512'), `${good} `.repeat(2).trim(), signature('another-secret', bytes), signature('secret-of-the-app', JSON.stringify(body))];
        for (const s of forgeries) assert.equal((await graph.post(gateway, flavour, bytes, { signature: s })).status, 401, String(s));
        assert.equal((await graph.post(gateway, flavour, bytes, { signature: ['sha256=0', signature('another-secret', bytes)] })).status, 401);
        assert.equal((await graph.post(gateway, flavour, '{"object":')).status, 400);
        assert.equal((await graph.post(gateway, flavour, '[]')).status, 400);
        assert.equal((await graph.post(gateway, flavour, 'x'.repeat(3 * 1024 * 1024 + 1)).catch(() => ({ status: 413 }))).status, 413);
        assert.ok(!(await texts(flavour)).some((i) => i.text === `Gefälscht ${flavour}`));
    });

    test(`${flavour}: long replies are cut, files go out by upload`, { timeout: 90000 }, async () => {
        const sender = `4915556${FLAVOURS.indexOf(flavour)}`;
        const number = await write(flavour, sender, `Bitte alles, ${flavour}`);
        const limit = { whatsapp: 4096, messenger: 2000, instagram: 1000 }[flavour];
        const long = `${`Größe ${flavour}. `.repeat(400)}Schluss`.slice(0, 9000);
        const png = Buffer.concat([Buffer.from('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489', 'hex'), randomBytes(2000)]);
        const up = await gateway.raw('POST', '/api/v1/uploads?name=Plan.png', { cookie: gateway.cookie, 'x-csrf-token': gateway.csrf, 'content-type': 'application/octet-stream' }, png);
        await reply(number, long, [up.json]);
        const mine = () => graph.sent.filter((s) => (s.to || s.recipient?.id) === sender);
        await until('the file', () => mine().some((s) => s.type === 'image' || s.message?.attachment), 30000);
        const parts = mine().filter((s) => s.text || s.message?.text).map((s) => s.text?.body ?? s.message.text);
        assert.ok(parts.length > 1);
        for (const p of parts) assert.ok((flavour === 'instagram' ? Buffer.byteLength(p) : p.length) <= limit);
        assert.equal(parts.join(' '), long.trim());
        const upload = graph.requests.find((r) => r.upload && r.raw.includes(png));
        assert.ok(upload, 'the bytes arrive whole');
        assert.match(upload.type, /^multipart\/form-data; boundary=/);
        const named = mine().at(-1);
        assert.equal(flavour === 'whatsapp' ? named.image.id : named.message.attachment.payload.attachment_id, upload.upload);
        if (flavour === 'instagram') assert.match(upload.raw.toString('latin1'), /name="platform"\r\n\r\ninstagram/);
    });
}

test('whatsapp: media is fetched with the token, checked against its hash, and reaches staff', { timeout: 60000 }, async () => {
    const bytes = Buffer.concat([Buffer.from('ffd8ffe000104a464946', 'hex'), randomBytes(50000)]);
    graph.media.set('7001', { bytes, type: 'image/jpeg', needs_token: true });
    const more = { type: 'image', image: { id: '7001', mime_type: 'image/jpeg', caption: 'Ein Bild', sha256: createHash('sha256').update(bytes).digest('base64') }, text: undefined };
    const number = await write('whatsapp', '4915551', 'Ein Bild', { more });
    const i = (await items(number)).find((x) => x.text === 'Ein Bild');
    assert.equal(i.attachments[0].type, 'image/jpeg');
    const got = await gateway.raw('GET', `/api/v1/messages/${i.id}/attachments/0`, { cookie: gateway.cookie });
    assert.ok(got.bytes.equals(bytes));
});

test('whatsapp: a file that is away for the moment makes Meta ask again; one that is gone or too old does not', { timeout: 60000 }, async () => {
    graph.media.set('7002', { bytes: Buffer.from('ffd8ffe0aabb', 'hex'), type: 'image/jpeg', fails: 1 });
    const body = message('whatsapp', '4915551', '', { more: { type: 'image', image: { id: '7002', caption: 'Zweiter Anlauf' }, text: undefined } });
    assert.equal((await graph.post(gateway, 'whatsapp', body)).status, 503);
    assert.equal((await graph.post(gateway, 'whatsapp', body)).status, 200);
    assert.equal((await texts('whatsapp')).filter((i) => i.text === 'Zweiter Anlauf').length, 1);
    graph.media.set('7003', { bytes: Buffer.from('aa'), served: Buffer.from('bb'), type: 'image/jpeg' });
    const cases = [['weg', '7999', 0], ['verfälscht', '7003', 3600_000], ['frech', '../../me', 0]];
    for (const [text, id, age_ms] of cases) {
        const number = await write('whatsapp', '4915551', text, { age_ms, more: { type: 'image', image: { id, caption: text }, text: undefined } });
        const i = (await items(number)).find((x) => x.text === text);
        assert.equal(i.attachments?.length || 0, 0, text);
    }
});

test('messenger: files come from the address in the event; local addresses are not asked', { timeout: 60000 }, async () => {
    const bytes = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
    graph.media.set('m1', { bytes, type: 'image/png' });
    const number = await write('messenger', '7111', 'mit Bild', { more: { attachments: [{ type: 'image', payload: { url: `${graph.url}/cdn/m1` } }] } });
    const i = (await items(number)).find((x) => x.text === 'mit Bild');
    const got = await gateway.raw('GET', `/api/v1/messages/${i.id}/attachments/0`, { cookie: gateway.cookie });
    assert.ok(got.bytes.equals(bytes));
    assert.equal(graph.requests.find((r) => r.url === '/cdn/m1').auth, undefined);
    const port = new URL(`http://127.0.0.1:${gateway.port}`).port;
    const other = await write('messenger', '7111', 'mit Falle', { more: { attachments: [{ type: 'image', payload: { url: `http://127.0.0.1:${port}/readyz` } }, { type: 'file', payload: { url: 'file:///etc/passwd' } }] } });
    assert.equal((await items(other)).find((x) => x.text === 'mit Falle').attachments?.length || 0, 0);
});

test('whatsapp: outside 24 hours the template carries the reply; files and long texts are refused with a sentence', { timeout: 60000 }, async () => {
    const number = await write('whatsapp', '4915553', 'Vor zwei Tagen', { age_ms: 2 * 86400_000 });
    await reply(number, 'Ihr Pass\nliegt  bereit');
    const out = await sentWith('Ihr Pass');
    assert.equal(out.type, 'template');
    assert.deepEqual(out.template, { name: 'answer_of_the_city', language: { code: 'de' }, components: [{ type: 'body', parameters: [{ type: 'text', text: 'Ihr Pass liegt bereit' }] }] });
    const long = 'lang '.repeat(300);
    await reply(number, long);
    await until('the refusal', async () => (await items(number)).some((i) => i.text?.startsWith('lang') && i.delivery?.state === 'failed' && /template carries/.test(i.delivery.reason)));
});

test('instagram: a file of a kind that is not carried holds the text back, too', { timeout: 60000 }, async () => {
    const number = await write('instagram', '7444', 'Bitte den Plan');
    const up = await gateway.raw('POST', '/api/v1/uploads?name=Plan.zip', { cookie: gateway.cookie, 'x-csrf-token': gateway.csrf, 'content-type': 'application/octet-stream' }, Buffer.from('504b030414000000', 'hex'));
    await reply(number, 'Hier ist der Plan', [up.json]);
    const i = await delivery(number, 'Hier ist der Plan', 'failed');
    assert.equal(i.delivery.reason, 'The channel does not carry this kind of file: Plan.zip.');
    assert.ok(!graph.sent.some((s) => s.recipient?.id === '7444'));
});

test('whatsapp: Meta knows better: 131047 sends the template instead', { timeout: 60000 }, async () => {
    const number = await write('whatsapp', '4915554', 'Fenster zu');
    graph.answers.push({ status: 400, body: { error: { code: 131047, message: 'Re-engagement message' } } });
    await reply(number, 'Trotzdem');
    assert.equal((await sentWith('Trotzdem')).type, 'template');
    await delivery(number, 'Trotzdem', 'sent');
});

test('messenger: after 24 hours the human agent tag, within seven days', { timeout: 60000 }, async () => {
    const number = await write('messenger', '7222', 'Vorgestern', { age_ms: 2 * 86400_000 });
    await reply(number, 'Mit Schild');
    const out = await sentWith('Mit Schild');
    assert.equal(out.messaging_type, 'MESSAGE_TAG');
    assert.equal(out.tag, 'HUMAN_AGENT');
});

test('whatsapp: a user id without a number is answered under the id and stays one conversation', { timeout: 60000 }, async () => {
    const both = await write('whatsapp', '4915580', 'Mit Nummer');
    const more = { from: undefined, from_user_id: 'DE.4915580' };
    assert.equal(await write('whatsapp', '4915580', 'Ohne Nummer', { more }), both);
    await graph.post(gateway, 'whatsapp', bodyOf('whatsapp', ACCOUNTS.whatsapp, [{ message: { from_user_id: 'DE.88', id: 'bs1', timestamp: String(Math.floor(Date.now() / 1000)), type: 'text', text: { body: 'Nur Kennung' } }, contacts: [{ user_id: 'DE.88', profile: { name: 'Kim' } }] }]));
    const t = await until('the ticket', async () => (await Promise.all((await tickets('whatsapp')).map(async (x) => ((await items(x.number)).some((i) => i.text === 'Nur Kennung') ? x : undefined)))).find(Boolean));
    await reply(t.number, 'An die Kennung');
    const out = await sentWith('An die Kennung');
    assert.equal(out.recipient, 'DE.88');
    assert.equal(out.to, undefined);
});

test('errors decide by the code in the body, whatever the HTTP status', { timeout: 120000 }, async () => {
    const cases = [
        ['throttled with 403', { status: 403, body: { error: { code: 131056 } }, headers: { 'retry-after': '1' } }, 'sent'],
        ['transient with 400', { status: 400, body: { error: { code: 131000 } }, headers: { 'retry-after': '1' } }, 'sent'],
        ['undeliverable', { status: 400, body: { error: { code: 131026 } } }, 'failed'],
        ['bad parameter with 500', { status: 500, body: { error: { code: 100 } } }, 'failed'],
        ['unknown code', { status: 400, body: { error: { code: 424242 } } }, 'failed'],
        ['no answer', 'drop', 'in_doubt'],
        ['success without an id', { status: 200, body: { messages: [] } }, 'in_doubt'],
        ['a page of a proxy', { status: 502, body: {} }, 'in_doubt'],
    ];
    for (const [name, answer, state] of cases) {
        const number = await write('whatsapp', `49156${cases.findIndex((c) => c[0] === name)}`, `Fall ${name}`);
        graph.answers.push(answer);
        await reply(number, `Zu ${name}`);
        await delivery(number, `Zu ${name}`, state);
        if (state === 'sent') assert.equal(graph.sent.filter((s) => s.text?.body === `Zu ${name}`).length, 1);
    }
});

test('whatsapp: a limit of the account holds all replies, one of a pair of numbers its own alone', { timeout: 60000 }, async () => {
    const one = await write('whatsapp', '4915591', 'Erste Nummer'), other = await write('whatsapp', '4915592', 'Andere Nummer');
    const tried = (text) => graph.requests.filter((r) => r.json?.text?.body === text).length;
    graph.answers.push({ status: 400, body: { error: { code: 130429 } }, headers: { 'retry-after': '2' } });
    await reply(one, 'Zu viel auf einmal');
    await delivery(one, 'Zu viel auf einmal', 'retry');
    await reply(other, 'Wartet mit');
    const held = await delivery(other, 'Wartet mit', 'retry');
    assert.match(held.delivery.reason, /limits how many/);
    assert.equal(tried('Wartet mit'), 0);
    await delivery(one, 'Zu viel auf einmal', 'sent');
    await delivery(other, 'Wartet mit', 'sent');
    assert.equal(tried('Wartet mit'), 1);
    graph.answers.push({ status: 400, body: { error: { code: 131056 } }, headers: { 'retry-after': '2' } });
    await reply(one, 'Zu oft an eine');
    await delivery(one, 'Zu oft an eine', 'retry');
    await reply(other, 'Geht gleich');
    await delivery(other, 'Geht gleich', 'sent');
    assert.equal((await items(one)).find((i) => i.text === 'Zu oft an eine').delivery.state, 'retry');
});

test('messenger: marks that name a time alone reach what was on its way then, however late our answer was', { timeout: 60000 }, async () => {
    const number = await write('messenger', '7333', 'Nur Zeiten');
    graph.answers.push('slow');
    await reply(number, 'Zur Zeit');
    await sentWith('Zur Zeit');
    const at = Date.now();
    await delivery(number, 'Zur Zeit', 'sent');
    const mark = (what) => graph.post(gateway, 'messenger', bodyOf('messenger', ACCOUNTS.messenger, [{ event: { sender: { id: '7333' }, timestamp: undefined, [what]: { watermark: at } } }]));
    assert.equal((await mark('delivery')).status, 200);
    await delivery(number, 'Zur Zeit', 'delivered');
    assert.equal((await mark('read')).status, 200);
    await delivery(number, 'Zur Zeit', 'read');
});

test('whatsapp: errors of the account stand in the log, of the channel and of the gateway; one that names a message is its failure', { timeout: 60000 }, async () => {
    const number = await write('whatsapp', '4915585', 'Frage mit Fehler');
    await reply(number, 'Antwort mit Fehler');
    const { id } = await sentWith('Antwort mit Fehler');
    await delivery(number, 'Antwort mit Fehler', 'sent');
    const errors = (list, account = ACCOUNTS.whatsapp) => graph.post(gateway, 'whatsapp', bodyOf('whatsapp', account, [{ change: { field: 'messages', value: { metadata: { phone_number_id: account }, errors: list } } }]));
    const lines = async () => (await gateway.api('GET', '/channels/whatsapp/log')).lines.filter((l) => l.event === 'meta.error').map((l) => `${l.level} ${l.text}`);
    const before = (await lines()).length;
    assert.equal((await errors([{ code: 130429, title: 'Rate limit hit for +49 155 585 77 by erika@example.org' }, { code: 131031 }, null, { title: 5 }])).status, 200);
    assert.equal((await errors([{ code: 131042 }], '999')).status, 200);
    assert.deepEqual((await lines()).slice(before), [
        'warn code=130429 The provider limits how many messages may be sent right now. The provider calls it: Rate limit hit for [redacted] [redacted] [redacted] [redacted] by [redacted]',
        'error code=131031 The provider has blocked the account. An operator must look.',
        'warn code=-1 The provider reports a failure and does not say why.',
    ]);
    assert.match(gateway.process.output, /meta\.error[^\n]*Rate limit hit for \[redacted\]/);
    assert.doesNotMatch(gateway.process.output, /erika@example|155 585/);
    await delivery(number, 'Antwort mit Fehler', 'sent');
    assert.equal((await errors([{ code: 131026, title: 'Message undeliverable', message_id: id }])).status, 200);
    const failed = await delivery(number, 'Antwort mit Fehler', 'failed');
    assert.match(failed.delivery.reason, /cannot be reached/);
});

test('while Redis is away Meta is asked to try again, and then it counts once', { timeout: 90000 }, async () => {
    const body = message('whatsapp', '4915590', 'Nach der Pause');
    const pid = Number(gateway.process.output.match(/redis[^\n]*pid[=: ]+(\d+)/i)?.[1] || execFileSync('pgrep', ['-P', String(gateway.process.pid), 'redis-server'], { encoding: 'utf8' }).trim());
    process.kill(pid, 'SIGSTOP');
    try {
        const a = await graph.post(gateway, 'whatsapp', body);
        assert.equal(a.status, 503);
    } finally {
        process.kill(pid, 'SIGCONT');
    }
    await until('200', async () => (await graph.post(gateway, 'whatsapp', body)).status === 200, 30000);
    assert.equal((await texts('whatsapp')).filter((i) => i.text === 'Nach der Pause').length, 1);
});

test('without the data protection confirmation the channel does not start and says why', () => {
    const dir = scratch('meta');
    const file = path.join(dir, 'draht.yaml');
    fs.writeFileSync(file, fs.readFileSync(gateway.config, 'utf8').replace(/port: \d+/, 'port: 0').replace(/lmtp: .*/, 'lmtp: []').replace('privacy_acknowledged: true', 'privacy_acknowledged: false'));
    let said = '';
    try {
        execFileSync(BINARY, ['run', '-c', file, '--state', path.join(dir, 'state')], { cwd: ROOT, encoding: 'utf8', stdio: 'pipe', timeout: 60000 });
    } catch (e) {
        said = `${e.stdout}${e.stderr}`;
    }
    fs.rmSync(dir, { recursive: true, force: true });
    assert.match(said, /passes through Meta's servers/);
});

test('the log names nobody and no secret', () => {
    const log = gateway.process.output;
    for (const secret of ['secret-of-the-app', 'token-of-the-city', 'word-of-the-city', '4915551', 'Frage an', 'Jana Probe']) assert.ok(!log.includes(secret), secret);
});
