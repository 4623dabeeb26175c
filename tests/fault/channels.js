// SPDX-License-Identifier: EUPL-1.2
// The further channels of a fault run, each with its fake provider: how citizens write, what the provider said yes to (the
// truth about deliveries), and how it misbehaves. Providers that post repeat until 2xx, and now and then after it; those
// that are asked have their connections cut.
'use strict';
const http = require('node:http');
const { randomUUID } = require('node:crypto');
const { FakeGraph, bodyOf } = require('../lib/fake-graph');
const { FakeMastodon, CITY } = require('../lib/fake-mastodon');
const { FakeMatrix } = require('../lib/fake-matrix');
const { Smsc, smppChannel } = require('../lib/fake-smsc');
const { FakeTelegram, TOKEN } = require('../lib/fake-telegram');
const { channelOf } = require('../lib/fedi-cases');
const { Desk } = require('./desk');
const { Open311, SmsHttp, Twilio, TwilioMms, marks, pause } = require('./posted');
const { Once, Program } = require('./programs');
const { Xmpp } = require('./xmpp');

const OFFICE = '@amt:fake.test';
const ACCOUNTS = { whatsapp: '100200300', messenger: '500600', instagram: '700800' };

/** WhatsApp, Messenger or Instagram. */
class Meta {
    constructor(name) {
        Object.assign(this, { name, graph: new FakeGraph(), is_push: true, is_http: true });
    }

    start() {
        return this.graph.start();
    }

    deliveries() {
        return this.graph.sent.flatMap((s) => marks(JSON.stringify(s)));
    }

    stop() {
        return this.graph.stop();
    }

    yaml() {
        const own = this.name === 'whatsapp' ? '      phone_number_id: "100200300"\n' : `      page_id: "500600"\n${this.name === 'instagram' ? '      account_id: "700800"\n' : ''}`;
        return `  - id: ${this.name}\n    type: ${this.name}\n    queue: buergerbuero\n    options:\n      privacy_acknowledged: true\n      app_secret: secret-of-the-app\n      verify_token: word-of-the-city\n      access_token: token-of-the-city\n      api_url: "${this.graph.url}"\n${own}`;
    }

    letter(who, mark) {
        const from = `49155${who.replace(/\D/g, '')}0${this.name.length}`;
        const id = `id.${randomUUID()}`;
        const at = Date.now();
        const x = this.name === 'whatsapp'
            ? { message: { from, id, timestamp: String(Math.floor(at / 1000)), type: 'text', text: { body: `Frage ${mark}` } }, contacts: [{ profile: { name: who }, wa_id: from }] }
            : { event: { sender: { id: from }, timestamp: at, message: { mid: id, text: `Frage ${mark}` } } };
        const body = bodyOf(this.name, ACCOUNTS[this.name], [x]);
        return async (gateway) => (await this.graph.post(gateway, this.name, body)).status;
    }

    misbehave(random) {
        this.graph.answers.push(random() < 0.5 ? 'drop' : 'drop_kept');
    }
}

class Matrix {
    constructor() {
        Object.assign(this, { name: 'matrix', fake: new FakeMatrix(), rooms: new Map() });
    }

    async start() {
        await this.fake.start();
        this.fake.office = OFFICE;
        this.fake.register('amt', 'geheim');
    }

    yaml() {
        return `  - id: matrix\n    type: matrix\n    queue: buergerbuero\n    options:\n      homeserver: "${this.fake.url}"\n      user: amt\n      password: geheim\n`;
    }

    write(who, mark) {
        const user = `@${who}:fake.test`;
        if (!this.rooms.has(who)) this.rooms.set(who, this.fake.rooms.get(this.fake.create({ user }, { invite: [OFFICE] }).body.room_id));
        this.fake.add(this.rooms.get(who), { type: 'm.room.message', sender: user, content: { msgtype: 'm.text', body: `Frage ${mark}` } });
    }

    deliveries() {
        return [...this.rooms.values()].flatMap((room) => room.events).filter((x) => x.event.sender === OFFICE).flatMap((x) => marks(x.event.content?.body));
    }

    misbehave(random) {
        if (random() < 0.5) this.fake.rule(/PUT .*\/send\/m\.room\.message/, 'drop');
        else this.fake.server.closeAllConnections();
    }

    stop() {
        return this.fake.close();
    }
}

class Mastodon {
    constructor() {
        Object.assign(this, { name: 'mastodon', fake: new FakeMastodon() });
    }

    start() {
        return this.fake.start();
    }

    yaml() {
        return channelOf(this.fake).replace('id: fedi', 'id: mastodon');
    }

    write(who, mark) {
        return this.fake.toot(`Frage ${mark}`, { account: { id: `8${who.replace(/\D/g, '')}`, username: who, acct: `${who}@anderswo.test` } });
    }

    deliveries() {
        return [...this.fake.statuses.values()].filter((s) => s.account.id === CITY.id).flatMap((s) => marks(s.text));
    }

    misbehave(random) {
        if (random() < 0.5) this.fake.answers.push('drop');
        else this.fake.server.closeAllConnections();
    }

