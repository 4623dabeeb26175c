// SPDX-License-Identifier: EUPL-1.2
// Promise: whatever comes by XMPP (stanzas of 10 MB, entities that multiply, errors that answer errors, nesting without end, links into the
// house), the program stays within its limits and goes on with the next citizen. FakeServer takes one component, as XEP-0114 says.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const net = require('node:net');
const path = require('node:path');
const { Gateway, ROOT } = require('../lib/gateway');
const { until } = require('../lib/process');

const PLUGIN = path.join(ROOT, 'channels/xmpp/draht-xmpp');
const DOMAIN = 'amt.fake.test';
let server, g, trap;

class FakeServer {
    constructor() {
        Object.assign(this, { connections: 0, text: '' });
    }

    async start() {
        this.server = net.createServer((s) => {
            this.connections++;
            this.sock = s;
            this.text = '';
            let has_begun = false;
            s.setEncoding('utf8');
            s.on('error', () => {});
            s.on('data', (d) => {
                this.text += d;
                if (!has_begun && this.text.includes('<stream:stream')) {
                    has_begun = true;
                    s.write(`<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' from='${DOMAIN}' id='x'>`);
                }
                if (d.includes('<handshake')) s.write('<handshake/>');
                // No services, and a component's question to itself comes back.
                for (const [, id, to] of d.matchAll(/<iq type='get' id='([^']+)' from="[^"]*" to="([^"]*)"/g))
                    s.write(to === DOMAIN ? `<iq type='get' id='${id}' from='${DOMAIN}' to='${DOMAIN}'/>` : `<iq type='error' id='${id}' from='${to}' to='${DOMAIN}'/>`);
            });
        });
        await new Promise((r) => this.server.listen(0, '127.0.0.1', r));
        this.port = this.server.address().port;
        return this;
    }

    say(body, id, more = '', type = 'chat') {
        this.sock.write(`<message type='${type}' from='boese@citizen.test/x' to='buergerbuero@${DOMAIN}' id='${id}'>${body}${more}</message>`);
    }

    stop() {
        this.sock?.destroy();
        this.server.close();
    }
}

before(async () => {
    server = await new FakeServer().start();
    trap = net.createServer((s) => {
        trap.is_hit = true;
        s.destroy();
    });
    await new Promise((r) => trap.listen(0, '127.0.0.1', r));
    g = new Gateway({
        extra_channels: `  - id: xmpp\n    type: exec\n    queue: buergerbuero\n    options:\n      command: [${PLUGIN}]\n      memory_mb: 160\n      settings: {domain: ${DOMAIN}, secret: geheim, port: ${server.port}}\n`,
    });
    await g.start();
    await g.login();
    await until('the channel to be up', async () => (await state()).up, 60000);
}, { timeout: 90000 });
after(async () => {
    await g?.close();
    server?.stop();
    trap?.close();
});

const state = async () => (await g.api('GET', '/settings')).channels.find((c) => c.id === 'xmpp');
const texts = async () => (await Promise.all((await g.api('GET', '/tickets?view=all&limit=200')).tickets.map((t) => g.api('GET', `/tickets/${t.number}`)))).flatMap((d) => d.items).filter((i) => i.direction === 'in').map((i) => i.text);
/** A citizen's message behind it is taken in: on the same connection, or after the program came back. */
async function goes_on(mark) {
    await until(`the program to take in ${mark}`, async () => {
        if (server.sock && !server.sock.destroyed) server.say(`<body>${mark}</body>`, mark);
        return (await texts()).includes(mark);
    }, 60000);
    assert.equal((await texts()).filter((t) => t === mark).length, 1);
}

test('a server without a service for files: the composer offers none', async () => {
    assert.ok(!(await state()).caps.includes('attachments'));
    assert.ok((await state()).caps.includes('typing'));
});

test('a stanza of 10 MB is refused to its sender and cuts off nobody', { timeout: 90000 }, async () => {
    const { connections } = server;
    server.say(`<body>${'x'.repeat(10 << 20)}</body>`, 'large');
    await until('the refusal', () => /<message type='error'[^>]*id="large"[\s\S]*not-acceptable/.test(server.text), 60000);
    await goes_on('nach zehn MB');
    server.say('<a>'.repeat(5000) + '</a>'.repeat(5000), 'deep');
    await until('the refusal', () => /<message type='error'[^>]*id="deep"/.test(server.text), 30000);
    await goes_on('nach der Tiefe');
    assert.equal(server.connections, connections, 'on the same connection');
});

