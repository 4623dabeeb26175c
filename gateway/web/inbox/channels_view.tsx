// SPDX-License-Identifier: EUPL-1.2
// The state of all channels, in words; for administrators with a link to each one's log.
import { t } from '../shared/i18n';
import { Offline } from './boxes';
import { channelIcon, Icon } from './icon';
import { linkId, seesLogs } from './log_view';
import { go, path, plainClick } from './route';
import { channelWord } from './row';
import { channels } from './store';

function LogLink({ id }: { id: string }) {
    const to = { view: 'channels', channel: id };
    return (
        <p><a id={linkId(id)} href={path(to)} onClick={(e) => { if (plainClick(e)) { e.preventDefault(); go(to); } }}>{t('log.link')}<span class="sr"> {id}</span></a></p>
    );
}

export function Channels() {
    return (
        <section class="wide" aria-labelledby="channels-title">
            <div class="bar"><h2 id="channels-title">{t('view.channels')}</h2></div>
            <Offline />
            <div class="page" tabIndex={0} role="group" aria-labelledby="channels-title">
                <ul class="cards">
                    {channels.value.map((c) => (
                        <li key={c.id} class="card">
                            <h3><Icon name={channelIcon(c.type)} />{c.id} <small>{channelWord(c.type)}</small></h3>
                            <p><span class={`pill ${c.up ? 'good' : 'soon'}`}><Icon name={c.up ? 'check' : 'triangle-alert'} />{t(c.up ? 'channels.up' : 'channels.down')}</span></p>
                            {c.sentence && <p>{c.sentence}</p>}
                            {seesLogs() && <LogLink id={c.id} />}
                        </li>
                    ))}
                </ul>
                {channels.value.length === 0 && <div class="empty"><p><b>{t('channels.none')}</b></p></div>}
            </div>
        </section>
    );
}
