// SPDX-License-Identifier: EUPL-1.2
// FakeOauth stands for a mail provider's authorization server, which cannot be run here: the token endpoint (RFC 6749,
// refresh_token and client_credentials) and introspection (RFC 7662), by which a real Dovecot checks what we show it.
'use strict';
const http = require('node:http');
const { randomBytes } = require('node:crypto');

class FakeOauth {
    constructor() {
        this.refresh = 'refresh-0';
        this.secret = 'app-secret';
        this.user = 'buergerbuero@stadt.test';
        this.valid = new Map();
        this.granted = 0;
        this.refused = 0;
        this.rotate = false;
        this.expires_in = 3600;
    }

    async start() {
        this.server = http.createServer((q, a) => this.#serve(q, a));
        await new Promise((r) => this.server.listen(0, '127.0.0.1', r));
        this.port = this.server.address().port;
        return this;
    }

    #serve(q, a) {
        let text = '';
        q.on('data', (c) => (text += c));
        q.on('end', () => {
            const form = new URLSearchParams(text);
            const say = (status, o) => a.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(JSON.stringify(o));
            if (q.url.startsWith('/introspect')) {
                const user = this.valid.get(form.get('token'));
                return say(200, user ? { active: true, username: user } : { active: false });
            }
            if (q.method !== 'POST' || q.url !== '/token') return say(404, { error: 'not_found' });
            const known = form.get('grant_type') === 'refresh_token' ? form.get('refresh_token') === this.refresh : form.get('grant_type') === 'client_credentials' && form.get('client_secret') === this.secret;
            if (!known || form.get('client_id') !== 'draht') {
                this.refused++;
                return say(400, { error: 'invalid_grant', error_description: 'no' });
            }
            const token = randomBytes(12).toString('hex');
            this.valid.set(token, this.user);
            this.granted++;
            if (this.rotate) this.refresh = `refresh-${this.granted}`;
            say(200, { access_token: token, token_type: 'Bearer', expires_in: this.expires_in, ...(this.rotate ? { refresh_token: this.refresh } : {}) });
        });
    }

    /** Tokens handed out so far are worth nothing any more. */
    revoke() {
        this.valid.clear();
    }

    close() {
        this.server.closeAllConnections();
        return new Promise((r) => this.server.close(r));
    }
}

module.exports = { FakeOauth };
