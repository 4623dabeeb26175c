// SPDX-License-Identifier: EUPL-1.2
// Times as staff read them, and which class of urgency a due time falls into. Pure functions and one clock signal.
import { signal } from '@preact/signals';
import { locale, t } from './i18n';
import type { Summary } from './types';

/** Ticks twice a minute: what depends on "now" reads this. */
export const now = signal(Date.now());
setInterval(() => { now.value = Date.now(); }, 30_000);

const day_ms = 86_400_000;

function midnight(ms: number): number {
    const d = new Date(ms);
    d.setHours(0, 0, 0, 0);
    return d.getTime();
}
function daysFrom(ms: number, from: number): number {
    return Math.round((midnight(ms) - midnight(from)) / day_ms);
}
function format(ms: number, options: Intl.DateTimeFormatOptions): string {
    return new Intl.DateTimeFormat(locale(), options).format(ms);
}

export const clock = (at: string | number): string => format(+new Date(at), { hour: '2-digit', minute: '2-digit' });
export const longDay = (at: string): string =>
    format(+new Date(at), { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });
export const full = (at: string): string => `${longDay(at)}, ${t('time.clock', { time: clock(at) })}`;
export const dayKey = (at: string): number => midnight(+new Date(at));

/** "28.11., 14:30:05": for lines that stand close together. */
export const stamp = (at: string): string =>
    format(+new Date(at), { day: '2-digit', month: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' });

/** "14:30", "morgen 09:00", "Fr 27. Nov": as short as it stays clear. */
export function brief(at: string): string {
    const ms = +new Date(at);
    const away = daysFrom(ms, now.value);
    if (away === 0) return clock(ms);
    if (away === 1) return t('time.tomorrow', { time: clock(ms) });
    if (away === -1) return t('time.yesterday', { time: clock(ms) });
    return format(ms, { weekday: 'short', day: 'numeric', month: 'short' });
}

/** "2 Std.", "1 Tag". */
export function span(ms: number): string {
    const minutes = Math.max(1, Math.round(ms / 60_000));
    if (minutes < 60) return t('time.minutes', { n: minutes });
    if (minutes < 1440) return t('time.hours', { n: Math.round(minutes / 60) });
    return t('time.days', { n: Math.round(minutes / 1440) });
}

export type DueClass = 'late' | 'soon' | 'near' | 'later' | 'rest';
export const dueClasses: DueClass[] = ['late', 'soon', 'near', 'later', 'rest'];

export function dueClass(s: Summary): DueClass {
    if (s.state === 'waiting' || s.state === 'reminder' || s.state === 'closed' || !s.due_at) return 'rest';
    const due = +new Date(s.due_at);
    if (due <= now.value) return 'late';
    if (s.due_soon_at && +new Date(s.due_soon_at) <= now.value) return 'soon';
    return daysFrom(due, now.value) <= 1 ? 'near' : 'later';
}

/** The words at the right of a row. */
export function dueWords(s: Summary): string {
    switch (dueClass(s)) {
        case 'late': return t('due.since', { span: span(now.value - +new Date(s.due_at!)) });
        case 'soon': return t('due.until', { time: brief(s.due_at!) });
        case 'rest': return s.state === 'closed' ? t('due.closed') : s.due_at || s.state !== 'open' ? t('due.rests') : t('due.answered');
        default: return daysFrom(+new Date(s.due_at!), now.value) === 0 ? t('time.today', { time: clock(s.due_at!) }) : brief(s.due_at!);
    }
}
