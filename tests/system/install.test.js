// SPDX-License-Identifier: EUPL-1.2
// Promise: make install puts everything in its place, the unit and the man page have no faults, and the installed program works.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { scratch, run } = require('../lib/process');
const { ROOT } = require('../lib/gateway');

let dir, bin;
const has = async (tool) => (await run('sh', ['-c', `command -v ${tool}`])).code === 0;

before(async () => {
    dir = scratch('install');
    const { code, out } = await run('make', ['--no-print-directory', 'install', `DESTDIR=${dir}`], { cwd: ROOT });
    assert.equal(code, 0, out);
    bin = path.join(dir, 'usr/bin/draht');
}, { timeout: 170000 });
after(() => fs.rmSync(dir, { recursive: true, force: true }));

test('every file is in its place with its rights', () => {
    const files = { 'usr/bin/draht': 0o755, 'lib/systemd/system/draht.service': 0o644, 'usr/share/man/man1/draht.1': 0o644, 'usr/share/bash-completion/completions/draht': 0o644, 'etc/draht/draht.yaml': 0o640, 'usr/include/draht/draht_channel.h': 0o644, 'usr/lib/draht/draht-xmpp': 0o755, 'usr/lib/draht/draht_xmpp/main.py': 0o644 };
    for (const [f, mode] of Object.entries(files)) assert.equal(fs.statSync(path.join(dir, f)).mode & 0o777, mode, f);
});

test('a second install keeps the settings of the city', { timeout: 120000 }, async () => {
    const file = path.join(dir, 'etc/draht/draht.yaml');
    const own = fs.readFileSync(file, 'utf8') + '# ours\n';
    fs.writeFileSync(file, own);
    assert.equal((await run('make', ['--no-print-directory', 'install', `DESTDIR=${dir}`], { cwd: ROOT })).code, 0);
    assert.equal(fs.readFileSync(file, 'utf8'), own);
    assert.equal((await run(bin, ['check', '-c', file])).code, 0);
});

test('the unit: systemd finds no fault in it', async (t) => {
    if (!(await has('systemd-analyze'))) return t.skip('no systemd-analyze here');
    // The program lies in a scratch folder; only the path is changed.
    const unit = path.join(dir, 'draht.service');
    fs.writeFileSync(unit, fs.readFileSync(path.join(dir, 'lib/systemd/system/draht.service'), 'utf8').replaceAll('/usr/bin/draht', bin));
    const { code, out } = await run('systemd-analyze', ['verify', '--man=no', unit]);
    const ours = out.split('\n').filter((l) => l.includes('draht'));
    assert.deepEqual(ours, []);
    assert.equal(code, 0, out);
    return undefined;
});

test('the man page: groff has nothing to say, every command is in it', async (t) => {
    const page = path.join(dir, 'usr/share/man/man1/draht.1');
    const source = fs.readFileSync(page, 'utf8');
    for (const word of ['run', 'check', 'explain', 'normalize', 'user', '--state', '--demo']) assert.ok(source.replaceAll('\\-', '-').includes(word), word);
    if (!(await has('groff'))) return t.skip('no groff here');
    const { code, out } = await run('sh', ['-c', 'groff -man -Tutf8 -ww -z "$1" 2>&1', 'sh', page]);
    assert.equal(code, 0);
    assert.equal(out.trim(), '');
    return undefined;
});

test('the completion loads and knows the commands', async () => {
    const script = '. "$1"; COMP_WORDS=(draht r); COMP_CWORD=1; _draht; echo "${COMPREPLY[@]}"';
    const { code, out } = await run('bash', ['-c', script, 'bash', path.join(dir, 'usr/share/bash-completion/completions/draht')]);
    assert.equal(code, 0, out);
    assert.equal(out.trim(), 'run');
});

test('exit codes: help and version 0, usage 2, faults 1', async () => {
    for (const words of [['--help'], ['-h'], ['help'], ['help', 'run'], ['run', '--help'], ['user', '--help'], ['--version'], ['version']])
        assert.equal((await run(bin, words)).code, 0, words.join(' '));
    for (const words of [[], ['nonsense'], ['run', '--nonsense'], ['run', '-c'], ['help', 'nonsense'], ['normalize'], ['user', 'fly', 'x'], ['user', 'add', '../x']])
        assert.equal((await run(bin, words)).code, 2, words.join(' '));
    for (const words of [['check', '-c', '/nonexistent'], ['run', '-c', '/nonexistent', '--state', path.join(dir, 's')], ['explain', 'no.such.key'], ['normalize', 'email', '/nonexistent']])
        assert.equal((await run(bin, words)).code, 1, words.join(' '));
});
