// SPDX-License-Identifier: EUPL-1.2
// The composer: reply or note, draft, attachments, limits, warnings before sending, named contact, sending with undo.
import { useEffect, useRef, useState } from 'preact/hooks';
import { post } from '../shared/api';
import { bytes, t } from '../shared/i18n';
import { brief, now, span } from '../shared/time';
import type { Channel, Message, Ticket, Upload } from '../shared/types';
import { takeIt } from './actions';
import { Attachments, useUploads } from './attachments';
import { bringBack, emptyDraft, keepDraft, readDraft, rememberSent, restored, type Draft } from './draft';
import { fileFault, fileHint } from './file_limits';
import { channelIcon, Icon } from './icon';
import { writing } from './live';
import { Menu } from './menu';
import { palette } from './palette';
import { channelWord } from './row';
import { errorText, me, offerUndo, offline, say, settings, undo } from './store';
import { plainAddress } from './text';
import { lateHint, textHint, type Hint } from './text_limits';
import { defaultVia, isSms, ViaFields, viaChannels } from './via';
import { act, change, composing, overtaken, takeItem } from './ticket_store';

type After = 'closed' | 'waiting' | null;
const mentions = /\b(anhang|angehängt|beigefügt|anlage|attach(ed|ment)|enclosed)\b/i;
const typing_ms = 4000;

function useDraft(k: Ticket): [Draft, (d: Partial<Draft>) => void, boolean] {
    const [draft, set] = useState<Draft>(() => readDraft(k.number));
    const [kept, setKept] = useState(false);
    const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
    const latest = useRef(draft);
    latest.current = draft;
    const back = restored.value;
    useEffect(() => { if (back) set(readDraft(k.number)); }, [back]);
    useEffect(() => () => { clearTimeout(timer.current); keepDraft(k.number, latest.current); composing.on = false; }, []);
    const update = (part: Partial<Draft>): void => {
        const next = { ...latest.current, ...part };
        latest.current = next;
        set(next);
        setKept(false);
        composing.on = next.kind === 'reply' && next.text.trim() !== '';
        clearTimeout(timer.current);
        timer.current = setTimeout(() => setKept(keepDraft(k.number, latest.current)), 400);
    };
    return [draft, update, kept];
}

const levels = { '': null, warn: 'triangle-alert', bad: 'circle-alert' } as const;
function Told({ hint }: { hint: Hint | null }) {
    if (!hint) return null;
    const icon = levels[hint.level];
    return <span class={hint.level}>{icon && <Icon name={icon} />}{hint.words}</span>;
}

/** A provider that lets us answer freely only for some hours after the citizen wrote; afterwards only what it allows specially. */
function Window({ k, channel, draft }: { k: Ticket; channel: Channel | undefined; draft: Draft }) {
    const hours = channel?.reply_window_hours ?? 0;
    if (!hours || !k.last_in_at) return null;
    const end = +new Date(k.last_in_at) + hours * 3_600_000;
    const left = end - now.value;
    if (left < 0) return <Told hint={lateHint(channel, draft.text, draft.files.length)} />;
    return <span class={left < 3 * 3_600_000 ? 'warn' : ''}><Icon name="clock-3" />{t('limit.window', { left: span(left), time: brief(new Date(end).toISOString()) })}</span>;
}

function Sign({ k }: { k: Ticket }) {
    const q = settings.value?.queues.find((x) => x.id === k.queue);
    if (!q && !k.assignee) return null;
    const name = k.assignee_name || me.value?.name;
    return (
        <div class="sign i-s"><Icon name="id-card" /><p>{[name, q?.name].filter(Boolean).join(', ')}{q?.contact && <span>, {q.contact}</span>}</p>
            <button class="btn link" type="button" onClick={() => palette('assignee')}>{t('sign.change')}</button></div>
    );
}

