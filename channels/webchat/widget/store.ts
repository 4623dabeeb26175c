/* SPDX-License-Identifier: EUPL-1.2 */
// Small storage that may be blocked: everything also lives in memory, and no access can fail.
const memory = new Map<string, string>();
// A frame of another site may be refused the very look at the store.
const tryArea = (kind: 'localStorage' | 'sessionStorage'): Storage | null => {
    try { return window[kind]; } catch { return null; }
};

function area(kind: 'localStorage' | 'sessionStorage', prefix: string) {
    const store = tryArea(kind);
    return {
        get(key: string): string | null {
            try { return store?.getItem(prefix + key) ?? memory.get(key) ?? null; } catch { return memory.get(key) ?? null; }
        },
        set(key: string, value: string | null): void {
            if (value === null) memory.delete(key);
            else memory.set(key, value);
            try {
                if (value === null) store?.removeItem(prefix + key);
                else store?.setItem(prefix + key, value);
            } catch { /* the memory has it */ }
        },
    };
}
const name = `draht:${location.pathname}:`;
/** Shared by the tabs of this browser. */
export const shared = area('localStorage', name);
/** This tab only. */
export const tab = area('sessionStorage', name);
