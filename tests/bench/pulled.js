// SPDX-License-Identifier: EUPL-1.2
// Channels that ask their provider for news: the gateway is away while the queue fills, and the clock runs from its first question for
// what is new until all of it stands in the stream. Answers of the fake are part of the time.
'use strict';
const { Gateway } = require('../lib/gateway');
const { until } = require('../lib/process');
const { accepted, capture_call, stored_since, stream_end } = require('./tools');
const { floor_of, put_rate, socket_of, BINARY } = require('./channels');
const { rows } = require('./pulled-rows');

const TEXT = 'Die Straßenlaterne vor Haus 12 ist seit Montag dunkel. '.repeat(2);
const text = (i) => `${TEXT}${i}`;
const N = 2000;

/** Fills the queue of a gateway that runs; returns when all messages stand in the stream. */
async function fetch(gateway, row, first, n) {
    const end = await stream_end(gateway);
    row.fill(first, n, text);
    await until(`${n} messages of ${row.name}`, async () => (await stored_since(gateway, end)) >= n, 120000);
}

/** When the question for news comes next. */
function next_fetch(row) {
    return new Promise((resolve) => {
        const look = (q) => {
            if (!row.is_fetch(q)) return;
            row.fake.server.removeListener('request', look);
            resolve(process.hrtime.bigint());
        };
        row.fake.server.prependListener('request', look);
    });
}

async function rate_of(row, put) {
    await row.start();
    const gateway = new Gateway({ binary: BINARY, extra_channels: row.yaml });
    try {
        const asked = next_fetch(row);
        await gateway.start();
        await asked;
        await fetch(gateway, row, 0, 300);
        const call = await capture_call(socket_of(gateway), /accept/, () => fetch(gateway, row, 300, 1));
        await gateway.stop();
        row.fill(1000, N, text);
        const first = next_fetch(row);
        await gateway.spawn();
        const began = await first;
        await until(`${N} messages of ${row.name}`, async () => (await accepted(gateway)) === N, 120000);
        const rate = N / (Number(process.hrtime.bigint() - began) / 1e9);
        put_rate(row.name, rate, await floor_of(gateway, call, 20), put);
    } finally {
        await gateway.close();
        await row.stop();
    }
}

async function pulled({ put }) {
    for (const row of rows) await rate_of(row, put);
}

module.exports = { pulled, fetch, next_fetch };
