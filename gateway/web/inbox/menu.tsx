// SPDX-License-Identifier: EUPL-1.2
// A button with a menu: arrows, first letter, Escape; focus goes back to the button. `named`: the button has words of its own.
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { Icon } from './icon';

export interface MenuItem { text: string; icon?: string; key?: string; run: () => void }
interface Props { label: string; button: ComponentChildren; items: MenuItem[]; class?: string; up?: boolean; named?: boolean }

export function Menu({ label, button, items, class: cls = 'btn quiet icon', up, named }: Props) {
    const [open, setOpen] = useState(false);
    const box = useRef<HTMLDivElement>(null);
    const opener = useRef<HTMLButtonElement>(null);
    const id = useId();

    useEffect(() => {
        if (!open) return;
        box.current?.querySelector<HTMLElement>('[role="menuitem"]')?.focus();
        const away = (e: Event): void => { if (!box.current?.parentElement?.contains(e.target as Node)) setOpen(false); };
        document.addEventListener('pointerdown', away);
        return () => document.removeEventListener('pointerdown', away);
    }, [open]);

    function close(): void { setOpen(false); opener.current?.focus(); }
    function keys(e: KeyboardEvent): void {
        const all = [...(box.current?.querySelectorAll<HTMLElement>('[role="menuitem"]') ?? [])];
        const at = all.indexOf(document.activeElement as HTMLElement);
        const to = e.key === 'ArrowDown' ? (at + 1) % all.length : e.key === 'ArrowUp' ? (at - 1 + all.length) % all.length
            : e.key === 'Home' ? 0 : e.key === 'End' ? all.length - 1 : all.findIndex((x) => e.key.length === 1 && x.textContent?.toLowerCase().startsWith(e.key.toLowerCase()));
        if (e.key === 'Escape' || e.key === 'Tab') { close(); if (e.key === 'Escape') e.preventDefault(); }
        else if (to >= 0) { all[to]?.focus(); e.preventDefault(); }
        e.stopPropagation();
    }
    return (
        <div class="menu-at">
            <button ref={opener} class={cls} type="button" aria-label={named ? undefined : label} title={named ? undefined : label} aria-haspopup="menu" aria-expanded={open} aria-controls={open ? id : undefined}
                onClick={() => setOpen(!open)}>{button}</button>
            {open && <div ref={box} class={up ? 'menu up' : 'menu'} id={id} role="menu" aria-label={label} onKeyDown={keys}>
                {items.map((m) => (
                    <button key={m.text} role="menuitem" type="button" tabIndex={-1} onClick={() => { close(); m.run(); }}>
                        {m.icon && <Icon name={m.icon} />}<span>{m.text}</span>{m.key && <kbd aria-hidden="true">{m.key}</kbd>}
                    </button>
                ))}
            </div>}
        </div>
    );
}
