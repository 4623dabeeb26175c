// SPDX-License-Identifier: EUPL-1.2
// Promise: two foreign GeoReport v2 clients, georeport and three, find out what can be reported, send a report with a picture, and
// read how it is doing, in JSON and in XML; what they are refused they are told in a way that they understand.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');
const { spawn } = require('node:child_process');
const { Gateway, ROOT } = require('../lib/gateway');
const { scratch, until } = require('../lib/process');

const PYTHON = path.join(ROOT, 'build', 'peers', 'open311', 'bin', 'python');
const KEY = 'geheim-0123456789abcdef';
const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
const dir = scratch('open311-peers');
const picture = path.join(dir, 'loch.png');
let gateway, program, answers, number;

const channel = `  - id: mangel
    type: open311
    queue: buergerbuero
    options:
      api_keys: [${KEY}]
      services:
        - code: "001"
          name: Schlagloch
          description: Schäden an der Fahrbahn
          attributes:
            - {code: SIZE, description: "Wie groß?", datatype: singlevaluelist, required: true, values: [{key: s, name: klein}, {key: l, name: groß}]}
        - {code: "002", name: Straßenlaterne}
`;

before(async () => {
    fs.writeFileSync(picture, PNG);
    gateway = await new Gateway({ extra_channels: channel }).start();
    await gateway.login();
    const url = `http://127.0.0.1:${gateway.port}/channels/mangel`;
    program = spawn(PYTHON, [path.join(ROOT, 'tests/lib/open311-clients.py'), url, KEY], { stdio: ['pipe', 'pipe', 'inherit'] });
    answers = readline.createInterface({ input: program.stdout })[Symbol.asyncIterator]();
}, { timeout: 60000 });
after(async () => {
    program?.stdin.end();
    await gateway?.close();
    fs.rmSync(dir, { recursive: true, force: true });
});

async function ask(client, call, args = {}) {
    program.stdin.write(`${JSON.stringify({ client, call, args })}\n`);
    const { value } = await answers.next();
    return JSON.parse(value);
}
async function got(client, call, args) {
    const a = await ask(client, call, args);
    assert.equal(a.error, undefined, `${client}.${call}: ${a.error} ${a.text}`);
    return a.value;
}

test('both find out what can be reported', { timeout: 60000 }, async () => {
    const lists = [await got('json', 'get_service_list'), await got('xml', 'get_service_list'), await got('three', 'services')];
    for (const l of lists) assert.deepEqual(l.map((s) => [s.service_code, s.service_name, String(s.metadata)]), [['001', 'Schlagloch', 'true'], ['002', 'Straßenlaterne', 'false']]);
    const json = await got('json', 'get_service_definition', { service_code: '001' });
    assert.deepEqual(json.attributes.map((a) => [a.code, a.required, a.values]), [['SIZE', true, [{ key: 's', name: 'klein' }, { key: 'l', name: 'groß' }]]]);
    const xml = await got('xml', 'get_service_definition', { service_code: '001' });
    assert.deepEqual(xml.attributes.attribute.values.value, json.attributes[0].values);
    assert.deepEqual(await got('three', 'services', { code: '001' }), json);
    const d = await got('three', 'discovery');
    assert.equal(d.endpoints[0].specification, 'http://wiki.open311.org/GeoReport_v2');
});

test('three sends a report with a picture: it is a ticket', { timeout: 60000 }, async () => {
    const [made] = await got('three', 'post', { service_code: '001', lat: '51.3397', long: '12.3731', 'attribute[SIZE]': 'l', name: 'Erika Mustermann', email: 'erika@buerger.example', description: 'Tiefes Loch – vor dem Rathaus', media: picture });
    number = made.service_request_id;
    assert.match(number, /^\d{4}-\d{6}$/);
    const t = await gateway.api('GET', `/tickets/${number}`);
    assert.equal(t.items[0].text, 'Tiefes Loch – vor dem Rathaus\n\n51.339700, 12.373100\nhttps://www.openstreetmap.org/?mlat=51.339700&mlon=12.373100\nWie groß? groß');
    assert.deepEqual(t.items[0].attachments.map((a) => [a.name, a.type, a.bytes ?? a.length ?? a.size]), [['loch.png', 'image/png', PNG.length]]);
    assert.deepEqual(await got('three', 'token', { id: number }), [{ token: number, service_request_id: number }]);
});

test('all read how it is doing, and nothing of the person', { timeout: 60000 }, async () => {
    await gateway.api('PATCH', `/tickets/${number}`, { tags: ['öffentlich'] });
    await gateway.api('POST', `/tickets/${number}/messages`, { kind: 'reply', client_id: 'a1', text: 'Das Loch ist gefüllt.', close: true });
    await until('the note', async () => (await got('json', 'get_service_request', { service_request_id: number })).status_notes === 'Das Loch ist gefüllt.');
    const one = await got('json', 'get_service_request', { service_request_id: number });
    assert.deepEqual([one.status, one.lat, one.long, one.description], ['closed', 51.3397, 12.3731, 'Tiefes Loch – vor dem Rathaus']);
    const xml = await got('xml', 'get_service_request', { service_request_id: number });
    const words = (o) => Object.fromEntries(Object.entries(o).map(([k, v]) => [k, v === null ? null : String(v)]));
    assert.deepEqual(words(xml), words(one));
    assert.deepEqual(await got('json', 'get_service_requests', { service_code: '001', status: 'closed', start_date: '2020-01-01T00:00:00Z' }), []);
    assert.deepEqual(await got('json', 'get_service_requests', { service_code: '001', status: 'closed' }), [one]);
    assert.deepEqual(await got('three', 'requests', { code: '001', count: 1 }), [one]);
    assert.deepEqual(await got('three', 'request', { id: number }), [one]);
    assert.ok(!JSON.stringify([one, xml]).match(/erika|muster/i));
});

test('what is refused they are told', { timeout: 60000 }, async () => {
    assert.match((await ask('json', 'get_service_request', { service_request_id: '2026-999999' })).text, /^404 /);
    assert.match((await ask('xml', 'get_service_requests', { status: 'away' })).text, /^400 /);
    const refused = await got('three', 'post', { service_code: '001', lat: '51.3397', long: '12.3731', description: 'x' });
    assert.deepEqual(refused, [{ code: '400', description: 'attribute[SIZE] is required' }]);
    assert.equal((await got('three', 'post', { service_code: '002', api_key: 'falsch', address: 'Markt 1' }))[0].code, '403');
});
