/* SPDX-License-Identifier: EUPL-1.2 */
// The words of the chat in German, English and easy German, and the elements that carry them.
// A changed language renames what is on the screen in place: nothing is drawn anew, so nothing is read out twice.
// German is in the script; the other two are fetched when somebody wants them.
import de from './locale/de.json';

export type Key = Exclude<keyof typeof de, 'answers'>;
type Arg = string | (() => string);

export const names: Record<string, string> = { de: 'Deutsch', 'de-easy': 'Leichte Sprache', en: 'English' };
const tables: Record<string, Record<string, unknown>> = { de };
let now = 'de';

/** The language tag for the `lang` attribute and for dates; easy German is German. */
export const tag = (): string => (now === 'en' ? 'en-GB' : 'de');
export const language = (): string => now;
export const easyRead = (): boolean => now === 'de-easy';

/** One of the languages we speak for whatever a page or a browser says. */
export function pick(wish: string | null | undefined): string {
    const w = (wish ?? '').toLowerCase();
    return names[w] ? w : w === 'de-simple' || w === 'de-leicht' ? 'de-easy' : w.startsWith('de') || !w ? 'de' : 'en';
}

export function t(key: Key, ...args: Arg[]): string {
    const text = (tables[now]?.[key] ?? de[key]) as string;
    return text.replace(/\{(\d)\}/g, (_, i: string) => {
        const a = args[Number(i)] ?? '';
        return typeof a === 'function' ? a() : a;
    });
}

type Spoken = Element & { said?: Record<string, [Key, Arg[]]> };

function put(el: Spoken, attr: string): void {
    const [key, args] = el.said![attr]!;
    const text = t(key, ...args);
    if (attr) el.setAttribute(attr, text);
    else if (el.textContent !== text) el.textContent = text;
}

/** Gives an element its words (attr '' is the text itself) and remembers them for the next change of language. */
export function say(el: Element, key: Key, ...args: Arg[]): void {
    ((el as Spoken).said ??= {})[''] = [key, args];
    put(el, '');
}
export function label(el: Element, attr: string, key: Key, ...args: Arg[]): void {
    ((el as Spoken).said ??= {})[attr] = [key, args];
    put(el, attr);
}
/** Takes the words away again. */
export function hush(el: Element): void {
    delete (el as Spoken).said?.[''];
    el.textContent = '';
}

/** Changes the language of everything on the page. Words that cannot be fetched leave the language as it is. */
export async function speak(lang: string): Promise<void> {
    const wish = pick(lang);
    try {
        tables[wish] ??= await (await fetch(`../../widget/${wish}.json`, { credentials: 'omit' })).json();
        now = wish;
    } catch { /* the words on the screen stay */ }
    const root = document.documentElement;
    root.lang = tag();
    root.classList.toggle('easy', easyRead());
    for (const el of root.querySelectorAll<Spoken>('*'))
        for (const attr in el.said) put(el, attr);
}

const format = (o: Intl.DateTimeFormatOptions, d: Date): string => new Intl.DateTimeFormat(tag(), o).format(d);
export const clock = (d: Date): string => format({ hour: '2-digit', minute: '2-digit' }, d);
export const date = (d: Date): string => format({ weekday: 'long', day: 'numeric', month: 'long' }, d);
const midnight = (d: Date): number => new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime();

/** Says when somebody is there again. */
export function opens(el: Element, next?: Date | null): void {
    if (next) say(el, 'opens', () => from(next));
    else say(el, 'opensx');
}
/** "heute ab 8:00 Uhr", "morgen ab ...", "am Montag, 30. November ab ..." */
function from(d: Date): string {
    const days = Math.round((midnight(d) - midnight(new Date())) / 864e5);
    const at = t('clock', clock(d));
    return days < 1 ? t('today', at) : days === 1 ? t('tomorrow', at) : t('day', date(d), at);
}
/** "14:30 Uhr" of today, else with the day. */
export function until(d: Date): string {
    const at = t('clock', clock(d));
    return midnight(d) === midnight(new Date()) ? at : `${date(d)}, ${at}`;
}
export function size(bytes: number): string {
    const mb = bytes / 1048576;
    const n = mb >= 0.1 ? mb : Math.max(bytes / 1024, 1);
    return `${new Intl.NumberFormat(tag(), { maximumFractionDigits: mb >= 0.1 && mb < 10 ? 1 : 0 }).format(n)} ${mb >= 0.1 ? 'MB' : 'KB'}`;
}
/** A count with a narrow space between the thousands. */
export const count = (n: number): string => String(n).replace(/\B(?=(\d{3})+$)/g, '\u202f');
