// SPDX-License-Identifier: EUPL-1.2
// conformance: plays the message centre for `draht channel test smpp`: takes the bind and the submits, hands in messages and
// receipts. One JSON object a line on stdin and stdout.
'use strict';
const readline = require('node:readline');
const smpp = require('smpp');

const say = (o) => process.stdout.write(`${JSON.stringify(o)}\n`);
/** Command statuses: submit failed, invalid destination, invalid source. */
const statuses = { sent: 0, retry: 0x45, rejected: 0x0b, misconfigured: 0x0a };
const ESME_RX_T_APPN = 0x64;
const PDU_TEXT_MAX = 30000;
let mode = 'sent', ids = 0, session;

function submit(s, p) {
    if (mode === 'in_doubt') return void s.destroy();
    say({ sent: { text: p.short_message.message ?? p.message_payload?.message } });
    if (mode === 'hold') return;
    s.send(p.response(statuses[mode] ? { command_status: statuses[mode] } : { message_id: `c${++ids}` }));
}

const centre = smpp.createServer({}, (s) => {
    s.on('bind_transceiver', (p) => {
        s.send(p.response({ system_id: 'centre' }));
        session = s;
    });
    s.on('submit_sm', (p) => submit(s, p));
    s.on('enquire_link', (p) => s.send(p.response()));
    s.on('unbind', (p) => {
        s.send(p.response());
        s.close();
    });
    s.on('error', () => {});
    s.on('close', () => {
        if (session === s) session = undefined;
    });
});

const receipt = (m, stat) => ({ esm_class: 4, short_message: Buffer.from(`id:${m.external} sub:001 dlvrd:001 submit date:2611230030 done date:2611230031 stat:${stat} err:000 text:`) });
const makers = {
    message: (m) => (m.text.length > 60 ? { short_message: Buffer.alloc(0), message_payload: m.text } : { short_message: m.text }),
    delivered: (m) => receipt(m, 'DELIVRD'),
    failed: (m) => receipt(m, 'UNDELIV'),
};

/** The session, also when the channel has to bind again first; nothing after 20 seconds. */
async function bound() {
    for (let i = 0; i < 400 && !session; i++) await new Promise((resolve) => setTimeout(resolve, 50));
    return session;
}

/** More than a PDU can hold, from a centre that does not know. */
function flood(s, m) {
    const body = Buffer.from(m.text);
    const head = Buffer.alloc(16);
    head.writeUInt32BE(16 + body.length, 0);
    head.writeUInt32BE(smpp.commands.deliver_sm.id, 4);
    head.writeUInt32BE(9999, 12);
    s.once('close', () => say({ answer: 'refused', text: 'the channel hung up' }));
    s.socket.write(Buffer.concat([head, body]));
}

let last;
async function inject(m) {
    const make = makers[m.what];
    if (!make) return void say({ answer: 'refused', text: `no ${m.what} in SMPP` });
    // A centre sends a message again when it did not hear the answer: in another session.
    if (m.what === 'message' && m.id === last && session) session.destroy(), (session = undefined);
    if (m.what === 'message') last = m.id;
    const s = await bound();
    if (!s) return void say({ answer: 'refused', text: 'not bound' });
    if (m.text.length > PDU_TEXT_MAX) return void flood(s, m);
    const gone = () => say({ answer: 'later', text: 'the connection ended' });
    s.once('close', gone);
    s.deliver_sm({ source_addr: m.sender.replace('+', ''), source_addr_ton: 1, source_addr_npi: 1, destination_addr: '12345', ...make(m) }, (p) => {
        s.removeListener('close', gone);
        say({ answer: p.command_status === 0 ? 'accepted' : p.command_status === ESME_RX_T_APPN ? 'later' : 'refused', text: `status ${p.command_status}` });
    });
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
    const m = JSON.parse(line);
    if (m.do === 'start') {
        centre.listen(Number(m.options.smsc.split(':').pop()), '127.0.0.1', () => say({ ready: true }));
    } else if (m.do === 'answer') {
        mode = m.as;
        say({ ready: true });
    } else {
        inject(m);
    }
}).on('close', () => process.exit(0));
