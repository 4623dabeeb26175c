// SPDX-License-Identifier: EUPL-1.2
// The truth about delivery under our messages: icon, word, next step. The same words stand in the outbox.
import { maybe, t } from '../shared/i18n';
import { brief, clock } from '../shared/time';
import type { Delivery, Message } from '../shared/types';
import { secondsTo, useSeconds } from './boxes';
import { bringBack } from './draft';
import { Icon } from './icon';
import { act } from './ticket_store';

const icons: Record<string, string> = {
    queued: 'clock-3', sending: 'loader', sent: 'check', delivered: 'check-check', read: 'check-check', retry: 'rotate-cw',
    failed: 'circle-alert', in_doubt: 'circle-question-mark', opted_out: 'bell-off', cancelled: 'ban',
};
export const deliveryIcon = (state: string): string => icons[state] ?? 'clock-3';
/** A reason is a stable code or already a sentence. */
export const reasonText = (reason: string | null | undefined): string => (reason ? maybe(`reason.${reason}`, reason) : '');
const undoing = (d: Delivery): boolean => d.state === 'queued' && !!d.undo_until && +new Date(d.undo_until) > Date.now();

async function takeBack(m: Message): Promise<void> {
    if (await act(m, 'undo')) bringBack(m);
}
const Do = ({ icon, word, run }: { icon: string; word: string; run: () => void }) =>
    <button class="btn" type="button" onClick={run}><Icon name={icon} />{word}</button>;

function Box({ m, d }: { m: Message; d: Delivery }) {
    const bad = d.state === 'failed';
    return (
        <div class={bad ? 'fail' : 'fail doubt'}>
            <Icon name={deliveryIcon(d.state)} />
            <p><b>{t(`delivery.${d.state}`)}</b> {reasonText(d.reason) || t(`delivery.${d.state}.why`)}</p>
            <div class="do">
                {d.state !== 'opted_out' && <Do icon="rotate-cw" word={t(bad ? 'delivery.again' : 'delivery.again_twice')} run={() => void act(m, 'retry')} />}
                {d.state === 'in_doubt' && <Do icon="check" word={t('delivery.as_sent')} run={() => void act(m, 'mark-sent')} />}
                {d.state !== 'in_doubt' && <Do icon="pencil-line" word={t('delivery.edit')} run={() => bringBack(m)} />}
            </div>
        </div>
    );
}

export function DeliveryLine({ m, d }: { m: Message; d: Delivery }) {
    const back = undoing(d);
    useSeconds(back);
    if (['failed', 'in_doubt', 'opted_out'].includes(d.state)) return <Box m={m} d={d} />;
    const good = d.state === 'delivered' || d.state === 'read';
    const late = d.state === 'retry' && (d.attempt ?? 0) >= 2;
    if (back) return (
        <div class="state"><Icon name="undo-2" /><span>{t('delivery.undo')}<span aria-hidden="true"> {t('undo.in', { n: secondsTo(+new Date(d.undo_until!)) })}</span></span>
            <button class="btn link" type="button" onClick={() => void takeBack(m)}>{t('undo.back')}</button></div>
    );
    if (d.state === 'retry') return (
        <div class={late ? 'state late' : 'state'}><Icon name="rotate-cw" />
            <span>{t(d.max_attempts ? 'delivery.retry' : 'delivery.retry_open', { time: d.next_at ? brief(d.next_at) : '', n: (d.attempt ?? 0) + 1, of: d.max_attempts ?? 0 })}{d.reason ? `. ${reasonText(d.reason)}` : ''}</span>
            <button class="btn link" type="button" onClick={() => void act(m, 'retry')}>{t('delivery.now')}</button>
            <button class="btn link" type="button" onClick={() => void act(m, 'cancel')}>{t('delivery.stop')}</button></div>
    );
    return (
        <div class={good ? 'state good' : 'state'}><Icon name={deliveryIcon(d.state)} />
            <span>{t(`delivery.${d.state}`)}{d.at && d.state !== 'queued' && d.state !== 'sending' ? ` ${clock(d.at)}` : ''}</span>
            {d.state === 'cancelled' && <button class="btn link" type="button" onClick={() => bringBack(m)}>{t('delivery.edit')}</button>}
        </div>
    );
}
