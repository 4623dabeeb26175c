// SPDX-License-Identifier: EUPL-1.2
// A Prosody of the test's own, and a citizen's client (c2s, SASL PLAIN on loopback) that speaks just enough XMPP.
'use strict';
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { Process, freePort, until, scratch } = require('./process');

class Prosody {
    /** users: who has an account at lab.test, with the password pw. */
    async start(users = ['anna']) {
        this.dir = scratch('prosody');
        this.c2s = await freePort();
        this.component = await freePort();
        const file = path.join(this.dir, 'prosody.cfg.lua');
        fs.mkdirSync(path.join(this.dir, 'data'));
        fs.mkdirSync(path.join(this.dir, 'certs'));
        fs.writeFileSync(file, `interfaces = { "127.0.0.1" }
c2s_ports = { ${this.c2s} }
component_ports = { ${this.component} }
component_interfaces = { "127.0.0.1" }
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "internal_hashed"
modules_enabled = { "roster"; "saslauth"; "disco"; "ping"; "presence"; "message"; "iq"; "offline"; "c2s"; "component" }
modules_disabled = { "s2s"; "tls" }
certificates = "certs"
pidfile = "${this.dir}/prosody.pid"
data_path = "${this.dir}/data"
log = { info = "*console" }
VirtualHost "lab.test"
Component "amt.lab.test"
  component_secret = "geheim-4711"
`);
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

module.exports = { Prosody, Citizen };
