/* SPDX-License-Identifier: EUPL-1.2 */
// A city's colours, used only where they can be read: a pair under 4.5 : 1 is refused and ours stay.
// Meaning colours (danger, warn, ok) cannot be changed.
type Rgb = [number, number, number];

export function parse(text: string | undefined | null): Rgb | null {
    const m = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec((text ?? '').trim());
    if (!m) return null;
    const h = m[1]!.length === 3 ? m[1]!.replace(/./g, '$&$&') : m[1]!;
    return [0, 2, 4].map((i) => parseInt(h.slice(i, i + 2), 16)) as Rgb;
}
const light = (c: Rgb): number => {
    const [r, g, b] = c.map((v) => ((v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)) as Rgb;
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
export function contrast(a: Rgb, b: Rgb): number {
    const [x, y] = [light(a), light(b)].sort((p, q) => q - p) as [number, number];
    return (x + 0.05) / (y + 0.05);
}
const mix = (a: Rgb, b: Rgb, part: number): Rgb => a.map((v, i) => Math.round(v * part + b[i]! * (1 - part))) as Rgb;
const css = (c: Rgb): string => `rgb(${c.join(' ')})`;

/** What replaces our action colours on a dark or a light ground, or null when the pair cannot be read there. */
export function palette(action: string | undefined | null, on: string | undefined | null, dark: boolean): Record<string, string> | null {
    const a = parse(action);
    if (!a) return null;
    const ground: Rgb = dark ? [20, 27, 31] : [255, 255, 255];
    const text: Rgb = dark ? [230, 237, 239] : [20, 34, 42];
    const white: Rgb = [255, 255, 255];
    const black: Rgb = [4, 34, 43];
    const o = parse(on) ?? (contrast(a, white) >= contrast(a, black) ? white : black);
    const soft = mix(a, ground, dark ? 0.14 : 0.11);
    const hover = mix(a, light(o) > light(a) ? [0, 0, 0] : white, 0.82);
    const pairs: [Rgb, Rgb][] = [[a, o], [hover, o], [a, ground], [text, soft], [a, soft]];
    if (pairs.some(([p, q]) => contrast(p, q) < 4.5)) return null;
    return { action: css(a), 'action-hover': css(hover), 'on-action': css(o), 'action-soft': css(soft) };
}
