// SPDX-License-Identifier: EUPL-1.2
// fake-smsc: a message centre made of npm smpp: takes binds, answers submits as the test says, hands in messages and receipts.
'use strict';
const smpp = require('smpp');
const { freePort, until } = require('./process');

class Smsc {
    /** answer(pdu, n): a command status, an object of response fields, or null for silence. */
    constructor(options = {}) {
        this.options = options;
        this.binds = [];
        this.submits = [];
        this.sessions = new Set();
        this.answer = options.answer || (() => 0);
        this.ids = options.ids || ((n) => `id${n}`);
    }

    async start(port) {
        this.port = port || await freePort();
        this.server = smpp.createServer({}, (s) => this.serve(s));
        await new Promise((resolve) => this.server.listen(this.port, '127.0.0.1', resolve));
        return this;
    }

    serve(s) {
        const bound = (kind) => (p) => {
            this.binds.push({ kind, system_id: p.system_id, password: p.password, version: p.interface_version });
            s.send(p.response(this.options.refuse ? { command_status: this.options.refuse } : { system_id: 'lab' }));
            s.kind = kind;
            if (!this.options.refuse) this.sessions.add(s);
        };
        for (const kind of ['transceiver', 'transmitter', 'receiver']) s.on(`bind_${kind}`, bound(kind));
        s.on('submit_sm', (p) => this.submit(s, p));
        s.on('enquire_link', (p) => s.send(p.response()));
        s.on('unbind', (p) => {
            s.send(p.response());
            s.close();
        });
        s.on('error', () => {});
        s.on('close', () => this.sessions.delete(s));
    }

    submit(s, p) {
        const n = this.submits.length + 1;
        const id = this.ids(n);
        const a = this.answer(p, n);
        const entry = { id, pdu: p, text: p.message_payload?.message ?? p.short_message?.message, answer: a };
        this.submits.push(entry);
        this.options.before?.(entry, s);
        if (a === null) return;
        if (typeof a === 'number' && a) s.send(p.response({ command_status: a }));
        else s.send(p.response({ message_id: id, ...(a || {}) }));
        this.options.after?.(entry, s);
    }

    /** What was accepted. */
    get accepted() {
        return this.submits.filter((x) => x.answer === 0 || (typeof x.answer === 'object' && x.answer));
    }

    session() {
        return [...this.sessions].find((s) => s.kind !== 'transmitter');
    }

    async ready() {
        await until('the gateway to bind', () => this.session(), 30000);
        return this;
    }

    /** deliver_sm; resolves with the command status of the answer. */
    deliver(fields) {
        return new Promise((resolve) => this.session().deliver_sm({ source_addr: '491700000001', source_addr_ton: 1, source_addr_npi: 1, destination_addr: '12345', ...fields }, (p) => resolve(p.command_status)));
    }

    /** A text in raw octets (a Buffer goes out as it is). */
    raw(bytes, fields = {}) {
        return this.deliver({ short_message: bytes, ...fields });
    }

    receipt(id, stat = 'DELIVRD', fields = {}) {
        return this.deliver({ esm_class: 4, short_message: Buffer.from(`id:${id} sub:001 dlvrd:001 submit date:2611230030 done date:261123003015 stat:${stat} err:000 text:`), ...fields });
    }

    drop() {
        for (const s of [...this.sessions]) s.destroy();
        this.sessions.clear();
    }

    async close() {
        this.drop();
        await new Promise((resolve) => this.server.close(resolve));
    }
}

/** YAML of the channel. */
const smppChannel = (port, more = '') => `  - id: sms
    type: smpp
    queue: buergerbuero
    options:
      smsc: "127.0.0.1:${port}"
      system_id: draht
      password: geheim
      source: "12345"
${more.split('\n').filter(Boolean).map((l) => `      ${l}\n`).join('')}`;

module.exports = { Smsc, smppChannel, smpp };
