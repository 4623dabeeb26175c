// SPDX-License-Identifier: EUPL-1.2
// Promise: the automatic answer to a chat names the page that shows the state of exactly this conversation, and no other link opens it.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { Gateway } = require('../lib/gateway');
const { Chat } = require('../lib/chat');

let gateway, chat;
before(async () => {
    gateway = await new Gateway({ rules: '  - {name: Antwort, channel: chat, acknowledge: ack}\n' }).start();
    chat = await new Chat(gateway.port).connect();
}, { timeout: 60000 });
after(async () => {
    chat?.close();
    await gateway?.close();
});

test('the link in the automatic answer opens the conversation; a changed one opens nothing', { timeout: 60000 }, async () => {
    await chat.say('Wie ist der Stand?');
    const auto = await chat.wait((f) => f.t === 'message' && f.from === 'auto', 20000);
    const link = auto.text.match(/http:\/\/\S+\/channels\/chat\/form\/status\/\S+/);
    assert.ok(link, auto.text);
    const url = new URL(link[0]);
    assert.equal(url.port, String(gateway.port));
    const page = await gateway.raw('GET', url.pathname);
    assert.equal(page.status, 200, page.text);
    assert.match(page.text, /Wie ist der Stand\?/);
    const forged = url.pathname.slice(0, -4) + (url.pathname.endsWith('AAAA') ? 'BBBB' : 'AAAA');
    assert.equal((await gateway.raw('GET', forged)).status, 404);
});
