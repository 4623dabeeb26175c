// SPDX-License-Identifier: EUPL-1.2
// make fault: proves that nothing acknowledged is lost, nothing is stored twice, every reply arrives and none twice
// without being shown as in doubt, while the gateway and Redis are killed, Redis stands still, the disk is full, the mail
// relay misbehaves and clients reconnect. Everything by a printed seed.
//
//   node tests/fault/fault.js --kills N --seed N --out FILE
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { execFileSync } = require('node:child_process');
const { Gateway, ROOT } = require('../lib/gateway');
const { scratch, until } = require('../lib/process');
const { FaultRelay } = require('./relay');
const { Ledger, random } = require('./ledger');
const { further, Writer } = require('./channels');
const { ChatCitizen, MailCitizen, Clerk, pause } = require('./citizens');

const arg = (name, fallback) => {
    const i = process.argv.indexOf(`--${name}`);
    return i > 0 ? process.argv[i + 1] : fallback;
};
const kills = Number(arg('kills', '50'));
const seed = Number(arg('seed', '0')) || Math.floor(Date.now() % 1000000) + 1;
const out = arg('out', 'build/fault.json');
const short = kills < 20;
const log = (text) => console.log(`fault: ${text}`);

/** A small file system for the state, so that "disk full" is real and harms nobody else. */
function small_disk(dir) {
    try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=96m,mode=0755', 'tmpfs', dir], { stdio: 'pipe' });
        return true;
    } catch (e) {
        log(`NO DISK-FULL FAULT: this machine refuses to mount a small file system (${String(e.message).split('\n')[0]})`);
        return false;
    }
}

class Faults {
    constructor(run) {
        this.run = run;
        this.counts = {};
    }

    /** The gateway's Redis, once it runs: after a kill it takes a moment until the gateway notices and starts another. */
    redis_pid(other_than = 0) {
        return until('Redis to run', () => {
            const { pid } = this.run.gateway.process;
            const children = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(/\s+/);
            return Number(children.find((p) => Number(p) !== other_than && /redis-server/.test(fs.readFileSync(`/proc/${p}/cmdline`, 'utf8'))));
        }, 20000);
    }

    async kill_gateway() {
        const p = this.run.gateway.process;
        p.kill('SIGKILL');
        await p.done;
        await this.run.gateway.spawn();
    }

    async kill_redis() {
        const pid = await this.redis_pid();
        process.kill(pid, 'SIGKILL');
        await this.redis_pid(pid);
        await this.run.gateway.ready();
    }

    async stop_redis() {
        const pid = await this.redis_pid();
        process.kill(pid, 'SIGSTOP');
        await pause(short ? 6000 : 30000);
        process.kill(pid, 'SIGCONT');
    }

    async fill_disk() {
        const file = path.join(this.run.disk, 'filler');
        const fd = fs.openSync(file, 'w');
        try {
            for (;;) fs.writeSync(fd, Buffer.alloc(65536, 1));
        } catch {
            // ENOSPC is what we came for.
        }
        fs.closeSync(fd);
        await pause(2500);
        fs.rmSync(file);
        if (this.run.gateway.process.exited) await this.run.gateway.spawn();
        else await this.run.gateway.ready();
    }

    async relay(mode) {
        await this.run.relay.set(mode);
        await pause(1500);
        await this.run.relay.set('ok');
    }

    reconnect_clients() {
        for (const c of this.run.chats) c.reconnect();
    }

    /** Every provider of a further channel loses an answer or cuts its connections; a program is killed in its next send. */
    providers() {
        for (const c of this.run.further.list) c.misbehave(this.run.random);
    }

    /** Kills alternate between gateway and Redis; the other faults come in between. */
    async all() {
        const others = [['relay_tempfail', () => this.relay('tempfail')], ['relay_drop_kept', () => this.relay('drop_kept')], ['relay_hang', () => this.relay('hang')],
            ['relay_drop_lost', () => this.relay('drop_lost')], ['reconnect_clients', () => this.reconnect_clients()]];
        if (this.run.has_small_disk) others.push(['disk_full', () => this.fill_disk()]);
        let stops = 0;
        for (let k = 0; k < kills; k++) {
            await pause(400 + this.run.random() * 1200);
            const kind = this.run.random() < 0.6 ? 'kill_gateway' : 'kill_redis';
            log(`${k + 1} of ${kills}: ${kind}`);
            await this[kind]();
            this.count(kind);
            const [name, fault] = others[Math.floor((k + this.run.random()) % others.length)];
            log(`   and ${name}`);
            await fault();
            this.count(name);
            this.providers();
            this.count('providers');
            if (stops === 0 && k >= kills / 2) {
                stops++;
                log('   and Redis stands still');
                await this.stop_redis();
                this.count('redis_stopped');
            }
        }
    }

