// SPDX-License-Identifier: EUPL-1.2
// conformance: plays an XMPP server with one component (XEP-0114) for draht channel test.
'use strict';
const net = require('node:net');
const readline = require('node:readline');
const { createHash } = require('node:crypto');

const STREAM_ID = '3BF96D32';
const STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas';
const STANZA_BYTES_MAX = 256 * 1024; // what servers commonly take from a client
const PATIENCE_MS = 6000; // neither receipt nor error by then: the component holds the message, we may send it again
const DOMAIN_LOCAL = 'buergerbuero';
let options, link, injected, waits, running = 0, mode = 'sent';

const say = (o) => process.stdout.write(`${JSON.stringify(o)}\n`);
function answered(answer, text) {
    clearTimeout(waits);
    say({ answer, text });
}

const marks = { '&': '&amp;', '<': '&lt;', '>': '&gt;', "'": '&apos;', '"': '&quot;' };
const quote = (text) => text.replace(/[&<>'"]/g, (c) => marks[c]);
const plain = (text) => text.replace(/&(amp|lt|gt|apos|quot);/g, (m) => Object.keys(marks).find((c) => marks[c] === m));
const attribute = (tag, name) => plain(new RegExp(`^<[^>]*?\\s${name}=(['"])(.*?)\\1`).exec(tag)?.[2] ?? '');

function onMessage(stanza) {
    const received = /<received [^>]*id=(['"])(.*?)\1/.exec(stanza);
    const body = /<body>([\s\S]*?)<\/body>/.exec(stanza);
    if (received && injected === received[2]) answered('accepted', 'received');
    else if (attribute(stanza, 'type') === 'error' && injected === attribute(stanza, 'id')) answered('refused', stanza.slice(0, 200));
    else if (body) say({ sent: { id: attribute(stanza, 'id'), to: attribute(stanza, 'to'), text: plain(body[1]), key: attribute(stanza, 'id') } });
}

/** Whole stanzas in the text so far; the rest is returned. */
function take(text) {
    for (;;) {
        const found = /^\s*(?:<(message|presence|iq|handshake)\b[^>]*?\/>|<(message|presence|iq|handshake)\b[\s\S]*?<\/\2>)/.exec(text);
        if (!found) return text;
        text = text.slice(found[0].length);
        const stanza = found[0].trim();
        if (stanza.startsWith('<handshake')) {
            const ours = createHash('sha1').update(STREAM_ID + options.secret).digest('hex');
            if (stanza.includes(`>${ours}<`)) link.write('<handshake/>');
            else link.end("<stream:error><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>");
        } else if (stanza.startsWith('<message')) {
            onMessage(stanza);
        } else if (stanza.startsWith('<iq') && attribute(stanza, 'to') === options.domain) {
            if (mode !== 'hold') link.write(stanza); // a component that asks itself
        } else if (stanza.startsWith('<iq') && attribute(stanza, 'type') === 'get') { // a server without any services
            link.write(`<iq type='error' id='${quote(attribute(stanza, 'id'))}' from='${quote(attribute(stanza, 'to'))}' to='${quote(attribute(stanza, 'from'))}'><error type='cancel'><service-unavailable xmlns='${STANZAS}'/></error></iq>`);
        }
    }
}

const server = net.createServer((sock) => {
    let text = '';
    link = sock;
    sock.setEncoding('utf8');
    sock.on('error', () => {});
    sock.on('data', (d) => {
        text += d;
        const head = /^(?:<\?xml[^>]*\?>)?\s*<stream:stream [^>]*>/.exec(text);
        if (head) {
            sock.write(`<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' from='${quote(options.domain)}' id='${STREAM_ID}'>`);
            text = text.slice(head[0].length);
        }
        text = take(text);
        if (text.includes('</stream:stream>')) sock.end('</stream:stream>');
    });
});

/** One stanza as the server would hand it on. */
function stanza(m) {
    const head = (id, type, sender) => `<message type='${type}' id=${id} from='${quote(sender)}/handy' to='${DOMAIN_LOCAL}@${quote(options.domain)}'`;
    if (m.what === 'delivered') return `${head(`'r${++running}'`, 'chat', lastTo(m))}><received xmlns='urn:xmpp:receipts' id='${quote(m.external)}'/></message>`;
    if (m.what === 'read') return `${head(`'r${++running}'`, 'chat', lastTo(m))}><displayed xmlns='urn:xmpp:chat-markers:0' id='${quote(m.external)}'/></message>`;
    if (m.what === 'failed')
        return `${head(`'${quote(m.external)}'`, 'error', lastTo(m))}><error type='cancel'><item-not-found xmlns='${STANZAS}'/></error></message>`;
    injected = m.id;
    return `${head(`'${quote(m.id)}'`, 'chat', m.sender)}><body>${quote(m.text)}</body><request xmlns='urn:xmpp:receipts'/></message>`;
}
const lastTo = (m) => m.sender || 'anna@buerger.test';

function inject(m) {
    const text = stanza(m);
    clearTimeout(waits);
    if (Buffer.byteLength(text) > STANZA_BYTES_MAX) {
        say({ answer: 'refused', text: 'the server takes no stanza of that size' });
        return;
    }
    link.write(text);
    if (/^(delivered|read|failed)$/.test(m.what)) say({ answer: 'accepted', text: 'handed on' });
    else waits = setTimeout(() => say({ answer: 'later', text: 'neither receipt nor error' }), PATIENCE_MS);
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
    const m = JSON.parse(line);
    if (m.do === 'start') {
        options = m.options;
        server.listen(Number(options.port), '127.0.0.1', () => say({ ready: true }));
    } else if (m.do === 'answer') {
        mode = m.as;
        say({ ready: true });
    } else if (link?.writable) {
        inject(m);
    } else {
        say({ answer: 'later', text: 'the component is not connected' });
    }
}).on('close', () => process.exit(0));
