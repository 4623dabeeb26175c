// SPDX-License-Identifier: EUPL-1.2
// Icons from the sprite. Always hidden from screen readers: the word beside it speaks.
// The sprite is put into the page once, so that icons are also there when the connection is not.

const channels: Record<string, string> = {
    webchat: 'message-circle', email: 'mail', sms: 'smartphone', 'sms-http': 'smartphone', smpp: 'smartphone', twilio: 'smartphone',
    telegram: 'send', messenger: 'messages-square', whatsapp: 'messages-square', instagram: 'messages-square', matrix: 'hash',
    mastodon: 'at-sign', open311: 'map-pin', counter: 'building-2', phone: 'phone', letter: 'mailbox', desk: 'building-2',
};

export function Icon({ name }: { name: string }) {
    return <svg class="i" aria-hidden="true" focusable="false"><use href={`#i-${name}`} /></svg>;
}
export function channelIcon(type: string): string {
    return channels[type] ?? 'plug';
}
export async function loadIcons(): Promise<void> {
    try {
        const answer = await fetch('/assets/icons.svg');
        const svg = new DOMParser().parseFromString(await answer.text(), 'image/svg+xml').documentElement;
        svg.setAttribute('class', 'sprite');
        svg.setAttribute('aria-hidden', 'true');
        document.body.append(document.adoptNode(svg));
    } catch { /* words stand beside nearly all icons */ }
}
