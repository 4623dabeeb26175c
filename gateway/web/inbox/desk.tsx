// SPDX-License-Identifier: EUPL-1.2
// Counter, telephone and letter: four fields to take a request down, and the letters and calls that wait for a person.
import { signal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import { get, href, post } from '../shared/api';
import { t } from '../shared/i18n';
import { full, now, span } from '../shared/time';
import { Offline, Skeleton, Trouble } from './boxes';
import { channelIcon, Icon } from './icon';
import { go, path } from './route';
import { settings, stirred, tell, trouble } from './store';
import { plainAddress } from './text';

interface Task { message: string; ticket: string; kind: 'call' | 'letter'; created_at: string; subject?: string; sender?: { name: string; address: string } }
interface Taken { number: string; joined: boolean }
const tasks = signal<Task[] | null>(null);
const kinds = ['phone', 'counter', 'letter'];

export const hasDesk = (): boolean => !!settings.value?.channels.some((c) => c.type === 'desk');
export function takeDown(): void {
    go({ view: 'desk' });
    requestAnimationFrame(() => document.getElementById('desk-who')?.focus());
}

async function load(): Promise<void> {
    try { tasks.value = (await get<{ tasks: Task[] }>('/desk')).tasks; } catch (e) { tell(e, () => void load()); tasks.value ??= []; }
}
async function settle(k: Task, what: 'done' | 'failed'): Promise<void> {
    try { await post(`/desk/${encodeURIComponent(k.message)}/${what}`); await load(); document.getElementById('desk-tasks')?.focus(); } catch (e) { tell(e); }
}

function Field({ id, rows, value, set, error }: { id: 'who' | 'what' | 'reply'; rows?: number; value: string; set: (v: string) => void; error?: string }) {
    const common = { id: `desk-${id}`, value, 'aria-describedby': `desk-${id}-hint${error ? ' desk-error' : ''}`, 'aria-invalid': !!error, autocomplete: 'off' as const };
    return (
        <>
            <label class="name" for={`desk-${id}`}>{t(`desk.${id}`)}</label>
            {id !== 'who' && <small id={`desk-${id}-hint`}>{t(`desk.${id}_hint`)}</small>}
            {error && <small id="desk-error" class="bad" role="alert">{error}</small>}
            {rows ? <textarea {...common} class={`field ${rows < 4 ? 'short' : ''}`} rows={rows} maxLength={id === 'reply' ? 250 : undefined} onInput={(e) => set(e.currentTarget.value)} />
                : <input {...common} class="field" type="text" maxLength={120} onInput={(e) => set(e.currentTarget.value)} />}
            {id === 'who' && <small id={`desk-${id}-hint`}>{t(`desk.${id}_hint`)}</small>}
        </>
    );
}

function Form() {
    const [kind, setKind] = useState('phone');
    const [who, setWho] = useState('');
    const [what, setWhat] = useState('');
    const [reply, setReply] = useState('');
    const [error, setError] = useState('');
    const [taken, setTaken] = useState<Taken | null>(null);
    const client = useRef(crypto.randomUUID());
    const busy = useRef(false);

    async function submit(e: Event): Promise<void> {
        e.preventDefault();
        if (busy.current) return;
        setError('');
        if (!what.trim()) {
            setError(t('desk.empty'));
            document.getElementById('desk-what')?.focus();
            return;
        }
        busy.current = true;
        try {
            setTaken(await post<Taken>('/desk', { kind, who, what, reply, client_id: client.current }));
            client.current = crypto.randomUUID();
            setWho('');
            setWhat('');
            setReply('');
            trouble.value = null;
            document.getElementById('desk-who')?.focus();
        } catch (failed) { tell(failed); }
        busy.current = false;
    }
    const to = taken && { view: 'all', ticket: taken.number };
    return (
        <>
            <div role="status">{taken && to && <div class="boxw taken"><Icon name="circle-check" /><p>{t(taken.joined ? 'desk.joined' : 'desk.taken', { number: taken.number })}</p>
                <a class="btn" href={path(to)} onClick={(e) => { e.preventDefault(); go(to); }}>{t('desk.open')}<span class="sr"> {taken.number}</span></a></div>}</div>
            <form class="takedown" onSubmit={(e) => void submit(e)} noValidate aria-labelledby="desk-title">
                <fieldset><legend>{t('desk.kind')}</legend>
                    {kinds.map((k) => <label key={k}><input type="radio" name="desk-kind" value={k} checked={kind === k} onChange={() => setKind(k)} /><Icon name={channelIcon(k)} />{t(`channel.${k}`)}</label>)}
                </fieldset>
                <Field id="who" value={who} set={setWho} />
                <Field id="what" rows={6} value={what} set={setWhat} error={error} />
                <Field id="reply" rows={3} value={reply} set={setReply} />
                <button class="btn primary" type="submit">{t('desk.save')}</button>
            </form>
        </>
    );
}

function Line({ k }: { k: Task }) {
    const to = { view: 'all', ticket: k.ticket };
    const who = <span class="sr"> {k.ticket}</span>;
    return (
        <tr>
            <td><span><Icon name={k.kind === 'call' ? 'phone' : 'mailbox'} /> {t(`desk.${k.kind}`)}</span></td>
            <td><a href={path(to)} onClick={(e) => { e.preventDefault(); go(to); }}>{k.subject || t('ticket.no_subject')}</a><small>{k.ticket}</small></td>
            <td>{k.sender?.name}<small>{plainAddress(k.sender?.address)}</small></td>
            <td><time dateTime={k.created_at} title={full(k.created_at)}>{span(now.value - +new Date(k.created_at))}</time></td>
            <td class="do"><div>{k.kind === 'letter' && <a class="btn" href={href(`/desk/${encodeURIComponent(k.message)}/letter`)} target="_blank" rel="noopener">{t('desk.print')}{who}<span class="sr"> ({t('desk.print_tab')})</span></a>}
                <button class="btn" type="button" onClick={() => void settle(k, 'done')}>{t(`desk.${k.kind}_done`)}{who}</button>
                <button class="btn quiet" type="button" onClick={() => void settle(k, 'failed')}>{t(`desk.${k.kind}_failed`)}{who}</button></div></td>
        </tr>
    );
}

export function Desk() {
    useEffect(() => { const later = setTimeout(() => void load(), tasks.value ? 500 : 0); return () => clearTimeout(later); }, [stirred.value]);
    const list = tasks.value;
    return (
        <section class="wide" aria-labelledby="desk-title">
            <div class="bar"><h2 id="desk-title">{t('desk.title')}</h2></div>
            <Offline />{trouble.value && <Trouble />}
            <div class="page" tabIndex={0} role="group" aria-labelledby="desk-title">
                <Form />
                <h3 class="desk-tasks" id="desk-tasks" tabIndex={-1}>{t('desk.tasks')}</h3>
                {!list ? <Skeleton label={t('list.loading')} /> : list.length === 0 ? <p>{t('desk.none')}</p> : (
                    <table class="data"><thead><tr>{['task', 'request', 'to', 'age', 'do'].map((h) => <th key={h} scope="col">{t(`desk.${h}`)}</th>)}</tr></thead>
                        <tbody>{list.map((k) => <Line key={k.message} k={k} />)}</tbody></table>
                )}
            </div>
        </section>
    );
}
