// SPDX-License-Identifier: EUPL-1.2
// Programs of a fault run: the Python skeleton of `draht channel new`, with and without the cap `idempotent`, and a script that is
// run once for each reply; their provider kills them while they send.
'use strict';
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { randomUUID } = require('node:crypto');
const { ROOT } = require('../lib/gateway');
const { killProgram } = require('../lib/process');
const { marks } = require('./posted');

const SECRET = 'taubenschlag';
const SCRIPT = `#!/usr/bin/env python3
import json, sys, urllib.error, urllib.request
m = json.load(sys.stdin)
try:
    body = json.dumps({"message": m["message"], "text": m["text"]}).encode()
    with urllib.request.urlopen(urllib.request.Request(m["settings"]["url"], body), timeout=10) as a:
        print(json.load(a)["id"])
except OSError:
    print("The provider did not answer.")
    sys.exit(1)
`;

/** A program (the skeleton of `draht channel new`) and its provider, which kills it while it sends. `is_idempotent`: the provider
 * knows a repetition by the message's id, as the skeleton says; otherwise the cap is taken away and a lost answer is in doubt. */
class Program {
    constructor(name, is_idempotent) {
        Object.assign(this, { name, is_idempotent, is_push: true, is_http: true, kept: [], known: new Set(), kills_due: 0, kills: 0 });
    }

    program_text() {
        let text = fs.readFileSync(path.join(ROOT, 'channels/skeleton/python/pigeon.py'), 'utf8');
        const change = (from, to) => {
            if (!text.includes(from)) throw new Error(`the skeleton has no ${from}`);
            text = text.replace(from, to);
        };
        if (!this.is_idempotent) {
            change('"idempotent", ', '');
            change('        if error or status', '        if error:\n            return {"verdict": "in_doubt", "reason": "The provider did not answer."}\n        if status');
        }
        return text;
    }

    async start(dir) {
        this.program = path.join(dir, `${this.name}.py`);
        fs.writeFileSync(this.program, this.program_text(), { mode: 0o755 });
        this.server = http.createServer((q, a) => {
            let body = '';
            q.on('data', (c) => (body += c));
            q.on('end', () => this.take(JSON.parse(body), a));
        });
        await new Promise((r) => this.server.listen(0, '127.0.0.1', r));
    }

    yaml() {
        return `  - id: ${this.name}\n    type: exec\n    queue: buergerbuero\n    options:\n      command: [${this.program}]\n      settings: {url: "http://127.0.0.1:${this.server.address().port}/send", secret: ${SECRET}}\n`;
    }

    take(m, a) {
        if (!this.is_idempotent || !this.known.has(m.message)) this.kept.push(m);
        this.known.add(m.message);
        if (this.kills_due > 0) {
            this.kills_due--;
            this.kills += killProgram(this.program);
        }
        a.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ id: randomUUID() }));
    }

    deliveries() {
        return this.kept.flatMap((m) => marks(m.text));
    }

    letter(who, mark) {
        const body = JSON.stringify({ id: randomUUID(), from: who, name: who, text: `Frage ${mark}` });
        return this.posting(body);
    }

    posting(body) {
        return async (gateway) => (await gateway.raw('POST', `/channels/${this.name}/in`, { 'content-type': 'application/json', authorization: `Bearer ${SECRET}` }, body)).status;
    }

    // A program that ends too often rests for ten minutes; one kill at a time stays below that.
    misbehave() {
        this.kills_due = 1;
    }

    stop() {
        this.server.closeAllConnections();
        this.server.close();
    }
}

/** The script knows no repetition: whatever end it has but a clean one leaves the reply in doubt. */
class Once extends Program {
    constructor(name) {
        super(name, false);
    }

    program_text() {
        return SCRIPT;
    }

    yaml() {
        return `${super.yaml().replace(/, secret: \w+}/, '}')}      mode: once\n      secret: ${SECRET}\n`;
    }

    letter(who, mark) {
        const body = JSON.stringify({ external_id: randomUUID(), sender: who, thread: who, text: `Frage ${mark}` });
        return this.posting(body);
    }
}

module.exports = { Program, Once };
