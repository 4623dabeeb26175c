// SPDX-License-Identifier: EUPL-1.2
// Promise: with `tls` a text message and its answer travel encrypted, and a message centre whose certificate has another name, comes
// from an unknown authority or is none at all never sees the password; the log says why, and Draht goes on trying.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const tls = require('node:tls');
const { randomUUID } = require('node:crypto');
const { Gateway } = require('../lib/gateway');
const { Smsc, smppChannel } = require('../lib/fake-smsc');
const { scratch, run, until } = require('../lib/process');

let dir;
const file = (name) => path.join(dir, name);
async function openssl(...args) {
    const r = await run('openssl', args);
    if (r.code !== 0) throw new Error(r.out);
}
const authority = (name) => openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', `/CN=${name}`, '-keyout', file(`${name}.key`), '-out', file(`${name}.pem`));

/** A certificate for host, signed by the authority ca. */
async function certificate(name, host, ca) {
    fs.writeFileSync(file(`${name}.ext`), `subjectAltName=DNS:${host}\n`);
    await openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${host}`, '-keyout', file(`${name}.key`), '-out', file(`${name}.csr`));
    await openssl('x509', '-req', '-in', file(`${name}.csr`), '-CA', file(`${ca}.pem`), '-CAkey', file(`${ca}.key`), '-CAcreateserial', '-days', '30', '-extfile', file(`${name}.ext`), '-out', file(`${name}.pem`));
}

/** TLS in front of a message centre; counts who knocks. */
class Front {
    constructor(smsc, name) {
        this.smsc = smsc;
        this.knocks = 0;
        this.heard = 0;
        this.sockets = new Set();
        this.versions = new Set();
        this.server = tls.createServer({ key: fs.readFileSync(file(`${name}.key`)), cert: fs.readFileSync(file(`${name}.pem`)) }, (s) => this.pass(s));
        this.server.on('connection', (s) => {
            this.knocks++;
            this.sockets.add(s);
        });
        this.server.on('tlsClientError', () => {}); // the other side has said no
    }

    pass(s) {
        this.versions.add(s.getProtocol());
        s.on('data', (d) => (this.heard += d.length));
        const inner = net.connect(this.smsc.port, '127.0.0.1');
        for (const [a, b] of [[s, inner], [inner, s]]) {
            a.pipe(b);
            a.on('error', () => b.destroy());
            a.on('close', () => b.destroy());
        }
    }

    async start() {
        await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
        this.port = this.server.address().port;
        return this;
    }

    async close() {
        for (const s of this.sockets) s.destroy();
        await new Promise((resolve) => this.server.close(resolve));
    }
}

/** A channel that dials localhost by TLS. */
const channel = (port) => smppChannel(port, `tls: true\ntls_ca: "${file('office.pem')}"\nagain_s: 1`).replace(`127.0.0.1:${port}`, `localhost:${port}`);

before(async () => {
    dir = scratch('smpp-tls');
    await authority('office');
    await authority('stranger');
    await certificate('good', 'localhost', 'office');
    await certificate('elsewhere', 'smsc.elsewhere.test', 'office');
    await certificate('unknown', 'localhost', 'stranger');
}, { timeout: 120000 });
after(() => fs.rmSync(dir, { recursive: true, force: true }));

test('a good certificate: bind, a message in, the reply out', { timeout: 120000 }, async () => {
    const smsc = await new Smsc().start();
    const front = await new Front(smsc, 'good').start();
    const g = new Gateway({ extra_channels: channel(front.port) });
    try {
        await g.start();
        await g.login();
        await smsc.ready();
        assert.deepEqual(smsc.binds[0], { kind: 'transceiver', system_id: 'draht', password: 'geheim', version: 0x34 });
        assert.equal(await smsc.deliver({ short_message: 'verschlüsselt' }), 0);
        const t = await until('the ticket', async () => (await g.api('GET', '/tickets?view=all')).tickets[0], 30000);
        await g.api('POST', `/tickets/${t.number}/messages`, { kind: 'reply', text: 'auch verschlüsselt', attachments: [], client_id: randomUUID() }, 202);
        await until('the reply', () => smsc.accepted.find((s) => s.text === 'auch verschlüsselt'), 30000);
        for (const v of front.versions) assert.match(v, /^TLSv1\.[23]$/);
    } finally {
        await g.close();
        await front.close();
        await smsc.close();
    }
});

for (const [name, what, reason] of [
    ['elsewhere', 'the certificate of another host', /smpp\.down.*name.*localhost/i],
    ['unknown', 'an authority that nobody knows', /smpp\.down.*(issuer|self.signed)/i],
])
    test(`${what}: refused, said, tried again; the password stays here`, { timeout: 120000 }, async () => {
        const smsc = await new Smsc().start();
        const front = await new Front(smsc, name).start();
        const g = new Gateway({ extra_channels: channel(front.port) });
        try {
            await g.start();
            await g.login();
            await until('a second attempt', () => front.knocks >= 2, 60000);
            await until('the reason in the log', () => reason.test(g.process.output), 30000);
            assert.doesNotMatch(g.process.output, /smpp\.bound/);
            assert.equal(front.heard, 0, 'not one octet of SMPP');
            assert.equal(smsc.binds.length, 0);
        } finally {
            await g.close();
            await front.close();
            await smsc.close();
        }
    });

test('a centre that speaks no TLS: no bind in clear', { timeout: 120000 }, async () => {
    let knocks = 0;
    let heard = '';
    const smsc = await new Smsc().start();
    const plain = net.createServer((s) => {
        knocks++;
        s.on('error', () => {});
        s.on('data', (d) => {
            heard += d.toString('latin1');
            s.end('no TLS here, never was\r\n');
        });
    });
    await new Promise((resolve) => plain.listen(0, '127.0.0.1', resolve));
    const g = new Gateway({ extra_channels: channel(plain.address().port) });
    try {
        await g.start();
        await until('a second attempt', () => knocks >= 2, 60000);
        await until('the reason in the log', () => /smpp\.down/.test(g.process.output), 30000);
        assert.doesNotMatch(heard, /geheim|draht/);
        assert.equal(smsc.binds.length, 0);
    } finally {
        await g.close();
        plain.close();
        await smsc.close();
    }
});
