// SPDX-License-Identifier: EUPL-1.2
// One row of the list: the whole row is one link, its name says state, channel, sender, due and subject.
import { number, t, maybe } from '../shared/i18n';
import { dueClass, dueWords } from '../shared/time';
import type { Summary } from '../shared/types';
import { channelIcon, Icon } from './icon';
import { focused, mark, marked } from './list_store';
import { goTicket, path, plainClick, route } from './route';
import { queueName } from './store';
import { plainAddress } from './text';
import { ticket, typing, viewers } from './ticket_store';

export const channelWord = (type: string): string => maybe(`channel.${type}`, type);

/** Exactly one fact: what is most urgent. */
function Fact({ s }: { s: Summary }) {
    const here = ticket.value?.number === s.number;
    const writer = here ? (viewers.value.find((v) => v.writing)?.name ?? typing.value) : null;
    if (s.delivery === 'failed') return <span class="bad"><Icon name="circle-alert" />{t('row.failed')}</span>;
    if (s.delivery === 'in_doubt') return <span class="soon"><Icon name="circle-question-mark" />{t('row.in_doubt')}</span>;
    if (writer) return <span class="soon"><Icon name="pencil-line" />{t('row.writes', { name: writer })}</span>;
    if (s.delivery === 'retry') return <span class="soon"><Icon name="rotate-cw" />{t('row.retry')}</span>;
    if (s.state === 'waiting') return <span class="office">{t('row.waiting')}</span>;
    return <span class="office">{queueName(s.queue) || t('row.no_office')}</span>;
}

export function Row({ s, stop }: { s: Summary; stop: boolean }) {
    const current = route.value.ticket === s.number;
    const cls = dueClass(s);
    const chosen = marked.value.has(s.number);
    return (
        <a class="row" href={path({ ...route.value, ticket: s.number })} id={`row-${s.number}`} tabIndex={stop ? 0 : -1} aria-current={current ? 'true' : undefined}
            data-unread={s.unread ? '' : undefined} data-marked={chosen ? '' : undefined}
            onFocus={() => { focused.value = s.number; }}
            onClick={(e) => {
                if ((e.ctrlKey || e.metaKey) && e.button === 0) { e.preventDefault(); mark(s.number); return; }
                if (plainClick(e)) { e.preventDefault(); focused.value = s.number; goTicket(s.number); }
            }}>
            <Icon name={chosen ? 'check' : channelIcon(s.channel_type)} />
            <span class="who"><span class="sr">{chosen ? `${t('row.marked')} ` : ''}{s.unread ? `${t('row.unread')} ` : ''}{t('row.from', { channel: channelWord(s.channel_type) })} </span>{s.sender.name || plainAddress(s.sender.address) || t('row.guest')}</span>
            <span class={`due ${cls === 'late' ? 'bad' : cls === 'soon' ? 'soon' : ''}`}>{dueWords(s)}</span>
            <span class="what">{s.subject || s.preview || t('ticket.no_subject')}</span>
            <span class="meta">
                <Fact s={s} />
                {s.attachments > 0 && <span class="push"><Icon name="paperclip" />{number(s.attachments)}<span class="sr"> {t('row.files', { n: s.attachments })}</span></span>}
            </span>
        </a>
    );
}