    stop() {
        return this.fake.stop();
    }
}

class Telegram {
    constructor() {
        Object.assign(this, { name: 'telegram', fake: new FakeTelegram() });
    }

    start() {
        return this.fake.start();
    }

    yaml() {
        return `  - id: telegram\n    type: telegram\n    queue: buergerbuero\n    options:\n      token: "${TOKEN}"\n      api_url: "${this.fake.url}"\n`;
    }

    write(who, mark) {
        this.fake.push(this.fake.message(9000 + Number(who.replace(/\D/g, '')), { text: `Frage ${mark}` }));
    }

    deliveries() {
        return this.fake.sent.flatMap((s) => marks(s.text));
    }

    misbehave(random) {
        if (random() < 0.5) this.fake.answers.push('drop');
        else this.fake.server.closeAllConnections();
    }

    stop() {
        return this.fake.stop();
    }
}

/** The message centre drops the bind with submits unanswered, half of them taken. It repeats what was not answered, and does
 * not after an answer: SMPP names no id by which that could be known from a citizen who says the same again. */
class Smpp {
    constructor() {
        Object.assign(this, { name: 'smpp', is_push: true, says_once: true, drops_due: 0, binds_dropped: 0 });
        this.smsc = new Smsc({ answer: () => (this.drops_due > 0 ? null : 0), before: (entry) => this.before(entry) });
    }

    start() {
        return this.smsc.start();
    }

    yaml() {
        return smppChannel(this.smsc.port).replace('id: sms', 'id: smpp');
    }

    before(entry) {
        if (entry.answer !== null) return;
        this.drops_due--;
        this.binds_dropped++;
        entry.is_taken = this.binds_dropped % 2 === 1;
        this.smsc.drop();
    }

    letter(who, mark) {
        return async () => {
            const s = this.smsc.session();
            if (!s) return 503;
            let close;
            const gone = new Promise((r) => s.once('close', (close = () => r(-1))));
            const status = await Promise.race([this.smsc.deliver({ short_message: `Frage ${mark}`, source_addr: `49170000000${who.replace(/\D/g, '')}` }), gone]);
            s.removeListener('close', close);
            return status === 0 ? 200 : 503;
        };
    }

    deliveries() {
        return this.smsc.submits.filter((x) => x.answer === 0 || x.is_taken).flatMap((x) => marks(x.text));
    }

    misbehave() {
        this.drops_due = 1;
    }

    stop() {
        return this.smsc.close();
    }
}

/** All further channels, their fakes running. */
async function further(dir) {
    const list = [...Object.keys(ACCOUNTS).map((name) => new Meta(name)), new Program('exec', false), new Program('exec-idempotent', true), new Once('exec-once'), new Matrix(), new Mastodon(), new Telegram(), new Smpp(), new Twilio(), new TwilioMms(), new SmsHttp(), new Open311(), new Desk(), new Xmpp()];
    for (const c of list) await c.start?.(dir);
    return { list, yaml: list.map((c) => `${c.yaml().trimEnd()}\n`).join(''), stop: async () => {
        for (const c of list) await c.stop?.();
    } };
}

/** A gateway whose answers get lost: the connection is cut so many milliseconds after the request is out. */
function cut(gateway, after_ms) {
    const raw = (method, url, headers, body) => new Promise((resolve) => {
        const r = http.request({ host: '127.0.0.1', port: gateway.port, method, path: url, headers, agent: false });
        r.on('error', () => {});
        r.on('close', () => resolve({ status: 0 }));
        r.end(body, () => setTimeout(() => r.destroy(), after_ms));
    });
    return Object.assign(Object.create(gateway), { raw });
}

/** One who writes through a further channel. A provider that posts owns the message until 2xx; one that is asked has said
 * yes to the citizen at once. */
class Writer {
    constructor(run, channel, i) {
        Object.assign(this, { run, channel, who: `${channel.name.replace(/\W/g, '')}${i}`, n: 0, repeated: 0, answers_lost: 0 });
    }

    async live() {
        while (!this.run.is_ending) {
            const mark = `[m:${this.who}-${this.n}]`;
            this.run.ledger.say(mark, { who: this.who, n: this.n++, kind: this.channel.name });
            if (this.channel.is_push) await this.post(mark);
            else {
                await this.channel.write(this.who, mark);
                this.run.ledger.acknowledged(mark);
            }
            await pause(700 + this.run.random() * 600);
        }
    }

    async post(mark) {
        const deliver = this.channel.letter(this.who, mark);
        const status = () => deliver(this.run.gateway).catch(() => 0);
        while (this.channel.is_http && this.run.random() < 0.2) {
            this.answers_lost++;
            await deliver(cut(this.run.gateway, this.run.random() * 30));
        }
        while (!this.run.is_over) {
            if (Math.floor((await status()) / 100) === 2) {
                this.run.ledger.acknowledged(mark);
                break;
            }
            await pause(200);
        }
        if (!this.channel.says_once && this.run.random() < 0.3) {
            this.repeated++;
            await status();
        }
    }
}

module.exports = { further, Writer };
