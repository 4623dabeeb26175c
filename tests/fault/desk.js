// SPDX-License-Identifier: EUPL-1.2
// The counter of a fault run: staff take down what a citizen said, and do what answers ask of them. A letter counts as delivered
// when a person has printed it, a call when it was made; that is told to Draht until it says yes.
'use strict';
const { randomUUID } = require('node:crypto');
const { until } = require('../lib/process');
const { marks, pause } = require('./posted');

class Desk {
    constructor() {
        Object.assign(this, { name: 'desk', is_push: true, is_http: true, replies_max: 4, done: [], is_over: false });
    }

    yaml() {
        return '  - id: desk\n    type: desk\n    queue: buergerbuero\n';
    }

    /** One taker writes letters down, the other calls. */
    letter(who, mark) {
        const is_call = Number(who.replace(/\D/g, '')) % 2 === 1;
        const body = JSON.stringify({ client_id: randomUUID(), kind: is_call ? 'phone' : 'letter', who, what: `Frage ${mark}`, reply: is_call ? '0341 123 45-67' : 'Am Wehr 3\n04109 Leipzig' });
        return async (gateway) => (await this.ask(gateway, 'POST', '/api/v1/desk', body)).status;
    }

    ask(gateway, method, path, body) {
        return gateway.raw(method, path, { cookie: gateway.cookie, 'x-csrf-token': gateway.csrf, 'content-type': 'application/json' }, body);
    }

    /** The person who prints and calls, all the time. */
    async live(run) {
        while (!this.is_over) {
            try {
                for (const t of (await run.gateway.api('GET', '/desk')).tasks) await this.do_task(run, t);
            } catch {
                // Away or killed: the list is asked for again.
            }
            await pause(100);
        }
    }

    async do_task(run, task) {
        const words = await this.words(run.gateway, task);
        this.done.push(...marks(words));
        let status = 0;
        while (!this.is_over && status !== 204 && status !== 200) {
            const was = status;
            status = await this.ask(run.gateway, 'POST', `/api/v1/desk/${task.message}/done`, '{}').then((a) => a.status, () => -1);
            // A yes that got lost was a yes: the task is gone.
            if (status === 404 && was < 0) return;
            if (status === 404) run.ledger.notes.push(`desk: ${task.message} was in the list and is not there`);
            if (status >= 400 && status < 500) return;
            await pause(status > 0 && status < 300 ? 0 : 100);
        }
    }

    async words(gateway, task) {
        if (task.kind === 'letter') {
            const a = await this.ask(gateway, 'GET', `/api/v1/desk/${task.message}/letter`);
            if (a.status !== 200) throw new Error(`letter: ${a.status}`);
            return a.text;
        }
        const { items } = await gateway.api('GET', `/tickets/${task.ticket}?limit=200`);
        return items.find((i) => i.id === task.message).text;
    }

    /** Everything done, and shown to staff as delivered. */
    async deliveries(run) {
        const sent = [...run.ledger.replies.values()].filter((r) => r.queued && r.kind === this.name);
        await until('all letters and calls to be done and shown as delivered', async () => {
            if ((await run.gateway.api('GET', '/desk')).tasks.length) return false;
            for (const r of sent) {
                const { items } = await run.gateway.api('GET', `/tickets/${r.ticket}?limit=200`);
                const { state } = items.find((i) => i.id === r.message).delivery;
                if (state !== 'delivered') throw new Error(`${r.message}: ${state}`);
            }
            return true;
        }, 60000).catch((e) => run.ledger.notes.push(e.message));
        return this.done;
    }

    misbehave() {} // Nobody sends for it; who takes down loses answers all the time.

    stop() {
        this.is_over = true;
    }
}

module.exports = { Desk };
