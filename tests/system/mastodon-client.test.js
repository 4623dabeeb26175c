// SPDX-License-Identifier: EUPL-1.2
// Promise: the Mastodon double that our channel is tested against speaks the API as a foreign client (Debian's Mastodon.py) knows it:
// statuses with idempotency keys, pages of notifications in both directions, media, context, errors and the stream.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const path = require('node:path');
const readline = require('node:readline');
const { spawn } = require('node:child_process');
const { randomBytes, randomUUID } = require('node:crypto');
const { FakeMastodon } = require('../lib/fake-mastodon');
const { until } = require('../lib/process');

/** Mastodon.py in a process of its own. */
class Client {
    constructor(url, token) {
        this.process = spawn('/usr/bin/python3', [path.join(__dirname, '../lib/mastodon-client.py'), url, token], { stdio: ['pipe', 'pipe', 'inherit'] });
        this.done = new Promise((resolve) => this.process.once('exit', resolve));
        this.waiting = new Map();
        this.events = [];
        this.next = 1;
        readline.createInterface({ input: this.process.stdout }).on('line', (line) => {
            const m = JSON.parse(line);
            if (m.event) return this.events.push(m);
            this.waiting.get(m.id)(m);
            return this.waiting.delete(m.id);
        });
    }

    /** {value} or {error, text}. */
    answer(call, args = {}) {
        const id = this.next++;
        return new Promise((resolve) => {
            this.waiting.set(id, resolve);
            this.process.stdin.write(JSON.stringify({ id, call, args }) + '\n');
        });
    }

    async call(call, args) {
        const a = await this.answer(call, args);
        assert.equal(a.error, undefined, `${call}: ${a.error} ${a.text}`);
        return a.value;
    }

    close() {
        this.process.stdin.end();
        return this.done;
    }
}

let instance, client;
before(async () => {
    instance = await new FakeMastodon().start();
    client = new Client(instance.url, instance.token);
});
after(async () => {
    await client?.close();
    await instance?.stop();
});

test('it knows the instance and whose token it has', async () => {
    assert.equal((await client.call('instance')).uri, 'stadt.test');
    assert.equal((await client.call('account_verify_credentials')).acct, 'buergerbuero');
});

test('a status is posted once a key, direct, below the question, and read again', async () => {
    const question = await instance.toot('Wann ist Sperrmüll?');
    const post = { status: '@jana@anderswo.test Am Montag & pünktlich', in_reply_to_id: question.id, visibility: 'direct', language: 'de', idempotency_key: randomUUID() };
    const first = await client.call('status_post', post);
    assert.equal(first.visibility, 'direct');
    assert.equal(String(first.in_reply_to_id), question.id);
    assert.ok(first.content.includes('Am Montag &amp; pünktlich'));
    assert.equal((await client.call('status_post', post)).id, first.id);
    const other = await client.call('status_post', { ...post, idempotency_key: randomUUID() });
    assert.notEqual(other.id, first.id);
    assert.equal((await client.call('status', { id: first.id })).content, first.content);
    const below = (await client.call('status_context', { id: question.id })).descendants.map((s) => s.id);
    assert.deepEqual(below, [first.id, other.id]);
});

test('an hour later the same key posts again', async () => {
    const post = { status: '@jana@anderswo.test Noch einmal', visibility: 'direct', idempotency_key: randomUUID() };
    const first = await client.call('status_post', post);
    instance.clock += 3601_000;
    assert.notEqual((await client.call('status_post', post)).id, first.id);
});

test('what the instance refuses is an error of the right kind', async () => {
    const stranger = new Client(instance.url, 'wrong');
    const list = [
        [stranger, 'account_verify_credentials', {}, 'MastodonUnauthorizedError'],
        [client, 'status', { id: 424242 }, 'MastodonNotFoundError'],
        [client, 'status_post', { status: 'x', in_reply_to_id: 424242 }, 'MastodonNotFoundError'],
        [client, 'status_post', { status: 'x'.repeat(501) }, 'MastodonAPIError'],
        [client, 'media', { id: 424242 }, 'MastodonNotFoundError'],
    ];
    for (const [who, call, args, error] of list) assert.equal((await who.answer(call, args)).error, error, `${call} ${JSON.stringify(args).slice(0, 80)}`);
    await stranger.close();
    await client.call('status_post', { status: 'x'.repeat(500) });
    for (const [status, error] of [[429, 'MastodonRatelimitError'], [503, 'MastodonServiceUnavailableError']]) {
        instance.broken = { status, headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': new Date(Date.now() + 1000).toISOString() } };
        assert.equal((await client.answer('account_verify_credentials')).error, error);
    }
    instance.broken = null;
});

test('notifications come page by page, forward from a watermark (min_id) and backward (max_id), without a gap', async () => {
    const before_all = instance.notifications.at(-1).id;
    for (let i = 0; i < 10; i++) await instance.toot(`Stau ${i}`);
    const all = instance.notifications.slice(-10).map((n) => Number(n.id));
    await instance.toot('Nur ein Stern', { type: 'favourite' });
    const ids = (page) => page.map((n) => n.id);
    let got = ids(await client.call('notifications', { min_id: Number(before_all), types: ['mention'], limit: 3 }));
    assert.deepEqual(got, all.slice(0, 3).reverse(), 'the oldest three behind the mark, newest first');
    for (let page; (page = await client.call('fetch_previous'))?.length; ) got = [...ids(page), ...got];
    assert.deepEqual(got, [...all].reverse());
    let back = ids(await client.call('notifications', { types: ['mention'], limit: 4 }));
    for (let page; back.length < 10 && (page = await client.call('fetch_next'))?.length; ) back = [...back, ...ids(page)];
    assert.deepEqual(back.slice(0, 10), [...all].reverse());
});

test('media are worked on for a while, then go with a status', async () => {
    const bytes = Buffer.concat([Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), randomBytes(2000)]);
    const m = await client.call('media_post', { hex: bytes.toString('hex') });
    assert.equal(m.url, null);
    assert.ok(instance.media.get(String(m.id)).raw.includes(bytes), 'byte by byte');
    const early = await client.answer('status_post', { status: 'zu früh', media_ids: [m.id] });
    assert.equal(early.error, 'MastodonAPIError');
    await until('the file to be ready', async () => (await client.call('media', { id: m.id })).url);
    const s = await client.call('status_post', { status: 'Der Plan', media_ids: [m.id], visibility: 'direct' });
    assert.deepEqual(instance.statuses.get(String(s.id)).media, [String(m.id)]);
});

test('the stream tells of mentions, edits and deletions, in whatever pieces it comes', { timeout: 60000 }, async () => {
    await client.call('stream_user');
    await until('the heart-beat', () => instance.streams.size > 0 && client.events.some((e) => e.event === 'heartbeat'));
    const s = await instance.toot('Straße gesperrt – wie lange?', { byte_by_byte: true });
    await until('the mention', () => client.events.some((e) => e.event === 'notification' && e.value.status.id === Number(s.id) && e.value.status.content.includes('Straße gesperrt – wie lange?')));
    await instance.edit(s.id, 'Straße wieder frei');
    await until('the edit', () => client.events.some((e) => e.event === 'status.update' && e.value.content.includes('wieder frei') && e.value.edited_at));
    await instance.remove(s.id);
    await until('the deletion', () => client.events.some((e) => e.event === 'delete' && String(e.value) === s.id));
});
