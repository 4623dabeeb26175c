// SPDX-License-Identifier: EUPL-1.2
// Channels of a fault run whose provider posts to us: text messages in Twilio's notation, with pictures out (MMS), and in one of nobody's (`sms-http`), and
// reports by Open311, whose answer is what the public may read of them.
'use strict';
const assert = require('node:assert/strict');
const http = require('node:http');
const { createHmac, randomUUID } = require('node:crypto');
const { getExpectedTwilioSignature } = require('twilio/lib/webhooks/webhooks');
const { until } = require('../lib/process');

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const HOOK = 'taubenschlag';
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
            q.on('end', () => this.take(new URLSearchParams(body).get('Body'), a, new URLSearchParams(body)));
        });
        await new Promise((r) => this.server.listen(0, '127.0.0.1', r));
    }

    yaml() {
        return `  - id: twilio\n    type: twilio\n    queue: buergerbuero\n    options:\n      account_sid: ACfault\n      auth_token: token-of-the-city\n      from: "+4930990011"\n      api_url: "http://127.0.0.1:${this.server.address().port}"\n`;
    }

    take(text, a) {
        const answer = this.answers.shift();
        const sid = `SM${randomUUID()}`;
        if (answer !== 'drop') this.kept.push(text);
        if (answer) a.destroy();
        else a.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify({ sid, status: 'queued' }));
        return sid;
    }

    posting(where, fields) {
        return async (gateway) => {
            const signature = getExpectedTwilioSignature('token-of-the-city', `http://127.0.0.1:${gateway.port}${where}`, fields);
            return (await gateway.raw('POST', where, { ...FORM, 'x-twilio-signature': signature }, encode(fields))).status;
        };
    }

    letter(who, mark) {
        const fields = { MessageSid: `SM${randomUUID()}`, AccountSid: 'ACfault', From: `+4915100000${who.replace(/\D/g, '')}`, To: '+4930990011', Body: `Frage ${mark}`, NumMedia: '0' };
        return this.posting(`/channels/${this.name}/message`, fields);
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

/** Pictures out (MMS): what it took it fetches from the gateway, by HEAD and GET as Twilio does, however often the gateway is away,
 * and reports as delivered until it hears 200. A message counts as delivered when one attempt at it had its picture whole. */
class TwilioMms extends Twilio {
    constructor() {
        super();
        Object.assign(this, { name: 'twilio-mms', files_fetched: 0, addresses_ended: 0, receipts: 0, receipts_taken: 0, whole: new Set(), under_way: 0 });
    }

    yaml() {
        return super.yaml().replace('id: twilio\n', 'id: twilio-mms\n').concat('      media: true\n');
    }

    live(run) {
        this.run = run;
    }

    /** The picture of a reply: its bytes name it. */
    picture(mark) {
        return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.from(`${mark} `.repeat(500))]);
    }

    take(text, a, form) {
        const n = this.kept.length;
        const sid = super.take(text, a);
        if (this.kept.length > n) this.follow(text, sid, form).catch((e) => this.run.ledger.notes.push(`${this.name}: ${e.message}`));
    }

    /** Until the gateway says something final. */
    async insist(ask, is_final) {
        for (;;) {
            const a = await ask().catch(() => ({ status: 0 }));
            if (is_final(a.status) || this.run.is_over) return a;
            await pause(200);
        }
    }

    async follow(text, sid, form) {
        this.under_way++;
        const urls = form.getAll('MediaUrl').map((u) => new URL(u).pathname);
        assert.equal(urls.length, 1, `${text} came with ${urls.length} files`);
        const is_final = (status) => status === 200 || status === 404 || status === 410;
        await this.insist(() => this.run.gateway.raw('HEAD', urls[0]), is_final);
        const a = await this.insist(() => this.run.gateway.raw('GET', urls[0]), is_final);
        assert.notEqual(a.status, 404, `${text}: its address is unknown`);
        if (a.status === 410) this.addresses_ended++; // an earlier attempt at the message was reported as delivered
        if (a.status === 200) {
            assert.ok(a.bytes.equals(this.picture(marks(text)[0])), `${text} has the picture of another`);
            this.files_fetched++;
            this.whole.add(text);
        }
        this.receipts++;
        const receipt = this.posting(new URL(form.get('StatusCallback')).pathname, { MessageSid: sid, AccountSid: 'ACfault', MessageStatus: 'delivered' });
        if ((await this.insist(async () => ({ status: await receipt(this.run.gateway) }), (status) => status === 200)).status === 200) this.receipts_taken++;
        this.under_way--;
    }

    async deliveries() {
        await until('all pictures to be fetched', () => this.under_way === 0, 30000);
        return this.kept.filter((text) => this.whole.has(text)).flatMap(marks);
    }
}

/** An invented provider by `sms-http`: JSON that it signs, and for each message that it took a receipt, repeated until 2xx. It knows
 * no repetition of ours; now and then it is busy and takes nothing. */
class SmsHttp {
    constructor() {
        Object.assign(this, { name: 'sms-http', is_push: true, is_http: true, kept: [], answers: [], receipts: 0, receipts_taken: 0 });
    }

    async start() {
        this.server = http.createServer((q, a) => {
            let body = '';
            q.on('data', (c) => (body += c));
            q.on('end', () => this.take(JSON.parse(body), a));
        });
        await new Promise((r) => this.server.listen(0, '127.0.0.1', r));
    }

    yaml() {
        return `  - id: sms-http\n    type: sms-http\n    queue: buergerbuero\n    options:\n      url: "http://127.0.0.1:${this.server.address().port}/v1/sms"\n      content_type: json\n      fields: {to: "{to}", content: {text: "{text}"}, callback: "{receipt_url}"}\n      message_id: json:/id\n      in: {id: /id, from: /from, text: /text}\n      receipt: {id: /id, state: /state}\n      hmac_secret: ${HOOK}\n`;
    }

    live(run) {
        this.run = run;
    }

    take(m, a) {
        const answer = this.answers.shift();
        if (answer === 'busy') return a.writeHead(503, { 'retry-after': '1' }).end();
        if (answer === 'drop') return a.destroy();
        const id = `J${randomUUID()}`;
        this.kept.push(m.content.text);
        this.receipt(id);
        return answer ? a.destroy() : a.writeHead(202, { 'content-type': 'application/json' }).end(JSON.stringify({ id }));
    }

    async receipt(id) {
        this.receipts++;
        const post = this.posting('status', { id, state: 'delivered' });
        while (!this.run.is_over) {
            if ((await post(this.run.gateway).catch(() => 0)) === 200) {
                this.receipts_taken++;
                return;
            }
            await pause(200);
        }
    }

    posting(where, value) {
        const body = JSON.stringify(value);
        const headers = { 'content-type': 'application/json', 'x-signature': createHmac('sha256', HOOK).update(body).digest('hex') };
        return async (gateway) => (await gateway.raw('POST', `/channels/sms-http/${where}`, headers, body)).status;
    }

    letter(who, mark) {
        return this.posting('message', { id: `I${randomUUID()}`, from: `+4915200000${who.replace(/\D/g, '')}`, text: `Frage ${mark}` });
    }

    async deliveries() {
        await until('all receipts of sms-http to be taken', () => this.receipts_taken === this.receipts, 30000);
        return this.kept.flatMap(marks);
    }

    misbehave(random) {
        this.answers.push(['drop', 'drop_kept', 'busy'][Math.floor(random() * 3)]);
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

module.exports = { Twilio, TwilioMms, SmsHttp, Open311, marks, pause };
