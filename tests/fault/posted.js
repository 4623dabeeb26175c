// SPDX-License-Identifier: EUPL-1.2
// Channels of a fault run whose provider posts forms: text messages in Twilio's notation, and reports by Open311, whose answer
// is what the public may read of them.
'use strict';
const http = require('node:http');
const { randomUUID } = require('node:crypto');
const { getExpectedTwilioSignature } = require('twilio/lib/webhooks/webhooks');

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const pause = (ms) => new Promise((r) => setTimeout(r, ms));
const marks = (text) => String(text).match(/\[r:[^\]]+\]/g) || [];
const encode = (fields) => new URLSearchParams(fields).toString();

/** Knows no repetition: what was taken without an answer is in doubt. */
class Twilio {
    constructor() {
        Object.assign(this, { name: 'twilio', is_push: true, is_http: true, kept: [], answers: [] });
    }

    async start() {
        this.server = http.createServer((q, a) => {
            let body = '';
            q.on('data', (c) => (body += c));
            q.on('end', () => this.take(new URLSearchParams(body).get('Body'), a));
        });
        await new Promise((r) => this.server.listen(0, '127.0.0.1', r));
    }

    yaml() {
        return `  - id: twilio\n    type: twilio\n    queue: buergerbuero\n    options:\n      account_sid: ACfault\n      auth_token: token-of-the-city\n      from: "+4930990011"\n      api_url: "http://127.0.0.1:${this.server.address().port}"\n`;
    }

    take(text, a) {
        const answer = this.answers.shift();
        if (answer !== 'drop') this.kept.push(text);
        if (answer) a.destroy();
        else a.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify({ sid: `SM${randomUUID()}`, status: 'queued' }));
    }

    letter(who, mark) {
        const fields = { MessageSid: `SM${randomUUID()}`, AccountSid: 'ACfault', From: `+4915100000${who.replace(/\D/g, '')}`, To: '+4930990011', Body: `Frage ${mark}`, NumMedia: '0' };
        const where = '/channels/twilio/message';
        return async (gateway) => {
            const signature = getExpectedTwilioSignature('token-of-the-city', `http://127.0.0.1:${gateway.port}${where}`, fields);
            return (await gateway.raw('POST', where, { ...FORM, 'x-twilio-signature': signature }, encode(fields))).status;
        };
    }

    deliveries() {
        return this.kept.flatMap(marks);
    }

    misbehave(random) {
        this.answers.push(random() < 0.5 ? 'drop' : 'drop_kept');
    }

    stop() {
        this.server.closeAllConnections();
        this.server.close();
    }
}

/** A report is a ticket of its own. Only its newest answer is public, so that each gets one at most. */
class Open311 {
    constructor() {
        Object.assign(this, { name: 'open311', is_push: true, is_http: true, replies_max: 1 });
    }

    yaml() {
        return '  - id: open311\n    type: open311\n    queue: buergerbuero\n    options:\n      api_keys: [schluessel-der-probe]\n      publish: [location, notes]\n      services:\n        - {code: "002", name: Straßenlaterne}\n';
    }

    letter(who, mark) {
        const body = encode({ api_key: 'schluessel-der-probe', service_code: '002', lat: '51.34', long: '12.37', email: `${who}@buerger.test`, description: `Frage ${mark}` });
        return async (gateway) => (await gateway.raw('POST', '/channels/open311/requests.json', FORM, body)).status;
    }

    /** What the public reads, at most 100 reports a question and, as the server wishes, few questions a second. */
    async deliveries(run) {
        const ids = [...run.ledger.replies.values()].filter((r) => r.queued && r.kind === this.name).map((r) => r.ticket);
        const found = [];
        while (ids.length) {
            const a = await run.gateway.raw('GET', `/channels/open311/requests.json?service_request_id=${ids.slice(0, 100).join()}`);
            if (a.status === 200) {
                found.push(...a.json.flatMap((r) => marks(r.status_notes)));
                ids.splice(0, 100);
            } else if (a.status === 429) {
                await pause(500);
            } else throw new Error(`requests.json: ${a.status} ${a.text}`);
        }
        return found;
    }

    misbehave() {} // It has no server on the other side; its clients lose answers all the time.
}

module.exports = { Twilio, Open311, marks, pause };
