// SPDX-License-Identifier: EUPL-1.2
// Keeps "The files, one sentence each" in docs/architecture.md equal to the head comments of the sources: each file's
// comment begins "name: what it is for". Usage: node tools/files.js [--check]
'use strict';
const fs = require('node:fs');
const { execFileSync } = require('node:child_process');

const PAGE = 'docs/architecture.md';
const HEAD = '## 5. The files, one sentence each';
const files = execFileSync('git', ['ls-files', 'channels', 'config', 'gateway', 'router', 'tools'], { encoding: 'utf8' }).split('\n')
    .filter((f) => /\.(c|h|lua|ts|tsx|js|mjs|sh|awk)$/.test(f));

/** The first sentence of a file's head comment, without its "name:" at the front. */
function sentence(file) {
    const lines = fs.readFileSync(file, 'utf8').split('\n').slice(0, 14);
    const text = [];
    for (const line of lines) {
        if (/SPDX|^#!/.test(line)) continue;
        const comment = line.match(/^\s*(?:\/\*|\*\/|\*|\/\/|--|#(?!include|define|ifndef))\s?(.*)$/);
        if (!comment) {
            if (text.length) break;
            continue;
        }
        text.push(comment[1].replace(/\*\/.*$/, ''));
        if (/\*\//.test(line)) break;
    }
    const all = text.join(' ').replace(/\s+/g, ' ').trim().replace(/^[\w.]+: /, '');
    const m = all.match(/^.*?\.(?=\s|$)/);
    return (m ? m[0] : all).replace(/\.$/, '').replace(/\|/g, '\\|');
}

const rows = new Map();
for (const f of files) {
    const stem = f.replace(/\.[a-z]+$/, '');
    if (!rows.has(stem)) rows.set(stem, []);
    rows.get(stem).push(f);
}
const folders = new Map();
for (const [stem, list] of rows) {
    const folder = stem.slice(0, stem.lastIndexOf('/'));
    const main = list.find((f) => f.endsWith('.h')) || list[0];
    const base = stem.slice(folder.length + 1);
    const name = list.length > 1 ? `${base}.{${list.map((f) => f.slice(stem.length + 1)).join(',')}}` : list[0].slice(folder.length + 1);
    if (!folders.has(folder)) folders.set(folder, []);
    folders.get(folder).push(`- \`${name}\`: ${sentence(main)}.`);
}
let text = `${HEAD}\n\nMade by \`node tools/files.js\` from the head comment of each file.\n`;
for (const [folder, list] of [...folders].sort(([a], [b]) => (a < b ? -1 : 1))) text += `\n**\`${folder}/\`**\n\n${list.sort().join('\n')}\n`;

const page = fs.readFileSync(PAGE, 'utf8');
const wanted = page.slice(0, page.indexOf(HEAD)) + text;
if (process.argv.includes('--check')) {
    if (wanted !== page) {
        console.error(`${PAGE} does not name the files as they are; run: node tools/files.js`);
        process.exit(1);
    }
    console.log('architecture: every file is named');
} else {
    fs.writeFileSync(PAGE, wanted);
}
