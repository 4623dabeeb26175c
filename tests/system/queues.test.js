// SPDX-License-Identifier: EUPL-1.2
// Promise: with access by office nobody reads, counts, changes or hears of a ticket that is not theirs; every path of openapi.yaml
// and every route in the sources is tried. Handing over takes a ticket out of sight; what is due has views of its own.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { randomUUID } = require('node:crypto');
const WebSocket = require('ws');
const { Gateway, ROOT } = require('../lib/gateway');
const { until } = require('../lib/process');

const password = 'ein langes Passwort 1';
const nobody = '2019-000001';
let gateway, bea, cem, admin, foreign, own, letter; // bea: sozialamt; cem: buergerbuero; foreign lies in buergerbuero
const pages = () => fs.readFileSync(path.join(ROOT, 'gateway/api/openapi.yaml'), 'utf8').split('\n');

class Person {
    async login(user, secret = password) {
        const a = await gateway.raw('POST', '/api/v1/session', { 'content-type': 'application/json' }, JSON.stringify({ user, password: secret }));
        assert.equal(a.status, 200, a.text);
        this.user = a.json.user;
        this.headers = { cookie: a.headers['set-cookie'][0].split(';')[0], 'x-csrf-token': a.json.csrf, 'content-type': 'application/json' };
        return this;
    }
    ask(method, url, body) {
        return gateway.raw(method, `/api/v1${url}`, this.headers, body === undefined ? undefined : JSON.stringify(body));
    }
    async get(url) {
        const a = await this.ask('GET', url);
        assert.equal(a.status, 200, `${url}: ${a.text}`);
        return a.json;
    }
    live(watch) {
        const ws = new WebSocket(`ws://127.0.0.1:${gateway.port}/api/v1/live`, ['draht.inbox.v1'], { origin: `http://127.0.0.1:${gateway.port}`, headers: { cookie: this.headers.cookie } });
        const frames = [];
        ws.on('message', (d) => frames.push(JSON.parse(d.toString())));
        ws.on('close', (code) => { frames.closed = code; });
        if (watch) ws.on('open', () => ws.send(JSON.stringify({ t: 'watch', ticket: watch })));
        return { ws, frames, ready: () => until('hello', () => frames.some((f) => f.t === 'hello')) };
    }
}

const take = async (who, kind, what, reply) => (await who.ask('POST', '/desk', { kind, what, who: 'Jana Petersen', reply, client_id: randomUUID() })).json;
const say = (who, number, kind = 'note', text = 'Bitte ansehen') => who.ask('POST', `/tickets/${number}/messages`, { kind, text, attachments: [], client_id: randomUUID() });

before(async () => {
    gateway = await new Gateway({
        undo_seconds: 60,
        hours: 'mo-su 00:00-24:00',
        queues: [{ id: 'eilig, first_answer_hours: 1, follow_up: reopen', name: 'Eilt' }],
        rules: '  - {name: Post, channel: tresen, recipient: letter, queue: sozialamt}\n  - {name: Eilt, channel: tresen, words: [Rohrbruch], queue: eilig}\n',
        extra_channels: '  - id: tresen\n    type: desk\n    queue: buergerbuero\n',
    }).start();
    admin = await new Person().login('admin', gateway.password);
    const account = (id, name, queues, access) => admin.ask('POST', '/staff', { id, name, password, queues, ...(access ? { access } : {}) });
    for (const [id, name, queues, access] of [['bea', 'Bea Ott', ['sozialamt'], 'own'], ['cem', 'Cem Acar', ['buergerbuero'], 'own'], ['dora', 'Dora Lind', ['sozialamt']]])
        assert.equal((await account(id, name, queues, access)).status, 201);
    bea = await new Person().login('bea');
    cem = await new Person().login('cem');
    foreign = (await take(admin, 'counter', 'Wasserrohr gebrochen im Keller', '0341 5550001')).number;
    own = (await take(admin, 'letter', 'Antrag auf Wohngeld', '0341 5550001')).number;
    letter = (await say(cem, foreign, 'reply', 'Wir rufen an.')).json.id;
    await cem.ask('PATCH', `/tickets/${foreign}`, { assignee: null });
}, { timeout: 90000 });
after(() => gateway?.close());

