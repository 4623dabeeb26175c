// SPDX-License-Identifier: EUPL-1.2
// Promise: a copy of the state folder with its key is a backup; with another key or none nothing can be read and the start
// says what to do; nobody who reads the disk finds a citizen's words, name or address.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { randomUUID, randomBytes } = require('node:crypto');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { Gateway, BINARY } = require('../lib/gateway');
const { Chat } = require('../lib/chat');
const { swaks } = require('../lib/mail');
const { until, run } = require('../lib/process');

/** Words that must never lie on the disk in clear. */
const SECRETS = ['Krankenakte', 'Wilhelmine', 'Zuckersand', 'wilhelmine.zuckersand', 'privat.example', 'Scheidungsurteil', 'GEHEIMERANHANG', 'Antwortgeheimnis', 'Notizgeheimnis', 'chatgeheimnis', '0171-5550199'];
const FILE = path.join(require('node:os').tmpdir(), `draht-restore-${process.pid}.txt`);
let gateway, mail, chat, token;

before(async () => {
    gateway = await new Gateway().start();
    await gateway.login();
    fs.writeFileSync(FILE, `GEHEIMERANHANG ${'Scheidungsurteil '.repeat(5000)}`);
    const sent = await swaks(gateway.lmtp, { protocol: 'LMTP', from: 'wilhelmine.zuckersand@privat.example', to: 'buergerbuero@stadt.test', subject: 'Krankenakte', body: 'Ruf an: 0171-5550199', attach: FILE });
    assert.equal(sent.code, 0, sent.out);
    await swaks(gateway.lmtp, { protocol: 'LMTP', from: 'wilhelmine.zuckersand@privat.example', to: 'buergerbuero@stadt.test', subject: 'Krankenakte zwei', headers: ['From: Wilhelmine Zuckersand <wilhelmine.zuckersand@privat.example>'] });
    const c = await new Chat(gateway.port).connect();
    chat = (await c.say('Ein chatgeheimnis')).number;
    c.close();
    token = c.token;
    mail = (await until('the mail', async () => (await gateway.api('GET', '/tickets?view=all')).tickets.find((t) => t.subject === 'Krankenakte'))).number;
    for (const [kind, text] of [['note', 'Notizgeheimnis']])
        await gateway.api('POST', `/tickets/${mail}/messages`, { kind, text, attachments: [], client_id: randomUUID() });
    await gateway.api('POST', `/tickets/${chat}/messages`, { kind: 'reply', text: 'Antwortgeheimnis', attachments: [], client_id: randomUUID() }, 202);
    await until('the reply to be out', async () => ['sent', 'delivered', 'read'].includes((await gateway.api('GET', `/tickets/${chat}`)).items.find((i) => i.direction === 'out').delivery.state));
}, { timeout: 90000 });
after(async () => {
    fs.rmSync(FILE, { force: true });
    await gateway?.close();
});

function* walk(dir) {
    for (const e of fs.readdirSync(dir, { withFileTypes: true })) {
        const p = path.join(dir, e.name);
        if (e.isDirectory()) yield* walk(p);
        else if (e.isFile()) yield p;
    }
}
/** file: word for every secret in clear, also in base64 at each of its three phases. */
function found(dir) {
    const out = [];
    for (const f of walk(dir)) {
        const bytes = fs.readFileSync(f);
        const lower = Buffer.from(bytes.toString('latin1').toLowerCase(), 'latin1');
        for (const s of SECRETS) {
            if (lower.includes(s.toLowerCase())) out.push(`${path.relative(dir, f)}: ${s}`);
            if (s.length < 10) continue;
            for (let phase = 0; phase < 3; phase++) {
                const b64 = Buffer.concat([Buffer.alloc(phase), Buffer.from(s)]).toString('base64').replace(/=+$/, '');
                if (bytes.includes(b64.slice(phase ? 4 : 0, -2))) out.push(`${path.relative(dir, f)}: ${s} in base64`);
            }
        }
    }
    return out;
}
/** What a person would see of everything: throws when something is missing. */
async function all_there(g) {
    const m = await g.api('GET', `/tickets/${mail}`);
    assert.equal(m.subject, 'Krankenakte');
    assert.match(m.sender.address, /wilhelmine\.zuckersand@privat\.example/);
    const first = m.items.find((i) => i.direction === 'in');
    assert.match(first.text, /0171-5550199/);
    const bytes = await g.raw('GET', `/api/v1/messages/${first.id}/attachments/0`, { cookie: g.cookie });
    assert.ok(bytes.bytes.equals(fs.readFileSync(FILE)), 'the attachment, byte by byte');
    assert.ok(m.items.some((i) => i.text === 'Notizgeheimnis'));
    const c = await g.api('GET', `/tickets/${chat}`);
    assert.deepEqual(c.items.filter((i) => i.type === 'message').map((i) => i.text), ['Ein chatgeheimnis', 'Antwortgeheimnis']);
}

