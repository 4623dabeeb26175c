// SPDX-License-Identifier: EUPL-1.2
// The keyboard map. Single letters work only outside text fields and can be switched off per device (WCAG 2.1.4).
import { takeIt, toggleClosed } from './actions';
import { hasDesk, takeDown } from './desk';
import { facts } from './facts';
import { help } from './help';
import { focused, mark, marked, ordered } from './list_store';
import { palette, paletteOpen } from './palette';
import { focusReply } from './palette_items';
import { go, goTicket, route } from './route';
import { me, takeBack } from './store';
import { act, ticket } from './ticket_store';

export const lettersOn = (): boolean => localStorage.getItem('draht.letters') !== 'off';
export function setLetters(on: boolean): void { localStorage.setItem('draht.letters', on ? 'on' : 'off'); }

const goto: Record<string, string> = { m: 'mine', n: 'unassigned', u: 'unanswered', w: 'waiting', f: 'overdue', s: 'due_soon', r: 'reminder', p: 'outbox', k: 'channels', d: 'desk' };
const first_key_ms = 1500;
let gAt = 0;

function step(by: number, marking = false): void {
    const list = ordered.value;
    if (!list.length) return;
    const at = list.findIndex((s) => s.number === (focused.value ?? route.value.ticket));
    const to = Math.max(0, Math.min(list.length - 1, at < 0 ? 0 : at + by));
    if (marking && at >= 0 && !marked.value.has(list[at]!.number)) mark(list[at]!.number);
    if (marking && !marked.value.has(list[to]!.number)) mark(list[to]!.number);
    focusRow(list[to]!.number, to);
}
function focusRow(number: string, index: number): void {
    focused.value = number;
    requestAnimationFrame(() => {
        const row = document.getElementById(`row-${number}`);
        if (row) { row.focus({ preventScroll: true }); row.scrollIntoView({ block: 'nearest' }); }
        else document.querySelector('.rows')?.scrollTo({ top: index * 74 });
    });
}
const inList = (): boolean => !!document.activeElement?.closest('.rows') || document.activeElement === document.body;

function columns(back: boolean): void {
    const all = [...document.querySelectorAll<HTMLElement>('.nav, .list, .talk, .facts')].filter((c) => c.offsetParent !== null || c.getClientRects().length > 0);
    const at = all.findIndex((c) => c.contains(document.activeElement));
    const to = all[(at + (back ? -1 : 1) + all.length) % all.length];
    const stop = to?.matches('.list') ? to.querySelector<HTMLElement>('.row[tabindex="0"], .rows') : to?.matches('.nav') ? to.querySelector<HTMLElement>('[aria-current]') : to;
    (stop ?? to?.querySelector<HTMLElement>('button, a'))?.focus();
}

function resend(): void {
    const bad = ticket.value?.items.findLast((i) => i.type === 'message' && i.direction === 'out' && ['failed', 'in_doubt', 'retry'].includes(i.delivery?.state ?? ''));
    if (bad?.type === 'message') void act(bad, 'retry');
}
function fold(selector: string): void {
    const d = document.activeElement?.closest('.msg')?.querySelector<HTMLDetailsElement>(selector) ?? [...document.querySelectorAll<HTMLDetailsElement>(`.thread ${selector}`)].at(-1);
    if (d) d.open = !d.open;
}

/** Letters that need an open ticket. */
const ticketKeys: Record<string, () => void> = {
    r: () => focusReply('reply'), n: () => focusReply('note'), i: () => void takeIt(), p: () => palette('assignee'), a: () => palette('queue'),
    e: () => void toggleClosed(), w: () => palette('remind'), t: () => palette('tags'), y: () => palette('priority'), s: () => { facts.value = !facts.value; },
    o: () => fold('.original'), q: () => fold('.quoted'), v: resend,
};
const anywhere: Record<string, () => void> = {
    j: () => step(1), k: () => step(-1), z: () => void takeBack(), '?': () => { help.value = true; }, c: () => { if (hasDesk()) takeDown(); }, x: () => { if (focused.value) mark(focused.value); },
    '/': () => { go({ view: 'search', q: '' }); requestAnimationFrame(() => document.getElementById('search')?.focus()); },
};

function back(): void {
    if (facts.value) facts.value = false;
    else if (marked.value.size) marked.value = new Set();
    else if (document.activeElement?.closest('.talk') && route.value.ticket) {
        const row = document.getElementById(`row-${route.value.ticket}`);
        if (row?.getClientRects().length) row.focus();
        else goTicket(null);
    } else if (route.value.ticket) goTicket(null);
    else if (route.value.channel) go({ view: 'channels' });
}

function listKeys(e: KeyboardEvent): boolean {
    const list = ordered.value;
    if (!inList() || !list.length) return false;
    if (e.key === 'ArrowDown') step(1);
    else if (e.key === 'ArrowUp') step(-1);
    else if (e.key === 'Home') focusRow(list[0]!.number, 0);
    else if (e.key === 'End') focusRow(list.at(-1)!.number, list.length - 1);
    else if (e.key === 'Enter' && focused.value && focused.value === route.value.ticket) document.getElementById('talk')?.focus();
    else return false;
    return true;
}

function letters(e: KeyboardEvent): boolean {
    const key = e.key.length === 1 ? e.key.toLowerCase() : e.key;
    if (Date.now() - gAt < first_key_ms && goto[key]) { gAt = 0; go({ view: goto[key]! }); return true; }
    gAt = 0;
    if (key === 'g') { gAt = Date.now(); return true; }
    if (e.shiftKey && (key === 'j' || key === 'k')) { step(key === 'j' ? 1 : -1, true); return true; }
    const run = anywhere[key] ?? (ticket.value ? ticketKeys[key] : undefined);
    run?.();
    return !!run;
}

function keydown(e: KeyboardEvent): void {
    if (!me.value || e.defaultPrevented || e.isComposing) return;
    if ((e.ctrlKey || e.metaKey) && !e.altKey && e.key.toLowerCase() === 'k') { e.preventDefault(); if (!paletteOpen()) palette('all'); return; }
    if (paletteOpen() || help.value) return;
    if (e.key === 'F6') { e.preventDefault(); columns(e.shiftKey); return; }
    const at = e.target as HTMLElement;
    if (at.closest('input:not([type="radio"]):not([type="checkbox"]), textarea, select, [contenteditable]')) return;
    if ((e.ctrlKey || e.metaKey) && e.key === 'a' && at.closest('.rows')) { marked.value = new Set(ordered.value.map((s) => s.number)); e.preventDefault(); return; }
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.key === 'Escape') { back(); return; }
    if (listKeys(e) || (lettersOn() && letters(e))) e.preventDefault();
}
export function startKeys(): void { document.addEventListener('keydown', keydown); }
