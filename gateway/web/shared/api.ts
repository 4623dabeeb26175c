// SPDX-License-Identifier: EUPL-1.2
// Calls to the staff API: one function, errors as one class, the CSRF value kept here and nowhere else.
// It holds no state of the inbox and draws nothing.

export class ApiError extends Error {
    constructor(readonly status: number, readonly code: string, readonly detail: string, readonly retry_s = 0) {
        super(detail || code);
    }
}

const base = '/api/v1';
const limit_ms = 20_000;
let csrf = '';
export function useCsrf(value: string): void { csrf = value; }

function headers(method: string, json: boolean): Record<string, string> {
    const h: Record<string, string> = { accept: 'application/json' };
    if (json) h['content-type'] = 'application/json';
    if (method !== 'GET' && csrf) h['x-csrf-token'] = csrf;
    return h;
}

async function failure(answer: Response): Promise<ApiError> {
    let code = `http_${answer.status}`;
    let detail = '';
    try {
        const problem = (await answer.json()) as { code?: string; detail?: string; title?: string };
        code = problem.code ?? code;
        detail = problem.detail ?? problem.title ?? '';
    } catch { /* not every failure has a body */ }
    return new ApiError(answer.status, code, detail, Number(answer.headers.get('retry-after') ?? 0));
}

async function ask(method: string, path: string, body?: unknown): Promise<Response> {
    let answer: Response;
    try {
        const init: RequestInit = { method, headers: headers(method, body !== undefined), credentials: 'same-origin',
            signal: AbortSignal.timeout(limit_ms) };
        if (body !== undefined) init.body = JSON.stringify(body);
        answer = await fetch(base + path, init);
    } catch {
        throw new ApiError(0, 'offline', '');
    }
    if (!answer.ok) throw await failure(answer);
    return answer;
}

export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await ask(method, path, body);
    if (answer.status === 204) return undefined as T;
    return (await answer.json()) as T;
}
export const get = <T>(path: string): Promise<T> => call<T>('GET', path);
export const post = <T>(path: string, body: unknown = {}): Promise<T> => call<T>('POST', path, body);
export const text = async (path: string): Promise<string> => (await ask('GET', path)).text();

export function query(values: Record<string, string | number | null | undefined>): string {
    const q = new URLSearchParams();
    for (const [k, v] of Object.entries(values)) if (v !== null && v !== undefined && v !== '') q.set(k, String(v));
    const s = q.toString();
    return s ? `?${s}` : '';
}
export const messagePath = (id: string, rest: string): string => `/messages/${encodeURIComponent(id)}/${rest}`;
export const href = (path: string): string => base + path;

/** Sends a file's bytes; progress in 0..1. Not fetch, because fetch tells nothing while it sends. */
export function upload<T>(file: File, progress: (part: number) => void, stop: AbortSignal): Promise<T> {
    return new Promise((done, fail) => {
        const x = new XMLHttpRequest();
        x.open('POST', `${base}/uploads${query({ name: file.name })}`);
        x.setRequestHeader('x-csrf-token', csrf);
        x.setRequestHeader('content-type', 'application/octet-stream');
        x.upload.onprogress = (e) => { if (e.lengthComputable) progress(e.loaded / e.total); };
        x.onerror = () => fail(new ApiError(0, 'offline', ''));
        x.onabort = () => fail(new ApiError(0, 'stopped', ''));
        x.onload = () => {
            let body: { code?: string; detail?: string } = {};
            try { body = JSON.parse(x.responseText) as typeof body; } catch { /* told by the status */ }
            if (x.status === 201 || x.status === 200) done(body as T);
            else fail(new ApiError(x.status, body.code ?? `http_${x.status}`, body.detail ?? ''));
        };
        stop.addEventListener('abort', () => x.abort());
        x.send(file);
    });
}