/** Every call of openapi.yaml: [method, path]. */
function calls() {
    const out = [];
    let at = '';
    for (const line of pages()) {
        const p = line.match(/^ {2}(\/\S+):$/);
        const m = line.match(/^ {4}(get|post|put|patch|delete):/);
        if (p) at = p[1];
        else if (m && at) out.push([m[1].toUpperCase(), at]);
        if (/^components:/.test(line)) break;
    }
    return out;
}
const bodies = { '/tickets/{number}/messages': { kind: 'note', text: 'Neugier', attachments: [], client_id: 'walk-1' }, '/tickets/{number}/typing': { on: true }, '/tickets/{number}': { state: 'closed' } };
function filled(url, number, message) {
    const words = { action: ['retry', 'cancel', 'mark-sent', 'undo'], outcome: ['done', 'failed'], i: ['0'] };
    let all = [url.replace('/api/v1', '').replace('{number}', number).replace('{message}', message)];
    for (const [name, values] of Object.entries(words)) all = all.flatMap((u) => (u.includes(`{${name}}`) ? values.map((v) => u.replace(`{${name}}`, v)) : [u]));
    return all;
}

test('every path with a number or a message answers a foreign ticket like one that does not exist', { timeout: 60000 }, async () => {
    const state = async () => { const { rev, state: st, items } = await admin.get(`/tickets/${foreign}`); return { rev, st, items }; };
    const before_ = await state();
    const walk = calls().filter(([, url]) => /\{(number|message)\}/.test(url));
    assert.ok(walk.length >= 11, `${walk.length} paths`);
    for (const [method, url] of walk) {
        const body = method === 'GET' ? undefined : bodies[url.replace('/api/v1', '')] ?? {};
        const ours = filled(url, foreign, letter), none = filled(url, nobody, `${nobody}.2`);
        for (const [i, u] of ours.entries()) {
            const a = await bea.ask(method, u, body), b = await bea.ask(method, none[i], body);
            assert.equal(a.status, 404, `${method} ${u}: ${a.text}`);
            assert.equal(a.text, b.text, `${method} ${u} tells the difference`);
        }
    }
    assert.deepEqual(await state(), before_, 'nothing happened to it');
    assert.equal((await cem.ask('GET', `/tickets/${foreign}`)).status, 200, 'whose it is still sees it');
    for (const odd of [`${foreign}.2.3`, `${foreign}..2`, `${foreign}.`, `.${foreign}`, `${own}.1.${foreign}`]) {
        assert.equal((await bea.ask('GET', `/messages/${odd}/html`)).status, 404);
        assert.equal((await bea.ask('POST', `/messages/${odd}/undo`, {})).status, 404);
    }
});

test('lists, counts and search of every path never contain a foreign ticket', { timeout: 60000 }, async () => {
    const lists = new Set(calls().filter(([m, url]) => m === 'GET' && url.startsWith('/api/v1/') && !url.includes('{')).map(([, url]) => url.replace('/api/v1', '')));
    const views = pages().find((l) => l.includes('name: view')).match(/enum: \[([^\]]+)\]/)[1].split(', ');
    assert.ok(views.includes('overdue') && views.includes('due_soon'));
    const more = [...views.flatMap((v) => ['', 'new', 'open', 'closed'].flatMap((s) => ['buergerbuero', 'sozialamt'].map((q) => `/tickets?view=${v}&state=${s}&queue=${q}`))),
        `/search?q=${foreign}`, '/search?q=0341', '/search?q=Wasserrohr', '/search?q=Petersen', `/search?q=${encodeURIComponent('0341 5550001')}`, '/outbox?state=queued', `/tickets/${own}`];
    const strange = new RegExp(`${foreign}|Wasserrohr|Wir rufen an`);
    for (const url of [...lists, ...more]) {
        const a = await bea.ask('GET', url);
        assert.ok(a.status === 200 || url === '/search', `${url}: ${a.status}`);
        assert.doesNotMatch(a.text, strange, url);
    }
    for (const url of ['/tickets', '/outbox', '/search?q=Petersen', `/search?q=${foreign}`]) assert.match((await admin.ask('GET', url)).text, strange, `${url}: the counter-test`);
    assert.deepEqual((await admin.get('/search?q=Petersen')).tickets.map((x) => x.number).sort(), [foreign, own].sort());
    assert.deepEqual((await bea.get('/search?q=Petersen')).tickets.map((x) => x.number), [own]);
    const c = await bea.get('/tickets/counts');
    assert.deepEqual([c.all, c.unassigned, c.unanswered, c.outbox_waiting, c.queues], [1, 1, 1, 0, { sozialamt: 1 }]);
    assert.deepEqual((await bea.get('/session')).user.queues, ['sozialamt']);
    assert.equal((await bea.get('/session')).user.access, 'own');
});

