// SPDX-License-Identifier: EUPL-1.2
// "Mehr" on the phone: everything of the views column that has no place in the dock. Also the switch of the language.
import { language, t, useLanguage } from '../shared/i18n';
import { isDark, toggleTheme } from '../shared/theme';
import { hasDesk } from './desk';
import { help } from './help';
import { Icon } from './icon';
import { count, Count, views } from './nav';
import { go, path, type Route } from './route';
import { logout, me, seenQueues } from './store';

export async function setLanguage(): Promise<void> {
    const next = language.value === 'de' ? 'en' : 'de';
    localStorage.setItem('draht.language', next);
    await useLanguage(next);
}

function To({ to, icon, word }: { to: Partial<Route> & { view: string }; icon: string; word: string }) {
    const n = count(to.view, to.queue ?? undefined);
    return <li><a href={path(to)} onClick={(e) => { e.preventDefault(); go(to); }}><Icon name={icon} /><span>{word}</span><Count n={n} view={to.view} /></a></li>;
}
const Do = ({ icon, word, run }: { icon: string; word: string; run: () => void }) =>
    <li><button type="button" onClick={run}><Icon name={icon} /><span>{word}</span></button></li>;

export function More() {
    return (
        <section class="wide" aria-labelledby="more-title">
            <div class="bar"><h2 id="more-title">{t('dock.more')}</h2></div>
            <div class="page more">
                <ul>{views.map(([view, icon]) => <To key={view} to={{ view }} icon={icon} word={t(`view.${view}`)} />)}</ul>
                <h3>{t('nav.offices')}</h3>
                <ul>{seenQueues.value.map((q) => <To key={q.id} to={{ view: 'queue', queue: q.id }} icon="building-2" word={q.name} />)}</ul>
                <h3>{me.value?.name}</h3>
                <ul>
                    {hasDesk() && <To to={{ view: 'desk' }} icon="pencil-line" word={t('view.desk')} />}
                    <To to={{ view: 'outbox' }} icon="send" word={t('view.outbox')} />
                    <To to={{ view: 'channels' }} icon="radio-tower" word={t('view.channels')} />
                    <Do icon={isDark() ? 'sun' : 'moon'} word={t(isDark() ? 'theme.light' : 'theme.dark')} run={toggleTheme} />
                    <Do icon="languages" word={t('language.other')} run={() => void setLanguage()} />
                    <Do icon="keyboard" word={t('help.title')} run={() => { help.value = true; }} />
                    <Do icon="log-out" word={t('nav.logout')} run={() => void logout()} />
                </ul>
            </div>
        </section>
    );
}
