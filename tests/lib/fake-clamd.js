// SPDX-License-Identifier: EUPL-1.2
// A fake of ClamAV's daemon: its INSTREAM command as published, with the moods that a real one does not show on request.
'use strict';
const assert = require('node:assert/strict');
const net = require('node:net');

// The harmless test file that every scanner reports; in two parts so that this file is none.
const EICAR = 'X5O!P%@AP[4\\PZX54(P^)7CC)7}$' + 'EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*';

/** A fake of clamd's INSTREAM: "zINSTREAM\0", chunks of a 4-byte length and bytes, a length of 0; answers end with NUL. */
class FakeClamd {
    constructor() {
        this.mode = 'scan';
        this.files = [];
        this.sockets = new Set();
        this.server = net.createServer((s) => {
            let bytes = Buffer.alloc(0);
            this.sockets.add(s);
            s.on('close', () => this.sockets.delete(s));
            s.on('error', () => {});
            s.on('data', (d) => {
                bytes = Buffer.concat([bytes, d]);
                this.serve(s, bytes);
            });
        });
    }

    serve(s, bytes) {
        if (this.mode === 'hang up') return s.destroy();
        const hail = Buffer.from('zINSTREAM\0');
        if (bytes.length < hail.length) return undefined;
        assert.deepEqual(bytes.subarray(0, hail.length), hail);
        const parts = [];
        for (let at = hail.length; at + 4 <= bytes.length;) {
            const n = bytes.readUInt32BE(at);
            if (n === 0) return this.answer(s, Buffer.concat(parts));
            parts.push(bytes.subarray(at + 4, at + 4 + n));
            at += 4 + n;
        }
        return undefined;
    }

    answer(s, file) {
        this.files.push(file);
        if (this.mode === 'error') s.end('INSTREAM size limit exceeded. ERROR\0');
        else if (this.mode === 'garbage') s.end('x'.repeat(5000));
        else if (this.mode === 'silent') return;
        else s.end(file.includes('EICAR') ? 'stream: Eicar-Test-Signature FOUND\0' : 'stream: OK\0');
    }

    async listen(where) {
        await new Promise((resolve) => this.server.listen(where, resolve));
        return this;
    }

    close() {
        for (const s of this.sockets) s.destroy();
        return new Promise((resolve) => this.server.close(resolve));
    }
}

module.exports = { FakeClamd, EICAR };
