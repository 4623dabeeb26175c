// SPDX-License-Identifier: EUPL-1.2
// What stands in the place of content or over it: errors, no connection, skeletons, the undo bar.
import { useEffect, useState } from 'preact/hooks';
import { t } from '../shared/i18n';
import { clock } from '../shared/time';
import { Icon } from './icon';
import { connect } from './live';
import { offline, takeBack, trouble, undo } from './store';

/** Renders again each second while `on`. */
export function useSeconds(on: boolean): void {
    const [, tick] = useState(0);
    useEffect(() => {
        if (!on) return;
        const timer = setInterval(() => tick((n) => n + 1), 1000);
        return () => clearInterval(timer);
    }, [on]);
}
export const secondsTo = (ms: number): number => Math.max(0, Math.ceil((ms - Date.now()) / 1000));

export function Trouble() {
    const now = trouble.value;
    if (!now) return null;
    return (
        <div class="boxw bad" role="alert">
            <Icon name="circle-alert" />
            <p>{now.text}</p>
            {now.again && <button class="btn" type="button" onClick={() => { trouble.value = null; now.again?.(); }}>{t('error.again')}</button>}
            <button class="btn quiet icon" type="button" aria-label={t('box.close')} title={t('box.close')} onClick={() => { trouble.value = null; }}><Icon name="x" /></button>
        </div>
    );
}

export function Offline() {
    const now = offline.value;
    useSeconds(!!now);
    return (
        <div role="status">
            {now && <div class="boxw">
                <Icon name="wifi-off" />
                <p><b>{t('offline.since', { time: clock(now.since) })}</b> {t('offline.kept')} <span aria-hidden="true">{t('offline.next', { n: secondsTo(now.next) })}</span></p>
                <button class="btn" type="button" onClick={connect}>{t('offline.now')}</button>
            </div>}
        </div>
    );
}

export function Skeleton({ label }: { label: string }) {
    return <div class="sk" aria-busy="true"><span class="sr">{label}</span><i /><i /><i /><i /><i /></div>;
}

export function UndoBar() {
    const now = undo.value;
    useSeconds(!!now?.running);
    return (
        <div role="status">
            {now && <div class="undo">
                <p>{now.text}{now.running && <span aria-hidden="true"> {t('undo.in', { n: secondsTo(now.until) })}</span>}</p>
                {now.back && <button class="btn" type="button" onClick={() => void takeBack()}><Icon name="undo-2" />{t(now.running ? 'undo.back' : 'undo.revert')} <kbd aria-hidden="true">Z</kbd></button>}
            </div>}
        </div>
    );
}
