// SPDX-License-Identifier: EUPL-1.2
// What can be done with the open ticket, as the same calls for buttons, palette and keys.
import { t } from '../shared/i18n';
import { queueName, me } from './store';
import { change, ticket, type Change } from './ticket_store';

export const closeTicket = (): Promise<boolean> => change({ state: 'closed' }, t('done.closed'));
export const reopen = (): Promise<boolean> => change({ state: 'open' }, t('done.reopened'));
export const toggleClosed = (): Promise<boolean> => (ticket.value?.state === 'closed' ? reopen() : closeTicket());
export const takeIt = (): Promise<boolean> => change({ assignee: me.value!.id }, t('done.taken'));

/** The sentence for the undo bar after a change by the palette. */
export function doneText(what: Change, word: string): string {
    if ('assignee' in what) return what.assignee ? t('done.assigned', { name: word }) : t('done.unassigned');
    if ('queue' in what) return t('done.handed', { name: queueName(what.queue ?? null) });
    if ('reminder_at' in what) return t('done.reminder', { time: word });
    return t('done.changed');
}
