// SPDX-License-Identifier: EUPL-1.2
// What the measurements share: Redis' own benchmark on a captured function call, memory of a process, medians.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { run, until, Process } = require('../lib/process');

const median = (list) => list.slice().sort((a, b) => a - b)[Math.floor(list.length / 2)];
const quantile = (list, q) => list.slice().sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * q))];

/** Resident megabytes of a process. */
function rss_mb(pid) {
    return Number(fs.readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)[1]) / 1024;
}

/** Processor time that a process has taken so far, in its own code and in the kernel's. */
function cpu_ms(pid) {
    const [user, system] = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ').slice(11, 13);
    return (Number(user) + Number(system)) * 10;
}

async function redis_cli(socket, ...args) {
    const r = await run('redis-cli', ['-s', socket, ...args]);
    if (r.code !== 0) throw new Error(r.out);
    return r.out.trim();
}

/** Messages that came in so far, as the gateway's own metrics count the events of the stream. */
async function accepted(gateway) {
    const m = (await gateway.raw('GET', '/metrics')).text.match(/draht_events_total\{type="message\.received"\} (\d+)/);
    return m ? Number(m[1]) : 0;
}

const STREAM = 'draht:{0}:stream';
const COUNT_RECEIVED = `local n = 0
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+')) do
    for _, word in ipairs(entry[2]) do
        if word == 'message.received' then n = n + 1 break end
    end
end
return n`;
const redis_of = (gateway) => path.join(gateway.state, 'redis', 'redis.sock');

/** Where the stream of events ends now. */
async function stream_end(gateway) {
    return (await redis_cli(redis_of(gateway), 'XREVRANGE', STREAM, '+', '-', 'COUNT', '1')).split('\n')[0] || '0-0';
}

/** Messages that came in behind that point. Redis counts: it costs the gateway nothing, and a long stream is not handed out. */
async function stored_since(gateway, end) {
    return Number(await redis_cli(redis_of(gateway), 'EVAL', COUNT_RECEIVED, '1', STREAM, end));
}

/** Waits until a channel may be used, as staff see it. */
const channel_up = (gateway, id) => until(`${id} to be up`, async () => (await gateway.api('GET', '/settings')).channels.find((c) => c.id === id).up, 120000);

/** Splits one line of MONITOR into arguments; escapes become single printable bytes, so lengths stay true. */
function monitor_args(line) {
    const args = [];
    const re = /"((?:[^"\\]|\\.)*)"/g;
    let m;
    while ((m = re.exec(line))) args.push(m[1].replace(/\\x[0-9a-f]{2}|\\./g, 'x'));
    return args;
}

/** Runs act() and returns the arguments of the first call of a function whose name matches. */
async function capture_call(socket, name, act) {
    const monitor = new Process('redis-cli', ['-s', socket, 'MONITOR']);
    await monitor.line(/OK/);
    await act();
    const line = await until(`a call of ${name}`, () => monitor.output.split('\n').find((l) => /"fcall"/i.test(l) && name.test(l)));
    monitor.kill('SIGKILL');
    await monitor.done;
    return monitor_args(line);
}

/** Calls per second by redis-benchmark. args may hold __rand_int__. */
async function redis_rate(socket, args, { connections = 50, requests = 50000, keyspace = 1000000000 } = {}) {
    const r = await run('redis-benchmark', ['-s', socket, '-c', String(connections), '-n', String(requests), '-r', String(keyspace), '--csv', ...args]);
    const row = r.out.trim().split('\n').pop();
    const m = row.match(/",?"?([\d.]+)"/) && row.split('","');
    const rate = m && Number(m[1].replace(/"/g, ''));
    if (!rate) throw new Error(`redis-benchmark: ${r.out.slice(-500)}`);
    return rate;
}

/** A 32-digit hash whose first twelve digits redis-benchmark varies. */
const varied_hash = (old) => `__rand_int__${old.slice(12)}`;

module.exports = { accepted, channel_up, cpu_ms, median, quantile, rss_mb, redis_cli, capture_call, redis_rate, stored_since, stream_end, varied_hash };
