// SPDX-License-Identifier: EUPL-1.2
// Kannel on loopback: bearerbox (the gateway) and smsbox (its HTTP side) in front of a message centre that speaks SMPP.
'use strict';
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const path = require('node:path');
const { scratch, freePort, until, Process } = require('./process');

const PASSWORD = 'kannel-status';
const TRIES = 3; // a port that was free a moment ago may be taken now

const get = (url) => new Promise((resolve, reject) => {
    http.get(url, { agent: false }, (a) => {
        let body = '';
        a.on('data', (c) => (body += c));
        a.on('end', () => resolve({ status: a.statusCode, body }));
    }).on('error', reject);
});

const reachable = (port) => new Promise((resolve, reject) => {
    const s = net.connect(port, '127.0.0.1', () => {
        s.destroy();
        resolve(true);
    });
    s.on('error', reject);
});

class Kannel {
    /** smsc: {port, username, password, more}, a centre that speaks SMPP. service: lines of the group sms-service (get-url
     *  and the like); without, messages are dropped. box: more lines of the group smsbox. is_boxed: false leaves smsbox away,
     *  for who only wants the SMPP side. store(dir): lines of the group core that say where messages are kept, and what follows
     *  it. is_quiet: it prints errors only. */
    constructor(options) {
        this.options = { service: 'text = ""', box: '', is_boxed: true, username: 'stadt', password: 'geheim', store: (dir) => `store-type = file\nstore-location = "${dir}/store"\n`, ...options };
        this.dir = scratch('kannel');
    }

    text() {
        const { smsc, service, store, box, is_boxed, username, password } = this.options;
        const box_port = is_boxed ? `smsbox-port = ${this.ports.box}\nsmsbox-interface = "127.0.0.1"\n` : '';
        const smsbox = is_boxed ? `
group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = ${this.ports.sendsms}
sendsms-interface = "127.0.0.1"
global-sender = 115
log-level = 0
${box}
group = sendsms-user
username = ${username}
password = ${password}
default-smsc = lab
max-messages = 10
concatenation = true

group = sms-service
keyword = default
${service}
max-messages = 0
concatenation = true
catch-all = true
` : '';
        return `group = core
admin-port = ${this.ports.admin}
admin-interface = "127.0.0.1"
admin-password = ${PASSWORD}
${box_port}box-deny-ip = "*.*.*.*"
box-allow-ip = "127.0.0.1"
log-level = 0
${store(this.dir)}
group = smsc
smsc = smpp
smsc-id = lab
host = 127.0.0.1
port = ${smsc.port}
transceiver-mode = true
smsc-username = "${smsc.username || 'draht'}"
smsc-password = "${smsc.password || 'geheim'}"
system-type = ""
interface-version = 34
enquire-link-interval = 5
reconnect-delay = 1
${smsc.more || ''}
${smsbox}`;
    }

    async start() {
        for (let left = TRIES; ; left--) {
            try {
                return await this.attempt();
            } catch (e) {
                await this.end();
                if (left <= 1) throw e;
            }
        }
    }

    async attempt() {
        this.ports = { admin: await freePort(), box: await freePort(), sendsms: await freePort() };
        const file = path.join(this.dir, 'kannel.conf');
        fs.writeFileSync(file, this.text());
        const args = this.options.is_quiet ? ['-v', '3', file] : [file];
        this.bearer = new Process('/usr/sbin/bearerbox', args, { cwd: this.dir });
        await this.up('bearerbox', this.bearer, () => this.status());
        if (!this.options.is_boxed) return this;
        this.box = new Process('/usr/sbin/smsbox', args, { cwd: this.dir });
        await this.up('smsbox', this.box, () => reachable(this.ports.sendsms));
        return this;
    }

    up(name, process, check) {
        return until(`${name} to listen`, () => {
            if (process.exited) throw new Error(process.output.slice(-1500));
            return check();
        }, 20000);
    }

    /** Bearerbox's own report. */
    async status() {
        return (await get(`http://127.0.0.1:${this.ports.admin}/status.txt?password=${PASSWORD}`)).body;
    }

    /** Waits until the centre has taken the bind, and smsbox is known to bearerbox. */
    async ready() {
        await until('Kannel to bind', async () => {
            const s = await this.status();
            return /lab.*\(online/.test(s) && (!this.options.is_boxed || /smsbox/.test(s.split('Box connections')[1] || ''));
        }, 30000);
        return this;
    }

    /** The address for sending, as a provider's console would show it. */
    get url() {
        return `http://127.0.0.1:${this.ports.sendsms}/cgi-bin/sendsms`;
    }

    query(fields) {
        const { username, password } = this.options;
        return new URLSearchParams({ username, password, ...fields });
    }

    send(fields) {
        return get(`${this.url}?${this.query(fields)}`);
    }

    async end() {
        await this.box?.end();
        await this.bearer?.end();
        this.box = this.bearer = undefined;
    }

    async close() {
        await this.end();
        fs.rmSync(this.dir, { recursive: true, force: true });
    }
}

module.exports = { Kannel };
