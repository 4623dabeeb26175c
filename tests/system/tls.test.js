// SPDX-License-Identifier: EUPL-1.2
// Promise: with a certificate the gateway itself speaks TLS 1.2 and newer: pages, API, WebSocket, metrics of health; nothing in
// clear is answered, and a certificate that cannot be used is named at the start.
'use strict';
const { test, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const https = require('node:https');
const net = require('node:net');
const path = require('node:path');
const tls = require('node:tls');
const WebSocket = require('ws');
const { Gateway, BINARY, ROOT } = require('../lib/gateway');
const { scratch, freePort, until, run, Process } = require('../lib/process');

let gateway, dir, ca;
after(async () => {
    await gateway?.process?.end();
});

/** The gateway's file with TLS, started; its readiness is asked for by TLS. */
async function start_with_tls() {
    dir = scratch('tls');
    await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1',
        '-keyout', path.join(dir, 'key.pem'), '-out', path.join(dir, 'cert.pem')]);
    ca = fs.readFileSync(path.join(dir, 'cert.pem'));
    gateway = new Gateway();
    gateway.port = await freePort();
    gateway.lmtp = await freePort();
    gateway.ready = () => until('TLS', async () => {
        if (gateway.process.exited) throw new Error(gateway.process.output);
        return (await get('/readyz')).status === 200;
    }, 20000);
    const spawn = gateway.spawn.bind(gateway);
    gateway.spawn = async () => {
        const text = fs.readFileSync(gateway.config, 'utf8');
        if (!text.includes('tls_cert')) fs.writeFileSync(gateway.config, text.replace('city:', `  tls_cert: ${dir}/cert.pem\n  tls_key: ${dir}/key.pem\ncity:`));
        await spawn();
    };
    await gateway.start();
}
const get = (url, more = {}) => new Promise((resolve, reject) => {
    const q = https.request({ host: '127.0.0.1', port: gateway.port, path: url, ca, agent: false, ...more }, (a) => {
        let text = '';
        a.on('data', (c) => (text += c));
        a.on('end', () => resolve({ status: a.statusCode, headers: a.headers, text, protocol: a.socket.getProtocol?.() }));
    });
    q.on('error', reject);
    q.setTimeout(20000, () => q.destroy(new Error('no answer')));
    q.end(more.body);
});

test('pages, API with a __Host- cookie, and the chat socket', { timeout: 60000 }, async () => {
    await start_with_tls();
    const page = await get('/inbox/');
    assert.equal(page.status, 200);
    assert.match(page.headers['strict-transport-security'] || '', /max-age=\d+/);
    const login = await get('/api/v1/session', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ user: 'admin', password: gateway.password }) });
    assert.equal(login.status, 200, login.text);
    assert.match(login.headers['set-cookie'][0], /^__Host-.*Secure/);
    const ws = new WebSocket(`wss://localhost:${gateway.port}/channels/chat/socket`, ['draht.chat.v1'], { origin: `https://localhost:${gateway.port}`, ca });
    const welcome = await new Promise((resolve, reject) => {
        ws.on('error', reject);
        ws.on('open', () => ws.send(JSON.stringify({ t: 'hello', lang: 'de', token: null, last_seq: 0 })));
        ws.on('message', (m) => resolve(JSON.parse(m.toString())));
    });
    assert.equal(welcome.t, 'welcome');
    ws.close();
});

test('TLS 1.1, clear text and garbage are refused; others are served meanwhile', { timeout: 60000 }, async () => {
    await assert.rejects(new Promise((resolve, reject) => {
        const s = tls.connect({ host: '127.0.0.1', port: gateway.port, ca, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' }, resolve);
        s.on('error', reject);
    }));
    for (const bytes of [Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), Buffer.alloc(100000, 0xff), Buffer.from([22, 3, 1, 255, 255])]) {
        const said = await new Promise((resolve) => {
            const s = net.connect(gateway.port, '127.0.0.1', () => s.write(bytes));
            let text = '';
            s.on('data', (c) => (text += c.toString('latin1')));
            s.on('error', () => resolve(text));
            s.on('close', () => resolve(text));
            setTimeout(() => s.destroy(), 1500);
        });
        assert.doesNotMatch(said, /HTTP\/1\.1 200/);
        assert.equal((await get('/readyz')).status, 200);
    }
});

test('a key that does not fit is named at the start', { timeout: 60000 }, async () => {
    assert.equal(await gateway.process.end(), 0);
    const bad = path.join(dir, 'bad.pem');
    fs.writeFileSync(bad, 'no key');
    const file = path.join(dir, 'bad.yaml');
    fs.writeFileSync(file, fs.readFileSync(gateway.config, 'utf8').replace(`${dir}/key.pem`, bad));
    const p = new Process(BINARY, ['run', '-c', file, '--state', gateway.state], { cwd: ROOT });
    const code = await p.done;
    assert.notEqual(code, 0);
    assert.match(p.output, /bad\.pem|tls_key/);
    assert.doesNotMatch(p.output, /AddressSanitizer|runtime error/);
});
