// SPDX-License-Identifier: EUPL-1.2
// The key table behind `?`.
import { signal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import { t } from '../shared/i18n';
import { Icon } from './icon';
import { lettersOn, setLetters } from './keys';

export const help = signal(false);

const table: [string, [string, string][]][] = [
    ['everywhere', [['Ctrl+K', 'palette'], ['/', 'search'], ['?', 'help'], ['Esc', 'back'], ['F6', 'column'], ['Z', 'undo'], ['C', 'desk']]],
    ['go', [['G M', 'mine'], ['G N', 'unassigned'], ['G U', 'unanswered'], ['G F', 'overdue'], ['G S', 'due_soon'], ['G W', 'waiting'], ['G R', 'reminder'], ['G P', 'outbox'], ['G K', 'channels'], ['G D', 'desk_view']]],
    ['list', [['J, K', 'step'], ['Enter', 'open'], ['X', 'mark'], ['Shift+J, K', 'mark_on'], ['Ctrl+A', 'mark_all']]],
    ['request', [['R', 'reply'], ['N', 'note'], ['I', 'take'], ['P', 'assign'], ['A', 'hand'], ['E', 'close'], ['W', 'remind'], ['T', 'tags'], ['Y', 'priority'],
        ['S', 'facts'], ['O', 'original'], ['Q', 'quoted'], ['V', 'resend']]],
    ['reply', [['Ctrl+Enter', 'send'], ['Ctrl+Shift+Enter', 'send_close'], ['Esc', 'thread']]],
];
const words = (keys: string): string => keys.replace('Ctrl', t('key.ctrl')).replace('Shift', t('key.shift')).replace('Enter', t('key.enter')).replaceAll('+', ' ');

function Box() {
    const dialog = useRef<HTMLDialogElement>(null);
    const [on, setOn] = useState(lettersOn());
    useEffect(() => { dialog.current?.showModal(); }, []);
    return (
        <dialog class="keys" ref={dialog} aria-labelledby="keys-title" onClose={() => { help.value = false; }}>
            <header><h2 id="keys-title">{t('help.title')}</h2>
                <button class="btn quiet icon" type="button" aria-label={t('box.close')} title={t('box.close')} onClick={() => dialog.current?.close()}><Icon name="x" /></button></header>
            <label class="check"><input type="checkbox" checked={on} onChange={(e) => { setLetters(e.currentTarget.checked); setOn(e.currentTarget.checked); }} />{t('help.letters')}</label>
            <div class="tables">
                {table.map(([part, rows]) => (
                    <section key={part} aria-labelledby={`k-${part}`}>
                        <h3 id={`k-${part}`}>{t(`help.part.${part}`)}</h3>
                        <dl>{rows.map(([keys, what]) => <div key={keys + what}><dt><kbd>{words(keys)}</kbd></dt><dd>{t(`help.${what}`)}</dd></div>)}</dl>
                    </section>
                ))}
            </div>
        </dialog>
    );
}
export function Help() { return help.value ? <Box /> : null; }
