// SPDX-License-Identifier: EUPL-1.2
// The live socket: takes frames over into the stores, reconnects with growing, jittered waits and then fetches anew.
import type { LiveFrame } from '../shared/types';
import { load, merge } from './list_store';
import { route } from './route';
import { channels, counts, me, offline, refreshCounts, refreshMe, trouble, stirred } from './store';
import { lose, open, takeItem, takeSummary, takeTyping, ticket, viewers } from './ticket_store';

const first_ms = 1000;
const longest_ms = 30_000;
const silence_ms = 4000;

let socket: WebSocket | null = null;
let wait = first_ms;
let timer: ReturnType<typeof setTimeout> | undefined;
let lost = 0;
let watched: string | null = null;

function take(f: LiveFrame): void {
    switch (f.t) {
        case 'tickets': merge(f.tickets); f.tickets.forEach(takeSummary); stirred.value++; break;
        case 'gone': lose(f.tickets); stirred.value++; break;
        case 'counts': { const { t: _, ...rest } = f; counts.value = rest; break; }
        case 'item': takeItem(f.ticket, f.item); break;
        case 'typing':
            if (typeof f.who === 'object' && f.who.id === me.value?.id) break;
            takeTyping(f.ticket, f.on ? (f.who === 'citizen' ? (ticket.value?.sender.name ?? '') : f.who.name) : null);
            break;
        case 'viewers': if (f.ticket === watched) viewers.value = f.viewers.filter((v) => v.id !== me.value?.id); break;
        case 'channels': channels.value = f.channels; break;
        default: break;
    }
}

function transmit(frame: object): void {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
}
export function watch(number: string | null): void {
    watched = number;
    transmit({ t: 'watch', ticket: number });
}
export function writing(number: string, on: boolean): void {
    transmit({ t: 'writing', ticket: number, on });
}

function opened(): void {
    const again = lost > 0;
    lost = 0;
    wait = first_ms;
    offline.value = null;
    transmit({ t: 'watch', ticket: watched });
    if (!again) return;
    trouble.value = null;
    void refreshMe();
    void load(true);
    void refreshCounts();
    if (route.value.ticket) void open(route.value.ticket, true);
}

function closed(): void {
    socket = null;
    if (!me.value) return;
    lost ||= Date.now();
    // half of the wait is by chance, so that a restarted gateway is not met by everybody at once
    const pause = wait / 2 + Math.random() * (wait / 2);
    wait = Math.min(wait * 2, longest_ms);
    if (Date.now() - lost > silence_ms || !navigator.onLine) offline.value = { since: lost, next: Date.now() + pause };
    else setTimeout(() => { if (lost && !offline.value) offline.value = { since: lost, next: Date.now() + pause }; }, silence_ms);
    clearTimeout(timer);
    timer = setTimeout(connect, pause);
}

export function connect(): void {
    clearTimeout(timer);
    if (!me.value || socket) return;
    const s = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/v1/live`, 'draht.inbox.v1');
    socket = s;
    s.onopen = opened;
    s.onclose = () => { if (socket === s) closed(); };
    s.onmessage = (e) => {
        try { take(JSON.parse(String(e.data)) as LiveFrame); } catch { /* a frame we do not know is no reason to stop */ }
    };
}
addEventListener('online', connect);
addEventListener('offline', () => socket?.close());
