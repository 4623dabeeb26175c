/* SPDX-License-Identifier: EUPL-1.2 */
// The one script a city puts on its page: a button in a shadow root. The first click makes the frame with the conversation.
// Before the click nothing is stored and nothing is asked of any server; the styles need no permission from the page's CSP.
import { answers as ansDe, chat as chatDe, frame as frameDe } from './locale/de.json';
import { answers as ansEasy, chat as chatEasy, frame as frameEasy } from './locale/de-easy.json';
import { answers as ansEn, chat as chatEn, frame as frameEn } from './locale/en.json';
import { palette } from './theme';
import css from './draht.css';

type Words = { chat: string; frame: string; answers: string[] };
const words: Record<string, Words> = {
    de: { chat: chatDe, frame: frameDe, answers: ansDe }, en: { chat: chatEn, frame: frameEn, answers: ansEn },
    'de-easy': { chat: chatEasy, frame: frameEasy, answers: ansEasy },
};
const script = (document.currentScript ?? document.querySelector('script[data-channel][src*="draht.js"]')) as HTMLScriptElement | null;

function begin(tag: HTMLScriptElement): void {
    if (document.querySelector('draht-chat')) return;
    const { channel = 'chat', theme = '', color, onColor } = tag.dataset;
    const wish = (tag.dataset.lang ?? document.documentElement.lang ?? '').toLowerCase();
    const lang = words[wish] ? wish : !wish || wish.startsWith('de') ? 'de' : 'en';
    const w = words[lang]!;
    const address = new URL(/\/widget\/[^/]*$/.test(tag.src) ? `../channels/${encodeURIComponent(channel)}/frame` : 'frame', tag.src);
    address.search = '';
    address.hash = new URLSearchParams({ origin: location.origin, lang, theme }).toString();

    const host = document.createElement('draht-chat');
    const root = host.attachShadow({ mode: 'open' });
    const make = <K extends keyof HTMLElementTagNameMap>(name: K, cls: string): HTMLElementTagNameMap[K] => {
        const el = document.createElement(name);
        el.className = cls;
        return el;
    };
    const aside = make('aside', 'dw');
    aside.setAttribute('aria-label', w.chat);
    aside.lang = lang === 'en' ? 'en' : 'de';
    if (theme) aside.dataset.theme = theme;
    const button = make('button', 'dw-open');
    button.type = 'button';
    button.setAttribute('aria-expanded', 'false');
    button.setAttribute('aria-controls', 'p');
    const icon = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    icon.setAttribute('viewBox', '0 0 24 24');
    icon.setAttribute('aria-hidden', 'true');
    const path = document.createElementNS(icon.namespaceURI, 'path');
    path.setAttribute('d', 'M3 16.3a2 2 0 0 1 .1 1.2l-1.1 3.3a1 1 0 0 0 1.2 1.2l3.4-1a2 2 0 0 1 1.1.1 10 10 0 1 0-4.8-4.7');
    icon.append(path);
    const name = make('span', '');
    name.textContent = w.chat;
    button.append(icon, name);
    const panel = make('div', 'dw-panel');
    panel.id = 'p';
    panel.hidden = true;
    const spoken = make('p', 'sr');
    spoken.setAttribute('role', 'status');
    aside.append(button, panel, spoken);
    dress(root, aside, color, onColor, theme);
    root.append(aside);
    (document.body ?? document.documentElement).append(host);

    let frame: HTMLIFrameElement | null = null;
    let ready = false, open = false, quiet: Element[] = [];
    const small = matchMedia('(max-width: 479.98px), (max-height: 479.98px)');
    const tell = (what: string): void => { if (ready) frame?.contentWindow?.postMessage({ draht: what }, address.origin); };

    // On a phone the chat is the whole screen, so the page behind it must not be reached by keys or read out.
    function cover(): void {
        const modal = open && small.matches;
        for (const el of quiet) el.removeAttribute('inert');
        quiet = modal ? [...document.body.children].filter((el) => el !== host && !el.hasAttribute('inert')) : [];
        for (const el of quiet) el.setAttribute('inert', '');
        document.documentElement.style.overflow = modal ? 'hidden' : '';
        for (const [k, v] of [['role', 'dialog'], ['aria-modal', 'true'], ['aria-label', w.chat]] as const)
            if (modal) panel.setAttribute(k, v);
            else panel.removeAttribute(k);
    }
    function show(on: boolean): void {
        if (open === on) return;
        open = on;
        panel.hidden = !on;
        button.hidden = on;
        button.setAttribute('aria-expanded', String(on));
        cover();
        if (on) {
            name.textContent = w.chat;
            spoken.textContent = '';
            if (!frame) load();
            frame?.focus();
        } else button.focus();
        tell(on ? 'open' : 'close');
    }
    function load(): void {
        frame = make('iframe', '');
        frame.title = w.frame;
        frame.allow = '';
        frame.referrerPolicy = 'no-referrer';
        frame.src = address.href;
        panel.append(frame);
    }
    button.addEventListener('click', () => show(true));
    root.addEventListener('keydown', (e) => { if ((e as KeyboardEvent).key === 'Escape') show(false); });
    small.addEventListener('change', cover);
    addEventListener('message', (e) => {
        if (!frame || e.origin !== address.origin || e.source !== frame.contentWindow) return;
        const said = e.data as { draht?: unknown; n?: unknown };
        if (said?.draht === 'ready') { ready = true; tell(open ? 'open' : 'close'); }
        if (said?.draht === 'minimise') show(false);
        if (said?.draht === 'unread' && typeof said.n === 'number' && !open) {
            name.textContent = said.n < 1 ? w.chat : said.n === 1 ? w.answers[0]! : w.answers[1]!.replace('{0}', String(said.n));
            spoken.textContent = said.n < 1 ? '' : name.textContent;
        }
    });
    // What the page has in focus must stay visible: the button gives way.
    document.addEventListener('focusin', (e) => {
        const el = e.target as Element;
        if (el === host || open) return;
        aside.classList.remove('left');
        const hit = (): boolean => {
            const a = el.getBoundingClientRect(), b = button.getBoundingClientRect();
            return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
        };
        if (hit()) aside.classList.add('left');
        if (hit()) scrollBy(0, el.getBoundingClientRect().bottom - button.getBoundingClientRect().top + 8);
    });
}

function dress(root: ShadowRoot, aside: HTMLElement, color?: string, onColor?: string, theme?: string): void {
    try {
        const sheet = new CSSStyleSheet();
        sheet.replaceSync(css);
        root.adoptedStyleSheets = [sheet];
    } catch {
        const style = document.createElement('style');
        style.textContent = css;
        root.append(style);
    }
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const paint = (): void => {
        const set = palette(color, onColor, theme ? theme === 'dark' : dark.matches) ?? {};
        for (const role of ['action', 'action-hover', 'on-action'])
            if (set[role]) aside.style.setProperty(`--d-${role}`, set[role]);
            else aside.style.removeProperty(`--d-${role}`);
    };
    dark.addEventListener('change', paint);
    paint();
}

if (script) {
    if (document.body) begin(script);
    else addEventListener('DOMContentLoaded', () => begin(script));
}
