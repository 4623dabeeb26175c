// SPDX-License-Identifier: EUPL-1.2
// Builds the browser parts. Usage: node tools/web.mjs OUT
// Makes OUT/{icons.svg,fonts/,inbox/,widget/,status/,demo/}: what exists in the sources is built, what does not is left out.
// It does not check types (npm run check) and fetches nothing.
import * as esbuild from 'esbuild';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { icons } from '../gateway/web/shared/icons.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const wanted = path.resolve(process.argv[2] ?? path.join(root, 'build/web'));
const out = `${wanted}.${process.pid}`; // changed places at the end, so that nobody finds half a build
const web = path.join(root, 'gateway/web');
const widget = path.join(root, 'channels/webchat/widget');
const targets = ['chrome111', 'firefox115', 'safari16.4'];

const has = (file) => fs.existsSync(file);
const lucide = path.join(root, 'node_modules/lucide-static/icons');

/** The inside of one icon file, on one line and without its licence comment. */
function shapes(name) {
    const svg = fs.readFileSync(path.join(lucide, `${name}.svg`), 'utf8');
    const inner = svg.slice(svg.indexOf('>', svg.indexOf('<svg')) + 1, svg.lastIndexOf('</svg>'));
    return inner.replace(/\s+/g, ' ').trim();
}

function sprite() {
    const own = '<symbol id="i-draht" viewBox="0 0 24 24"><circle cx="5" cy="12" r="3"/><path d="M8 12c3 0 3-6 6-6s3 12 7 12"/></symbol>';
    const rows = icons.map((n) => `<symbol id="i-${n}" viewBox="0 0 24 24">${shapes(n)}</symbol>`);
    fs.writeFileSync(path.join(out, 'icons.svg'),
        `<svg xmlns="http://www.w3.org/2000/svg"><!-- lucide, ISC licence -->${own}${rows.join('')}</svg>\n`);
}

function fonts() {
    const from = path.join(root, 'node_modules/@fontsource-variable/atkinson-hyperlegible-next');
    fs.mkdirSync(path.join(out, 'fonts'), { recursive: true });
    for (const set of ['latin', 'latin-ext'])
        fs.copyFileSync(path.join(from, `files/atkinson-hyperlegible-next-${set}-wght-normal.woff2`),
            path.join(out, `fonts/atkinson-${set}.woff2`));
    fs.copyFileSync(path.join(from, 'LICENSE'), path.join(out, 'fonts/OFL.txt'));
}

const shared = {
    bundle: true, minify: true, charset: 'utf8', target: targets, legalComments: 'none', logLevel: 'warning',
    jsx: 'automatic', jsxImportSource: 'preact', loader: { '.svg': 'text' }, external: ['/assets/*'],
    absWorkingDir: root,
};

function copy(from, to) {
    if (!has(from)) return;
    fs.mkdirSync(path.dirname(to), { recursive: true });
    fs.copyFileSync(from, to);
}

async function style(from, to) {
    if (has(from)) await esbuild.build({ ...shared, entryPoints: [from], outfile: to });
}

async function inbox() {
    const entry = path.join(web, 'inbox/app.tsx');
    if (!has(entry)) return;
    await esbuild.build({ ...shared, entryPoints: { app: entry }, outdir: path.join(out, 'inbox'), format: 'esm',
        splitting: true, chunkNames: 'part-[name]-[hash]' });
    await style(path.join(web, 'inbox/app.css'), path.join(out, 'inbox/app.css'));
    await style(path.join(web, 'letter/letter.css'), path.join(out, 'letter.css'));
    copy(path.join(web, 'inbox/icon.svg'), path.join(out, 'inbox/icon.svg'));
    copy(path.join(web, 'inbox/index.html'), path.join(out, 'inbox/index.html'));
}

async function chat() {
    for (const name of ['draht', 'frame']) {
        const entry = path.join(widget, `${name}.ts`);
        if (has(entry))
            await esbuild.build({ ...shared, entryPoints: [entry], outfile: path.join(out, `widget/${name}.js`), format: 'iife',
                loader: { ...shared.loader, '.css': 'text' } });
    }
    await style(path.join(widget, 'frame.css'), path.join(out, 'widget/frame.css'));
    const page = path.join(widget, 'frame.html'); // goes out with every visit: without its first comment
    if (has(page)) fs.writeFileSync(path.join(out, 'widget/frame.html'), fs.readFileSync(page, 'utf8').replace(/<!-- SPDX.*?-->/, ''));
    for (const lang of ['en', 'de-easy']) copy(path.join(widget, `locale/${lang}.json`), path.join(out, `widget/${lang}.json`));
}

async function citizen() {
    await style(path.join(web, 'status/status.css'), path.join(out, 'status/status.css'));
    await style(path.join(web, 'shared/city.css'), path.join(out, 'demo/city.css'));
    copy(path.join(web, 'shared/city.html'), path.join(out, 'demo/index.html'));
    copy(path.join(root, 'config/demo/requests.jsonl'), path.join(out, 'demo/requests.jsonl'));
}

fs.rmSync(out, { recursive: true, force: true });
fs.mkdirSync(out, { recursive: true });
sprite();
fonts();
await inbox();
await chat();
await citizen();
fs.rmSync(wanted, { recursive: true, force: true });
fs.renameSync(out, wanted);
