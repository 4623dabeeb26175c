// SPDX-License-Identifier: EUPL-1.2
// A Prosody of the test's own, and a citizen's client (c2s, SASL PLAIN on loopback) that speaks just enough XMPP.
'use strict';
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { Process, freePort, until, scratch } = require('./process');

class Prosody {
    /** users: who has an account at lab.test, with the password pw. is_full: with TLS (this.ca), stream management, and a
     * service for files of at most this.file_max bytes. */
    async start(users = ['anna'], is_full = false) {
        this.dir = scratch('prosody');
        this.c2s = await freePort();
        this.component = await freePort();
        const file = path.join(this.dir, 'prosody.cfg.lua');
        fs.mkdirSync(path.join(this.dir, 'data'));
        fs.mkdirSync(path.join(this.dir, 'certs'));
        const full = is_full ? await this.full() : { modules: '', off: '; "tls"', global: '', host: '', component: '' };
        fs.writeFileSync(file, `interfaces = { "127.0.0.1" }
c2s_ports = { ${this.c2s} }
component_ports = { ${this.component} }
component_interfaces = { "127.0.0.1" }
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "internal_hashed"
modules_enabled = { "roster"; "saslauth"; "disco"; "ping"; "presence"; "message"; "iq"; "offline"; "c2s"; "component"${full.modules} }
modules_disabled = { "s2s"${full.off} }
certificates = "certs"
pidfile = "${this.dir}/prosody.pid"
data_path = "${this.dir}/data"
log = { info = "*console" }
${full.global}VirtualHost "lab.test"${full.host}
Component "amt.lab.test"
  component_secret = "geheim-4711"
${full.component}`);
        const isRoot = process.getuid() === 0;
        const as = isRoot ? ['runuser', '-u', 'prosody', '--'] : [];
        if (isRoot) execFileSync('chown', ['-R', 'prosody', this.dir]);
        for (const user of users) {
            const run = [...as, 'prosodyctl', '--config', file, 'register', user, 'lab.test', 'pw'];
            execFileSync(run[0], run.slice(1), { stdio: 'pipe' });
        }
        this.command = [...as, 'prosody', '--config', file, '-F'];
        await this.spawn();
        return this;
    }

    async full() {
        const [key, pem] = ['key', 'pem'].map((x) => path.join(this.dir, 'certs', `lab.${x}`));
        execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', pem, '-days', '2', '-subj', '/CN=lab.test', '-addext', 'subjectAltName=DNS:lab.test'], { stdio: 'pipe' });
        Object.assign(this, { ca: pem, http: await freePort(), file_max: 100 * 1024 });
        return {
            modules: '; "tls"; "smacks"; "http"',
            off: '',
            global: `http_ports = { ${this.http} }\nhttp_interfaces = { "127.0.0.1" }\nhttps_ports = {}\n`,
            host: `\n  ssl = { key = "${key}"; certificate = "${pem}" }`,
            component: `Component "files.lab.test" "http_file_share"
  http_host = "127.0.0.1"
  http_external_url = "http://127.0.0.1:${this.http}/"
  http_file_share_size_limit = ${this.file_max}
  http_file_share_access = { "lab.test", "amt.lab.test" }
`,
        };
    }

    async spawn() {
        this.process = new Process(this.command[0], this.command.slice(1), { cwd: this.dir });
        await until('Prosody to listen', () => new Promise((resolve, reject) => {
            const s = net.connect(this.c2s, '127.0.0.1', () => {
                s.destroy();
                resolve(true);
            });
            s.on('error', reject);
        }), 30000);
    }

    async stop() {
        await this.process.end();
    }

    async close() {
        await this.stop();
        fs.rmSync(this.dir, { recursive: true, force: true });
    }
}

/** A line to a port that can be cut, with or without swallowing what comes last: all of it, or only what is said to the port
 * (is_mute), or only what the port says (is_deaf). */
class Line {
    constructor(port) {
        Object.assign(this, { to: port, cuts: 0, carried: 0, swallowed: 0, open: new Set() });
        this.clear();
    }

    clear() {
        Object.assign(this, { is_swallowing: false, is_mute: false, is_deaf: false });
    }

    async start() {
        this.server = net.createServer((s) => this.carry(s));
        await new Promise((r) => this.server.listen(0, '127.0.0.1', r));
        this.port = this.server.address().port;
        return this;
    }

    carry(near) {
        const far = net.connect(this.to, '127.0.0.1');
        for (const [s, other] of [[near, far], [far, near]]) {
            this.open.add(s);
            s.on('error', () => {});
            s.on('close', () => {
                this.open.delete(s);
                other.destroy();
            });
            s.on('data', (bytes) => {
                const is_lost = this.is_swallowing || (s === near ? this.is_mute : this.is_deaf);
                if (!is_lost) other.write(bytes);
                else if (s === near) this.swallowed += bytes.length;
                if (!is_lost && s === near) this.carried += bytes.length;
            });
        }
    }

    cut() {
        this.cuts++;
        this.clear();
        for (const s of this.open) s.destroy();
    }

    close() {
        this.cut();
        this.server.close();
    }
}

class Citizen {
    constructor(port, user = 'anna') {
        Object.assign(this, { port, user });
        this.text = '';
    }

    async connect() {
        this.sock = net.connect(this.port, '127.0.0.1');
        this.sock.setEncoding('utf8');
        this.sock.on('data', (d) => {
            this.text += d;
        });
        this.sock.on('error', () => {});
        const head = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='lab.test' version='1.0'>";
        this.send(head);
        await this.wait(/<\/stream:features>/);
        this.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from(`\0${this.user}\0pw`).toString('base64')}</auth>`);
        await this.wait(/<success/);
        this.text = '';
        this.send(head);
        await this.wait(/<\/stream:features>/);
        this.send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>test</resource></bind></iq>");
        await this.wait(new RegExp(`${this.user}@lab\\.test/test`));
        this.send('<presence/>');
        return this;
    }

    send(text) {
        this.sock.write(text);
    }

    /** What matches, once it came. */
    wait(what, limit_ms = 30000) {
        return until(`the citizen to get ${what} in ${this.text.slice(-800)}`, () => this.text.match(what), limit_ms);
    }

    close() {
        this.sock.destroy();
    }
}

module.exports = { Prosody, Citizen, Line };
