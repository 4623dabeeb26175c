// SPDX-License-Identifier: EUPL-1.2
// Promise: a citizen of the Fediverse is answered by direct message, whatever way he wrote; the stream may break, repeat or say
// nonsense, and nothing is lost or doubled; limits and errors of the instance are obeyed.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { randomBytes, randomUUID } = require('node:crypto');
const { execFileSync } = require('node:child_process');
const { Gateway, BINARY, ROOT } = require('../lib/gateway');
const { FakeMastodon } = require('../lib/fake-mastodon');
const { cases, channelOf, Office } = require('../lib/fedi-cases');
const { until } = require('../lib/process');

let instance, gateway, office;
before(async () => {
    instance = await new FakeMastodon().start();
    await instance.toot('Von vor Draht', { quiet: true });
    gateway = await new Gateway({ extra_channels: channelOf(instance) }).start();
    await gateway.login();
    office = new Office(gateway);
    await until('the stream', () => instance.streams.size > 0);
    await until('the watermark', () => instance.requests.some((r) => r.path === '/api/v1/notifications'));
}, { timeout: 60000 });
after(async () => {
    await gateway?.close();
    await instance?.stop();
});

cases(test, () => ({ instance, office }));

test('a content warning above a further message stands in its text', { timeout: 60000 }, async () => {
    await instance.toot('Die Mauer ist nass', { subject: 'Schimmel' });
    await office.find('Schimmel\n\nDie Mauer ist nass');
});

test('what was there before Draht is not taken in', async () => {
    assert.ok(!(await office.all()).some((i) => i.text === 'Von vor Draht'));
});

test('while the stream is away mentions pile up, and come in once, in order, over several pages', { timeout: 90000 }, async () => {
    instance.page = 7;
    instance.hang_up();
    for (let i = 0; i < 30; i++) await instance.toot(`Stau ${i}`, { quiet: true });
    await office.find('Stau 29');
    const all = (await office.all()).map((i) => i.text).filter((t) => /^Stau/.test(t || ''));
    assert.deepEqual(all, Array.from({ length: 30 }, (_, i) => `Stau ${i}`));
    assert.ok(instance.requests.some((r) => r.path === '/api/v1/notifications' && r.query.get('limit') === '7'), 'the Link header was followed');
    instance.page = 40;
    await until('the stream', () => instance.streams.size > 0, 30000);
});

test('an event split inside UTF-8, repeated, and data that is no JSON', { timeout: 60000 }, async () => {
    await instance.toot('Straße gesperrt – wie lange?', { byte_by_byte: true });
    instance.event('notification', 'undefined');
    instance.event('status.update', 'undefined');
    instance.event('delete', 'x'.repeat(300));
    instance.event('filters_changed', 'undefined');
    instance.event('notification', '{"id":"1","type":"mention"}');
    await office.find('Straße gesperrt – wie lange?');
    assert.equal((await office.all()).filter((i) => i.text === 'Straße gesperrt – wie lange?').length, 1);
});

test('bots, own statuses and other notifications are ignored', { timeout: 60000 }, async () => {
    await instance.toot('Ich bin ein Bot', { account: { id: '8', acct: 'bot@anderswo.test', bot: true } });
    await instance.toot('Ich bin die Stadt', { account: { id: '1', acct: 'buergerbuero' } });
    await instance.toot('Nur ein Stern', { type: 'favourite' });
    await instance.toot('Danach ein Mensch');
    await office.find('Danach ein Mensch');
    const all = (await office.all()).map((i) => i.text);
    for (const t of ['Ich bin ein Bot', 'Ich bin die Stadt', 'Nur ein Stern']) assert.ok(!all.includes(t), t);
});

test('an edit comes as a new message with a note, a deletion as a note; both only for known messages', { timeout: 60000 }, async () => {
    const s = await instance.toot('Termin am Dienstag');
    const m = await office.find('Termin am Dienstag');
    await instance.edit(s.id, 'Termin am Mittwoch');
    await instance.edit('424242', 'unbekannt');
    assert.equal((await office.find('Termin am Mittwoch')).number, m.number);
    const before = (await office.items(m.number)).length;
    await instance.remove(s.id);
    await instance.remove('424242');
    await until('the note', async () => (await office.items(m.number)).length > before);
    assert.ok((await office.items(m.number)).some((i) => i.text === 'Termin am Dienstag'), 'it is kept');
});

/** How many notes of deletions there are. */
const gone = async () => (await office.all()).filter((i) => JSON.stringify(i.warnings || []).includes('deleted an earlier message')).length;

