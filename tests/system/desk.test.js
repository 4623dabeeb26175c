// SPDX-License-Identifier: EUPL-1.2
// Promise: what a citizen says at the counter, on the telephone or by letter is a ticket like any other; the answer is a letter to
// print or a call to make, and counts as delivered when a person says so; a letter that names our reference joins its ticket.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { randomUUID } = require('node:crypto');
const { Gateway, BINARY } = require('../lib/gateway');
const { until } = require('../lib/process');

let gateway;
before(async () => {
    gateway = await new Gateway({
        rules: '  - {name: Post, channel: tresen, recipient: letter, queue: sozialamt}\n',
        extra_channels: `  - id: tresen
    type: desk
    queue: buergerbuero
    options: {return_address: "Stadt Teststadt · Markt 1 · 04109 Teststadt"}
`,
    }).start();
    await gateway.login();
}, { timeout: 60000 });
after(() => gateway?.close());

const take = (o, want) => gateway.api('POST', '/desk', { client_id: randomUUID(), ...o }, want);
const tasks = async () => (await gateway.api('GET', '/desk')).tasks;
async function answer(number, text) {
    const m = await gateway.api('POST', `/tickets/${number}/messages`, { kind: 'reply', client_id: randomUUID(), text });
    return m.id;
}
const delivery = async (number, id) => (await gateway.api('GET', `/tickets/${number}`)).items.find((i) => i.id === id).delivery;
const page = (id, headers = { cookie: gateway.cookie }) => gateway.raw('GET', `/api/v1/desk/${id}/letter`, headers);

test('a telephone call becomes a ticket, the answer a call to make; done is delivered', { timeout: 60000 }, async () => {
    const a = await take({ kind: 'phone', who: 'Erika Mustermann', what: 'Möchte wissen, wann die Biotonne kommt.\nLindenufer 4', reply: '0341 123 45-67' });
    assert.deepEqual(Object.keys(a), ['number', 'joined']);
    const t = await gateway.api('GET', `/tickets/${a.number}`);
    assert.deepEqual([t.channel_type, t.queue, t.subject, t.sender.name, t.sender.address], ['phone', 'buergerbuero', 'Möchte wissen, wann die Biotonne kommt.', 'Erika Mustermann', '0341 123 45-67']);
    assert.match(t.items.find((i) => i.direction === 'in').text, /Lindenufer 4\n\nAm Telefon aufgenommen von /);
    const id = await answer(a.number, 'Die Tonne kommt am Montag.');
    const task = await until('the task', async () => (await tasks()).find((x) => x.message === id));
    assert.deepEqual([task.kind, task.ticket, task.sender.address], ['call', a.number, '0341 123 45-67']);
    await until('sent', async () => (await delivery(a.number, id)).state === 'sent');
    await gateway.api('POST', `/desk/${id}/done`);
    await until('delivered', async () => (await delivery(a.number, id)).state === 'delivered');
    assert.equal((await tasks()).find((x) => x.message === id), undefined);
    await gateway.api('POST', `/desk/${id}/done`, {}, 404);
});

