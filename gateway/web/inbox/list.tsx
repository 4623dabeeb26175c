// SPDX-License-Identifier: EUPL-1.2
// The list of a view: groups by due class, only the rows in sight are in the document (fixed row height), one tab stop.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { number, t } from '../shared/i18n';
import { Offline, Skeleton, Trouble, UndoBar } from './boxes';
import { Icon } from './icon';
import { busy, focused, groups, held, loading, loadMore, marked, next, ordered, rows, setSort, showHeld, sort, type Group } from './list_store';
import { Menu } from './menu';
import { palette } from './palette';
import { go, route } from './route';
import { Row } from './row';
import { counts, queueName, trouble } from './store';
import { change } from './ticket_store';
import { count, ThemeButton } from './nav';

const row_rem = 4.625;
const head_rem = 2.0625;
const spare = 6;

const looks: Record<Group['name'], { icon: string; cls: string }> = {
    late: { icon: 'alarm-clock', cls: 'bad' }, soon: { icon: 'clock-3', cls: 'soon' }, near: { icon: 'calendar-days', cls: '' },
    later: { icon: 'calendar-days', cls: '' }, rest: { icon: 'hourglass', cls: '' }, all: { icon: 'inbox', cls: '' },
};

function Rows({ group, top, view, rem, total }: { group: Group; top: number; view: [number, number]; rem: number; total: number }) {
    const h = row_rem * rem;
    const first = Math.max(0, Math.floor((view[0] - top) / h) - spare);
    const last = Math.min(group.rows.length, Math.ceil((view[1] - top) / h) + spare);
    const shown: number[] = [];
    for (let i = first; i < last; i++) shown.push(i);
    // the row that has the focus never leaves the document
    const kept = group.rows.findIndex((s) => s.number === focused.value);
    if (kept >= 0 && (kept < first || kept >= last)) shown.push(kept);
    return (
        <ul style={{ height: `${group.rows.length * row_rem}rem` }}>
            {shown.map((i) => {
                const s = group.rows[i]!;
                return (
                    <li key={s.number} style={{ top: `${i * row_rem}rem` }} aria-setsize={total} aria-posinset={group.from + i + 1}>
                        <Row s={s} stop={focused.value ? focused.value === s.number : group.from + i === 0} />
                    </li>
                );
            })}
        </ul>
    );
}

const empties: Record<string, string> = { mine: 'empty.done', unanswered: 'empty.done', overdue: 'empty.overdue', due_soon: 'empty.due_soon' };
function Empty() {
    const r = route.value;
    const c = counts.value;
    if (r.view === 'search') return <div class="empty"><Icon name="search" /><p>{r.q ? t('search.none', { q: r.q }) : t('search.start')}</p><p>{t('search.whole')}</p></div>;
    return (
        <div class="empty">
            <Icon name="circle-check-big" />
            <p><b>{t(empties[r.view] ?? 'empty.none')}</b></p>
            {r.view === 'overdue' && c && c.due_soon > 0 && <p>{t('empty.soon')} <a href="/inbox/due_soon" onClick={(e) => { e.preventDefault(); go({ view: 'due_soon' }); }}>{t('empty.requests', { n: c.due_soon })}</a>.</p>}
            {r.view === 'mine' && c && c.unassigned > 0 && <p>{t('empty.still')} <a href="/inbox/unassigned" onClick={(e) => { e.preventDefault(); go({ view: 'unassigned' }); }}>{t('empty.requests', { n: c.unassigned })}</a>.</p>}
        </div>
    );
}

function Bulk() {
    const n = marked.value.size;
    if (!n) return null;
    const each = (what: Parameters<typeof change>[0]) => {
        for (const x of marked.value) void change(what, '', x);
        marked.value = new Set();
    };
    return (
        <div class="bulk" role="group" aria-label={t('bulk.label')}>
            <p role="status">{t('bulk.count', { n })}</p>
            <button class="btn" type="button" onClick={() => palette('assignee', each)}>{t('act.assign')}</button>
            <button class="btn" type="button" onClick={() => palette('queue', each)}>{t('act.hand')}</button>
            <button class="btn quiet icon" type="button" aria-label={t('bulk.none')} title={t('bulk.none')} onClick={() => { marked.value = new Set(); }}><Icon name="x" /></button>
        </div>
    );
}

