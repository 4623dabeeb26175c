// SPDX-License-Identifier: EUPL-1.2
// Promise: a bot at Telegram answers a citizen end to end, polled or called, by the published contract (fake-telegram.js) and
// beside an independent server (telegram-test-api): nothing lost, nothing twice, limits and refusals by the code in the body.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { randomBytes, randomUUID } = require('node:crypto');
const { execFileSync, spawnSync } = require('node:child_process');
const { Gateway, BINARY, ROOT } = require('../lib/gateway');
const { FakeTelegram, TOKEN } = require('../lib/fake-telegram');
const { until, freePort } = require('../lib/process');

const SECRET = 'wort-der-stadt-0815';
let telegram, hooked, gateway;
const channel = (id, url, more = '') => `  - id: ${id}\n    type: telegram\n    queue: buergerbuero\n    options:\n      token: "${TOKEN}"\n      api_url: "${url}"\n${more}`;

before(async () => {
    telegram = await new FakeTelegram().start();
    hooked = await new FakeTelegram().start();
    gateway = new Gateway({ extra_channels: channel('telegram', telegram.url) + channel('haken', hooked.url, `      mode: webhook\n      secret: ${SECRET}\n`) });
    gateway.port = await freePort();
    await gateway.start();
    await gateway.login();
}, { timeout: 60000 });
after(async () => {
    await gateway?.close();
    await telegram?.stop();
    await hooked?.stop();
});

const tickets = async (name = 'telegram') => (await gateway.api('GET', '/tickets?view=all&limit=200')).tickets.filter((t) => t.channel === name);
const items = async (number) => (await gateway.api('GET', `/tickets/${number}`)).items;
const of_chat = async (chat, name) => (await tickets(name)).find((t) => t.sender.address === String(chat));
const reply = (number, text, attachments = []) => gateway.api('POST', `/tickets/${number}/messages`, { kind: 'reply', text, attachments, client_id: randomUUID() }, 202);
const becomes = (number, id, state) => until(`${id} to be ${state}`, async () => {
    const i = (await items(number)).find((x) => x.id === id);
    if (i?.delivery?.state !== state) throw new Error(JSON.stringify(i?.delivery));
    return i.delivery;
}, 60000);
async function writes(chat, more) {
    telegram.push(telegram.message(chat, more));
    return until(`a ticket of ${chat}`, () => of_chat(chat), 30000);
}

