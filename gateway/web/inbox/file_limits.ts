// SPDX-License-Identifier: EUPL-1.2
// What files a channel takes, in words, and why it would refuse one; pure.
import { bytes, number, t } from '../shared/i18n';
import type { FileLimits, Upload } from '../shared/types';

const shown_max = 6;
const word = (type: string): string => (type === '*' ? t('limit.any') : type.replace(/\/\*$/, '').replace(/^\w+\/(x-)?/, '').toUpperCase());
function short(types: string): string {
    const all = [...new Set(types.split(' ').map(word))];
    return all.slice(0, shown_max).join(', ') + (all.length > shown_max ? ` ${t('limit.others')}` : '');
}
const names = (pattern: string, type: string): boolean => (pattern.endsWith('*') ? type.startsWith(pattern.slice(0, -1)) : pattern === type);
const kindOf = (l: FileLimits, type: string) => l.kinds.find((k) => k.types.split(' ').some((p) => names(p, type)));

/** house: the most that an upload may have anyway; what allows more than that is not worth a word. */
export function fileHint(l: FileLimits, house: number): string {
    const limit = (max: number): number => (max && max < house ? max : 0);
    const total = limit(l.total_max);
    const many = l.count_max && total ? t('limit.files', { n: number(l.count_max), max: bytes(total) }) : l.count_max ? t('limit.count', { n: number(l.count_max) }) : '';
    const told = l.kinds.filter((k) => k.types !== '*' || limit(k.bytes_max));
    const kinds = told.map((k) => (limit(k.bytes_max) && k.bytes_max !== l.total_max ? t('limit.kind', { kinds: short(k.types), max: bytes(k.bytes_max) }) : short(k.types)));
    return [many, kinds.length ? t('limit.kinds', { kinds: kinds.join('; ') }) : ''].filter(Boolean).join(' ');
}

/** Null, or a sentence. */
export function fileFault(l: FileLimits, files: Upload[]): string | null {
    if (l.count_max && files.length > l.count_max) return t('limit.too_many', { n: number(l.count_max) });
    for (const f of files) {
        const kind = kindOf(l, f.type);
        if (l.kinds.length && !kind) return t('limit.wrong_kind', { name: f.name });
        if (kind?.bytes_max && f.length > kind.bytes_max) return t('limit.file_big', { name: f.name, size: bytes(f.length), max: bytes(kind.bytes_max) });
    }
    const sum = files.reduce((n, f) => n + f.length, 0);
    return l.total_max && sum > l.total_max ? t('limit.files_big', { size: bytes(sum), max: bytes(l.total_max) }) : null;
}
