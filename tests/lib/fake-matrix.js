// SPDX-License-Identifier: EUPL-1.2
// A homeserver in memory by the published client-server API (v1.11), for what a real one does not do on request: refuse, stall,
// forget, lose an answer, hand out hostile events. tests/peers runs the same channel against Synapse.
'use strict';
const http = require('node:http');
const { randomUUID } = require('node:crypto');

const id = () => randomUUID().replace(/-/g, '');
const error = (status, errcode, more = {}) => ({ status, body: { errcode, error: errcode, ...more } });

class FakeMatrix {
    constructor() {
        Object.assign(this, { users: new Map(), tokens: new Map(), rooms: new Map(), stream: [], txns: new Map(), media: new Map(), direct: new Map(), forgotten: [], waiting: new Set(), rules: [], requests: [] });
        this.old_media = false;
        this.citizens = new Set(); // their tokens: rules are for the office alone
    }

    async start() {
        this.server = http.createServer((q, r) => this.take(q, r));
        await new Promise((done) => this.server.listen(0, '127.0.0.1', done));
        this.url = `http://127.0.0.1:${this.server.address().port}`;
        return this;
    }

    async close() {
        this.wake();
        this.server.closeAllConnections();
        await new Promise((done) => this.server.close(done));
    }

    register(user, password) {
        this.users.set(user, password);
    }

    /** The next requests of the office whose "METHOD path" fits get this: {status, body, headers, raw}, 'drop' (done, but the answer is lost). */
    rule(match, answer, times = 1) {
        const rule = { match, answer, times, hits: 0 };
        this.rules.push(rule);
        return rule;
    }

    /** The homeserver ends every token of this user. */
    end_tokens(user, soft) {
        for (const [token, t] of this.tokens) if (t.user === user) this.tokens.set(token, { ...t, ended: true, soft });
        this.wake();
    }

    /** As half an hour does: transaction ids are not known any more, but still named beside the events. */
    forget_transactions() {
        this.txns.clear();
    }

    async take(q, r) {
        const parts = [];
        for await (const c of q) parts.push(c);
        const bytes = Buffer.concat(parts);
        const url = new URL(q.url, 'http://fake');
        const name = `${q.method} ${url.pathname}`;
        this.requests.push(name + url.search);
        const citizen = this.citizens.has((q.headers.authorization || '').replace('Bearer ', ''));
        const rule = citizen ? undefined : this.rules.find((x) => x.times > 0 && x.match.test(name));
        if (rule) {
            rule.times--;
            rule.hits++;
        }
        let a = rule && rule.answer !== 'drop' ? rule.answer : await this.answer(q, url, bytes);
        if (rule?.answer === 'drop') {
            r.destroy();
            return;
        }
        a = a || error(404, 'M_UNRECOGNIZED');
        const body = a.raw ?? this.text(a.body ?? {});
        r.writeHead(a.status || 200, { 'content-type': a.type || 'application/json', ...a.headers });
        r.end(body);
    }

    /** JSON in which hostile events stand as they were given. */
    text(v) {
        const raws = [];
        const s = JSON.stringify(v, (_, x) => (x && x.raw_event ? `@raw${raws.push(x.raw_event) - 1}@` : x));
        return s.replace(/"@raw(\d+)@"/g, (_, i) => raws[i]);
    }

    who(q) {
        const token = (q.headers.authorization || '').replace('Bearer ', '');
        const t = this.tokens.get(token);
        if (!t) return { refused: error(401, 'M_UNKNOWN_TOKEN') };
        if (t.ended) return { refused: error(401, 'M_UNKNOWN_TOKEN', { soft_logout: t.soft }) };
        return { token, user: t.user, device: t.device };
    }

    async answer(q, url, bytes) {
        const path = url.pathname;
        const json = () => JSON.parse(bytes.toString() || '{}');
        if (path === '/_matrix/client/versions') return { body: { versions: ['v1.1', 'v1.11'] } };
        if (path === '/_matrix/client/v3/login') return this.login(json());
        const w = this.who(q);
        if (w.refused) return w.refused;
        if (path === '/_matrix/client/v3/account/whoami') return { body: { user_id: w.user, device_id: w.device } };
        if (path === '/_matrix/client/v3/joined_rooms') return { body: { joined_rooms: [...this.rooms.values()].filter((x) => x.members.get(w.user) === 'join').map((x) => x.id) } };
        if (path === '/_matrix/client/v3/sync') return this.sync(w, url);
        if (path === '/_matrix/client/v3/createRoom') return this.create(w, json());
        if (path === '/_matrix/media/v3/config') return { body: { 'm.upload.size': 1500000 } }; // the old path only
        if (path === '/_matrix/media/v3/upload') {
            const media = id();
            this.media.set(media, bytes);
            return { body: { content_uri: `mxc://fake.test/${media}` } };
        }
        const m = path.match(/^\/_matrix\/(client\/v1\/media|media\/v3)\/download\/[^/]+\/([^/]+)$/);
        if (m) return this.download(m[1] === 'media/v3', m[2]);
        if (/profile/.test(path)) return { body: {} };
        if (path.endsWith('/account_data/m.direct')) return this.m_direct(w, q.method, json);
        return this.in_room(w, q.method, path, url, json);
    }

