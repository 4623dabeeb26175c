// SPDX-License-Identifier: EUPL-1.2
// The staff inbox: start, frame, and which column shows what.
import { effect } from '@preact/signals';
import { render } from 'preact';
import { t, useLanguage } from '../shared/i18n';
import { applyTheme } from '../shared/theme';
import { Channels } from './channels_view';
import { Conversation } from './conversation';
import { Desk } from './desk';
import { forgetOld } from './draft';
import { Facts, facts } from './facts';
import { Help } from './help';
import { loadIcons } from './icon';
import { startKeys } from './keys';
import { List } from './list';
import { listed, load, viewKey } from './list_store';
import { connect, watch } from './live';
import { ChannelLog } from './log_view';
import { Login } from './login';
import { More } from './more';
import { Nav } from './nav';
import { Outbox } from './outbox';
import { Palette } from './palette';
import { route } from './route';
import { boot, booted, me, said, settings, trouble } from './store';
import { open, ticket } from './ticket_store';
import { Trouble } from './boxes';

function Middle() {
    const r = route.value;
    if (r.view === 'outbox') return <Outbox />;
    if (r.view === 'channels') return r.channel ? <ChannelLog key={r.channel} id={r.channel} /> : <Channels />;
    if (r.view === 'desk') return <Desk />;
    if (r.view === 'more') return <More />;
    return <><List />{r.ticket ? <Conversation /> : <Blank />}</>;
}
function Blank() {
    return <section class="talk blank" id="talk" tabIndex={-1} aria-label={t('talk.label')}><p>{t('talk.none')}</p><p><kbd>?</kbd> {t('talk.keys')}</p></section>;
}

function App() {
    return <div class="shell">{settings.value?.demo && <section class="demo" aria-label="Demo"><p>{t('app.demo')}</p></section>}<Page /></div>;
}

function Page() {
    if (!booted.value) return <p class="sr" role="status">{t('app.loading')}</p>;
    if (!me.value) return trouble.value?.again ? <main class="login"><Trouble /></main> : <Login />;
    const r = route.value;
    const wide = !listed(r);
    const showFacts = !!r.ticket && !wide && !!ticket.value;
    return (
        <>
            {!wide && <a class="skip" href="#talk" onClick={(e) => { e.preventDefault(); document.getElementById('talk')?.focus(); }}>{t('app.skip')}</a>}
            <div class="app" data-view={r.ticket && !wide ? 'talk' : 'list'} data-wide={wide ? '' : undefined}
                data-facts={showFacts ? (facts.value ? 'open' : 'closed') : undefined}>
                <Nav />
                <main class="work">
                    <h1 class="sr">{t('app.heading', { city: settings.value?.city.name ?? '' })}</h1>
                    <Middle />
                </main>
                {showFacts && <Facts />}
            </div>
            <p class="sr" role="status" aria-live="polite">{said.value}</p>
            <Palette />
            <Help />
        </>
    );
}

function startEffects(): void {
    let view = '';
    let number: string | null | undefined;
    effect(() => {
        if (!me.value) return;
        const r = route.value;
        connect();
        if (viewKey(r) !== view) { view = viewKey(r); void load(); }
        if (r.ticket !== number) { number = r.ticket; watch(number); void open(number); }
    });
    effect(() => {
        const city = settings.value?.city.name;
        const part = ticket.value ? `${ticket.value.subject || t('ticket.no_subject')}, ${ticket.value.number}` : t('app.inbox');
        document.title = `${part} – Draht${city ? `, ${city}` : ''}`;
    });
}

applyTheme();
startKeys();
forgetOld();
void loadIcons();
await useLanguage(localStorage.getItem('draht.language') ?? navigator.language ?? 'de');
render(<App />, document.getElementById('root')!);
startEffects();
await boot();
