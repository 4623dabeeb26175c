// SPDX-License-Identifier: EUPL-1.2
// The lines of a channel's log: their shape, how one reads as text, which pass a filter. Pure functions.

/** As GET /channels/{id}/log names them (openapi.yaml, ChannelLine). */
export interface LogLine {
    at: string; dir: string; method?: string; url?: string; status?: number; error?: string; ms?: number;
    bytes_out?: number; bytes_in?: number; level?: string; event?: string; text?: string; dropped?: number;
}
export interface LogFilter { text: string; kind: string; level: string }

export const kinds = ['in', 'out', 'log', 'stderr'];
export const levels = ['error', 'warn', 'info', 'debug'];
export const no_filter: LogFilter = { text: '', kind: '', level: '' };
export const isFiltered = (f: LogFilter): boolean => !!(f.text.trim() || f.kind || f.level);

/** One line of text, for the clipboard and for what the text filter looks at. */
export function lineText(l: LogLine): string {
    const words = l.method !== undefined ? [l.method, l.url, '->', l.error ?? l.status, l.ms !== undefined && `(${l.ms} ms)`] : [l.level, l.event, l.text];
    return [l.at, l.dir, ...words].filter((w) => w !== undefined && w !== false && w !== '').join(' ');
}

export function passing(lines: LogLine[], f: LogFilter): LogLine[] {
    const wanted = f.text.trim().toLowerCase();
    return lines.filter((l) => (!f.kind || l.dir === f.kind) && (!f.level || l.level === f.level) && (!wanted || lineText(l).toLowerCase().includes(wanted)));
}

export function tone(l: LogLine): string {
    const status = l.status ?? 0;
    if (l.error || l.level === 'error' || status >= 500) return 'bad';
    return l.level === 'warn' || l.dir === 'stderr' || status >= 400 ? 'warn' : '';
}

/** Keys that stay with their line while older ones leave; equal lines are numbered. */
export function keyed(lines: LogLine[]): [string, LogLine][] {
    const seen = new Map<string, number>();
    return lines.map((l) => {
        const text = JSON.stringify(l);
        const n = (seen.get(text) ?? 0) + 1;
        seen.set(text, n);
        return [`${n} ${text}`, l];
    });
}
