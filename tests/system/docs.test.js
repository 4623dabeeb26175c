// SPDX-License-Identifier: EUPL-1.2
// What the pages of docs/channels say about options is what the program knows: every option of every type stands in a table of its
// page, and every table names only options that exist. Every type and page stands in the overview. Every function of the border in C
// has its method on the wire, or a reason why not. Every proof that docs/channel-checks.md names is there.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { ROOT, BINARY } = require('../lib/gateway');
const { run, scratch } = require('../lib/process');

const FOLDER = path.join(ROOT, 'docs', 'channels');
/** Types that share a page. */
const PAGE_OF = { 'shared-object': 'exec' };
const page_of = (type) => `${PAGE_OF[type] || type}.md`;
const read = (name) => fs.readFileSync(path.join(FOLDER, name), 'utf8');

/** Names in the first column of the tables whose head begins with "option". */
function documented(text) {
    const names = [];
    let is_options = false;
    for (const line of text.split('\n').map((l) => l.trim())) {
        if (!line.startsWith('|')) is_options = false;
        else if (/^\| option /.test(line)) is_options = true;
        else if (is_options) names.push(...[...line.split('|')[1].matchAll(/`([a-z0-9_]+)`/g)].map((m) => m[1]));
    }
    return names;
}

async function json(...words) {
    const r = await run(BINARY, ['channel', ...words, '--json']);
    assert.strictEqual(r.code, 0, r.out);
    return JSON.parse(r.out);
}

test('every option of every type stands in its page, and no other', async () => {
    const known = {};
    for (const { type } of await json('list')) {
        const names = (await json('options', type)).map((o) => o.name);
        const page = page_of(type);
        known[page] ||= new Set();
        for (const n of names) known[page].add(n);
        const here = documented(read(page));
        assert.deepStrictEqual(names.filter((n) => !here.includes(n)), [], `${page} lacks options of the type ${type}`);
    }
    for (const [page, names] of Object.entries(known)) {
        const here = documented(read(page));
        assert.deepStrictEqual(here.filter((n) => !names.has(n)), [], `${page} names options that do not exist`);
        assert.deepStrictEqual(here.filter((n, i) => here.indexOf(n) !== i), page === 'exec.md' ? ['settings'] : [], `${page} names an option twice`);
    }
});

test('the overview names every type and links every page', async () => {
    const overview = read('README.md');
    for (const { type } of await json('list')) assert.match(overview, new RegExp(`\\| \`${type}\``), `docs/channels/README.md lacks ${type}`);
    for (const page of fs.readdirSync(FOLDER).filter((p) => p.endsWith('.md') && p !== 'README.md')) assert.ok(overview.includes(`(${page})`), `docs/channels/README.md links no ${page}`);
    for (const [, page] of overview.matchAll(/\(([a-z0-9-]+\.md)\)/g)) assert.ok(fs.existsSync(path.join(FOLDER, page)), `docs/channels/README.md links ${page}, which does not exist`);
});

test('the first settings on each page of a network pass draht check once its places are filled in', async () => {
    const dir = scratch('pages');
    const secret = path.join(dir, 'secret');
    fs.writeFileSync(secret, 'taubenschlag\n', { mode: 0o600 });
    const fill = (yaml) => yaml.replaceAll(/file:\/etc\/draht\/[\w.-]+/g, `file:${secret}`).replace('123456789:AA…', '123456789:AAxxxxxxxxxxxxxxxxx').replaceAll('"…"', 'taubenschlag').replace('AC...', 'ACx').replace('+49..."', '+4930990011"');
    for (const type of ['smpp', 'twilio', 'sms-http', 'telegram', 'whatsapp', 'messenger', 'instagram']) {
        const [, indent, block] = read(`${type}.md`).match(/^( *)```yaml\n(.*?)^ *```/ms);
        const yaml = block.split('\n').map((l) => l.slice(indent.length)).join('\n');
        const queue = yaml.match(/queue: (\w+)/)[1];
        const file = path.join(dir, `${type}.yaml`);
        fs.writeFileSync(file, `queues:\n  - {id: ${queue}, name: Amt}\n${fill(yaml)}`);
        const { code, out } = await run(BINARY, ['check', '-c', file]);
        assert.equal(code, 0, `${type}: ${out}`);
    }
});

