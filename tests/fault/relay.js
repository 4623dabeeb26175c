// SPDX-License-Identifier: EUPL-1.2
// fault relay: a mail relay that misbehaves on demand. It speaks SMTP (RFC 5321) and keeps every mail it said 250 to; by
// mode it answers 451, hangs, or drops the connection after the final dot (with or without having kept the mail). The
// truth about what a real relay accepted is its `kept` list.
'use strict';
const net = require('node:net');

class FaultRelay {
    constructor() {
        this.kept = []; // {message_id, data, at}
        this.mode = 'ok'; // ok | tempfail | hang | drop_kept | drop_lost
        this.sockets = new Set();
        this.server = net.createServer((s) => this.serve(s));
    }

    listen() {
        return new Promise((resolve) => this.server.listen(0, '127.0.0.1', () => resolve((this.port = this.server.address().port))));
    }

    serve(s) {
        this.sockets.add(s);
        s.on('close', () => this.sockets.delete(s));
        s.on('error', () => {});
        let text = '';
        let data = null;
        const say = (line) => s.writable && s.write(`${line}\r\n`);
        say('220 fault-relay ESMTP');
        s.on('data', (chunk) => {
            text += chunk.toString('latin1');
            for (;;) {
                if (data !== null) {
                    const end = text.indexOf('\r\n.\r\n');
                    if (end < 0) return;
                    data = text.slice(0, end + 2);
                    text = text.slice(end + 5);
                    this.finish(s, say, data);
                    data = null;
                    continue;
                }
                const eol = text.indexOf('\r\n');
                if (eol < 0) return;
                const line = text.slice(0, eol);
                text = text.slice(eol + 2);
                const verb = line.slice(0, 4).toUpperCase();
                if (this.mode === 'hang') return;
                if (verb === 'EHLO') say('250-fault-relay\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 30000000');
                else if (verb === 'MAIL') say(this.mode === 'tempfail' ? '451 4.3.0 come back later' : '250 2.1.0 ok');
                else if (verb === 'RCPT') say('250 2.1.5 ok');
                else if (verb === 'DATA') {
                    say('354 go on');
                    data = '';
                    // What follows the empty line of a message may start at once; the search wants its CRLF in front.
                    text = `\r\n${text}`;
                } else if (verb === 'QUIT') {
                    say('221 bye');
                    s.end();
                } else say('250 ok');
            }
        });
    }

    finish(s, say, data) {
        const id = (data.match(/^message-id:\s*<([^>]+)>/im) || [])[1] || '';
        const keep = () => this.kept.push({ message_id: id, data, at: Date.now() });
        switch (this.mode) {
            case 'drop_kept':
                keep();
                s.destroy();
                break;
            case 'drop_lost':
                s.destroy();
                break;
            case 'hang':
                break;
            case 'tempfail':
                say('451 4.3.0 come back later');
                break;
            default:
                keep();
                say('250 2.0.0 kept');
        }
    }

    async set(mode) {
        const was = this.mode;
        this.mode = mode;
        if (was === 'hang') for (const s of this.sockets) s.destroy();
    }

    close() {
        for (const s of this.sockets) s.destroy();
        return new Promise((r) => this.server.close(r));
    }
}

module.exports = { FaultRelay };
