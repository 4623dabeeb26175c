// SPDX-License-Identifier: EUPL-1.2
// Words in the reader's language: keys from i18n/{de,en}.json, `{name}` places, `key.one`/`key.other` for counts.
// The chosen language's file is loaded as a part of its own. It does not format dates (see time.ts).
import { signal } from '@preact/signals';

export type Language = 'de' | 'en';
type Words = Record<string, string>;

export const language = signal<Language>('de');
const words = signal<Words>({});

export async function useLanguage(wanted: string | undefined): Promise<void> {
    const next: Language = wanted?.toLowerCase().startsWith('en') ? 'en' : 'de';
    const file = next === 'en' ? await import('./i18n/en.json') : await import('./i18n/de.json');
    words.value = file.default as Words;
    language.value = next;
    document.documentElement.lang = next;
}

export function locale(): string {
    return language.value === 'en' ? 'en-GB' : 'de-DE';
}

/** A number in the reader's writing: groups parted by a narrow no-break space. */
export function number(n: number): string {
    return new Intl.NumberFormat(locale()).formatToParts(n).map((p) => (p.type === 'group' ? '\u202f' : p.value)).join('');
}

/** The sentence of `key`; `n` picks the form for one or for many. An unknown key shows itself, so that it is found. */
export function t(key: string, values: Record<string, string | number> = {}): string {
    const n = values['n'];
    let text = words.value[key];
    if (typeof n === 'number') text = words.value[`${key}.${n === 1 ? 'one' : 'other'}`] ?? text;
    if (text === undefined) return key;
    return text.replace(/\{(\w+)\}/g, (_, name: string) => {
        const v = values[name];
        return typeof v === 'number' ? number(v) : (v ?? '');
    });
}

/** The word of `key`, or `otherwise` where the file has none (codes that the server may add). */
export function maybe(key: string, otherwise: string): string {
    return words.value[key] ?? otherwise;
}

export function bytes(n: number): string {
    const mb = n / 1048576;
    if (mb >= 0.95) return `${new Intl.NumberFormat(locale(), { maximumFractionDigits: 1 }).format(mb)}\u202fMB`;
    return `${number(Math.max(1, Math.round(n / 1024)))}\u202fKB`;
}
