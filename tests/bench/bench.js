// SPDX-License-Identifier: EUPL-1.2
// make bench: every figure beside its floor in the same run, ratios first. Writes a list of {name, value, unit, better} and a
// table. A step that fails is reported as missing and the others go on; the exit code tells, also when a message has come to cost more
// instructions than docs/benchmarks.md says.
//
//   node tests/bench/bench.js --out FILE [--table FILE] [--only name,name] [--tickets N]
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { Gateway, ROOT } = require('../lib/gateway');
const { channels } = require('./channels');
const { pulled } = require('./pulled');
const { channel_costs } = require('./costs');
const { sms, sms_costs } = require('./sms');
const steps = { ...require('./steps'), channels, pulled, channel_costs, sms, sms_costs };

const arg = (name, fallback) => {
    const i = process.argv.indexOf(`--${name}`);
    return i > 0 ? process.argv[i + 1] : fallback;
};
const out = arg('out', 'build/bench.json');
const table = arg('table', '');
const only = arg('only', '').split(',').filter(Boolean);
const tickets = Number(arg('tickets', '1000000'));
const BINARY = process.env.DRAHT_BINARY || path.join(ROOT, 'build', 'opt', 'draht');

/** Goals of the project; a figure that falls short is printed as such. */
const GOALS = {
    chat_vs_floor: ['>=', 0.6], lmtp_vs_dovecot: ['>=', 5], idle_chat_bytes: ['<=', 8192], rss_idle_mb: ['<=', 20], start_ms: ['<=', 500],
    growth_accept: ['>=', 0.8], growth_list: ['>=', 0.8], smpp_in_vs_kannel: ['>=', 2], smpp_out_vs_kannel: ['>=', 2],
};
/** By how much a message may cost more instructions than the page says before it is called out. */
const GROWTH_MAX = 1.1;
const PAGE = path.join(ROOT, 'docs', 'benchmarks.md');
const met = (name, v) => !GOALS[name] || (GOALS[name][0] === '>=' ? v >= GOALS[name][1] : v <= GOALS[name][1]);

/** The committed figures of a page: name -> value. */
function figures_of(page) {
    const text = fs.existsSync(page) ? fs.readFileSync(page, 'utf8').split('<!-- figures -->')[1] || '' : '';
    return new Map([...text.matchAll(/^\| `(\w+)` \| ([\d.]+) \|/gm)].map((m) => [m[1], Number(m[2])]));
}

/** Messages that cost more than the page says; a run with --table writes the new figures down. */
function grown(rows, before) {
    return rows.filter((r) => r.name.endsWith('_instructions') && r.value > before.get(r.name) * GROWTH_MAX)
        .map((r) => `${r.name} GREW by ${Math.round((r.value / before.get(r.name) - 1) * 100)} %: ${before.get(r.name)} -> ${r.value}`);
}

async function main() {
    const before = figures_of(PAGE);
    const rows = [];
    const failed = [];
    const put = (name, value, unit, better) => {
        const row = { name, value: Math.round(value * 1000) / 1000, unit, better };
        rows.push(row);
        const goal = GOALS[name] ? `   goal ${GOALS[name].join(' ')}${met(name, value) ? '' : '   FALLS SHORT'}` : '';
        console.log(`bench: ${name.padEnd(28)} ${String(row.value).padStart(12)} ${unit}${goal}`);
    };
    for (const [name, step] of Object.entries(steps)) {
        if (only.length && !only.includes(name)) continue;
        const gateway = new Gateway({ binary: BINARY, chat: '      messages_per_10s: 1000000\n      sockets_per_ip: 100000' });
        try {
            await step({ gateway, put, tickets });
        } catch (e) {
            failed.push(name);
            console.error(`bench: ${name} FAILED: ${e.stack}\n${gateway.process ? gateway.process.output.slice(-1500) : ''}`);
        } finally {
            await gateway.close().catch((e) => failed.push(`${name}: ${e.message}`));
        }
    }
    fs.mkdirSync(path.dirname(out), { recursive: true });
    fs.writeFileSync(out, `${JSON.stringify(rows, null, 2)}\n`);
    if (table) {
        const lines = rows.map((r) => `| \`${r.name}\` | ${r.value} | ${r.unit} | ${r.better} | ${GOALS[r.name] ? `${GOALS[r.name].join(' ')}${met(r.name, r.value) ? '' : ' (falls short)'}` : ''} |`);
        const head = fs.existsSync(table) ? fs.readFileSync(table, 'utf8').split('<!-- figures -->')[0] : '# Benchmarks\n\n';
        fs.writeFileSync(table, `${head}<!-- figures -->\n\n| figure | value | unit | better | goal |\n|---|---|---|---|---|\n${lines.join('\n')}\n`);
    }
    const more = grown(rows, before);
    for (const line of more) console.error(`\nbench: !!! ${line}`);
    if (failed.length) console.error(`bench: not measured: ${failed.join(', ')}`);
    process.exit(failed.length || more.length ? 1 : 0);
}

main();