test('every route of the sources is described, and says what it is about', () => {
    const known = [...new Set(calls().map(([, url]) => url.replace(/\{[^}]+\}/g, '*')))];
    const dir = path.join(ROOT, 'gateway/api');
    let rows = 0;
    for (const file of fs.readdirSync(dir).filter((f) => f.endsWith('.c'))) {
        const text = fs.readFileSync(path.join(dir, file), 'utf8');
        for (const [, methods, url, flags] of text.matchAll(/\{"([A-Z ]+)", "(\/api\/[^"]+)", ([A-Z_| \n]+),\s*\w+\}/g)) {
            rows++;
            assert.equal(flags.match(/API_(TICKET|MESSAGE|LIST|PLAIN)/g)?.length, 1, `${file}: ${methods} ${url}: ${flags}`);
        }
        for (const [, written] of text.matchAll(/"(\/api\/v1\/[^"]+)"/g)) {
            const url = written.replace(/%[a-z]+/g, '*'); // an address that is put together
            assert.ok(url === '/api/v1/live' || known.some((k) => k === url || (url.endsWith('/*') && k.startsWith(url))), `${file}: ${url} is not in openapi.yaml`);
        }
        for (const [, flags] of text.matchAll(/auth_enter\(\w+, x, ([^,]+),/g)) assert.match(flags, /API_PLAIN|row->flags/, `${file}: ${flags}`);
    }
    assert.ok(rows >= 20, `${rows} rows`);
});

test('handed over is out of sight, and the new office has it without an assignee', async () => {
    const { number } = await take(admin, 'letter', 'Falsches Amt');
    assert.equal((await bea.ask('PATCH', `/tickets/${number}`, { assignee: 'bea' })).status, 200);
    const gone = await bea.ask('PATCH', `/tickets/${number}`, { queue: 'buergerbuero' });
    assert.equal(gone.status, 204);
    assert.equal(gone.text, '');
    assert.equal((await bea.ask('GET', `/tickets/${number}`)).status, 404);
    assert.equal((await bea.ask('PATCH', `/tickets/${number}`, { queue: 'sozialamt' })).status, 404, 'nor taken back');
    const t = await cem.get(`/tickets/${number}`);
    assert.equal(t.assignee, null);
    assert.ok(t.items.some((i) => i.what === 'queue' && i.from === 'sozialamt' && i.to === 'buergerbuero'));
    assert.ok(t.items.some((i) => i.what === 'assignee' && i.from === 'bea'));
});

test('nobody is put in charge who may not see it; who sees everything shares a ticket by name', async () => {
    const { number } = await take(admin, 'letter', 'Zwei Ämter');
    const refused = await bea.ask('PATCH', `/tickets/${number}`, { assignee: 'cem' });
    assert.equal(refused.status, 400);
    assert.equal(refused.json.code, 'assignee_without_access');
    assert.equal((await bea.ask('PATCH', `/tickets/${number}`, { queue: 'buergerbuero', assignee: 'bea' })).status, 400, 'nor oneself, on the way out');
    assert.equal((await admin.get(`/tickets/${number}`)).assignee, null);
    assert.equal((await bea.ask('PATCH', `/tickets/${number}`, { assignee: 'dora' })).status, 200, 'she sees everything');
    assert.equal((await cem.ask('GET', `/tickets/${number}`)).status, 404);
    assert.equal((await admin.ask('PATCH', `/tickets/${number}`, { assignee: 'cem' })).status, 200);
    assert.equal((await cem.get(`/tickets/${number}`)).queue, 'sozialamt');
    for (const view of ['mine', 'all', 'unanswered', 'queue&queue=sozialamt']) assert.ok((await cem.get(`/tickets?view=${view}`)).tickets.some((x) => x.number === number), view);
    assert.ok(!(await cem.get('/tickets?view=unassigned')).tickets.some((x) => x.number === number));
    assert.equal((await say(cem, number)).status, 202);
    assert.equal((await admin.ask('PATCH', `/tickets/${number}`, { assignee: null })).status, 200);
    assert.equal((await cem.ask('GET', `/tickets/${number}`)).status, 404);
});

test('a foreign number in what is taken down joins nothing', async () => {
    const a = await take(bea, 'letter', `Zu ${foreign}: noch ein Blatt`);
    assert.equal(a.joined, false);
    assert.ok(!(await admin.get(`/tickets/${foreign}`)).items.some((i) => /noch ein Blatt/.test(i.text ?? '')));
    assert.equal((await take(cem, 'counter', `Zu ${foreign}: noch ein Blatt`)).number, foreign);
});

