// SPDX-License-Identifier: EUPL-1.2
// Promise: whatever a homeserver does, no message of a citizen is lost or doubled and no answer goes out twice: refusals, pauses,
// gaps, ended tokens, lost answers, hostile events. (A real Synapse: make test-peers.)
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { FakeMatrix } = require('../lib/fake-matrix');
const { Citizen } = require('../lib/matrix-citizen');
const { until } = require('../lib/process');
const { office, tickets, items, texts, ticketWith, answer, becomes, channel, up } = require('../lib/matrix-office');

const OFFICE = '@amt:fake.test';
let fake, gateway, jana, room, number;

before(async () => {
    fake = await new FakeMatrix().start();
    fake.office = OFFICE;
    for (const user of ['amt', 'jana', 'emre', 'fremd']) fake.register(user, 'geheim');
    jana = await new Citizen(fake.url, 'jana', 'geheim').login();
    const old = await jana.room('@amt:fake.test');
    await jana.say(old, 'Vor langer Zeit, in einem anderen Raum');
    gateway = await office([`homeserver: "${fake.url}"`, 'user: amt', 'password: geheim', 'rooms_max: 6', 'invites_from: ["fake.test"]']).start();
    await gateway.login();
    await up(gateway);
    room = await jana.room(OFFICE);
    await jana.say(room, 'Erste Nachricht');
    number = (await ticketWith(gateway, 'Erste Nachricht')).number;
}, { timeout: 120000 });

after(async () => {
    await jana?.close();
    await gateway?.close();
    await fake?.close();
}, { timeout: 60000 });

const arrives = (text) => until(`"${text}" in the ticket`, async () => (await texts(gateway, number)).includes(text), 45000);
const count = (body) => jana.heard(room).filter((b) => b === body).length;

test('429 is obeyed for as long as was asked, in and out', { timeout: 90000 }, async () => {
    const rule = fake.rule(/PUT .*\/send\/m\.room\.message/, { status: 429, body: { errcode: 'M_LIMIT_EXCEEDED', retry_after_ms: 1500 } }, 2);
    const began = Date.now();
    const m = await answer(gateway, number, 'Nach der Pause');
    await becomes(gateway, m, 'sent');
    assert.equal(rule.hits, 2);
    assert.ok(Date.now() - began >= 3000, `${Date.now() - began} ms`);
    fake.rule(/GET .*\/sync/, { status: 429, body: { errcode: 'M_LIMIT_EXCEEDED' }, headers: { 'retry-after': '1' } });
    await jana.say(room, 'Während der Bremse');
    await arrives('Während der Bremse');
    assert.equal(count('Nach der Pause'), 1);
});

test('a lost answer is repeated under the same transaction id and stands in the room once', { timeout: 90000 }, async () => {
    fake.rule(/PUT .*\/send\/m\.room\.message/, 'drop');
    const m = await answer(gateway, number, 'Antwort ging verloren');
    await becomes(gateway, m, 'sent');
    await jana.hears(room, (e) => e.content?.body === 'Antwort ging verloren');
    await jana.say(room, 'Marke nach der Antwort');
    await until('all before the mark', () => jana.events.some((e) => e.content?.body === 'Marke nach der Antwort'));
    assert.equal(count('Antwort ging verloren'), 1);
    const puts = fake.requests.filter((q) => q.includes(encodeURIComponent(`draht-${m.id}-0`)) || q.includes(`draht-${m.id}-0`));
    assert.equal(puts.length, 2, 'the same id twice');
});

test('a gap is closed page by page, in its order, up to what is known', { timeout: 120000 }, async () => {
    fake.page_max = 20;
    fake.rule(/GET .*\/messages/, { status: 502, raw: '<html>bad gateway</html>', type: 'text/html' });
    const blocked = fake.rule(/GET .*\/sync/, { status: 503, body: {} }, 1000);
    await jana.types(room, true); // the poll under way ends, the next one is refused
    const said = Array.from({ length: 120 }, (_, i) => `Lücke ${i}`);
    await until('the poll to be refused', () => blocked.hits > 0);
    for (const s of said) await jana.say(room, s);
    blocked.times = 0;
    await arrives('Lücke 119');
    assert.deepEqual((await texts(gateway, number)).filter((t) => t.startsWith('Lücke')), said);
    assert.equal((await texts(gateway, number)).filter((t) => t === 'Erste Nachricht').length, 1);
    assert.equal((await tickets(gateway)).length, 2);
});

test('the token ends while a gap is being closed: after the new login nothing is missing', { timeout: 120000 }, async () => {
    fake.page_max = 10; // and fewer in the answer of /sync than were said
    const blocked = fake.rule(/GET .*\/sync/, { status: 503, body: {} }, 1000);
    await jana.types(room, true);
    await until('the poll to be refused', () => blocked.hits > 0);
    const said = Array.from({ length: 60 }, (_, i) => `Mittendrin ${i}`);
    for (const s of said) await jana.say(room, s);
    const ended = fake.rule(/GET .*\/messages.*/, { status: 401, body: { errcode: 'M_UNKNOWN_TOKEN', soft_logout: false } });
    blocked.times = 0;
    await arrives('Mittendrin 59');
    assert.equal(ended.hits, 1);
    assert.deepEqual((await texts(gateway, number)).filter((t) => t.startsWith('Mittendrin')), said);
    await up(gateway);
});

