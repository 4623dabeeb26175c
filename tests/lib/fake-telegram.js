// SPDX-License-Identifier: EUPL-1.2
// FakeTelegram stands for the Bot API, which cannot be run here, and follows its published contract: long polling with offsets,
// webhooks with a secret, files by getFile, multipart uploads, error_code and retry_after in the body.
'use strict';
const http = require('node:http');

const TOKEN = '123456789:AAE-fake_token_of_the_city_bot';

class FakeTelegram {
    constructor() {
        this.queue = [];
        this.next_update = 1000;
        this.next_message = 500;
        this.sent = [];
        this.calls = [];
        this.files = new Map();
        this.batch_max = 100;
        this.answers = []; // errors for the next sends: {status, error_code, description, parameters} or 'drop'
        this.webhook = '';
        this.odd = new Map(); // method -> answer with 200, whatever the contract says
    }

    async start() {
        this.server = http.createServer((q, a) => {
            const parts = [];
            q.on('data', (c) => parts.push(c));
            q.on('end', () => this.#serve(q, a, Buffer.concat(parts)));
        });
        await new Promise((r) => this.server.listen(0, '127.0.0.1', r));
        this.url = `http://127.0.0.1:${this.server.address().port}`;
        return this;
    }

    stop() {
        this.server.closeAllConnections();
        return new Promise((r) => this.server.close(r));
    }

    /** An update in the queue of getUpdates; returns it. */
    push(content) {
        const update = { update_id: this.next_update++, ...content };
        this.queue.push(update);
        this.waiting?.();
        return update;
    }

    /** A private message of a citizen. */
    message(chat, more) {
        return { message: { message_id: this.next_message++, date: Math.floor(Date.now() / 1000), chat: { id: chat, type: 'private' }, from: { id: chat, is_bot: false, first_name: 'Jana', last_name: 'Probe', language_code: 'de' }, ...more } };
    }

    #serve(q, a, body) {
        const say = (status, o) => a.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(o));
        const fail = (code, description, parameters, status = code) => say(status, { ok: false, error_code: code, description, ...(parameters ? { parameters } : {}) });
        const [, kind, rest] = q.url.match(/^\/(file\/bot|bot)(.*)$/) || [];
        if (!kind || !rest.startsWith(TOKEN)) return fail(404, 'Not Found');
        const method = rest.slice(TOKEN.length + 1);
        if (kind === 'file/bot') {
            const bytes = this.files.get(decodeURIComponent(method));
            return bytes ? a.writeHead(200, { 'content-type': 'application/octet-stream' }).end(bytes) : fail(404, 'Not Found');
        }
        const type = q.headers['content-type'] || '';
        const json = type.includes('json') && body.length ? JSON.parse(body.toString('utf8')) : {};
        this.calls.push({ method, json, at: Date.now() });
        if (this.odd.has(method)) return say(200, this.odd.get(method));
        const ok = (result) => say(200, { ok: true, result });
        switch (method) {
        case 'setWebhook':
            this.webhook = json.url;
            this.secret = json.secret_token;
            return ok(true);
        case 'deleteWebhook':
            this.webhook = '';
            return ok(true);
        case 'getUpdates': {
            if (this.webhook || this.has_rival) return fail(409, "Conflict: can't use getUpdates method while webhook is active");
            // An offset from before the ids began anew forgets nothing (tdlib/telegram-bot-api answers from the head of its queue).
            if (json.offset && json.offset <= this.next_update + 10) this.queue = this.queue.filter((u) => u.update_id >= json.offset);
            const give = () => ok(this.queue.slice(0, Math.min(json.limit || 100, this.batch_max)));
            if (this.queue.length) return give();
            const timer = setTimeout(() => this.waiting?.(), (json.timeout || 0) * 1000);
            this.waiting = () => {
                clearTimeout(timer);
                this.waiting = undefined;
                if (!a.destroyed) give();
            };
            a.on('close', () => clearTimeout(timer));
            return undefined;
        }
        case 'getFile':
            return this.files.has(`documents/${json.file_id}`) ? ok({ file_id: json.file_id, file_path: `documents/${json.file_id}` }) : fail(400, 'Bad Request: invalid file_id');
        case 'sendChatAction':
            return ok(true);
        case 'sendMessage':
        case 'sendPhoto':
        case 'sendDocument': {
            const planned = this.answers.shift();
            if (planned && planned.error_code) return fail(planned.error_code, planned.description, planned.parameters, planned.status);
            if (method === 'sendMessage' && [...json.text].length > 4096) return fail(400, 'Bad Request: message is too long');
            const chat = Number(json.chat_id ?? body.toString('latin1').match(/name="chat_id"\r\n\r\n(-?\d+)/)?.[1]);
            if (!Number.isSafeInteger(chat)) return fail(400, 'Bad Request: chat not found');
            const message_id = this.next_message++;
            this.sent.push({ method, chat, message_id, text: json.text, reply_to: json.reply_parameters?.message_id, body });
            if (planned === 'drop') return q.socket.destroy();
            return ok({ message_id, chat: { id: chat, type: 'private' }, date: Math.floor(Date.now() / 1000) });
        }
        default:
            return fail(404, 'Not Found: method not found');
        }
    }
}

module.exports = { FakeTelegram, TOKEN };