// Four: each loss doubles the pause before the next connection.
const BREAKERS = {
    'entities that multiply': `<!DOCTYPE l [<!ENTITY a "lol">${Array.from({ length: 9 }, (_, i) => `<!ENTITY ${'bcdefghij'[i]} "${`&${'abcdefghi'[i]};`.repeat(10)}">`).join('')}]><message><body>&j;</body></message>`,
    'an external entity': '<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><message><body>&x;</body></message>',
    'a stanza without an end': `<message from='a@b.test' id='n'><body>${'y'.repeat(17 << 20)}`,
    'bytes that are no UTF-8': Buffer.from([0x3c, 0x6d, 0x3e, 0xff, 0xfe, 0xc0, 0x80]),
};
for (const [what, bytes] of Object.entries(BREAKERS)) {
    test(`${what}: the connection ends, the program comes back`, { timeout: 90000 }, async () => {
        const { connections } = server;
        server.sock.write(bytes);
        await until('another connection', () => server.connections > connections, 60000);
        await goes_on(`nach ${what}`);
        assert.doesNotMatch((await texts()).join(), /lollol|root:/);
    });
}

test('errors that answer errors: a thousand of them bring no word from us', { timeout: 60000 }, async () => {
    await until('the channel to be up', async () => (await state()).up, 30000);
    server.text = '';
    for (let i = 0; i < 1000; i++) server.say(`<body>Schleife ${i}</body>`, `loop-${i}`, "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>", 'error');
    server.sock.write(`<iq type='error' from='a@b.test' to='${DOMAIN}' id='q'/><iq type='result' from='a@b.test' to='${DOMAIN}' id='q2'/><presence type='error' from='a@b.test' to='${DOMAIN}'/>`);
    await goes_on('nach der Schleife');
    assert.doesNotMatch(server.text, /loop-|Schleife|id="q/);
    assert.equal((await texts()).filter((t) => /^Schleife/.test(t)).length, 0);
});

test('a word of ours that comes back to us is no message', { timeout: 60000 }, async () => {
    server.sock.write(`<message type='chat' from='buergerbuero@${DOMAIN}/x' to='buergerbuero@${DOMAIN}' id='echo'><body>Echo</body></message>`);
    await goes_on('nach dem Echo');
    assert.ok(!(await texts()).includes('Echo'));
});

test('a link into the house is text: nobody follows it', { timeout: 60000 }, async () => {
    const url = `http://127.0.0.1:${trap.address().port}/geheim.png`;
    server.say(`<body>${url}</body>`, 'link', `<x xmlns='jabber:x:oob'><url>${url}</url></x>`);
    await until('the message', async () => (await texts()).includes(url), 30000);
    await goes_on('nach dem Link');
    assert.ok(!trap.is_hit);
});

test('who was not written to cannot say that a reply failed or was read', { timeout: 60000 }, async () => {
    const t = (await g.api('GET', '/tickets?view=all&limit=200')).tickets.find((x) => x.sender.address === 'boese@citizen.test');
    const m = await g.api('POST', `/tickets/${t.number}/messages`, { kind: 'reply', text: 'Eine Antwort', attachments: [], client_id: 'xmpp-hostile-1' }, 202);
    const of = async () => (await g.api('GET', `/tickets/${t.number}`)).items.find((i) => i.id === m.id).delivery.state;
    await until('sent', async () => (await of()) === 'sent', 30000);
    const id = server.text.match(/id="(draht-[^"]+)"><body>Eine Antwort/)[1];
    server.sock.write(`<message type='error' from='fremd@b.test' to='buergerbuero@${DOMAIN}' id='${id}'><error type='cancel'/></message><message from='fremd@b.test' to='buergerbuero@${DOMAIN}'><received xmlns='urn:xmpp:receipts' id='${id}'/></message>`);
    await goes_on('nach der Fälschung');
    assert.equal(await of(), 'sent');
    server.say(`<received xmlns='urn:xmpp:receipts' id='${id}'/>`, 'r');
    await until('delivered', async () => (await of()) === 'delivered', 30000);
});
