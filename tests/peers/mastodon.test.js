// SPDX-License-Identifier: EUPL-1.2
// Promise: with a real GoToSocial a citizen of the Fediverse is answered by direct message, files go both ways, edits and deletions
// are told; nothing is lost over a kill -9 or an instance that is away, nothing is doubled. It streams by WebSocket only, so the
// mentions are found by looking for them.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const net = require('node:net');
const { deflateSync, crc32 } = require('node:zlib');
const { Gateway } = require('../lib/gateway');
const { GoToSocial, has } = require('../lib/gotosocial');
const { cases, channelOf, Office, words } = require('../lib/fedi-cases');
const { until } = require('../lib/process');

let instance, gateway, office;
before(async () => {
    assert.ok(has(), 'GoToSocial is not there: run make test-peers');
    instance = await new GoToSocial().start();
    await instance.toot('Von vor Draht');
    gateway = await new Gateway({ extra_channels: channelOf(instance) }).start();
    await gateway.login();
    office = new Office(gateway);
    await up();
}, { timeout: 300000 });
after(async () => {
    await gateway?.close();
    await instance?.close();
}, { timeout: 60000 });

const state = async () => (await gateway.api('GET', '/settings')).channels.find((c) => c.id === 'fedi');
const up = () => until('the channel to be up', async () => (await state()).up, 60000);
async function restart(meanwhile = () => {}) {
    gateway.process.kill('SIGKILL');
    await gateway.process.done;
    await meanwhile();
    await gateway.spawn();
}

cases(test, () => ({ instance, office }));

test('what was there before Draht is not taken in', async () => {
    assert.ok(!(await office.all()).some((i) => i.text === 'Von vor Draht'));
});

/** A picture that decoders accept. */
function png(width, height) {
    const chunk = (type, data) => {
        const body = Buffer.concat([Buffer.from(type), data]);
        const n = Buffer.alloc(4);
        n.writeUInt32BE(data.length);
        const sum = Buffer.alloc(4);
        sum.writeUInt32BE(checksum(body));
        return Buffer.concat([n, body, sum]);
    };
    const head = Buffer.alloc(13);
    head.writeUInt32BE(width, 0);
    head.writeUInt32BE(height, 4);
    head.set([8, 2, 0, 0, 0], 8);
    const rows = Buffer.alloc((width * 3 + 1) * height, 0x5a);
    for (let y = 0; y < height; y++) rows[y * (width * 3 + 1)] = 0;
    return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), chunk('IHDR', head), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}
function checksum(bytes) {
    if (crc32) return crc32(bytes);
    let c = ~0;
    for (const b of bytes) {
        c ^= b;
        for (let k = 0; k < 8; k++) c = (c >>> 1) ^ (0xedb88320 & -(c & 1));
    }
    return ~c >>> 0;
}

