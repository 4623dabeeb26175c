// SPDX-License-Identifier: EUPL-1.2
// Promise: a script that is run once for each reply is a channel: its exit status is the verdict, what goes wrong with it harms nobody,
// and what it may have sent is in doubt, unless sending twice is harmless.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { randomUUID } = require('node:crypto');
const { Gateway, ROOT, BINARY } = require('../lib/gateway');
const { until, scratch } = require('../lib/process');

const PROGRAM = path.join(ROOT, 'tests/plugins/exec/once.sh');
const channel = (id, more = '', command = `[${PROGRAM}]`) => `  - id: ${id}\n    type: exec\n    queue: buergerbuero\n    options:\n      mode: once\n      command: ${command}\n      timeout_s: 2\n      secret: postfach-4711\n${more}`;
let g;
before(async () => {
    g = new Gateway({
        extra_channels: channel('script', '      settings: {pin: "env:A_PIN", number: "12"}\n') + channel('idem', '      idempotent: true\n')
            + channel('capped', '      at_once: 2\n').replace('timeout_s: 2\n', 'timeout_s: 60\n') + channel('none', '', '[/nonexistent/program]'),
        spawn: { env: { ...process.env, A_PIN: 'geheim-0815' } },
    });
    await g.start();
    await g.login();
    await until('the channels', async () => (await g.api('GET', '/settings')).channels.filter((c) => ['script', 'idem', 'capped', 'none'].includes(c.id)).every((c) => c.up));
}, { timeout: 60000 });
after(() => g.close());

let nr = 0;
const post = (id, where, body, secret = 'postfach-4711') => g.raw('POST', `/channels/${id}/${where}`, { authorization: `Bearer ${secret}`, 'content-type': 'application/json' }, typeof body === 'string' ? body : JSON.stringify(body));
async function citizen(id = 'script') {
    const n = `n${++nr}`;
    const a = await post(id, 'in', { external_id: n, sender: `s${n}`, thread: `t${n}`, text: `Frage ${n}` });
    assert.equal(a.status, 200, a.text);
    return a.json;
}
const reply = (t, text, attachments = []) => g.api('POST', `/tickets/${t.ticket}/messages`, { kind: 'reply', text, attachments, client_id: randomUUID() }, 202);
const delivery = async (m) => (await g.api('GET', `/tickets/${m.id.split('.')[0]}`)).items.find((i) => i.id === m.id).delivery;
const becomes = (m, ...states) => until(`${m.id} to be ${states}`, async () => {
    const d = await delivery(m);
    if (!states.includes(d.state)) throw new Error(JSON.stringify(d));
    return d;
}, 60000);
const send = async (text, id) => reply(await citizen(id), text);
const spool = (id, name) => path.join(g.state, 'exec', id, name);
const is_there = (pid) => {
    try {
        return !/^\d+ \(.*\) Z/.test(fs.readFileSync(`/proc/${pid}/stat`, 'utf8'));
    } catch {
        return false;
    }
};

test('in behind the secret, out, and a receipt for the id that the script named', async () => {
    const first = await citizen();
    assert.match(first.ticket, /^\d{4}-\d{6}$/);
    assert.equal((await post('script', 'in', { external_id: 'n1', sender: 'sn1', thread: 'tn1', text: 'Frage n1' })).json.duplicate, true);
    for (const [body, secret, status] of [[{ external_id: 'x', sender: 'y' }, 'postfach-4712', 401], [{ external_id: 'x', sender: 'y' }, '', 401], [{ sender: 'y' }, undefined, 400], ['[1]', undefined, 400], ['no json', undefined, 400],
        [{ external_id: 'x', sender: 'y', attachments: [{ file: '../../etc/passwd' }] }, undefined, 400]])
        assert.equal((await post('script', 'in', body, secret)).status, status, JSON.stringify(body));
    const m = await reply(first, 'do: secret');
    await becomes(m, 'sent');
    assert.equal((await post('script', 'receipt', { external_id: 'id-secret', state: 'delivered' })).status, 200);
    await becomes(m, 'delivered');
    await until('its words in the log', () => g.process.output.includes('exec.stderr channel=script stderr of a run'));
    assert.ok(!g.process.output.includes('geheim-0815'));
});

