// SPDX-License-Identifier: EUPL-1.2
// A real GoToSocial on loopback with SQLite in a scratch folder: the office's account and a citizen's, each with a token got as an
// app gets it. tools/peers.sh builds it.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { randomBytes, randomUUID } = require('node:crypto');
const { scratch, freePort, until, Process, run } = require('./process');

const HOME = path.join(__dirname, '..', '..', 'build', 'peers', 'gotosocial');
const PROGRAM = path.join(HOME, 'gotosocial');
const has = () => fs.existsSync(PROGRAM);
const OUT_OF_BAND = 'urn:ietf:wg:oauth:2.0:oob';
/** As docs/channels/mastodon.md tells operators. */
const SCOPES = 'read:accounts read:notifications read:statuses write:statuses write:media';

class GoToSocial {
    async start() {
        this.dir = scratch('gotosocial');
        this.port = await freePort();
        this.url = `http://127.0.0.1:${this.port}`;
        this.password = `Wetter-${randomBytes(12).toString('hex')}!`;
        this.env = {
            ...process.env,
            GTS_HOST: `127.0.0.1:${this.port}`,
            GTS_PROTOCOL: 'http',
            GTS_BIND_ADDRESS: '127.0.0.1',
            GTS_PORT: String(this.port),
            GTS_DB_TYPE: 'sqlite',
            GTS_DB_ADDRESS: path.join(this.dir, 'db.sqlite'),
            GTS_STORAGE_LOCAL_BASE_PATH: path.join(this.dir, 'storage'),
            GTS_WASM_COMPILATION_CACHE: path.join(HOME, 'wasm'),
            GTS_WEB_TEMPLATE_BASE_DIR: path.join(HOME, 'web', 'template'),
            GTS_WEB_ASSET_BASE_DIR: path.join(HOME, 'web', 'assets'),
            GTS_LOG_LEVEL: 'warn',
            GTS_ADVANCED_RATE_LIMIT_REQUESTS: '0',
            GTS_ADVANCED_THROTTLING_MULTIPLIER: '0',
            GTS_INSTANCE_EXPOSE_PEERS: 'false',
        };
        for (const user of ['amt', 'jana']) await this.admin('create', '--username', user, '--email', this.mail(user), '--password', this.password);
        await this.spawn();
        this.token = await this.sign_in('amt', SCOPES);
        this.citizen = await this.sign_in('jana', 'read write');
        return this;
    }

    mail(user) {
        return `${user}@example.org`;
    }

    async admin(...words) {
        const r = await run(PROGRAM, ['admin', 'account', ...words], { env: this.env, cwd: this.dir });
        if (r.code !== 0) throw new Error(r.out.slice(-2000));
    }

    async spawn() {
        this.process = new Process(PROGRAM, ['server', 'start'], { env: this.env, cwd: this.dir });
        await until('GoToSocial', async () => {
            if (this.process.exited) throw new Error(this.process.output.slice(-3000));
            return (await fetch(`${this.url}/api/v2/instance`)).ok; // while it is starting up it says 503
        }, 240000);
    }

    /** The steps of an app whose user signs in with a browser. */
    async sign_in(user, scope) {
        const app = await this.post('/api/v1/apps', { client_name: `test ${user}`, redirect_uris: OUT_OF_BAND, scopes: scope });
        let cookie = '';
        const browse = async (where, form) => {
            const a = await fetch(new URL(where, this.url), { redirect: 'manual', method: form ? 'POST' : 'GET', headers: { cookie, accept: 'text/html' }, body: form && new URLSearchParams(form) });
            const set = a.headers.getSetCookie().map((c) => c.split(';')[0]);
            if (set.length) cookie = set.join('; ');
            await a.text();
            return a.headers.get('location');
        };
        await browse(`/oauth/authorize?${new URLSearchParams({ client_id: app.client_id, redirect_uri: OUT_OF_BAND, response_type: 'code', scope })}`);
        await browse('/auth/sign_in', { username: this.mail(user), password: this.password });
        await browse('/oauth/authorize');
        const end = await browse('/oauth/authorize', {});
        const code = new URL(end, this.url).searchParams.get('code');
        if (!code) throw new Error(`no code in ${end}`);
        return (await this.post('/oauth/token', { grant_type: 'authorization_code', code, client_id: app.client_id, client_secret: app.client_secret, redirect_uri: OUT_OF_BAND })).access_token;
    }

    async post(where, form) {
        const a = await fetch(this.url + where, { method: 'POST', body: new URLSearchParams(form) });
        if (!a.ok) throw new Error(`${where}: ${a.status} ${await a.text()}`);
        return a.json();
    }

    /** What the citizen's app asks. */
    async call(method, where, body) {
        const is_form = body instanceof FormData;
        const a = await fetch(this.url + where, { method, headers: { authorization: `Bearer ${this.citizen}`, ...(body && !is_form && { 'content-type': 'application/json' }) }, body: is_form ? body : body && JSON.stringify(body) });
        if (!a.ok) throw new Error(`${method} ${where}: ${a.status} ${await a.text()}`);
        return a.json();
    }

    toot(text, { visibility = 'direct', in_reply_to, media = [], more = {} } = {}) {
        return this.call('POST', '/api/v1/statuses', { status: `@amt ${text}`, visibility, in_reply_to_id: in_reply_to, media_ids: media, ...more });
    }

    async upload(bytes, name, type, description) {
        const form = new FormData();
        form.set('file', new Blob([bytes], { type }), name);
        form.set('description', description);
        return (await this.call('POST', '/api/v2/media', form)).id;
    }

    /** What the citizen was sent, oldest first. */
    async inbox() {
        const all = [];
        for (let max = ''; ;) {
            const page = await this.call('GET', `/api/v1/notifications?limit=40${max}`);
            all.push(...page);
            if (page.length < 40) break;
            max = `&max_id=${page.at(-1).id}`;
        }
        return all.filter((n) => n.type === 'mention').map((n) => n.status).reverse();
    }

    async close() {
        await this.process?.end(15000);
        if (!process.env.DRAHT_KEEP) fs.rmSync(this.dir, { recursive: true, force: true });
    }
}

module.exports = { GoToSocial, has };
