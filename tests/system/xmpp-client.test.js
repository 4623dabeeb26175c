// SPDX-License-Identifier: EUPL-1.2
// Promise: with nothing but an account at a real Prosody (TLS, SCRAM, stream management) citizens are answered; a connection that breaks
// in the middle loses nothing and doubles nothing; files of staff go by the server's upload service, within its limit.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const path = require('node:path');
const { randomBytes, randomUUID } = require('node:crypto');
const { Gateway, ROOT } = require('../lib/gateway');
const { Prosody, Citizen, Line } = require('../lib/xmpp');
const { until } = require('../lib/process');

const PLUGIN = path.join(ROOT, 'channels/xmpp/draht-xmpp');
const US = 'stadt@lab.test';
let prosody, line, g, anna;

const channel = (id, settings) => `  - id: ${id}\n    type: exec\n    queue: buergerbuero\n    options:\n      command: [${PLUGIN}]\n      settings: {domain: lab.test, ${settings}}\n`;

before(async () => {
    prosody = await new Prosody().start(['anna', 'stadt'], true);
    line = await new Line(prosody.c2s).start();
    const client = (more) => `mode: client, local: stadt, port: ${prosody.c2s}, ${more}`;
    g = new Gateway({
        extra_channels: channel('xmpp', `mode: client, local: stadt, secret: pw, port: ${line.port}, tls_ca: ${prosody.ca}`)
            + channel('falsch', client(`secret: nicht-pw, tls_ca: ${prosody.ca}`))
            + channel('fremd', client('secret: pw'))
            + `  - id: teil\n    type: exec\n    queue: buergerbuero\n    options:\n      command: [${PLUGIN}]\n      settings: {domain: amt.lab.test, secret: geheim-4711, port: ${prosody.component}}\n`,
    });
    await g.start();
    await g.login();
    await until('xmpp to be up', async () => (await state('xmpp')).up && (await state('teil')).up, 90000);
    anna = await new Citizen(prosody.c2s).connect();
}, { timeout: 120000 });
after(async () => {
    anna?.close();
    await g?.close();
    line?.close();
    await prosody?.close();
});

const state = async (id) => (await g.api('GET', '/settings')).channels.find((c) => c.id === id);
const say = (body, more = '', to = US, id = randomUUID()) => anna.send(`<message to='${to}' type='chat' id='${id}'><body>${body}</body><origin-id xmlns='urn:xmpp:sid:0' id='${id}'/>${more}</message>`);
const details = async () => Promise.all((await g.api('GET', '/tickets?view=all&limit=200')).tickets.map((t) => g.api('GET', `/tickets/${t.number}`)));
const ticketWith = (text) => until(`a ticket with ${text}`, async () => (await details()).find((d) => d.items.some((i) => i.text?.includes(text))), 60000);
const reply = (number, text, attachments = []) => g.api('POST', `/tickets/${number}/messages`, { kind: 'reply', text, attachments, client_id: randomUUID() }, 202);
const delivery = async (number, id) => (await g.api('GET', `/tickets/${number}`)).items.find((i) => i.id === id).delivery;
const becomes = (number, id, wanted) => until(`${id} to be ${wanted}`, async () => {
    const d = await delivery(number, id);
    if (d.state !== wanted) throw new Error(JSON.stringify(d));
    return d;
}, 60000);

test('citizen to staff and back, subscription, receipts', { timeout: 90000 }, async () => {
    anna.send("<iq type='get' id='ro'><query xmlns='jabber:iq:roster'/></iq>");
    await anna.wait(/id='ro'/);
    anna.send(`<presence type='subscribe' to='${US}'/>`);
    await anna.wait(/<presence [^>]*type='subscribed'/);
    say('Grüße 😀 &lt;&amp;&gt;', "<request xmlns='urn:xmpp:receipts'/>", US, 'first');
    const d = await ticketWith('Grüße 😀 <&>');
    await anna.wait(/<received[^>]*id='first'/);
    const m = await reply(d.number, 'Ihre Antwort: ä < ö');
    const id = (await anna.wait(/<message [^>]*id='(draht-[^']+)'[\s\S]*?<body>Ihre Antwort: ä &lt; ö/))[1];
    await becomes(d.number, m.id, 'sent');
    anna.send(`<message to='${US}' id='r1'><received xmlns='urn:xmpp:receipts' id='${id}'/></message>`);
    await becomes(d.number, m.id, 'delivered');
});

test('a wrong password and an unknown certificate are told to the operator, without the password', { timeout: 60000 }, async () => {
    assert.match((await until('the refusal', async () => { const s = await state('falsch'); return /login/.test(s.sentence) && s; }, 30000)).sentence, /refused the login \(not-authorized\)/);
    assert.match((await until('the doubt', async () => { const s = await state('fremd'); return /certificate/.test(s.sentence) && s; }, 30000)).sentence, /self.signed certificate/);
    assert.ok(!g.process.output.includes('nicht-pw'));
});

