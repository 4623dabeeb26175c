// SPDX-License-Identifier: EUPL-1.2
// Promise: a report of another system is a ticket before its number is told, once; its state goes back out; what the public may
// read holds nothing personal; every answer is GeoReport v2 in both notations, and every fault is named.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { execFileSync, spawnSync } = require('node:child_process');
const { Gateway, ROOT, BINARY } = require('../lib/gateway');
const { FakeClamd, EICAR } = require('../lib/fake-clamd');
const { scratch, until } = require('../lib/process');

const KEY = 'geheim-0123456789abcdef';
const RNG = path.join(ROOT, 'tests', 'golden', 'open311', 'georeport.rng');
const BASE = '/channels/mangel';
const dir = scratch('open311');
let gateway, clamd;

before(async () => {
    clamd = await new FakeClamd().listen(path.join(dir, 'clamd.sock'));
    gateway = await new Gateway({
        rules: `  - {name: Straßen, channel: mangel, recipient: "001", queue: tiefbau}\n`,
        queues: [{ id: 'tiefbau', name: 'Tiefbauamt' }],
        extra_channels: `  - id: mangel
    type: open311
    queue: buergerbuero
    options:
      api_keys: [${KEY}, ein-anderer-schluessel]
      bounds: [51.2, 12.2, 51.5, 12.6]
      contact: "open311@stadt.test"
      clamd: "unix:${path.join(dir, 'clamd.sock')}"
      services:
        - code: "001"
          name: Schlagloch & <Loch>
          description: Schäden an der Fahrbahn
          group: Straße
          keywords: straße,loch
          notice: Wir sehen es uns an.
          attributes:
            - {code: SIZE, description: "Wie groß?", datatype: singlevaluelist, required: true, values: [{key: s, name: klein}, {key: l, name: groß}]}
            - {code: WHERE, description: "Wo?", datatype: multivaluelist, values: [{key: road, name: Fahrbahn}, {key: walk, name: Gehweg}]}
            - {code: SINCE, description: "Seit wann?", datatype: datetime}
            - {code: DEPTH, description: "Wie tief (cm)?", datatype: number}
        - {code: "002", name: Straßenlaterne, description: Licht ist aus}
        - {code: "003", name: Papierkorb}
        - {code: "004", name: Wildwuchs}
`,
    }).start();
    await gateway.login();
}, { timeout: 60000 });
after(async () => {
    await gateway?.close();
    await clamd?.close();
    fs.rmSync(dir, { recursive: true, force: true });
});

const form = (o) => new URLSearchParams(o).toString();
const post = (fields, type = 'json', headers = {}) => gateway.raw('POST', `${BASE}/requests.${type}`, { 'content-type': 'application/x-www-form-urlencoded', ...headers }, typeof fields === 'string' ? fields : form({ api_key: KEY, ...fields }));
const get = (p) => gateway.raw('GET', `${BASE}/${p}`);
/** The answer must be XML by the grammar, with its declaration. */
function xml(a, status) {
    assert.equal(a.status, status, a.text);
    assert.equal(a.headers['content-type'], 'text/xml; charset=utf-8');
    assert.match(a.text, /^<\?xml version="1.0" encoding="utf-8"\?>/);
    execFileSync('xmllint', ['--nonet', '--noout', '--relaxng', RNG, '-'], { input: a.bytes, stdio: ['pipe', 'ignore', 'pipe'] });
    return a.text;
}
let n = 0;
const lamp = (more = {}) => ({ service_code: '002', lat: '51.34', long: '12.37', description: `Laterne ${++n} ist aus`, ...more });
async function made(fields) {
    const a = await post(fields);
    assert.equal(a.status, 200, a.text);
    assert.equal(a.json.length, 1);
    return a.json[0].service_request_id;
}
function faults(a, status) {
    assert.equal(a.status, status, a.text);
    for (const e of a.json) assert.deepEqual(Object.keys(e), ['code', 'description']);
    return a.json.map((e) => e.description).join('\n');
}

