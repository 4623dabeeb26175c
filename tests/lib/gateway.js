// SPDX-License-Identifier: EUPL-1.2
// A real gateway with its embedded Redis in a scratch folder, and its staff API as a person would use it.
'use strict';
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { scratch, freePort, until, Process } = require('./process');

const ROOT = path.join(__dirname, '..', '..');
/** The sanitized binary unless a measurement asks for the other. */
const BINARY = process.env.DRAHT_BINARY || path.join(ROOT, 'build', 'san', 'draht');

/** YAML of a small city; chat, mail: further option lines of the channel, indented by six; top: further top-level text;
 * extra_channels: further entries of channels, as YAML text indented by two. */
function configText(o) {
    return `listen:
  host: 127.0.0.1
  port: ${o.port}
city:
  name: Teststadt
outbox:
  undo_seconds: ${o.undo_seconds ?? 0}
${o.top || ''}
calendars:
  - id: standard
    timezone: Europe/Berlin
    hours: [${o.hours || 'mo-fr 08:00-16:00'}]
queues:
  - {id: buergerbuero, name: Bürgerbüro, contact: "Milan Novak, 03999 555-210"}
  - {id: sozialamt, name: Sozialamt, contact: "Selin Yılmaz, 03999 555-300"}
${(o.queues || []).map((q) => `  - {id: ${q.id}, name: "${q.name}"}`).join('\n')}
${o.text_blocks ? `text_blocks:\n${o.text_blocks}\n` : ''}rules:${o.rules ? `\n${o.rules}` : ' []'}
channels:
  - id: chat
    type: webchat
    queue: buergerbuero
    options:
      languages: [de, en, de-easy]
${o.chat || ''}
  - id: mail
    type: email
    queue: buergerbuero
    options:
      address: [buergerbuero@stadt.test${o.addresses || ''}]
      lmtp: ["127.0.0.1:${o.lmtp}"]
${o.mail || ''}
${o.extra_channels || ''}
`;
}

class Gateway {
    constructor(options = {}) {
        this.options = options;
        this.dir = options.dir || scratch('gateway');
        this.state = path.join(this.dir, 'state');
    }

    async start() {
        this.port ??= await freePort();
        this.lmtp ??= await freePort();
        this.config = path.join(this.dir, 'draht.yaml');
        fs.writeFileSync(this.config, configText({ ...this.options, port: this.port, lmtp: this.lmtp }));
        await this.spawn();
        return this;
    }

    async spawn() {
        this.process = new Process(this.options.binary || BINARY, ['run', '-c', this.config, '--state', this.state, ...(this.options.args || [])], { cwd: ROOT, ...this.options.spawn });
        await this.ready();
        const m = this.process.output.match(/password[: ]+(\S+)/i);
        if (m) this.password = m[1];
    }

    async ready() {
        await until('the gateway to be ready', async () => {
            if (this.process.exited) throw new Error(`gateway ended: ${this.process.output.slice(-3000)}`);
            return (await this.raw('GET', '/readyz')).status === 200;
        }, 20000).catch((e) => {
            if (this.process.exited) throw new Error(this.process.output.slice(-4000));
            throw e;
        });
    }

    /** One HTTP request on a connection of its own. */
    raw(method, url, headers = {}, body) {
        return new Promise((resolve, reject) => {
            const r = http.request({ host: '127.0.0.1', port: this.port, method, path: url, headers, agent: false }, (a) => {
                const parts = [];
                a.on('data', (c) => parts.push(c));
                a.on('end', () => {
                    const bytes = Buffer.concat(parts);
                    let json;
                    try {
                        json = JSON.parse(bytes.toString('utf8'));
                    } catch {
                        json = undefined;
                    }
                    resolve({ status: a.statusCode, headers: a.headers, bytes, text: bytes.toString('utf8'), json });
                });
            });
            r.on('error', reject);
            r.setTimeout(30000, () => r.destroy(new Error('no answer in 30 s')));
            if (body !== undefined) r.write(body);
            r.end();
        });
    }

    async login(user = 'admin', password = this.password) {
        const a = await this.raw('POST', '/api/v1/session', { 'content-type': 'application/json' }, JSON.stringify({ user, password }));
        if (a.status !== 200) throw new Error(`login: ${a.status} ${a.text}`);
        this.cookie = a.headers['set-cookie'][0].split(';')[0];
        this.csrf = a.json.csrf;
        return a;
    }

    /** A call of the logged-in person; throws on an unexpected status. */
    async api(method, url, body, want) {
        const headers = { cookie: this.cookie, 'x-csrf-token': this.csrf };
        if (body !== undefined) headers['content-type'] = 'application/json';
        const a = await this.raw(method, `/api/v1${url}`, headers, body === undefined ? undefined : JSON.stringify(body));
        if (want ? a.status !== want : a.status >= 400) throw new Error(`${method} ${url}: ${a.status} ${a.text}`);
        return a.json;
    }

    async stop() {
        const code = await this.process.end();
        return code;
    }

    /** Ends and removes everything; throws when the sanitizers had something to say. */
    async close() {
        if (this.process && !this.process.exited) await this.stop();
        const said = this.process ? this.process.output : '';
        if (!process.env.DRAHT_KEEP) fs.rmSync(this.dir, { recursive: true, force: true });
        if (/AddressSanitizer|runtime error:|LeakSanitizer/.test(said)) throw new Error(`sanitizer:\n${said.slice(-6000)}`);
    }
}

module.exports = { Gateway, ROOT, BINARY };
