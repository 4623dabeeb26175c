// SPDX-License-Identifier: EUPL-1.2
// Files of the composer: upload with progress and cancel, refusals in words.
import { useRef, useState } from 'preact/hooks';
import { ApiError, upload } from '../shared/api';
import { bytes, t } from '../shared/i18n';
import type { Upload } from '../shared/types';
import { Icon } from './icon';
import { errorText, say, settings } from './store';

interface Running { key: number; name: string; part: number; error: string; stop: AbortController }
export interface Uploads { running: Running[]; failed: Running[]; start: (f: File) => void; drop: (key: number) => void }

export function useUploads(done: (u: Upload) => void): Uploads {
    const [all, setAll] = useState<Running[]>([]);
    const last = useRef(0);
    const finish = useRef(done);
    finish.current = done;
    const set = (key: number, part: Partial<Running>): void => setAll((l) => l.map((r) => (r.key === key ? { ...r, ...part } : r)));
    const drop = (key: number): void => setAll((l) => { l.find((r) => r.key === key)?.stop.abort(); return l.filter((r) => r.key !== key); });

    async function run(f: File, r: Running): Promise<void> {
        try {
            finish.current(await upload<Upload>(f, (part) => set(r.key, { part }), r.stop.signal));
            say(t('upload.done', { name: f.name }));
            drop(r.key);
        } catch (e) {
            if (!(e instanceof ApiError && e.code === 'stopped')) set(r.key, { error: errorText(e) });
        }
    }
    function start(f: File): void {
        const max = settings.value?.attachment_max_bytes ?? 0;
        const r: Running = { key: ++last.current, name: f.name, part: 0, stop: new AbortController(),
            error: max && f.size > max ? t('upload.too_big', { size: bytes(f.size), max: bytes(max) }) : '' };
        setAll((l) => [...l, r]);
        if (!r.error) void run(f, r);
    }
    return { running: all.filter((r) => !r.error), failed: all.filter((r) => r.error), start, drop };
}

const X = ({ label, run }: { label: string; run: () => void }) =>
    <button class="btn quiet icon" type="button" aria-label={label} title={label} onClick={run}><Icon name="x" /></button>;

export function Attachments({ files, up, remove }: { files: Upload[]; up: Uploads; remove: (i: number) => void }) {
    if (!files.length && !up.running.length && !up.failed.length) return null;
    return (
        <ul class="uploads" aria-label={t('upload.label')}>
            {files.map((f, i) => <li key={f.blob}><Icon name="paperclip" /><span>{f.name}</span><small>{bytes(f.length)}</small><X label={t('upload.remove', { name: f.name })} run={() => remove(i)} /></li>)}
            {up.running.map((r) => <li key={r.key}><Icon name="loader" /><span>{r.name}</span><progress max={1} value={r.part} aria-label={r.name} /><X label={t('upload.cancel', { name: r.name })} run={() => up.drop(r.key)} /></li>)}
            {up.failed.map((r) => <li key={r.key} class="bad"><Icon name="circle-alert" /><span role="alert">{r.name}: {r.error}</span><X label={t('upload.remove', { name: r.name })} run={() => up.drop(r.key)} /></li>)}
        </ul>
    );
}
