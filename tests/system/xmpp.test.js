// SPDX-License-Identifier: EUPL-1.2
// Promise: a citizen writes by XMPP through a real Prosody, staff answer, the answer arrives, the client's receipt makes it
// delivered; the plugin keeps XMPP's manners and comes back when the server was away.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { randomUUID } = require('node:crypto');
const { Gateway, ROOT } = require('../lib/gateway');
const { Prosody, Citizen } = require('../lib/xmpp');
const { until } = require('../lib/process');

const PLUGIN = path.join(ROOT, 'channels/xmpp/draht-xmpp');
const US = 'buergerbuero@amt.lab.test';
let prosody, g, anna;

before(async () => {
    prosody = await new Prosody().start();
    g = new Gateway({
        extra_channels: `  - id: xmpp
    type: exec
    queue: buergerbuero
    options:
      command: [${PLUGIN}]
      settings: {port: ${prosody.component}, domain: amt.lab.test, secret: geheim-4711, nick: Bürgerbüro}
`,
    });
    await g.start();
    await g.login();
    await up(true);
    anna = await new Citizen(prosody.c2s).connect();
}, { timeout: 90000 });
after(async () => {
    anna?.close();
    await g?.close();
    await prosody?.close();
});

const up = (want) => until(`xmpp to be ${want ? 'up' : 'down'}`, async () => (await g.api('GET', '/settings')).channels.find((c) => c.id === 'xmpp').up === want, 90000);
const say = (body, more = '', id = randomUUID()) => anna.send(`<message to='${US}' type='chat' id='${id}'><body>${body}</body>${more}</message>`);
const details = async () => Promise.all((await g.api('GET', '/tickets?view=all&limit=200')).tickets.map((t) => g.api('GET', `/tickets/${t.number}`)));
const ticketWith = (text) => until(`a ticket with ${text}`, async () => (await details()).find((d) => d.items.some((i) => i.text?.includes(text))), 30000);
const count = async (text) => (await details()).flatMap((d) => d.items).filter((i) => i.text?.includes(text)).length;

test('citizen to staff and back, with a receipt', async () => {
    assert.match(g.process.output, /exec\.stderr channel=xmpp connected to amt\.lab\.test as buergerbuero\n/);
    say('Grüße 😀 &lt;&amp;&gt;', "<request xmlns='urn:xmpp:receipts'/>", 'first');
    const d = await ticketWith('Grüße 😀 <&>');
    await anna.wait(/<received[^>]*id='first'/);
    const m = await g.api('POST', `/tickets/${d.number}/messages`, { kind: 'reply', text: 'Ihre Antwort: ä < ö & "ü"', attachments: [], client_id: randomUUID() }, 202);
    const id = (await anna.wait(/<message [^>]*id='(draht-[^']+)'[\s\S]*?<body>Ihre Antwort: ä &lt; ö &amp; (?:"|&quot;)ü(?:"|&quot;)<\/body>/))[1];
    assert.match(anna.text, /from='buergerbuero@amt\.lab\.test'/);
    const state = async () => (await g.api('GET', `/tickets/${d.number}`)).items.find((i) => i.id === m.id).delivery.state;
    await until('sent', async () => (await state()) === 'sent');
    anna.send(`<message to='${US}' id='r1'><received xmlns='urn:xmpp:receipts' id='${id}'/></message>`);
    await until('delivered', async () => (await state()) === 'delivered');
    anna.send(`<message to='${US}' id='r2'><displayed xmlns='urn:xmpp:chat-markers:0' id='${id}'/></message>`);
    await until('read', async () => (await state()) === 'read');
    say('Danke, noch eine Frage');
    assert.equal((await ticketWith('noch eine Frage')).number, d.number, 'the same ticket');
});

test('the same stanza again is one message', async () => {
    const origin = `<origin-id xmlns='urn:xmpp:sid:0' id='${randomUUID()}'/>`;
    say('nur einmal', origin);
    await ticketWith('nur einmal');
    say('nur einmal', origin);
    say('danach');
    await ticketWith('danach');
    assert.equal(await count('nur einmal'), 1);
});