/** After a look that finds nothing new, nothing is there twice. */
async function look_again() {
    const lists = () => instance.requests.filter((r) => r.query.has('id[]')).length;
    const [n, notes] = [lists(), await gone()];
    instance.hang_up();
    await until('another look', () => lists() > n, 90000);
    await instance.toot('Nach dem zweiten Blick');
    await office.find('Nach dem zweiten Blick');
    const all = (await office.all()).map((i) => i.text);
    for (const text of ['Dann true', 'Bleibt true']) assert.equal(all.filter((t) => t === text).length, 1, text);
    assert.equal(await gone(), notes);
}

test('edits and deletions of the time without a stream are found afterwards, once, whether the instance lists statuses or not', { timeout: 150000 }, async () => {
    for (const has_list of [true, false]) {
        instance.has_list = has_list;
        const [kept, changed, removed] = [await instance.toot(`Bleibt ${has_list}`), await instance.toot(`Erst ${has_list}`), await instance.toot(`Weg ${has_list}`)];
        const m = await office.find(`Weg ${has_list}`);
        const [before, asked] = [await gone(), instance.requests.length];
        await instance.edit(changed.id, `Dann ${has_list}`, { quiet: true });
        await instance.remove(removed.id, { quiet: true });
        instance.hang_up();
        assert.equal((await office.find(`Dann ${has_list}`, 60000)).number, m.number);
        await until('the note', async () => (await gone()) === before + 1, 60000);
        const alone = (s) => instance.requests.slice(asked).some((r) => r.method === 'GET' && r.path === `/api/v1/statuses/${s.id}`);
        assert.ok(instance.requests.slice(asked).some((r) => r.query.getAll('id[]').includes(kept.id)), 'many at once are asked for first');
        assert.ok(alone(removed), 'what the list lacks is asked for by itself');
        if (!has_list) await until('every one to be asked for by itself', () => alone(kept));
        else assert.ok(!alone(kept));
        if (has_list) await look_again();
    }
    instance.has_list = true;
});

test('files come with their description, and go out when the instance has finished with them', { timeout: 90000 }, async () => {
    const bytes = Buffer.concat([Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), randomBytes(3000)]);
    instance.files.set('/media/loch.png', { bytes, type: 'image/png' });
    const port = gateway.port;
    await instance.toot('Schlagloch', { media: [{ id: '5', type: 'image', url: `${instance.url}/media/loch.png`, description: 'Ein tiefes Loch' }, { id: '6', type: 'image', url: `http://127.0.0.1:${port}/readyz` }] });
    const m = await office.find('Schlagloch\n[loch.png: Ein tiefes Loch]');
    assert.equal(m.attachments.length, 1);
    const got = await gateway.raw('GET', `/api/v1/messages/${m.id}/attachments/0`, { cookie: gateway.cookie });
    assert.ok(got.bytes.equals(bytes));
    const uploads = [];
    for (let i = 0; i < 5; i++) uploads.push((await gateway.raw('POST', `/api/v1/uploads?name=Plan${i}.png`, { cookie: gateway.cookie, 'x-csrf-token': gateway.csrf, 'content-type': 'application/octet-stream' }, bytes)).json);
    await office.reply(m.number, 'Hier die Pläne', uploads);
    await office.delivery(m.number, 'Hier die Pläne', 'sent', 60000);
    const out = (await instance.inbox()).filter((s) => s.media.length);
    assert.deepEqual(out.map((s) => s.media.length), [4, 1]);
    assert.ok([...instance.media.values()].every((x) => x.raw.includes(bytes)));
});

test('names in a reply reach nobody else', { timeout: 60000 }, async () => {
    await instance.toot('Wer ist zuständig?');
    const m = await office.find('Wer ist zuständig?');
    await office.reply(m.number, 'Fragen Sie @max@anderswo.test oder @eva, Post an amt@stadt.test');
    const got = await until('the answer', async () => (await instance.inbox()).find((s) => s.text.includes('Fragen Sie')));
    assert.deepEqual(got.names, ['jana@anderswo.test']);
    assert.ok(got.text.includes('amt@stadt.test'));
});

test('links count 23 however long they are', { timeout: 60000 }, async () => {
    await instance.toot('Bitte den Link');
    const m = await office.find('Bitte den Link');
    const text = `${'Wort '.repeat(80)}https://stadt.test/${'a'.repeat(300)}`;
    await office.reply(m.number, text);
    const got = await until('the answer', async () => (await instance.inbox()).find((s) => s.text.includes('aaaa')));
    assert.equal(got.text, `@jana@anderswo.test ${text}`);
});

