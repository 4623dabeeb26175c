// SPDX-License-Identifier: EUPL-1.2
// The facts column: promises, contact, the request's own data. A drawer where there is no room for a column.
import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { maybe, t } from '../shared/i18n';
import { brief, dueClass, full, now, span } from '../shared/time';
import { channelIcon, Icon } from './icon';
import { palette } from './palette';
import { go } from './route';
import { channelWord } from './row';
import { queueName } from './store';
import { plainAddress } from './text';
import { ticket } from './ticket_store';
import type { Ticket } from '../shared/types';

/** Is the drawer open? Wide windows show the column anyway. */
export const facts = signal(false);

function Clocks({ k }: { k: Ticket }) {
    const answered = !!k.last_out_at;
    const cls = dueClass(k);
    return (
        <section>
            <h2>{t('facts.promise')}</h2>
            <div class="clock"><Icon name="circle-check" /><span>{t('facts.received')}</span><time class="num" dateTime={k.created_at} title={full(k.created_at)}>{brief(k.created_at)}</time></div>
            {k.due_at ? <div class={`clock now ${cls}`}><Icon name="clock-3" /><span>{t('facts.answer')}</span><time class="num" dateTime={k.due_at} title={full(k.due_at)}>{brief(k.due_at)}</time></div>
                : answered && <div class="clock"><Icon name="circle-check" /><span>{t('facts.last_answer')}</span><time class="num" dateTime={k.last_out_at!} title={full(k.last_out_at!)}>{brief(k.last_out_at!)}</time></div>}
            {k.reminder_at && <div class="clock"><Icon name="alarm-clock" /><span>{t('facts.reminder')}</span><time class="num" dateTime={k.reminder_at} title={full(k.reminder_at)}>{brief(k.reminder_at)}</time></div>}
            {cls === 'late' && <p class="left">{t('facts.late', { span: span(now.value - +new Date(k.due_at!)) })}</p>}
            {cls === 'soon' && <p class="left">{t('facts.left', { span: span(+new Date(k.due_at!) - now.value) })}</p>}
        </section>
    );
}

export function Facts() {
    const k = ticket.value!;
    const box = useRef<HTMLElement>(null);
    useEffect(() => { if (facts.value) box.current?.focus(); }, [facts.value]);
    const c = k.contact ?? { name: k.sender.name, address: k.sender.address, channel_type: k.channel_type, tickets: [] };
    const address = plainAddress(c.address);
    return (
        <aside class="facts" ref={box} tabIndex={-1} aria-label={t('facts.label')} onKeyDown={(e) => { if (e.key === 'Escape' && facts.value) { facts.value = false; e.stopPropagation(); } }}>
            <button class="btn quiet only-m shut" type="button" onClick={() => { facts.value = false; }}><Icon name="x" />{t('facts.close')}</button>
            <Clocks k={k} />
            <section>
                <h2>{c.name || t('row.guest')}</h2>
                {address && <div class="addr"><Icon name={channelIcon(c.channel_type)} /><span title={address}>{address}</span></div>}
                <dl>
                    <dt>{t('facts.channel')}</dt><dd>{channelWord(k.channel_type)}</dd>
                    <dt>{t('facts.language')}</dt><dd>{maybe(`language.${k.language}`, k.language || '–')}</dd>
                    {c.tickets.length > 1 && <><dt>{t('facts.before')}</dt><dd><a href={`/inbox/search?q=${encodeURIComponent(c.address || c.name)}`} onClick={(e) => { e.preventDefault(); facts.value = false; go({ view: 'search', q: c.address || c.name }); }}>{t('empty.requests', { n: c.tickets.length })}</a></dd></>}
                </dl>
            </section>
            <section>
                <h2>{t('facts.request')}</h2>
                <dl class="edit">
                    <dt>{t('facts.office')}</dt><dd>{queueName(k.queue) || '–'} <button class="btn link" type="button" onClick={() => palette('queue')}>{t('facts.change')}<span class="sr">: {t('facts.office')}</span></button></dd>
                    <dt>{t('facts.person')}</dt><dd>{k.assignee_name || t('event.nobody')} <button class="btn link" type="button" onClick={() => palette('assignee')}>{t('facts.change')}<span class="sr">: {t('facts.person')}</span></button></dd>
                    <dt>{t('facts.priority')}</dt><dd>{maybe(`priority.${k.priority}`, k.priority || '–')} <button class="btn link" type="button" onClick={() => palette('priority')}>{t('facts.change')}<span class="sr">: {t('facts.priority')}</span></button></dd>
                    <dt>{t('facts.tags')}</dt><dd class="chips">{k.tags.map((x) => <span key={x} class="pill">{x}</span>)}<button class="btn link" type="button" onClick={() => palette('tags')}>{t('facts.change')}<span class="sr">: {t('facts.tags')}</span></button></dd>
                </dl>
            </section>
        </aside>
    );
}