test('links, corrections, delay and OMEMO', async () => {
    say('Bild', "<x xmlns='jabber:x:oob'><url>https://files.lab.test/a.png</url></x>");
    await ticketWith('https://files.lab.test/a.png');
    say('richtig', "<replace xmlns='urn:xmpp:message-correct:0' id='first'/>");
    await ticketWith('✎ richtig');
    anna.send(`<message to='${US}' type='chat' id='o'><encrypted xmlns='eu.siacs.conversations.axolotl'/><body>OMEMO-Rückfall</body></message>`);
    await ticketWith('OMEMO-Rückfall');
    await anna.wait(/Ende-zu-Ende/);
});

test('disco, version, ping, subscription, group chat', async () => {
    anna.send(`<iq type='get' to='${US}' id='d1'><query xmlns='http://jabber.org/protocol/disco#info'/></iq><iq type='get' to='${US}' id='v1'><query xmlns='jabber:iq:version'/></iq>`);
    await anna.wait(/<iq [^>]*id='d1'[\s\S]*urn:xmpp:receipts/);
    await anna.wait(/<name>Draht<\/name>/);
    anna.send(`<iq type='get' to='${US}' id='u1'><query xmlns='urn:nobody'/></iq>`);
    await anna.wait(/service-unavailable/);
    anna.send("<iq type='get' id='ro'><query xmlns='jabber:iq:roster'/></iq>");
    await anna.wait(/id='ro'/);
    anna.send(`<presence type='subscribe' to='${US}'/>`);
    await anna.wait(/type='subscribed'/);
    anna.send(`<message to='${US}' id='muc'><body>invitation</body><x xmlns='http://jabber.org/protocol/muc#user'><invite/></x></message>`);
    await anna.wait(/not-allowed/);
    assert.equal(await count('invitation'), 0);
});

test('errors are never answered, and a failed address is said to staff', async () => {
    anna.text = '';
    anna.send(`<message to='${US}' type='error' id='e1'><body>Fehlerschleife</body><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`);
    say('nach dem Fehler', "<request xmlns='urn:xmpp:receipts'/>", 'after-error');
    await anna.wait(/id='after-error'/);
    assert.doesNotMatch(anna.text, /e1|Fehlerschleife/);
    assert.equal(await count('Fehlerschleife'), 0);
});

test('the server goes away and comes back', { timeout: 120000 }, async () => {
    anna.close();
    await prosody.stop();
    await up(false);
    await prosody.spawn();
    await up(true);
    anna = await new Citizen(prosody.c2s).connect();
    say('wieder da');
    await ticketWith('wieder da');
});

test('draht-xmpp --normalize', () => {
    const run = (input) => spawnSync(PLUGIN, ['--normalize', '-'], { input, encoding: 'utf8' });
    const lines = (input) => run(input).stdout.trim().split('\n').map((l) => JSON.parse(l));
    const [a, b, c] = lines(`<message from='Anna@lab.test/x' to='${US}' id='1'><body>Hallo</body><delay xmlns='urn:xmpp:delay' stamp='2026-11-24T10:00:00Z'/></message>
<message type='groupchat' from='r@muc/x'><body>x</body></message><message from='a@b/c' to='x'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`);
    assert.deepEqual([a.kind, a.sender, a.text, a.sent_ms], ['message', 'anna@lab.test', 'Hallo', Date.parse('2026-11-24T10:00:00Z')]);
    assert.equal(b.kind, 'ignored');
    assert.deepEqual([c.kind, c.typing], ['typing', true]);
    assert.match(run('<!DOCTYPE x [<!ENTITY a "b">]><message/>').stderr, /not well-formed|document type/);
    assert.match(run(`<message from='a@b'><body>${'x'.repeat(300000)}</body></message>`).stderr, /too large/);
    assert.match(run('<a>'.repeat(40)).stderr, /too deeply/);
    for (const broken of ['<message><body>&lol;</body></message>', '</message></stream>', '<message a="1" a="2"/>', '<!-- x -->', '<message>\u0001</message>']) assert.notEqual(run(broken).stderr, '', broken);
});
