// SPDX-License-Identifier: EUPL-1.2
// Promise: an operator begins a channel with one command, and the conformance kit says what is wrong with it.
'use strict';
const { test, before } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const http = require('node:http');
const { scratch, run, until } = require('../lib/process');
const { Gateway, BINARY, ROOT } = require('../lib/gateway');

const dir = scratch('channel-cli');
const env = { ...process.env, LSAN_OPTIONS: `suppressions=${path.join(ROOT, 'tests', 'lsan.supp')}:print_suppressions=0` };
const draht = (...args) => run(BINARY, ['channel', ...args], { cwd: ROOT, env });
const kit = async (...args) => {
    const r = await draht('test', ...args, '--json');
    const line = r.out.split('\n').find((l) => l.startsWith('{'));
    assert.ok(line, r.out);
    const report = JSON.parse(line);
    report.code = r.code;
    report.of = (name) => report.results.find((c) => c.case === name);
    return report;
};
const build = (folder) => run('make', ['-C', folder, `DRAHT_INCLUDE=${path.join(ROOT, 'channels', 'abi')}`]);
const conforms = (report, ...cases) => {
    assert.deepEqual(report.results.filter((c) => c.result === 'failed'), []);
    assert.equal(report.code, 0);
    for (const name of cases) assert.equal(report.of(name).result, 'ok', `${name}: ${report.of(name).text}`);
};
/** The C skeleton with one thing changed, built, tried. */
const broken = async (name, from, to) => {
    const folder = path.join(dir, name);
    fs.cpSync(path.join(dir, 'taube'), folder, { recursive: true });
    const file = path.join(folder, 'taube.c');
    fs.rmSync(path.join(folder, 'taube.so'));
    const text = fs.readFileSync(file, 'utf8');
    assert.ok(text.includes(from), `the skeleton holds ${from}`);
    fs.writeFileSync(file, text.replaceAll(from, to).replace('#define ID_CHARS_MAX', 'static int counter;\n#define ID_CHARS_MAX').replace(/static int counter;\n/, /counter/.test(to) ? '$&' : ''));
    const made = await build(folder);
    assert.equal(made.code, 0, made.out);
    return kit(path.join(folder, 'taube.so'));
};
const ALL = ['table', 'option rows', 'script', 'missing option', 'wrong option', 'open', 'accept', 'duplicate', 'unknown sender', 'forged', 'oversize', 'garbage', 'host busy',
    'host refuses', 'send', 'retry', 'rejected', 'misconfigured', 'receipt delivered', 'receipt failed', 'crash in mid-send', 'restart', 'shutdown', 'close'];

before(async () => {
    const r = await draht('new', 'taube', '--lang', 'c', '--dir', path.join(dir, 'taube'));
    assert.equal(r.code, 0, r.out);
    const made = await build(path.join(dir, 'taube'));
    assert.equal(made.code, 0, made.out);
});

