/* SPDX-License-Identifier: EUPL-1.2 */
// A few words to make and find elements. Text is only ever set as text, never as markup.
export const $ = <T extends HTMLElement = HTMLElement>(id: string): T => document.getElementById(id) as T;

export function make<K extends keyof HTMLElementTagNameMap>(name: K, cls = '', ...inside: (Node | string)[]): HTMLElementTagNameMap[K] {
    const el = document.createElement(name);
    if (cls) el.className = cls;
    el.append(...inside);
    return el;
}
export function icon(name: string): SVGSVGElement {
    const ns = 'http://www.w3.org/2000/svg';
    const svg = document.createElementNS(ns, 'svg');
    const use = document.createElementNS(ns, 'use');
    svg.setAttribute('class', 'i');
    svg.setAttribute('aria-hidden', 'true');
    use.setAttribute('href', `#i-${name}`);
    svg.append(use);
    return svg;
}
export function press(name: string, run: () => void, cls = 'dw-b'): HTMLButtonElement {
    const b = make('button', cls);
    b.type = 'button';
    b.onclick = run;
    if (name) b.append(icon(name));
    return b;
}
/** A moment from the gateway: milliseconds, seconds or ISO text. */
export function moment(v: unknown): Date | null {
    if (v === null || v === undefined || v === '' || v === 0) return null;
    const n = Number(v);
    const d = new Date(Number.isNaN(n) ? String(v) : n < 1e11 ? n * 1000 : n);
    return Number.isNaN(d.getTime()) ? null : d;
}
/** Only addresses a link may safely have. */
export function link(a: HTMLAnchorElement, address: unknown): void {
    const ok = typeof address === 'string' && /^(https?:\/\/|\/|mailto:|tel:)/i.test(address);
    a.hidden = !ok;
    if (ok) a.href = address;
}
