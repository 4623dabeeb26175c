// SPDX-License-Identifier: EUPL-1.2
// Promise: an operator's shared object is a channel like any other, and one that does not fit is refused with a sentence, by
// draht check and at the start.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { execFileSync, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { randomUUID } = require('node:crypto');
const { Gateway, ROOT, BINARY } = require('../lib/gateway');
const { until, scratch } = require('../lib/process');

let dir, g;
const compile = (name, source) => {
    const from = source || path.join(ROOT, 'tests/plugins/echo.c');
    execFileSync('gcc', ['-std=c17', '-shared', '-fPIC', `-I${ROOT}`, '-o', path.join(dir, name), from]);
    return path.join(dir, name);
};
const broken = (name, code) => {
    const file = path.join(dir, `${name}.c`);
    fs.writeFileSync(file, `#include "channels/abi/draht_channel.h"\n${code}\n`);
    return compile(`${name}.so`, file);
};
const channel = (object, settings = '{}') => `  - id: echo\n    type: shared-object\n    queue: a\n    options: {path: ${object}, settings: ${settings}}\n`;
function check(object, settings) {
    const file = path.join(dir, 'check.yaml');
    fs.writeFileSync(file, `queues:\n  - {id: a, name: A}\ncalendars:\n  - {id: s, timezone: Europe/Berlin, hours: [mo-fr 08:00-16:00]}\nchannels:\n${channel(object, settings)}`);
    return spawnSync(BINARY, ['check', '-c', file], { encoding: 'utf8' });
}

before(async () => {
    dir = scratch('object');
    g = new Gateway({ extra_channels: channel(compile('echo.so'), '{greeting: Hallo}').replace('queue: a', 'queue: buergerbuero') });
    await g.start();
    await g.login();
}, { timeout: 90000 });
after(async () => {
    await g?.close();
    fs.rmSync(dir, { recursive: true, force: true });
});

test('a message in, an answer out', async () => {
    const a = await g.raw('POST', '/channels/echo/in', { 'content-type': 'text/plain' }, 'e1 anna Eine Frage');
    assert.equal(a.status, 202, a.text);
    assert.equal((await g.raw('POST', '/channels/echo/in', {}, 'e1 anna Eine Frage')).text, a.text, 'a duplicate gives the same ticket');
    await g.api('POST', `/tickets/${a.text}/messages`, { kind: 'reply', text: 'Eine Antwort', attachments: [], client_id: randomUUID() }, 202);
    await until('the answer', async () => (await g.raw('GET', '/channels/echo/out')).text === 'Eine Antwort');
});

test('what does not fit is refused with a sentence', () => {
    const says = (object, what, settings) => {
        const r = check(object, settings);
        assert.equal(r.status, 1, r.stdout + r.stderr);
        assert.match(r.stdout, /channel echo: /);
        assert.match(r.stdout, what);
    };
    assert.equal(check(path.join(dir, 'echo.so')).status, 0);
    says('/nonexistent.so', /cannot be read/);
    const text = path.join(ROOT, 'README.md');
    says(text, /README\.md cannot be loaded: /);
    assert.equal(check(text).stdout.split(text).length, 2, 'the path stands there once');
    assert.match(spawnSync(BINARY, ['channel', 'test', broken('lost', 'int other(void); int (*p)(void) = other;')], { encoding: 'utf8' }).stderr, /lost\.so cannot be loaded: undefined symbol: other\.\n/);
    says(broken('symbol', 'int other(void); int other(void) { return 1; }'), /has no function draht_channel_plugin/);
    const plugin = (body) => `const struct draht_channel_ops *draht_channel_plugin(uint32_t m);\nstatic const struct draht_channel_ops ops = {${body}};\nconst struct draht_channel_ops *draht_channel_plugin(uint32_t m) { (void)m; return &ops; }`;
    says(broken('major', 'const struct draht_channel_ops *draht_channel_plugin(uint32_t m); const struct draht_channel_ops *draht_channel_plugin(uint32_t m) { return m == 99 ? (const struct draht_channel_ops *)1 : 0; }'), /does not speak major version 1/);
    says(broken('small', plugin('.size = 8, .type = "x"')), /its table says 8 bytes; at least/);
    says(broken('large', plugin('.size = 4000000000u, .type = "x"')), /its table says 4000000000 bytes/);
    says(broken('hollow', plugin('.size = sizeof(struct draht_channel_ops), .type = "x"')), /its table has no open/);
    says(path.join(dir, 'echo.so'), /unknown setting greetin; did you mean greeting\?/, '{greetin: x}');
    says(path.join(dir, 'echo.so'), /greeting must have 0 to 40 characters/, `{greeting: ${'x'.repeat(41)}}`);
});

test('the same at the start', () => {
    const file = path.join(dir, 'start.yaml');
    fs.writeFileSync(file, `listen: {port: 1}\nqueues:\n  - {id: a, name: A}\ncalendars:\n  - {id: s, timezone: Europe/Berlin, hours: [mo-fr 08:00-16:00]}\nchannels:\n${channel('/nonexistent.so')}`);
    const r = spawnSync(BINARY, ['run', '-c', file, '--state', path.join(dir, 'state')], { encoding: 'utf8', timeout: 60000 });
    assert.notEqual(r.status, 0);
    assert.match(r.stdout + r.stderr, /channel echo: \/nonexistent\.so cannot be read/);
});
