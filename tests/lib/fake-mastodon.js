// SPDX-License-Identifier: EUPL-1.2
// fake-mastodon: one instance with the city's account and a citizen's, by Mastodon's published API: notifications with Link
// pages, the stream as server-sent events, statuses with idempotency keys, media that take a moment, limits and errors.
'use strict';
const http = require('node:http');

const TOKEN = 'token-of-the-city';
const CITY = { id: '1', username: 'buergerbuero', acct: 'buergerbuero', display_name: 'Bürgerbüro', bot: false };
const CITIZEN = { id: '7', username: 'jana', acct: 'jana@anderswo.test', display_name: 'Jana Probe', url: 'https://anderswo.test/@jana', bot: false };

class FakeMastodon {
    constructor() {
        this.characters = 500;
        this.notifications = []; // oldest first
        this.statuses = new Map();
        this.keys = new Map(); // Idempotency-Key -> {id, at}
        this.media = new Map();
        this.files = new Map(); // path -> {bytes, type}
        this.streams = new Set();
        this.requests = [];
        this.answers = []; // next answers to POST /api/v1/statuses: {status, body, headers} or 'drop'
        this.has_list = true; // of statuses by id, since Mastodon 4.3
        this.broken = null; // answer to every request
        this.page = 40;
        this.next = 1000;
        this.clock = 0; // ms that the instance's clock is ahead
        this.token = TOKEN;
    }

    async start() {
        this.server = http.createServer((q, a) => {
            const parts = [];
            q.on('data', (c) => parts.push(c));
            q.on('end', () => this.handle(q, a, Buffer.concat(parts)));
        });
        await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
        this.url = `http://127.0.0.1:${this.server.address().port}`;
        return this;
    }

    async stop() {
        this.server.closeAllConnections();
        await new Promise((resolve) => this.server.close(resolve));
    }

    now() {
        return new Date(Date.now() + this.clock).toISOString();
    }