export function Composer({ k }: { k: Ticket }) {
    const [draft, update, kept] = useDraft(k);
    const [problem, setProblem] = useState<'contact' | 'long' | 'file' | 'empty' | 'failed' | 'no_files' | 'files' | 'address' | null>(null);
    const [why, setWhy] = useState('');
    const [sending, setSending] = useState(false);
    const [switching, setSwitching] = useState(false);
    const field = useRef<HTMLTextAreaElement>(null);
    const picker = useRef<HTMLInputElement>(null);
    const asked = useRef(false);
    const typed = useRef(0);
    const up = useUploads((u: Upload) => update({ files: [...readFiles.current, u] }));
    const readFiles = useRef(draft.files);
    readFiles.current = draft.files;

    const note = draft.kind === 'note';
    const via = draft.via === undefined ? defaultVia(k) : draft.via;
    const channel = settings.value?.channels.find((c) => c.id === (via?.channel ?? k.channel));
    const type = channel?.type ?? k.channel_type;
    const told = textHint(draft.text, channel, isSms(type));
    const takesFiles = note || !channel?.caps || channel.caps.includes('attachments');
    const limits = note || !takesFiles ? undefined : channel?.files;
    const filesHint = limits ? fileHint(limits, settings.value?.attachment_max_bytes ?? 0) : '';
    const filesFault = limits ? fileFault(limits, draft.files) : null;
    const other = overtaken.value;
    const off = !!offline.value;
    const blocks = (settings.value?.text_blocks ?? []).filter((b) => !b.queue || b.queue === k.queue);
    const who = k.sender.name || plainAddress(k.sender.address) || t('row.guest');

    function input(text: string): void {
        update({ text });
        if (problem) setProblem(null);
        if (draft.kind === 'note') return;
        if (Date.now() - typed.current > typing_ms) {
            typed.current = Date.now();
            writing(k.number, text !== '');
            void post(`/tickets/${encodeURIComponent(k.number)}/typing`, { on: text !== '' }).catch(() => undefined);
        }
    }
    function halted(): typeof problem {
        if (!draft.text.trim() && !draft.files.length) return 'empty';
        if (note) return null;
        if (!k.assignee && !k.queue) return 'contact';
        if (via && !via.to.trim()) return 'address';
        if (!takesFiles && draft.files.length) return 'no_files';
        if (filesFault) return 'files';
        if (told?.level === 'bad') return 'long';
        if (!asked.current && mentions.test(draft.text) && !draft.files.length) { asked.current = true; return 'file'; }
        return null;
    }
    async function send(after: After): Promise<void> {
        if (sending || off || up.running.length) return;
        const stop = halted();
        setProblem(stop);
        if (stop === 'contact') requestAnimationFrame(() => document.getElementById('choose-contact')?.focus());
        if (stop) return;
        const what = { ...draft, via };
        setSending(true);
        try {
            const m = await post<Message>(`/tickets/${encodeURIComponent(k.number)}/messages`,
                { kind: what.kind, text: what.text.trim(), attachments: what.files, close: after === 'closed', client_id: crypto.randomUUID(),
                    ...(via && what.kind === 'reply' ? { channel: via.channel, recipient: via.to.trim() } : {}) });
            asked.current = false;
            rememberSent(m.id, what);
            update({ ...emptyDraft(), kind: 'reply' });
            keepDraft(k.number, emptyDraft());
            takeItem(k.number, m);
            writing(k.number, false);
            const until = m.delivery?.undo_until ? +new Date(m.delivery.undo_until) : 0;
            if (after === 'waiting') await change({ state: 'waiting' }, t('done.changed'));
            if (until > Date.now()) offerUndo(t('undo.sending', { name: who }), until, async () => { if (await act(m, 'undo')) { bringBack(m); field.current?.focus(); } }, true);
            else if (what.kind === 'note') { undo.value = null; say(t('say.note')); }
            document.getElementById('thread')?.focus();
        } catch (e) {
            setWhy(errorText(e));
            setProblem('failed');
        }
        setSending(false);
    }
    /** A text block at the cursor, its places filled in. */
    function insert(words: string): void {
        const office = settings.value?.queues.find((x) => x.id === k.queue)?.name ?? '';
        const text = words.trimEnd().replaceAll('{name}', k.sender.name || t('row.guest')).replaceAll('{number}', k.number).replaceAll('{office}', office);
        const at = field.current?.selectionStart ?? draft.text.length;
        input(draft.text.slice(0, at) + text + draft.text.slice(field.current?.selectionEnd ?? at));
        requestAnimationFrame(() => { field.current?.focus(); field.current?.setSelectionRange(at + text.length, at + text.length); });
    }
    function look(): void {
        const m = document.getElementById(`m-${other!.n}`);
        overtaken.value = null;
        m?.scrollIntoView({ block: 'center' });
        m?.focus();
    }
    function keys(e: KeyboardEvent): void {
        if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) { e.preventDefault(); if (other) look(); else void send(e.shiftKey && !note ? 'closed' : null); }
        else if (e.key === 'Escape') { e.preventDefault(); e.stopPropagation(); document.getElementById('thread')?.focus(); }
    }
    const add = (list: FileList | null | undefined): void => { for (const f of list ?? []) up.start(f); if (picker.current) picker.current.value = ''; };

    return (
        <form class={note ? 'compose memo-c' : 'compose'} aria-label={t(note ? 'compose.note' : 'compose.reply')} onSubmit={(e) => { e.preventDefault(); void send(null); }}
            onDragOver={(e) => e.preventDefault()} onDrop={(e) => { e.preventDefault(); add(e.dataTransfer?.files); }}>
            <div class="to">
                <fieldset class="tabs"><legend class="sr">{t('compose.kind')}</legend>
                    <label><input type="radio" name="kind" id="kind-reply" checked={!note} onChange={() => update({ kind: 'reply' })} /><Icon name="reply" />{t('compose.tab_reply')}</label>
                    <label><input type="radio" name="kind" id="kind-note" checked={note} onChange={() => update({ kind: 'note' })} /><Icon name="sticky-note" />{t('compose.tab_note')}</label>
                </fieldset>
                {!note && <span class="addr i-s"><Icon name={channelIcon(type)} /><span>{via ? via.to || channelWord(type) : plainAddress(k.sender.address) || channelWord(type)}</span>
                    {(via || viaChannels(k).length > 0) && <button class="btn link" type="button" aria-expanded={switching} aria-controls="via" onClick={() => setSwitching(!switching)}>{t('via.switch')}</button>}</span>}
            </div>
            {!note && switching && <ViaFields k={k} via={via} set={(v) => update({ via: v })} />}
            <label class="sr" for="reply">{note ? t('compose.note_label') : t('compose.label', { name: who, channel: channelWord(type) })}</label>
            <textarea id="reply" ref={field} value={draft.text} aria-describedby="hints" lang={note ? undefined : k.language || undefined} onInput={(e) => input(e.currentTarget.value)} onKeyDown={keys}
                onPaste={(e) => { if (e.clipboardData?.files.length) { e.preventDefault(); add(e.clipboardData.files); } }} />
            <div class="hints" id="hints" role="status">{!note && <><Told hint={told} />{!via && <Window k={k} channel={channel} draft={draft} />}{!takesFiles && <span>{t('limit.no_files', { channel: channelWord(type) })}</span>}
                {(filesFault ?? filesHint) && <span class={filesFault ? 'bad' : ''}>{filesFault && <Icon name="circle-alert" />}{filesFault ?? filesHint}</span>}</>}</div>
            <Attachments files={draft.files} up={up} remove={(i) => update({ files: draft.files.toSpliced(i, 1) })} />
            {other && !note && <div class="boxw" role="status"><Icon name="users-round" /><p><b>{t(other.direction === 'out' ? 'compose.overtaken' : 'compose.newer', { name: other.author.name })}</b> {t('compose.kept')}</p></div>}
            {problem === 'contact' && <div class="boxw bad" role="alert"><Icon name="circle-alert" /><p><b>{t('compose.who')}</b> {t('compose.who_do')}</p>
                <button class="btn" type="button" onClick={() => void takeIt().then((ok) => ok && setProblem(null))}>{t('act.take')}</button>
                <button class="btn" id="choose-contact" type="button" onClick={() => { setProblem(null); palette('queue'); }}>{t('compose.choose')}</button></div>}
            {problem && problem !== 'contact' && <div class={problem === 'file' ? 'boxw' : 'boxw bad'} role="alert"><Icon name={problem === 'file' ? 'paperclip' : 'circle-alert'} />
                <p>{problem === 'failed' ? `${why} ${t('compose.kept')}` : problem === 'files' ? filesFault : problem === 'long' ? `${told?.words ?? ''}. ${t('compose.stop.long')}` : t(`compose.stop.${problem}`)}</p></div>}
            {!note && <Sign k={k} />}
            <div class="foot">
                <input ref={picker} class="sr" id="file" type="file" multiple tabIndex={-1} aria-hidden="true" onChange={(e) => add(e.currentTarget.files)} />
                <button class="btn quiet icon" type="button" aria-label={t('compose.attach')} title={`${t('compose.attach')} (${bytes(settings.value?.attachment_max_bytes ?? 0)})`} onClick={() => picker.current?.click()}><Icon name="paperclip" /></button>
                {!note && blocks.length > 0 && <Menu up label={t('compose.blocks')} button={<Icon name="file-text" />} items={blocks.map((b) => ({ text: b.name, run: () => insert(b.text) }))} />}
                <span class="saved">{off ? t('compose.offline') : note ? t('compose.private') : kept && draft.text ? t('compose.saved') : ''}</span>
                {other && !note ? <button class="btn primary" type="button" onClick={look}><Icon name="eye" />{t('compose.look')}</button>
                    : note ? <button class="btn primary" type="submit" aria-disabled={off || sending}><Icon name="check" />{t('compose.save_note')}</button>
                        : <span class="split"><button class="btn primary" type="submit" aria-disabled={off || sending}><Icon name="send-horizontal" />{t(sending ? 'compose.sending' : 'compose.send')}</button>
                            <Menu up label={t('compose.more')} class="btn primary" button={<Icon name="chevron-down" />} items={[
                                { text: t('compose.send_close'), icon: 'check', run: () => void send('closed') },
                                { text: t('compose.send_wait'), icon: 'hourglass', run: () => void send('waiting') },
                            ]} /></span>}
            </div>
        </form>
    );
}