    login(o) {
        const user = `@${o.identifier?.user}:fake.test`;
        if (this.users.get(o.identifier?.user) !== o.password) return error(403, 'M_FORBIDDEN');
        const token = `tok_${id()}`;
        const device = o.device_id || `DEV${id().slice(0, 6)}`;
        this.tokens.set(token, { user, device });
        if (user !== this.office) this.citizens.add(token);
        return { body: { user_id: user, access_token: token, device_id: device } };
    }

    m_direct(w, method, json) {
        if (method === 'PUT') this.direct.set(w.user, json());
        else if (!this.direct.has(w.user)) return error(404, 'M_NOT_FOUND');
        return { body: method === 'PUT' ? {} : this.direct.get(w.user) };
    }

    download(is_old, media) {
        if (this.old_media && !is_old) return error(404, 'M_UNRECOGNIZED');
        if (!this.old_media && is_old) return error(404, 'M_NOT_FOUND');
        const bytes = this.media.get(media);
        return bytes ? { raw: bytes, type: 'application/octet-stream' } : error(404, 'M_NOT_FOUND');
    }

    create(w, o) {
        const room = { id: `!${id()}:fake.test`, members: new Map(), events: [], typing: new Set() };
        this.rooms.set(room.id, room);
        this.add(room, { type: 'm.room.create', sender: w.user, state_key: '', content: {} });
        this.member(room, w.user, w.user, 'join');
        for (const s of o.initial_state || []) this.add(room, { ...s, sender: w.user });
        for (const who of o.invite || []) this.member(room, w.user, who, 'invite', o.is_direct);
        return { body: { room_id: room.id } };
    }

    member(room, by, who, membership, is_direct) {
        room.members.set(who, membership);
        this.add(room, { type: 'm.room.member', sender: by, state_key: who, content: { membership, displayname: who.slice(1).split(':')[0], ...(is_direct ? { is_direct } : {}) } });
    }

    add(room, event) {
        const e = event.raw_event ? event : { event_id: `$${id()}`, origin_server_ts: Date.now(), ...event };
        const pos = this.stream.push({ room: room.id, event: e });
        room.events.push({ pos, event: e });
        this.wake();
        return e.event_id;
    }

    /** An event as text that no well-behaved client would send. */
    poison(room_id, text) {
        this.add(this.rooms.get(room_id), { raw_event: text });
    }

    wake() {
        for (const f of this.waiting) f();
        this.waiting.clear();
    }

    in_room(w, method, path, url, json) {
        const m = path.match(/^\/_matrix\/client\/v3\/rooms\/([^/]+)\/(.+)$/);
        const room = m && this.rooms.get(decodeURIComponent(m[1]));
        if (!m) return undefined;
        if (!room) return error(404, 'M_NOT_FOUND');
        const rest = m[2].split('/').map(decodeURIComponent);
        const there = room.members.get(w.user);
        if (rest[0] === 'join') {
            if (there !== 'invite' && there !== 'join') return error(403, 'M_FORBIDDEN');
            this.member(room, w.user, w.user, 'join');
            return { body: { room_id: room.id } };
        }
        if (rest[0] === 'leave') {
            this.member(room, w.user, w.user, 'leave');
            return { body: {} };
        }
        if (rest[0] === 'forget') {
            if (there !== 'leave') return error(400, 'M_UNKNOWN');
            this.forgotten.push(`${w.user} ${room.id}`);
            return { body: {} };
        }
        if (there !== 'join') return error(403, 'M_FORBIDDEN');
        if (rest[0] === 'messages') return this.messages(w, room, url);
        if (rest[0] === 'send') return this.send(w, room, rest[1], rest[2], json());
        if (rest[0] === 'redact') return { body: { event_id: this.add(room, { type: 'm.room.redaction', sender: w.user, redacts: rest[1], content: { redacts: rest[1] } }) } };
        if (rest[0] === 'typing') {
            room.typing[json().typing ? 'add' : 'delete'](w.user);
            return this.sign(room, { type: 'm.typing', content: { user_ids: [...room.typing] } });
        }
        if (rest[0] === 'receipt') return this.sign(room, { type: 'm.receipt', content: { [rest[2]]: { 'm.read': { [w.user]: { ts: Date.now() } } } } });
        return undefined;
    }