test('a letter is answered by a letter with address, reference and nothing that runs', { timeout: 60000 }, async () => {
    const a = await take({ kind: 'letter', who: 'Jörg <b>Groß</b>', what: 'Widerspruch gegen Bescheid', reply: 'Am Wehr 3 & 4\n04109 Leipzig' });
    assert.equal((await gateway.api('GET', `/tickets/${a.number}`)).queue, 'sozialamt');
    const id = await answer(a.number, 'Sehr geehrter Herr Groß,\n\n<script>alert(1)</script>');
    const task = await until('the task', async () => (await tasks()).find((x) => x.message === id));
    assert.equal(task.kind, 'letter');
    const p = await page(id);
    assert.equal(p.status, 200, p.text);
    assert.equal(p.headers['content-security-policy'], "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    assert.equal(p.headers['cache-control'], 'no-store');
    for (const words of ['<span>Jörg &lt;b&gt;Groß&lt;/b&gt;</span><span>Am Wehr 3 &amp; 4</span><span>04109 Leipzig</span>', `<dd>${a.number}</dd>`, 'Selin Yılmaz', 'Markt 1', '&lt;script&gt;'])
        assert.ok(p.text.includes(words), `${words} in ${p.text}`);
    assert.ok(!/<script|style=|onload/.test(p.text));
    assert.equal((await gateway.raw('GET', '/assets/letter.css')).status, 200);
    assert.equal((await page(id, {})).status, 401);
    assert.equal((await page(`${a.number}.1`)).status, 404);
    const b = await take({ kind: 'letter', who: 'J. Groß', what: `Zu Ihrem Zeichen ${a.number}: anbei die Unterlagen`, reply: '' });
    assert.deepEqual(b, { number: a.number, joined: true });
    await gateway.api('POST', `/desk/${id}/failed`, { reason: 'Brief kam zurück: unbekannt verzogen' });
    const d = await until('failed', async () => {
        const x = await delivery(a.number, id);
        return x.state === 'failed' && x;
    });
    assert.match(d.reason, /unbekannt verzogen/);
});

test('who left no address cannot be answered, and staff are told so', { timeout: 60000 }, async () => {
    for (const [reply, words] of [['', /^desk_no_address$/], ['erika@buerger.test', /^desk_mail_address$/]]) {
        const a = await take({ kind: 'counter', who: '', what: 'Fragt nach dem Weg', reply });
        const id = await answer(a.number, 'Links');
        const d = await until('the refusal', async () => {
            const x = await delivery(a.number, id);
            return x.state === 'failed' && x;
        });
        assert.match(d.reason, words);
    }
});

test('a second click is the same ticket; what is wrong is named; strangers see nothing', { timeout: 60000 }, async () => {
    const o = { kind: 'counter', who: 'A', what: 'Zweimal geklickt', reply: '', client_id: randomUUID() };
    const [a, b] = [await take(o), await take(o)];
    assert.equal(a.number, b.number);
    for (const wrong of [{ kind: 'fax' }, { what: ' \n' }, { client_id: '' }, { client_id: 'x'.repeat(65) }, { who: 'x'.repeat(121) }, { reply: 'x'.repeat(251) }])
        await take({ ...o, ...wrong }, 400);
    assert.ok((await take({ ...o, client_id: randomUUID(), who: 'x'.repeat(120), reply: 'x'.repeat(250) })).number);
    assert.equal((await take({ ...o, client_id: randomUUID(), what: 'Tel. 2026-1234567890123 ist keine Nummer' })).joined, false);
    assert.equal((await gateway.raw('POST', '/api/v1/desk', { 'content-type': 'application/json' }, '{}')).status, 401);
    await gateway.api('POST', '/desk/2026-000001.99/done', {}, 404);
    await gateway.api('POST', '/desk/unfug/done', {}, 404);
});

test('what is taken down for a ticket that its words name joins it, and says nothing about its address', { timeout: 60000 }, async () => {
    const a = await take({ kind: 'counter', who: 'Olga', what: 'Fragt nach dem Wohngeld', reply: '' });
    const b = await take({ kind: 'phone', who: 'Olga', what: `Ruft noch einmal an wegen ${a.number}`, reply: '0341 99 88 77' });
    assert.deepEqual(b, { number: a.number, joined: true });
    const items = (await gateway.api('GET', `/tickets/${a.number}`)).items.filter((i) => i.direction === 'in');
    assert.deepEqual(items.map((i) => i.warnings), [[], []]);
});

test('files of an answer are enclosures of its letter: all named, pictures as pages, others offered; no call carries any', { timeout: 60000 }, async () => {
    const upload = async (name, bytes) => (await gateway.raw('POST', `/api/v1/uploads?name=${encodeURIComponent(name)}`, { cookie: gateway.cookie, 'x-csrf-token': gateway.csrf, 'content-type': 'application/octet-stream' }, bytes)).json;
    const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
    const files = [await upload('Lageplan & Foto.png', png), await upload('Bescheid.pdf', Buffer.from('%PDF-1.4\n%%EOF\n'))];
    const a = await take({ kind: 'letter', who: 'Jörg Groß', what: 'Bittet um den Lageplan', reply: 'Am Wehr 3\n04109 Leipzig' });
    const send = async (number, text) => (await gateway.api('POST', `/tickets/${number}/messages`, { kind: 'reply', client_id: randomUUID(), text, attachments: files })).id;
    const id = await send(a.number, 'Anbei der Plan.');
    await until('the task', async () => (await tasks()).find((x) => x.message === id));
    const { text } = await page(id);
    assert.ok(text.includes('<h2>Anlagen</h2><ul><li>Lageplan &amp; Foto.png</li><li>Bescheid.pdf</li></ul>'), text);
    assert.ok(text.includes(`<img src="/api/v1/messages/${id}/attachments/0" alt="Lageplan &amp; Foto.png">`), text);
    assert.ok(text.includes(`<a href="/api/v1/messages/${id}/attachments/1">Bescheid.pdf</a>`), text);
    assert.equal(text.match(/<img/g).length, 1);
    const got = await gateway.raw('GET', `/api/v1/messages/${id}/attachments/0`, { cookie: gateway.cookie });
    assert.deepEqual(got.bytes, png);
    const call = await take({ kind: 'phone', who: 'Erika', what: 'Möchte den Plan', reply: '0341 1234567' });
    const refused = await send(call.number, 'Anbei der Plan.');
    const d = await until('the refusal', async () => {
        const x = await delivery(call.number, refused);
        return x.state === 'failed' && x;
    });
    assert.equal(d.reason, 'desk_no_files');
    assert.equal((await tasks()).find((x) => x.message === refused), undefined);
});

test('normalize reads a note as the staff API takes it', () => {
    const file = path.join(gateway.dir, 'note.json');
    const run = (value) => {
        fs.writeFileSync(file, typeof value === 'string' ? value : JSON.stringify(value));
        return spawnSync(BINARY, ['normalize', 'desk', file], { encoding: 'utf8' });
    };
    const note = { kind: 'letter', who: 'Jörg Groß', what: 'Zu 2026-000123:\nanbei die Unterlagen', reply: 'Am Wehr 3\n04109 Leipzig', client_id: 'b-1' };
    const r = run(note);
    assert.equal(r.status, 0, r.stderr);
    assert.deepEqual(JSON.parse(r.stdout), {
        kind: 'message', channel: 'desk', external_id: 'b-1', sender: { address: 'Am Wehr 3, 04109 Leipzig', name: 'Jörg Groß' }, recipients: ['letter'],
        subject: 'Zu 2026-000123:', text: 'Zu 2026-000123:\nanbei die Unterlagen', html_present: false, in_reply_to: '2026-000123', references: [],
        attachments: [], automatic: false, sent_at: null, warnings: [],
    });
    const bare = JSON.parse(run({ kind: 'counter', what: 'Fragt\u0007 nach dem Weg', client_id: 'c' }).stdout);
    assert.deepEqual([bare.sender, bare.in_reply_to, bare.text, bare.warnings], [{ address: 'desk:c', name: '' }, null, 'Fragt nach dem Weg', ['control characters were removed']]);
    assert.match(JSON.parse(run({ ...note, kind: 'fax' }).stdout).reason, /counter, phone or letter/);
    assert.equal(JSON.parse(run({ ...note, what: '' }).stdout).kind, 'ignored');
    for (const bad of ['[]', '{', '']) {
        const x = run(bad);
        assert.equal(x.status, 1, bad);
        assert.match(x.stderr, /not a note/);
    }
});
