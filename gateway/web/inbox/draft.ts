// SPDX-License-Identifier: EUPL-1.2
// Drafts: kept on this device per person and ticket, gone when sent, forgotten after 30 days.
import { signal } from '@preact/signals';
import type { Message, Upload } from '../shared/types';
import { me } from './store';
import { ticket } from './ticket_store';

/** Another channel than the one the citizen came by. */
export interface Via { channel: string; to: string }
export interface Draft { kind: 'reply' | 'note'; text: string; files: Upload[]; at: number; via?: Via | null }
const keep_ms = 30 * 86_400_000;
const prefix = 'draht.draft.';
/** Grows when something was put back into the composer from outside. */
export const restored = signal(0);
let sent: { id: string; draft: Draft } | null = null;

const key = (number: string): string => `${prefix}${me.value?.id ?? ''}.${number}`;
export const emptyDraft = (): Draft => ({ kind: 'reply', text: '', files: [], at: Date.now() });

export function readDraft(number: string): Draft {
    try {
        const d = JSON.parse(localStorage.getItem(key(number)) ?? 'null') as Draft | null;
        if (d && typeof d.text === 'string' && Array.isArray(d.files)) return d;
    } catch { /* a broken draft is no draft */ }
    return emptyDraft();
}
export function keepDraft(number: string, d: Draft): boolean {
    try {
        if (d.text || d.files.length) localStorage.setItem(key(number), JSON.stringify({ ...d, at: Date.now() }));
        else localStorage.removeItem(key(number));
        return true;
    } catch {
        return false;
    }
}
export function forgetOld(): void {
    for (const k of Object.keys(localStorage).filter((x) => x.startsWith(prefix))) {
        try {
            if (Date.now() - (JSON.parse(localStorage.getItem(k) ?? '{}') as Draft).at > keep_ms) localStorage.removeItem(k);
        } catch { localStorage.removeItem(k); }
    }
}

/** What was just sent, so that taking it back brings the attachments too. */
export function rememberSent(id: string, draft: Draft): void { sent = { id, draft }; }

/** Puts a message's text (and what we know of its attachments) back into the composer, before what stands there. */
export function bringBack(m: Message): void {
    const number = m.id.slice(0, m.id.lastIndexOf('.')) || ticket.value?.number;
    if (!number) return;
    const now = readDraft(number);
    const text = sent?.id === m.id ? sent.draft.text : m.text;
    const files = sent?.id === m.id ? sent.draft.files : [];
    keepDraft(number, { kind: 'reply', text: now.text && now.text !== text ? `${text}\n\n${now.text}` : text, files: [...files, ...now.files], at: Date.now(),
        via: m.recipient ? { channel: m.channel, to: m.recipient } : now.via });
    restored.value++;
}
