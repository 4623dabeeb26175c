// SPDX-License-Identifier: EUPL-1.2
// The people of a fault run: citizens in the chat, citizens with mail, and staff who answer. Each repeats, as real peers
// do, what was not acknowledged, under the same id, and writes into the ledger what it was promised.
'use strict';
const net = require('node:net');
const { randomUUID } = require('node:crypto');
const { Chat } = require('../lib/chat');

const pause = (ms) => new Promise((r) => setTimeout(r, ms));

class ChatCitizen {
    constructor(run, who) {
        Object.assign(this, { run, who, n: 0, delivered: new Map(), tickets: new Set() });
        this.chat = new Chat(run.gateway.port);
        this.chat.onMessage = (f) => {
            const mark = (f.text.match(/\[r:[^\]]+\]/) || [])[0];
            if (!mark) return;
            if (!this.delivered.has(mark)) this.delivered.set(mark, new Set());
            this.delivered.get(mark).add(f.seq);
            this.chat.send({ t: 'got', seq: f.seq });
        };
    }

    async connected() {
        while (!this.run.is_over && (!this.chat.ws || this.chat.closed !== undefined || this.chat.ws.readyState > 1)) {
            try {
                await this.chat.connect(5000);
            } catch {
                if (this.chat.closed === 4401) throw new Error(`${this.who}: token refused`);
                this.chat.ws = undefined;
                await pause(200);
            }
        }
    }

    async live() {
        while (!this.run.is_ending) {
            const mark = `[m:${this.who}-${this.n}]`;
            const cid = randomUUID();
            this.run.ledger.say(mark, { who: this.who, n: this.n++, kind: 'webchat' });
            this.chat.open.set(cid, `Chat ${mark}`);
            await this.connected();
            this.chat.send({ t: 'msg', cid, text: `Chat ${mark}` });
            let asked = Date.now();
            while (!this.chat.acks.has(cid) && !this.run.is_over) {
                await this.connected();
                if (Date.now() - asked > 3000) {
                    this.chat.send({ t: 'msg', cid, text: `Chat ${mark}` });
                    asked = Date.now();
                }
                await pause(20);
            }
            if (this.chat.acks.has(cid)) this.run.ledger.acknowledged(mark);
            await pause(900 + this.run.random() * 300);
        }
    }

    reconnect() {
        this.chat.close();
    }
}

/** One LMTP transaction; true only when the 250 after the final dot was read. */
function lmtp(port, from, to, data, limit_ms) {
    return new Promise((resolve) => {
        const s = net.connect(port, '127.0.0.1');
        const steps = [`LHLO fault.test`, `MAIL FROM:<${from}>`, `RCPT TO:<${to}>`, 'DATA'];
        let i = -1;
        let text = '';
        const give = (v) => {
            s.destroy();
            resolve(v);
        };
        s.setTimeout(limit_ms, () => give(false));
        s.on('error', () => give(false));
        s.on('close', () => resolve(false));
        s.on('data', (c) => {
            text += c;
            for (;;) {
                const m = text.match(/^(\d{3})([ -])[^\r\n]*\r\n/);
                if (!m) return;
                text = text.slice(m[0].length);
                if (m[2] === '-') continue;
                i++;
                if (i <= 3) {
                    if (m[1][0] !== '2') return give(false);
                    s.write(`${steps[i]}\r\n`);
                } else if (i === 4) {
                    if (m[1] !== '354') return give(false);
                    s.write(`${data}\r\n.\r\n`);
                } else return give(m[1] === '250');
            }
        });
    });
}

class MailCitizen {
    constructor(run, who) {
        Object.assign(this, { run, who, n: 0, address: `${who}@buerger.test` });
    }

    async live() {
        while (!this.run.is_ending) {
            const mark = `[m:${this.who}-${this.n}]`;
            const id = `<${randomUUID()}@buerger.test>`;
            const mail = [`From: ${this.who} <${this.address}>`, 'To: buergerbuero@stadt.test', `Subject: Anfrage ${this.who} ${this.n}`,
                `Message-ID: ${id}`, 'Date: Mon, 23 Nov 2026 10:00:00 +0100', 'MIME-Version: 1.0', 'Content-Type: text/plain; charset=utf-8', '',
                `Mail ${mark}`, `Grüße, ${'x'.repeat(Math.floor(this.run.random() * 1500))}`].join('\r\n');
            this.run.ledger.say(mark, { who: this.who, n: this.n++, kind: 'email' });
            while (!this.run.is_over) {
                if (await lmtp(this.run.gateway.lmtp, this.address, 'buergerbuero@stadt.test', mail, 40000)) {
                    this.run.ledger.acknowledged(mark);
                    break;
                }
                await pause(150);
            }
            await pause(300 + this.run.random() * 400);
        }
    }
}

const NAMES = { chat: 'webchat', mail: 'email' };
const REPLIES_MAX = 4; // to one ticket, so that settling at the end stays short

/** Staff, each knowing what the others answer: answers tickets that have no answer yet, and further messages now and then. */
class Clerk {
    constructor(run, answered) {
        Object.assign(this, { run, answered });
    }

    async live() {
        while (!this.run.is_ending) {
            try {
                const list = await this.run.gateway.api('GET', '/tickets?view=all&limit=100');
                // A channel first, then one of its tickets: mail opens most tickets and would get nearly all answers.
                const some = (x) => x[Math.floor(this.run.random() * x.length)];
                const channel = some([...new Set(list.tickets.map((x) => x.channel))]);
                const t = some(list.tickets.filter((x) => x.channel === channel));
                const most = channel === 'chat' || channel === 'mail' ? REPLIES_MAX : this.run.further.list.find((c) => c.name === channel).replies_max || 5 * REPLIES_MAX;
                if (t && (this.answered.get(t.number) || 0) < most) await this.answer(t);
            } catch {
                // Away or killed: staff try again, as a person would.
            }
            await pause(150);
        }
    }

    async upload(bytes) {
        const { gateway } = this.run;
        const a = await gateway.raw('POST', '/api/v1/uploads?name=Lage.png', { cookie: gateway.cookie, 'x-csrf-token': gateway.csrf, 'content-type': 'application/octet-stream' }, bytes);
        if (a.status !== 200 && a.status !== 201) throw new Error(`upload: ${a.status}`);
        return a.json;
    }

    async answer(t) {
        const mark = `[r:${this.run.ledger.replies.size}]`;
        const client_id = randomUUID();
        this.answered.set(t.number, (this.answered.get(t.number) || 0) + 1);
        this.run.ledger.replies.set(mark, { ticket: t.number, kind: NAMES[t.channel] || t.channel, queued: false });
        const channel = this.run.further.list.find((c) => c.name === t.channel);
        let attachments;
        for (let tries = 0; tries < 400 && !this.run.is_over; tries++) {
            try {
                attachments ||= channel?.picture ? [await this.upload(channel.picture(mark))] : [];
                const m = await this.run.gateway.api('POST', `/tickets/${t.number}/messages`, { kind: 'reply', text: `Antwort ${mark}`, attachments, client_id });
                Object.assign(this.run.ledger.replies.get(mark), { queued: true, message: m.id });
                return;
            } catch (e) {
                if (/: 4(0|2)\d /.test(e.message)) throw e;
                await pause(100);
            }
        }
    }
}

module.exports = { ChatCitizen, MailCitizen, Clerk, pause };
