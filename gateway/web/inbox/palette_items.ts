// SPDX-License-Identifier: EUPL-1.2
// What the palette offers in each mode. No drawing.
import { get, query } from '../shared/api';
import { maybe, t } from '../shared/i18n';
import { brief } from '../shared/time';
import { toggleTheme } from '../shared/theme';
import type { Summary } from '../shared/types';
import { doneText, takeIt, toggleClosed } from './actions';
import { hasDesk, takeDown } from './desk';
import { facts } from './facts';
import { help } from './help';
import { channelIcon } from './icon';
import { views } from './nav';
import { setLanguage } from './more';
import { palette } from './palette';
import { go, goTicket } from './route';
import { me, people, seenQueues, sees, settings } from './store';
import { change, ticket, type Change } from './ticket_store';

export type Mode = 'all' | 'assignee' | 'queue' | 'priority' | 'remind' | 'tags';
export interface Option { id: string; group: string; icon: string; text: string; tail?: string; key?: string; run: () => void }
type Each = ((what: Change) => void) | undefined;

const plain = (s: string): string => s.toLowerCase().normalize('NFD').replace(/\p{M}/gu, '');
const fits = (o: Option, q: string): boolean => plain(q).split(/\s+/).every((w) => plain(`${o.text} ${o.group}`).includes(w));

function put(what: Change, word: string, each: Each): void {
    if (each) each(what);
    else void change(what, doneText(what, word));
}

function commands(): Option[] {
    const k = ticket.value;
    if (!k) return [];
    const group = t('palette.commands', { number: k.number });
    const o = (id: string, icon: string, key: string, run: () => void): Option => ({ id, group, icon, text: t(`act.${id}`), key, run });
    return [
        o('reply', 'reply', 'R', () => focusReply('reply')), o('note', 'sticky-note', 'N', () => focusReply('note')),
        o('take', 'user-round', 'I', () => void takeIt()), o('assign', 'users-round', 'P', () => palette('assignee')),
        o('hand', 'corner-up-right', 'A', () => palette('queue')),
        o(k.state === 'closed' ? 'reopen' : 'close', 'check', 'E', () => void toggleClosed()),
        o('remind', 'alarm-clock', 'W', () => palette('remind')), o('priority', 'circle-dot', 'Y', () => palette('priority')),
        o('tags', 'tag', 'T', () => palette('tags')), o('facts', 'panel-right', 'S', () => { facts.value = !facts.value; }),
        o('attach', 'paperclip', '', () => document.getElementById('file')?.click()),
    ];
}
export function focusReply(kind: 'reply' | 'note'): void {
    const radio = document.getElementById(`kind-${kind}`) as HTMLInputElement | null;
    if (radio && !radio.checked) radio.click();
    requestAnimationFrame(() => {
        const field = document.getElementById('reply') as HTMLTextAreaElement | null;
        field?.focus();
        field?.setSelectionRange(field.value.length, field.value.length);
    });
}
function places(): Option[] {
    const group = t('palette.go');
    const out: Option[] = views.map(([view, icon]) => ({ id: view, group, icon, text: t(`view.${view}`), run: () => go({ view }) }));
    for (const q of seenQueues.value) out.push({ id: `q-${q.id}`, group, icon: 'building-2', text: q.name, run: () => go({ view: 'queue', queue: q.id }) });
    if (hasDesk()) out.push({ id: 'desk', group, icon: 'pencil-line', text: t('view.desk'), key: 'C', run: takeDown });
    out.push({ id: 'outbox', group, icon: 'send', text: t('view.outbox'), run: () => go({ view: 'outbox' }) },
        { id: 'channels', group, icon: 'radio-tower', text: t('view.channels'), run: () => go({ view: 'channels' }) });
    return out;
}
function app(): Option[] {
    const group = t('palette.app');
    return [
        { id: 'theme', group, icon: 'moon', text: t('theme.toggle'), run: toggleTheme },
        { id: 'language', group, icon: 'languages', text: t('language.other'), run: () => void setLanguage() },
        { id: 'help', group, icon: 'keyboard', text: t('help.title'), key: '?', run: () => { help.value = true; } },
    ];
}
function reminders(each: Each): Option[] {
    const at = (days: number): string => {
        const d = new Date();
        d.setDate(d.getDate() + days);
        d.setHours(9, 0, 0, 0);
        return d.toISOString();
    };
    return [1, 2, 3, 7, 14, 28].map((days) => ({ id: `d${days}`, group: t('palette.remind'), icon: 'alarm-clock', text: t('palette.in_days', { n: days }), tail: brief(at(days)),
        run: () => put({ state: 'reminder', reminder_at: at(days) }, brief(at(days)), each) }));
}
function tags(q: string, each: Each): Option[] {
    const now = ticket.value?.tags ?? [];
    const group = t('palette.tags');
    const out: Option[] = now.map((x) => ({ id: x, group, icon: 'x', text: t('palette.untag', { tag: x }), run: () => put({ tags: now.filter((y) => y !== x) }, x, each) }));
    const fresh = q.trim().slice(0, 40);
    if (fresh && !now.includes(fresh)) out.unshift({ id: 'new', group, icon: 'tag', text: t('palette.tag', { tag: fresh }), run: () => put({ tags: [...now, fresh] }, fresh, each) });
    return out;
}

export function choices(mode: Mode, q: string, each: Each): Option[] {
    const group = t(`palette.${mode}`);
    let all: Option[];
    switch (mode) {
        case 'assignee':
            all = people.value.filter((p) => me.value?.access !== 'own' || each || sees(p, ticket.value?.queue ?? null)).sort((a, b) => Number(b.id === me.value?.id) - Number(a.id === me.value?.id))
                .map((p) => ({ id: p.id, group, icon: 'user-round', text: p.name, tail: p.id === me.value?.id ? t('palette.you') : '', run: () => put({ assignee: p.id }, p.name, each) }));
            all.push({ id: '-', group, icon: 'user-round-x', text: t('palette.nobody'), run: () => put({ assignee: null }, '', each) });
            break;
        case 'queue':
            all = (settings.value?.queues ?? []).map((x) => ({ id: x.id, group, icon: 'building-2', text: x.name, tail: sees(me.value, x.id) ? '' : t('palette.leaves'), run: () => put({ queue: x.id }, x.name, each) }));
            break;
        case 'priority':
            all = (settings.value?.priorities ?? []).map((p) => ({ id: p, group, icon: 'circle-dot', text: maybe(`priority.${p}`, p), run: () => put({ priority: p }, p, each) }));
            break;
        case 'remind': all = reminders(each); break;
        case 'tags': return tags(q, each);
        default: all = [...commands(), ...places(), ...app()];
    }
    return q.trim() ? all.filter((o) => fits(o, q.trim())) : mode === 'all' ? all.slice(0, 24) : all;
}

/** Requests that fit the words. */
export async function finds(q: string): Promise<Option[]> {
    try {
        const { tickets } = await get<{ tickets: Summary[] }>(`/search${query({ q: q.trim() })}`);
        const found = tickets.slice(0, 8).map((s): Option => ({ id: s.number, group: t('palette.requests'), icon: channelIcon(s.channel_type), text: s.subject || s.preview || t('ticket.no_subject'),
            tail: s.number, run: () => goTicket(s.number) }));
        found.push({ id: '*', group: t('palette.requests'), icon: 'search', text: t('palette.search_all', { q: q.trim() }), run: () => go({ view: 'search', q: q.trim() }) });
        return found;
    } catch {
        return [];
    }
}
