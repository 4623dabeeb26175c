// SPDX-License-Identifier: EUPL-1.2
// Promise: the first start of a fresh clone works: with the configuration that Draht ships and with the demonstration, into a
// folder whose parents do not exist yet.
'use strict';
const { test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const http = require('node:http');
const { ROOT, BINARY } = require('../lib/gateway');
const { swaks } = require('../lib/mail');
const { scratch, freePort, until, Process } = require('../lib/process');

const status = (port, url) => new Promise((resolve) => {
    http.get({ host: '127.0.0.1', port, path: url, agent: false }, (a) => {
        a.resume();
        resolve(a.statusCode);
    }).on('error', () => resolve(0));
});

test('the shipped configuration starts, prints the ways in, and takes a mail', { timeout: 90000 }, async () => {
    const dir = scratch('first');
    const port = await freePort(), lmtp = await freePort();
    const file = path.join(dir, 'draht.yaml');
    const shipped = fs.readFileSync(path.join(ROOT, 'config', 'draht.yaml'), 'utf8');
    const changed = shipped.replace(/^(\s+port:) 8080$/m, `$1 ${port}`).replace(/^(\s+)address: \["buergerbuero/m, `$1lmtp: ["127.0.0.1:${lmtp}"]\n$&`);
    assert.ok(changed.includes(String(port)) && changed.includes(String(lmtp)));
    fs.writeFileSync(file, changed);
    const p = new Process(BINARY, ['run', '-c', file, '--state', path.join(dir, 'a', 'b', 'state')], { cwd: ROOT });
    try {
        await until('it to be ready', async () => {
            if (p.exited) throw new Error(p.output);
            return (await status(port, '/readyz')) === 200;
        }, 60000);
        assert.match(p.output, /password/i);
        const sent = await swaks(lmtp, { protocol: 'LMTP', from: 'test@example.org', to: 'buergerbuero@stadt.test', subject: 'Erste Mail' });
        assert.equal(sent.code, 0, sent.out);
    } finally {
        assert.equal(await p.end(), 0, p.output);
    }
});

test('without any configuration the built-in one is the shipped one', { timeout: 90000 }, async () => {
    const state = path.join(scratch('built-in'), 'state');
    const p = new Process(BINARY, ['run', '--state', state], { cwd: path.dirname(state) });
    try {
        await until('it to say something', () => /is ready|address already in use|cannot listen/i.test(p.output) || p.exited, 60000);
        assert.doesNotMatch(p.output, /draht: channel|configuration has faults/, p.output);
    } finally {
        await p.end();
    }
});

test('the demonstration writes its configuration into a new folder', { timeout: 90000 }, async () => {
    const state = path.join(scratch('demo'), 'x', 'y', 'state');
    const p = new Process(BINARY, ['run', '--demo', '--state', state], { cwd: ROOT });
    try {
        await until('the configuration', () => fs.existsSync(path.join(state, 'demo.yaml')) || p.exited);
        assert.ok(fs.existsSync(path.join(state, 'demo.yaml')), p.output);
    } finally {
        await p.end();
    }
});
