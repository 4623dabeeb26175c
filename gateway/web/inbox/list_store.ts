// SPDX-License-Identifier: EUPL-1.2
// The list of the present view: paging, order by due class, live changes held back while somebody works in it.
import { computed, signal } from '@preact/signals';
import { get, query } from '../shared/api';
import { dueClass, dueClasses, now, type DueClass } from '../shared/time';
import type { Summary } from '../shared/types';
import { route, type Route } from './route';
import { me, tell, trouble } from './store';

const page = 100;
/** Rows fetched ahead for the order by due time; the rest comes while scrolling. */
const ahead = 500;

export const rows = signal<Summary[]>([]);
export const loading = signal(false);
export const next = signal<string | null>(null);
export const held = signal<Summary[]>([]);
export const sort = signal<'due' | 'newest'>(localStorage.getItem('draht.sort') === 'newest' ? 'newest' : 'due');
export const focused = signal<string | null>(null);
export const marked = signal<ReadonlySet<string>>(new Set());
/** True while pointer or focus is in the list: new rows then wait in `held`. */
export const busy = { pointer: false, focus: false };

let turn = 0;
export const listed = (r: Route): boolean => !['outbox', 'channels', 'desk', 'more'].includes(r.view);
export const viewKey = (r: Route): string => `${r.view}/${r.queue ?? ''}/${r.q}`;

function address(r: Route, cursor: string | null): string {
    if (r.view === 'search') return `/search${query({ q: r.q, cursor })}`;
    return `/tickets${query({ view: r.view, queue: r.queue, cursor, limit: page })}`;
}
interface Page { tickets: Summary[]; next: string | null }

function put(list: Summary[], more: Summary[]): Summary[] {
    const byNumber = new Map(list.map((s) => [s.number, s]));
    for (const s of more) byNumber.set(s.number, s);
    return [...byNumber.values()];
}

/** Loads the view from its start; what was seen stays until the answer is there. */
export async function load(keep = false): Promise<void> {
    const mine = ++turn;
    const r = route.value;
    if (!listed(r)) return;
    if (!keep) { rows.value = []; marked.value = new Set(); focused.value = r.ticket; }
    held.value = [];
    if (r.view === 'search' && r.q.trim() === '') { rows.value = []; next.value = null; return; }
    loading.value = true;
    try {
        const first = await get<Page>(address(r, null));
        if (mine !== turn) return;
        rows.value = first.tickets;
        next.value = first.next ?? null;
        trouble.value = null;
        while (sort.value === 'due' && next.value && rows.value.length < ahead) if (!(await step(r, mine))) return;
    } catch (e) {
        if (mine === turn) tell(e, () => void load(keep));
    } finally {
        if (mine === turn) loading.value = false;
    }
}
async function step(r: Route, mine: number): Promise<boolean> {
    const more = await get<Page>(address(r, next.value));
    if (mine !== turn) return false;
    rows.value = put(rows.value, more.tickets);
    next.value = more.next ?? null;
    return true;
}
export async function loadMore(): Promise<void> {
    if (loading.value || !next.value) return;
    const mine = turn;
    loading.value = true;
    try { await step(route.value, mine); } catch (e) { tell(e); } finally { if (mine === turn) loading.value = false; }
}

function belongs(s: Summary, r: Route): boolean {
    const live = s.state !== 'closed';
    switch (r.view) {
        case 'mine': return live && s.assignee === me.value?.id;
        case 'unassigned': return live && !s.assignee;
        case 'unanswered': return live && !!s.last_in_at && (!s.last_out_at || s.last_out_at < s.last_in_at);
        case 'overdue': return live && dueClass(s) === 'late';
        case 'due_soon': return live && dueClass(s) === 'soon';
        case 'waiting': return s.state === 'waiting';
        case 'reminder': return s.state === 'reminder';
        case 'closed': return !live;
        case 'queue': return live && s.queue === r.queue;
        case 'all': return live;
        default: return false;
    }
}

/** Takes over changed summaries. A known row changes in place; a new one waits while the list is in use. */
export function merge(changed: Summary[]): void {
    const r = route.value;
    if (!listed(r)) return;
    let list = rows.value;
    let wait = held.value;
    for (const s of changed) {
        const at = list.findIndex((x) => x.number === s.number);
        const fits = belongs(s, r) || (r.view === 'search' && at >= 0);
        if (at >= 0) {
            if ((list[at]!.rev ?? 0) > (s.rev ?? 0)) continue;
            // the open ticket stays in sight even when it leaves the view
            if (fits || s.number === r.ticket) list = list.with(at, s);
            else list = list.toSpliced(at, 1);
        } else if (fits) {
            if (busy.pointer || busy.focus) wait = put(wait, [s]);
            else list = [...list, s];
        }
    }
    rows.value = list;
    held.value = wait;
}
/** Tickets that we do not see any more. */
export function drop(numbers: string[]): void {
    const stays = (s: Summary): boolean => !numbers.includes(s.number);
    rows.value = rows.value.filter(stays);
    held.value = held.value.filter(stays);
    marked.value = new Set([...marked.value].filter((n) => !numbers.includes(n)));
    if (focused.value && numbers.includes(focused.value)) focused.value = null;
}
export function showHeld(): void {
    rows.value = put(rows.value, held.value);
    held.value = [];
}

export interface Group { name: DueClass | 'all'; rows: Summary[]; from: number }
const byDue = (a: Summary, b: Summary): number => (a.due_at ?? a.updated_at).localeCompare(b.due_at ?? b.updated_at);
const byNewest = (a: Summary, b: Summary): number => b.updated_at.localeCompare(a.updated_at);

/** The rows as drawn: in groups by due class, or one group of all. */
export const groups = computed<Group[]>(() => {
    void now.value;
    if (sort.value === 'newest' || route.value.view === 'closed')
        return [{ name: 'all', rows: [...rows.value].sort(byNewest), from: 0 }];
    const out: Group[] = [];
    let from = 0;
    for (const name of dueClasses) {
        const part = rows.value.filter((s) => dueClass(s) === name).sort(name === 'rest' ? byNewest : byDue);
        if (part.length) out.push({ name, rows: part, from });
        from += part.length;
    }
    return out;
});
export const ordered = computed<Summary[]>(() => groups.value.flatMap((g) => g.rows));

export function setSort(how: 'due' | 'newest'): void {
    sort.value = how;
    localStorage.setItem('draht.sort', how);
    void load(true);
}
export function mark(number: string): void {
    const s = new Set(marked.value);
    if (!s.delete(number)) s.add(number);
    marked.value = s;
}
