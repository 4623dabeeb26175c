// SPDX-License-Identifier: EUPL-1.2
// How a text goes out by a channel: in how many messages, or that it is too long; and what the time since the citizen wrote allows. Pure.
import { number, t } from '../shared/i18n';
import type { Channel, TextLimits } from '../shared/types';

const gsm = new Set('@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà');
const gsmTwo = new Set('^{}\\[~]|€\f');
/** What channels/smpp/sms_split.c puts in place of these. */
const plain: Record<string, string> = {
    '\u00a0': ' ', '«': '"', '»': '"', 'ç': 'Ç', '\u2010': '-', '\u2011': '-', '\u2012': '-', '–': '-', '—': '-', '‘': "'", '’': "'", '‚': "'",
    '“': '"', '”': '"', '„': '"', '…': '...', '\u202f': ' ', '•': '-', 'ẞ': 'SS', '`': "'" };
const octets = 140;
const warn_from = 0.8;

export type Sms = { length: number; parts: number; one: number; odd: string | null };
/** How many SMS a text needs, and the first character that makes it Unicode. A part ends between characters. */
export function sms(text: string, l?: TextLimits): Sms {
    const chars = [...(l?.is_plain ? [...text].map((c) => plain[c] ?? c).join('') : text)];
    const odd = chars.find((c) => !(gsm.has(c) || gsmTwo.has(c)) || (l?.is_latin1 && c > '\u00ff')) ?? null;
    const costs = chars.map((c) => (odd ? c.length : gsmTwo.has(c) ? 2 : 1));
    const length = costs.reduce((sum, c) => sum + c, 0);
    const room = octets - (l?.header_bytes || 6);
    const [one, many] = odd ? [octets / 2, Math.floor(room / 2)] : [Math.floor(octets * 8 / 7), Math.floor(room * 8 / 7)];
    let parts = 1;
    let used = 0;
    for (const c of length > one ? costs : []) {
        if (used + c > many) [parts, used] = [parts + 1, 0];
        used += c;
    }
    return { length, parts, one, odd };
}

function cost(text: string, unit: TextLimits['unit']): number {
    if (unit === 'utf16') return text.length;
    return unit === 'bytes' ? new TextEncoder().encode(text).length : [...text].length;
}

export type Hint = { words: string; level: '' | 'warn' | 'bad' };

function smsHint(text: string, l: TextLimits | undefined, max: number): Hint | null {
    const s = sms(text, l);
    if (l?.messages_max && s.parts > l.messages_max) return { words: t('limit.sms_over', { n: number(s.parts), max: number(l.messages_max) }), level: 'bad' };
    if (max && text.length > max) return { words: t('limit.over', { length: number(text.length), max: number(max) }), level: 'bad' };
    if (!text) return null;
    return s.odd ? { words: t('limit.sms_odd', { length: s.length, n: s.parts, odd: s.odd }), level: 'warn' } : { words: t('limit.sms', { length: s.length, n: s.parts }), level: '' };
}

/** What staff should know of this text before they send it; level bad: it would be refused. */
export function textHint(text: string, channel: Channel | undefined, isSms: boolean): Hint | null {
    const l = channel?.text;
    if (isSms || l?.unit === 'sms') return smsHint(text, l, channel?.text_max ?? 0);
    const length = cost(text, l?.unit ?? 'points');
    const one = (l ? l.message_max : channel?.text_max) ?? 0;
    const all = l ? one * l.messages_max : one;
    const bytes = l?.unit === 'bytes' && length !== text.length ? ` ${t('limit.bytes')}` : '';
    const words = (key: string, max: number): string => t(key, { length: number(length), max: number(max) }) + bytes;
    if (all && length > all) return { words: words('limit.over', all), level: 'bad' };
    if (!one || length < one * warn_from) return null;
    return { words: words(length > one ? 'limit.several' : 'limit.near', one), level: '' };
}

/** After the time for free replies. */
export function lateHint(channel: Channel | undefined, text: string, files: number): Hint {
    const hours = channel?.reply_window_hours ?? 0;
    const max = channel?.text?.late_max ?? 0;
    if (!channel?.text) return { words: t('limit.window_closed', { hours }), level: 'bad' };
    if (!max) return { words: t('limit.window_over', { hours }), level: 'bad' };
    return { words: t('limit.window_late', { hours, max: number(max) }), level: files || [...text].length > max ? 'bad' : 'warn' };
}
