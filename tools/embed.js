// SPDX-License-Identifier: EUPL-1.2
// Turns a folder of files into one C table. Usage: node tools/embed.js NAME FOLDER OUT.c
// A folder of functions is one library: NAME/10_a.lua, NAME/20_b.lua ... become NAME.lua, joined in the order of their names.
// The table "conformance" takes the files conformance.yaml alone.
// The table is `const struct embed_file embed_NAME[]`, ended by a row without a path (see gateway/base/embed.h).
'use strict';
const fs = require('fs');
const path = require('path');
const [name, root, out] = process.argv.slice(2);
if (!out) {
    console.error('usage: node tools/embed.js NAME FOLDER OUT.c');
    process.exit(2);
}
function walk(dir) {
    if (!fs.existsSync(dir)) return [];
    return fs.readdirSync(dir, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
        .flatMap((e) => (e.name.startsWith('.') ? [] : e.isDirectory() ? walk(path.join(dir, e.name)) : [path.join(dir, e.name)]));
}
const parts = ['/* Made by tools/embed.js. */\n#include "gateway/base/embed.h"\n'];
const rows = [];
const files = walk(root).filter((f) => name !== 'conformance' || (path.basename(f) === 'conformance.yaml' && !f.includes('skeleton'))).map((file) => ({ name: path.relative(root, file), bytes: fs.readFileSync(file) }));
function joined(all) {
    const libraries = new Map();
    for (const f of all) {
        const library = `${path.dirname(f.name)}.lua`;
        libraries.set(library, Buffer.concat([libraries.get(library) ?? Buffer.alloc(0), f.bytes]));
    }
    return [...libraries].map(([n, bytes]) => ({ name: n, bytes }));
}
(name === 'functions' ? joined(files) : files).forEach(({ name: row, bytes }, i) => {
    let text = '';
    for (let o = 0; o < bytes.length; o += 24)
        text += [...bytes.subarray(o, o + 24)].map((b) => b).join(',') + ',\n';
    parts.push(`static const unsigned char f${i}[] = {\n${text}0};\n`);
    rows.push(`    {"${row}", f${i}, ${bytes.length}},\n`);
});
parts.push(`const struct embed_file embed_${name}[] = {\n${rows.join('')}    {0, 0, 0},\n};\n`);
fs.writeFileSync(out, parts.join(''));
