/* SPDX-License-Identifier: EUPL-1.2 */
// The line to the gateway: one WebSocket, or a long poll where WebSockets are blocked. It connects again by itself, keeps
// what was not acknowledged and sends it again in order. It knows nothing of the screen.
export type Frame = { t: string } & Record<string, any>;
export interface Draft { cid: string; text: string; files: string[]; shown?: unknown }
export interface Listener {
    frame(f: Frame): void;
    /** up: frames can be sent; down: trying again; refused: trying makes no sense for now */
    line(state: 'up' | 'down' | 'refused'): void;
    token(token: string | null): void;
    /** newest token known to any tab */
    newest(): string | null;
    outbox(drafts: Draft[]): void;
}

const PING_MS = 25_000, OPEN_MS = 8_000, ACK_MS = 12_000, SLOWEST_MS = 30_000;

export function uuid(): string {
    if (crypto.randomUUID) return crypto.randomUUID();
    const b = crypto.getRandomValues(new Uint8Array(16));
    b[6] = (b[6]! & 15) | 64;
    b[8] = (b[8]! & 63) | 128;
    return [...b].map((v, i) => ([4, 6, 8, 10].includes(i) ? '-' : '') + v.toString(16).padStart(2, '0')).join('');
}

/** Waiting time before the n-th new try: 0.5 to 30 s, spread so that a thousand browsers do not come back at once. */
export const backoff = (n: number): number => Math.max(500, Math.min(SLOWEST_MS, 1000 * 2 ** n) * (0.5 + Math.random() / 2));

