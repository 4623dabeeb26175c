// SPDX-License-Identifier: EUPL-1.2
// Promise: kill -9 of the program, as the client of a real Prosody, in the middle of a reply and while citizens write: no message is
// lost, none is taken in twice, no reply goes out twice, and one whose fate nobody knows is in doubt.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { randomUUID } = require('node:crypto');
const { Gateway, ROOT } = require('../lib/gateway');
const { Prosody, Citizen, Line } = require('../lib/xmpp');
const { until, killProgram } = require('../lib/process');

const US = 'stadt@lab.test';
const STANZA_BYTES = 250; // a reply on its way is larger than what else is said in that moment
let prosody, line, g, anna, program, number;
const said = [];
const replies = [];

before(async () => {
    prosody = await new Prosody().start(['anna', 'stadt'], true);
    line = await new Line(prosody.c2s).start();
    g = new Gateway({});
    program = path.join(g.dir, 'draht-xmpp');
    fs.symlinkSync(path.join(ROOT, 'channels/xmpp/draht-xmpp'), program);
    g.options.extra_channels = `  - id: xmpp\n    type: exec\n    queue: buergerbuero\n    options:\n      command: [${program}]\n      settings: {mode: client, domain: lab.test, local: stadt, secret: pw, port: ${line.port}, tls_ca: ${prosody.ca}}\n`;
    await g.start();
    await g.login();
    await up();
    anna = await new Citizen(prosody.c2s).connect();
    ask('Am Anfang');
    number = (await stored('Am Anfang')).number;
}, { timeout: 120000 });
after(async () => {
    anna?.close();
    await g?.close();
    line?.close();
    await prosody?.close();
});

const up = () => until('xmpp to be up', async () => (await g.api('GET', '/settings')).channels.find((c) => c.id === 'xmpp').up, 90000);
const details = async () => Promise.all((await g.api('GET', '/tickets?view=all&limit=200')).tickets.map((t) => g.api('GET', `/tickets/${t.number}`)));
const stored = (text) => until(`a ticket with ${text}`, async () => (await details()).find((d) => d.items.some((i) => i.text === text)), 60000);
const ask = (text) => {
    const id = randomUUID();
    said.push(text);
    anna.send(`<message to='${US}' type='chat' id='${id}'><body>${text}</body><origin-id xmlns='urn:xmpp:sid:0' id='${id}'/></message>`);
};
const reply = async (text) => {
    const m = await g.api('POST', `/tickets/${number}/messages`, { kind: 'reply', text, attachments: [], client_id: randomUUID() }, 202);
    const r = { id: m.id, text };
    replies.push(r);
    return r;
};
const times = (text) => anna.text.split(`<body>${text}</body>`).length - 1;
const decided = (r) => until(`${r.text} to be decided`, async () => {
    const { state } = (await g.api('GET', `/tickets/${number}`)).items.find((i) => i.id === r.id).delivery;
    return ['sent', 'delivered', 'read', 'in_doubt', 'failed'].includes(state) && state;
}, 90000);
/** In this order, so that the server sees the end before the next session comes. */
const kill = async () => {
    const runs = () => g.process.output.split('exec.ready channel=xmpp').length;
    const before = runs();
    assert.equal(killProgram(program), 1, 'there was one program to kill');
    line.cut();
    await until('the next run of the program', () => runs() > before, 90000);
    await up();
};

test('the reply never reached the server', { timeout: 180000 }, async () => {
    const { swallowed } = line;
    line.is_swallowing = true;
    const r = await reply('Nie angekommen');
    await until('the reply to be on its way', () => line.swallowed > swallowed + STANZA_BYTES, 30000);
    ask('Vor dem ersten Ende');
    await kill();
    assert.equal(await decided(r), 'in_doubt');
    await stored('Vor dem ersten Ende');
    assert.equal(times(r.text), 0, 'nobody sends again what is in doubt');
});

test('the reply arrived, its acknowledgement did not; meanwhile a citizen wrote', { timeout: 180000 }, async () => {
    line.is_deaf = true;
    const r = await reply('Angekommen ohne Quittung');
    await until('the reply to arrive', () => times(r.text) === 1, 30000);
    ask('An eine taube Leitung');
    await kill();
    assert.equal(await decided(r), 'in_doubt');
    await stored('An eine taube Leitung');
    assert.equal(times(r.text), 1);
});

test('the message is on disk, our acknowledgement never reached the server', { timeout: 180000 }, async () => {
    line.is_mute = true;
    ask('Zweimal gebracht');
    await stored('Zweimal gebracht');
    await kill();
    ask('Nach dem dritten Ende');
    await stored('Nach dem dritten Ende');
});

test('in the middle of many, both ways, twice', { timeout: 240000 }, async () => {
    for (let round = 0; round < 2; round++) {
        const { carried } = line;
        for (let i = 0; i < 12; i++) {
            ask(`Frage ${round}.${i}`);
            if (i % 4 === 0) await reply(`Antwort ${round}.${i}`);
        }
        await until('some of it to be under way', () => line.carried > carried + STANZA_BYTES * (1 + 4 * round), 30000);
        await kill();
    }
    const r = await reply('Am Ende');
    assert.equal(await decided(r), 'sent');
});

test('the ledger: 0 lost, 0 doubled', { timeout: 180000 }, async () => {
    for (const text of said) await stored(text);
    for (const r of replies) {
        const state = await decided(r);
        if (state === 'in_doubt') assert.ok(times(r.text) <= 1, `${r.text}: ${times(r.text)} times`);
        else assert.deepEqual([state, times(r.text)], ['sent', 1], r.text);
    }
    ask('Zum Schluss'); // the server hands out in order: whatever it kept has come before
    await stored('Zum Schluss');
    const all = (await details()).flatMap((d) => d.items).filter((i) => i.direction === 'in').map((i) => i.text);
    assert.deepEqual([...all].sort(), [...said].sort());
});