test('every function of the border has a method on the wire, or a reason', () => {
    const at = (...p) => fs.readFileSync(path.join(ROOT, ...p), 'utf8');
    const header = at('channels', 'abi', 'draht_channel.h').replace(/\/\*[^]*?\*\//g, '');
    const functions = (name) => [...header.match(new RegExp(`struct ${name} \\{([^]*?)\\n\\};`))[1].matchAll(/\(\*(\w+)\)\(/g)].map((m) => m[1]).filter((f) => !['on_change', 'fn'].includes(f));
    const host = functions('draht_host');
    const ops = functions('draht_channel_ops');
    assert.ok(host.length > 40 && ops.length > 8, `${host.length} ${ops.length}`);
    const page = at('docs', 'channel-wire.md');
    const rows = [...page.slice(page.indexOf('\n## 8.')).matchAll(/^\| `(\w+)` \| (.+) \|$/gm)].map((m) => [m[1], m[2]]);
    const names = rows.map(([name]) => name);
    /* typing and its like are functions of both tables, with one row. */
    assert.deepEqual([...names].sort(), [...new Set([...host, ...ops])].sort());
    const source = at('channels', 'exec', 'calls.c');
    const methods = [...source.slice(source.indexOf('call_fn calls_find')).matchAll(/\{"([a-z.]+)", call_\w+\}/g)].map((m) => m[1]);
    const said = fs.readdirSync(path.join(ROOT, 'channels', 'exec')).filter((f) => f.endsWith('.c'))
        .flatMap((f) => [...at('channels', 'exec', f).matchAll(/talk_(?:ask|tell)\([^"]*?"([a-z.]+)"/g)].map((m) => m[1]));
    for (const [name, what] of rows) {
        const method = what.match(/^`([a-z.]+)`$/);
        if (!method) assert.match(what, /^does not apply: .{10,}/, name);
        else assert.ok([...methods, ...said].includes(method[1]), `${name}: there is no method ${method[1]}`);
    }
    const documented_methods = new Set([...page.matchAll(/^\| `([a-z.]+)`/gm)].map((m) => m[1]).concat(['inbound', 'part', 'draht.manifest', 'draht.init']));
    for (const m of [...methods, ...said]) assert.ok(documented_methods.has(m), `${m} is not in the page`);
    const caps = [...header.matchAll(/DRAHT_CAP_(\w+)\s/g)].map((m) => m[1].toLowerCase());
    const manifest = at('channels', 'exec', 'manifest.c');
    assert.deepEqual([...manifest.match(/names\[\] = \{([^}]*)\}/)[1].matchAll(/"(\w+)"/g)].map((m) => m[1]), caps, 'caps of a manifest, in the order of their bits');
    for (const cap of caps) assert.ok(page.includes(`"${cap}"`), cap);
});

/** Every case of every test: file below tests/ -> names; what a test computes into a name stands as "…". */
function cases() {
    const known = new Map();
    for (const file of fs.readdirSync(path.join(ROOT, 'tests'), { recursive: true }).filter((f) => /\.(js|c)$/.test(f))) {
        const text = fs.readFileSync(path.join(ROOT, 'tests', file), 'utf8');
        const names = file.endsWith('.c') ? [...text.matchAll(/^START_TEST\((\w+)\)/gm)].map((m) => m[1])
            : [...text.matchAll(/\btest\((['"`])((?:\\.|(?!\1)[^\\])+)\1/g)].map((m) => m[2].replace(/\$\{[^}]*\}/g, '…').replace(/\\(.)/g, '$1'));
        if (names.length) known.set(file, { names, text });
    }
    const kit = path.join(ROOT, 'channels', 'conformance');
    const text = fs.readdirSync(kit).map((f) => fs.readFileSync(path.join(kit, f), 'utf8')).join('');
    return known.set('draht channel test', { names: [...text.matchAll(/\{"([a-z -]+)", case_\w+\}/g)].map((m) => m[1]), text });
}

/** What is wrong with one proof: `file` *beginning of the name of one case* `a text in the file`…, or a reason why none is needed. */
function fault_of(proof, known) {
    if (/^does not apply: .{15,}/.test(proof)) return undefined;
    const m = proof.match(/^`([^`]+)` \*([^*]+)\*((?: `[^`]+`)*)$/);
    if (!m) return 'is neither a proof nor a reason';
    const files = [...known.keys()].filter((f) => f === m[1] || f.endsWith(`/${m[1]}`));
    if (files.length !== 1) return `names ${files.length} files`;
    const { names, text } = known.get(files[0]);
    if (names.filter((n) => n === m[2] || n.startsWith(m[2])).length !== 1 && !names.includes(m[2])) return `names ${names.filter((n) => n.startsWith(m[2])).length} cases`;
    return [...m[3].matchAll(/`([^`]+)`/g)].map((x) => x[1]).filter((row) => !text.includes(row)).map((row) => `${files[0]} has no ${row}`)[0];
}

test('every duty and every hostile input of a channel names the test that proves it', () => {
    const known = cases();
    const page = fs.readFileSync(path.join(ROOT, 'docs', 'channel-checks.md'), 'utf8');
    const rows = [...page.matchAll(/^\| (?!-|no )([^|]*) \| ([^|]+) \| ([^|]+) \|$/gm)].map((m) => m.slice(1).map((x) => x.trim()));
    assert.ok(rows.length > 150, `${rows.length} rows`);
    assert.equal(rows.length, page.split('\n').filter((l) => l.startsWith('| ') && !l.startsWith('| no ')).length, 'every row has three cells');
    const faults = rows.flatMap(([no, what, proofs]) => proofs.split('<br>').map((p) => [fault_of(p.trim(), known), p]).filter(([f]) => f).map(([f, p]) => `${no} ${what}: ${p.trim()} ${f}`));
    assert.deepEqual(faults, []);
    const hostile = rows.map(([no]) => no.match(/^H(\d+)$/)?.[1]).filter(Boolean).map(Number);
    assert.deepEqual([...hostile].sort((a, b) => a - b), Array.from({ length: 62 }, (_, i) => i + 1), 'the 62 hostile inputs, each once');
    const heads = page.split('\n').filter((l) => l.startsWith('## ')).join('\n');
    for (const [, type] of read('README.md').matchAll(/^\| `([a-z0-9-]+)` \|/gm)) assert.ok(heads.includes(`\`${type}\``), `docs/channel-checks.md has no section for ${type}`);
});