test('services, definitions and discovery in both notations', { timeout: 60000 }, async () => {
    assert.match(xml(await get('services.xml'), 200), /Schlagloch &amp; &lt;Loch&gt;/);
    const s = (await get('services.json')).json;
    assert.deepEqual(s.map((x) => [x.service_code, x.metadata, x.type]), [['001', true, 'realtime'], ['002', false, 'realtime'], ['003', false, 'realtime'], ['004', false, 'realtime']]);
    xml(await get('services/001.xml'), 200);
    xml(await get('services/002.xml'), 200);
    const d = (await get('services/001.json')).json;
    assert.deepEqual(d.attributes.map((a) => [a.code, a.order, a.required]), [['SIZE', 1, true], ['WHERE', 2, false], ['SINCE', 3, false], ['DEPTH', 4, false]]);
    assert.deepEqual(d.attributes[0].values, [{ key: 's', name: 'klein' }, { key: 'l', name: 'groß' }]);
    xml(await get('discovery.xml'), 200);
    const e = (await get('discovery.json')).json.endpoints[0];
    assert.equal(e.url, `http://127.0.0.1:${gateway.port}${BASE}`);
    assert.equal((await gateway.raw('GET', new URL(`${e.url}/services.json`).pathname)).status, 200);
    xml(await get('services/999.xml'), 404);
    faults(await get('services/999.json'), 404);
    faults(await get('nothing.json'), 404);
    xml(await get('services'), 404);
    faults(await get('services.json?callback=alert'), 400);
    const accept = await gateway.raw('GET', `${BASE}/services.json`, { accept: 'text/xml' });
    assert.equal(accept.headers['content-type'], 'application/json; charset=utf-8');
    assert.equal(accept.headers['access-control-allow-origin'], '*');
});

test('a report becomes a ticket of the right office, its state and released answer go back out', { timeout: 60000 }, async () => {
    const id = await made({
        service_code: '001', lat: '51.3397', long: '12.3731', address_string: 'Markt 1', 'attribute[SIZE]': 'l', 'attribute[WHERE][]': 'road', 'attribute[DEPTH]': '12.5',
        'attribute[SINCE]': '2026-11-20T08:00:00+01:00', email: 'erika@buerger.test', first_name: 'Erika', last_name: 'Mustermann', phone: '0341 1234567', device_id: 'geraet-77',
        description: 'Tiefes Loch. Fragen an Erika Mustermann, erika@buerger.test, 0341/123 45 67.', media_url: 'http://127.0.0.1:6379/',
    });
    const t = await gateway.api('GET', `/tickets/${id}`);
    const m = t.items.find((i) => i.direction === 'in' || i.text);
    assert.equal(t.queue, 'tiefbau');
    assert.equal(t.subject, 'Schlagloch & <Loch>');
    assert.equal(t.sender.address, 'erika@buerger.test');
    assert.equal(t.sender.name, 'Erika Mustermann');
    for (const words of ['Tiefes Loch', 'Wie groß? groß', 'Wo? Fahrbahn', 'Wie tief (cm)? 12.5', 'Markt 1\n51.339700, 12.373100\nhttps://www.openstreetmap.org/?mlat=51.339700&mlon=12.373100\n']) assert.ok(m.text.includes(words), `${words} in ${m.text}`);
    assert.ok(!JSON.stringify(t).includes('geraet-77'));

    const before = (await get(`requests/${id}.json`)).json[0];
    assert.equal(before.status, 'open');
    assert.equal(before.service_code, '001');
    assert.equal(before.lat, 51.3397);
    assert.equal(before.description, null);
    assert.equal(before.status_notes, null);
    assert.equal(before.media_url, null);
    assert.match(before.requested_datetime, /Z$/);
    assert.ok(before.updated_datetime >= before.requested_datetime, `${before.updated_datetime} ${before.requested_datetime}`);
    assert.ok(Math.abs(new Date(before.updated_datetime) - Date.now()) < 60000, before.updated_datetime);

    await gateway.api('POST', `/tickets/${id}/messages`, { kind: 'reply', client_id: 'a1', text: 'Sehr geehrte Frau Mustermann, das Loch ist gefüllt. Rückfragen: 0341 555-2100.', close: true });
    const closed = await until('the state to be closed', async () => {
        const r = (await get(`requests/${id}.json`)).json[0];
        return r.status === 'closed' && r;
    });
    assert.equal(closed.status_notes, null);
    await gateway.api('POST', `/tickets/${id}/messages`, { kind: 'note', client_id: 'a2', text: 'NOTIZ-GEHEIM' });
    await gateway.api('PATCH', `/tickets/${id}`, { tags: ['öffentlich'] });
    const open = await until('the note to be released', async () => {
        const r = (await get(`requests/${id}.json`)).json[0];
        return r.status_notes && r;
    });
    assert.match(open.status_notes, /das Loch ist gefüllt/);
    assert.match(open.description, /Tiefes Loch/);
    const all = [(await get('requests.json')).text, xml(await get('requests.xml'), 200), xml(await get(`requests/${id}.xml`), 200)];
    for (const text of all)
        for (const secret of ['Mustermann', 'Erika', 'buerger.test', '1234567', '123 45 67', 'NOTIZ-GEHEIM', 'geraet-77', '555-2100'])
            assert.ok(!text.includes(secret), `${secret} in ${text}`);
    await gateway.api('PATCH', `/tickets/${id}`, { state: 'open', tags: [] });
    const again = (await get(`requests/${id}.json`)).json[0];
    assert.deepEqual([again.status, again.status_notes, again.description], ['open', null, null]);
    assert.deepEqual((await get(`tokens/${id}.json`)).json, [{ token: id, service_request_id: id }]);
    xml(await get(`tokens/${id}.xml`), 200);
    xml(await get('tokens/nothing.xml'), 404);
    xml(await get('requests/2026-999999.xml'), 404);
});

