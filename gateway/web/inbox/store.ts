// SPDX-License-Identifier: EUPL-1.2
// What the whole inbox shares: session, settings, counts, people, connection, messages to the reader. No drawing.
import { computed, signal } from '@preact/signals';
import { ApiError, get, post, call, useCsrf } from '../shared/api';
import { t, useLanguage } from '../shared/i18n';
import type { Access, Channel, Counts, Person, Session, Settings, User } from '../shared/types';

export const me = signal<User | null>(null);
export const booted = signal(false);
export const settings = signal<Settings | null>(null);
export const counts = signal<Counts | null>(null);
export const people = signal<Person[]>([]);
export const channels = signal<Channel[]>([]);

/** null while all is well, else since when (ms) and when the next try comes. */
export const offline = signal<{ since: number; next: number } | null>(null);
/** A sentence for screen readers; said once, politely. */
export const said = signal('');
/** What the bar at the foot of the list offers to take back. */
export interface Undo { text: string; until: number; running: boolean; back?: () => void | Promise<void> }
export const undo = signal<Undo | null>(null);
const notice_ms = 20_000;
/** One error box over the list; the last one counts. */
export const trouble = signal<{ text: string; again?: () => void } | null>(null);

/** The offices whose tickets I see; to hand over, all of them are there. */
export const seenQueues = computed(() => (settings.value?.queues ?? []).filter((q) => sees(me.value, q.id)));
export function sees(who: (Access & { role: string }) | null, queue: string | null): boolean {
    return who?.access !== 'own' || (!!queue && !!who.queues?.includes(queue));
}
export const queueName = (id: string | null): string => settings.value?.queues.find((q) => q.id === id)?.name ?? id ?? '';
export const brokenChannels = computed(() => channels.value.filter((c) => !c.up).length);

export function say(text: string): void {
    said.value = '';
    requestAnimationFrame(() => { said.value = text; });
}

export function offerUndo(text: string, until: number, back: () => void | Promise<void>, running = false): void {
    const offer: Undo = { text, until, running, back };
    undo.value = offer;
    setTimeout(() => { if (undo.value === offer) undo.value = null; }, Math.max(0, until - Date.now()));
}
/** The same bar for something that cannot be taken back. */
export function notice(text: string): void {
    const offer: Undo = { text, until: Date.now() + notice_ms, running: false };
    undo.value = offer;
    setTimeout(() => { if (undo.value === offer) undo.value = null; }, notice_ms);
}
export async function takeBack(): Promise<void> {
    const offer = undo.value;
    if (!offer?.back) return;
    undo.value = null;
    try { await offer.back(); } catch (e) { tell(e); }
}

/** Says what went wrong: what happened, what was kept, what to do. */
export function tell(e: unknown, again?: () => void): void {
    if (e instanceof ApiError && e.status === 401) { me.value = null; return; }
    trouble.value = again ? { text: errorText(e), again } : { text: errorText(e) };
}
export function errorText(e: unknown): string {
    if (!(e instanceof ApiError)) return t('error.unknown');
    if (e.code === 'offline') return t('error.offline');
    if (e.code === 'assignee_without_access') return t('error.assignee_without_access');
    if (e.code === 'changed_meanwhile') return t('error.changed_meanwhile');
    if (e.status === 403) return t('error.forbidden');
    if (e.status === 404) return t('error.not_found');
    if (e.status === 413) return t('error.too_big');
    if (e.status === 429) return t('error.too_many', { n: Math.max(1, e.retry_s) });
    return e.detail || t('error.unknown');
}

async function enter(s: Session): Promise<void> {
    useCsrf(s.csrf);
    if (s.user.language && !localStorage.getItem('draht.language')) await useLanguage(s.user.language);
    const [set, staff] = await Promise.all([get<Settings>('/settings'), get<Person[]>('/staff').catch(() => [])]);
    settings.value = set;
    channels.value = set.channels ?? [];
    people.value = staff;
    me.value = s.user;
    void refreshCounts();
}

/** At start: who are we? */
export async function boot(): Promise<void> {
    try {
        await enter(await get<Session>('/session'));
    } catch (e) {
        if (!(e instanceof ApiError && e.status === 401)) trouble.value = { text: errorText(e), again: () => location.reload() };
    }
    booted.value = true;
}
export async function login(user: string, password: string): Promise<void> {
    const s = await post<Session>('/session', { user, password });
    useCsrf(s.csrf);
    trouble.value = null;
    await enter(s.user?.name ? s : await get<Session>('/session'));
}
export async function logout(): Promise<void> {
    await call('DELETE', '/session').catch(() => undefined);
    location.assign('/inbox/');
}
/** After a break: access may have been changed. */
export async function refreshMe(): Promise<void> {
    try {
        const s = await get<Session>('/session');
        useCsrf(s.csrf);
        me.value = s.user;
    } catch (e) { tell(e); }
}
export async function refreshCounts(): Promise<void> {
    try { counts.value = await get<Counts>('/tickets/counts'); } catch { /* the socket brings them later */ }
}

/** Counts up with each batch of changed requests, for views that show more than the list. */
export const stirred = signal(0);