test('the exit status is the verdict', { timeout: 120000 }, async () => {
    const busy = await send('do: busy');
    for (const [text, state, reason] of [['do: refused', 'failed', /The number does not exist\./], ['do: data', 'failed', /status 65/], ['do: noperm', 'failed', /status 77/], ['do: config', 'failed', /status 78/], ['do: usage', 'failed', /status 64/], ['do: one', 'in_doubt', /status 1,/]]) {
        const d = await becomes(await send(text), state);
        assert.match(d.reason, reason, text);
    }
    await becomes(busy, 'sent');
    const d = await becomes(await send('anything', 'none'), 'failed');
    assert.match(d.reason, /status 127/);
});

test('a file of the reply lies in the spool while the script runs', async () => {
    const t = await citizen();
    const up = await g.raw('POST', `/api/v1/uploads?name=brief.txt`, { cookie: g.cookie, 'x-csrf-token': g.csrf, 'content-type': 'application/octet-stream' }, 'content-of-a-file');
    assert.ok(up.status < 300, `${up.status} ${up.text}`);
    const m = await reply(t, 'do: file', [up.json]);
    await becomes(m, 'sent');
    assert.equal((await post('script', 'receipt', { external_id: 'id-content-of-a-file', state: 'delivered' })).status, 200);
    await becomes(m, 'delivered');
    assert.deepEqual(fs.readdirSync(spool('script', 'out')), []);
});

test('hostile: it never ends, and neither do its children', { timeout: 60000 }, async () => {
    const m = await send('do: never');
    const pid = await until('its child', () => fs.readFileSync(spool('script', 'grandchild'), 'utf8').trim());
    assert.match((await becomes(m, 'in_doubt')).reason, /did not end in time/);
    await until('the whole group to be gone', () => !is_there(pid), 20000);
});

test('hostile: it floods its standard output', { timeout: 60000 }, async () => {
    await becomes(await send('do: 65536'), 'sent');
    assert.match((await becomes(await send('do: 65537'), 'in_doubt')).reason, /more than 64 KiB/);
    assert.match((await becomes(await send('do: flood'), 'in_doubt')).reason, /more than 64 KiB/);
});

test('hostile: a child that left the group keeps the pipe', { timeout: 60000 }, async () => {
    await becomes(await send('do: fork'), 'sent');
    process.kill(Number(fs.readFileSync(spool('script', 'forked'), 'utf8')), 'SIGKILL');
});

test('killed in mid-send: in doubt; sent again when that is harmless', { timeout: 120000 }, async () => {
    const again = await send('do: killed', 'idem');
    await becomes(await send('do: killed'), 'in_doubt');
    const seen = new Set();
    await until('the second attempt', async () => {
        seen.add((await delivery(again)).state);
        return seen.has('sent');
    }, 60000);
    assert.ok(!seen.has('in_doubt'), [...seen].join());
});

test('no more run at once than allowed', { timeout: 60000 }, async () => {
    const all = [];
    for (let i = 0; i < 5; i++) all.push(await send('do: wait', 'capped'));
    const running = () => fs.readdirSync(spool('capped', '')).filter((n) => n.startsWith('run-')).length;
    await until('two to run', () => running() === 2);
    assert.ok((await Promise.all(all.map(delivery))).filter((d) => d.state === 'sending').length <= 2);
    fs.writeFileSync(spool('capped', 'go'), '');
    for (const m of all) {
        await becomes(m, 'sent');
        assert.ok(running() <= 2);
    }
});

test('draht check sees a program that is not there', () => {
    const file = path.join(scratch('check'), 'draht.yaml');
    const check = (command) => {
        fs.writeFileSync(file, `queues:\n  - {id: buergerbuero, name: A}\ncalendars:\n  - {id: s, timezone: Europe/Berlin, hours: [mo-fr 08:00-16:00]}\nchannels:\n${channel('script', '', command)}`);
        return spawnSync(BINARY, ['check', '-c', file], { encoding: 'utf8' });
    };
    assert.equal(check(`[${PROGRAM}]`).status, 0);
    assert.equal(check('[sh, -c, exit]').status, 0);
    assert.match(check('[/nonexistent/program]').stdout, /no program that may be run/);
    assert.match(check('[no-such-program-anywhere]').stdout, /no program that may be run/);
});
