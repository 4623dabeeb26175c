// SPDX-License-Identifier: EUPL-1.2
// Promise: an operator reads every request and answer of a channel, by command and by the API, without secrets or content.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { Gateway, BINARY, ROOT } = require('../lib/gateway');
const { until, run, Process } = require('../lib/process');

const CHANNEL = `  - id: whatsapp
    type: whatsapp
    queue: buergerbuero
    options:
      privacy_acknowledged: true
      app_secret: secret-of-the-app
      verify_token: word-of-the-city
      access_token: token-of-the-city
      phone_number_id: "100200300"
`;
const HOOK = '/channels/whatsapp/webhook';
const env = { ...process.env, LSAN_OPTIONS: `suppressions=${path.join(ROOT, 'tests', 'lsan.supp')}:print_suppressions=0` };
let gateway, file;
const draht = (...args) => run(BINARY, ['channel', 'log', ...args], { cwd: ROOT, env });
const inFile = () => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim().split('\n').filter(Boolean).map((l) => JSON.parse(l)) : []);

before(async () => {
    gateway = await new Gateway({ extra_channels: CHANNEL }).start();
    file = path.join(gateway.state, 'log', 'channel-whatsapp.jsonl');
    await gateway.login();
}, { timeout: 60000 });
after(() => gateway?.close());

test('a request to a channel and its answer stand in the file, which only the owner reads', async () => {
    const url = `${HOOK}?hub.mode=subscribe&hub.verify_token=word-of-the-city&hub.challenge=7`;
    assert.equal((await gateway.raw('GET', url)).text, '7');
    assert.equal((await gateway.raw('POST', HOOK, { 'content-type': 'application/json' }, '{"text":"Erika Beispiel"}')).status, 401);
    await until('both requests', () => inFile().filter((l) => l.dir === 'in').length >= 2);
    const [first, second] = inFile().filter((l) => l.dir === 'in');
    assert.equal(`${first.method} ${first.url} ${first.status}`, `GET ${HOOK} 200`);
    assert.equal(`${second.method} ${second.status} ${second.bytes_in}`, 'POST 401 25');
    assert.ok(inFile().some((l) => l.dir === 'log' && l.event === 'meta.signature'));
    assert.equal(fs.statSync(file).mode & 0o777, 0o600);
    const all = fs.readFileSync(file, 'utf8');
    for (const hidden of ['word-of-the-city', 'secret-of-the-app', 'token-of-the-city', 'Erika']) assert.ok(!all.includes(hidden), hidden);
});

test('the API hands the newest lines to administrators', async () => {
    const all = (await gateway.api('GET', '/channels/whatsapp/log')).lines;
    assert.ok(all.some((l) => l.dir === 'in' && l.status === 401));
    assert.deepEqual((await gateway.api('GET', '/channels/whatsapp/log?limit=1')).lines, all.slice(-1));
    assert.equal((await gateway.raw('GET', '/api/v1/channels/whatsapp/log')).status, 401);
    await gateway.api('GET', '/channels/nothing/log', undefined, 404);
    await gateway.api('GET', '/channels/whatsapp/other', undefined, 404);
});

test('the command shows the file, its end, and what comes', async () => {
    const shown = await draht('whatsapp', '--state', gateway.state, '-c', gateway.config);
    assert.equal(shown.code, 0, shown.out);
    assert.match(shown.out, new RegExp(`in +GET ${HOOK} -> 200 `));
    const last = await draht('whatsapp', '-n', '1', '--json', '--state', gateway.state, '-c', gateway.config);
    assert.deepEqual(JSON.parse(last.out.trim()), inFile().at(-1));
    assert.equal((await draht('nothing', '--state', gateway.state, '-c', gateway.config)).code, 1);
    assert.equal((await draht()).code, 2);
    assert.equal((await draht('whatsapp', '-n', 'x')).code, 2);
    const follower = new Process(BINARY, ['channel', 'log', 'whatsapp', '--follow', '-n', '0', '--state', gateway.state, '-c', gateway.config], { cwd: ROOT, env });
    try {
        await until('the follower to show a new line', async () => {
            await gateway.raw('GET', `${HOOK}?hub.mode=no`);
            return follower.output.includes(`GET ${HOOK} -> 403`);
        });
    } finally {
        await follower.end();
    }
});

test('a full file is put aside and a new one begun', async () => {
    fs.appendFileSync(file, `${'x'.repeat(2 << 20)}\n`);
    await gateway.raw('GET', HOOK);
    await until('the rotated file', () => fs.existsSync(file.replace('.jsonl', '.1.jsonl')) && fs.existsSync(file));
    assert.ok(fs.statSync(file).size < 4096);
});