test('files go both ways, with their description', { timeout: 120000 }, async () => {
    const id = await instance.upload(png(40, 30), 'laterne.png', 'image/png', 'Eine dunkle Laterne');
    await instance.toot('Hier ist sie', { media: [id] });
    const m = await until('the picture', async () => (await office.all()).find((i) => (i.text || '').startsWith('Hier ist sie')), 30000);
    assert.match(m.text, /Eine dunkle Laterne/);
    assert.equal(m.attachments.length, 1);
    assert.match(m.attachments[0].type, /^image\//);
    assert.ok(m.attachments[0].length > 50);
    const plan = png(64, 48);
    const form = await gateway.raw('POST', '/api/v1/uploads', { cookie: gateway.cookie, 'x-csrf-token': gateway.csrf, 'content-type': 'image/png', 'x-filename': 'Lageplan.png' }, plan);
    assert.equal(form.status, 201, form.text);
    await office.reply(m.number, 'Hier der Plan', [form.json]);
    const got = await until('the plan', async () => (await instance.inbox()).find((s) => words(s.content).includes('Hier der Plan')), 60000);
    assert.equal(got.visibility, 'direct');
    assert.equal(got.media_attachments.length, 1);
    assert.deepEqual([got.media_attachments[0].meta.original.width, got.media_attachments[0].meta.original.height], [64, 48]);
    await office.delivery(m.number, 'Hier der Plan', 'sent');
});

test('a content warning of a further message stands in its text; what is edited or deleted while nobody streams is found', { timeout: 240000 }, async () => {
    const s = await instance.toot('Termin am Dienstag', { more: { spoiler_text: 'Baustelle' } });
    const m = await office.find('Baustelle\n\nTermin am Dienstag');
    const gone = await instance.toot('Doch nicht');
    await office.find('Doch nicht');
    await restart(async () => {
        await instance.call('PUT', `/api/v1/statuses/${s.id}`, { status: '@amt Termin am Mittwoch', spoiler_text: 'Baustelle' });
        await instance.call('DELETE', `/api/v1/statuses/${gone.id}`);
    });
    await up();
    assert.equal((await office.find('Baustelle\n\nTermin am Mittwoch', 90000)).number, m.number);
    await until('the note of the deletion', async () => (await office.all()).some((i) => JSON.stringify(i.warnings || []).includes('deleted an earlier message')), 90000);
    assert.ok((await office.all()).some((i) => i.text === 'Doch nicht'), 'it is kept');
});

test('what is said while the gateway is away arrives afterwards, once', { timeout: 180000 }, async () => {
    const said = Array.from({ length: 50 }, (_, i) => `Gestaut ${String(i).padStart(2, '0')}`);
    await restart(async () => {
        for (const text of said) await instance.toot(text);
    });
    await office.find(said.at(-1), 90000);
    await restart();
    await up();
    await instance.toot('Nach dem zweiten Neustart');
    await office.find('Nach dem zweiten Neustart');
    const got = (await office.all()).filter((i) => /^Gestaut/.test(i.text || '')).map((i) => i.text);
    assert.deepEqual(got.sort(), said); // GoToSocial makes notifications side by side: what is written within a moment changes places there
});

/** A line to the instance that can be cut. (GoToSocial itself asks for two minutes of patience when it starts.) */
class Line {
    constructor() {
        this.sockets = new Set();
        this.server = net.createServer((a) => {
            const b = net.connect(instance.port, '127.0.0.1');
            for (const s of [a, b]) this.sockets.add(s.on('error', () => {}).on('close', () => this.sockets.delete(s)));
            a.pipe(b).pipe(a);
            a.on('close', () => b.destroy());
            b.on('close', () => a.destroy());
        });
    }

    async open(port = 0) {
        await new Promise((done) => this.server.listen(port, '127.0.0.1', done));
        this.port = this.server.address().port;
        return this;
    }

    async cut() {
        const closed = new Promise((done) => this.server.close(done));
        this.sockets.forEach((s) => s.destroy());
        await closed;
    }
}

test('an instance that is away: the channel says so, the reply waits and goes out once', { timeout: 180000 }, async () => {
    const line = await new Line().open();
    const far = await new Gateway({ extra_channels: channelOf({ url: `http://127.0.0.1:${line.port}`, token: instance.token }) }).start();
    try {
        await far.login();
        const there = new Office(far);
        const is_up = async () => (await far.api('GET', '/settings')).channels.find((c) => c.id === 'fedi').up;
        await until('the channel to be up', is_up, 60000);
        await instance.toot('Frage vor dem Ausfall');
        const m = await there.find('Frage vor dem Ausfall');
        await line.cut();
        await there.reply(m.number, 'Antwort nach dem Ausfall');
        await until('the channel to be down', async () => !(await is_up()), 90000);
        const waiting = await there.delivery(m.number, 'Antwort nach dem Ausfall', 'retry', 60000);
        await line.open(line.port);
        await until('the channel to be up again', is_up, 60000);
        await far.api('POST', `/messages/${waiting.id}/retry`, {});
        await there.delivery(m.number, 'Antwort nach dem Ausfall', 'sent', 60000);
        const got = async () => (await instance.inbox()).filter((s) => words(s.content).includes('Antwort nach dem Ausfall')).length;
        await until('the answer', async () => (await got()) > 0, 30000);
        assert.equal(await got(), 1);
    } finally {
        await far.close();
        await line.cut();
    }
});

test('a token that is no good any more is told', { timeout: 90000 }, async () => {
    const bad = await new Gateway({ extra_channels: channelOf({ url: instance.url, token: 'NOT-A-TOKEN' }) }).start();
    try {
        await bad.login();
        const said = await until('the sentence', async () => ((c) => c.sentence && !c.up && c.sentence)((await bad.api('GET', '/settings')).channels.find((c) => c.id === 'fedi')), 60000);
        assert.match(said, /token/);
    } finally {
        await bad.close();
    }
});