test('a room for two stands in m.direct beside what others wrote there; without its citizen it is left and forgotten', { timeout: 120000 }, async () => {
    const mine = () => fake.direct.get(OFFICE) || {};
    await until('the first room in m.direct', () => mine()['@jana:fake.test']?.includes(room));
    fake.direct.set(OFFICE, { ...mine(), '@chef:fake.test': ['!chef:fake.test'] });
    fake.rule(/PUT .*\/account_data\/m\.direct/, { status: 502, body: {} });
    const second = await jana.room(OFFICE);
    await jana.say(second, 'Ein zweiter Raum');
    const t = await ticketWith(gateway, 'Ein zweiter Raum');
    await until('the second room in m.direct', () => mine()['@jana:fake.test']?.includes(second), 45000);
    assert.ok(mine()['@jana:fake.test'].includes(room));
    assert.deepEqual(mine()['@chef:fake.test'], ['!chef:fake.test']);
    await jana.leave(second);
    await until('the room to be forgotten', () => fake.forgotten.includes(`${OFFICE} ${second}`), 45000);
    assert.equal(fake.rooms.get(second).members.get(OFFICE), 'leave');
    await until('the room to be out of m.direct', () => !mine()['@jana:fake.test'].includes(second), 45000);
    await becomes(gateway, await answer(gateway, t.number, 'Noch da?'), 'opted_out');
    assert.equal(fake.rooms.get(room).members.get(OFFICE), 'join');
});

test('soft logout: the same device comes back; hard logout: a new one; nothing is lost', { timeout: 120000 }, async () => {
    for (const soft of [true, false]) {
        const before_ids = new Set([...fake.tokens.values()].filter((t) => t.user === OFFICE).map((t) => t.device));
        fake.end_tokens(OFFICE, soft);
        await jana.say(room, `Abgemeldet ${soft}`);
        await arrives(`Abgemeldet ${soft}`);
        const now = [...fake.tokens.values()].filter((t) => t.user === OFFICE && !t.ended).map((t) => t.device);
        assert.equal(now.length, 1);
        assert.equal(before_ids.has(now[0]), soft);
        const m = await answer(gateway, number, `Zurück ${soft}`);
        await becomes(gateway, m, 'sent');
    }
});

test('a position that the homeserver does not know: rooms are read back to what is known, history is not imported', { timeout: 90000 }, async () => {
    const known = (await tickets(gateway)).length;
    const n = (await texts(gateway, number)).length;
    const refused = fake.rule(/GET .*\/sync/, { status: 400, body: { errcode: 'M_INVALID_PARAM', error: 'Invalid stream token' } }, 1000);
    await jana.types(room, false);
    await until('the position to be refused', () => refused.hits > 0, 60000);
    for (const i of [1, 2, 3]) await jana.say(room, `Ohne Position ${i}`);
    refused.times = 0;
    await arrives('Ohne Position 3');
    await jana.say(room, 'Nach der Lücke im Gedächtnis');
    await arrives('Nach der Lücke im Gedächtnis');
    assert.deepEqual((await texts(gateway, number)).slice(n), ['Ohne Position 1', 'Ohne Position 2', 'Ohne Position 3', 'Nach der Lücke im Gedächtnis']);
    assert.equal((await tickets(gateway)).length, known);
});

test('hostile events do not hide the honest ones beside them', { timeout: 90000 }, async () => {
    const event = (content, more = '') => `{"event_id":"$${Math.random().toString(36).slice(2)}","type":"m.room.message","sender":"@jana:fake.test","origin_server_ts":1e999${more},"content":${content}}`;
    const n = (await texts(gateway, number)).length;
    fake.poison(room, event('{"msgtype":"m.text","body":"half \\ud800 and nul \\u0000 end"}'));
    fake.poison(room, event(`{"msgtype":"m.text","body":"deep","x":${'['.repeat(500)}${']'.repeat(500)}}`));
    fake.poison(room, event('{"msgtype":"m.text","body":123}'));
    fake.poison(room, event('{"msgtype":"m.image","url":"mxc://../../etc/passwd","body":"böse.png"}'));
    fake.poison(room, '{"type":"m.room.message"}');
    fake.poison(room, '[1,2]');
    await jana.say(room, 'Ehrlich danach');
    await arrives('Ehrlich danach');
    const got = (await texts(gateway, number)).slice(n);
    assert.deepEqual(got, ['half \ufffd and nul \ufffd end', 'deep', 'böse.png', 'Ehrlich danach']);
    const bad = (await items(gateway, number)).find((i) => i.text === 'böse.png');
    assert.match(JSON.stringify(bad.warnings), /no address/);
});

