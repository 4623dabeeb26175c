// SPDX-License-Identifier: EUPL-1.2
// The views at the left: search, own views with live counts, offices, outbox and channels, own name. Under 760 px a dock.
import type { ComponentChildren } from 'preact';
import { number, t } from '../shared/i18n';
import { isDark, toggleTheme } from '../shared/theme';
import { Icon } from './icon';
import { Menu } from './menu';
import { palette } from './palette';
import { help } from './help';
import { hasDesk } from './desk';
import { go, path, plainClick, route, type Route } from './route';
import { setLanguage } from './more';
import { brokenChannels, counts, logout, me, seenQueues, settings } from './store';
import { initials } from './text';

export const views: [string, string][] = [
    ['mine', 'inbox'], ['unassigned', 'user-round-x'], ['unanswered', 'mail-question-mark'],
    ['overdue', 'alarm-clock'], ['due_soon', 'clock-3'], ['waiting', 'hourglass'], ['reminder', 'calendar-days'], ['all', 'messages-square'], ['closed', 'circle-check'],
];

export function count(view: string, queue?: string): number | undefined {
    const c = counts.value;
    if (!c) return undefined;
    return view === 'queue' ? c.queues?.[queue ?? ''] : (c as unknown as Record<string, number>)[view];
}

function Entry({ to, icon, children, tail }: { to: Partial<Route> & { view: string }; icon: string; children: string; tail?: ComponentChildren }) {
    const r = route.value;
    const current = r.view === to.view && (to.view !== 'queue' || r.queue === to.queue);
    return (
        <li><a href={path(to)} aria-current={current ? 'page' : undefined} title={children}
            onClick={(e) => { if (plainClick(e)) { e.preventDefault(); go(to); } }}>
            <Icon name={icon} /><span>{children}</span>{tail}
        </a></li>
    );
}
/** Only what is late is red, what is due soon amber; the view's name says the same in words. */
const tones: Record<string, string> = { overdue: 'bad ', due_soon: 'soon ' };
export const Count = ({ n, view = '' }: { n: number | undefined; view?: string }) => (n === undefined ? null : <span class={`${n > 0 ? (tones[view] ?? '') : ''}num fix`}>{number(n)}</span>);

function Foot() {
    const c = counts.value;
    const broken = brokenChannels.value;
    return (
        <div class="end"><ul>
            {hasDesk() && <Entry to={{ view: 'desk' }} icon="pencil-line">{t('view.desk')}</Entry>}
            <Entry to={{ view: 'outbox' }} icon="send" tail={c && c.outbox_failed > 0
                ? <span class="bad fix">{t('nav.failed', { n: c.outbox_failed })}</span> : <Count n={c?.outbox_waiting || undefined} />}>{t('view.outbox')}</Entry>
            <Entry to={{ view: 'channels' }} icon="radio-tower"
                tail={broken > 0 ? <span class="soon fix">{t('nav.broken', { n: broken })}</span> : undefined}>{t('view.channels')}</Entry>
        </ul></div>
    );
}

export function ThemeButton() {
    const label = t(isDark() ? 'theme.light' : 'theme.dark');
    return <button class="btn quiet icon" type="button" aria-label={label} title={label} onClick={toggleTheme}><Icon name={isDark() ? 'sun' : 'moon'} /></button>;
}

function Dock() {
    const r = route.value;
    const item = (view: string, icon: string, word: string) => (
        <li><a href={path({ view })} aria-current={r.view === view ? 'page' : undefined}
            onClick={(e) => { if (plainClick(e)) { e.preventDefault(); go({ view }); } }}><Icon name={icon} /><span>{word}</span></a></li>
    );
    return (
        <ul class="dock">
            {item('mine', 'inbox', t('dock.mine'))}
            {item('unassigned', 'user-round-x', t('dock.unassigned'))}
            {item('unanswered', 'mail-question-mark', t('dock.unanswered'))}
            {item('search', 'search', t('dock.search'))}
            {item('more', 'menu', t('dock.more'))}
        </ul>
    );
}

export function Nav() {
    const user = me.value!;
    const queues = seenQueues.value;
    return (
        <nav class="nav" aria-label={t('nav.label')}>
            <div class="brand"><Icon name="draht" /><b>Draht</b><span>{settings.value?.city.name}</span></div>
            <button class="find" type="button" title={t('nav.find')} onClick={() => palette('all')}><Icon name="search" /><span>{t('nav.find')}</span><kbd aria-hidden="true">{t('key.ctrl')} K</kbd></button>
            <ul>{views.map(([view, icon]) => <Entry key={view} to={{ view }} icon={icon} tail={<Count n={count(view)} view={view} />}>{t(`view.${view}`)}</Entry>)}</ul>
            {queues.length > 0 && <div>
                <h2>{t('nav.offices')}</h2>
                <ul>{queues.map((q) => <Entry key={q.id} to={{ view: 'queue', queue: q.id }} icon="building-2" tail={<Count n={count('queue', q.id)} />}>{q.name}</Entry>)}</ul>
            </div>}
            <Foot />
            <div class="foot2">
                <Menu up named label={t('nav.me', { name: user.name })} class="me" button={<><span class="face" aria-hidden="true">{initials(user.name)}</span><span>{user.name}<small>{t(`role.${user.role}`)}</small></span></>}
                    items={[
                        { text: t('help.title'), icon: 'keyboard', key: '?', run: () => { help.value = true; } },
                        { text: t('language.other'), icon: 'languages', run: () => void setLanguage() },
                        { text: t('nav.logout'), icon: 'log-out', run: () => void logout() },
                    ]} />
                <ThemeButton />
            </div>
            <Dock />
        </nav>
    );
}
