// SPDX-License-Identifier: EUPL-1.2
// Promise: polling and sending also work beside a server of the Bot API that is not ours (npm telegram-test-api). What it does not have
// (waiting for news, offsets, files, secrets, refusals) is in telegram.test.js.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const TelegramServer = require('telegram-test-api');
const { Gateway } = require('../lib/gateway');
const { until, freePort } = require('../lib/process');

const TOKEN = '987654321:AAF-bot_of_the_independent_server';
let server, gateway;

before(async () => {
    server = new TelegramServer({ port: await freePort(), host: '127.0.0.1', storage: 'RAM', storeTimeout: 600 });
    await server.start();
    gateway = new Gateway({ extra_channels: `  - id: telegram\n    type: telegram\n    queue: buergerbuero\n    options:\n      token: "${TOKEN}"\n      api_url: "${server.config.apiURL}"\n` });
    await gateway.start();
    await gateway.login();
}, { timeout: 60000 });
after(async () => {
    await gateway?.close();
    await server?.stop();
});

test('a citizen writes by its client, staff answer, the client gets the answer; the next message joins', { timeout: 90000 }, async () => {
    const jana = server.getClient(TOKEN, { userId: 4242, chatId: 4242, firstName: 'Jana', timeout: 30000 });
    await jana.sendMessage(jana.makeMessage('Wann kommt die Müllabfuhr? 😀'));
    const ticket = () => gateway.api('GET', '/tickets?view=all').then((l) => l.tickets.find((t) => t.sender.address === '4242'));
    const t = await until('the ticket', ticket, 30000);
    const items = async () => (await gateway.api('GET', `/tickets/${t.number}`)).items;
    assert.deepEqual((await items()).map((i) => i.text), ['Wann kommt die Müllabfuhr? 😀']);
    const m = await gateway.api('POST', `/tickets/${t.number}/messages`, { kind: 'reply', text: 'Am Dienstag. <b>_*`', attachments: [], client_id: randomUUID() }, 202);
    await until('sent', async () => (await items()).find((i) => i.id === m.id).delivery.state === 'sent', 30000);
    const { result } = await jana.getUpdates();
    assert.equal(result.length, 1);
    assert.match(result[0].message.text, /^Am Dienstag\. <b>_\*`/);
    await jana.sendMessage(jana.makeMessage('Danke!'));
    await until('the thanks in the same ticket', async () => (await items()).some((i) => i.text === 'Danke!'), 30000);
});

// Fewer than we ask for at once: that server knows no limit, and forgets what it has handed out.
test('forty messages of four citizens: each once, in order', { timeout: 120000 }, async () => {
    const clients = Array.from({ length: 4 }, (_, i) => server.getClient(TOKEN, { userId: 9000 + i, chatId: 9000 + i, firstName: `Nr. ${i}` }));
    for (let n = 0; n < 10; n++) for (const c of clients) await c.sendMessage(c.makeMessage(`Zeile ${n}`));
    for (let i = 0; i < clients.length; i++) {
        const lines = async () => {
            const t = (await gateway.api('GET', '/tickets?view=all&limit=200')).tickets.find((x) => x.sender.address === String(9000 + i));
            const all = (await gateway.api('GET', `/tickets/${t.number}`)).items.filter((x) => x.direction === 'in').map((x) => x.text);
            return all.length >= 10 && all;
        };
        assert.deepEqual(await until(`all messages of citizen ${i}`, lines, 60000), Array.from({ length: 10 }, (_, n) => `Zeile ${n}`));
    }
});
