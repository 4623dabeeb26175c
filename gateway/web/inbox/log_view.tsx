// SPDX-License-Identifier: EUPL-1.2
// The log of one channel for administrators: newest line at the foot, filters, pause, copy.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { maybe, number, t } from '../shared/i18n';
import { full, stamp } from '../shared/time';
import { Offline, Skeleton } from './boxes';
import { Icon } from './icon';
import { isFiltered, keyed, kinds, levels, lineText, no_filter, passing, tone, type LogFilter, type LogLine } from './log_lines';
import { useLog, type Log } from './log_poll';
import { go, path, plainClick } from './route';
import { me, say } from './store';

const foot_px = 40; // as near to the foot as this, the page follows new lines
const typing_ms = 600;
export const seesLogs = (): boolean => me.value?.role === 'admin';
export const linkId = (channel: string): string => `log-of-${channel}`;

function Line({ l }: { l: LogLine }) {
    const how = tone(l);
    return (
        <li class={how}>
            <time dateTime={l.at} title={full(l.at)}>{stamp(l.at)}</time>
            <span class="kind">{how && <Icon name={how === 'bad' ? 'circle-alert' : 'triangle-alert'} />}{l.level ? maybe(`log.level.${l.level}`, l.level) : maybe(`log.kind.${l.dir}`, l.dir)}</span>
            <div>
                {l.method !== undefined
                    ? <p><code>{l.method} {l.url}</code> <b>{l.error ?? l.status}</b></p>
                    : <p>{l.event && <><b>{l.event}</b> </>}<code>{l.text}</code></p>}
                {l.method !== undefined && <small>{t('log.took', { ms: l.ms ?? 0 })}{l.bytes_in !== undefined && t('log.bytes_in', { n: l.bytes_in })}{l.bytes_out !== undefined && t('log.bytes_out', { n: l.bytes_out })}</small>}
                {!!l.dropped && <small>{t('log.dropped', { n: l.dropped })}</small>}
            </div>
        </li>
    );
}

function Pick({ of, values, value, set }: { of: 'kind' | 'level'; values: string[]; value: string; set: (v: string) => void }) {
    return (
        <label class="pick"><span>{t(`log.${of}`)}</span><select class="field" value={value} onChange={(e) => set(e.currentTarget.value)}>
            <option value="">{t('log.all')}</option>{values.map((v) => <option key={v} value={v}>{t(`log.${of}.${v}`)}</option>)}</select></label>
    );
}

/** What went wrong and what to do; lines that were read stay below it. */
function Problem({ log }: { log: Log }) {
    if (!log.trouble) return null;
    return (
        <div class="boxw bad" role="alert"><Icon name="circle-alert" />
            <p>{t(log.trouble === 'forbidden' ? 'error.forbidden' : `log.${log.trouble}`)}</p>
            {log.trouble === 'failed' && <button class="btn" type="button" onClick={log.again}>{t('error.again')}</button>}
        </div>
    );
}

function Nothing({ filtered, reset }: { filtered: boolean; reset: () => void }) {
    return (
        <div class="empty"><p><b>{t(filtered ? 'log.nothing' : 'log.empty')}</b></p>
            {filtered ? <button class="btn" type="button" onClick={reset}>{t('log.reset')}</button> : <p>{t('log.empty_do')}</p>}</div>
    );
}

function Tools({ filter, set, paused, pause, shown }: { filter: LogFilter; set: (f: LogFilter) => void; paused: boolean; pause: () => void; shown: LogLine[] }) {
    const [copied, setCopied] = useState('');
    async function copy(): Promise<void> {
        setCopied('');
        try {
            await navigator.clipboard.writeText(shown.map(lineText).join('\n'));
            setCopied(t('log.copied', { n: shown.length }));
        } catch { setCopied(t('log.not_copied')); }
    }
    return (
        <div class="logbar" role="group" aria-label={t('log.tools')}>
            <label class="pick text"><span>{t('log.text')}</span><input id="log-text" class="field" type="search" autocomplete="off" maxLength={200} value={filter.text} onInput={(e) => set({ ...filter, text: e.currentTarget.value })} /></label>
            <Pick of="kind" values={kinds} value={filter.kind} set={(kind) => set({ ...filter, kind })} />
            <Pick of="level" values={levels} value={filter.level} set={(level) => set({ ...filter, level })} />
            <button class="btn" type="button" aria-pressed={paused} onClick={() => { setCopied(''); pause(); }}>{t('log.pause')}</button>
            <button class="btn" type="button" disabled={!shown.length} onClick={() => void copy()}>{t('log.copy')}</button>
            <p role="status">{copied || (paused ? t('log.paused') : '')}</p>
        </div>
    );
}

function Lines({ shown }: { shown: LogLine[] }) {
    const box = useRef<HTMLDivElement>(null);
    const follows = useRef(true);
    useLayoutEffect(() => { if (follows.current && box.current) box.current.scrollTop = box.current.scrollHeight; }, [shown]);
    function scrolled(e: Event): void {
        const b = e.currentTarget as HTMLElement;
        follows.current = b.scrollHeight - b.scrollTop - b.clientHeight < foot_px;
    }
    return (
        <div class="page" ref={box} tabIndex={0} role="group" aria-labelledby="log-title" onScroll={scrolled}>
            <ol class="log">{keyed(shown).map(([key, l]) => <Line key={key} l={l} />)}</ol>
        </div>
    );
}

function Body({ id }: { id: string }) {
    const [filter, setFilter] = useState(no_filter);
    const [paused, setPaused] = useState(false);
    const log = useLog(id, paused);
    const shown = passing(log.lines ?? [], filter);
    useEffect(() => {
        if (!isFiltered(filter)) return;
        const later = setTimeout(() => say(t('log.count', { n: shown.length })), typing_ms);
        return () => clearTimeout(later);
    }, [filter]);
    function reset(): void {
        setFilter(no_filter);
        document.getElementById('log-text')?.focus();
    }
    if (!log.lines) return <><Problem log={log} />{!log.trouble && <Skeleton label={t('log.loading')} />}</>;
    return (
        <>
            <Tools filter={filter} set={setFilter} paused={paused} pause={() => setPaused(!paused)} shown={shown} />
            <Problem log={log} />
            {shown.length ? <Lines shown={shown} /> : <div class="page"><Nothing filtered={isFiltered(filter)} reset={reset} /></div>}
            <p class="logfoot">{isFiltered(filter) ? t('log.count_of', { shown: number(shown.length), n: log.lines.length }) : t('log.count', { n: shown.length })}</p>
        </>
    );
}

export function ChannelLog({ id }: { id: string }) {
    const title = useRef<HTMLHeadingElement>(null);
    useEffect(() => {
        title.current?.focus();
        return () => { requestAnimationFrame(() => document.getElementById(linkId(id))?.focus()); };
    }, [id]);
    return (
        <section class="wide" aria-labelledby="log-title">
            <div class="bar">
                <a class="btn quiet icon" href={path({ view: 'channels' })} aria-label={t('log.back')} title={t('log.back')}
                    onClick={(e) => { if (plainClick(e)) { e.preventDefault(); go({ view: 'channels' }); } }}><Icon name="arrow-left" /></a>
                <h2 id="log-title" ref={title} tabIndex={-1}>{t('log.title', { channel: id })}</h2>
            </div>
            <Offline />
            {seesLogs() ? <Body id={id} /> : <div class="page"><div class="boxw bad" role="alert"><Icon name="circle-alert" /><p>{t('error.forbidden')}</p></div></div>}
        </section>
    );
}
