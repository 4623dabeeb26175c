// SPDX-License-Identifier: EUPL-1.2
// A FAKE staff API for looking at the inbox without a gateway: invented requests in memory, one live socket.
// Usage: node tests/browser/fake-api.js [PORT]; from tests: const { start } = require('./fake-api'). Not a model of the real one.
'use strict';
const http = require('http');
const fs = require('fs');
const path = require('path');
const { WebSocketServer } = require('ws');

const web = path.resolve(process.env.DRAHT_WEB ?? path.join(__dirname, '../../build/web'));
const csp = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const types = { html: 'text/html; charset=utf-8', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml', woff2: 'font/woff2', txt: 'text/plain' };
const me = { id: 'mn', name: 'Milan Novak', role: 'agent', language: 'de' };
const staff = [me, { id: 'sy', name: 'Selin Yılmaz', role: 'agent', access: 'own', queues: ['buerger'] }, { id: 'co', name: 'Chidi Okafor', role: 'admin', access: 'all', queues: [] }];
const queues = [{ id: 'abfall', name: 'Abfallwirtschaft', contact: '03999 555-210, Mo bis Fr 8 bis 16 Uhr' }, { id: 'buerger', name: 'Bürgeramt', contact: null },
    { id: 'ordnung', name: 'Ordnungsamt', contact: null }];
const channels = [{ id: 'chat', type: 'webchat', up: true, sentence: 'Alles in Ordnung.', text_max: 4000 },
    { id: 'post', type: 'email', up: false, sentence: 'Seit 10:12 Uhr antwortet der Mail-Server nicht.', text_max: 50000 }];
const h = 3_600_000;
const at = (ms) => new Date(Date.now() + ms).toISOString();
const sha = 'a3f5'.repeat(16);

/** The last quarter of the time, at least an hour. */
function summary(i, o) {
    const s = made(i, o);
    const due = Date.parse(s.due_at);
    return { due_soon_at: due ? new Date(due - Math.max(h, (due - Date.parse(s.created_at)) / 4)).toISOString() : null, ...s };
}
function made(i, o) {
    return { number: `2026-${String(4800 + i).padStart(6, '0')}`, subject: `Anfrage ${i}`, state: 'open', reminder_at: null, queue: 'abfall', assignee: 'mn', assignee_name: 'Milan Novak',
        priority: 'normal', tags: [], language: 'de', channel: 'post', channel_type: 'email', sender: { name: `Person ${i}`, address: `person${i}@example.org` }, created_at: at(-30 * h),
        updated_at: at(-i * 60_000), last_in_at: at(-20 * h), last_out_at: null, due_at: at((3 + i) * 12 * h), unread: false, messages: 3, attachments: 0, delivery: null, preview: '', rev: 1, ...o };
}
function people(more) {
    const list = [
        summary(1, { subject: 'Widerspruch gegen Gebührenbescheid 2026', sender: { name: 'Karl-Heinz Brandt', address: '' }, channel_type: 'letter', due_at: at(-24 * h), attachments: 3 }),
        summary(2, { subject: 'Behälter für Papier nach Umzug', sender: { name: 'Aylin Demirtaş', address: 'aylin@example.org' }, due_at: at(-2 * h), delivery: 'failed' }),
        summary(17, { subject: 'Sperrmüll am Lindenufer nicht abgeholt', sender: { name: 'Jana Petersen', address: 'jana.petersen@example.org' }, due_at: at(2.2 * h), attachments: 1, tags: ['Sperrmüll', 'Tour 7'] }),
        summary(4, { subject: 'Wohin mit alten Farb-Dosen?', sender: { name: 'Gast aus dem Web-Chat', address: '' }, channel: 'chat', channel_type: 'webchat', due_at: at(2.5 * h), unread: true, language: 'de-x-leicht' }),
        summary(5, { subject: 'Glascontainer Bahnhofstraße quillt über', sender: { name: 'Mia L.', address: '' }, channel_type: 'telegram', due_at: at(8 * h), due_soon_at: at(5 * h), unread: true, attachments: 2, last_in_at: at(-2 * h) }),
        summary(6, { subject: 'Drei Behälter für Lindenufer 40 bis 44', sender: { name: 'Hausverwaltung Nordlicht', address: 'hv@example.org' }, due_at: at(22 * h), last_in_at: at(-1 * h), queue: null, assignee: null, assignee_name: null }),
        summary(7, { subject: 'Gelbe Säcke: welche Menge?', sender: { name: 'Thomas Wieczorek', address: 'tw@example.org' }, state: 'waiting', due_at: null }),
    ];
    for (let i = 100; i < 100 + more; i++) list.push(summary(i, {}));
    return list;
}
const msg = (n, direction, author, text, o = {}) => ({ type: 'message', n, id: `2026-004817.${n}`, direction, author, channel: 'post', channel_type: 'email', at: at(-(20 - n) * 0.4 * h), text, quoted: null,
    has_html: false, automatic: false, unverified: false, warnings: [], attachments: [], original: null, delivery: null, ...o });
function items() {
    const jana = { id: '', name: 'Jana Petersen' };
    return [
        { type: 'event', n: 1, at: at(-8 * h), actor: '', what: 'created', from: null, to: null },
        msg(2, 'in', jana, 'Guten Morgen, unser Sperrmüll sollte heute bis 7 Uhr abgeholt werden. Er steht immer noch am Lindenufer 12. Muss ich ihn wieder reinholen?', { channel: 'chat', channel_type: 'webchat' }),
        msg(3, 'out', me, 'Guten Morgen, Frau Petersen. Bitte lassen Sie alles stehen. Ich frage bei der Tour nach.\n\nMehr dazu: https://www.musterstadt.example/abfall.', { channel: 'chat', channel_type: 'webchat', delivery: { state: 'read', attempt: 1, max_attempts: 12, at: at(-6 * h) } }),
        ...['state', 'queue', 'assignee', 'priority'].map((what, i) => ({ type: 'event', n: 4 + i, at: at(-5.5 * h), actor: 'mn', what, from: null, to: { state: 'open', queue: 'abfall', assignee: 'mn', priority: 'high' }[what] })),
        msg(9, 'note', me, '@Selin Yılmaz Tour 7 ist wegen der Sperrung nicht durchgekommen.'),
        msg(10, 'in', jana, 'Hallo Herr Novak, jetzt liegt der Karton auf dem Radweg. Foto anbei.\nMit freundlichen Grüßen, Jana Petersen', { has_html: true, quoted: 'Am 24. November schrieb Milan Novak:\nGuten Morgen, Frau Petersen.',
            warnings: ['mail_auth_failed'], attachments: [{ i: 0, name: 'radweg-lindenufer.jpg', type: 'image/jpeg', length: 1887436, sha256: sha, inline: false }], original: { length: 2011000, sha256: sha } }),
        msg(11, 'out', me, 'Danke für das Foto, Frau Petersen.', { delivery: { state: 'retry', attempt: 2, max_attempts: 12, next_at: at(0.4 * h), reason: 'Der Server der Empfängerin antwortet nicht.' } }),
        msg(12, 'out', me, 'Ich habe den Karton als Gefahrenstelle gemeldet.', { delivery: { state: 'failed', attempt: 3, max_attempts: 12, reason: 'Das Postfach ist voll und nimmt nichts mehr an.' } }),
        msg(13, 'out', me, 'Die Tour 3 kommt heute.', { delivery: { state: 'in_doubt', attempt: 1, max_attempts: 12, reason: null } }),
    ];
}
const mail = '<style>p{color:red}</style><p onclick="alert(1)">Hallo <b>Herr Novak</b></p><img src="https://tracker.example/a.gif"><img src="cid:1"><a href="https://www.example.org/x">Hier klicken</a><script>top.hacked=1</script>';

/** Starts on a free port (or `port`). options: {more: extra rows, fail: path prefix answered with 500, own: offices that I see, channel: members of every channel};
 * state.upload: a name into members of the uploaded file. */
function start(port = 0, options = {}) {
    const state = { in: options.in ?? true, tickets: people(options.more ?? 30), items: items(), posted: [], options, next: 20 };
    const sockets = new Set();
    const send = (o) => sockets.forEach((s) => s.send(JSON.stringify(o)));
    const user = options.own ? { ...me, access: 'own', queues: options.own } : me;
    const late = (s) => s.state === 'open' && !!s.due_at && Date.parse(s.due_at) <= Date.now();
    const soon = (s) => s.state === 'open' && !!s.due_at && !late(s) && Date.parse(s.due_soon_at) <= Date.now();
    const views = { closed: () => false, overdue: late, due_soon: soon };
    const counts = () => ({ mine: state.tickets.length, unassigned: 7, unanswered: 19, overdue: state.tickets.filter(late).length, due_soon: state.tickets.filter(soon).length, waiting: 9, reminder: 1, all: 1480, queues: { abfall: 14, buerger: 31, ordnung: 8 }, outbox_failed: 2, outbox_waiting: 3 });
    const routes = [
        ['POST', /^\/session$/, (b) => (b.password === 'richtig' ? (state.in = true, { user, csrf: 'x' }) : [401, { code: 'login_failed' }])],
        ['GET', /^\/session$/, () => (state.in ? { user, csrf: 'x' } : [401, { code: 'no_session' }])],
        ['DELETE', /^\/session$/, () => { state.in = false; return [204]; }],
        ['GET', /^\/settings$/, () => ({ city: { name: 'Musterstadt' }, queues, channels: channels.map((c) => ({ ...c, ...options.channel })), states: [], priorities: ['low', 'normal', 'high', 'urgent'], undo_seconds: 10, attachment_max_bytes: 10485760, demo: true, version: '0' })],
        ['GET', /^\/staff$/, () => staff],
        ['GET', /^\/tickets\/counts$/, counts],
        ['GET', /^\/tickets$/, (_, q) => { const from = Number(q.get('cursor') ?? 0); const all = state.tickets.filter(views[q.get('view')] ?? (() => true));
            return { tickets: all.slice(from, from + 100), next: from + 100 < all.length ? String(from + 100) : null }; }],
        ['GET', /^\/search$/, (_, q) => ({ tickets: state.tickets.filter((s) => `${s.subject} ${s.number} ${s.sender.name}`.toLowerCase().includes(q.get('q').toLowerCase())), next: null })],
        ['GET', /^\/tickets\/([^/]+)$/, (_, __, n) => { const s = state.tickets.find((x) => x.number === n); return s ? { ...s, contact: { ...s.sender, channel_type: s.channel_type, tickets: [n, '2026-004701', '2026-004702'] }, items: state.items.map((i) => ({ ...i, id: i.id && `${n}.${i.n}` })), more_before: null } : [404, { code: 'not_found' }]; }],
        ['PATCH', /^\/tickets\/([^/]+)$/, (b, __, n) => { const s = state.tickets.find((x) => x.number === n);
            if (options.own && b.queue && !options.own.includes(b.queue)) { state.tickets.splice(state.tickets.indexOf(s), 1); return [204]; }
            Object.assign(s, b, { rev: s.rev + 1 }); if ('assignee' in b) s.assignee_name = staff.find((p) => p.id === b.assignee)?.name ?? null; return s; }],
        ['POST', /^\/tickets\/([^/]+)\/messages$/, (b, __, n) => { const m = msg(state.next++, b.kind === 'note' ? 'note' : 'out', me, b.text, { at: at(0) }); m.id = `${n}.${m.n}`; m.attachments = b.attachments.map((a, i) => ({ ...a, i }));
            if (b.kind !== 'note') m.delivery = { state: 'queued', attempt: 0, max_attempts: 12, undo_until: at(10_000) }; state.posted.push(b); state.items.push(m); return [202, m]; }],
        ['POST', /^\/tickets\/([^/]+)\/typing$/, () => [204]],
        ['POST', /^\/messages\/([^/]+)\/(retry|cancel|mark-sent|undo)$/, (_, __, id, what) => { const m = state.items.find((x) => x.id && x.n === Number(decodeURIComponent(id).split('.')[1]));
            m.delivery = { ...m.delivery, undo_until: null, state: { retry: 'queued', cancel: 'cancelled', 'mark-sent': 'sent', undo: 'cancelled' }[what] }; return { ...m, id: decodeURIComponent(id) }; }],
        ['GET', /^\/messages\/([^/]+)\/html$/, () => [200, mail, 'text/plain; charset=utf-8']],
        ['POST', /^\/uploads$/, (b, q) => [201, { blob: 'b1', name: q.get('name'), type: 'text/plain', length: 12, sha256: sha, ...state.upload?.(q.get('name')) }]],
        ['GET', /^\/outbox$/, () => ({ items: ['failed', 'in_doubt', 'retry', 'queued'].map((s, i) => ({ message: `2026-004817.${11 + i}`, ticket: '2026-004817', channel: 'post', state: s, attempt: i, next_at: s === 'retry' ? at(h) : null,
            reason: s === 'failed' ? 'Das Postfach ist voll.' : null, created_at: at(-(i + 1) * h), sender: { name: 'Jana Petersen', address: '' }, subject: 'Sperrmüll am Lindenufer nicht abgeholt' })), next: null })],
    ];
    function api(req, res, url, body) {
        if (options.fail && url.pathname.startsWith(`/api/v1${options.fail}`)) return reply(res, [500, { code: 'internal', detail: 'Die Liste lässt sich gerade nicht laden. Ihre Entwürfe sind gespeichert. (F-3K7Q)' }]);
        for (const [method, re, run] of routes) {
            const m = method === req.method && re.exec(url.pathname.slice('/api/v1'.length));
            if (!m) continue;
            let json = {};
            try { json = JSON.parse(body.toString() || '{}'); } catch { json = {}; }
            return reply(res, run(json, url.searchParams, ...m.slice(1).map(decodeURIComponent)));
        }
        return reply(res, [404, { code: 'not_found' }]);
    }
    function reply(res, out) {
        const [status, value, type] = Array.isArray(out) && typeof out[0] === 'number' ? out : [200, out];
        res.writeHead(status, { 'content-type': type ?? 'application/json', 'cache-control': 'no-store' });
        res.end(type ? value : value === undefined ? '' : JSON.stringify(value));
    }
    function file(res, name) {
        const f = path.join(web, path.normalize(name));
        if (!f.startsWith(web) || !fs.existsSync(f) || fs.statSync(f).isDirectory()) { res.writeHead(404); return res.end(); }
        res.writeHead(200, { 'content-type': types[f.split('.').pop()] ?? 'application/octet-stream', 'content-security-policy': csp, 'x-content-type-options': 'nosniff' });
        return res.end(fs.readFileSync(f));
    }
    const server = http.createServer((req, res) => {
        const parts = [];
        req.on('data', (d) => parts.push(d));
        req.on('end', () => {
            const url = new URL(req.url, 'http://x');
            if (url.pathname.startsWith('/api/')) return api(req, res, url, Buffer.concat(parts));
            if (url.pathname.startsWith('/assets/')) return file(res, url.pathname.slice(8));
            if (url.pathname.startsWith('/demo')) return file(res, 'demo/index.html');
            return file(res, 'inbox/index.html');
        });
    });
    const live = new WebSocketServer({ server, path: '/api/v1/live', handleProtocols: () => 'draht.inbox.v1' });
    live.on('connection', (s) => { sockets.add(s); s.on('close', () => sockets.delete(s)); s.send('{"t":"hello"}'); });
    return new Promise((done) => server.listen(port, '127.0.0.1', () => done({ port: server.address().port, state, send, cut: () => sockets.forEach((s) => s.terminate()),
        stop: () => new Promise((over) => { sockets.forEach((s) => s.terminate()); server.closeAllConnections(); server.close(over); }) })));
}
module.exports = { start, at };
if (require.main === module) start(Number(process.argv[2] ?? 0), { more: 30 }).then((s) => console.log(`fake api on ${s.port}`));
