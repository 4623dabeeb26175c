// SPDX-License-Identifier: EUPL-1.2
// The conversation that every Mastodon-compatible instance must carry, told once for the fake and for a real one. The instance
// offers url, token, streaming_url?, toot(text, {visibility, in_reply_to}) and inbox() for its citizen.
'use strict';
const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const { until } = require('./process');

/** The channel's YAML for the gateway's extra_channels. */
function channelOf(instance, more = '') {
    return `  - id: fedi
    type: mastodon
    queue: buergerbuero
    options:
      url: "${instance.url}"
      access_token: ${instance.token}
      poll_s: 5
${instance.streaming_url ? `      streaming_url: "${instance.streaming_url}"\n` : ''}${more}`;
}

/** What staff do, in the words of the cases. */
class Office {
    constructor(gateway) {
        this.gateway = gateway;
    }

    async tickets() {
        return (await this.gateway.api('GET', '/tickets?view=all&limit=200')).tickets.filter((t) => t.channel === 'fedi');
    }

    async items(number) {
        return (await this.gateway.api('GET', `/tickets/${number}`)).items;
    }

    async all() {
        return (await Promise.all((await this.tickets()).map(async (t) => (await this.items(t.number)).map((i) => ({ ...i, number: t.number }))))).flat();
    }

    find(text, limit_ms = 30000) {
        return until(`the message ${text}`, async () => (await this.all()).find((i) => i.text === text), limit_ms);
    }

    reply(number, text, attachments = []) {
        return this.gateway.api('POST', `/tickets/${number}/messages`, { kind: 'reply', text, attachments, client_id: randomUUID() }, 202);
    }

    delivery(number, text, state, limit_ms = 30000) {
        return until(`${text} to be ${state}`, async () => {
            const i = (await this.items(number)).find((x) => x.text === text);
            return i?.delivery?.state === state && i;
        }, limit_ms);
    }
}

const words = (html) => html.replace(/<br \/>|<\/p>/g, '\n').replace(/<[^>]+>/g, '').replace(/&amp;/g, '&').trim();

/** Registers the cases; get() gives {instance, office} when they run. */
function cases(test, get) {
    test('a direct message becomes a ticket, the reply comes back as a direct answer to it, the next one joins', { timeout: 120000 }, async () => {
        const { instance, office } = get();
        const first = await instance.toot('Wann ist Sperrmüll in der Gartenstraße?');
        const m = await office.find('Wann ist Sperrmüll in der Gartenstraße?');
        await office.reply(m.number, 'Am Montag ab 6 Uhr.');
        const got = await until('the answer', async () => (await instance.inbox()).find((s) => words(s.content).includes('Am Montag ab 6 Uhr.')), 30000);
        assert.equal(got.visibility, 'direct');
        assert.equal(got.in_reply_to_id, first.id);
        await office.delivery(m.number, 'Am Montag ab 6 Uhr.', 'sent');
        await instance.toot('Danke schön für die Auskunft', { in_reply_to: got.id });
        assert.equal((await office.find('Danke schön für die Auskunft')).number, m.number);
    });

    test('a public mention becomes a ticket and is answered by direct message alone', { timeout: 120000 }, async () => {
        const { instance, office } = get();
        await instance.toot('Die Ampel am Markt ist dunkel', { visibility: 'public' });
        const m = await office.find('Die Ampel am Markt ist dunkel');
        await office.reply(m.number, 'Wir kümmern uns, Frau Probe.');
        const got = await until('the answer', async () => (await instance.inbox()).find((s) => words(s.content).includes('Frau Probe')), 30000);
        assert.equal(got.visibility, 'direct');
    });

    test('a long reply becomes a thread within the limit', { timeout: 120000 }, async () => {
        const { instance, office } = get();
        await instance.toot('Bitte alles genau erklären');
        const m = await office.find('Bitte alles genau erklären');
        const long = Array.from({ length: 300 }, (_, i) => `Punkt ${i} von vielen.`).join(' ');
        await office.reply(m.number, long);
        const parts = await until('the last part', async () => {
            const some = (await instance.inbox()).filter((s) => /Punkt \d+ von/.test(s.content));
            return some.some((s) => s.content.includes('Punkt 299 von vielen.')) && some;
        }, 60000);
        const said = parts.map((s) => words(s.content).replace(/^@\S+\s/, ''));
        assert.equal(said.join(' '), long);
        parts.slice(1).forEach((s, i) => assert.equal(s.in_reply_to_id, parts[i].id));
    });
}

module.exports = { cases, channelOf, Office, words };
