// SPDX-License-Identifier: EUPL-1.2
// A fake of the gateway's chat for developing the widget: one process, everything in memory, steered by the test.
// It is not the gateway and proves nothing about it; what the widget says to the real one is tested in widget.test.js.
'use strict';
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { WebSocketServer } = require('ws');

const built = path.resolve(__dirname, '../../build/web/widget');
const types = { '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json', '.html': 'text/html; charset=utf-8' };
const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors http://127.0.0.1:* http://localhost:*";

async function fakeChatServer(options = {}) {
    const fake = {
        folder: options.folder ?? process.env.DRAHT_WIDGET ?? built, config: {}, requests: [], frames: [], sockets: new Set(), blockSockets: false, quiet: false,
        welcome: {}, history: [], tokens: 0, nack: null, refuseToken: false, uploads: [], holdUpload: false, polls: [], queue: [],
    };
    fake.config = { id: 'chat', city: 'Musterstadt', phone: '115', privacy_url: 'https://stadt.test/datenschutz',
        accessibility_url: '/barriere', colors: {}, open: true, next_open_at: null, answer_by: null, text_max: 4000, retention_days: 90,
        status_url: '/status/{number}', upload: { max_bytes: 10 * 1048576, types: ['image/jpeg', 'image/png', 'application/pdf'], count: 5 },
        languages: ['de', 'de-easy', 'en'], ...options.config };

    const known = new Map();
    function handle(frame) {
        fake.frames.push(frame);
        if (frame.t === 'hello') {
            const answers = [{ t: 'welcome', token: `token-${++fake.tokens}`, seq: fake.history.at(-1)?.seq ?? 0,
                number: fake.history.length ? '2026-004817' : null, open: fake.config.open, next_open_at: fake.config.next_open_at,
                answer_by: fake.config.answer_by, agent: null, ...fake.welcome }];
            return answers.concat(fake.history.filter((m) => m.seq > frame.last_seq));
        }
        if (frame.t === 'ping') return [{ t: 'pong' }];
        if (frame.t === 'upload') return [{ t: 'upload_ticket', ticket: `up-${fake.frames.length}`, max_bytes: 10485760 }];
        if (frame.t === 'msg') {
            if (fake.nack) { const n = fake.nack; fake.nack = null; return [{ t: 'nack', cid: frame.cid, ...n }]; }
            let m = known.get(frame.cid);
            if (!m) {
                m = { t: 'message', seq: fake.history.length + 1, id: `m${fake.history.length + 1}`, from: 'me', name: '', text: frame.text,
                    at: Date.now(), cid: frame.cid, files: frame.files.map((b, i) => ({ i, name: `${b}.jpg`, type: 'image/jpeg', length: 5, token: 'f' })), state: 'sent' };
                known.set(frame.cid, m);
                fake.history.push(m);
                fake.others(m);
            }
            return [{ t: 'ack', cid: frame.cid, id: m.id, seq: m.seq, ts: m.at, number: '2026-004817' }];
        }
        return [];
    }
    let speaking = null;
    fake.others = (frame) => { for (const s of fake.sockets) if (s !== speaking) s.send(JSON.stringify(frame)); };
    /** Says a frame to every client. */
    fake.say = (frame) => {
        if (frame.t === 'message') fake.history.push(frame);
        for (const s of fake.sockets) s.send(JSON.stringify(frame));
        if (fake.polls.length) fake.polls.shift()([frame]);
        else if (fake.polling) fake.queue.push(frame);
    };
    fake.agent = (text, more = {}) => fake.say({ t: 'message', seq: fake.history.length + 1, id: `m${fake.history.length + 1}`, from: 'agent',
        name: 'Milan Novak', text, at: Date.now(), files: [], state: 'sent', ...more });
    /** Breaks every line without a word. */
    fake.cut = () => { for (const s of fake.sockets) s.terminate(); };

    const send = (res, code, type, body, more = {}) => { res.writeHead(code, { 'content-type': type, ...more }); res.end(body); };
    async function body(req) {
        const parts = [];
        for await (const p of req) parts.push(p);
        return Buffer.concat(parts);
    }
    async function poll(req, res) {
        const asked = JSON.parse(await body(req));
        if (fake.down) return send(res, 503, 'application/json', '{}');
        fake.polling = true;
        let frames = asked.frames.flatMap(handle).concat(fake.queue.splice(0));
        if (!frames.length && asked.wait_ms) frames = await new Promise((done) => { fake.polls.push(done); res.on('close', () => done([])); });
        if (!res.destroyed) send(res, 200, 'application/json', JSON.stringify({ frames, token: `token-${fake.tokens}` }));
    }
    const server = http.createServer(async (req, res) => {
        const where = new URL(req.url, 'http://x').pathname;
        fake.requests.push(`${req.method} ${where}`);
        if (where === '/channels/chat/config') return send(res, fake.down ? 503 : 200, 'application/json', JSON.stringify(fake.config));
        if (where === '/channels/chat/poll') return poll(req, res);
        if (where.startsWith('/channels/chat/upload/')) {
            fake.uploads.push({ name: decodeURIComponent(req.headers['x-file-name']), length: (await body(req)).length });
            if (fake.holdUpload) await new Promise((go) => { fake.letGo = go; });
            if (fake.infected) return send(res, 422, 'application/problem+json', JSON.stringify({ code: 'infected' }));
            return send(res, 201, 'application/json', JSON.stringify({ file: { blob: `blob${fake.uploads.length}`, name: 'x', type: 'image/jpeg', length: 5 } }));
        }
        const file = where === '/channels/chat/frame' ? 'frame.html' : where.startsWith('/widget/') ? path.basename(where) : '';
        if (!file || !fs.existsSync(path.join(fake.folder, file))) return send(res, 404, 'text/plain', 'none');
        send(res, 200, types[path.extname(file)], fs.readFileSync(path.join(fake.folder, file)), { 'content-security-policy': CSP });
    });
    const ws = new WebSocketServer({ noServer: true, handleProtocols: () => 'draht.chat.v1' });
    server.on('upgrade', (req, socket, headPart) => {
        fake.requests.push('SOCKET');
        if (fake.blockSockets || fake.down) return socket.destroy();
        ws.handleUpgrade(req, socket, headPart, (s) => {
            fake.sockets.add(s);
            s.on('close', () => fake.sockets.delete(s));
            s.on('message', (data) => {
                const frame = JSON.parse(data);
                if (frame.t === 'hello' && frame.token && fake.refuseToken) { fake.refuseToken = false; fake.frames.push(frame); return s.close(4401); }
                if (fake.quiet && frame.t === 'msg') return fake.frames.push(frame);
                speaking = s;
                for (const f of handle(frame)) s.send(JSON.stringify(f));
                speaking = null;
            });
        });
    });
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    // The city's page is another origin of the same site; below localhost it is another site, whose frames may store nothing.
    const origin = `http://127.0.0.1:${server.address().port}`;
    const city = http.createServer((req, res) => {
        fake.requests.push(`city ${req.url}`);
        send(res, 200, types['.html'], `<!doctype html><html lang="de"><meta name="viewport" content="width=device-width"><title>Stadt</title><body><main><h1>Sperrmüll</h1><p><a href="#x">Abholung anmelden</a></p></main><script async src="${origin}/widget/draht.js" data-channel="chat"></script></body></html>`,
            { 'content-security-policy': `default-src 'none'; script-src ${origin}; frame-src ${origin}; connect-src ${origin}` });
    });
    await new Promise((done) => city.listen(0, '127.0.0.1', done));
    fake.host = `http://127.0.0.1:${city.address().port}/`;
    fake.otherSite = `http://localhost:${city.address().port}/`;
    fake.close = () => { fake.cut(); for (const p of fake.polls) p([]); server.closeAllConnections(); city.closeAllConnections(); city.close(); return new Promise((done) => server.close(done)); };
    return fake;
}
module.exports = { fakeChatServer };
