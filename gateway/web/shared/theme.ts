// SPDX-License-Identifier: EUPL-1.2
// Light, dark or as the system says; remembered on this device.
import { signal } from '@preact/signals';

const kept = localStorage.getItem('draht.theme');
const system = matchMedia('(prefers-color-scheme: dark)');
const chosen = signal<'light' | 'dark' | null>(kept === 'light' || kept === 'dark' ? kept : null);
const systemDark = signal(system.matches);
system.addEventListener('change', (e) => { systemDark.value = e.matches; });

export const isDark = (): boolean => (chosen.value ? chosen.value === 'dark' : systemDark.value);

export function applyTheme(): void {
    if (chosen.value) document.documentElement.dataset['theme'] = chosen.value;
}
export function toggleTheme(): void {
    chosen.value = isDark() ? 'light' : 'dark';
    localStorage.setItem('draht.theme', chosen.value);
    applyTheme();
}
