// SPDX-License-Identifier: EUPL-1.2
// Promise: with a real Synapse a citizen's room becomes a ticket and the answer comes back into the room, with files, read
// marks and typing; nothing is lost over a gap or a kill -9, nothing is doubled, and what cannot be read is said honestly.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const { Synapse, has } = require('../lib/synapse');
const { Citizen } = require('../lib/matrix-citizen');
const { until } = require('../lib/process');
const { office, tickets, items, texts, ticketWith, answer, becomes, upload, up } = require('../lib/matrix-office');

const OFFICE = '@amt:lab.test';
let synapse, gateway, jana, room;

before(async () => {
    assert.ok(has(), 'Synapse is not installed: run make test-peers');
    synapse = await new Synapse().start();
    for (const user of ['amt', 'jana', 'emre', 'olga']) await synapse.register(user, 'geheim');
    jana = await new Citizen(synapse.url, 'jana', 'geheim').login('Jana Muster');
    gateway = await office([`homeserver: "${synapse.url}"`, 'user: amt', 'password: geheim']).start();
    await gateway.login();
    await up(gateway);
}, { timeout: 240000 });

after(async () => {
    await jana?.close();
    await gateway?.close();
    await synapse?.close();
}, { timeout: 60000 });

async function restart(signal = 'SIGKILL') {
    gateway.process.kill(signal);
    await gateway.process.done;
    await gateway.spawn();
}

test('an invitation is accepted, the first message becomes a ticket, the answer comes into the room', { timeout: 120000 }, async () => {
    room = await jana.room(OFFICE);
    await jana.say(room, 'Vor dem Beitritt geschrieben');
    const t = await ticketWith(gateway, 'Vor dem Beitritt geschrieben');
    assert.equal(t.sender.address, '@jana:lab.test');
    assert.equal(t.sender.name, 'Jana Muster');
    await jana.hears(room, (e) => e.content?.msgtype === 'm.notice');
    await jana.say(room, 'Die Laterne <vor> Haus 5 ist "aus" & dunkel 💡');
    await until('the second message in the same ticket', async () => (await texts(gateway, t.number)).length === 2);
    assert.equal((await texts(gateway, t.number))[1], 'Die Laterne <vor> Haus 5 ist "aus" & dunkel 💡');
    const m = await answer(gateway, t.number, 'Danke, wir <b>kommen</b>.\nMorgen.');
    const e = await jana.hears(room, (x) => x.content?.body?.startsWith('Danke, wir'));
    assert.equal(e.sender, OFFICE);
    assert.equal(e.content.body, 'Danke, wir <b>kommen</b>.\nMorgen.');
    assert.equal(e.content.formatted_body, 'Danke, wir &lt;b&gt;kommen&lt;/b&gt;.<br>Morgen.');
    await becomes(gateway, m, 'sent');
    await jana.read(room, e.event_id);
    await becomes(gateway, m, 'read');
    assert.equal(jana.heard(room).filter((b) => b.startsWith('Danke')).length, 1);
});

test('files go both ways, byte by byte', { timeout: 120000 }, async () => {
    const png = Buffer.concat([Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), randomBytes(200000)]);
    const url = await jana.upload(png, 'image/png', 'laterne.png');
    await jana.send(room, { msgtype: 'm.image', body: 'Hier ist sie', filename: '../laterne.png', url, info: { mimetype: 'text/html', size: png.length } });
    const t = await ticketWith(gateway, 'Hier ist sie');
    const item = (await items(gateway, t.number)).find((i) => i.text === 'Hier ist sie');
    assert.equal(item.attachments.length, 1);
    assert.equal(item.attachments[0].type, 'image/png');
    assert.ok(!item.attachments[0].name.includes('/'));
    assert.equal(item.attachments[0].length, png.length);
    const pdf = Buffer.concat([Buffer.from('%PDF-1.4\n'), randomBytes(300000)]);
    const file = await upload(gateway, 'Bescheid.pdf', 'application/pdf', pdf);
    await answer(gateway, t.number, 'Im Anhang', [file]);
    const e = await jana.hears(room, (x) => x.content?.msgtype === 'm.file');
    assert.equal(e.content.body, 'Bescheid.pdf');
    assert.deepEqual(await jana.download(e.content.url), pdf);
});

test('replies, edits, reactions, redactions, places and notices find their ticket', { timeout: 120000 }, async () => {
    const t = await ticketWith(gateway, 'Hier ist sie');
    const first = await jana.say(room, 'Es ist Haus 5');
    await jana.send(room, { msgtype: 'm.text', body: '* Es ist Haus 7', 'm.new_content': { msgtype: 'm.text', body: 'Es ist Haus 7' }, 'm.relates_to': { rel_type: 'm.replace', event_id: first } });
    await jana.send(room, { msgtype: 'm.text', body: '> <@amt:lab.test> Danke\n\nGern geschehen', 'm.relates_to': { 'm.in_reply_to': { event_id: first } } });
    await jana.send(room, { msgtype: 'm.location', body: 'Hier', geo_uri: 'geo:51.5,7.4' });
    await jana.send(room, { msgtype: 'm.emote', body: 'winkt' });
    await jana.send(room, { 'm.relates_to': { rel_type: 'm.annotation', event_id: first, key: '👍' } }, 'm.reaction');
    await jana.redact(room, first);
    const all = await until('the note of the redaction', async () => {
        const list = await items(gateway, t.number);
        return list.some((i) => (i.text || '').includes('zurückgezogen')) && list.map((i) => i.text || '');
    });
    for (const want of ['Neue Fassung einer früheren Nachricht:\nEs ist Haus 7', 'Gern geschehen', 'Hier\n51.500000, 7.400000\nhttps://www.openstreetmap.org/?mlat=51.500000&mlon=7.400000', '* winkt']) assert.ok(all.includes(want), `${want} in ${JSON.stringify(all)}`);
    assert.ok(all.some((x) => x.includes('👍')));
    assert.equal((await tickets(gateway)).length, 1, 'a room is one conversation');
});

