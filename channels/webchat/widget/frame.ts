/* SPDX-License-Identifier: EUPL-1.2 */
// The conversation in the frame: views, field, boxes, talking with the page around. The line is wire.ts, the list log.ts.
import { $, icon, link, make, moment, press } from './dom';
import * as files from './files';
import * as log from './log';
import { place } from './place';
import { shared, tab } from './store';
import { count, easyRead, hush, label, language, names, opens, pick, say, speak, t, tag, until, type Key } from './texts';
import { palette } from './theme';
import { uuid, wire, type Draft, type Frame } from './wire';

type View = 'load' | 'notice' | 'talk' | 'ended';
const asked = new URLSearchParams(location.hash.slice(1));
const page = parent === window ? null : asked.get('origin');
const text = $<HTMLTextAreaElement>('text');
const dark = matchMedia('(prefers-color-scheme: dark)');

let config: Record<string, any> = {};
let number: string | null = null, agent = '', head = 0, top = 0, seen = 0, unread = 0, typedAt = 0;
let open = !page, started = false, closed = false, sendLater = false, fresh = true, people = true;
let nextOpen: Date | null = null, answerBy: Date | null = null;
let lineTimer = 0, typingTimer = 0, idleTimer = 0, mailTimer = 0, level = 0;
let net: 'up' | 'down' | 'refused' = 'up';

const line = wire({
    frame: take,
    newest: () => shared.get('token'),
    token(value) { if (value === null) lost(); else if (number || log.any()) shared.set('token', value); kept = value; },
    outbox(drafts) { tab.set('outbox', drafts.length ? JSON.stringify(drafts) : null); network(); },
    line(state) { net = state; if (state === 'up') files.resume(); network(); },
}, language);
let kept: string | null = null;

/* ---- the page around ---- */
function tell(draht: string, n?: number): void {
    if (page) parent.postMessage({ draht, n }, page);
}
addEventListener('message', (e) => {
    if (!page || e.origin !== page || e.source !== parent) return;
    const what = (e.data as { draht?: unknown } | null)?.draht;
    if (what === 'open') { open = true; unread = 0; focusIn(); readMark(); line.wake(); }
    if (what === 'close') open = false;
});
function focusIn(): void {
    const view = document.body.dataset.view;
    if (view === 'notice') $('before').focus();
    else if (view === 'talk') text.focus();
    else if (view === 'ended') $('doneh').focus();
}

/* ---- views and the head ---- */
function view(v: View): void {
    document.body.dataset.view = v;
    headline();
    offerMail();
}
function headline(): void {
    const v = document.body.dataset.view;
    const who = $('who');
    $('dot').classList.toggle('off', v === 'load' || v === 'ended' || (v === 'talk' && net !== 'up') || !people);
    if (v === 'load') say(who, 'connecting');
    else if (v === 'ended') say(who, 'over');
    else if (v === 'talk' && !line.isUp() && fresh) say(who, 'connecting');
    else if (v === 'talk' && net !== 'up') say(who, 'conn');
    else if (agent && people) { hush(who); who.textContent = agent; }
    else if (!people) say(who, 'nobody');
    else if (answerBy && +answerBy > Date.now()) say(who, 'by', () => until(answerBy!));
    else say(who, 'here');
    $('off').hidden = people;
    opens($('offh'), nextOpen);
}
function hours(f: Frame): void {
    if (typeof f.open === 'boolean') people = f.open;
    nextOpen = moment(f.next_open_at);
    if (f.t !== 'place') answerBy = moment(f.answer_by);
}

