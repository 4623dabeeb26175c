// SPDX-License-Identifier: EUPL-1.2
// Promise: a citizen who is erased cannot be read any more, neither what was written nor why a reply failed; nobody else is
// touched, and the same address may write again as somebody new.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const { Gateway, BINARY } = require('../lib/gateway');
const { Chat } = require('../lib/chat');
const { until } = require('../lib/process');

let gateway;
before(async () => {
    gateway = await new Gateway().start();
    await gateway.login();
}, { timeout: 60000 });
after(() => gateway?.close());

const texts = (t) => t.items.filter((i) => i.type === 'message').map((i) => i.text);
const read = (number) => gateway.api('GET', `/tickets/${number}`);
const erase = (number, want = 204) => gateway.api('DELETE', `/contacts/${number}`, undefined, want).catch((e) => assert.fail(e));

test('text is gone, others stay, the same conversation begins anew', { timeout: 60000 }, async () => {
    const ada = await new Chat(gateway.port).connect();
    const bob = await new Chat(gateway.port).connect();
    const a = await ada.say('Mein Geheimnis');
    const b = await bob.say('Meine Frage');
    await gateway.api('POST', `/tickets/${a.number}/messages`, { kind: 'reply', text: 'Antwort an Ada', attachments: [], client_id: 'r1' }, 202);
    await ada.wait((f) => f.t === 'message' && f.from === 'agent');
    assert.deepEqual(texts(await read(a.number)), ['Mein Geheimnis', 'Antwort an Ada']);

    await erase(a.number);
    await erase(a.number);
    const shell = await read(a.number);
    assert.equal(shell.erased, true);
    assert.equal(shell.state, 'closed');
    assert.equal(shell.sender.address, '');
    assert.equal(shell.preview, '');
    assert.deepEqual(texts(shell), ['', '']);
    assert.ok(shell.items.some((i) => i.type === 'event' && i.what === 'erased'));
    assert.ok(!JSON.stringify(shell).includes('Geheimnis'));
    assert.deepEqual(texts(await read(b.number)), ['Meine Frage']);

    const again = await ada.say('Neu angefangen');
    assert.notEqual(again.number, a.number);
    const fresh = await read(again.number);
    assert.deepEqual(texts(fresh), ['Neu angefangen']);
    assert.deepEqual(fresh.contact.tickets, [again.number]);
    const more = await bob.say('Noch eine Frage');
    assert.equal(more.number, b.number);
    ada.close();
    bob.close();
});

test('a reply to an erased citizen is refused, and only administrators erase', { timeout: 60000 }, async () => {
    const eve = await new Chat(gateway.port).connect();
    const e = await eve.say('Hallo');
    await gateway.api('POST', '/staff', { id: 'agent', name: 'Agent', role: 'agent', password: 'ein langes Passwort' }, 201);
    const agent = new Gateway({ dir: gateway.dir });
    agent.port = gateway.port;
    await agent.login('agent', 'ein langes Passwort');
    await agent.api('DELETE', `/contacts/${e.number}`, undefined, 403);
    assert.deepEqual(texts(await read(e.number)), ['Hallo']);
    await gateway.api('DELETE', '/contacts/2020-000001', undefined, 404);
    await erase(e.number);
    await gateway.api('POST', `/tickets/${e.number}/messages`, { kind: 'reply', text: 'Zu spät', attachments: [], client_id: 'r2' }, 409);
    eve.close();
});

test('the command line erases beside the running gateway, which forgets its key', { timeout: 60000 }, async () => {
    const kim = await new Chat(gateway.port).connect();
    const k = await kim.say('Vom Terminal gelöscht');
    const said = execFileSync(BINARY, ['erase', k.number, '-c', gateway.config, '--state', gateway.state], { encoding: 'utf8' });
    assert.match(said, /erased/);
    await until('the ticket to be a shell', async () => (await read(k.number)).erased);
    const again = await kim.say('Wieder da');
    assert.notEqual(again.number, k.number);
    assert.deepEqual(texts(await read(again.number)), ['Wieder da']);
    kim.close();
});