test('an answer with 20 MB of state, and one beyond every limit, are survived', { timeout: 120000 }, async () => {
    const filler = Array.from({ length: 2000 }, (_, i) => ({ event_id: `$s${i}`, type: 'm.room.member', state_key: `@u${i}:fake.test`, sender: `@u${i}:fake.test`, content: { membership: 'leave', displayname: 'x'.repeat(10000) } }));
    const at = fake.stream.length;
    fake.rule(/GET .*\/sync/, { status: 200, body: { next_batch: `s${at}`, rooms: { join: { [room]: { state: { events: filler }, timeline: { events: [] } } } } } });
    fake.rule(/GET .*\/sync/, { status: 200, raw: Buffer.alloc(40 << 20, 0x20) });
    await jana.types(room, true);
    await jana.types(room, false);
    await until('both to be fetched', () => fake.rules.every((r) => r.times <= 0), 60000);
    await jana.say(room, 'Nach der Flut');
    await arrives('Nach der Flut');
});

test('staff are told how large a file the homeserver takes', () => until('the limit', async () => (await channel(gateway)).files?.kinds[0].bytes_max === 1500000));

test('files come by the old address too; one that cannot be had does not hold back its message', { timeout: 90000 }, async () => {
    fake.old_media = true;
    const url = await jana.upload(Buffer.from('%PDF-1.4 alt'), 'application/pdf', 'alt.pdf');
    await jana.send(room, { msgtype: 'm.file', body: 'alt.pdf', url });
    await jana.send(room, { msgtype: 'm.file', body: 'fort.pdf', url: 'mxc://fake.test/gibtesnicht' });
    await jana.send(room, { msgtype: 'm.file', body: 'zu.pdf', file: { url, key: {}, iv: 'x' } });
    await arrives('zu.pdf');
    const list = await items(gateway, number);
    const got = list.find((i) => i.attachments?.length);
    assert.equal(got.attachments[0].name, 'alt.pdf');
    assert.match(JSON.stringify(list.find((i) => i.text === 'fort.pdf').warnings), /could not be fetched/);
    assert.match(JSON.stringify(list.find((i) => i.text === 'zu.pdf').warnings), /encrypted/);
    fake.old_media = false;
});

test('what the homeserver refuses is shown as what it is', { timeout: 120000 }, async () => {
    const put = /PUT .*\/send\/m\.room\.message/;
    for (const [status, errcode, state] of [[413, 'M_TOO_LARGE', 'failed'], [403, 'M_FORBIDDEN', 'opted_out']]) {
        fake.rule(put, { status, body: { errcode } });
        await becomes(gateway, await answer(gateway, number, `Abgelehnt ${errcode}`), state);
    }
    assert.equal(jana.heard(room).filter((b) => b.startsWith('Abgelehnt')).length, 0);
});

test('invitations: by policy, up to the cap, again after a refused join; strangers are declined', { timeout: 120000 }, async () => {
    fake.register('x', 'geheim');
    fake.rule(/POST .*\/join/, { status: 502, body: {} });
    const emre = await new Citizen(fake.url, 'emre', 'geheim').login();
    const mine = await emre.room(OFFICE);
    await emre.say(mine, 'Ich warte auf Einlass');
    await ticketWith(gateway, 'Ich warte auf Einlass');
    const stranger = fake.create({ user: '@fremd:evil.test' }, { invite: [OFFICE] }).body.room_id;
    await until('the stranger to be declined', () => fake.rooms.get(stranger).members.get(OFFICE) === 'leave');
    let last;
    for (let i = 0; i < 6; i++) {
        last = await emre.room(OFFICE);
        await until('an answer to the invitation', () => fake.rooms.get(last).members.get(OFFICE) !== 'invite');
    }
    assert.equal(fake.rooms.get(last).members.get(OFFICE), 'leave', 'beyond rooms_max');
    await emre.close();
});

test('a homeserver that goes away is said to be down, and comes back by itself', { timeout: 120000 }, async () => {
    await jana.types(room, true);
    const away = fake.rule(/./, { status: 500, raw: '<html>' }, 100000);
    await jana.types(room, false);
    await until('the channel to be down', async () => !(await channel(gateway)).up, 40000);
    const m = await answer(gateway, number, 'Wartet solange');
    away.times = 0;
    await jana.say(room, 'Wieder erreichbar');
    await arrives('Wieder erreichbar');
    await becomes(gateway, m, 'sent');
    await jana.hears(room, (e) => e.content?.body === 'Wartet solange');
    assert.equal(count('Wartet solange'), 1);
});

test('a stop with an open poll is quick and clean', { timeout: 60000 }, async () => {
    const began = Date.now();
    assert.equal(await gateway.stop(), 0);
    assert.ok(Date.now() - began < 8000, `${Date.now() - began} ms`);
    assert.ok(!/geheim|tok_|Erste Nachricht/.test(gateway.process.output), 'no secrets, no contents in the log');
    await gateway.spawn();
    await up(gateway);
    await jana.say(room, 'Nach dem Neustart');
    await arrives('Nach dem Neustart');
});
