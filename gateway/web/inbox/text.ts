// SPDX-License-Identifier: EUPL-1.2
// Small helpers on words: initials, addresses, links in plain text, SMS counting.

export function initials(name: string): string {
    const parts = name.trim().split(/\s+/).filter(Boolean);
    return ((parts[0]?.[0] ?? '') + (parts.length > 1 ? (parts.at(-1)?.[0] ?? '') : '')).toUpperCase();
}

/** An address as people know one. What a channel made up for somebody who gave none (`chat:…`, `desk:…`) is no address. */
export const plainAddress = (address: string | undefined): string => (!address || /^(chat|desk):/.test(address) ? '' : address);

export type Piece = { text: string; link?: string };
/** Text cut at http and https addresses. Punctuation at an address's end stays text. */
export function pieces(text: string): Piece[] {
    const out: Piece[] = [];
    let from = 0;
    for (const m of text.matchAll(/https?:\/\/[^\s<>"']+/g)) {
        const link = m[0].replace(/[.,;:!?)\]]+$/, '');
        if (!URL.canParse(link)) continue;
        if (m.index > from) out.push({ text: text.slice(from, m.index) });
        out.push({ text: link, link });
        from = m.index + link.length;
    }
    if (from < text.length) out.push({ text: text.slice(from) });
    return out;
}
