// SPDX-License-Identifier: EUPL-1.2
// A mail's HTML: sanitised by DOMPurify (loaded with the first such mail), remote content taken out and counted,
// shown in a frame without scripts, origin, forms or net. Its links are listed below the frame with their real address.
import { useEffect, useState } from 'preact/hooks';
import { messagePath, text } from '../shared/api';
import { t } from '../shared/i18n';
import type { Message } from '../shared/types';
import { Skeleton } from './boxes';
import { errorText } from './store';

interface Cleaned { page: string; remote: number; links: string[] }
const loads = ['src', 'srcset', 'background', 'poster', 'data', 'xlink:href'];

async function clean(dirty: string): Promise<Cleaned> {
    const { default: purify } = await import('dompurify');
    let remote = 0;
    const links = new Set<string>();
    purify.removeAllHooks();
    purify.addHook('afterSanitizeAttributes', (node) => {
        for (const name of loads) {
            const value = node.getAttribute(name);
            if (value === null || /^data:image\/(png|jpeg|gif|webp);/i.test(value)) continue;
            if (!/^cid:/i.test(value)) remote++;
            node.removeAttribute(name);
        }
        const to = node.getAttribute('href');
        if (to !== null) {
            if (/^https?:/i.test(to)) links.add(to);
            node.removeAttribute('href');
        }
    });
    const body = purify.sanitize(dirty, {
        USE_PROFILES: { html: true },
        FORBID_TAGS: ['style', 'link', 'meta', 'base', 'form', 'input', 'button', 'textarea', 'select', 'iframe', 'object', 'embed', 'video', 'audio', 'source', 'dialog', 'map', 'area'],
        FORBID_ATTR: ['style', 'class', 'id', 'name', 'target', 'ping', 'action', 'formaction', 'autofocus', 'tabindex', 'popover'],
    });
    const policy = "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'";
    const page = `<!doctype html><meta http-equiv="Content-Security-Policy" content="${policy}"><meta name="referrer" content="no-referrer"><title>-</title><font face="sans-serif">${body}</font>`;
    return { page, remote, links: [...links].slice(0, 50) };
}

export function MailHtml({ m }: { m: Message }) {
    const [shown, setShown] = useState<Cleaned | null>(null);
    const [error, setError] = useState('');
    useEffect(() => {
        let here = true;
        text(messagePath(m.id, 'html')).then(clean).then((c) => { if (here) setShown(c); }, (e: unknown) => { if (here) setError(errorText(e)); });
        return () => { here = false; };
    }, [m.id]);
    if (error) return <p role="alert">{error}</p>;
    if (!shown) return <Skeleton label={t('mail.loading')} />;
    return (
        <>
            {shown.remote > 0 && <p class="removed" role="status">{t('mail.removed', { n: shown.remote })}</p>}
            <iframe class="mail" sandbox="" referrerpolicy="no-referrer" srcdoc={shown.page} title={t('mail.frame', { name: m.author.name })} />
            {shown.links.length > 0 && <details class="fold links"><summary>{t('mail.links', { n: shown.links.length })}</summary>
                <ul>{shown.links.map((l) => <li key={l}><a href={l} target="_blank" rel="noopener noreferrer">{l}</a></li>)}</ul></details>}
        </>
    );
}