test('the same report within ten minutes is one ticket, also when it comes twice at once', { timeout: 60000 }, async () => {
    const r = lamp({ device_id: 'x' });
    const ids = await Promise.all([made(r), made(r), made(r)]);
    ids.push(await made(r), await made({ ...r, api_key: 'ein-anderer-schluessel' }));
    assert.equal(new Set(ids.slice(0, 4)).size, 1);
    assert.notEqual(ids[4], ids[0]);
    xml(await post(lamp(), 'xml'), 200);
});

test('every fault of a report is named, with the right status', { timeout: 60000 }, async () => {
    faults(await post(form(lamp())), 403);
    faults(await post({ ...lamp(), api_key: 'falsch' }), 403);
    faults(await post(form({ ...lamp(), api_key: `${KEY}x` })), 403);
    xml(await post(form(lamp()), 'xml'), 403);
    assert.match(faults(await post({ lat: '51.34', long: '12.37' }), 400), /service_code is required/);
    faults(await post(lamp({ service_code: '77' })), 404);
    assert.match(faults(await post({ service_code: '001', description: 'x' }), 400), /location is required[^]*attribute\[SIZE\] is required/);
    const places = [['0', '0'], ['51,34', '12,37'], ['12.37', '51.34'], ['NaN', '12'], ['inf', '12'], ['1e1', '12'], ['91', '12'], ['51.34', ''], ['48.1', '11.5']];
    for (const [lat, long] of places) faults(await post(lamp({ lat, long })), 400);
    assert.match(faults(await post(lamp({ lat: '12.37', long: '51.34' })), 400), /swapped/);
    assert.match(faults(await post(`${form({ api_key: KEY, ...lamp() })}&service_code=001`), 400), /more than once/);
    for (const name of ['attribute[SIZE]', 'attribute[', 'attribute[]', 'attribute[X][Y]', 'attribute[[SIZE]]', 'attributeX'])
        assert.match(faults(await post(lamp({ [name]: 's' })), 400), /does not belong/, name);
    const hole = { service_code: '001', address_string: 'Markt 1' };
    for (const more of [{ 'attribute[SIZE]': 'riesig' }, { 'attribute[SIZE]': 's', 'attribute[DEPTH]': '1,5' }, { 'attribute[SIZE]': 's', 'attribute[SINCE]': 'gestern' }, { 'attribute[SIZE][]': 's' }])
        faults(await post({ ...hole, ...more }), 400);
    for (const media_url of ['javascript:alert(1)', 'file:///etc/passwd', 'https://x.test/"onload=']) faults(await post(lamp({ media_url })), 400);
    faults(await post(lamp({ email: 'kein Postfach' })), 400);
    faults(await post(lamp({ description: 'x'.repeat(4001) })), 400);
    assert.ok(await made(lamp({ description: 'y'.repeat(4000) })));
    faults(await post(Array.from({ length: 10000 }, (_, i) => `attribute[${i}]=1`).join('&')), 413);
    faults(await post('{}', 'json', { 'content-type': 'application/json' }), 415);
    xml(await post(lamp(), 'html'), 404);
});

