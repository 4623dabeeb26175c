/* SPDX-License-Identifier: EUPL-1.2 */
// The list of messages. Messages are only ever added (a screen reader hears each once); only the word of a state changes.
import { $, icon, make, moment } from './dom';
import { clock, date, say, size, t, type Key } from './texts';
import type { Draft, Frame } from './wire';

type State = 'wait' | 'sent' | 'read' | 'failed';
interface Row { el: HTMLElement; seq: number; who: string; at: Date; text: string; state?: State | undefined; id?: string | undefined }

const rank: Record<State, number> = { failed: 0, wait: 0, sent: 1, read: 2 };
const rows: Row[] = [];
const byId = new Map<string, Row>();
const byCid = new Map<string, Row>();
let lastDay = '';

const log = (): HTMLElement => $('log');
export const any = (): boolean => rows.length > 0;
export const knows = (id: string): boolean => byId.has(id);

function words(text: string): HTMLElement {
    const box = make('div', 'tx');
    box.dir = 'auto';
    let at = 0;
    for (const m of text.matchAll(/https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]]/g)) {
        const a = make('a', '', m[0]);
        a.href = m[0];
        a.target = '_blank';
        a.rel = 'noopener noreferrer';
        box.append(text.slice(at, m.index), a);
        at = m.index + m[0].length;
    }
    box.append(text.slice(at));
    return box;
}

// Who reads the newest stays there, also when the field below grows; who has scrolled up is left in peace.
let following = true;
function toEnd(): void {
    const room = $('room');
    room.scrollTop = room.scrollHeight;
    following = true;
}
export function follow(): void {
    const room = $('room');
    let height = room.clientHeight;
    room.addEventListener('scroll', () => {
        if (room.clientHeight === height) following = room.scrollHeight - room.scrollTop - height < 80;
    });
    new ResizeObserver(() => {
        height = room.clientHeight;
        if (following && document.body.dataset.view === 'talk') toEnd();
    }).observe(room);
}

function place(row: Row): void {
    let before: Element | null = null;
    let i = rows.length;
    while (i > 0 && rows[i - 1]!.seq > row.seq) before = rows[--i]!.el;
    const atEnd = following;
    const day = row.at.toDateString();
    if (!before && day !== lastDay) {
        lastDay = day;
        const at = row.at;
        const p = make('p', 'dw-sys');
        p.textContent = date(at);
        log().append(p);
    }
    rows.splice(i, 0, row);
    log().insertBefore(row.el, before);
    if (atEnd || row.seq === Infinity) toEnd();
}

function mark(row: Row, state: State, force = false): void {
    if (row.state === state || (!force && row.state && rank[state] < rank[row.state])) return;
    row.state = state;
    let line = row.el.querySelector('.dw-st');
    if (!line) row.el.append((line = make('div')));
    line.className = `dw-st ${state}`;
    const word = make('span');
    say(word, state as Key);
    line.replaceChildren(icon({ wait: 'clock-3', sent: 'check', read: 'check-check', failed: 'circle-alert' }[state]), word);
}

function build(me: boolean, name: Key | string, at: Date, text: string, extra?: Key): HTMLElement {
    const b = make('b');
    if (me) say(b, 'you');
    else if (name) b.textContent = name;
    else say(b, 'office');
    const who = make('span', 'who', b, `, ${clock(at)}`);
    if (extra) { const s = make('span'); say(s, extra); who.append(', ', s); }
    return make('div', me ? 'dw-m me' : 'dw-m', who, ...(text ? [words(text)] : []));
}

/** An own message that no server has yet. */
export function mine(d: Draft): void {
    if (byCid.has(d.cid)) return;
    const at = new Date();
    const el = build(true, '', at, d.text);
    const names = (d.shown as { name: string }[] | undefined) ?? [];
    for (const f of names) el.append(make('div', 'at', icon('file'), f.name));
    const row: Row = { el, seq: Infinity, who: 'me', at, text: [d.text, ...names.map((f) => `[${f.name}]`)].filter(Boolean).join('\n') };
    byCid.set(d.cid, row);
    mark(row, 'wait');
    place(row);
}
export function acked(f: Frame): void {
    const row = byCid.get(f.cid);
    if (!row) return;
    row.seq = f.seq;
    row.id = f.id;
    byId.set(f.id, row);
    mark(row, 'sent', row.state === 'failed');
}
export function refused(cid: string): string {
    const row = byCid.get(cid);
    if (!row) return '';
    mark(row, 'failed', true);
    return row.text;
}

const stateOf = (s: unknown): State => (s === 'read' ? 'read' : s === 'failed' ? 'failed' : 'sent');

/** A message from the gateway; true when it is new on this screen. */
export function received(f: Frame): boolean {
    const own = f.cid ? byCid.get(f.cid) : undefined;
    if (own && f.from === 'me') { acked(f); mark(own, stateOf(f.state)); return false; }
    if (byId.has(f.id)) return false;
    const me = f.from === 'me';
    const at = moment(f.at) ?? new Date();
    const el = build(me, f.name ?? '', at, f.text ?? '', f.from === 'auto' ? 'auto' : undefined);
    for (const file of f.files ?? []) {
        const a = make('a', '', file.name);
        a.href = `file/${encodeURIComponent(f.id)}/${Number(file.i)}?t=${encodeURIComponent(file.token)}`;
        a.download = file.name;
        el.append(make('div', 'at', icon('paperclip'), a, make('small', '', size(file.length))));
    }
    const row: Row = { el, seq: f.seq, who: me ? 'me' : f.name || '', at, id: f.id,
        text: [f.text, ...(f.files ?? []).map((x: { name: string }) => `[${x.name}]`)].filter(Boolean).join('\n') };
    byId.set(f.id, row);
    if (f.cid) byCid.set(f.cid, row);
    if (me) mark(row, stateOf(f.state));
    place(row);
    return true;
}
export function state(f: Frame): void {
    const row = byId.get(f.id);
    if (row?.state) mark(row, stateOf(f.state), f.state === 'failed');
}
export function readUpTo(seq: number): void {
    for (const row of rows) if (row.who === 'me' && row.seq <= seq) mark(row, 'read');
}
/** A centred line about the conversation itself. */
export function note(key: Key, ...args: (string | (() => string))[]): void {
    const p = make('p', 'dw-sys');
    say(p, key, ...args);
    log().append(p);
    toEnd();
}
export function clear(): void {
    rows.length = 0;
    byId.clear();
    byCid.clear();
    lastDay = '';
    log().replaceChildren();
}
/** The conversation as text to take along. */
export function transcript(number: string | null): string {
    const lines = rows.map((r) => `${date(r.at)}, ${clock(r.at)}, ${r.who === 'me' ? t('you') : r.who || t('office')}:\n${r.text}\n`);
    return [`${t('chat')}${number ? `, ${number}` : ''}`, '', ...lines].join('\n');
}