    count(name) {
        this.counts[name] = (this.counts[name] || 0) + 1;
    }
}

/** All items of the outbox, page by page. */
async function outbox(gateway) {
    const items = [];
    let cursor = '';
    do {
        const page = await gateway.api('GET', `/outbox?limit=200${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
        items.push(...page.items);
        cursor = page.next;
    } while (cursor);
    return items;
}

/** Staff look at what is undelivered: what is in doubt is noted and sent again, a retry is asked for at once. */
async function settle_outbox(run, states) {
    await until('the outbox to be empty', async () => {
        const items = await outbox(run.gateway);
        for (const i of items) {
            if (i.state === 'in_doubt') states.set(i.message, { was_in_doubt: true });
            if (i.state === 'in_doubt' || i.state === 'retry' || i.state === 'failed')
                await run.gateway.api('POST', `/messages/${i.message}/retry`, {}).catch(() => {});
        }
        return items.length === 0;
    }, 120000);
}

async function stored_messages(gateway) {
    const rows = [];
    let cursor = '';
    do {
        const page = await gateway.api('GET', `/tickets?view=all&limit=200${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
        for (const t of page.tickets) {
            const items = [];
            let before = '';
            do {
                const full = await gateway.api('GET', `/tickets/${t.number}?limit=200${before}`);
                items.unshift(...full.items);
                before = full.more_before ? `&before=${full.more_before}` : '';
            } while (before);
            for (const m of items)
                for (const mark of (m.direction === 'in' && m.text.match(/\[m:[^\]]+\]/g)) || []) rows.push({ mark, ticket: t.number, n: m.n });
        }
        cursor = page.next;
    } while (cursor);
    // Numbers are given in the order of storing; the list itself stands by last change.
    return rows.sort((a, b) => (a.ticket === b.ticket ? a.n - b.n : a.ticket < b.ticket ? -1 : 1));
}

/** Providers that are asked keep what came after the first look only, so nobody writes before it. */
async function all_up(run) {
    await until('all channels to be up', async () => {
        const { channels } = await run.gateway.api('GET', '/settings');
        const down = run.further.list.filter((c) => !channels.find((x) => x.id === c.name).up).map((c) => c.name);
        if (down.length) throw new Error(down.join());
        return true;
    }, 60000);
    const mastodon = run.further.list.find((c) => c.name === 'mastodon').fake;
    await until('the first look at the mentions', () => mastodon.requests.some((r) => r.path === '/api/v1/notifications'), 60000);
}

/** Waits until what was acknowledged on every further channel (its first `count` messages) stands in the tickets. */
async function all_written(run, count = Infinity) {
    const names = new Set(run.further.list.map((c) => c.name));
    const wanted = () => [...run.ledger.sent].filter(([, r]) => names.has(r.kind) && r.n < count && r.acknowledged).map(([m]) => m);
    await until('all messages to be stored', async () => {
        const seen = new Set((await stored_messages(run.gateway)).map((s) => s.mark));
        const missing = wanted().filter((m) => !seen.has(m));
        if (missing.length) throw new Error(missing.slice(0, 5).join());
        return count === Infinity || [...names].every((n) => [...run.ledger.sent.values()].some((r) => r.kind === n && r.acknowledged));
    }, 120000);
}

async function main() {
    log(`seed ${seed}, ${kills} kills`);
    const run = { random: random(seed), ledger: new Ledger(), relay: new FaultRelay(), is_ending: false, is_over: false };
    await run.relay.listen();
    const dir = scratch('fault');
    run.disk = path.join(dir, 'state');
    fs.mkdirSync(run.disk);
    run.has_small_disk = small_disk(run.disk);
    run.further = await further(dir);
    run.gateway = new Gateway({
        dir,
        extra_channels: run.further.yaml,
        binary: process.env.DRAHT_BINARY || path.join(ROOT, 'build', 'opt', 'draht'),
        mail: `      relay: 127.0.0.1:${run.relay.port}\n      relay_tls: none\n      relay_timeout_s: 5`,
    });
    let failed = 1;
    try {
        await run.gateway.start();
        await run.gateway.login();
        run.chats = Array.from({ length: 8 }, (_, i) => new ChatCitizen(run, `chat${i}`));
        const mails = Array.from({ length: 4 }, (_, i) => new MailCitizen(run, `mail${i}`));
        const writers = run.further.list.flatMap((c) => [0, 1].map((i) => new Writer(run, c, i)));
        const answered = new Map();
        const clerks = [0, 1].map(() => new Clerk(run, answered));
        await all_up(run);
        for (const c of run.further.list) c.live?.(run);
        const lives = [...run.chats, ...mails, ...writers, ...clerks].map((p) => p.live());
        lives.forEach((l) => l.catch((e) => run.ledger.notes.push(String(e.stack || e))));
        const faults = new Faults(run);
        await all_written(run, 1);
        await faults.all();
        run.is_ending = true;
        await Promise.race([Promise.all(lives.map((l) => l.catch(() => {}))), pause(90000)]);
        log('healed; waiting for what is under way');
        const by_message = new Map();
        await settle_outbox(run, by_message);
        await all_written(run).catch((e) => run.ledger.notes.push(e.message));
        for (const c of run.chats) await c.connected();
        const chat_replies = [...run.ledger.replies].filter(([, r]) => r.queued && r.kind === 'webchat').map(([m]) => m);
        await until('all chat replies to be shown', () => chat_replies.every((m) => run.chats.some((c) => c.delivered.has(m))), 30000).catch((e) => run.ledger.notes.push(e.message));
        const delivered = new Map();
        for (const c of run.chats) for (const [m, seqs] of c.delivered) delivered.set(m, (delivered.get(m) || 0) + seqs.size);
        for (const k of run.relay.kept) for (const m of new Set(k.data.match(/\[r:[^\]]+\]/g) || [])) delivered.set(m, (delivered.get(m) || 0) + 1);
        for (const c of run.further.list) for (const m of await c.deliveries(run)) delivered.set(m, (delivered.get(m) || 0) + 1);
        const states = new Map();
        for (const [mark, r] of run.ledger.replies) if (by_message.has(r.message)) states.set(mark, by_message.get(r.message));
        const stored = await stored_messages(run.gateway);
        const sum = (name, what) => writers.filter((w) => w.channel.name === name).reduce((n, w) => n + w[what], 0);
        const result = { seed, kills, faults: faults.counts, ...run.ledger.result(stored, delivered, states), notes: run.ledger.notes };
        for (const c of run.further.list) {
            if (c.is_http) result.channels[c.name].answers_lost = sum(c.name, 'answers_lost');
            if (c.is_push && !c.says_once) result.channels[c.name].repeated_after_2xx = sum(c.name, 'repeated');
            if (c.lines_cut !== undefined) result.channels[c.name].lines_cut = c.lines_cut;
            if (c.receipts_taken !== undefined) result.channels[c.name].receipts_taken = c.receipts_taken;
            if (c.files_fetched !== undefined) Object.assign(result.channels[c.name], { files_fetched: c.files_fetched, addresses_ended: c.addresses_ended });
            if (c.kills !== undefined) result.channels[c.name].killed_in_send = c.kills;
            if (c.binds_dropped !== undefined) result.channels[c.name].binds_dropped = c.binds_dropped;
        }
        fs.mkdirSync(path.dirname(out), { recursive: true });
        fs.writeFileSync(out, `${JSON.stringify(result, null, 2)}\n`);
        console.log(JSON.stringify(result, null, 2));
        failed = result.lost + result.duplicated + result.disordered + result.delivered_twice_unflagged + (result.replies - result.delivered) + result.notes.length
            + (result.acknowledged === 0 ? 1 : 0) + (result.replies === 0 ? 1 : 0);
    } finally {
        run.is_over = true;
        if (failed) fs.writeFileSync(`${out}.log`, run.gateway.process.output);
        for (const c of run.chats || []) c.chat.close();
        await run.gateway.process.end().catch(() => {});
        await run.relay.close();
        await run.further.stop();
        if (run.has_small_disk) execFileSync('umount', ['-l', run.disk]);
        fs.rmSync(dir, { recursive: true, force: true });
    }
    console.log(failed ? `fault: FAILED (seed ${seed}); the gateway's log is ${out}.log` : `fault: 1 passed, 0 failed (seed ${seed})`);
    process.exit(failed ? 1 : 0);
}

main().catch((e) => {
    console.error(e);
    process.exit(1);
});
