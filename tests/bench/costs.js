// SPDX-License-Identifier: EUPL-1.2
// What one message costs the gateway in instructions (callgrind), channel by channel: the figure that does not depend on the machine's
// mood. Programs cannot start there (a gateway's /proc/<pid>/exe, by which their helper runs, is valgrind): channels.js measures
// processor time for them. Each channel has a gateway of its own; messages of known citizens are counted, after some that are not.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { Gateway } = require('../lib/gateway');
const { run, scratch, until } = require('../lib/process');
const { send, BINARY } = require('./channels');
const { fetch, next_fetch } = require('./pulled');
const posted = require('./channel-rows').rows;
const asked = require('./pulled-rows').rows;
const { webchat, email } = require('./wire-rows');

const WARM = 250;
const COUNTED = 200;

/** Instructions since the last call, as callgrind writes them into a file of its own. */
async function count(gateway, dir) {
    const had = fs.readdirSync(dir).length;
    const r = await run('callgrind_control', ['-d', String(gateway.process.pid)]);
    if (r.code !== 0) throw new Error(`callgrind_control: ${r.out}`);
    return until('the figures of callgrind', () => {
        const files = fs.readdirSync(dir);
        const m = files.length > had && fs.readFileSync(path.join(dir, files.sort((a, b) => fs.statSync(path.join(dir, b)).mtimeMs - fs.statSync(path.join(dir, a)).mtimeMs)[0]), 'utf8').match(/^totals: (\d+)/m);
        return m && Number(m[1]);
    }, 60000);
}

/** One channel on the state that a quick gateway made. */
async function cost_of(row, quick, put) {
    const dir = scratch('callgrind');
    const wrapper = path.join(dir, 'draht');
    const out = path.join(dir, 'out');
    fs.mkdirSync(out);
    fs.writeFileSync(wrapper, `#!/bin/sh\nexec valgrind -q --tool=callgrind --callgrind-out-file=${out}/figures ${BINARY} "$@"\n`, { mode: 0o755 });
    await row.start?.();
    const gateway = new Gateway({ binary: wrapper, dir: quick.dir, extra_channels: row.yaml, chat: '      messages_per_10s: 1000000' });
    Object.assign(gateway, { cookie: quick.cookie, csrf: quick.csrf });
    gateway.ready = () => until('the gateway below callgrind', async () => (await gateway.raw('GET', '/readyz')).status === 200, 180000);
    const some = row.fill ? (first, n) => fetch(gateway, row, first, n) : (first, n) => send(gateway, row, first, n);
    try {
        const asked = row.fill && next_fetch(row); // what came before its first question may count as old
        await gateway.start();
        await asked;
        await some(Date.now() % 1e9, WARM);
        await count(gateway, out);
        await some((Date.now() + 1e6) % 1e9, COUNTED);
        put(`${row.name}_instructions`, (await count(gateway, out)) / COUNTED, 'instructions/message', 'lower');
    } finally {
        await gateway.stop();
        await row.stop?.();
        fs.rmSync(dir, { recursive: true, force: true });
    }
}

async function channel_costs({ put }) {
    if ((await run('valgrind', ['--version'])).code !== 0) throw new Error('valgrind is missing');
    const quick = await new Gateway({ binary: BINARY }).start();
    try {
        await quick.login();
        await quick.stop();
        for (const row of [webchat, email, ...posted, ...asked].filter((r) => !r.has_program)) await cost_of(row, quick, put);
    } finally {
        await quick.close();
    }
}

module.exports = { channel_costs };
