// SPDX-License-Identifier: EUPL-1.2
// Promise: a channel that is a program carries messages both ways, and whatever a program does wrong (hostile.py does all of it)
// harms nobody: the gateway lives, the chat goes on, the program is started anew, what was under way is in doubt.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { execFileSync, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { randomUUID } = require('node:crypto');
const { Gateway, ROOT, BINARY } = require('../lib/gateway');
const { Chat } = require('../lib/chat');
const { until, scratch } = require('../lib/process');

const PROGRAM = path.join(ROOT, 'tests/plugins/exec/hostile.py');
const channel = (id, more = '', word = '') => `  - id: ${id}\n    type: exec\n    queue: buergerbuero\n    options:\n      command: [${PROGRAM}${word ? `, ${word}` : ''}]\n      timeout_s: 2\n${more}`;
let g, chat;
let counter = 0;
const FATAL = ['two', 'utf8', 'twice', 'unknown', 'banner', 'deep', 'huge', 'endless', 'midline', 'killed', 'fork', 'closed', 'deaf', 'stubborn', 'memory'];
const HARMLESS = ['nul', 'flood', 'noise', 'params', 'late'];

before(async () => {
    g = new Gateway({
        extra_channels: channel('prog', '      settings: {colour: blue, pin: "geheimnis-4711"}\n') + channel('mute', '', 'mute') + channel('banner', '', 'banner') + channel('idem', '', 'idempotent')
            + [...FATAL, ...HARMLESS].map((w) => channel(`p-${w}`)).join('')
            + '  - {id: none, type: exec, queue: buergerbuero, options: {command: [/nonexistent/program]}}\n',
        spawn: { env: { ...process.env, A_SECRET_OF_OURS: 'never' } },
    });
    await g.start();
    await g.login();
    await up();
    chat = await new Chat(g.port).connect();
}, { timeout: 90000 });
after(async () => {
    if (chat) chat.ws.close();
    await g.close();
});

const state = async (id) => (await g.api('GET', '/settings')).channels.find((c) => c.id === id);
const up = (id = 'prog') => until(`${id} to be ready`, async () => (await state(id)).up, 60000);
const post = (text, q = '', id = 'prog') => g.raw('POST', `/channels/${id}/in?q=${q}`, { 'content-type': 'text/plain', 'x-id': `n${++counter}` }, text);
const ticketOf = (text) => until(`a ticket with ${text}`, async () => {
    for (const t of (await g.api('GET', '/tickets?view=all&limit=200')).tickets)
        if (t.channel !== 'chat') {
            const d = await g.api('GET', `/tickets/${t.number}`);
            if (d.items.some((i) => i.text && i.text.includes(text))) return d;
        }
    return null;
}, 30000);
async function citizen(id = 'prog') {
    const text = `Frage ${randomUUID()}`;
    await up(id);
    await until(`${id} to take a message`, async () => (await post(text, '', id)).status === 202);
    return ticketOf(text);
}
const number = (d) => d.number;
const reply = (d, text) => g.api('POST', `/tickets/${number(d)}/messages`, { kind: 'reply', text, attachments: [], client_id: randomUUID() }, 202);
const delivery = async (m) => (await g.api('GET', `/tickets/${m.id.split('.')[0]}`)).items.find((i) => i.id === m.id).delivery;
const becomes = (m, states, limit = 40000) => until(`${m.id} to be ${states}`, async () => {
    const d = await delivery(m);
    if (!states.includes(d.state)) throw new Error(JSON.stringify(d));
    return d;
}, limit);
/** The chat answers while the program misbehaves. */
async function chatLives() {
    const cid = randomUUID();
    chat.send({ t: 'msg', cid, text: `Chat ${cid}` });
    await until('the chat to acknowledge', () => chat.acks.has(cid), 20000);
}

test('in, out, receipt, state, files, settings, a clean environment', async () => {
    const d = await citizen();
    const m = await reply(d, 'Unsere Antwort');
    await becomes(m, ['delivered']);
    const text = `Datei ${randomUUID()}`;
    await post(text, 'file');
    const withFile = await ticketOf(text);
    const a = withFile.items.flatMap((i) => i.attachments || []);
    assert.equal(a[0].name, 'Plan.txt');
    assert.deepEqual(fs.readdirSync(path.join(g.state, 'exec/prog/in')), [], 'the file left the spool');
    await post('gemerkt', 'state');
    await until('the state to come back', () => g.process.output.includes('value gemerkt'));
    const [, env] = g.process.output.match(/channel=prog env (\S+) colour blue pin \[redacted\] fds 0,1,2/);
    const ours = env.split(',').filter((name) => !/^(LC_CTYPE|PWD|SHLVL|_?PYENV_.*)$/.test(name)); /* of a wrapper around python3 */
    assert.deepEqual(ours, ['HOME', 'LANG', 'PATH', 'TMPDIR']);
    assert.ok(!g.process.output.includes('geheimnis-4711'));
    const calls = (await g.api('GET', '/channels/prog/log')).lines.filter((l) => l.event === 'exec.call').map((l) => l.text);
    for (const wanted of [/^out draht\.init \d+ -> ok, \d+ ms$/, /^in inbound -> ok$/, /^out send \d+ -> ok, \d+ ms$/, /^in receipt -> ok$/]) assert.ok(calls.some((l) => wanted.test(l)), `${wanted} in\n${calls.join('\n')}`);
    assert.equal(execFileSync('ps', ['-eo', 'args']).toString().includes('geheimnis-4711'), false);
});