export function wire(listen: Listener, lang: () => string) {
    const base = new URL('.', location.href);
    const out: Draft[] = [];
    let socket: WebSocket | null = null;
    let polling: AbortController | null = null;
    let token: string | null = null;
    let seq = 0, tries = 0, blocked = 0, round = 0;
    let up = false, on = false, flying = '';
    let retry = 0, beat = 0, late = 0, acks = 0;

    const hello = (): Frame => ({ t: 'hello', lang: lang(), token, last_seq: seq });
    const usePoll = (): boolean => blocked >= 2 || !('WebSocket' in window);

    function send(f: Frame): boolean {
        if (!up) return false;
        if (socket) socket.send(JSON.stringify(f));
        else void exchange([f], 0, round);
        return true;
    }

    // One message at a time: a refused one must not be overtaken by the next.
    function flush(): void {
        const d = out[0];
        if (!up || !d || flying) return;
        flying = d.cid;
        acks = window.setTimeout(() => drop(round), ACK_MS);
        send({ t: 'msg', cid: d.cid, text: d.text, files: d.files });
    }
    function landed(cid: string, wait_ms = 0): void {
        if (cid !== flying) return;
        clearTimeout(acks);
        if (!wait_ms) { flying = ''; return flush(); }
        acks = window.setTimeout(() => { flying = ''; flush(); }, wait_ms);
    }
    function drain(cid: string): void {
        const i = out.findIndex((d) => d.cid === cid);
        if (i >= 0) { out.splice(i, 1); listen.outbox(out); }
        landed(cid);
    }

    function take(f: Frame): void {
        alive();
        if (f.t === 'welcome') { token = f.token; up = true; tries = 0; blocked = socket ? 0 : blocked; flying = ''; }
        if (f.t === 'resync') seq = 0;
        if (f.t === 'message') seq = Math.max(seq, f.seq);
        listen.frame(f);
        if (f.t === 'welcome') { listen.token(token); listen.line('up'); flush(); }
        if (f.t === 'ack' || (f.t === 'message' && f.from === 'me' && f.cid)) drain(f.cid);
        if (f.t === 'nack') {
            if (f.code === 'unavailable' || f.code === 'rate') landed(f.cid, Math.min(f.retry_ms || 2000, SLOWEST_MS));
            else drain(f.cid);
        }
    }
    function alive(): void {
        clearTimeout(beat);
        clearTimeout(late);
        if (socket) beat = window.setTimeout(probe, PING_MS);
    }
    /** Asks whether the line still lives, and drops it when nobody answers. */
    function probe(wait_ms = PING_MS): void {
        if (!up || !socket) return;
        send({ t: 'ping' });
        clearTimeout(late);
        late = window.setTimeout(drop, wait_ms, round);
    }

    function drop(r: number, code = 0): void {
        if (r !== round) return;
        round++;
        for (const timer of [beat, late, acks]) clearTimeout(timer);
        if (socket) { socket.onclose = socket.onmessage = socket.onopen = null; socket.close(); }
        polling?.abort();
        if (!up && socket && code < 4000 && navigator.onLine !== false) blocked++;
        else if (!up && !socket) blocked = 1;
        socket = polling = null;
        up = false;
        flying = '';
        if (code === 4401) {
            const other = listen.newest();
            if (!other || other === token) { token = null; seq = 0; listen.token(null); } else token = other;
        }
        if (!on) return;
        listen.line(code === 1008 ? 'refused' : 'down');
        retry = window.setTimeout(connect, code === 1008 ? SLOWEST_MS : backoff(code === 4429 ? Math.max(tries++, 4) : tries++));
    }

    function connect(): void {
        clearTimeout(retry);
        if (!on || socket || polling) return;
        const r = ++round;
        token = listen.newest() ?? token;
        if (usePoll()) return void poll(r);
        const address = new URL('socket', base);
        address.protocol = address.protocol.replace('http', 'ws');
        try { socket = new WebSocket(address, 'draht.chat.v1'); } catch { blocked = 2; return void poll(r); }
        late = window.setTimeout(drop, OPEN_MS, r);
        socket.onopen = () => socket?.send(JSON.stringify(hello()));
        socket.onmessage = (e) => { if (r === round) read(String(e.data)); };
        socket.onclose = (e) => drop(r, e.code);
    }
    function read(text: string): void {
        let f: Frame;
        try { f = JSON.parse(text); } catch { return; }
        if (f && typeof f.t === 'string') take(f);
    }

    async function exchange(frames: Frame[], wait_ms: number, r: number): Promise<boolean> {
        try {
            const answer = await fetch(new URL('poll', base), { method: 'POST', credentials: 'omit', signal: polling?.signal ?? null,
                headers: { 'content-type': 'application/json' }, body: JSON.stringify({ token, frames, wait_ms }) });
            if (r !== round) return false;
            if (!answer.ok) { drop(r, ({ 401: 4401, 403: 1008, 429: 4429 } as Record<number, number>)[answer.status] ?? 0); return false; }
            const body = await answer.json();
            if (r !== round) return false;
            if (body.token && body.token !== token) { token = body.token; listen.token(token); }
            for (const f of body.frames ?? []) if (r === round) take(f);
            return r === round;
        } catch { drop(r); return false; }
    }
    async function poll(r: number): Promise<void> {
        polling = new AbortController();
        let wait_ms = 0;
        for (let frames = [hello()]; await exchange(frames, wait_ms, r); frames = []) wait_ms = up ? 25_000 : 1_000;
    }

    const wake = (): void => {
        if (!on) return;
        if (up) probe(5_000);
        else { tries = 0; if (!socket && !polling) connect(); }
    };
    addEventListener('online', wake);
    addEventListener('pageshow', wake);
    document.addEventListener('visibilitychange', () => { if (!document.hidden) wake(); });

    return {
        start(): void { on = true; connect(); },
        stop(): void { on = false; clearTimeout(retry); drop(round); token = null; seq = 0; out.length = 0; listen.outbox(out); },
        post(d: Draft): void { out.push(d); listen.outbox(out); flush(); },
        send,
        wake,
        isUp: (): boolean => up,
        waiting: (): number => out.length,
    };
}