/** Says that the line is gone only when it stays gone: a short break is nobody's worry. */
function network(): void {
    clearTimeout(lineTimer);
    const show = (): void => {
        const box = $('net');
        const bad = started && net !== 'up' && document.body.dataset.view === 'talk';
        headline();
        if (!bad) return box.replaceChildren();
        const words: Key = line.waiting() ? 'nett' : 'netw';
        if (!box.firstChild) {
            const h = make('span'), p = make('p');
            say(h, 'net');
            say(p, words);
            box.append(make('div', 'dw-box warn', make('h2', '', icon('wifi-off'), h), p));
        } else say(box.querySelector('p')!, words);
        if (net === 'refused') fail('down', 'downt', true);
    };
    if (net === 'up') show();
    else lineTimer = window.setTimeout(show, $('net').firstChild ? 0 : 1500);
}
function fail(title: Key, words: Key, form = false, ...args: string[]): void {
    const h = make('span'), p = make('p'), row = make('div', 'dw-row');
    say(h, title);
    say(p, words, ...args);
    const box = make('div', 'dw-box bad', make('h2', '', icon('circle-alert'), h), p, row);
    box.setAttribute('role', 'alert');
    if (form) {
        const a = make('a', 'dw-b');
        a.href = 'form';
        a.target = '_blank';
        say(a, 'form');
        row.append(a);
    }
    const shut = press('', () => { calm(); text.focus(); });
    say(shut, 'close');
    row.append(shut);
    $('error').replaceChildren(box);
}
const calm = (): void => $('error').replaceChildren();

/* ---- frames of the gateway ---- */
function take(f: Frame): void {
    switch (f.t) {
    case 'welcome':
        head = Number(f.seq) || 0;
        number = f.number ?? number;
        agent = f.agent?.name ?? '';
        hours(f);
        fresh = false;
        settle();
        headline();
        offerMail();
        break;
    case 'ack':
        log.acked(f);
        top = Math.max(top, f.seq);
        if (f.number) number = f.number;
        if (kept) shared.set('token', kept);
        offerMail();
        break;
    case 'nack': refused(f); break;
    case 'message': message(f); break;
    case 'state': log.state(f); break;
    case 'read': log.readUpTo(f.seq); break;
    case 'typing': typing(f.on, f.name); break;
    case 'agent':
        if (f.name && f.name !== agent) log.note('joined', f.name);
        agent = f.name ?? '';
        headline();
        break;
    case 'place':
        hours(f);
        headline();
        place(f.before, people, nextOpen);
        break;
    case 'closed': number = f.number ?? number; finish(); break;
    case 'reopened': if (closed) { closed = false; view('talk'); } break;
    case 'upload_ticket': files.ticket(f.ticket); break;
    case 'error':
        if (f.code === 'rate') fail('rate', 'ratet');
        else fail('bad', 'badt', true);
        break;
    default: break;
    }
}
// What was said before is drawn first; only then does the list speak, so that nobody hears the whole history.
function settle(): void {
    if (top >= head) setTimeout(() => $('log').setAttribute('aria-live', 'polite'));
}
function message(f: Frame): void {
    const isNew = log.received(f);
    top = Math.max(top, f.seq);
    if (kept) shared.set('token', kept);
    settle();
    if (f.from === 'me' || !isNew) return;
    typing(false);
    clearTimeout(mailTimer);
    line.send({ t: 'got', seq: top });
    readMark();
    // The automatic receipt is no answer, and what was there at the start is not new.
    if (!open && f.seq > head && f.from === 'agent') tell('unread', ++unread);
}
function readMark(): void {
    if (!open || document.hidden || top <= seen || !line.isUp()) return;
    seen = top;
    line.send({ t: 'read', seq: top });
}
document.addEventListener('visibilitychange', readMark);

