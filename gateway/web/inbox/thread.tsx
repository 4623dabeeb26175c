// SPDX-License-Identifier: EUPL-1.2
// The wire: messages and events of a ticket in one line, days between, long runs of events folded.
import type { VNode } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { maybe, t } from '../shared/i18n';
import { clock, dayKey, longDay } from '../shared/time';
import type { Item, Ticket, TicketEvent } from '../shared/types';
import { MessageView } from './message';
import { people, queueName } from './store';
import { earlier } from './ticket_store';

const fold_from = 4;

function valueWord(e: TicketEvent, v: string | null): string {
    if (!v) return t('event.nobody');
    if (e.what === 'state') return maybe(`state.${v}`, v);
    if (e.what === 'queue') return queueName(v);
    if (e.what === 'assignee') return people.value.find((p) => p.id === v)?.name ?? v;
    if (e.what === 'delivery') return maybe(`delivery.word.${v}`, v);
    if (e.what === 'priority') return maybe(`priority.${v}`, v);
    return v;
}
function eventText(e: TicketEvent): string {
    const actor = people.value.find((p) => p.id === e.actor)?.name ?? maybe(`actor.${e.actor}`, e.actor);
    return t(`event.${e.what}`, { actor: actor || t('actor.system'), from: valueWord(e, e.from), to: valueWord(e, e.to) });
}
function Event({ e }: { e: TicketEvent }) {
    return <li class="ev"><span class="knot" /><time dateTime={e.at}>{t('time.clock', { time: clock(e.at) })}</time>: {eventText(e)}</li>;
}

function lines(items: Item[], k: Ticket): VNode[] {
    const out: VNode[] = [];
    let day = 0;
    let run: TicketEvent[] = [];
    const flush = (): void => {
        if (run.length < fold_from) out.push(...run.map((e) => <Event key={`e${e.n}`} e={e} />));
        else out.push(
            <li class="ev" key={`f${run[0]!.n}`}><span class="knot" />
                <details class="events"><summary>{t('event.folded', { n: run.length })}</summary><ul>{run.map((e) => <li key={e.n}>{t('time.clock', { time: clock(e.at) })}: {eventText(e)}</li>)}</ul></details>
            </li>);
        run = [];
    };
    for (const i of items) {
        const d = dayKey(i.at);
        if (d !== day) { flush(); day = d; out.push(<li class="ev day" key={`d${d}-${i.n}`}><span class="knot" />{longDay(i.at)}</li>); }
        if (i.type === 'event') { run.push(i); continue; }
        flush();
        out.push(<MessageView key={`m${i.n}`} m={i} k={k} />);
    }
    flush();
    return out;
}

function keys(e: KeyboardEvent): void {
    const all = [...(e.currentTarget as HTMLElement).querySelectorAll<HTMLElement>('.msg')];
    if (!['ArrowDown', 'ArrowUp', 'End', 'Home'].includes(e.key) || e.altKey || e.ctrlKey || !all.length) return;
    const inside = e.target as HTMLElement;
    if (inside.closest('summary, a, button, iframe') && inside.closest('.msg') && !inside.matches('.msg')) return;
    const at = all.indexOf(inside.closest<HTMLElement>('.msg')!);
    const to = e.key === 'End' ? all.length - 1 : e.key === 'Home' ? 0 : at < 0 ? all.length - 1 : at + (e.key === 'ArrowDown' ? 1 : -1);
    all[Math.max(0, Math.min(all.length - 1, to))]?.focus();
    e.preventDefault();
}

export function Thread({ k }: { k: Ticket }) {
    const box = useRef<HTMLDivElement>(null);
    const seen = useRef({ n: -1, first: -1, height: 0 });
    const last = k.items.at(-1)?.n ?? -1;
    const first = k.items[0]?.n ?? -1;
    useLayoutEffect(() => {
        const b = box.current;
        if (!b) return;
        const was = seen.current;
        const atEnd = b.scrollTop + b.clientHeight > was.height - 160;
        if (was.n < 0 || (last > was.n && atEnd)) b.scrollTop = b.scrollHeight;
        else if (first < was.first) b.scrollTop += b.scrollHeight - was.height;
        seen.current = { n: last, first, height: b.scrollHeight };
    });
    return (
        <div class="thread" id="thread" ref={box} role="region" aria-label={t('talk.label')} tabIndex={0} onKeyDown={keys}>
            {k.more_before ? <button class="btn link" type="button" onClick={() => void earlier()}>{t('talk.earlier')}</button> : null}
            <ol>{lines(k.items, k)}</ol>
        </div>
    );
}
