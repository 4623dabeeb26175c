/* SPDX-License-Identifier: EUPL-1.2 */
// Attachments of the message being written: limits before the upload, a one-time ticket, progress, cancel, retry.
import { $, icon, make, press } from './dom';
import { hush, label, say, size, t } from './texts';

export interface Limits { max_bytes: number; types: string[]; count: number }
interface Item { file: File; el: HTMLElement; note: HTMLElement; state: 'ask' | 'asked' | 'run' | 'done' | 'bad'; blob?: string; request?: XMLHttpRequest }

const items: Item[] = [];
let limits: Limits = { max_bytes: 10 * 1048576, types: [], count: 5 };
let ask: () => boolean = () => false;
let settled: () => void = () => undefined;

export function setup(l: Partial<Limits> | undefined, askTicket: () => boolean, whenSettled: () => void): void {
    limits = { ...limits, ...l };
    if (!Array.isArray(limits.types)) limits.types = [];
    ask = askTicket;
    settled = whenSettled;
    $<HTMLInputElement>('pick').accept = limits.types.join(',');
}
const endings: Record<string, string> = { plain: 'TXT', text: 'ODT', document: 'DOCX', sheet: 'XLSX', spreadsheet: 'ODS' };
const kinds = (): string => limits.types.map((k) => k.split(/[/.]/).pop()!).map((k) => endings[k] ?? k.toUpperCase()).join(', ');
const most = (): string => size(limits.max_bytes);
const fits = (type: string): boolean => !type || !limits.types.length || limits.types.some((k) => k === type || (k.endsWith('/*') && type.startsWith(k.slice(0, -1))));
const live = (i: Item): boolean => i.state !== 'bad';

export const busy = (): boolean => items.some((i) => live(i) && i.state !== 'done');
export const ready = (): { blob: string; name: string }[] => items.filter((i) => i.state === 'done').map((i) => ({ blob: i.blob!, name: i.file.name }));

function drop(i: Item, focus = true): void {
    i.request?.abort();
    i.el.remove();
    items.splice(items.indexOf(i), 1);
    if (focus) $('text').focus();
    settled();
}
type Key = Parameters<typeof say>[1];
function spoil(i: Item, why: Key, ...parts: (string | (() => string))[]): void {
    i.state = 'bad';
    i.el.className = 'dw-file bad';
    i.el.querySelector('progress')?.remove();
    i.el.querySelector('.i')!.replaceWith(icon('circle-alert'));
    i.note.setAttribute('role', 'alert');
    say(i.note, why, ...parts);
    label(i.el.querySelector('button')!, 'aria-label', 'remove', i.file.name);
    if (why === 'broken') {
        const again = press('', () => { drop(i, false); add([i.file]); $('text').focus(); });
        say(again, 'again');
        i.note.after(again);
    }
    settled();
}

export function add(files: Iterable<File>): void {
    for (const file of files) {
        const note = make('small');
        const cancel = press('x', () => drop(item), 'dw-ib');
        const el = make('div', 'dw-file', icon(file.type.startsWith('image/') ? 'file' : 'paperclip'), make('div', '', file.name, note), cancel);
        const item: Item = { file, el, note, state: 'ask' };
        label(cancel, 'aria-label', 'cancel', file.name);
        $('files').append(el);
        const full = items.filter(live).length >= limits.count;
        items.push(item);
        if (full) spoil(item, 'many', String(limits.count));
        else if (file.size > limits.max_bytes) spoil(item, 'big', () => size(file.size), most);
        else if (!fits(file.type)) spoil(item, 'type', kinds, most);
        else {
            const bar = make('progress');
            bar.max = 100;
            bar.value = 0;
            label(bar, 'aria-label', 'upl', file.name);
            el.append(bar);
            say(note, 'queued');
            if (ask()) item.state = 'asked';
        }
    }
}
/** Asks again for what waited without a line. */
export function resume(): void {
    for (const i of items) if (i.state === 'ask' || i.state === 'asked') i.state = ask() ? 'asked' : 'ask';
}
export function ticket(name: string): void {
    const i = items.find((x) => x.state === 'asked');
    if (!i) return;
    const { file, note } = i;
    const bar = i.el.querySelector('progress')!;
    const r = (i.request = new XMLHttpRequest());
    i.state = 'run';
    r.open('PUT', `upload/${encodeURIComponent(name)}`);
    r.setRequestHeader('x-file-name', encodeURIComponent(file.name));
    if (file.type) r.setRequestHeader('content-type', file.type);
    r.upload.onprogress = (e) => {
        bar.value = e.total ? (100 * e.loaded) / e.total : 0;
        say(note, 'up', () => size(e.loaded), () => size(e.total));
    };
    r.onload = () => {
        const why = ({ 413: 'big', 415: 'type', 422: 'virus' } as Record<number, Key>)[r.status];
        if (why) return spoil(i, why, r.status === 415 ? kinds : () => size(file.size), most);
        try { i.blob = JSON.parse(r.responseText).file.blob; } catch { /* answered below */ }
        if (r.status !== 201 || !i.blob) return spoil(i, 'broken');
        i.state = 'done';
        bar.remove();
        say(note, 'ready', () => size(file.size));
        label(i.el.querySelector('button')!, 'aria-label', 'remove', file.name);
        $('live').textContent = t('done', file.name);
        settled();
    };
    r.onerror = r.ontimeout = () => spoil(i, 'broken');
    r.send(file);
}
/** After sending: the list is empty again. */
export function clear(): void {
    for (const i of items) i.el.remove();
    items.length = 0;
    hush($('live'));
    $<HTMLInputElement>('pick').value = '';
}
