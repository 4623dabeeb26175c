// SPDX-License-Identifier: EUPL-1.2
// The office's side of the Matrix tests: a gateway with one Matrix channel, and what staff do with it.
'use strict';
const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const { Gateway } = require('./gateway');
const { until } = require('./process');

/** options: lines of the channel's options. */
function office(options, more = {}) {
    const lines = options.map((l) => `      ${l}`).join('\n');
    return new Gateway({ ...more, extra_channels: `  - id: matrix\n    type: matrix\n    queue: buergerbuero\n    options:\n${lines}` });
}

const tickets = async (g) => (await g.api('GET', '/tickets?view=all&limit=200')).tickets;
const items = async (g, number) => (await g.api('GET', `/tickets/${number}?limit=200`)).items;
/** Texts of the citizen's messages in the ticket. */
const texts = async (g, number) => (await items(g, number)).filter((i) => i.direction === 'in').map((i) => i.text);

/** The ticket in which the citizen said this. */
function ticketWith(g, text, limit_ms = 45000) {
    return until(`a ticket with "${text}"`, async () => {
        for (const t of await tickets(g)) if ((await items(g, t.number)).some((i) => (i.text || '').includes(text))) return t;
        return undefined;
    }, limit_ms);
}

const answer = (g, number, text, attachments = []) => g.api('POST', `/tickets/${number}/messages`, { kind: 'reply', text, attachments, client_id: randomUUID() }, 202);
const delivery = async (g, m) => (await items(g, m.id.split('.')[0])).find((i) => i.id === m.id).delivery;
const becomes = (g, m, state, limit_ms = 45000) => until(`${m.id} to be ${state}`, async () => {
    const d = await delivery(g, m);
    if (d.state !== state) throw new Error(JSON.stringify(d));
    return d;
}, limit_ms);

async function upload(g, name, type, bytes) {
    const a = await g.raw('POST', `/api/v1/uploads?name=${encodeURIComponent(name)}`, { cookie: g.cookie, 'x-csrf-token': g.csrf, 'content-type': type }, bytes);
    assert.equal(a.status, 201, a.text);
    return a.json;
}

async function channel(g) {
    return (await g.api('GET', '/settings')).channels.find((c) => c.id === 'matrix');
}
const up = (g, limit_ms = 45000) => until('the Matrix channel to be up', async () => (await channel(g)).up, limit_ms);

module.exports = { office, tickets, items, texts, ticketWith, answer, delivery, becomes, upload, channel, up };