test('the connection breaks in the middle, again and again: nothing lost, nothing doubled', { timeout: 180000 }, async () => {
    say('Vor dem Bruch');
    const d = await ticketWith('Vor dem Bruch');
    const sent = [], said = [];
    const ask = (text) => {
        said.push(text);
        say(text);
    };
    for (let i = 0; i < 4; i++) {
        const a = await reply(d.number, `Antwort-${i}a-`);
        ask(`Frage-${i}a-`);
        await becomes(d.number, a.id, 'sent');
        const { swallowed } = line;
        line.is_swallowing = true; // what goes out now is written and never arrives
        const b = await reply(d.number, `Antwort-${i}b-`);
        ask(`Frage-${i}b-`);
        await until('the reply to be on its way', () => line.swallowed > swallowed + 250, 30000);
        line.cut();
        ask(`Frage-${i}c-`);
        sent.push([`Antwort-${i}a-`, a], [`Antwort-${i}b-`, b]);
    }
    for (const text of said) await ticketWith(text);
    const states = [];
    for (const [text, m] of sent) {
        states.push(await until(`${m.id} to be decided`, async () => {
            const { state: s } = await delivery(d.number, m.id);
            return ['sent', 'in_doubt'].includes(s) && s;
        }, 90000));
        const times = anna.text.split(`<body>${text}`).length - 1;
        if (states.at(-1) === 'sent') assert.equal(times, 1, text);
        else assert.ok(times <= 1, text);
    }
    // A session that is taken up again leaves no doubt; only one that came back after half a minute does.
    assert.ok(states.filter((x) => x === 'sent').length > 4, states.join());
    const all = (await details()).flatMap((x) => x.items).filter((i) => i.direction === 'in').map((i) => i.text);
    for (const text of said) assert.equal(all.filter((t) => t === text).length, 1, text);
});

test('what is written while we are not there is waiting with the server', { timeout: 120000 }, async () => {
    line.server.close();
    line.cut();
    await until('the channel to be down', async () => !(await state('xmpp')).up, 60000);
    say('In der Lücke');
    await new Promise((r) => line.server.listen(line.port, '127.0.0.1', r));
    await ticketWith('In der Lücke');
    assert.equal((await details()).flatMap((x) => x.items).filter((i) => i.text === 'In der Lücke').length, 1);
});

const upload = async (name, bytes) => (await g.raw('POST', `/api/v1/uploads?name=${encodeURIComponent(name)}`, { cookie: g.cookie, 'x-csrf-token': g.csrf, 'content-type': 'application/octet-stream' }, bytes)).json;

for (const [id, us] of [['xmpp', US], ['teil', 'buergerbuero@amt.lab.test']]) {
    test(`files of staff (${id}): uploaded, the address sent, within the limit of the service`, { timeout: 120000 }, async () => {
        await until('the channel to be up', async () => (await state(id)).up, 60000);
        const s = await state(id);
        assert.ok(s.caps.includes('attachments'));
        assert.match(s.sentence, /100 KB go by files\.lab\.test/);
        assert.deepEqual(s.files.kinds, [{ types: '*', bytes_max: 100 * 1024 }]);
        say(`Formular bitte ${id}`, '', us);
        const d = await ticketWith(`Formular bitte ${id}`);
        const bytes = Buffer.concat([Buffer.from('%PDF-1.4\n'), randomBytes(30000)]);
        const m = await reply(d.number, `Anbei ${id}`, [await upload('Antrag ä.pdf', bytes)]);
        await anna.wait(new RegExp(`<body>Anbei ${id}`));
        const own = () => anna.text.slice(anna.text.indexOf(`<body>Anbei ${id}`));
        const [, url, number] = await until('the link', () => own().match(/<url>(http[^<]+)<\/url>[\s\S]*?<origin-id [^>]*id='([^']+)'/), 60000);
        assert.ok(own().includes(`<body>${url}</body>`), 'clients show it in its place when the text is the address');
        const got = await fetch(url);
        assert.ok(Buffer.from(await got.arrayBuffer()).equals(bytes));
        await becomes(d.number, m.id, 'sent');
        anna.send(`<message to='${us}' id='rf-${id}'><received xmlns='urn:xmpp:receipts' id='${number}'/></message>`);
        await becomes(d.number, m.id, 'delivered');
        const large = await reply(d.number, `Zu groß ${id}`, [await upload('gross.bin', randomBytes(101 * 1024))]);
        assert.match((await becomes(d.number, large.id, 'failed')).reason, /larger than the XMPP server takes \(100 KB\)/);
    });
}
