// SPDX-License-Identifier: EUPL-1.2
// Where we are, from the address: /inbox/<view>[/<number>], /inbox/channels[/<id>], so that the back button works on a phone.
import { signal } from '@preact/signals';

export interface Route { view: string; queue: string | null; ticket: string | null; channel: string | null; q: string }

const plain = ['mine', 'unassigned', 'unanswered', 'overdue', 'due_soon', 'waiting', 'reminder', 'closed', 'all', 'search', 'outbox', 'channels', 'desk', 'more'];

function read(): Route {
    const parts = location.pathname.replace(/^\/inbox\/?/, '').split('/').map(decodeURIComponent).filter(Boolean);
    const q = new URLSearchParams(location.search).get('q') ?? '';
    if (parts[0] === 'queue') return { view: 'queue', queue: parts[1] ?? null, ticket: parts[2] ?? null, channel: null, q };
    const view = plain.includes(parts[0] ?? '') ? parts[0]! : 'mine';
    const part = parts[1] ?? null;
    return view === 'channels' ? { view, queue: null, ticket: null, channel: part, q } : { view, queue: null, ticket: part, channel: null, q };
}

export const route = signal<Route>(read());
addEventListener('popstate', () => { route.value = read(); });

export function path(to: Partial<Route> & { view: string }): string {
    let p = to.view === 'queue' ? `/inbox/queue/${encodeURIComponent(to.queue ?? '')}` : `/inbox/${to.view}`;
    if (to.view === 'channels' && to.channel) p += `/${encodeURIComponent(to.channel)}`;
    if (to.ticket) p += `/${encodeURIComponent(to.ticket)}`;
    return to.view === 'search' ? `${p}?q=${encodeURIComponent(to.q ?? '')}` : p;
}

export function go(to: Partial<Route> & { view: string }, replace = false): void {
    const p = path(to);
    if (p !== location.pathname + location.search) history[replace ? 'replaceState' : 'pushState'](null, '', p);
    route.value = read();
}

/** Opens a ticket inside the present view; null closes it. */
export function goTicket(number: string | null, replace = false): void {
    const r = route.value;
    const view = r.view === 'outbox' || r.view === 'channels' || r.view === 'desk' || r.view === 'more' ? 'all' : r.view;
    go({ ...r, view: number ? view : r.view, ticket: number }, replace);
}

/** A click on a link of ours that the browser shall not follow by itself. */
export function plainClick(e: MouseEvent): boolean {
    return e.button === 0 && !e.ctrlKey && !e.metaKey && !e.shiftKey && !e.altKey;
}
