// SPDX-License-Identifier: EUPL-1.2
// A citizen's Matrix client: logs in, makes a room, invites the office, writes, and keeps all that /sync tells it.
'use strict';
const { randomUUID } = require('node:crypto');
const { until } = require('./process');

class Citizen {
    constructor(url, user, password) {
        Object.assign(this, { url, user, password, events: [], typing: new Map(), receipts: [], n: 0 });
    }

    async call(method, path, body, headers = {}) {
        const raw = Buffer.isBuffer(body);
        const a = await fetch(`${this.url}${path}`, {
            method,
            headers: { ...(this.token ? { authorization: `Bearer ${this.token}` } : {}), 'content-type': 'application/json', ...headers },
            body: body === undefined ? undefined : raw ? body : JSON.stringify(body),
        });
        const text = await a.text();
        if (!a.ok) throw new Error(`${method} ${path}: ${a.status} ${text}`);
        return JSON.parse(text);
    }

    async login(name) {
        const a = await this.call('POST', '/_matrix/client/v3/login', { type: 'm.login.password', identifier: { type: 'm.id.user', user: this.user }, password: this.password });
        this.token = a.access_token;
        this.id = a.user_id;
        if (name) await this.call('PUT', `/_matrix/client/v3/profile/${encodeURIComponent(this.id)}/displayname`, { displayname: name });
        this.running = true;
        this.loop = this.follow();
        return this;
    }

    async follow() {
        let since = '';
        while (this.running) {
            try {
                const a = await this.call('GET', `/_matrix/client/v3/sync?timeout=2000${since ? `&since=${encodeURIComponent(since)}` : ''}`);
                since = a.next_batch;
                for (const [room, r] of Object.entries(a.rooms?.join || {})) {
                    for (const e of r.timeline?.events || []) this.events.push({ ...e, room_id: room });
                    for (const e of r.ephemeral?.events || []) {
                        if (e.type === 'm.typing') this.typing.set(room, e.content.user_ids);
                        if (e.type === 'm.receipt') this.receipts.push({ room, content: e.content });
                    }
                }
            } catch {
                await new Promise((r) => setTimeout(r, 200));
            }
        }
    }

    async room(invite, options = {}) {
        const a = await this.call('POST', '/_matrix/client/v3/createRoom', { preset: 'private_chat', is_direct: true, invite: [].concat(invite), ...options });
        return a.room_id;
    }

    async send(room, content, type = 'm.room.message') {
        const a = await this.call('PUT', `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/send/${type}/${randomUUID()}`, content);
        return a.event_id;
    }

    say(room, body) {
        return this.send(room, { msgtype: 'm.text', body });
    }

    async upload(bytes, type, name) {
        const a = await this.call('POST', `/_matrix/media/v3/upload?filename=${encodeURIComponent(name)}`, bytes, { 'content-type': type });
        return a.content_uri;
    }

    async download(uri) {
        const a = await fetch(`${this.url}/_matrix/client/v1/media/download/${uri.slice(6)}`, { headers: { authorization: `Bearer ${this.token}` } });
        if (!a.ok) throw new Error(`${uri}: ${a.status}`);
        return Buffer.from(await a.arrayBuffer());
    }

    redact(room, event) {
        return this.call('PUT', `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/redact/${encodeURIComponent(event)}/${randomUUID()}`, {});
    }

    read(room, event) {
        return this.call('POST', `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/receipt/m.read/${encodeURIComponent(event)}`, {});
    }

    types(room, on) {
        return this.call('PUT', `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/typing/${encodeURIComponent(this.id)}`, { typing: on, timeout: 20000 });
    }

    leave(room) {
        return this.call('POST', `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/leave`, {});
    }

    /** An event of others in the room that fits. */
    hears(room, match, limit_ms = 30000) {
        return until('an event in the room', () => this.events.find((e) => e.room_id === room && e.sender !== this.id && match(e)), limit_ms);
    }

    /** What others said in the room: bodies of messages, without the notices that every room gets. */
    heard(room, kind = 'm.text') {
        return this.events.filter((e) => e.room_id === room && e.sender !== this.id && e.type === 'm.room.message' && e.content?.msgtype === kind).map((e) => e.content.body);
    }

    async close() {
        this.running = false;
        await this.loop;
    }
}

module.exports = { Citizen };