test('typing is seen on both sides', { timeout: 60000 }, async () => {
    await jana.types(room, true);
    await jana.types(room, false);
    await jana.say(room, 'Nach dem Tippen');
    await ticketWith(gateway, 'Nach dem Tippen');
});

test('what is said while the gateway is away arrives afterwards, once, in its order, over a gap', { timeout: 180000 }, async () => {
    gateway.process.kill('SIGKILL');
    await gateway.process.done;
    const said = Array.from({ length: 130 }, (_, i) => `Gestaut ${String(i).padStart(3, '0')}`);
    for (const s of said) await jana.say(room, s);
    await gateway.spawn();
    const t = await ticketWith(gateway, said[129], 90000);
    const got = (await texts(gateway, t.number)).filter((x) => x.startsWith('Gestaut'));
    assert.deepEqual(got, said);
    await restart();
    await up(gateway);
    await jana.say(room, 'Nach dem zweiten Neustart');
    await ticketWith(gateway, 'Nach dem zweiten Neustart');
    const again = (await texts(gateway, t.number)).filter((x) => x.startsWith('Gestaut'));
    assert.equal(again.length, said.length, 'nothing is doubled');
});

test('an encrypted room gets one honest notice, and the ticket a placeholder', { timeout: 120000 }, async () => {
    const emre = await new Citizen(synapse.url, 'emre', 'geheim').login('Emre');
    const sealed = await emre.room(OFFICE, { initial_state: [{ type: 'm.room.encryption', state_key: '', content: { algorithm: 'm.megolm.v1.aes-sha2' } }] });
    await emre.hears(sealed, (e) => e.content?.msgtype === 'm.notice' && e.content.body.includes('verschlüsselt'));
    for (let i = 0; i < 2; i++) await emre.send(sealed, { algorithm: 'm.megolm.v1.aes-sha2', ciphertext: 'AAAA', session_id: 'x', sender_key: 'y', device_id: 'z' }, 'm.room.encrypted');
    const t = await ticketWith(gateway, 'Verschlüsselte Nachricht');
    assert.equal(t.sender.address, '@emre:lab.test');
    await until('both placeholders', async () => (await texts(gateway, t.number)).length === 2);
    assert.equal(emre.heard(sealed, 'm.notice').filter((b) => b.includes('verschlüsselt')).length, 1);
    await emre.close();
});

test('a room with more people is left; a citizen who left is not written to', { timeout: 120000 }, async () => {
    const olga = await new Citizen(synapse.url, 'olga', 'geheim').login('Olga');
    const crowd = await olga.room([OFFICE, '@jana:lab.test', '@emre:lab.test']);
    await olga.hears(crowd, (e) => e.type === 'm.room.member' && e.state_key === OFFICE && e.content.membership === 'leave');
    const alone = await olga.room(OFFICE);
    await olga.say(alone, 'Ich gehe gleich wieder');
    const t = await ticketWith(gateway, 'Ich gehe gleich wieder');
    await olga.leave(alone);
    await jana.say(room, 'Marke nach dem Austritt');
    await ticketWith(gateway, 'Marke nach dem Austritt');
    await becomes(gateway, await answer(gateway, t.number, 'Noch da?'), 'opted_out');
    const amt = await new Citizen(synapse.url, 'amt', 'geheim').login();
    await until('the room without its citizen to be left', async () => !(await amt.call('GET', '/_matrix/client/v3/joined_rooms')).joined_rooms.includes(alone), 45000);
    await until('m.direct to name the room that goes on, and no other', async () => {
        const direct = await amt.call('GET', `/_matrix/client/v3/user/${encodeURIComponent(OFFICE)}/account_data/m.direct`);
        return direct['@jana:lab.test']?.includes(room) && !direct['@olga:lab.test'];
    }, 45000);
    await assert.rejects(amt.call('GET', `/_matrix/client/v3/rooms/${encodeURIComponent(alone)}/messages?dir=b&limit=1`), /403/, 'forgotten');
    await amt.close();
    await olga.close();
});

test('a token that ends is replaced by a login; nothing is lost meanwhile', { timeout: 120000 }, async () => {
    const amt = await new Citizen(synapse.url, 'amt', 'geheim').login();
    await amt.call('POST', '/_matrix/client/v3/logout/all', {});
    amt.running = false;
    await jana.say(room, 'Während die Anmeldung fehlte');
    const t = await ticketWith(gateway, 'Während die Anmeldung fehlte', 90000);
    await becomes(gateway, await answer(gateway, t.number, 'Wieder da'), 'sent', 90000);
    assert.equal(jana.heard(room).filter((b) => b === 'Wieder da').length <= 1, true);
    await jana.hears(room, (e) => e.content?.body === 'Wieder da');
    await amt.close();
});