test('a message becomes a ticket, the answer quotes it, the next one joins', { timeout: 60000 }, async () => {
    const t = await writes(4503599627370001, { text: 'Wann hat das Bürgerbüro offen?' });
    const m = await reply(t.number, 'Von 8 bis 16 Uhr. <b>*_[`');
    await becomes(t.number, m.id, 'sent');
    const s = telegram.sent.find((x) => x.chat === 4503599627370001);
    assert.match(s.text, /^Von 8 bis 16 Uhr\. <b>\*_\[`/);
    assert.ok(s.reply_to >= 500);
    telegram.push(telegram.message(4503599627370001, { text: 'Danke!', reply_to_message: { message_id: s.message_id } }));
    await until('the thanks in the same ticket', async () => (await items(t.number)).some((i) => i.text === 'Danke!'));
    assert.equal((await tickets()).filter((x) => x.sender.address === '4503599627370001').length, 1);
});

test('the same update again, and after a kill -9, is one message', { timeout: 90000 }, async () => {
    const u = telegram.push(telegram.message(77, { text: 'Nur einmal bitte' }));
    const t = await until('the ticket', () => of_chat(77));
    telegram.push(u);
    gateway.process.kill('SIGKILL');
    await gateway.process.done;
    telegram.push(u);
    await gateway.spawn();
    telegram.push(telegram.message(77, { text: 'Und noch eine' }));
    await until('the second', async () => (await items(t.number)).some((i) => i.text === 'Und noch eine'), 60000);
    assert.equal((await items(t.number)).filter((i) => i.text === 'Nur einmal bitte').length, 1);
});

test('while the store stands still nothing is acknowledged; then it comes, once', { timeout: 90000 }, async () => {
    const pid = Number(fs.readFileSync(path.join(gateway.state, 'redis', 'redis.pid'), 'utf8'));
    process.kill(pid, 'SIGSTOP');
    const u = telegram.push(telegram.message(78, { text: 'In der Pause' }));
    await new Promise((r) => setTimeout(r, 2500));
    assert.ok(telegram.queue.some((x) => x.update_id === u.update_id), 'still with Telegram');
    process.kill(pid, 'SIGCONT');
    const t = await until('the ticket', () => of_chat(78), 60000);
    await until('the receipt', () => !telegram.queue.some((x) => x.update_id === u.update_id), 60000);
    assert.equal((await items(t.number)).filter((i) => i.text === 'In der Pause').length, 1);
});

const size = (id, w) => ({ file_id: id, width: w, height: w, file_size: 1 });
/** The parts of an album; the bytes of the pictures are in pictures. */
function album(fake, chat, captions) {
    const group = randomUUID();
    const pictures = captions.map(() => randomBytes(4000));
    const parts = captions.map((caption, i) => {
        fake.files.set(`documents/${group}.${i}`, pictures[i]);
        return fake.message(chat, { media_group_id: group, ...(caption ? { caption } : {}), photo: [size(`${group}.${i}`, 640), size('klein', 90)] });
    });
    return { parts, pictures };
}
async function has_pictures(number, name, text, pictures) {
    const all = (await items(number)).filter((i) => i.direction === 'in');
    assert.deepEqual(all.map((i) => i.text), [text]);
    assert.equal(all[0].attachments.length, pictures.length);
    for (const [i, bytes] of pictures.entries()) {
        const got = await gateway.raw('GET', `/api/v1/messages/${all[0].id}/attachments/${i}`, { cookie: gateway.cookie });
        assert.ok(got.bytes.equals(bytes), `picture ${i} of ${name}`);
    }
}

test('photos of an album are one message with all files and all words; the largest size, byte by byte', { timeout: 60000 }, async () => {
    const { parts, pictures } = album(telegram, 79, ['Zwei Bilder', 'von hinten']);
    for (const p of parts) telegram.queue.push({ update_id: telegram.next_update++, ...p });
    telegram.waiting?.();
    const t = await until('the ticket', () => of_chat(79));
    await has_pictures(t.number, 'a batch', 'Zwei Bilder\n\nvon hinten', pictures);
});

test('an album split over batches, another chat between its parts, is one message', { timeout: 60000 }, async () => {
    const { parts, pictures } = album(telegram, 791, ['Drei Bilder', '', '']);
    telegram.batch_max = 1;
    for (const p of [parts[0], telegram.message(792, { text: 'dazwischen' }), parts[1], parts[2]]) telegram.queue.push({ update_id: telegram.next_update++, ...p });
    telegram.waiting?.();
    const t = await until('the ticket', () => of_chat(791));
    telegram.batch_max = 100;
    await until('the other chat', () => of_chat(792));
    await has_pictures(t.number, 'batches of one', 'Drei Bilder', pictures);
});

test('an album by webhook: each part acknowledged when it is durable, one message; a kill -9 and repetitions change nothing', { timeout: 120000 }, async () => {
    const { parts, pictures } = album(hooked, 795, ['', 'Vier Bilder', '', '']);
    const updates = parts.map((p, i) => ({ update_id: 700 + i, ...p }));
    // As Telegram does: the next update of a chat only after the answer to the one before.
    const post = async (list) => {
        for (const u of list) assert.equal((await gateway.raw('POST', '/channels/haken/webhook', { 'content-type': 'application/json', 'x-telegram-bot-api-secret-token': SECRET }, JSON.stringify(u))).status, 200);
    };
    await post(updates.slice(0, 2));
    gateway.process.kill('SIGKILL');
    await gateway.process.done;
    await gateway.spawn();
    await gateway.login();
    await post(updates.slice(1)); // the second one again: its answer got lost
    const t = await until('the ticket', () => of_chat(795, 'haken'), 60000);
    await has_pictures(t.number, 'the webhook', 'Vier Bilder', pictures);
    await post([updates[2], updates[0]]);
    await post([{ update_id: 710, ...hooked.message(796, { media_group_id: 'x', caption: 'Ein Album von einem' }) }]);
    await until('the next album, put together after the repetitions', () => of_chat(796, 'haken'), 60000);
    await has_pictures(t.number, 'the webhook, repeated', 'Vier Bilder', pictures);
});

test('a file that is gone or too large becomes a note, not a loss', { timeout: 60000 }, async () => {
    const t = await writes(80, { caption: 'Video anbei', video: { file_id: 'riese', file_size: 30 << 20 } });
    telegram.push(telegram.message(80, { caption: 'Dokument anbei', document: { file_id: 'weg', file_name: '../../etc/passwd' } }));
    await until('both', async () => (await items(t.number)).filter((i) => i.direction === 'in').length === 2, 30000);
    const all = (await items(t.number)).filter((i) => i.direction === 'in');
    assert.match(JSON.stringify(all[0].warnings), /20 MB/);
    assert.match(JSON.stringify(all[1].warnings), /could not be fetched/);
});

test('edits, groups, bots, /start', { timeout: 60000 }, async () => {
    const t = await writes(81, { text: 'Laterne 12 ist dunkel', message_id: 9001 });
    telegram.push({ edited_message: { ...telegram.message(81, { text: 'Laterne 14 ist dunkel', message_id: 9001, edit_date: 1795600000 }).message } });
    await until('the new text', async () => (await items(t.number)).some((i) => i.text === 'Laterne 14 ist dunkel' && /changed/.test(JSON.stringify(i.warnings))));
    const group = { chat: { id: -1001234567890, type: 'supergroup', title: 'Nachbarn' }, text: '@bot hallo' };
    telegram.push(telegram.message(82, group));
    telegram.push(telegram.message(82, group));
    telegram.push(telegram.message(83, { text: 'robot', from: { id: 83, is_bot: true } }));
    telegram.push(telegram.message(84, { text: '/start amt' }));
    await until('the greeting', () => telegram.sent.some((s) => s.chat === 84 && /Stadtverwaltung/.test(s.text)));
    assert.equal(telegram.sent.filter((s) => s.chat === -1001234567890).length, 1, 'declined once');
    // The group becomes a supergroup: service messages on both sides, and nothing is said again. The citizen blocks the bot and comes back.
    telegram.push(telegram.message(82, { chat: { id: -77, type: 'group' }, migrate_to_chat_id: -1001234567891 }));
    telegram.push(telegram.message(82, { chat: { id: -1001234567891, type: 'supergroup' }, migrate_from_chat_id: -77 }));
    for (const status of ['kicked', 'member']) telegram.push({ my_chat_member: { chat: { id: 81, type: 'private' }, from: { id: 81 }, date: 1795600000, new_chat_member: { status } } });
    await writes(87, { text: 'danach' });
    assert.equal(telegram.sent.filter((s) => [-77, -1001234567891].includes(s.chat)).length, 0);
    for (const chat of [-77, -1001234567891, -1001234567890, 82, 83, 84]) assert.equal(await of_chat(chat), undefined);
});

test('long texts in pieces, files as photo and document, typing', { timeout: 90000 }, async () => {
    const t = await writes(85, { text: 'Bitte alles schicken' });
    const long = `${'Ein Satz mit Umlauten äöü und 😀. '.repeat(200)}Ende.`;
    const upload = async (name, bytes) => (await gateway.raw('POST', `/api/v1/uploads?name=${name}`, { cookie: gateway.cookie, 'x-csrf-token': gateway.csrf, 'content-type': 'application/octet-stream' }, bytes)).json;
    const png = Buffer.from('89504e470d0a1a0a0000000d4948445200000001000000010806000000', 'hex');
    const pdf = Buffer.concat([Buffer.from('%PDF-1.4\n'), randomBytes(3000)]);
    const m = await reply(t.number, long, [await upload('bild.png', png), await upload('antrag.pdf', pdf)]);
    await becomes(t.number, m.id, 'sent');
    const got = telegram.sent.filter((s) => s.chat === 85);
    const texts = got.filter((s) => s.method === 'sendMessage');
    assert.ok(texts.length >= 2 && texts.every((s) => s.text.length <= 4096));
    assert.equal(texts.map((s) => s.text).join(' ').replace(/\s+/g, ' ').startsWith(long.trim().replace(/\s+/g, ' ')), true);
    assert.ok(got.find((s) => s.method === 'sendPhoto').body.includes(png));
    assert.ok(got.find((s) => s.method === 'sendDocument').body.includes(pdf));
});

test('429 pauses the bot as long as it says; 403 stops, 400 fails, 401 needs an operator, a cut is in doubt', { timeout: 120000 }, async () => {
    const t = await writes(86, { text: 'Fehler bitte' });
    telegram.answers.push({ error_code: 429, description: 'Too Many Requests: retry after 2', parameters: { retry_after: 2 } });
    const began = Date.now();
    const a = await reply(t.number, 'Gebremst');
    await becomes(t.number, a.id, 'sent');
    assert.ok(Date.now() - began >= 1900);
    const rows = [
        [{ error_code: 403, description: 'Forbidden: bot was blocked by the user' }, 'opted_out', /blocked/],
        [{ status: 403, error_code: 400, description: 'Bad Request: chat not found' }, 'failed', /refuses/],
        ['drop', 'in_doubt', /did not answer/],
        [{ status: 200, error_code: 401, description: 'Unauthorized' }, 'failed', /token/],
        [{ status: 200, error_code: 400, description: 'Bad Request: group chat was upgraded to a supergroup chat', parameters: { migrate_to_chat_id: -1001 } }, 'failed', /refuses/],
    ];
    for (const [answer, state, reason] of rows) {
        telegram.answers.push(answer);
        const m = await reply(t.number, `Antwort ${state}`);
        assert.match((await becomes(t.number, m.id, state)).reason, reason);
    }
    assert.equal(telegram.sent.filter((s) => s.chat === 86 && s.text.startsWith('Antwort in_doubt')).length, 1, 'not sent again');
});

test('update ids that go backwards, answers without a result: nothing is lost, nothing doubled, the channel comes back', { timeout: 120000 }, async () => {
    const t = await writes(88, { text: 'Vor dem Rückwärtsgang' });
    const next = telegram.next_update;
    telegram.next_update = 3; // Telegram begins anew when a bot was silent for a week
    await writes(89, { text: 'Rückwärts' });
    telegram.next_update = next;
    for (const odd of [{ ok: true }, { ok: true, result: {} }, { ok: true, result: null }, []]) {
        telegram.odd.set('getUpdates', odd);
        const calls = () => telegram.calls.filter((c) => c.method === 'getUpdates').length;
        const before = calls();
        telegram.waiting?.();
        await until('the odd answer to be given', () => calls() > before, 30000);
    }
    const said = await until('the channel to be down', async () => (await gateway.api('GET', '/settings')).channels.find((c) => c.id === 'telegram' && !c.up), 30000);
    assert.match(said.sentence, /cannot be read/);
    telegram.odd.clear();
    telegram.push(telegram.message(88, { text: 'Nach dem Rückwärtsgang' }));
    await until('the next message', async () => (await items(t.number)).some((i) => i.text === 'Nach dem Rückwärtsgang'), 90000);
    for (const chat of [88, 89]) assert.equal((await tickets()).filter((x) => x.sender.address === String(chat)).length, 1);
    telegram.odd.set('sendMessage', { ok: true });
    const m = await reply(t.number, 'Ohne Ergebnis');
    await becomes(t.number, m.id, 'in_doubt');
    telegram.odd.clear();
});

test('called by webhook: only with the secret, once, 503 while the store is away', { timeout: 90000 }, async () => {
    await until('the webhook to be registered', () => hooked.webhook.endsWith('/channels/haken/webhook') && hooked.secret === SECRET);
    const body = JSON.stringify({ update_id: 5, ...hooked.message(90, { text: 'Über den Haken' }) });
    const post = (secret, text = body) => gateway.raw('POST', '/channels/haken/webhook', { 'content-type': 'application/json', ...(secret ? { 'x-telegram-bot-api-secret-token': secret } : {}) }, text);
    for (const wrong of [undefined, 'falsch', `${SECRET}x`, SECRET.slice(1)]) assert.equal((await post(wrong)).status, 401);
    assert.equal((await post(SECRET, '{"update_id":')).status, 400);
    assert.equal((await post(SECRET, '[1]')).status, 400);
    assert.equal((await post(SECRET)).status, 200);
    assert.equal((await post(SECRET)).status, 200);
    const t = await until('the ticket', () => of_chat(90, 'haken'));
    assert.equal((await items(t.number)).length, 1);
    const m = await reply(t.number, 'Angekommen.');
    await becomes(t.number, m.id, 'sent');
});

test('a second reader (409) and a wrong token are told to the operator, without the token', { timeout: 60000 }, async () => {
    telegram.has_rival = true;
    telegram.waiting?.();
    const state = await until('the channel to be down', async () => (await gateway.api('GET', '/settings')).channels.find((c) => c.id === 'telegram' && !c.up), 60000);
    assert.match(state.sentence, /Another program/);
    telegram.has_rival = false;
    assert.ok(!gateway.process.output.includes(TOKEN.split(':')[1]), 'the token is in no log');
});

test('draht normalize telegram: every kind of content', () => {
    const file = path.join(gateway.dir, 'updates.json');
    const base = { message_id: 1, date: 1795600000, chat: { id: 5, type: 'private' }, from: { id: 5, is_bot: false, first_name: 'Jana' } };
    const rows = [
        [{ message: { ...base, text: 'Hallo\u0000 Welt' } }, { kind: 'message', external_id: '5.1', text: 'Hallo Welt', sent_at: '2026-11-25T09:46:40.000Z' }],
        [{ message: { ...base, venue: { title: 'Rathaus', address: 'Markt 1', location: { latitude: 51.3, longitude: 12.3 } }, location: { latitude: 1, longitude: 1 } } }, { text: /^Rathaus\nMarkt 1\n51\.300000, 12\.300000\nhttps:/ }],
        [{ message: { ...base, location: { latitude: 91, longitude: 0 } } }, { text: '', warnings: /cannot be shown/ }],
        [{ message: { ...base, contact: { first_name: 'A', phone_number: '+49 1' } } }, { text: 'A\n+49 1' }],
        [{ message: { ...base, voice: { file_id: 'v', mime_type: 'audio/ogg', file_size: 9 } } }, { text: '' }],
        [{ message: { ...base, poll: { question: 'Was?', options: [{ text: 'Ja' }, { text: 'Nein' }] } } }, { text: 'Was?\n- Ja\n- Nein' }],
        [{ message: { ...base, dice: { emoji: '🎲', value: 6 } } }, { text: '🎲\n6' }],
        [{ message: { ...base, sticker: { emoji: '👍', file_id: 's' } } }, { text: '👍' }],
        [{ message: { ...base, text: 'Mein Antrag, siehe Amt', entities: [{ type: 'bold', offset: 0, length: 4 }, { type: 'text_link', offset: 5, length: 6, url: 'https://stadt.example/a' }, { type: 'text_link', offset: 19, length: 3, url: 'https://stadt.example/a' }, { type: 'text_link', url: 5 }] } }, { text: 'Mein Antrag, siehe Amt\nhttps://stadt.example/a' }],
        [{ message: { ...base, caption: 'Plan', caption_entities: [{ type: 'text_link', url: 'https://stadt.example/b' }], document: { file_id: 'd' } } }, { text: 'Plan\nhttps://stadt.example/b' }],
        [{ message: { ...base, text: 'ja', quote: { text: 'morgen', position: 3, is_manual: true }, reply_to_message: { message_id: 3 } } }, { text: '> morgen\nja', in_reply_to: '5.3' }],
        [{ message: { ...base, text: 'ja', quote: { text: 'alles', position: 0 } } }, { text: 'ja' }],
        [{ message: { ...base, checklist: { title: 'Umzug', tasks: [{ id: 1, text: 'Anmelden' }, { id: 2, text: 'Ummelden' }] } } }, { text: 'Umzug\n- Anmelden\n- Ummelden', warnings: [] }],
        [{ message: { ...base, location: { latitude: 51.3, longitude: 12.3, live_period: 900 } } }, { text: /^51\.300000/ }],
        [{ edited_message: { ...base, edit_date: 1795600009, location: { latitude: 51.4, longitude: 12.3, live_period: 900 } } }, { kind: 'ignored', reason: 'a place that moves' }],
        ...['pinned_message', 'message_auto_delete_timer_changed', 'chat_background_set', 'write_access_allowed', 'gift'].map((k) => [{ message: { ...base, [k]: { message_auto_delete_time: 1 } } }, { kind: 'ignored', reason: "a note of Telegram's" }]),
        [{ message: { ...base, story: {} } }, { warnings: /cannot be shown/ }],
        [{ message: { ...base, chat: { id: -5, type: 'group' }, text: 'x' } }, { kind: 'ignored' }],
        [{ my_chat_member: { new_chat_member: { status: 'kicked' } } }, { kind: 'ignored', reason: /blocked/ }],
        [{ message_reaction: {} }, { kind: 'ignored' }],
        [{ callback_query: {} }, { kind: 'ignored' }],
        [{ message: { text: 'x' } }, { kind: 'ignored' }],
        [{}, { kind: 'ignored' }],
    ];
    fs.writeFileSync(file, JSON.stringify({ ok: true, result: rows.map(([u], i) => ({ update_id: i, ...u })) }));
    const got = execFileSync(BINARY, ['normalize', 'telegram', file], { cwd: ROOT, encoding: 'utf8' }).trim().split('\n').map((l) => JSON.parse(l));
    assert.equal(got.length, rows.length);
    rows.forEach(([, want], i) => {
        for (const [k, v] of Object.entries(want)) {
            if (v instanceof RegExp) assert.match(typeof got[i][k] === 'string' ? got[i][k] : JSON.stringify(got[i][k]), v, `${i} ${k}`);
            else assert.deepEqual(got[i][k], v, `${i} ${k}`);
        }
    });
    for (const bad of ['', '7', '"x"', '{"update_id":1', '\xff{}', '['.repeat(5000)]) {
        fs.writeFileSync(file, bad, 'latin1');
        const r = spawnSync(BINARY, ['normalize', 'telegram', file], { cwd: ROOT, encoding: 'utf8' });
        assert.equal(r.status, 1, bad.slice(0, 20));
        assert.equal(r.stderr.trim().split('\n').length, 1);
    }
});
