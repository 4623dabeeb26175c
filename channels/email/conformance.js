// SPDX-License-Identifier: EUPL-1.2
// conformance: plays the mail servers around the email channel for `draht channel test email`: delivers by LMTP, takes
// replies by SMTP, and makes delivery reports. One JSON object a line on stdin and stdout.
'use strict';
const net = require('node:net');
const readline = require('node:readline');

let lmtp, mode = 'sent', lastId = '';
const say = (o) => process.stdout.write(`${JSON.stringify(o)}\n`);
const answers = {
    sent: '250 2.0.0 queued',
    retry: '451 4.3.0 try again later',
    rejected: '550 5.1.1 no such mailbox',
};

/** The words of a mail's parts, decoded as far as the test texts need it. */
function words(raw) {
    const qp = (s) => Buffer.from(s.replace(/=\r?\n/g, '').replace(/=([0-9A-F]{2})/g, (_, h) => String.fromCharCode(parseInt(h, 16))), 'latin1').toString('utf8');
    const parts = raw.split(/\r?\n--[^\r\n]+\r?\n/);
    return parts.map((p) => {
        const at = p.search(/\r?\n\r?\n/);
        const head = at < 0 ? '' : p.slice(0, at);
        const body = at < 0 ? p : p.slice(at).trim();
        if (/base64/i.test(head)) return Buffer.from(body, 'base64').toString('utf8');
        return /quoted-printable/i.test(head) ? qp(body) : body;
    }).join('\n').replace(/ ?\r?\n/g, ' ');
}

/** The relay that replies go to. */
const relay = net.createServer((c) => {
    let data = null, from = '';
    c.setEncoding('latin1');
    c.write('220 relay.test ESMTP\r\n');
    c.on('error', () => {});
    readline.createInterface({ input: c, crlfDelay: Infinity }).on('line', (line) => {
        if (data) {
            if (line !== '.') return void data.push(line.startsWith('..') ? line.slice(1) : line);
            const raw = Buffer.from(data.join('\r\n'), 'latin1').toString('utf8');
            data = null;
            lastId = (raw.match(/^message-id:\s*(\S+)/im) || [])[1] || lastId;
            if (mode === 'in_doubt') return void c.destroy();
            say({ sent: { from, text: words(raw), file: /karte\.png/.test(raw), key: lastId } });
            if (mode === 'hold') return;
            return void c.write(`${answers[mode] || answers.sent}\r\n`);
        }
        const verb = line.slice(0, 4).toUpperCase();
        if (verb === 'EHLO') return void c.write('250-relay.test\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 DSN\r\n');
        if (verb === 'MAIL') from = line;
        if (verb === 'DATA') data = [];
        if (verb === 'QUIT') return void c.end('221 bye\r\n');
        c.write(verb === 'DATA' ? '354 go on\r\n' : '250 ok\r\n');
    });
});

/** One LMTP transaction; resolves with the last answer. */
function deliver(sender, mail) {
    return new Promise((resolve) => {
        const c = net.connect(lmtp, '127.0.0.1');
        const steps = ['LHLO mx.test', `MAIL FROM:<${sender}> SIZE=${Buffer.byteLength(mail)}`, 'RCPT TO:<amt@stadt.test>', 'DATA', null, 'QUIT'];
        c.on('error', (e) => resolve(`000 ${e.message}`));
        let at = 0, last = '';
        readline.createInterface({ input: c, crlfDelay: Infinity }).on('line', (line) => {
            if (line[3] === '-' || last) return;
            if (at === 5 || /^[45]/.test(line)) {
                last = line;
                c.end('QUIT\r\n');
                return void resolve(last);
            }
            const step = steps[at++];
            c.write(step === null ? `${mail.replace(/\r?\n/g, '\r\n').replace(/^\./gm, '..')}\r\n.\r\n` : `${step}\r\n`);
        });
        c.on('close', () => resolve(last || '000 closed'));
    });
}

const head = (m) => `Message-ID: <${m.id}@buerger.test>\r\nFrom: ${m.sender}\r\nTo: amt@stadt.test\r\nSubject: Anliegen\r\nDate: ${new Date().toUTCString().replace('GMT', '+0000')}\r\nMIME-Version: 1.0\r\n`;
const lines = (base64) => base64.replace(/.{76}/g, '$&\r\n');
const plain = (text) => `Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n${lines(Buffer.from(text).toString('base64'))}\r\n`;
const makers = {
    message: (m) => head(m) + plain(m.text),
    attachment: (m) => `${head(m)}Content-Type: multipart/mixed; boundary=grenze\r\n\r\n--grenze\r\n${plain(m.text)}\r\n--grenze\r\nContent-Type: image/png; name=bild.png\r\nContent-Disposition: attachment; filename=bild.png\r\nContent-Transfer-Encoding: base64\r\n\r\n${lines(m.file)}\r\n--grenze--\r\n`,
    failed: (m) => `${head(m)}Content-Type: multipart/report; report-type=delivery-status; boundary=grenze\r\n\r\n--grenze\r\nContent-Type: text/plain\r\n\r\nNo such mailbox.\r\n--grenze\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; relay.test\r\n\r\nFinal-Recipient: rfc822; ${m.sender}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--grenze\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: ${lastId}\r\n\r\n--grenze--\r\n`,
};

async function inject(m) {
    const report = m.what === 'failed';
    const line = await deliver(report ? '' : m.sender, makers[m.what](m));
    say({ answer: line[0] === '2' ? 'accepted' : line[0] === '4' ? 'later' : 'refused', text: line });
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
    const m = JSON.parse(line);
    if (m.do === 'start') {
        lmtp = Number(m.options.lmtp[0].split(':').pop());
        relay.listen(Number(m.options.relay.split(':').pop()), '127.0.0.1', () => say({ ready: true }));
    } else if (m.do === 'answer') {
        mode = m.as;
        say({ ready: true });
    } else {
        inject(m);
    }
}).on('close', () => process.exit(0));
