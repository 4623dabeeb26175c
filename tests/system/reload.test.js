// SPDX-License-Identifier: EUPL-1.2
// Promise: HUP takes good settings over without a restart; settings with faults are named by line and column and change nothing.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const { Gateway } = require('../lib/gateway');
const { Chat } = require('../lib/chat');
const { until } = require('../lib/process');

let gateway, good;
before(async () => {
    gateway = await new Gateway().start();
    await gateway.login();
    good = fs.readFileSync(gateway.config, 'utf8');
}, { timeout: 60000 });
after(() => gateway?.close());

async function reload(text, expect) {
    const from = gateway.process.output.length;
    fs.writeFileSync(gateway.config, text);
    gateway.process.kill('SIGHUP');
    return until(`${expect} in the log`, () => {
        const said = gateway.process.output.slice(from);
        return expect.test(said) && said;
    });
}
const settings = () => gateway.api('GET', '/settings');

test('faults: named by file:line:column, the running settings stay', { timeout: 30000 }, async () => {
    const before_ = await settings();
    const said = await reload(good.replace('  name: Teststadt', '  nme: Neustadt').replace('id: sozialamt', 'id: "Sozial Amt"'), /config\.refused/);
    const line = good.split('\n').findIndex((l) => l.includes('name: Teststadt')) + 1;
    assert.match(said, new RegExp(`draht\\.yaml:${line}:\\d+: `));
    assert.match(said, /nme/);
    assert.match(said, new RegExp(`draht\\.yaml:${good.split('\n').findIndex((l) => l.includes('sozialamt')) + 1}:\\d+: `));
    const after_ = await settings();
    assert.deepEqual(after_.city, before_.city);
    assert.deepEqual(after_.queues, before_.queues);
});

test('a file that is no YAML, empty, or gone: refused, nothing ends', { timeout: 60000 }, async () => {
    await reload('\0\x01{[', /config\.refused/);
    await reload('a: [', /config\.refused/);
    await reload(`x: ${'['.repeat(5000)}`, /config\.refused/);
    fs.rmSync(gateway.config);
    const from = gateway.process.output.length;
    gateway.process.kill('SIGHUP');
    await until('the refusal', () => /config\.refused/.test(gateway.process.output.slice(from)));
    assert.equal((await settings()).city.name, 'Teststadt');
});

test('a new office, a new name and a new rule hold at once; open chats stay open', { timeout: 60000 }, async () => {
    const chat = await new Chat(gateway.port).connect();
    const ack = await chat.say('Vor dem Neuladen');
    const text = good.replace('name: Teststadt', 'name: Neustadt')
        .replace('rules: []', 'rules:\n  - {name: Hund, words: [hundesteuer], queue: steueramt}')
        .replace('  - {id: sozialamt', '  - {id: steueramt, name: Steueramt, contact: "Ada Kern, 03999 555-400"}\n  - {id: sozialamt');
    await reload(text, /config\.reloaded/);
    const s = await settings();
    assert.equal(s.city.name, 'Neustadt');
    assert.ok(s.queues.some((q) => q.id === 'steueramt'));
    assert.equal((await gateway.raw('GET', '/channels/chat/config')).json.city, 'Neustadt');
    const again = await chat.say('Nach dem Neuladen');
    assert.equal(again.number, ack.number);
    chat.close();
    const dog = await new Chat(gateway.port).connect();
    const { number } = await dog.say('Ich möchte die Hundesteuer anmelden');
    assert.equal((await gateway.api('GET', `/tickets/${number}`)).queue, 'steueramt');
    dog.close();
});

test('what needs a restart is said, and the old value stays', { timeout: 30000 }, async () => {
    const said = await reload(good.replace(`port: ${gateway.port}`, 'port: 1'), /config\.reloaded/);
    assert.match(said, /restart_needed=[1-9].*port|restart_needed=1/s);
    assert.equal((await gateway.raw('GET', '/readyz')).status, 200);
});

test('fifty reloads in a row end nothing', { timeout: 60000 }, async () => {
    for (let i = 0; i < 50; i++) await reload(good.replace('name: Teststadt', `name: Stadt ${i}`), /config\.(reloaded|refused)/);
    assert.equal((await gateway.raw('GET', '/readyz')).status, 200);
    assert.match((await settings()).city.name, /^Stadt 49$/);
});
