// SPDX-License-Identifier: EUPL-1.2
// fake-graph: stands in for Meta's Graph API and for the sender of its webhooks, by the published contract. It is not Meta.
'use strict';
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');

const GOLDEN = path.join(__dirname, '..', 'golden', 'meta');
const OBJECTS = { whatsapp: 'whatsapp_business_account', messenger: 'page', instagram: 'instagram' };

/** X-Hub-Signature-256 of the exact bytes. */
function signature(secret, bytes) {
    return `sha256=${crypto.createHmac('sha256', secret).update(bytes).digest('hex')}`;
}

/** Meta escapes everything beyond ASCII. */
function asMetaWrites(value) {
    return JSON.stringify(value).replace(/[\u0080-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** One entry of a webhook body from a fixture or from a plain {message | status | change | event}. */
function entryOf(flavour, account, x) {
    if (flavour !== 'whatsapp') {
        const event = JSON.parse(JSON.stringify(x.event).replaceAll('{account}', account));
        return { id: account, time: 1795000000999, messaging: [{ sender: { id: '7001' }, recipient: { id: account }, timestamp: 1795000000123, ...event }] };
    }
    const value = { messaging_product: 'whatsapp', metadata: { display_phone_number: '4935550000', phone_number_id: account } };
    if (x.message) {
        value.contacts = x.contacts || [{ profile: { name: 'Jana Probe' }, wa_id: '4915550001', user_id: 'DE.1' }];
        value.messages = [x.message];
    }
    if (x.status) value.statuses = [x.status];
    return { id: '880001', changes: [x.change || { field: 'messages', value }] };
}

function bodyOf(flavour, account, list) {
    return { object: OBJECTS[flavour], entry: list.map((x) => entryOf(flavour, account, x)) };
}

function fixtures(flavour) {
    return JSON.parse(fs.readFileSync(path.join(GOLDEN, `${flavour}.json`), 'utf8'));
}

class FakeGraph {
    constructor() {
        this.requests = []; // {method, url, auth, type, json, raw}
        this.sent = []; // message objects that were taken
        this.media = new Map(); // id -> {bytes, type, sha256?}
        this.answers = []; // next answers to a send: {status, body, headers}, 'drop', 'drop_kept' (taken, but the answer is lost) or 'slow' (after a second)
        this.upload = null; // answer to an upload instead of an id
        this.next = 1;
    }

    async start() {
        this.server = http.createServer((q, a) => {
            const parts = [];
            q.on('data', (c) => parts.push(c));
            q.on('end', () => this.handle(q, a, Buffer.concat(parts)));
        });
        await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
        this.port = this.server.address().port;
        this.url = `http://127.0.0.1:${this.port}`;
        return this;
    }

    async stop() {
        this.server.closeAllConnections();
        await new Promise((resolve) => this.server.close(resolve));
    }

    json(a, status, body, headers = {}) {
        a.writeHead(status, { 'content-type': 'application/json', ...headers });
        a.end(JSON.stringify(body));
    }

    handle(q, a, raw) {
        const url = new URL(q.url, this.url);
        const r = { method: q.method, url: url.pathname, auth: q.headers.authorization, type: q.headers['content-type'] || '', raw };
        try {
            r.json = JSON.parse(raw.toString('utf8'));
        } catch {
            r.json = undefined;
        }
        this.requests.push(r);
        if (url.pathname.startsWith('/cdn/')) return this.cdn(a, url.pathname.slice(5), q);
        if (q.headers.authorization !== 'Bearer token-of-the-city') return this.json(a, 401, { error: { code: 190, type: 'OAuthException', message: 'Invalid OAuth access token' } });
        if (q.method === 'POST' && /\/(media|message_attachments)$/.test(url.pathname)) return this.take(a, r);
        if (q.method === 'POST' && url.pathname.endsWith('/messages')) return this.message(a, r);
        return this.about(a, url.pathname.split('/').pop());
    }

    about(a, id) {
        const m = this.media.get(id);
        if (!m) return this.json(a, 404, { error: { code: 100, error_subcode: 33, message: 'Unsupported get request' } });
        return this.json(a, 200, { messaging_product: 'whatsapp', id, url: `${this.url}/cdn/${id}`, mime_type: m.type, file_size: m.size ?? m.bytes.length, sha256: crypto.createHash('sha256').update(m.bytes).digest('hex') });
    }

    cdn(a, id, q) {
        const m = this.media.get(id);
        if (m && m.fails > 0) {
            m.fails--;
            return this.json(a, 500, {});
        }
        if (!m || (m.needs_token && q.headers.authorization !== 'Bearer token-of-the-city')) return this.json(a, 404, {});
        a.writeHead(200, { 'content-type': m.type });
        return a.end(m.served || m.bytes);
    }

    take(a, r) {
        if (this.upload) return this.json(a, this.upload.status, this.upload.body);
        const id = `up${this.next++}`;
        r.upload = id;
        return this.json(a, 200, { id, attachment_id: id });
    }

    message(a, r) {
        if (r.json.status === 'read') return this.json(a, 200, { success: true });
        if (r.json.sender_action) return this.json(a, 200, { recipient_id: r.json.recipient.id });
        const answer = this.answers.shift();
        if (answer === 'drop') return a.destroy();
        if (answer && answer !== 'drop_kept' && answer !== 'slow') return this.json(a, answer.status, answer.body, answer.headers);
        const id = `out.${this.next++}`;
        this.sent.push({ id, ...r.json });
        if (answer === 'drop_kept') return a.destroy();
        if (answer === 'slow') return setTimeout(() => this.taken(a, r, id), 1000);
        return this.taken(a, r, id);
    }

    taken(a, r, id) {
        return this.json(a, 200, r.json.messaging_product ? { messaging_product: 'whatsapp', contacts: [{ input: r.json.to, wa_id: r.json.to }], messages: [{ id }] } : { recipient_id: r.json.recipient.id, message_id: id });
    }

    /** A signed webhook; resolves with the answer. */
    post(gateway, channel, body, options = {}) {
        const bytes = Buffer.from(typeof body === 'string' ? body : asMetaWrites(body));
        const headers = { 'content-type': 'application/json', 'x-hub-signature-256': options.signature ?? signature(options.secret || 'secret-of-the-app', bytes) };
        if (options.signature === null) delete headers['x-hub-signature-256'];
        return gateway.raw('POST', `/channels/${channel}/webhook`, headers, options.sends || bytes);
    }
}

module.exports = { FakeGraph, signature, asMetaWrites, bodyOf, fixtures };