test('errors: limits are waited for, a deleted question is answered all the same, refusals say why', { timeout: 120000 }, async () => {
    const list = [
        ['gedrosselt', { status: 429, headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': new Date(Date.now() + 4000).toISOString() } }, 'sent'],
        ['überlastet', { status: 503, headers: { 'retry-after': '1' } }, 'sent'],
        ['ungültig', { status: 422 }, 'failed'],
        ['ohne Recht', { status: 403 }, 'failed'],
    ];
    for (const [name, answer, state] of list) {
        await instance.toot(`Frage ${name}`);
        const m = await office.find(`Frage ${name}`);
        instance.answers.push(answer);
        await office.reply(m.number, `Antwort ${name}`);
        await until(`${name} to be ${state}`, async () => (await office.items(m.number)).some((x) => x.text === `Antwort ${name}` && x.delivery && (x.delivery.state === state || (state === 'failed' && x.delivery.reason))), 40000);
        if (state === 'sent') assert.equal((await instance.inbox()).filter((s) => s.text.includes(`Antwort ${name}`)).length, 1);
    }
    const s = await instance.toot('Gleich gelöscht');
    const m = await office.find('Gleich gelöscht');
    instance.statuses.delete(s.id);
    await office.reply(m.number, 'Trotzdem eine Antwort');
    await office.delivery(m.number, 'Trotzdem eine Antwort', 'sent');
});

test('an answer that got lost: the key keeps it from being sent twice', { timeout: 60000 }, async () => {
    await instance.toot('Kommt das an?');
    const m = await office.find('Kommt das an?');
    instance.answers.push('drop');
    await office.reply(m.number, 'Genau einmal.');
    await office.delivery(m.number, 'Genau einmal.', 'sent', 50000);
    assert.equal((await instance.inbox()).filter((s) => s.text.includes('Genau einmal.')).length, 1);
});

test('the instance says 401, or shows a page with 200: the channel waits and goes on afterwards', { timeout: 90000 }, async () => {
    instance.broken = (a) => {
        a.writeHead(200, { 'content-type': 'text/html' });
        a.end('<!DOCTYPE html><h1>Wartung</h1>');
    };
    instance.hang_up();
    await instance.toot('Während der Wartung', { quiet: true });
    const said = async () => ((c) => (c.up ? '' : c.sentence))((await gateway.api('GET', '/settings')).channels.find((c) => c.id === 'fedi'));
    await until('some tries', () => instance.requests.filter((r) => r.path === '/api/v1/streaming/user').length > 3, 30000);
    await until('the channel to say so', async () => /does not answer as Mastodon does/.test(await said()), 30000);
    instance.broken = null;
    await office.find('Während der Wartung', 70000);
    await until('the channel to be up', async () => !(await said()), 30000);
    instance.broken = { status: 401 };
    await until('the refusal to be said', async () => /refuses the access token/.test(await said()), 30000);
    instance.broken = null;
    await until('the channel to be up', async () => !(await said()), 70000);
});

test('normalize reads a notification', () => {
    const run = (value) => {
        const file = path.join(gateway.dir, `raw-${randomUUID()}`);
        fs.writeFileSync(file, typeof value === 'string' ? value : JSON.stringify(value));
        return JSON.parse(execFileSync(BINARY, ['normalize', 'mastodon', file], { cwd: ROOT, encoding: 'utf8' }));
    };
    const n = instance.notifications.find((x) => x.status.content.includes('Ampel'));
    const got = run(n);
    assert.equal(got.kind, 'message');
    assert.equal(got.text, 'Die Ampel am Markt ist dunkel');
    assert.deepEqual(got.sender, { address: 'jana@anderswo.test', name: 'Jana Probe' });
    assert.equal(got.external_id, n.status.id);
    assert.deepEqual(got.warnings, ['The message can be read by others. The reply goes out as a direct message.']);
    assert.equal(run({ id: '1', type: 'follow' }).reason, 'no mention');
    assert.equal(run({ id: '1', type: 'mention', status: null }).kind, 'ignored');
    assert.throws(() => run('[]'));
});

test('a second start goes on where the first ended; the log names nobody', { timeout: 90000 }, async () => {
    await gateway.stop();
    const log = gateway.process.output;
    for (const s of ['token-of-the-city', 'jana', 'Sperrmüll']) assert.ok(!log.includes(s), s);
    await instance.toot('In der Nacht geschrieben', { quiet: true });
    await gateway.spawn();
    await gateway.login();
    await office.find('In der Nacht geschrieben');
    const all = (await office.all()).map((i) => i.text).filter(Boolean);
    assert.equal(all.filter((t) => t === 'Danach ein Mensch').length, 1);
});