function typing(on: boolean, name?: string): void {
    clearTimeout(typingTimer);
    const p = $('typing');
    if (!on) return p.replaceChildren();
    typingTimer = window.setTimeout(typing, 6000, false);
    if (p.firstChild) return;
    const who = name || agent;
    const s = make('span');
    say(s, 'typing', () => who || t('office'));
    p.append(icon('pencil-line'), s);
}
function refused(f: Frame): void {
    if (f.code === 'unavailable') return;
    if (f.code === 'rate') return fail('rate', 'ratet');
    const was = log.refused(f.cid);
    if (!text.value) { text.value = was; typed(); }
    if (f.code === 'too_long') tooLong(was);
    else fail('bad', 'badt', true);
}
function lost(): void {
    shared.set('token', null);
    if (!log.any()) return;
    number = null;
    agent = '';
    head = top = seen = 0;
    log.clear();
    place();
    log.note('expired');
    for (const d of pending()) log.mine(d);
}

/* ---- writing ---- */
const limit = (): number => Number(config.text_max) || 4000;
const length = (s: string): number => [...s].length;
const tooLong = (s: string): void => fail('long', 'longt', false, count(length(s)), count(limit()));

function pending(): Draft[] {
    try { return JSON.parse(tab.get('outbox') ?? '[]') as Draft[]; } catch { return []; }
}
function typed(): void {
    text.style.height = 'auto';
    text.style.height = `${text.scrollHeight + 2}px`;
    if (started) tab.set('draft', text.value || null);
    const n = length(text.value), max = limit(), note = $('count');
    if (n < max * 0.8) hush(note);
    else say(note, 'count', count(n), count(max));
    note.classList.toggle('bad', n > max);
    const now = n > max ? 3 : n >= max * 0.95 ? 2 : n >= max * 0.8 ? 1 : 0;
    if (now > level) $('live').textContent = note.textContent;
    level = now;
}
function tellTyping(): void {
    clearTimeout(idleTimer);
    if (!text.value) return;
    if (Date.now() - typedAt > 3000 && line.send({ t: 'typing', on: true })) typedAt = Date.now();
    idleTimer = window.setTimeout(() => line.send({ t: 'typing', on: false }), 5000);
}
function submit(): void {
    // A lone half of a surrogate pair is no text any gateway could store.
    const words = text.value.replace(/\p{Cs}/gu, '\ufffd').trim();
    if (files.busy()) {
        sendLater = true;
        say($('live'), 'soon');
        return;
    }
    sendLater = false;
    const ready = files.ready();
    if (!words && !ready.length) return text.focus();
    if (length(words) > limit()) { tooLong(words); return text.focus(); }
    calm();
    clearTimeout(idleTimer);
    typedAt = 0;
    const d: Draft = { cid: uuid(), text: words, files: ready.map((f) => f.blob), shown: ready.map((f) => ({ name: f.name })) };
    log.mine(d);
    text.value = '';
    files.clear();
    typed();
    takeAddress(false);
    line.post(d);
    clearTimeout(mailTimer);
    mailTimer = window.setTimeout(() => { longWait = true; offerMail(); }, 180_000);
    text.focus();
}
text.addEventListener('input', () => { typed(); tellTyping(); });
text.addEventListener('keydown', (e) => {
    if (e.key !== 'Enter' || e.shiftKey || e.isComposing || matchMedia('(pointer: coarse)').matches) return;
    e.preventDefault();
    submit();
});
text.addEventListener('paste', (e) => {
    const got = e.clipboardData?.files;
    if (got?.length) { e.preventDefault(); files.add(got); }
});
$('write').onsubmit = (e) => { e.preventDefault(); submit(); };
$('attach').onclick = () => $('pick').click();
$('pick').onchange = () => { files.add([...($<HTMLInputElement>('pick').files ?? [])]); $<HTMLInputElement>('pick').value = ''; text.focus(); };

/* ---- email ---- */
let longWait = false, given = false;
function offerMail(): void {
    $('mail').hidden = given || closed || (people && !longWait);
}
function takeAddress(strict: boolean): void {
    const field = $<HTMLInputElement>('address');
    const address = field.value.trim();
    const good = field.checkValidity() && address.length <= 254;
    if ($('mail').hidden || (!address && !strict)) return;
    field.setAttribute('aria-invalid', String(!good || !address));
    if (!good || !address) { say($('mailbad'), 'mailbad'); if (strict) field.focus(); return; }
    hush($('mailbad'));
    if (!line.send({ t: 'email', address })) return;
    given = true;
    log.note('mailok', address);
    offerMail();
    if (strict) text.focus();
}
$('mail').onsubmit = (e) => { e.preventDefault(); takeAddress(true); };

