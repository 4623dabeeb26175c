// SPDX-License-Identifier: EUPL-1.2
// Channels that ask their provider for news, in a measurement: start() gives yaml, fill(first, n, text) puts messages into the fake's
// queue, is_fetch(request) knows the question that brings them.
'use strict';
const { FakeMastodon } = require('../lib/fake-mastodon');
const { FakeMatrix } = require('../lib/fake-matrix');
const { FakeTelegram, TOKEN } = require('../lib/fake-telegram');
const { channelOf } = require('../lib/fedi-cases');

const SENDERS = 100;
const OFFICE = '@amt:fake.test';

const telegram = {
    name: 'telegram_poll',
    async start() {
        this.fake = await new FakeTelegram().start();
        this.yaml = `  - id: telegram\n    type: telegram\n    queue: buergerbuero\n    options:\n      token: "${TOKEN}"\n      api_url: "${this.fake.url}"\n`;
    },
    is_fetch: (q) => /getUpdates/.test(q.url),
    fill(first, n, text) {
        for (let i = first; i < first + n; i++) this.fake.push(this.fake.message(9000 + (i % SENDERS), { text: text(i) }));
    },
    stop() {
        return this.fake.stop();
    },
};

const matrix = {
    name: 'matrix',
    async start() {
        this.fake = await new FakeMatrix().start();
        this.fake.office = OFFICE;
        this.fake.register('amt', 'geheim');
        this.rooms = [];
        this.yaml = `  - id: matrix\n    type: matrix\n    queue: buergerbuero\n    options:\n      homeserver: "${this.fake.url}"\n      user: amt\n      password: geheim\n`;
    },
    is_fetch: (q) => /\/sync\?.*since=/.test(q.url),
    fill(first, n, text) {
        for (let i = first; i < first + n; i++) {
            const k = i % SENDERS;
            const user = `@buerger${k}:fake.test`;
            this.rooms[k] ??= this.fake.rooms.get(this.fake.create({ user }, { invite: [OFFICE] }).body.room_id);
            this.fake.add(this.rooms[k], { type: 'm.room.message', sender: user, content: { msgtype: 'm.text', body: text(i) } });
        }
    },
    stop() {
        return this.fake.close();
    },
};

const mastodon = {
    name: 'mastodon',
    async start() {
        this.fake = await new FakeMastodon().start();
        this.yaml = channelOf(this.fake).replace('id: fedi', 'id: mastodon');
    },
    is_fetch: (q) => /\/api\/v1\/notifications\?.*min_id=/.test(q.url),
    fill(first, n, text) {
        for (let i = first; i < first + n; i++)
            this.fake.toot(text(i), { quiet: true, account: { id: `8${i % SENDERS}`, username: `b${i % SENDERS}`, acct: `b${i % SENDERS}@anderswo.test` } });
    },
    stop() {
        return this.fake.stop();
    },
};

module.exports = { rows: [telegram, matrix, mastodon] };
