// SPDX-License-Identifier: EUPL-1.2
// The outbox: everything of the house that has not arrived, with age, next try, reason and what can be done.
import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { get, messagePath, post, query } from '../shared/api';
import { t } from '../shared/i18n';
import { brief, full, now, span } from '../shared/time';
import type { OutboxItem } from '../shared/types';
import { Offline, Skeleton, Trouble } from './boxes';
import { deliveryIcon, reasonText } from './delivery';
import { Icon } from './icon';
import { go, path } from './route';
import { channels, counts, refreshCounts, stirred, tell, trouble } from './store';
import { plainAddress } from './text';

interface Page { items: OutboxItem[]; next: string | null }
const items = signal<OutboxItem[] | null>(null);
const next = signal<string | null>(null);
const filter = signal('');
const filters = ['', 'failed', 'in_doubt', 'retry', 'queued'];

async function load(more = false): Promise<void> {
    try {
        const p = await get<Page>(`/outbox${query({ state: filter.value, cursor: more ? next.value : null, limit: 100 })}`);
        items.value = more ? [...(items.value ?? []), ...p.items] : p.items;
        next.value = p.next ?? null;
    } catch (e) { tell(e, () => void load()); items.value ??= []; }
}
async function act(i: OutboxItem, what: string): Promise<void> {
    try { await post(messagePath(i.message, what)); await load(); void refreshCounts(); } catch (e) { tell(e); }
}
const stateWord = (s: string): string => (s === 'retry' ? t('row.retry') : t(`delivery.${s}`).replace(/\.$/, ''));
const tone = (s: string): string => (s === 'failed' || s === 'opted_out' ? 'bad' : s === 'in_doubt' || s === 'retry' ? 'warn' : '');

function Line({ i }: { i: OutboxItem }) {
    const to = { view: 'all', ticket: i.ticket };
    const stuck = i.state === 'failed' || i.state === 'in_doubt' || i.state === 'retry';
    return (
        <tr>
            <td class={`st ${tone(i.state)}`}><span><Icon name={deliveryIcon(i.state)} />{stateWord(i.state)}</span>{i.reason && <small>{reasonText(i.reason)}</small>}</td>
            <td><a href={path(to)} onClick={(e) => { e.preventDefault(); go(to); }}>{i.subject || t('ticket.no_subject')}</a><small>{[i.ticket, i.sender.name || plainAddress(i.sender.address)].filter(Boolean).join(', ')}</small></td>
            <td>{channels.value.find((c) => c.id === i.channel)?.id ?? i.channel}</td>
            <td><time dateTime={i.created_at} title={full(i.created_at)}>{span(now.value - +new Date(i.created_at))}</time></td>
            <td>{i.next_at ? <time dateTime={i.next_at} title={full(i.next_at)}>{brief(i.next_at)}</time> : '–'}{i.attempt > 0 && <small>{t('outbox.tries', { n: i.attempt })}</small>}</td>
            <td class="do"><div>{stuck && <button class="btn" type="button" onClick={() => void act(i, 'retry')}>{t(i.state === 'retry' ? 'delivery.now' : i.state === 'in_doubt' ? 'delivery.again_twice' : 'delivery.again')}<span class="sr"> {i.ticket}</span></button>}
                {i.state === 'in_doubt' && <button class="btn" type="button" onClick={() => void act(i, 'mark-sent')}>{t('delivery.as_sent')}<span class="sr"> {i.ticket}</span></button>}
                {(i.state === 'retry' || i.state === 'queued') && <button class="btn quiet" type="button" onClick={() => void act(i, 'cancel')}>{t('delivery.stop')}<span class="sr"> {i.ticket}</span></button>}</div></td>
        </tr>
    );
}

export function Outbox() {
    const c = counts.value;
    const mark = `${c?.outbox_failed}/${c?.outbox_waiting}/${filter.value}`;
    useEffect(() => { void load(); }, [mark]);
    // A new attempt changes no count: look again when requests have changed and it is quiet for half a second.
    useEffect(() => { const later = setTimeout(() => void load(), 500); return () => clearTimeout(later); }, [stirred.value]);
    const list = items.value;
    return (
        <section class="wide" aria-labelledby="outbox-title">
            <div class="bar"><h2 id="outbox-title">{t('view.outbox')}</h2>
                <label class="pick"><span>{t('outbox.filter')}</span><select class="field" value={filter.value} onChange={(e) => { filter.value = e.currentTarget.value; }}>
                    {filters.map((f) => <option key={f} value={f}>{f ? stateWord(f) : t('outbox.all')}</option>)}</select></label></div>
            <Offline />{trouble.value && <Trouble />}
            <div class="page" tabIndex={0} role="group" aria-labelledby="outbox-title">
                {!list ? <Skeleton label={t('list.loading')} /> : list.length === 0 ? <div class="empty"><Icon name="circle-check-big" /><p><b>{t('outbox.none')}</b></p></div> : (
                    <table class="data"><thead><tr>{['state', 'request', 'channel', 'age', 'next', 'do'].map((h) => <th key={h} scope="col">{t(`outbox.${h}`)}</th>)}</tr></thead>
                        <tbody>{list.map((i) => <Line key={i.message} i={i} />)}</tbody></table>
                )}
                {next.value && <button class="btn" type="button" onClick={() => void load(true)}>{t('outbox.more')}</button>}
            </div>
        </section>
    );
}