/* ---- end, feedback, taking along ---- */
function finish(): void {
    closed = true;
    $('number').hidden = !number;
    if (number) {
        const n = number;
        say($('num'), 'number', n);
        link($<HTMLAnchorElement>('status'), config.status_url && String(config.status_url).replace('{number}', encodeURIComponent(n)));
    }
    const inField = document.activeElement === text;
    view('ended');
    if (inField) $('doneh').focus({ preventScroll: true });
    $('done').querySelector('.dw-box')!.scrollIntoView({ block: 'nearest' });
}
function save(): void {
    const a = make('a');
    a.href = URL.createObjectURL(new Blob([log.transcript(number)], { type: 'text/plain;charset=utf-8' }));
    a.download = `chat${number ? `-${number}` : ''}.txt`;
    a.click();
    setTimeout(() => URL.revokeObjectURL(a.href), 60_000);
}
function forget(): void {
    line.stop();
    started = false;
    closed = false;
    kept = null;
    number = null;
    agent = '';
    given = false;
    head = top = seen = 0;
    fresh = true;
    for (const key of ['draft', 'outbox']) tab.set(key, null);
    for (const key of ['token', 'lang']) shared.set(key, null);
    log.clear();
    place();
    text.value = '';
    files.clear();
    $<HTMLFormElement>('rate').hidden = false;
    $<HTMLFormElement>('rate').reset();
    hush($('thanks'));
    view('notice');
    focusIn();
}
$('rate').onsubmit = (e) => {
    e.preventDefault();
    const form = $<HTMLFormElement>('rate');
    const answer = new FormData(form).get('r');
    const first = form.querySelector('input')!;
    if (!answer) { say($('ratebad'), 'choose'); return first.focus(); }
    hush($('ratebad'));
    line.send({ t: 'feedback', answer, text: $<HTMLTextAreaElement>('better').value.trim() });
    form.hidden = true;
    say($('thanks'), 'thanks');
    $('more').focus();
};
$('more').onclick = () => { closed = false; view('talk'); text.focus(); };
$('forget').onclick = forget;
$('save').onclick = $('save2').onclick = () => { shut(); save(); };
$('person').onclick = () => { shut(); if (line.send({ t: 'person' })) log.note('persons'); text.focus(); };
$('end').onclick = () => {
    shut();
    if (!log.any()) { forget(); return tell('minimise'); }
    line.send({ t: 'end' });
    finish();
    $('doneh').focus();
};

/* ---- menus, language ---- */
const menus: [string, string][] = [['lang', 'langs'], ['menu', 'menus']];
/** Closes the menus; true when one was open. */
function shut(): boolean {
    let was = false;
    for (const [b, m] of menus) {
        if (!$(m).hidden) { was = true; $(b).focus(); }
        $(m).hidden = true;
        $(b).setAttribute('aria-expanded', 'false');
    }
    return was;
}
for (const [b, m] of menus)
    $(b).onclick = () => {
        const show = $(m).hidden;
        shut();
        if (!show) return;
        $(m).hidden = false;
        $(b).setAttribute('aria-expanded', 'true');
        $(m).querySelector('button')?.focus();
    };
addEventListener('keydown', (e) => {
    if (e.key !== 'Escape' || e.isComposing || shut()) return;
    tell('minimise');
});
$('small').hidden = !page;
$('small').onclick = () => tell('minimise');