    json(a, status, body, headers = {}) {
        a.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'x-ratelimit-limit': '300', ...headers });
        a.end(JSON.stringify(body));
    }

    handle(q, a, raw) {
        const url = new URL(q.url, this.url);
        const p = url.pathname;
        this.requests.push({ method: q.method, path: p, query: url.searchParams, key: q.headers['idempotency-key'], type: q.headers['content-type'], raw });
        if (this.files.has(p)) {
            const f = this.files.get(p);
            a.writeHead(200, { 'content-type': f.type });
            return a.end(f.bytes);
        }
        if (this.broken) return typeof this.broken === 'function' ? this.broken(a) : this.json(a, this.broken.status, this.broken.body || {}, this.broken.headers);
        if (p === '/api/v2/instance') return this.json(a, 200, { domain: 'stadt.test', source_url: this.source_url, configuration: { urls: { streaming: this.url.replace('http', 'ws') }, statuses: { max_characters: this.characters, max_media_attachments: 4, characters_reserved_per_url: 23 } } });
        if (p === '/api/v1/instance/') return this.json(a, 200, { uri: 'stadt.test', version: '4.3.0', urls: { streaming_api: this.url.replace('http', 'ws') } });
        if (q.headers.authorization !== `Bearer ${TOKEN}`) return this.json(a, 401, { error: 'The access token is invalid' });
        if (p === '/api/v1/accounts/verify_credentials') return this.json(a, 200, CITY);
        if (p === '/api/v1/notifications') return this.list(a, url.searchParams);
        if (p === '/api/v1/streaming/user') return this.stream(a);
        if (p === '/api/v1/statuses' && q.method === 'POST') return this.status(a, q.headers['idempotency-key'], this.body(q, raw));
        if (p === '/api/v1/statuses' && this.has_list) return this.some(a, url.searchParams.getAll('id[]'));
        if (/^\/api\/v1\/statuses\/[^/]+$/.test(p)) return this.one(a, p.split('/').pop());
        if (/^\/api\/v1\/statuses\/[^/]+\/context$/.test(p)) return this.context(a, p.split('/')[4]);
        if (p === '/api/v2/media') return this.upload(a, raw);
        if (p.startsWith('/api/v1/media/')) return this.progress(a, p.split('/').pop());
        return this.json(a, 404, { error: 'Record not found' });
    }

    /** JSON, or a form as most clients send it. */
    body(q, raw) {
        if (!q.headers['content-type']?.startsWith('application/x-www-form-urlencoded')) return JSON.parse(raw.toString('utf8'));
        const form = new URLSearchParams(raw.toString('utf8'));
        return { ...Object.fromEntries(form), media_ids: form.getAll('media_ids[]') };
    }

    list(a, query) {
        const limit = Math.min(Number(query.get('limit') || 20), this.page);
        let some = this.notifications.filter((n) => query.getAll('types[]').includes(n.type) || !query.has('types[]'));
        if (query.has('max_id')) some = some.filter((n) => Number(n.id) < Number(query.get('max_id')));
        if (query.has('min_id')) some = some.filter((n) => Number(n.id) > Number(query.get('min_id'))).slice(0, limit);
        else some = some.slice(-limit);
        some = [...some].reverse();
        const headers = some.length ? { link: `<${this.url}/api/v1/notifications?types[]=mention&limit=${limit}&max_id=${some.at(-1).id}>; rel="next", <${this.url}/api/v1/notifications?types[]=mention&limit=${limit}&min_id=${some[0].id}>; rel="prev"` } : {};
        this.json(a, 200, some, headers);
    }

    stream(a) {
        a.writeHead(200, { 'content-type': 'text/event-stream' });
        a.write(':)\n:thump\n');
        this.streams.add(a);
        a.on('close', () => this.streams.delete(a));
    }

    /** Sends an event to all streams, byte by byte when asked to. */
    event(name, data, byte_by_byte = false) {
        const bytes = Buffer.from(`event: ${name}\ndata: ${data}\n\n`);
        for (const s of this.streams) {
            if (byte_by_byte) for (const b of bytes) s.write(Buffer.from([b]));
            else s.write(bytes);
        }
    }

    hang_up() {
        for (const s of this.streams) s.destroy();
    }

    /** How Mastodon counts: links as 23, mentions without their host. */
    count(text) {
        return [...text.replace(/https?:\/\/\S+/g, 'x'.repeat(23)).replace(/@(\w+)@[\w.-]+/g, '@$1')].length;
    }

    status(a, key, body) {
        const before = key && this.keys.get(key);
        if (before && Date.parse(this.now()) - before.at < 3600_000) return this.json(a, 200, this.statuses.get(before.id));
        const answer = this.answers.shift();
        if (answer && answer !== 'drop') return this.json(a, answer.status, answer.body || { error: 'x' }, answer.headers);
        if (body.in_reply_to_id && !this.statuses.has(body.in_reply_to_id)) return this.json(a, 404, { error: 'Record not found' });
        if (this.count(body.status) > this.characters) return this.json(a, 422, { error: 'Validation failed: Text character limit exceeded' });
        for (const id of body.media_ids || []) if (this.media.get(id)?.left !== 0) return this.json(a, 422, { error: 'Cannot attach files that have not finished processing' });
        const names = [...body.status.matchAll(/(?<![\w@])@(\w+(?:@[\w.-]+)?)/g)].map((m) => m[1]);
        const s = { id: String(this.next++), created_at: this.now(), visibility: body.visibility, in_reply_to_id: body.in_reply_to_id || null, account: CITY, language: body.language, names, media: body.media_ids || [], text: body.status, content: `<p>${body.status.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/\n/g, '<br />')}</p>` };
        this.statuses.set(s.id, s);
        this.keys.set(key, { id: s.id, at: Date.parse(s.created_at) });
        if (answer === 'drop') return a.destroy();
        return this.json(a, 200, s);
    }

    context(a, id) {
        if (!this.statuses.has(id)) return this.json(a, 404, { error: 'Record not found' });
        return this.json(a, 200, { ancestors: [], descendants: [...this.statuses.values()].filter((s) => s.in_reply_to_id === id) });
    }

    some(a, ids) {
        if (ids.length > 20) return this.json(a, 422, { error: 'Too many ids' });
        return this.json(a, 200, ids.map((id) => this.statuses.get(id)).filter(Boolean));
    }

    one(a, id) {
        const s = this.statuses.get(id);
        return s ? this.json(a, 200, s) : this.json(a, 404, { error: 'Record not found' });
    }

    upload(a, raw) {
        const id = String(this.next++);
        this.media.set(id, { raw, left: 2 });
        this.json(a, 202, { id, type: 'image', url: null });
    }

    progress(a, id) {
        const m = this.media.get(id);
        if (!m) return this.json(a, 404, { error: 'Record not found' });
        if (m.left > 0) m.left--;
        return this.json(a, m.left ? 206 : 200, { id, type: 'image', url: m.left ? null : `${this.url}/media/${id}` });
    }

    // ---- the citizen's side ----

    /** The citizen writes to the city; resolves with the status. o: visibility, in_reply_to, media, account, type, at, quiet. */
    async toot(text, o = {}) {
        const s = { id: String(this.next++), created_at: o.at || this.now(), visibility: o.visibility || 'direct', in_reply_to_id: o.in_reply_to || null, spoiler_text: o.subject || '', language: 'de', account: { ...CITIZEN, ...o.account },
            content: `<p><span class="h-card" translate="no"><a href="${this.url}/@buergerbuero" class="u-url mention">@<span>buergerbuero</span></a></span> ${text}</p>`,
            mentions: [{ id: CITY.id, username: CITY.username, acct: CITY.acct, url: `${this.url}/@buergerbuero` }], media_attachments: o.media || [] };
        this.statuses.set(s.id, s);
        const n = { id: String(this.next++), type: o.type || 'mention', created_at: s.created_at, account: s.account, status: s };
        this.notifications.push(n);
        if (!o.quiet) this.event('notification', JSON.stringify(n), o.byte_by_byte);
        return s;
    }

    async edit(id, text, o = {}) {
        const s = { ...this.statuses.get(id), edited_at: this.now(), content: `<p>${text}</p>` };
        if (this.statuses.has(id)) this.statuses.set(id, s);
        if (!o.quiet) this.event('status.update', JSON.stringify(s));
    }

    async remove(id, o = {}) {
        this.statuses.delete(id);
        if (!o.quiet) this.event('delete', id);
    }

    /** What the citizen got from the city, oldest first. */
    async inbox() {
        return [...this.statuses.values()].filter((s) => s.account.id === CITY.id && s.names?.includes('jana@anderswo.test'));
    }
}

module.exports = { FakeMastodon, CITY, CITIZEN };