test('nothing that citizens or staff wrote lies in the state folder in clear, running or stopped', { timeout: 60000 }, async () => {
    await all_there(gateway);
    assert.deepEqual(found(gateway.state), []);
    const files = [...walk(gateway.state)];
    assert.ok(files.some((f) => /appendonlydir/.test(f)) && files.some((f) => /blobs/.test(f)), 'looked where the data is');
    // The same search finds what does lie there in clear, so it can find.
    assert.ok(files.some((f) => fs.readFileSync(f).includes('buergerbuero')));
    for (const s of SECRETS) assert.ok(!gateway.process.output.toLowerCase().includes(s.toLowerCase()), `${s} in the log`);
    for (const f of files) assert.equal(fs.statSync(f).mode & 0o077, 0, `${f} is for its owner alone`);
});

test('stop, copy, start elsewhere: every message, file and account is there', { timeout: 90000 }, async () => {
    assert.equal(await gateway.stop(), 0);
    assert.deepEqual(found(gateway.state), []);
    const there = new Gateway();
    execFileSync('cp', ['-a', gateway.state, there.state]);
    await gateway.spawn();
    try {
        await there.start();
        await there.login('admin', gateway.password);
        await all_there(there);
        const again = await new Chat(there.port, { token }).connect();
        await again.wait((f) => f.t === 'message' && f.text === 'Antwortgeheimnis');
        again.close();
    } finally {
        await there.close();
    }
});

test('copied while it runs, Redis folder first and blobs after it: readable as well', { timeout: 90000 }, async () => {
    const there = new Gateway();
    fs.mkdirSync(path.join(there.state, 'redis'), { recursive: true, mode: 0o700 });
    execFileSync('cp', ['-a', path.join(gateway.state, 'redis', 'appendonlydir'), path.join(there.state, 'redis')]);
    execFileSync('cp', ['-a', path.join(gateway.state, 'blobs'), path.join(gateway.state, 'master.key'), there.state]);
    try {
        await there.start();
        await there.login('admin', gateway.password);
        await all_there(there);
    } finally {
        await there.close();
    }
});

test('with another key, or none, it does not start, says what to do, and changes nothing', { timeout: 60000 }, async () => {
    assert.equal(await gateway.stop(), 0);
    const dir = path.join(gateway.dir, 'stolen');
    execFileSync('cp', ['-a', gateway.state, dir]);
    const key = path.join(dir, 'master.key');
    fs.writeFileSync(key, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
    const other = await run(BINARY, ['run', '-c', gateway.config, '--state', dir]);
    assert.equal(other.code, 1, other.out);
    assert.match(other.out, /master\.key.*not the key.*Put the master\.key/s);
    fs.rmSync(key);
    const none = await run(BINARY, ['run', '-c', gateway.config, '--state', dir]);
    assert.equal(none.code, 1, none.out);
    assert.match(none.out, /master\.key is missing.*Put your copy/s);
    assert.ok(!fs.existsSync(key), 'no new key is made over old data');
    fs.copyFileSync(path.join(gateway.state, 'master.key'), key);
    const there = new Gateway();
    fs.renameSync(dir, there.state);
    try {
        await there.start();
        await there.login('admin', gateway.password);
        await all_there(there);
    } finally {
        await there.close();
    }
});

test('whoever forces another key upon the data reads nothing of it', { timeout: 60000 }, async () => {
    const there = new Gateway();
    execFileSync('cp', ['-a', gateway.state, there.state]);
    fs.rmSync(path.join(there.state, 'key-check'));
    fs.writeFileSync(path.join(there.state, 'master.key'), `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
    try {
        await there.start().catch(() => {});
        if (!there.process.exited) {
            const a = await there.raw('POST', '/api/v1/session', { 'content-type': 'application/json' }, JSON.stringify({ user: 'admin', password: there.password || gateway.password }));
            const cookie = (a.headers['set-cookie'] || [''])[0].split(';')[0];
            const seen = await Promise.all([`/tickets/${mail}`, `/tickets/${chat}`, '/tickets?view=all'].map((u) => there.raw('GET', `/api/v1${u}`, { cookie })));
            for (const s of SECRETS) for (const x of seen) assert.ok(!x.text.toLowerCase().includes(s.toLowerCase()), s);
        }
    } finally {
        await there.close();
    }
});
