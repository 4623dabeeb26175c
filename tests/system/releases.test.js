// SPDX-License-Identifier: EUPL-1.2
// Promise: gateways of two neighbouring releases work on one Redis: whoever connects leaves the functions of a newer release
// loaded, replaces those of an older one, and goes on taking in and answering. The other release is a copy of our library.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { randomUUID } = require('node:crypto');
const { Gateway, ROOT } = require('../lib/gateway');
const { Chat } = require('../lib/chat');
const { connects } = require('../lib/mail');
const { scratch, freePort, until, Process } = require('../lib/process');

let redis, port, master, north, south;
const folder = path.join(ROOT, 'router', 'functions', 'draht');
const ours = fs.readdirSync(folder).sort().map((f) => fs.readFileSync(path.join(folder, f), 'utf8')).join('');
const VERSION = Number(ours.match(/^local LIBRARY_VERSION = (\d+)$/m)[1]);
const extra = "\nredis.register_function{function_name = 'draht_extra_1', flags = {'no-writes'}, callback = function() return 'here' end}\n";
/** The library of another release: its number, or null for one of before there was a number; with a function that ours lacks. */
function release(number) {
    if (number !== null) return ours.replace(/^local LIBRARY_VERSION = \d+$/m, `local LIBRARY_VERSION = ${number}`) + extra;
    return ours.replace(/^register\('library'.*$/m, '') + extra;
}

function cli(args, input) {
    const r = spawnSync('redis-cli', ['-p', String(port), ...args], { input, encoding: 'utf8' });
    return (r.stdout + r.stderr).trim();
}
const call = (name) => cli(['FCALL', name, '1', 'draht:{0}:']);
const load = (text) => assert.equal(cli(['-x', 'FUNCTION', 'LOAD', 'REPLACE'], text), 'draht_v1');
const known = (g) => g.process.output.split('store.functions').length;
async function works(g, text) {
    const chat = await new Chat(g.port).connect();
    const { number } = await chat.say(text);
    await g.login('admin', north.password);
    await g.api('POST', `/tickets/${number}/messages`, { kind: 'reply', text: `Zu ${text}`, attachments: [], client_id: randomUUID() }, 202);
    await chat.wait((f) => f.t === 'message' && f.text === `Zu ${text}`);
    chat.close();
}
async function gateway() {
    const g = new Gateway({ top: `redis:\n  address: 127.0.0.1:${port}\nmaster_key: ${master}\n` });
    await g.start();
    return g;
}

before(async () => {
    const dir = scratch('redis');
    master = path.join(dir, 'master.key');
    port = await freePort();
    redis = new Process('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--appendonly', 'yes', '--appendfsync', 'always', '--save', '']);
    await until('Redis', () => connects(port));
    north = await gateway();
}, { timeout: 60000 });
after(async () => {
    await north?.close();
    await south?.close();
    await redis?.end();
});

test('it loads its own, with its number', async () => {
    assert.equal(call('draht_library_1'), String(VERSION));
    await works(north, 'Allein');
});

test('beside a newer release: an older gateway that connects anew, or starts, leaves the newer functions and works with them', { timeout: 90000 }, async () => {
    load(release(VERSION + 1));
    const n = known(north);
    cli(['CLIENT', 'KILL', 'TYPE', 'normal']);
    await until('north to connect anew', () => known(north) > n);
    await until('north to be ready', async () => (await north.raw('GET', '/readyz')).status === 200);
    assert.match(north.process.output, new RegExp(`store.functions version=${VERSION + 1} `));
    assert.equal(call('draht_extra_1'), 'here');
    await works(north, 'Älter, nach einem Abriss');
    south = await gateway();
    assert.equal(call('draht_library_1'), String(VERSION + 1));
    assert.equal(call('draht_extra_1'), 'here');
    await works(south, 'Älter, neu gestartet');
});

for (const [name, number] of [['the release before', VERSION - 1], ['a release without a number', null], ['another build of this one', VERSION]])
    test(`beside ${name}: its functions are replaced by ours`, { timeout: 60000 }, async () => {
        load(release(number));
        assert.equal(call('draht_extra_1'), 'here');
        cli(['CLIENT', 'KILL', 'TYPE', 'normal']);
        await until('ours', () => /not found/i.test(call('draht_extra_1')) && call('draht_library_1') === String(VERSION));
        await until('north to be ready', async () => (await north.raw('GET', '/readyz')).status === 200);
        await works(north, `Neben ${name}`);
    });
