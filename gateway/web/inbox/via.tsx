// SPDX-License-Identifier: EUPL-1.2
// Another way for the reply: which channels can write first, which addresses of the citizen we know, and the fields to choose them.
import { t } from '../shared/i18n';
import type { Channel, Ticket } from '../shared/types';
import type { Via } from './draft';
import { channelWord } from './row';
import { settings } from './store';

export const isSms = (type: string): boolean => /^sms|^smpp$|^twilio$/.test(type);

/** Channels of the house that can write to somebody who did not write there first. */
export const viaChannels = (k: Ticket): Channel[] =>
    (settings.value?.channels ?? []).filter((c) => c.caps?.includes('first') && (c.id !== k.channel || !k.sender.address));

/** Addresses that this citizen used, was answered at, or named in words; the latest first. */
export function known(k: Ticket, c: Channel | undefined): string[] {
    const all: string[] = [];
    for (const m of k.items.toReversed()) {
        if (m.type !== 'message' || m.direction === 'note') continue;
        if (m.channel_type === c?.type) all.push((m.direction === 'in' ? m.address : m.recipient) ?? '');
        if (c?.type === 'email' && m.direction === 'in') all.push(...(m.text.match(/[^\s<>"',;:]+@[^\s<>"',;:]+\.[^\s<>"',;:.]+/g) ?? []));
    }
    return [...new Set(all.filter(Boolean))].slice(0, 8);
}

/** Somebody who answered by another channel than the ticket's own is answered there. */
export function defaultVia(k: Ticket): Via | null {
    const last = k.items.findLast((m) => m.type === 'message' && m.direction === 'in');
    if (last?.type !== 'message' || !last.address || last.channel === k.channel) return null;
    return viaChannels(k).some((c) => c.id === last.channel) ? { channel: last.channel, to: last.address } : null;
}

export function ViaFields({ k, via, set }: { k: Ticket; via: Via | null; set: (v: Via | null) => void }) {
    const list = viaChannels(k);
    const chosen = list.find((c) => c.id === via?.channel);
    const addresses = known(k, chosen);
    const pick = (id: string): void => {
        const c = list.find((x) => x.id === id);
        set(c ? { channel: id, to: known(k, c)[0] ?? '' } : null);
    };
    return (
        <fieldset class="via" id="via"><legend class="sr">{t('via.legend')}</legend>
            <label>{t('via.channel')}
                <select value={via?.channel ?? ''} onChange={(e) => pick(e.currentTarget.value)}>
                    <option value="">{t('via.own', { channel: channelWord(k.channel_type) })}</option>
                    {list.map((c) => <option key={c.id} value={c.id} disabled={!c.up}>{channelWord(c.type)}{list.filter((x) => x.type === c.type).length > 1 ? ` (${c.id})` : ''}{c.up ? '' : ` – ${t('channels.down')}`}</option>)}
                </select></label>
            {via && <label>{t('via.address')}
                <input type={chosen?.type === 'email' ? 'email' : 'text'} value={via.to} list="via-known" autoComplete="off" maxLength={254} aria-describedby="via-hint" onInput={(e) => set({ channel: via.channel, to: e.currentTarget.value })} />
                <datalist id="via-known">{addresses.map((a) => <option key={a} value={a} />)}</datalist></label>}
            {via && <p id="via-hint">{t('via.address_hint')}</p>}
        </fieldset>
    );
}