test('the live socket shows own tickets alone, takes away what is handed over, and ends with the access', { timeout: 60000 }, async () => {
    const { number } = await take(admin, 'letter', 'Live');
    const b = bea.live(foreign), c = cem.live(foreign), d = admin.live(foreign), e = bea.live(number);
    for (const x of [b, c, d, e]) await x.ready();
    await until('the viewers', () => c.frames.some((f) => f.t === 'viewers' && f.viewers.length === 2));
    assert.deepEqual(c.frames.findLast((f) => f.t === 'viewers').viewers.map((v) => v.id).sort(), ['admin', 'cem']);
    await cem.ask('POST', `/tickets/${foreign}/typing`, { on: true });
    await say(cem, foreign, 'note', 'Nur für das Bürgerbüro');
    await say(admin, number, 'note', 'Für das Sozialamt');
    await until('the item', () => d.frames.some((f) => f.t === 'item' && f.item.text === 'Nur für das Bürgerbüro'));
    await until('the own item', () => e.frames.some((f) => f.t === 'item' && f.item.text === 'Für das Sozialamt'));
    await until('the own summary', () => b.frames.some((f) => f.t === 'tickets' && f.tickets.some((x) => x.number === number)));
    await until('counts', () => b.frames.some((f) => f.t === 'counts'));
    assert.ok(!c.frames.some((f) => JSON.stringify(f).includes(number)), 'cem hears nothing of it');
    await bea.ask('PATCH', `/tickets/${number}`, { queue: 'buergerbuero' });
    await until('it is taken away', () => b.frames.some((f) => f.t === 'gone' && f.tickets.includes(number)));
    await until('the others have it', () => c.frames.some((f) => f.t === 'tickets' && f.tickets.some((x) => x.number === number)));
    assert.ok(!c.frames.some((f) => f.t === 'gone') && !d.frames.some((f) => f.t === 'gone'));
    await say(cem, number, 'note', 'Nach der Übergabe');
    await say(cem, foreign, 'note', 'Noch etwas');
    await until('the end of it', () => d.frames.some((f) => f.t === 'item' && f.item.text === 'Noch etwas'));
    for (const x of [b, e]) assert.doesNotMatch(JSON.stringify(x.frames), new RegExp(`${foreign}|Nach der Übergabe|Noch etwas|Bürgerbüro`));
    await admin.ask('PATCH', '/staff/bea', { queues: ['sozialamt', 'eilig'] });
    await until('the socket ends', () => b.frames.closed === 1012);
    assert.equal(d.frames.closed, undefined);
    for (const x of [b, c, d, e]) x.ws.terminate();
    await admin.ask('PATCH', '/staff/bea', { queues: ['sozialamt'] });
});

test('due soon: in the view and the count of who sees the office, until it is answered', async () => {
    const { number } = await take(admin, 'counter', 'Rohrbruch');
    const due = async (who) => [(await who.get('/tickets?view=due_soon')).tickets.some((x) => x.number === number), (await who.get('/tickets/counts')).due_soon];
    const t = await admin.get(`/tickets/${number}`);
    assert.deepEqual(await due(admin), [true, 1]);
    assert.ok(Date.parse(t.due_soon_at) <= Date.parse(t.due_at) - 3_600_000);
    assert.deepEqual(await due(bea), [false, 0]);
    await say(admin, number, 'reply', 'Wir kommen.');
    assert.deepEqual(await due(admin), [false, 0]);
    assert.deepEqual((await admin.get('/tickets?view=overdue')).tickets, []);
});

test('what the settings say counts for accounts that say nothing, never for administrators', async () => {
    const dora = await new Person().login('dora');
    assert.equal(dora.user.access, 'all');
    assert.equal((await dora.ask('GET', `/tickets/${foreign}`)).status, 200);
    fs.appendFileSync(gateway.config, '\nstaff:\n  access: own\n');
    gateway.process.kill('SIGHUP');
    await until('the reload', async () => (await dora.ask('GET', `/tickets/${foreign}`)).status === 404);
    assert.equal((await dora.ask('GET', `/tickets/${own}`)).status, 200);
    assert.equal((await admin.ask('GET', `/tickets/${foreign}`)).status, 200);
    await admin.ask('PATCH', '/staff/dora', { access: 'all' });
    assert.equal((await dora.ask('GET', `/tickets/${foreign}`)).status, 200);
    await admin.ask('PATCH', '/staff/dora', { access: 'own', queues: [] });
    assert.deepEqual((await dora.get('/tickets?view=all')).tickets, []);
    for (const wrong of [{ access: 'some' }, { queues: ['gibtesnicht'] }, { queues: Array(33).fill('sozialamt') }]) assert.equal((await admin.ask('PATCH', '/staff/dora', wrong)).status, 400);
    assert.equal((await admin.ask('PATCH', '/staff/dora', { queues: Array(32).fill('sozialamt') })).status, 200);
});