test('programs that never get going are said to be so, and nobody waits for them', async () => {
    assert.equal((await state('none')).up, false);
    await until('the banner to be named', async () => /protocol/.test((await state('banner')).sentence), 30000);
    await until('the mute one to be named', async () => /manifest within 10/.test((await state('mute')).sentence), 30000);
    await chatLives();
});

for (const word of FATAL)
    test(`hostile: ${word}: in doubt, started anew, the chat goes on`, { timeout: 170000 }, async () => {
        const id = `p-${word}`;
        const d = await citizen(id);
        const m = await reply(d, `do: ${word}`);
        await chatLives();
        await becomes(m, ['in_doubt'], 60000);
        await until('the restart', () => g.process.output.includes(`exec.restart channel=${id} `), 30000);
        await citizen(id);
    });

for (const word of HARMLESS.filter((w) => w !== 'late'))
    test(`hostile: ${word}: answered, nothing else happens`, { timeout: 170000 }, async () => {
        const id = `p-${word}`;
        const d = await citizen(id);
        const m = await reply(d, `do: ${word}`);
        await chatLives();
        await becomes(m, ['sent', 'delivered', ...(word === 'flood' ? ['in_doubt'] : [])], 120000);
        await citizen(id);
        assert.ok(!g.process.output.includes(`exec.restart channel=${id} `));
    });

test('killed in mid-send with the cap idempotent: sent again, never in doubt', { timeout: 120000 }, async () => {
    const d = await citizen('idem');
    const m = await reply(d, 'do: killed');
    const seen = new Set();
    await until('it to be sent by the second attempt', async () => {
        seen.add((await delivery(m)).state);
        return seen.has('sent') || seen.has('delivered');
    }, 100000);
    assert.ok(!seen.has('in_doubt'), [...seen].join());
});

test('hostile: late: the answer after the time is ignored', { timeout: 120000 }, async () => {
    const d = await citizen('p-late');
    const m = await reply(d, 'do: late');
    await becomes(m, ['in_doubt'], 60000);
    await citizen('p-late');
    assert.equal((await delivery(m)).state, 'in_doubt');
    await until('its line in the channel\'s log', async () => (await g.api('GET', '/channels/p-late/log')).lines.some((l) => l.event === 'exec.call' && /^out send \d+ -> no answer in time/.test(l.text)));
});

test('while the program is not there its route says try again', { timeout: 60000 }, async () => {
    const a = await g.raw('POST', '/channels/mute/in', {}, 'x');
    assert.equal(a.status, 404, 'it never asked for a route');
});

test('draht check asks the program for its options', async () => {
    const file = path.join(scratch('check'), 'draht.yaml');
    const check = (more, word) => {
        fs.writeFileSync(file, `queues:\n  - {id: a, name: A}\ncalendars:\n  - {id: s, timezone: Europe/Berlin, hours: [mo-fr 08:00-16:00]}\nchannels:\n${channel('prog', more, word).replace('queue: buergerbuero', 'queue: a')}`);
        return spawnSync(BINARY, ['check', '-c', file], { encoding: 'utf8' });
    };
    assert.equal(check('      settings: {colour: blue}\n').status, 0);
    assert.match(check('      settings: {color: blue}\n').stdout, /channel prog: settings: unknown setting color; did you mean colour\?/);
    assert.match(check('      settings: {colour: green}\n').stdout, /colour must be one of red\|blue/);
    assert.match(check('', 'banner').stdout, /broke the protocol/);
    fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace(/command: .*/, 'command: [/nonexistent/program]'));
    assert.match(spawnSync(BINARY, ['check', '-c', file], { encoding: 'utf8' }).stdout, /without a manifest: .*No such file/);
});

test('the gateway ends in order and leaves no program behind', { timeout: 60000 }, async () => {
    const ours = () => fs.readdirSync('/proc').filter((p) => {
        try {
            return /^\d+$/.test(p) && fs.readFileSync(`/proc/${p}/environ`, 'latin1').includes(`TMPDIR=${g.state}/exec/`);
        } catch {
            return false;
        }
    });
    assert.ok(ours().length > 5);
    assert.equal(await g.stop(), 0);
    /* The one that left its process group (fork) is nobody's child; it holds nothing of ours. */
    await until('the programs to be gone', () => ours().length <= 1, 10000);
    for (const pid of ours()) process.kill(Number(pid), 'SIGKILL');
});
