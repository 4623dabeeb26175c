// SPDX-License-Identifier: EUPL-1.2
// The ledger: what each side said yes to, compared at the end with what is stored and what arrived.
'use strict';

class Ledger {
    constructor() {
        this.sent = new Map(); // mark -> {who, n, kind, acknowledged}
        this.replies = new Map(); // mark -> {ticket, message, kind, queued}
        this.notes = [];
    }

    say(mark, row) {
        this.sent.set(mark, { acknowledged: false, ...row });
    }

    acknowledged(mark) {
        this.sent.get(mark).acknowledged = true;
    }

    /** The same figures for one channel. */
    of(kind, seen, delivered, flagged) {
        const sent = [...this.sent].filter(([, r]) => r.kind === kind);
        const replies = [...this.replies].filter(([, r]) => r.queued && r.kind === kind).map(([m]) => m);
        const times = (m) => delivered.get(m) || 0;
        return {
            acknowledged: sent.filter(([, r]) => r.acknowledged).length,
            stored: sent.filter(([m]) => seen.has(m)).length,
            lost: sent.filter(([m, r]) => r.acknowledged && !seen.has(m)).length,
            duplicated: sent.filter(([m]) => seen.get(m) > 1).length,
            replies: replies.length,
            delivered: replies.filter((m) => times(m)).length,
            in_doubt: replies.filter(flagged).length,
            delivered_twice_flagged: replies.filter((m) => times(m) > 1 && flagged(m)).length,
            delivered_twice_unflagged: replies.filter((m) => times(m) > 1 && !flagged(m)).length,
        };
    }

    /** stored: [{mark, who, position}] of all tickets in order; delivered: Map mark -> times seen by the citizen. */
    result(stored, delivered, states) {
        const seen = new Map();
        for (const s of stored) seen.set(s.mark, (seen.get(s.mark) || 0) + 1);
        const acknowledged = [...this.sent].filter(([, r]) => r.acknowledged);
        const lost = acknowledged.filter(([m]) => !seen.has(m)).map(([m]) => m);
        const duplicated = [...seen].filter(([, n]) => n > 1).map(([m]) => m);
        // Order: one citizen's acknowledged messages stand in the order in which they were acknowledged.
        const last = new Map();
        const disordered = [];
        for (const s of stored) {
            const row = this.sent.get(s.mark);
            if (!row || row.n === undefined) continue;
            if (last.has(row.who) && last.get(row.who) > row.n) disordered.push(s.mark);
            last.set(row.who, row.n);
        }
        const replies = [...this.replies].filter(([, r]) => r.queued);
        const missing = replies.filter(([m]) => !delivered.get(m)).map(([m]) => m);
        const flagged = (m) => (states.get(m) || {}).was_in_doubt;
        const twice = [...delivered].filter(([m, n]) => n > 1 && !flagged(m)).map(([m]) => m);
        return {
            acknowledged: acknowledged.length,
            stored: seen.size,
            lost: lost.length,
            duplicated: duplicated.length,
            disordered: disordered.length,
            replies: replies.length,
            delivered: replies.length - missing.length,
            in_doubt: [...states.values()].filter((s) => s.was_in_doubt).length,
            delivered_twice_unflagged: twice.length,
            channels: Object.fromEntries([...new Set([...this.sent.values()].map((r) => r.kind))].map((k) => [k, this.of(k, seen, delivered, flagged)])),
            examples: { lost: lost.slice(0, 5), duplicated: duplicated.slice(0, 5), disordered: disordered.slice(0, 5), missing: missing.slice(0, 5), twice: twice.slice(0, 5) },
        };
    }
}

/** xorshift32: seeded, so that a run can be seen again. */
function random(seed) {
    let x = seed >>> 0 || 1;
    return () => {
        x ^= x << 13;
        x >>>= 0;
        x ^= x >>> 17;
        x ^= x << 5;
        x >>>= 0;
        return x / 4294967296;
    };
}

module.exports = { Ledger, random };