test('control characters never break the XML, and words in it never become elements', { timeout: 60000 }, async () => {
    const id = await made(lamp({ description: 'a\u0000b\u0001c\u000bd\ufffee\uffff f]]><x>&amp;\r\n"g" \ud83d\ude00' }));
    await gateway.api('PATCH', `/tickets/${id}`, { tags: ['öffentlich'] });
    const text = await until('the description', async () => {
        const x = xml(await get(`requests/${id}.xml`), 200);
        return x.includes('ab') && x;
    });
    assert.ok(text.includes('abcde f]]&gt;&lt;x&gt;&amp;amp;'), text);
    assert.ok(text.includes('\u{1f600}'));
});

const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489', 'hex');
/** POST with files: [name, bytes]. */
function upload(fields, files, format = 'json') {
    const parts = [
        ...Object.entries({ api_key: KEY, ...fields }).map(([k, v]) => Buffer.from(`--g\r\nContent-Disposition: form-data; name="${k}"\r\n\r\n${v}\r\n`)),
        ...files.flatMap(([name, bytes]) => [Buffer.from(`--g\r\nContent-Disposition: form-data; name="media"; filename="${name}"\r\nContent-Type: image/png\r\n\r\n`), bytes, Buffer.from('\r\n')]),
        Buffer.from('--g--\r\n')];
    return gateway.raw('POST', `${BASE}/requests.${format}`, { 'content-type': 'multipart/form-data; boundary=g' }, Buffer.concat(parts));
}

test('pictures come in by multipart, other files do not', { timeout: 60000 }, async () => {
    const a = await upload(lamp(), [['../../loch.png', PNG]]);
    assert.equal(a.status, 200, a.text);
    const t = await gateway.api('GET', `/tickets/${a.json[0].service_request_id}`);
    const m = t.items.find((i) => i.attachments?.length);
    assert.equal(m.attachments[0].name, 'loch.png');
    assert.equal(m.attachments[0].type, 'image/png');
    assert.equal((await upload(lamp(), [['x.png', Buffer.from('<html><script>')]])).status, 400);
    faults(await upload(lamp(), Array.from({ length: 6 }, (_, i) => [`${i}.png`, PNG])), 413);
});

test('no picture is kept that the virus scanner did not pass', { timeout: 60000 }, async () => {
    const report = lamp(), bad = Buffer.concat([PNG, Buffer.from(EICAR)]);
    const seen = clamd.files.length;
    assert.match(faults(await upload(report, [['a.png', PNG], ['b.png', bad]]), 400), /virus/);
    assert.deepEqual(clamd.files.slice(seen), [PNG, bad]);
    xml(await upload(report, [['b.png', bad]], 'xml'), 400);
    for (const mode of ['error', 'garbage', 'hang up']) {
        clamd.mode = mode;
        faults(await upload(report, [['a.png', PNG]]), 503);
    }
    clamd.mode = 'scan';
    assert.ok(!(await get('requests.json?service_code=002')).text.includes(report.description));
    const a = await upload(report, [['a.png', PNG], ['b.png', PNG]]);
    assert.equal(a.status, 200, a.text);
    const t = await gateway.api('GET', `/tickets/${a.json[0].service_request_id}`);
    assert.deepEqual(t.items.flatMap((i) => i.attachments || []).map((f) => f.name), ['a.png', 'b.png']);
    assert.equal(t.items.filter((i) => i.direction === 'in').length, 1);
});

