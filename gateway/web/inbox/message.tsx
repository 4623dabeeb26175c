// SPDX-License-Identifier: EUPL-1.2
// One message on the wire: head, text, quoted part, HTML on demand, attachments, original, delivery.
import { useState } from 'preact/hooks';
import { href, messagePath } from '../shared/api';
import { bytes, maybe, t } from '../shared/i18n';
import { clock, full } from '../shared/time';
import type { Attachment, Message, Ticket } from '../shared/types';
import { DeliveryLine } from './delivery';
import { channelIcon, Icon } from './icon';
import { MailHtml } from './mail_html';
import { channelWord } from './row';
import { queueName } from './store';
import { pieces } from './text';

export function Prose({ text }: { text: string }) {
    return <>{text.trim().split(/\n{2,}/).map((p, i) => (
        <p key={i}>{pieces(p).map((x, j) => (x.link ? <a key={j} href={x.link} target="_blank" rel="noopener noreferrer">{x.text}</a> : x.text))}</p>
    ))}</>;
}

function File({ m, a }: { m: Message; a: Attachment }) {
    const icon = a.type.startsWith('image/') ? 'image' : a.type.startsWith('text/') || a.type === 'application/pdf' ? 'file-text' : 'file';
    return (
        <a class="file" href={href(messagePath(m.id, `attachments/${a.i}`))} download={a.name} title={`SHA-256: ${a.sha256}`}>
            <span><Icon name={icon} /></span><span class="name">{a.name}</span><small>{bytes(a.length)}</small>
        </a>
    );
}

function Original({ m }: { m: Message }) {
    if (!m.original) return null;
    return (
        <details class="fold original">
            <summary><Icon name="download" />{t('mail.original')}</summary>
            <p><a href={href(messagePath(m.id, 'original'))} download>{t('mail.download')}</a>, {bytes(m.original.length)}</p>
            <p>SHA-256: <code>{m.original.sha256}</code></p>
        </details>
    );
}

function Warnings({ m }: { m: Message }) {
    const list = [...(m.unverified ? ['unverified'] : []), ...(m.warnings ?? [])];
    if (!list.length) return null;
    return <ul class="warnings">{list.map((w) => <li key={w}><Icon name="triangle-alert" />{maybe(`warning.${w}`, w)}</li>)}</ul>;
}

function Body({ m, k }: { m: Message; k: Ticket }) {
    const [html, setHtml] = useState(false);
    const files = m.attachments ?? [];
    return (
        <div class="body" lang={m.direction === 'in' && k.language ? k.language : undefined}>
            {html ? <MailHtml m={m} /> : m.text.trim() ? <Prose text={m.text} /> : <p class="none" lang={document.documentElement.lang}>{t('message.no_text')}</p>}
            {files.length > 0 && <div class="files">{files.map((a) => <File key={a.i} m={m} a={a} />)}</div>}
            <div class="tools" lang={document.documentElement.lang}>
                {m.quoted && !html && <details class="fold quoted"><summary><Icon name="ellipsis" />{t('mail.quoted')}</summary><div class="quote"><Prose text={m.quoted} /></div></details>}
                {m.has_html && <button class="chip" type="button" aria-pressed={html} onClick={() => setHtml(!html)}><Icon name="eye" />{t(html ? 'mail.text' : 'mail.html')}</button>}
                <Original m={m} />
            </div>
        </div>
    );
}

export function MessageView({ m, k }: { m: Message; k: Ticket }) {
    const cls = m.direction === 'out' ? 'msg ours' : m.direction === 'note' ? 'msg memo' : 'msg';
    const where = m.direction === 'out'
        ? [queueName(k.queue), m.recipient ? t('via.to', { channel: channelWord(m.channel_type), address: m.recipient }) : t('message.by', { channel: channelWord(m.channel_type) })].filter(Boolean).join(', ') : channelWord(m.channel_type);
    return (
        <li class={cls} id={`m-${m.n}`} tabIndex={-1}>
            <span class="knot"><Icon name={m.direction === 'note' ? 'sticky-note' : channelIcon(m.channel_type)} /></span>
            <div class="from">
                <b>{m.author.name || t('row.guest')}</b>
                {m.direction === 'note' ? <span class="tag">{t('message.note')}</span> : <span>{where}</span>}
                {m.automatic && <span>{t('message.automatic')}</span>}
                <time dateTime={m.at} title={full(m.at)}><span aria-hidden="true">{clock(m.at)}</span><span class="sr">{full(m.at)}</span></time>
            </div>
            <Warnings m={m} />
            <Body m={m} k={k} />
            {m.direction === 'out' && m.delivery && <DeliveryLine m={m} d={m.delivery} />}
        </li>
    );
}