    sign(room, ephemeral) {
        this.stream.push({ room: room.id, ephemeral });
        this.wake();
        return { body: {} };
    }

    send(w, room, type, txn, content) {
        const key = `${w.device} ${txn}`;
        if (!this.txns.has(key)) this.txns.set(key, this.add(room, { type, sender: w.user, content, unsigned: { transaction_id: txn }, device: w.device }));
        return { body: { event_id: this.txns.get(key) } };
    }

    /** What this device sees of an event: the transaction id is for its own alone. */
    shown(w, e) {
        if (e.raw_event) return e;
        const { device, unsigned, ...rest } = e;
        return device === w.device && unsigned ? { ...rest, unsigned } : rest;
    }

    messages(w, room, url) {
        const from = Number((url.searchParams.get('from') || `s${this.stream.length}`).slice(1));
        const to = Number((url.searchParams.get('to') || 's0').slice(1));
        const limit = Math.min(Number(url.searchParams.get('limit') || 10), this.page_max || 1000);
        const all = room.events.filter((x) => x.pos <= from && x.pos > to).reverse();
        const chunk = all.slice(0, limit);
        const more = all.length > chunk.length;
        return { body: { start: `s${from}`, ...(more ? { end: `s${chunk[chunk.length - 1].pos - 1}` } : {}), chunk: chunk.map((x) => this.shown(w, x.event)) } };
    }

    async sync(w, url) {
        const since = url.searchParams.get('since');
        const start = since ? Number(since.slice(1)) : 0;
        const until = Date.now() + Number(url.searchParams.get('timeout') || 0);
        if (since && !/^s\d+$/.test(since)) return error(400, 'M_INVALID_PARAM');
        for (;;) {
            const body = this.news(w, start, !since, url);
            if (Object.keys(body.rooms).length || !since || Date.now() >= until) return { body };
            await new Promise((done) => {
                this.waiting.add(done);
                setTimeout(done, Math.max(1, until - Date.now()));
            });
            const again = this.tokens.get(w.token);
            if (again?.ended) return error(401, 'M_UNKNOWN_TOKEN', { soft_logout: again.soft });
        }
    }

    news(w, start, is_first, url) {
        const filter = JSON.parse(url.searchParams.get('filter') || '{}');
        const limit = filter.room?.timeline?.limit || 20;
        const rooms = {};
        const put = (kind, room, data) => ((rooms[kind] ??= {})[room] = data);
        const fresh = this.stream.slice(start);
        for (const room of this.rooms.values()) {
            const mine = room.members.get(w.user);
            const news = room.events.filter((x) => x.pos > start);
            const joined_now = news.some((x) => x.event.state_key === w.user && x.event.content.membership === 'join');
            if (mine === 'invite' && (is_first || news.some((x) => x.event.state_key === w.user)))
                put('invite', room.id, { invite_state: { events: room.events.filter((x) => x.event.state_key !== undefined).map((x) => x.event) } });
            if (mine === 'leave' && news.some((x) => x.event.state_key === w.user)) put('leave', room.id, { timeline: { events: news.map((x) => this.shown(w, x.event)) } });
            if (mine !== 'join') continue;
            const events = joined_now || is_first ? room.events : news;
            const signs = fresh.filter((x) => x.room === room.id && x.ephemeral).map((x) => x.ephemeral);
            if (!events.length && !signs.length) continue;
            const shown = events.slice(-limit);
            const limited = shown.length < events.length;
            const count = (m) => [...room.members.values()].filter((x) => x === m).length;
            put('join', room.id, {
                summary: { 'm.joined_member_count': count('join'), 'm.invited_member_count': count('invite') },
                state: { events: events.slice(0, events.length - shown.length).filter((x) => x.event.state_key !== undefined).map((x) => x.event) },
                timeline: { events: shown.map((x) => this.shown(w, x.event)), limited, prev_batch: `s${shown.length ? shown[0].pos - 1 : start}` },
                ephemeral: { events: signs },
            });
        }
        return { next_batch: `s${this.stream.length}`, rooms };
    }
}

module.exports = { FakeMatrix };
