// SPDX-License-Identifier: EUPL-1.2
// The staff API's shapes as gateway/api/contract.md names them. No behaviour here.

export type TicketState = 'new' | 'open' | 'waiting' | 'reminder' | 'closed';
export type DeliveryState =
    | 'queued' | 'sending' | 'sent' | 'delivered' | 'read' | 'retry' | 'failed' | 'in_doubt' | 'opted_out' | 'cancelled';

/** own: only tickets of these offices and those assigned by name are seen. */
export interface Access { access?: 'all' | 'own'; queues?: string[] }
export interface User extends Access { id: string; name: string; role: string; language?: string }
export interface Person extends Access { id: string; name: string; role: string }
export interface Queue { id: string; name: string; contact?: string | null }
export interface TextBlock { id: string; name: string; queue: string; text: string }
/** 0: no limit; no kinds: any. */
export interface FileLimits { count_max: number; total_max: number; kinds: { types: string; bytes_max: number }[] }
/** How texts go out; 0: no limit. header_bytes, is_plain and is_latin1 are of SMS. */
export interface TextLimits { unit: 'points' | 'utf16' | 'bytes' | 'sms'; message_max: number; messages_max: number; header_bytes: number; is_plain: boolean; is_latin1: boolean; late_max: number }
export interface Channel { id: string; type: string; up: boolean; sentence: string; caps?: string[]; files?: FileLimits; text?: TextLimits; text_max?: number; reply_window_hours?: number }
export interface Settings {
    city: { name: string };
    queues: Queue[];
    text_blocks?: TextBlock[];
    channels: Channel[];
    states: string[];
    priorities: string[];
    undo_seconds: number;
    attachment_max_bytes: number;
    demo?: boolean;
    version?: string;
}
export interface Session { user: User; csrf: string; settings?: Settings }

export interface Counts {
    mine: number; unassigned: number; unanswered: number; overdue: number; due_soon: number; waiting: number; reminder: number; all: number;
    queues: Record<string, number>;
    outbox_failed: number; outbox_waiting: number;
}

export interface Summary {
    number: string; subject: string; state: TicketState; reminder_at: string | null;
    queue: string | null; assignee: string | null; assignee_name: string | null; priority: string; tags: string[];
    language: string; channel: string; channel_type: string; sender: { name: string; address: string };
    created_at: string; updated_at: string; last_in_at: string | null; last_out_at: string | null; due_at: string | null; due_soon_at?: string | null;
    unread: boolean | number; messages: number; attachments: number; delivery: null | 'failed' | 'in_doubt' | 'retry';
    preview: string; rev: number;
}

export interface Attachment { i: number; name: string; type: string; length: number; sha256: string; inline?: boolean }
export interface Upload { blob: string; name: string; type: string; length: number; sha256: string }
export interface Delivery {
    state: DeliveryState; attempt?: number; max_attempts?: number; next_at?: string | null; reason?: string | null;
    at?: string | null; undo_until?: string | null;
}
export interface Message {
    type: 'message'; n: number; id: string; direction: 'in' | 'out' | 'note'; author: { id: string; name: string };
    channel: string; channel_type: string; address?: string; recipient?: string; at: string; text: string; quoted?: string | null; has_html?: boolean;
    automatic?: boolean; unverified?: boolean; warnings?: string[]; attachments?: Attachment[];
    original?: { length: number; sha256: string } | null; delivery?: Delivery | null;
}
export interface TicketEvent {
    type: 'event'; n: number; at: string; actor: string; what: string; from: string | null; to: string | null;
}
export type Item = Message | TicketEvent;
export interface Ticket extends Summary {
    contact?: { name: string; address: string; channel_type: string; tickets: string[] };
    items: Item[];
    more_before: number | null;
}

export interface OutboxItem {
    message: string; ticket: string; channel: string; state: DeliveryState; attempt: number; next_at: string | null;
    reason: string | null; created_at: string; sender: { name: string; address: string }; subject: string;
}
export interface Viewer { id: string; name: string; writing: boolean }

export type LiveFrame =
    | { t: 'hello' }
    | { t: 'tickets'; tickets: Summary[] }
    | ({ t: 'counts' } & Counts)
    | { t: 'gone'; tickets: string[] }
    | { t: 'item'; ticket: string; item: Item }
    | { t: 'typing'; ticket: string; who: 'citizen' | { id: string; name: string }; on: boolean }
    | { t: 'viewers'; ticket: string; viewers: Viewer[] }
    | { t: 'channels'; channels: Channel[] };
