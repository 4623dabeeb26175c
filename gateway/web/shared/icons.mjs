// SPDX-License-Identifier: EUPL-1.2
// The icons that go into the one sprite (lucide file names). Used by tools/web.mjs at build time; the type in icon.tsx is by hand.
export const icons = [
    'alarm-clock', 'arrow-left', 'at-sign', 'ban', 'bell-off', 'building-2', 'calendar-days', 'check', 'check-check',
    'chevron-down', 'circle-alert', 'circle-check', 'circle-check-big', 'circle-dot', 'circle-question-mark', 'clock-3',
    'corner-up-right', 'download', 'ellipsis', 'eye', 'file', 'file-text', 'hash', 'hourglass', 'id-card', 'image', 'inbox',
    'info', 'keyboard', 'languages', 'list-checks', 'loader', 'log-out', 'mail', 'mail-question-mark', 'mailbox', 'map-pin',
    'menu', 'message-circle', 'messages-square', 'moon', 'panel-right', 'paperclip', 'pencil-line', 'phone', 'plug',
    'radio-tower', 'reply', 'rotate-cw', 'search', 'send', 'send-horizontal', 'shield', 'smartphone', 'sticky-note', 'sun',
    'tag', 'triangle-alert', 'undo-2', 'user-round', 'user-round-x', 'users-round', 'wifi-off', 'x',
];
