// SPDX-License-Identifier: EUPL-1.2
// One field for commands, requests, views, offices and people; also the chooser behind "Abgeben", "Zuweisen" and so on.
import { signal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import { t } from '../shared/i18n';
import { Icon } from './icon';
import { choices, finds, type Mode, type Option } from './palette_items';
import { say } from './store';
import type { Change } from './ticket_store';

interface Opened { mode: Mode; each?: (what: Change) => void }
const shown = signal<Opened | null>(null);
export const paletteOpen = (): boolean => shown.value !== null;

/** Opens the palette. With `each`, the choice is handed there instead of changing the open ticket. */
export function palette(mode: Mode, each?: (what: Change) => void): void {
    shown.value = each ? { mode, each } : { mode };
}

const wait_ms = 200;

function Box({ now }: { now: Opened }) {
    const [q, setQ] = useState('');
    const [at, setAt] = useState(0);
    const [found, setFound] = useState<Option[]>([]);
    const dialog = useRef<HTMLDialogElement>(null);
    const list = useRef<HTMLDivElement>(null);
    const options = [...choices(now.mode, q, now.each), ...found];
    const chosen = Math.min(at, options.length - 1);

    useEffect(() => { dialog.current?.showModal(); }, []);
    useEffect(() => {
        setAt(0);
        setFound([]);
        if (now.mode !== 'all' || q.trim().length < 2) return;
        let here = true;
        const timer = setTimeout(() => void finds(q).then((f) => { if (here) setFound(f); }), wait_ms);
        return () => { here = false; clearTimeout(timer); };
    }, [q]);
    useEffect(() => {
        const timer = setTimeout(() => say(t('palette.hits', { n: options.length })), 500);
        return () => clearTimeout(timer);
    }, [options.length]);
    useEffect(() => { list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' }); });

    function run(o: Option | undefined): void {
        if (!o) return;
        dialog.current?.close();
        shown.value = null;
        o.run();
    }
    function keys(e: KeyboardEvent): void {
        const n = options.length;
        if (e.key === 'ArrowDown') setAt((chosen + 1) % Math.max(1, n));
        else if (e.key === 'ArrowUp') setAt((chosen - 1 + n) % Math.max(1, n));
        else if (e.key === 'Enter') run(options[chosen]);
        else return;
        e.preventDefault();
    }
    const groups = [...new Set(options.map((o) => o.group))];
    const label = t(`palette.${now.mode}`);
    return (
        <dialog class="palette" ref={dialog} aria-label={label} onClose={() => { shown.value = null; }}
            onClick={(e) => { if (e.target === dialog.current) dialog.current?.close(); }}>
            <input type="text" role="combobox" autocomplete="off" aria-expanded={options.length > 0} aria-controls="opts" aria-autocomplete="list"
                aria-activedescendant={options.length ? `o-${chosen}` : undefined} aria-label={label} placeholder={label} value={q} onInput={(e) => setQ(e.currentTarget.value)} onKeyDown={keys} />
            {options.length === 0 && <p class="help">{t('palette.none')}</p>}
            <div role="listbox" id="opts" aria-label={t('palette.list')} ref={list} tabIndex={-1} hidden={options.length === 0}>
                {groups.map((g) => (
                    <div role="group" aria-label={g} key={g}>
                        <h3 role="presentation">{g}</h3>
                        {options.map((o, i) => o.group === g && (
                            <div key={o.id} role="option" id={`o-${i}`} aria-selected={i === chosen} onClick={() => run(o)}>
                                <Icon name={o.icon} /><span>{o.text}</span>{o.tail}{o.key && <kbd aria-hidden="true">{o.key}</kbd>}
                            </div>
                        ))}
                    </div>
                ))}
            </div>
            <p class="help"><kbd>↑</kbd> <kbd>↓</kbd> {t('palette.move')}, <kbd>{t('key.enter')}</kbd> {t('palette.run')}, <kbd>Esc</kbd> {t('palette.close')}</p>
        </dialog>
    );
}

export function Palette() {
    const now = shown.value;
    return now ? <Box key={now.mode} now={now} /> : null;
}
