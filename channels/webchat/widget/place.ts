// SPDX-License-Identifier: EUPL-1.2
// How many wait before the citizen. What becomes less is shown and read out at most every 30 seconds; what becomes more is only shown.
import { $ } from './dom';
import { hush, opens, say } from './texts';

const quiet_ms = 30_000, shut = 1e9;
let told = Infinity; // what is on the screen; shut: outside the hours; more: nothing
let toldAt = 0, later = 0;

/** before empty: waits for nothing (any more). */
export function place(before?: number | null, open?: boolean, next?: Date | null): void {
    const p = $('place');
    clearTimeout(later);
    if (before == null) {
        told = Infinity;
        toldAt = 0;
        return hush(p);
    }
    const now = open ? before : shut;
    const wait = now < told ? toldAt + quiet_ms - Date.now() : 0;
    if (wait > 0) {
        later = window.setTimeout(place, wait, before, open, next);
        return;
    }
    p.ariaLive = now < told ? 'polite' : 'off';
    if (now < told) toldAt = Date.now();
    told = now;
    if (open) say(p, before > 1 ? 'place' : before ? 'place1' : 'place0', `${before}`);
    else opens(p, next);
}
