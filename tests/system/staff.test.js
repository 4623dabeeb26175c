// SPDX-License-Identifier: EUPL-1.2
// Promise: only who is logged in sees anything; what staff do is kept, shown to colleagues live, and conflicts are told.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const WebSocket = require('ws');
const { Gateway } = require('../lib/gateway');
const { Chat } = require('../lib/chat');
const { until } = require('../lib/process');

let gateway, chat, number;
before(async () => {
    gateway = await new Gateway({ undo_seconds: 10 }).start();
    await gateway.login();
    chat = await new Chat(gateway.port).connect();
    number = (await chat.say('Eine Frage zum Wohngeld')).number;
}, { timeout: 60000 });
after(async () => {
    chat?.close();
    await gateway?.close();
});

test('without a session there is a problem+json and no data', async () => {
    for (const url of ['/tickets', '/tickets/counts', `/tickets/${number}`, '/outbox', '/search?q=x', '/staff', '/settings']) {
        const a = await gateway.raw('GET', `/api/v1${url}`);
        assert.equal(a.status, 401, url);
        assert.match(a.headers['content-type'], /application\/problem\+json/);
        assert.equal(a.json.code, 'no_session');
    }
});

test('a change without the CSRF token is refused', async () => {
    const a = await gateway.raw('PATCH', `/api/v1/tickets/${number}`, { cookie: gateway.cookie, 'content-type': 'application/json' }, '{"state":"closed"}');
    assert.equal(a.status, 403);
});

test('wrong passwords are answered alike for known and unknown names, and limited', { timeout: 60000 }, async () => {
    const tryout = (user) => gateway.raw('POST', '/api/v1/session', { 'content-type': 'application/json' }, JSON.stringify({ user, password: 'falsch' }));
    const known = await tryout('admin');
    const unknown = await tryout('niemand');
    assert.equal(known.status, 401);
    assert.deepEqual(known.json, unknown.json);
    let limited;
    for (let i = 0; i < 30 && !limited; i++) {
        const a = await tryout('niemand');
        if (a.status === 429) limited = a;
    }
    assert.ok(limited, 'a limit is reached');
    assert.ok(Number(limited.headers['retry-after']) > 0);
});

test('state, office, assignee and tags change, are recorded, and a stale rev is a conflict', async () => {
    const before_ = await gateway.api('GET', `/tickets/${number}`);
    const s = await gateway.api('PATCH', `/tickets/${number}`, { queue: 'sozialamt', assignee: 'admin', priority: 'high', tags: ['wohngeld'], rev: before_.rev });
    assert.equal(s.queue, 'sozialamt');
    assert.equal(s.assignee, 'admin');
    assert.deepEqual(s.tags, ['wohngeld']);
    const stale = await gateway.raw('PATCH', `/api/v1/tickets/${number}`, { cookie: gateway.cookie, 'x-csrf-token': gateway.csrf, 'content-type': 'application/json' }, JSON.stringify({ state: 'closed', rev: before_.rev }));
    assert.equal(stale.status, 409);
    assert.equal(stale.json.code, 'changed_meanwhile');
    const full = await gateway.api('GET', `/tickets/${number}`);
    assert.ok(full.items.some((i) => i.type === 'event' && i.what === 'queue' && i.to === 'sozialamt'));
    assert.ok((await gateway.api('GET', '/tickets?view=mine')).tickets.some((t) => t.number === number));
    assert.ok((await gateway.api('GET', '/tickets?view=queue&queue=sozialamt')).tickets.some((t) => t.number === number));
});

test('own notes and replies outdate nobody\'s view, a message of the citizen does', async () => {
    const patch = (rev, state) => gateway.raw('PATCH', `/api/v1/tickets/${number}`, { cookie: gateway.cookie, 'x-csrf-token': gateway.csrf, 'content-type': 'application/json' }, JSON.stringify({ state, rev }));
    const { rev } = await gateway.api('GET', `/tickets/${number}`);
    await gateway.api('POST', `/tickets/${number}/messages`, { kind: 'note', text: 'Bitte prüfen', attachments: [], client_id: 'rev-1' }, 202);
    const m = await gateway.api('POST', `/tickets/${number}/messages`, { kind: 'reply', text: 'Wird geprüft', attachments: [], client_id: 'rev-2' }, 202);
    await gateway.api('POST', `/messages/${m.id}/undo`, {});
    assert.equal((await patch(rev, 'waiting')).status, 200, 'what I wrote myself is no surprise to me');
    const seen = (await gateway.api('GET', `/tickets/${number}`)).rev;
    await chat.say('Noch etwas vergessen');
    await until('the message', async () => (await gateway.api('GET', `/tickets/${number}`)).items.some((i) => i.text === 'Noch etwas vergessen'));
    const late = await patch(seen, 'closed');
    assert.equal(late.status, 409);
    assert.equal(late.json.code, 'changed_meanwhile');
});

