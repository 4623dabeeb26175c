// SPDX-License-Identifier: EUPL-1.2
// Asks for a channel's log again and again while the page can be seen: one request at a time, none while paused or hidden.
import { useEffect, useState } from 'preact/hooks';
import { ApiError, get } from '../shared/api';
import type { LogLine } from './log_lines';
import { me } from './store';

const every_ms = 3000;
const lines_max = 500;
export interface Log { lines: LogLine[] | null; trouble: '' | 'forbidden' | 'gone' | 'failed'; again: () => void }

function troubleOf(e: unknown): Log['trouble'] {
    const status = e instanceof ApiError ? e.status : 0;
    if (status === 401) me.value = null;
    return status === 403 ? 'forbidden' : status === 404 ? 'gone' : 'failed';
}

export function useLog(id: string, paused: boolean): Log {
    const [lines, setLines] = useState<LogLine[] | null>(null);
    const [trouble, setTrouble] = useState<Log['trouble']>('');
    const [asked, ask] = useState(0);
    useEffect(() => {
        let timer = 0;
        let busy = false;
        let ended = paused;
        async function look(): Promise<void> {
            clearTimeout(timer);
            if (busy || ended || document.hidden) return;
            busy = true;
            try {
                const answer = await get<{ lines: LogLine[] }>(`/channels/${encodeURIComponent(id)}/log?limit=${lines_max}`);
                if (!ended) { setLines(answer.lines); setTrouble(''); }
            } catch (e) {
                if (!ended) setTrouble(troubleOf(e));
            }
            busy = false;
            if (!ended) timer = window.setTimeout(() => void look(), every_ms);
        }
        const seen = (): void => void look();
        document.addEventListener('visibilitychange', seen);
        void look();
        return () => { ended = true; clearTimeout(timer); document.removeEventListener('visibilitychange', seen); };
    }, [id, paused, asked]);
    return { lines, trouble: paused ? '' : trouble, again: () => ask((n) => n + 1) };
}
