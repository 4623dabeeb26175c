// SPDX-License-Identifier: EUPL-1.2
// A citizen's chat client over a real WebSocket (channels/webchat/protocol.md): keeps its token, resends what was not
// acknowledged after a reconnect, remembers every frame.
'use strict';
const { randomUUID } = require('node:crypto');
const WebSocket = require('ws');
const { until } = require('./process');

class Chat {
    constructor(port, options = {}) {
        this.url = `ws://127.0.0.1:${port}/channels/chat/socket`;
        this.origin = options.origin || `http://127.0.0.1:${port}`;
        this.token = options.token || null;
        this.last_seq = 0;
        this.frames = [];
        this.open = new Map(); // cid -> text, not acknowledged yet
        this.acks = new Map(); // cid -> ack
        this.messages = new Map(); // seq -> message frame
    }

    async connect(limit_ms = 10000) {
        const ws = new WebSocket(this.url, ['draht.chat.v1'], { origin: this.origin, handshakeTimeout: limit_ms });
        this.ws = ws;
        this.closed = undefined;
        ws.on('error', () => {});
        ws.on('close', (code) => {
            if (this.ws === ws) this.closed = code;
        });
        ws.on('message', (data) => this.frame(JSON.parse(data.toString())));
        await new Promise((resolve, reject) => {
            ws.once('open', resolve);
            ws.once('error', reject);
            ws.once('close', () => reject(new Error('closed in the handshake')));
        });
        const before = this.frames.length;
        this.send({ t: 'hello', lang: 'de', token: this.token, last_seq: this.last_seq });
        await this.wait((f) => f.t === 'welcome', limit_ms, before);
        for (const [cid, text] of this.open) this.send({ t: 'msg', cid, text });
        return this;
    }

    frame(f) {
        this.frames.push(f);
        if (f.t === 'welcome') this.token = f.token;
        if (f.t === 'ack') {
            this.acks.set(f.cid, f);
            this.open.delete(f.cid);
            if (this.onAck) this.onAck(f);
        }
        if (f.t === 'message') {
            this.messages.set(f.seq, f);
            if (f.seq > this.last_seq) this.last_seq = f.seq;
            if (this.onMessage) this.onMessage(f);
        }
    }

    send(f) {
        if (this.ws && this.ws.readyState === WebSocket.OPEN) this.ws.send(JSON.stringify(f));
    }

    /** Sends; the promise gives the ack. */
    say(text, cid = randomUUID(), limit_ms = 15000) {
        this.open.set(cid, text);
        this.send({ t: 'msg', cid, text });
        return until(`ack of ${text}`, () => this.acks.get(cid), limit_ms);
    }

    wait(match, limit_ms = 15000, from = 0) {
        return until('a chat frame', () => {
            const f = this.frames.slice(from).find(match);
            if (!f && this.closed) throw new Error(`closed with ${this.closed}`);
            return f;
        }, limit_ms);
    }

    close() {
        if (this.ws) this.ws.terminate();
    }
}

module.exports = { Chat };
