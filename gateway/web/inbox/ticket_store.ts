// SPDX-License-Identifier: EUPL-1.2
// The open ticket: loading, earlier items, changes, live items, who else is there. No drawing.
import { signal } from '@preact/signals';
import { ApiError, call, get, messagePath, post, query } from '../shared/api';
import { t } from '../shared/i18n';
import type { Item, Message, Summary, Ticket, Viewer } from '../shared/types';
import { drop, merge, rows } from './list_store';
import { goTicket, route } from './route';
import { errorText, me, notice, offerUndo, queueName, say, tell } from './store';

export const ticket = signal<Ticket | null>(null);
export const opening = signal(false);
export const openError = signal<string | null>(null);
export const viewers = signal<Viewer[]>([]);
/** Names that write in the open ticket ("citizen" by their own name). */
export const typing = signal<string | null>(null);
/** A message of another person that came while we were writing; must be looked at before sending. */
export const overtaken = signal<Message | null>(null);
/** Set by the composer: is there text of ours that is not sent? */
export const composing = { on: false };

const undo_action_ms = 10_000;
let typingTimer: ReturnType<typeof setTimeout> | undefined;
const path = (number: string): string => `/tickets/${encodeURIComponent(number)}`;

export async function open(number: string | null, again = false): Promise<void> {
    if (!again) { viewers.value = []; typing.value = null; overtaken.value = null; openError.value = null; }
    if (!number) { ticket.value = null; opening.value = false; return; }
    if (!again && ticket.value?.number !== number) ticket.value = null;
    opening.value = true;
    try {
        const full = await get<Ticket>(`${path(number)}${query({ limit: 50 })}`);
        if (route.value.ticket !== number) return;
        ticket.value = full;
        openError.value = null;
    } catch (e) {
        if (e instanceof ApiError && e.status === 401) tell(e);
        else if (route.value.ticket === number) openError.value = errorText(e);
    } finally {
        if (route.value.ticket === number) opening.value = false;
    }
}

export async function earlier(): Promise<void> {
    const now = ticket.value;
    if (!now?.more_before) return;
    try {
        const part = await get<Ticket>(`${path(now.number)}${query({ before: now.more_before, limit: 50 })}`);
        if (ticket.value?.number !== now.number) return;
        ticket.value = { ...ticket.value, items: joined(part.items, ticket.value.items), more_before: part.more_before };
    } catch (e) { tell(e); }
}

const key = (i: Item): string => `${i.type}${i.n}`;
function joined(a: Item[], b: Item[]): Item[] {
    const all = new Map(a.map((i) => [key(i), i]));
    for (const i of b) all.set(key(i), i);
    return [...all.values()].sort((x, y) => x.n - y.n);
}

/** A new or changed item of the open ticket, from the socket or from our own call. */
export function takeItem(number: string, item: Item): void {
    const now = ticket.value;
    if (!now || now.number !== number) return;
    const known = now.items.some((i) => key(i) === key(item));
    ticket.value = { ...now, items: joined(now.items, [item]) };
    if (known || item.type !== 'message') return;
    const own = item.author.id === me.value?.id && item.direction !== 'in';
    if (!own && item.direction !== 'note') {
        say(t('say.message', { name: item.author.name }));
        if (composing.on && !item.automatic) overtaken.value = item;
    }
}
export function takeSummary(s: Summary): void {
    const now = ticket.value;
    if (now && now.number === s.number && (s.rev ?? 0) >= (now.rev ?? 0)) ticket.value = { ...now, ...s };
}
export function takeTyping(number: string, name: string | null): void {
    if (ticket.value?.number !== number) return;
    typing.value = name;
    clearTimeout(typingTimer);
    if (name) typingTimer = setTimeout(() => { typing.value = null; }, 8000);
}

export type Change = Partial<Pick<Summary, 'state' | 'reminder_at' | 'queue' | 'assignee' | 'priority' | 'tags' | 'subject'>>;

/** Changes the ticket; `done` is the sentence of the undo bar. Nothing is drawn before the server agrees. */
export async function change(what: Change, done: string, number = ticket.value?.number): Promise<boolean> {
    const before = ticket.value?.number === number ? ticket.value : null;
    if (!number) return false;
    try {
        const s = await call<Summary | undefined>('PATCH', path(number), before ? { ...what, rev: before.rev } : what);
        if (!s) {
            lose([number]);
            if (what.queue) notice(t('gone.handed', { number, name: queueName(what.queue) }));
            return true;
        }
        takeSummary(s);
        merge([s]);
        if (before) offerUndo(done, Date.now() + undo_action_ms, () => revert(number, what, before));
        return true;
    } catch (e) {
        if (e instanceof ApiError && e.status === 409) void open(number, true);
        tell(e);
        return false;
    }
}
/** Tickets went to where we do not see them: they leave list and view, and a sentence says so. */
export function lose(numbers: string[]): void {
    const open_ = route.value.ticket;
    const known = numbers.filter((n) => n === open_ || rows.value.some((s) => s.number === n));
    drop(numbers);
    if (!known.length) return;
    notice(t('gone.left', { n: known.length, number: known[0]! }));
    if (open_ && numbers.includes(open_)) {
        goTicket(null, true);
        requestAnimationFrame(() => document.querySelector<HTMLElement>('.row[tabindex="0"], .rows')?.focus());
    }
}
async function revert(number: string, what: Change, before: Summary): Promise<void> {
    const old: Record<string, unknown> = {};
    for (const k of Object.keys(what) as (keyof Change)[]) old[k] = before[k];
    const s = await call<Summary | undefined>('PATCH', path(number), old);
    if (!s) { lose([number]); return; }
    takeSummary(s);
    merge([s]);
}

export async function act(m: Message, what: 'retry' | 'cancel' | 'mark-sent' | 'undo'): Promise<Message | null> {
    const number = ticket.value?.number;
    try {
        const changed = await post<Message>(messagePath(m.id, what));
        if (number && changed?.type === 'message') takeItem(number, changed);
        return changed;
    } catch (e) {
        tell(e);
        return null;
    }
}