function Search() {
    const field = useRef<HTMLInputElement>(null);
    useEffect(() => { if (!route.value.ticket) field.current?.focus(); }, []);
    return (
        <form class="search" role="search" onSubmit={(e) => { e.preventDefault(); go({ view: 'search', q: field.current!.value.trim() }, true); }}>
            <label class="sr" for="search">{t('search.label')}</label>
            <input id="search" ref={field} class="field" type="search" placeholder={t('search.label')} defaultValue={route.value.q} />
            <button class="btn" type="submit">{t('search.go')}</button>
        </form>
    );
}

function Bar() {
    const r = route.value;
    const name = r.view === 'queue' ? queueName(r.queue) : t(`view.${r.view}`);
    const n = r.view === 'search' ? undefined : (count(r.view, r.queue ?? undefined) ?? (next.value ? undefined : rows.value.length));
    return (
        <div class="bar">
            <h2 id="view">{name} {n !== undefined && <span class="num">{number(n)}</span>}</h2>
            <Menu label={t('sort.label')} class="btn quiet" named button={<><span class="sr">{t('sort.label')}: </span>{t(`sort.${sort.value}`)}<Icon name="chevron-down" /></>} items={[
                { text: t('sort.due'), run: () => setSort('due') }, { text: t('sort.newest'), run: () => setSort('newest') },
            ]} />
            <span class="only-s"><ThemeButton /></span>
        </div>
    );
}

/** Where the row of a ticket begins, in pixels from the top of the rows; null when it is not in the list. */
function offset(ticket: string, rem: number): number | null {
    let top = 0;
    for (const g of groups.value) {
        if (g.name !== 'all') top += head_rem * rem;
        const at = g.rows.findIndex((s) => s.number === ticket);
        if (at >= 0) return top + at * row_rem * rem;
        top += g.rows.length * row_rem * rem;
    }
    return null;
}

export function List() {
    const box = useRef<HTMLDivElement>(null);
    const shown = useRef('');
    const [view, setView] = useState<[number, number]>([0, 900]);
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;
    const look = (): void => {
        const b = box.current;
        if (!b) return;
        setView([b.scrollTop, b.scrollTop + b.clientHeight]);
        if (b.scrollHeight - b.scrollTop - b.clientHeight < 900) void loadMore();
    };
    useLayoutEffect(() => {
        const watch = new ResizeObserver(look);
        if (box.current) watch.observe(box.current);
        return () => watch.disconnect();
    }, []);
    const r = route.value;
    const key = `${r.view}/${r.queue}`;
    useEffect(() => { if (box.current) box.current.scrollTop = 0; shown.current = ''; }, [key]);
    // a ticket that was opened by its address is shown in the list too, once
    useLayoutEffect(() => {
        if (loading.value || !r.ticket || shown.current === r.ticket || !box.current) return;
        const at = offset(r.ticket, rem);
        shown.current = r.ticket;
        const b = box.current;
        if (at !== null && (at < b.scrollTop || at + row_rem * rem > b.scrollTop + b.clientHeight)) b.scrollTop = at - b.clientHeight / 3;
    });

    let top = 0;
    const total = ordered.value.length;
    const list = groups.value;
    return (
        <section class="list" aria-labelledby="view" aria-busy={loading.value}
            onPointerEnter={() => { busy.pointer = true; }} onPointerLeave={() => { busy.pointer = false; if (!busy.focus) showHeld(); }}
            onFocusIn={() => { busy.focus = true; }} onFocusOut={() => { busy.focus = false; }}>
            <Bar />
            {loading.value && total > 0 && <div class="thin" />}
            {r.view === 'search' && <Search />}
            <Offline />
            {trouble.value && <Trouble />}
            <Bulk />
            {held.value.length > 0 && <button class="btn link fresh" type="button" onClick={showHeld}>{t('list.fresh', { n: held.value.length })}</button>}
            <div class="rows" ref={box} role="region" aria-label={t(sort.value === 'due' ? 'list.by_due' : 'list.by_newest')} tabIndex={total ? -1 : 0} onScroll={look}>
                {total === 0 && (loading.value ? <Skeleton label={t('list.loading')} /> : !trouble.value && <Empty />)}
                {list.map((g) => {
                    const withHead = g.name !== 'all';
                    const at = top + (withHead ? head_rem * rem : 0);
                    top = at + g.rows.length * row_rem * rem;
                    return (
                        <section key={g.name} aria-label={t(`due.group.${g.name}`)}>
                            {withHead && <h3 class={looks[g.name].cls}><Icon name={looks[g.name].icon} />{t(`due.group.${g.name}`)} <span class="num">{number(g.rows.length)}</span></h3>}
                            <Rows group={g} top={at} view={view} rem={rem} total={next.value ? -1 : total} />
                        </section>
                    );
                })}
            </div>
            <UndoBar />
        </section>
    );
}
