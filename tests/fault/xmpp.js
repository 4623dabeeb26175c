// SPDX-License-Identifier: EUPL-1.2
// XMPP in a fault run: a real Prosody, the program draht-xmpp, and between them a line that can be cut before or behind a reply.
// A citizen's client repeats a message under its id until the receipt says that it is on disk.
'use strict';
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { randomUUID } = require('node:crypto');
const { ROOT } = require('../lib/gateway');
const { Prosody, Citizen } = require('../lib/xmpp');
const { killProgram } = require('../lib/process');
const { marks } = require('./posted');

const US = 'buergerbuero@amt.lab.test';
const RECEIPT_MS = 3000;

class Xmpp {
    constructor() {
        Object.assign(this, { name: 'xmpp', is_push: true, fault_due: undefined, lines: new Set(), lines_cut: 0, kills: 0, citizens: new Map() });
    }

    async start(dir) {
        const users = [0, 1].map((i) => `xmpp${i}`);
        this.prosody = await new Prosody().start(users);
        this.line = net.createServer((s) => this.carry(s));
        await new Promise((r) => this.line.listen(0, '127.0.0.1', r));
        this.program = path.join(dir, 'draht-xmpp');
        fs.symlinkSync(path.join(ROOT, 'channels/xmpp/draht-xmpp'), this.program);
        for (const user of users) this.citizens.set(user, await new Citizen(this.prosody.c2s, user).connect());
    }

    yaml() {
        return `  - id: xmpp\n    type: exec\n    queue: buergerbuero\n    options:\n      command: [${this.program}]\n      settings: {port: ${this.line.address().port}, domain: amt.lab.test, secret: geheim-4711}\n`;
    }

    /** One connection of the program to the server. */
    carry(program) {
        const server = net.connect(this.prosody.component, '127.0.0.1');
        const end = () => {
            program.destroy();
            server.destroy();
        };
        for (const s of [program, server]) {
            this.lines.add(s);
            s.on('error', () => {});
            s.on('close', () => {
                this.lines.delete(s);
                end();
            });
        }
        server.on('data', (bytes) => program.write(bytes));
        program.on('data', (bytes) => {
            const fault = bytes.includes('[r:') ? this.fault_due : undefined;
            if (fault) this.fault_due = undefined;
            if (fault === 'kill') this.kills += killProgram(this.program);
            if (fault === 'cut') this.lines_cut++;
            if (fault !== 'cut') server.write(bytes);
            if (fault) program.destroy();
        });
    }

    letter(who, mark) {
        const id = randomUUID();
        const citizen = this.citizens.get(who);
        return async () => {
            citizen.send(`<message to='${US}' type='chat' id='${id}'><body>Frage ${mark}</body><origin-id xmlns='urn:xmpp:sid:0' id='${id}'/><request xmlns='urn:xmpp:receipts'/></message>`);
            return citizen.wait(new RegExp(`<received [^>]*id='${id}'`), RECEIPT_MS).then(() => 200, () => 503);
        };
    }

    deliveries() {
        return [...this.citizens.values()].flatMap((c) => marks(c.text.match(/<body>[\s\S]*?<\/body>/g)));
    }

    // A program that ends too often rests for ten minutes; one fault at a time stays below that.
    misbehave(random) {
        this.fault_due = random() < 0.5 ? 'kill' : 'cut';
    }

    async stop() {
        for (const c of this.citizens.values()) c.close();
        for (const s of this.lines) s.destroy();
        this.line?.close();
        await this.prosody?.close();
    }
}

module.exports = { Xmpp };
