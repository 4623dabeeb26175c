// SPDX-License-Identifier: EUPL-1.2
// The conversation column: head with actions, who else is here, thread and composer.
import { t } from '../shared/i18n';
import { dueClass, dueWords } from '../shared/time';
import type { Ticket } from '../shared/types';
import { Composer } from './composer';
import { facts } from './facts';
import { closeTicket, reopen } from './actions';
import { Skeleton } from './boxes';
import { Icon } from './icon';
import { Menu } from './menu';
import { palette } from './palette';
import { goTicket, route } from './route';
import { people } from './store';
import { initials } from './text';
import { Thread } from './thread';
import { open, openError, opening, ticket, typing, viewers } from './ticket_store';

const pillOf: Record<string, string> = { new: 'open', open: 'open', waiting: '', reminder: '', closed: 'good' };

function Due({ k }: { k: Ticket }) {
    const c = dueClass(k);
    if (c === 'late') return <span class="pill bad"><Icon name="alarm-clock" />{t('due.overdue', { words: dueWords(k) })}</span>;
    if (c === 'soon') return <span class="pill soon"><Icon name="clock-3" />{t('due.soon', { words: dueWords(k) })}</span>;
    if (c === 'rest') return null;
    return <span class="pill"><Icon name="clock-3" />{t('due.due', { words: dueWords(k) })}</span>;
}

function Head({ k }: { k: Ticket }) {
    const others = viewers.value;
    const closed = k.state === 'closed';
    return (
        <header class="head">
            <button class="btn quiet icon only-s" type="button" aria-label={t('talk.back')} onClick={() => goTicket(null)}><Icon name="arrow-left" /></button>
            <div class="title"><h2 id="subject">{k.subject || t('ticket.no_subject')}</h2>
                <button class="no" type="button" title={t('ticket.copy')} onClick={() => void navigator.clipboard?.writeText(k.number)}><span class="sr">{t('ticket.number')} </span>{k.number}</button></div>
            <div class="sub">
                <span class={`pill ${pillOf[k.state] ?? ''}`}>{t(`state.${k.state}`)}</span>
                <Due k={k} />
                {others.map((v) => <span key={v.id} class="face s" role="img" aria-label={t('viewer.reads', { name: v.name })} title={t('viewer.reads', { name: v.name })}>{initials(v.name)}</span>)}
            </div>
            <div class="acts">
                <button class="btn only-l" type="button" onClick={() => palette('queue')}><Icon name="corner-up-right" />{t('act.hand')}</button>
                {closed ? <button class="btn only-l" type="button" onClick={() => void reopen()}><Icon name="rotate-cw" />{t('act.reopen')}</button>
                    : <button class="btn only-l" type="button" onClick={() => void closeTicket()}><Icon name="check" />{t('act.close')}</button>}
                <button class="btn quiet icon only-m" type="button" aria-label={t('facts.label')} title={t('facts.label')} aria-expanded={facts.value} onClick={() => { facts.value = !facts.value; }}><Icon name="panel-right" /></button>
                <Menu label={t('act.more')} button={<Icon name="ellipsis" />} items={[
                    { text: t('act.assign'), icon: 'user-round', key: 'P', run: () => palette('assignee') },
                    { text: t('act.hand'), icon: 'corner-up-right', key: 'A', run: () => palette('queue') },
                    { text: t('act.remind'), icon: 'alarm-clock', key: 'W', run: () => palette('remind') },
                    { text: t('act.priority'), icon: 'circle-dot', key: 'Y', run: () => palette('priority') },
                    { text: t('act.tags'), icon: 'tag', key: 'T', run: () => palette('tags') },
                    closed ? { text: t('act.reopen'), icon: 'rotate-cw', key: 'E', run: () => void reopen() } : { text: t('act.close'), icon: 'check', key: 'E', run: () => void closeTicket() },
                ]} />
            </div>
        </header>
    );
}

function Collision() {
    const writer = viewers.value.find((v) => v.writing);
    const name = writer ? (people.value.find((p) => p.id === writer.id)?.name ?? writer.name) : null;
    return (
        <div role="status">
            {name && <div class="warnbar"><Icon name="pencil-line" /><p><b>{t('viewer.writes', { name })}</b></p></div>}
            {!name && typing.value && <p class="typing">{t('viewer.types', { name: typing.value })}</p>}
        </div>
    );
}

export function Conversation() {
    const k = ticket.value;
    const number = route.value.ticket;
    if (!k) return (
        <article class="talk" id="talk" tabIndex={-1} aria-label={t('talk.label')}>
            <header class="head"><button class="btn quiet icon only-s" type="button" aria-label={t('talk.back')} onClick={() => goTicket(null)}><Icon name="arrow-left" /></button></header>
            {openError.value ? <div class="boxw bad" role="alert"><Icon name="circle-alert" /><p>{openError.value}</p><button class="btn" type="button" onClick={() => void open(number)}>{t('error.again')}</button></div>
                : opening.value && <Skeleton label={t('talk.loading')} />}
        </article>
    );
    return (
        <article class="talk" id="talk" aria-labelledby="subject" tabIndex={-1} key={k.number}>
            <Head k={k} />
            <Collision />
            <Thread k={k} />
            <Composer k={k} />
        </article>
    );
}