function langButton(l: string, cls: string): HTMLButtonElement {
    const b = press('', () => { const had = document.body.dataset.view; shut(); void choose(l).then(() => { if (had === 'notice') $('before').focus(); }); }, cls);
    b.textContent = names[l]!;
    b.lang = l === 'en' ? 'en' : 'de';
    return b;
}
function spoken(): string[] {
    const list = (Array.isArray(config.languages) ? config.languages as string[] : []).map((l) => pick(l));
    return [...new Set(list.length ? list : ['de', 'de-easy', 'en'])];
}
async function choose(l: string): Promise<void> {
    await speak(l);
    const list = spoken();
    $('langs').replaceChildren(...list.map((x) => {
        const b = langButton(x, '');
        if (x === language()) b.setAttribute('aria-current', 'true');
        return make('li', '', b);
    }));
    $('beside').replaceChildren(...list.filter((x) => x !== language()).map((x) => langButton(x, 'dw-b')));
    link($<HTMLAnchorElement>('sign'), easyRead() ? config.sign_url : null);
    document.title = `${t('chat')}${config.city ? ` – ${config.city}` : ''}`;
    typed();
    if (!started) return;
    shared.set('lang', language());
    line.send({ t: 'lang', lang: language() });
}

/* ---- beginning ---- */
function paint(): void {
    const c = (config.colors ?? {}) as Record<string, any>;
    const theme = document.documentElement.dataset.theme;
    const night = theme ? theme === 'dark' : dark.matches;
    const own = night && c.dark ? c.dark : c;
    const set = palette(own.action, own.on_action ?? own['on-action'], night) ?? {};
    for (const role of ['action', 'action-hover', 'on-action', 'action-soft'])
        if (set[role]) document.documentElement.style.setProperty(`--d-${role}`, set[role]);
        else document.documentElement.style.removeProperty(`--d-${role}`);
}
dark.addEventListener('change', paint);

function start(): void {
    started = true;
    view('talk');
    text.value = tab.get('draft') ?? '';
    typed();
    const drafts = pending();
    line.start();
    for (const d of drafts) { log.mine(d); line.post(d); }
}
$('begin').onclick = () => { start(); log.note('hello'); text.focus(); };

async function load(): Promise<void> {
    calm();
    try {
        const answer = await fetch('config', { credentials: 'omit' });
        if (!answer.ok) throw new Error(String(answer.status));
        config = await answer.json();
    } catch {
        fail('down', 'downt', true);
        const again = press('', () => void load(), 'dw-b go');
        say(again, 'again');
        $('error').querySelector('.dw-row')!.replaceChildren(again, $('error').querySelector('a')!);
        say($('who'), 'conn');
        return tell('ready');
    }
    hours(config as Frame);
    const phone = String(config.phone || '115');
    $<HTMLAnchorElement>('call').href = `tel:${phone.replace(/[^\d+]/g, '')}`;
    say($('calls'), 'call', phone);
    link($<HTMLAnchorElement>('privacy'), config.privacy_url);
    if (config.accessibility_url) link($<HTMLAnchorElement>('barrier'), config.accessibility_url);
    if (config.retention_days) say($('n2'), 'n2', String(config.retention_days));
    else say($('n2'), 'n2x');
    $('attach').hidden = config.upload?.count === 0;
    files.setup(config.upload, () => line.send({ t: 'upload' }), () => { if (sendLater && !files.busy()) submit(); });
    paint();
    await choose(language());
    if (shared.get('token')) start();
    else view('notice');
    tell('ready');
}
const theme = asked.get('theme');
log.follow();
if (theme) document.documentElement.dataset.theme = theme;
for (const el of document.querySelectorAll<HTMLElement>('[data-s]')) say(el, el.dataset.s as Key);
for (const el of document.querySelectorAll<HTMLElement>('[data-a]')) label(el, 'aria-label', el.dataset.a as Key);
label(text, 'placeholder', 'yours');
say($('calls'), 'call', '115');
document.documentElement.lang = tag();
void speak(shared.get('lang') ?? asked.get('lang') ?? navigator.language).then(load);