test('an address of a picture is never called, wherever it leads', { timeout: 60000 }, async () => {
    let calls = 0;
    const inside = net.createServer((s) => {
        calls++;
        s.destroy();
    });
    await new Promise((done) => inside.listen(0, '127.0.0.1', done));
    const url = `http://127.0.0.1:${inside.address().port}/`;
    const id = await made(lamp({ media_url: url }));
    await gateway.api('PATCH', `/tickets/${id}`, { tags: ['öffentlich'] });
    assert.equal((await until('the address to be released', async () => (await get(`requests/${id}.json`)).json.find((r) => r.media_url))).media_url, url);
    assert.ok((await gateway.api('GET', `/tickets/${id}`)).items.some((i) => i.text?.includes(url)));
    assert.equal(calls, 0);
    await new Promise((done) => inside.close(done));
});

test('brackets are no way around an attribute, ten thousand parameters no way in', { timeout: 60000 }, async () => {
    const hole = { service_code: '001', address_string: 'Markt 1', 'attribute[SIZE]': 's' };
    for (const name of ['attribute[SIZE]]', 'attribute[SIZE][][]', 'attribute[SIZE][0]', 'attribute[size]', 'attribute[ SIZE]', 'attribute[SIZE', 'attribute[SIZE\u0000]', 'attribute[WHERE][x]', 'ATTRIBUTE[SIZE]'])
        faults(await post({ ...hole, [name]: 's' }), 400);
    faults(await post(`${form({ api_key: KEY, ...hole })}&attribute%5BSIZE%5D=l`), 400);
    faults(await post({ ...hole, 'attribute[WHERE][]': 'nowhere' }), 400);
    assert.match(faults(await post({ ...lamp(), 'attribute[SIZE]': 's' }), 400), /does not belong/);
    const many = (n) => form({ api_key: KEY, ...lamp() }) + Array.from({ length: n }, (_, i) => `&x${i}=1`).join('');
    assert.equal((await post(many(64 - 5))).status, 200);
    faults(await post(many(65 - 5)), 413);
    faults(await post(many(10000)), 413);
});

test('filters: ids, services, states, dates', { timeout: 60000 }, async () => {
    const a = await made(lamp()), b = await made(lamp());
    const ids = (x) => x.json.map((r) => r.service_request_id);
    assert.deepEqual(ids(await get(`requests.json?service_request_id=${a},${b},2026-999999&status=closed`)), [a, b]);
    const some = ids(await get('requests.json?service_code=002&status=open'));
    assert.ok(some.includes(a) && some.includes(b));
    assert.deepEqual(some.slice(0, 2), [b, a]);
    assert.deepEqual(ids(await get('requests.json?service_code=nichts')), []);
    assert.deepEqual(ids(await get('requests.json?end_date=2020-01-01T00:00:00Z')), []);
    assert.ok(ids(await get(`requests.json?start_date=${encodeURIComponent(new Date(Date.now() - 3600000).toISOString())}`)).includes(a));
    await gateway.api('PATCH', `/tickets/${a}`, { state: 'closed' });
    assert.ok(ids(await get('requests.json?status=closed')).includes(a));
    assert.ok(!ids(await get('requests.json?status=open')).includes(a));
    faults(await get('requests.json?status=halb'), 400);
    faults(await get('requests.json?start_date=gestern'), 400);
    faults(await get('requests.json?start_date=2026-01-02T00:00:00Z&end_date=2026-01-01T00:00:00Z'), 400);
});