test('a reply can be taken back within the undo time, and is never sent then', async () => {
    const m = await gateway.api('POST', `/tickets/${number}/messages`, { kind: 'reply', text: 'Zu früh', attachments: [], client_id: 'undo-1' }, 202);
    assert.equal(m.delivery.state, 'queued');
    const back = await gateway.api('POST', `/messages/${m.id}/undo`, {});
    assert.equal(back.text, 'Zu früh');
    const full = await gateway.api('GET', `/tickets/${number}`);
    const shown = full.items.find((i) => i.id === m.id);
    assert.ok(!shown || shown.delivery.state === 'cancelled');
    assert.ok(![...chat.messages.values()].some((f) => f.text === 'Zu früh'));
});

test('a note stays inside', async () => {
    await gateway.api('POST', `/tickets/${number}/messages`, { kind: 'note', text: 'Nur für uns', attachments: [], client_id: 'note-1' });
    const full = await gateway.api('GET', `/tickets/${number}`);
    assert.ok(full.items.some((i) => i.direction === 'note' && i.text === 'Nur für uns'));
    const again = new Chat(gateway.port, { token: chat.token });
    await again.connect();
    await again.wait((f) => f.t === 'message');
    assert.ok(![...again.messages.values()].some((f) => /Nur für uns/.test(f.text)));
    again.close();
});

test('search finds by number, sender and words of the subject', async () => {
    assert.ok((await gateway.api('GET', `/search?q=${number}`)).tickets.some((t) => t.number === number));
    assert.equal((await gateway.api('GET', '/search?q=gibtesnicht')).tickets.length, 0);
    await gateway.api('GET', `/search?q=${encodeURIComponent("'\"<script>{}")}`);
});

test('the live socket wants the session and shows a new message', { timeout: 30000 }, async () => {
    const origin = `http://127.0.0.1:${gateway.port}`;
    const refused = new WebSocket(`ws://127.0.0.1:${gateway.port}/api/v1/live`, ['draht.inbox.v1'], { origin });
    const status = await new Promise((r) => {
        refused.on('unexpected-response', (q, a) => r(a.statusCode));
        refused.on('open', () => r(101));
        refused.on('error', () => r(0));
    });
    assert.equal(status, 401);
    const ws = new WebSocket(`ws://127.0.0.1:${gateway.port}/api/v1/live`, ['draht.inbox.v1'], { origin, headers: { cookie: gateway.cookie } });
    const frames = [];
    ws.on('message', (d) => frames.push(JSON.parse(d.toString())));
    await until('hello', () => frames.some((f) => f.t === 'hello'));
    ws.send(JSON.stringify({ t: 'watch', ticket: number }));
    await chat.say('Noch eine Frage');
    await until('the summary', () => frames.some((f) => f.t === 'tickets' && f.tickets.some((t) => t.number === number)));
    await until('the item', () => frames.some((f) => f.t === 'item' && f.item.text === 'Noch eine Frage'));
    ws.terminate();
});

test('every page comes with a strict policy and unknown paths get a 404 problem', async () => {
    const page = await gateway.raw('GET', '/inbox/');
    assert.equal(page.status, 200);
    const csp = page.headers['content-security-policy'];
    assert.match(csp, /default-src 'none'/);
    assert.doesNotMatch(csp, /unsafe-inline|unsafe-eval/);
    assert.equal(page.headers['x-content-type-options'], 'nosniff');
    assert.equal((await gateway.raw('GET', '/api/v1/nothing', { cookie: gateway.cookie })).status, 404);
    assert.equal((await gateway.raw('GET', '/../../etc/passwd')).status >= 400, true);
});