test('list and options say what there is', async () => {
    const l = await draht('list', '--json');
    const types = JSON.parse(l.out);
    assert.ok(types.find((t) => t.type === 'webchat').caps.includes('typing'));
    assert.match((await draht('list')).out, /^email +built in +attachments/m);
    const o = await draht('options', 'email');
    assert.match(o.out, /# list, required\n {2}address: \[\]/);
    assert.match(o.out, /relay_password: ""/);
    const rows = JSON.parse((await draht('options', 'email', '--json')).out);
    assert.equal(rows.find((r) => r.name === 'relay_password').secret, true);
    const none = await draht('options', 'pigeon');
    assert.equal(none.code, 1);
    assert.match(none.out, /no channel type pigeon/);
});

test('wrong words are usage, help is help', async () => {
    assert.equal((await draht()).code, 2);
    assert.equal((await draht('tset', 'x')).code, 2);
    assert.equal((await draht('new', 'Taube', '--lang', 'c')).code, 2);
    assert.equal((await draht('new', 'taube')).code, 2);
    assert.equal((await draht('new', 'taube', '--lang', 'cobol')).code, 2);
    assert.equal((await draht('new', 'email', '--lang', 'c')).code, 2);
    assert.equal((await draht('test')).code, 2);
    assert.equal((await draht('test', 'webchat', '--no-such')).code, 2);
    const h = await draht('--help');
    assert.equal(h.code, 0);
    assert.match(h.out, /channel new NAME/);
    assert.equal((await draht('new', 'taube', '--lang', 'c', '--dir', path.join(dir, 'taube'))).code, 1, 'nothing is overwritten');
    const gone = await draht('test', path.join(dir, 'nothing.so'));
    assert.equal(gone.code, 1);
    assert.match(gone.out, /no channel type and no file/);
    for (const type of ['exec', 'shared-object']) assert.match((await draht('test', type)).out, /only carries a channel; name the channel itself/);
});

test('our own channels conform', async () => {
    conforms(await kit('webchat'), 'accept', 'duplicate', 'host busy', 'send', 'typing in', 'shutdown', 'close');
    conforms(await kit('matrix'), 'accept', 'duplicate', 'unknown sender', 'host busy', 'attachment in', 'typing in', 'send', 'retry', 'rejected', 'opted out', 'misconfigured', 'attachment out', 'typing out', 'restart', 'shutdown');
    conforms(await kit('email'), 'accept', 'duplicate', 'oversize', 'host busy', 'attachment in', 'send', 'retry', 'rejected', 'in doubt', 'attachment out', 'receipt failed', 'shutdown');
});

const scripted = fs.readdirSync(path.join(ROOT, 'channels')).filter((t) => t !== 'skeleton' && fs.existsSync(path.join(ROOT, 'channels', t, 'conformance.yaml')));
/** What a crash in mid-send leaves, where it is worth a look of its own. */
const after_crash = { mastodon: /^sent again, under the same key/, twilio: /^in doubt: the provider has no key/, webchat: /^no provider is asked/ };
for (const type of scripted) {
    test(`every built-in channel with a script conforms: ${type}`, { timeout: 170000 }, async () => {
        const report = await kit(type === 'xmpp' ? 'channels/xmpp' : type);
        conforms(report, 'open', 'crash in mid-send', 'shutdown');
        if (after_crash[type]) assert.match(report.of('crash in mid-send').text, after_crash[type]);
    });
}

test('the C skeleton conforms', async () => {
    conforms(await kit(path.join(dir, 'taube', 'taube.so')), ...ALL);
    conforms(await kit(path.join(dir, 'taube')), ...ALL);
});

for (const lang of ['python', 'sh']) {
    test(`the ${lang} skeleton conforms`, { timeout: 170000 }, async () => {
        const folder = path.join(dir, lang);
        const r = await draht('new', 'taube', '--lang', lang, '--dir', folder);
        assert.equal(r.code, 0, r.out);
        conforms(await kit(folder), ...ALL.filter((c) => !['missing option', 'close'].includes(c)));
    });
}

test('the script for each reply that the page shows conforms', { timeout: 120000 }, async () => {
    const folder = path.join(dir, 'once');
    fs.cpSync(path.join(ROOT, 'tests', 'plugins', 'exec', 'once'), folder, { recursive: true });
    const [, script] = fs.readFileSync(path.join(ROOT, 'docs', 'channels', 'exec.md'), 'utf8').match(/```sh\n(#!\/bin\/sh\n[^]*?)```/);
    fs.writeFileSync(path.join(folder, 'fax.sh'), script, { mode: 0o755 });
    const report = await kit(folder);
    conforms(report, ...ALL.filter((c) => !['missing option', 'wrong option', 'misconfigured', 'crash in mid-send', 'close'].includes(c)));
    assert.equal(report.of('crash in mid-send').result, 'not applicable');
});

test('all three skeletons answer a message in a gateway', { timeout: 170000 }, async () => {
    const got = [];
    const provider = http.createServer((q, a) => {
        let text = '';
        q.on('data', (c) => (text += c)).on('end', () => {
            got.push({ url: q.url, token: q.headers.authorization, ...JSON.parse(text) });
            a.end(`{"id":"out-${got.length}"}`);
        });
    });
    await new Promise((done) => provider.listen(0, '127.0.0.1', done));
    const settings = (id) => `settings: {url: "http://127.0.0.1:${provider.address().port}/${id}", secret: taubenschlag}`;
    const entry = (id, type, what) => `  - id: ${id}\n    type: ${type}\n    queue: buergerbuero\n    options:\n      ${what}\n      ${settings(id)}\n`;
    const gateway = new Gateway({
        extra_channels: entry('in-c', 'shared-object', `path: ${path.join(dir, 'taube', 'taube.so')}`) +
            entry('in-python', 'exec', `command: [${path.join(dir, 'python', 'taube.py')}]`) + entry('in-sh', 'exec', `command: [${path.join(dir, 'sh', 'taube.sh')}]`),
    });
    try {
        await gateway.start();
        await gateway.login();
        const post = (id, where, body, token = 'taubenschlag') => gateway.raw('POST', `/channels/${id}/${where}`, { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, JSON.stringify(body));
        for (const id of ['in-c', 'in-python', 'in-sh']) {
            await until(`${id} to be up`, async () => (await gateway.api('GET', '/settings')).channels.find((c) => c.id === id)?.up, 60000);
            const message = { id: `${id}-1`, from: `anna-${id}`, name: 'Anna', text: `Grüße über ${id}` };
            assert.equal((await post(id, 'in', message, 'taubenschlaf')).status, 401);
            assert.equal((await post(id, 'in', message)).status, 200);
            assert.equal((await post(id, 'in', message)).status, 200, 'a repetition gets its yes, too');
            const tickets = (await gateway.api('GET', '/tickets?view=all')).tickets.filter((t) => t.channel === id);
            assert.equal(tickets.length, 1, `${id}: one ticket`);
            const number = tickets[0].number;
            await gateway.api('POST', `/tickets/${number}/messages`, { kind: 'reply', text: `Antwort über ${id} „ä“`, attachments: [], client_id: `${id}-r` }, 202);
            const sent = await until(`the reply by ${id}`, () => got.find((g) => g.url === `/${id}`), 60000);
            assert.equal(sent.token, 'Bearer taubenschlag');
            assert.equal(sent.to, `anna-${id}`);
            assert.match(sent.text, new RegExp(`Antwort über ${id} „ä“`));
            const state = async () => (await gateway.api('GET', `/tickets/${number}`)).items.find((m) => m.direction === 'out')?.delivery.state;
            await until(`${id}: sent`, async () => (await state()) === 'sent', 30000);
            assert.equal((await post(id, 'report', { id: `out-${got.indexOf(sent) + 1}`, state: 'delivered' })).status, 200);
            await until(`${id}: delivered`, async () => (await state()) === 'delivered', 30000);
        }
        assert.equal(got.length, 3, 'nothing was sent twice');
    } finally {
        provider.close();
        await gateway.close();
    }
});

test('one case alone, and options laid over', async () => {
    const one = await draht('test', path.join(dir, 'taube'), '--case', 'host busy');
    assert.equal(one.code, 0, one.out);
    assert.match(one.out, /^host busy +ok$/m);
    const file = path.join(dir, 'options.yaml');
    fs.writeFileSync(file, 'url: taube\n');
    const wrong = await kit(path.join(dir, 'taube'), '--options', file);
    assert.match(wrong.of('open').text, /does not begin with http/);
    assert.equal(wrong.code, 1);
});

test('a driver that ends by itself is named, and nothing of it is left behind', async () => {
    const folder = path.join(dir, 'driven');
    fs.cpSync(path.join(dir, 'taube'), folder, { recursive: true });
    const script = fs.readFileSync(path.join(folder, 'conformance.yaml'), 'utf8');
    const clean = (r) => assert.doesNotMatch(r.out, /Sanitizer|runtime error/);
    fs.writeFileSync(path.join(folder, 'conformance.yaml'), `driver: "echo out of paper >&2; exit 3"\n${script}`);
    const atOnce = await draht('test', folder);
    assert.equal(atOnce.code, 1);
    assert.match(atOnce.out, /driver .* ended\. It said: out of paper/);
    clean(atOnce);
    fs.writeFileSync(path.join(folder, 'conformance.yaml'), `driver: "read START; echo '{\\"ready\\":true}'; read NEXT"\n${script.replace('\n  request:', '\n  by_driver:')}`);
    const later = await draht('test', folder, '--case', 'accept');
    assert.match(later.out, /^accept +FAILED: the driver ended/m);
    clean(later);
});

test('a broken channel is told what to mend', async () => {
    const table = [
        ['early', '    begin(p);\n    p->h->accept(p->host, &m, on_stored, w);', '    answer(p, x, 200, "ok");\n    begin(p);\n    p->h->accept(p->host, &m, on_stored, w);', 'accept', /before Draht had the message on disk/],
        ['new-id', '.external_id = span(id), ', '.external_id = span((char[]){(char)(97 + ++counter % 26), 0}), ', 'duplicate', /came in twice as two/],
        ['one-thread', '.thread = span(from),', '.thread = span("all"),', 'unknown sender', /one would read the other's answers/],
        ['open-door', 'if (!is_authorized(p, x)) {', 'if (0 && !is_authorized(p, x)) {', 'forged', /wrong signature was taken in/],
        ['always-yes', 'answer(p, w->x, 503, "try again later");', 'answer(p, w->x, 200, "ok");', 'host busy', /the message is lost/],
        ['for-ever', 'else if (status == DRAHT_E_REJECTED)', 'else if (0)', 'host refuses', /repeat it for ever/],
        ['all-sent', 'a->error || a->status == 429 || a->status >= 500', '0', 'retry', /it should be RETRY/],
        ['twice', 'free(s);\n    end(p);', 'p->h->settle(s->token, DRAHT_SENT, span(""), 0);\n    free(s);\n    end(p);', 'send', /settled twice/],
        ['never', 'settle_by(s, a);', '(void)a, (void)settle_by;', 'send', /not settled in time/],
        ['two-keys', '"message", m->message.p, m->message.n,', '"message", (char[]){(char)(97 + m->attempt), 0}, (size_t)1,', 'crash in mid-send', /sent under two keys/],
        ['hasty', 'if (!p->under_way) {', 'if (1) {', 'shutdown', /stop said done while a send was under way/],
        ['no-sentence', 'snprintf(err, 256, "secret: needs %d characters or more.", SECRET_CHARS_MIN);', 'err[0] = 0;', 'wrong option', /without a sentence/],
    ];
    for (const [name, from, to, row, text] of table) {
        const r = await broken(name, from, to);
        const c = r.of(row);
        assert.equal(c.result, 'failed', `${name}: ${row} said ${c.result} ${c.text}`);
        assert.match(c.text, text, name);
        assert.equal(r.code, 1);
    }
});

test('the inbox has a word for every built-in channel type, in each of its languages', async () => {
    const types = JSON.parse((await draht('list', '--json')).out).map((c) => c.type);
    for (const language of ['de', 'en']) {
        const words = JSON.parse(fs.readFileSync(path.join(ROOT, `gateway/web/shared/i18n/${language}.json`), 'utf8'));
        assert.deepEqual(types.filter((t) => !words[`channel.${t}`]), [], language);
    }
});

test('a broken program is told what to mend, and soon', { timeout: 170000 }, async () => {
    const made = await draht('new', 'taube', '--lang', 'python', '--dir', path.join(dir, 'whole'));
    assert.equal(made.code, 0, made.out);
    const table = [
        ['banner', '    channel = None\n', '    print("taube 1.0", flush=True)\n    channel = None\n', 'open', /The program broke the protocol: a line is not one JSON object/],
        ['manifest', '"idempotent", ', '"idempotenz", ', 'open', /manifest is wrong: there is no cap "idempotenz"/],
        ['crash', '        number, sender = ', '        raise KeyError("Taube")\n        number, sender = ', 'accept', /The program ended \(status 1, signal 0\)\.; its log says: KeyError: 'Taube'/],
        ['params', '"sender": sender, ', '', 'accept', /its log says: inbound: sender is a text of 1 to 1024 bytes/],
        ['verdict', '"verdict": "sent"', '"verdict": "send"', 'send', /IN_DOUBT \(The program gave the verdict "send", which does not exist\.\)/],
        ['wordless', '"verdict": "sent"', '"word": "sent"', 'send', /IN_DOUBT \(The program answered without a verdict\.\)/],
    ];
    for (const [name, from, to, row, text] of table) {
        const folder = path.join(dir, `py-${name}`);
        fs.cpSync(path.join(dir, 'whole'), folder, { recursive: true });
        const file = path.join(folder, 'taube.py');
        const program = fs.readFileSync(file, 'utf8');
        assert.ok(program.includes(from), `the skeleton holds ${from}`);
        fs.writeFileSync(file, program.replace(from, to));
        const began = Date.now();
        const r = await kit(folder);
        assert.equal(r.of(row).result, 'failed', `${name}: ${row} said ${r.of(row).text}`);
        assert.match(r.of(row).text, text, name);
        if (row === 'open') assert.deepEqual([r.failed, r.of('accept').result, r.of('accept').text], [1, 'not applicable', 'it does not open']);
        assert.ok(Date.now() - began < 60000, `${name}: ${Date.now() - began} ms`);
    }
});