test('pages: as many as asked for, none twice, none missing; never more than a thousand', { timeout: 120000 }, async () => {
    const code = '003';
    const all = [];
    for (let i = 0; i < 7; i++) all.unshift(await made(lamp({ service_code: code, description: `Seite ${i}` })));
    const ids = async (q) => (await get(`requests.json?service_code=${code}&${q}`)).json.map((r) => r.service_request_id);
    assert.deepEqual(await ids(''), all);
    assert.deepEqual(await ids('page_size=3'), all.slice(0, 3));
    assert.deepEqual(await ids('page_size=3&page=2'), all.slice(3, 6));
    assert.deepEqual(await ids('page_size=3&page=3'), all.slice(6));
    assert.deepEqual(await ids('page_size=3&page=4'), []);
    assert.deepEqual(await ids('page=2'), []);
    await gateway.api('PATCH', `/tickets/${all[1]}`, { state: 'closed' });
    const flood = Array.from({ length: 1001 }, (_, i) => lamp({ service_code: '004', description: `Flut ${i}` }));
    while (flood.length) await Promise.all(flood.splice(0, 100).map(made));
    const listed = async (q) => (await get(`requests.json?service_code=004${q}`)).json.map((r) => r.service_request_id);
    const first = await listed(''), second = await listed('&page=2');
    assert.deepEqual([first.length, second.length, new Set([...first, ...second]).size], [1000, 1, 1001]);
    assert.deepEqual(await ids('status=open&page_size=2&page=2'), all.slice(3, 5));
    xml(await get(`requests.xml?service_code=${code}&page_size=1&page=7`), 200);
    assert.equal((await get('requests.json?page_size=1000')).status, 200);
    assert.equal((await get('requests.json?page_size=1000&page=100')).status, 200);
    for (const bad of ['page_size=0', 'page_size=1001', 'page_size=x', 'page_size=-1', 'page=0', 'page=1.5', 'page=1e9', 'page_size=1000&page=101', 'page=99999999999999999999'])
        faults(await get(`requests.json?${bad}`), 400);
    assert.match(faults(await get('requests.json?page=0&page_size=0&start_date=gestern'), 400), /page_size[^]*page must[^]*start_date/);
    assert.deepEqual((await get(`requests.json?service_request_id=${all[0]}&page=9&page_size=x`)).json.length, 1, 'ids override the rest');
});

test('what is erased is gone from the list, and a restart forgets nothing', { timeout: 90000 }, async () => {
    const id = await made(lamp({ email: 'weg@buerger.test', description: 'Diese Worte sollen verschwinden' }));
    await gateway.api('PATCH', `/tickets/${id}`, { tags: ['öffentlich'] });
    await until('the words', async () => (await get(`requests/${id}.json`)).text.includes('verschwinden'));
    await gateway.stop();
    await gateway.spawn();
    await gateway.login();
    assert.ok((await get(`requests/${id}.json`)).text.includes('verschwinden'));
    assert.equal(await made(lamp({ description: 'nach dem Start' })) !== id, true);
    await gateway.api('DELETE', `/contacts/${id}`);
    const r = (await get(`requests/${id}.json`)).json[0];
    assert.deepEqual([r.description, r.lat, r.address], [null, null, null]);
});

test('normalize reads a form body as clients send it', () => {
    const file = path.join(gateway.dir, 'form.txt');
    fs.writeFileSync(file, `${form(lamp({ email: 'a@b.test', first_name: 'A', last_name: 'B', 'attribute[SIZE]': 's', api_key: KEY }))}\n`);
    const r = spawnSync(BINARY, ['normalize', 'open311', file], { encoding: 'utf8' });
    assert.equal(r.status, 0, r.stderr);
    const o = JSON.parse(r.stdout);
    assert.deepEqual([o.kind, o.channel, o.sender, o.recipients, o.place.lat, o.attributes], ['message', 'open311', { address: 'a@b.test', name: 'A B' }, ['002'], 51.34, { 'attribute[SIZE]': ['s'] }]);
    assert.ok(!r.stdout.includes(KEY));
});
