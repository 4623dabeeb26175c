/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * webchat_private: what the files of the chat server share. webchat.c: options and life; table.c:
 * conversations and tabs; ticket.c: signed strings; frame.c: what clients say; out.c: what we say;
 * session.c: hello, resume, replay; message.c: messages, marks, replies; news.c: what others put
 * into the conversation; place.c: who waits before; poll.c: the way without sockets; pages.c:
 * configuration, frame, files; form.c: the way without JavaScript; fallback.c: mails for what is
 * not read.
 */
#ifndef DRAHT_WEBCHAT_PRIVATE_H
#define DRAHT_WEBCHAT_PRIVATE_H

#include <stdio.h>
#include <stdlib.h>

#include "channels/kit/kit.h"
#include "channels/webchat/frame.h"
#include "channels/webchat/webchat.h"
#include "gateway/base/clock.h"
#include "gateway/base/crypto.h"
#include "gateway/base/embed.h"
#include "gateway/base/json.h"
#include "gateway/base/utf8.h"

#define CHAT_ID_BYTES 16
#define CHAT_THREAD_BYTES 23 /* base64url and NUL */
#define CHAT_TOKEN_MS (30LL * 24 * 3600 * 1000)
#define CHAT_GENERATIONS_MAX 8
#define CHAT_PAGE 200 /* history items at once */
#define CHAT_HELD_BYTES_MAX (256 * 1024)
#define CHAT_SENT_MAX 64        /* replies whose receipts are still to come */
#define CHAT_FRAMES_PER_10S 190 /* besides messages: marks, typing, pings */
#define CHAT_TYPING_EVERY_MS 3000
#define CHAT_TYPING_OFF_MS 6000
#define CHAT_POLL_WAIT_MS_MAX 25000
#define CHAT_POLL_LIFE_MS 60000
#define CHAT_POLL_QUEUE_BYTES_MAX (512 * 1024)
#define CHAT_UPLOAD_MS (15 * 60 * 1000)
#define CHAT_USED_MAX 1024 /* upload tickets that were used */
#define CHAT_FAULTS_MAX 20
#define CHAT_NUMBER_BYTES 24
#define CHAT_LANG_BYTES 12
#define CHAT_EMAIL_BYTES_MAX 254

struct chat_options {
    char *origins; /* separated by blanks */
    char *types;
    char *languages;
    char *sign_url, *clamd; /* empty: none */
    char color_action[8], color_action_hover[8], color_on_action[8], color_action_soft[8];
    size_t upload_max_bytes;
    int fallback_minutes;
    int text_max, idle_minutes, sockets_per_ip, messages_per_10s, files_max, retention_days;
    bool show_place;
};

struct held { /* a frame that waits for the end of a replay */
    struct held *next;
    uint64_t seq;
    size_t n;
    char text[];
};
struct poll {         /* the tab's share when it polls */
    struct buf queue; /* frames, separated by commas */
    struct draht_http *waiting;
    struct draht_timer *wake;
    int64_t until_ms;
    int close_code;
};
struct client { /* one tab */
    struct webchat *wc;
    struct chat *chat;
    struct client *next_tab;
    struct client *next, **prev; /* all of the channel */
    struct draht_socket *socket; /* NULL: polls, or is gone */
    struct poll *poll;
    struct held *held_first, *held_last;
    size_t held_bytes;
    uint64_t last_seq, cursor;
    int64_t last_ms;
    struct kit_bucket frames;
    uint32_t refs, generation, replaces;
    uint8_t faults;
    bool said_hello, is_welcomed, is_ready, is_confirmed, is_gone, needs_resync;
    char lang[CHAT_LANG_BYTES];
    char peer[48];
};
struct sent {
    struct sent *next;
    uint64_t seq;
    bool is_delivered;
    char message[32];
};
struct chat { /* a conversation that somebody looks at */
    struct chat *next_in_slot, *next_active;
    struct client *tabs;
    struct sent *sent;
    size_t sent_n;
    uint64_t head, staff_read; /* positions; the latter was told to the tabs */
    uint64_t told, news;       /* up to here the tabs were told; up to here there is something */
    int64_t typing_until_ms, typing_last_ms, staff_typing_until_ms;
    int64_t before; /* so many wait before; with wants_place, -1: unknown or none */
    struct kit_bucket messages;
    char *email; /* given before the first message */
    uint32_t refs, generation_max;
    uint32_t accepting; /* messages of our own tabs on their way to the store */
    uint32_t generations[CHAT_GENERATIONS_MAX];
    uint8_t generations_n, asked_n;
    bool is_stored, is_active, is_typing, is_staff_typing;
    bool is_known, is_reading; /* told holds; news.c asks the store */
    bool is_answered;          /* the last word is the staff's */
    bool wants_place;          /* under watch_place */
    char said;                 /* to the tabs: 'c'losed, 'o'pen, 0: nothing of this */
    uint8_t id[CHAT_ID_BYTES];
    char thread[CHAT_THREAD_BYTES];
    char number[CHAT_NUMBER_BYTES];
    char lang[CHAT_LANG_BYTES];
    char agent[64];
};
struct used_ticket {
    uint64_t nonce;
    int64_t until_ms;
};
struct webchat {
    const struct draht_host *h;
    void *host;
    char *id;
    struct chat_options o;
    struct chat **slots;
    size_t slots_n, chats_n;
    struct client *clients;
    struct chat *active;
    struct kit_peers *sockets, *forms;
    struct draht_timer *sweep;
    struct buf scratch; /* a frame being written */
    struct used_ticket used[CHAT_USED_MAX];
    size_t used_at;
    uint64_t ticks;
    bool is_stopping, is_shut; /* shut: outside the hours, as the tabs were told last */
};

static inline int64_t chat_now(const struct webchat *wc) {
    return wc->h->now_ms(wc->host);
}

/* webchat.c */
int chat_options_read(const char *json, struct chat_options *out, char *err);
void chat_options_free(struct chat_options *o);
bool chat_origin_ok(struct webchat *wc, struct span origin);
/* Locale text or the fallback; copied into the arena. */
const char *chat_text(struct webchat *wc, struct arena *a, const char *lang, const char *key,
                      const char *fallback);
const char *chat_fact(struct webchat *wc, struct arena *a, const char *name);
bool chat_language_listed(const struct webchat *wc, struct span lang);

/* table.c */
struct chat *chat_find(struct webchat *wc, const uint8_t id[CHAT_ID_BYTES]);
struct chat *chat_find_thread(struct webchat *wc, struct span thread);
struct chat *chat_new(struct webchat *wc, const uint8_t id[CHAT_ID_BYTES]);
void chat_unref(struct webchat *wc, struct chat *c);    /* frees when nobody looks */
void chat_activate(struct webchat *wc, struct chat *c); /* the sweep looks at it */
struct client *client_new(struct webchat *wc, struct span peer);
void client_join(struct client *t, struct chat *c);
void client_gone(struct client *t); /* leaves the conversation; freed with the last ref */
void client_unref(struct client *t);
bool chat_knows_generation(const struct chat *c, uint32_t generation);
void chat_drop_generation(struct chat *c, uint32_t generation);
uint32_t chat_new_generation(struct chat *c);
void chat_save(struct webchat *wc, struct chat *c, draht_done_fn done, void *arg);
void chat_load(struct chat *c, struct span state);
void chat_state_key(struct webchat *wc, const uint8_t id[CHAT_ID_BYTES], char out[40]);
void chat_sent_add(struct chat *c, uint64_t seq, struct span message, bool is_delivered);
void chat_sent_up_to(struct webchat *wc, struct chat *c, uint64_t seq, bool is_read);
void chat_learn_number(struct chat *c, struct span message);

/* ticket.c: base64url(payload, 16 bytes of MAC over purpose and payload) */
void ticket_make(struct webchat *wc, char purpose, struct span payload, struct buf *out);
/* The path of the conversation's status page with its signature; status_url puts the public address
 * of the gateway before it, or appends nothing when there is none. */
void status_path(struct webchat *wc, const struct chat *c, struct buf *out);
void status_url(struct webchat *wc, const struct chat *c, struct buf *out);
/* 0 or ERR_FORBIDDEN. payload lives in the arena. */
int ticket_open(struct webchat *wc, char purpose, struct span ticket, struct arena *a,
                struct span *payload);
void token_make(struct webchat *wc, const struct chat *c, uint32_t generation, struct buf *out);
int token_read(struct webchat *wc, struct span token, uint8_t id[CHAT_ID_BYTES],
               uint32_t *generation);
void put_u32(struct buf *b, uint32_t v);
uint32_t get_u32(const char *p);
/* A file as clients hand it around: blob, name, type, length; bound to a conversation. */
struct chat_file {
    struct span blob, name, type;
    uint64_t length;
};
void file_ticket_make(struct webchat *wc, char purpose, struct span thread,
                      const struct chat_file *f, struct buf *out);
int file_ticket_read(struct webchat *wc, char purpose, struct span thread, struct span ticket,
                     struct arena *a, struct chat_file *f);

/* out.c */
void client_push(struct client *t, uint64_t seq, struct span frame);
void client_deliver(struct client *t, struct span frame);
void client_close(struct client *t, int code, const char *reason);
void chat_broadcast(struct webchat *wc, struct chat *c, const struct client *except, uint64_t seq,
                    struct span frame);
void out_welcome(struct client *t);
void out_error(struct client *t, const char *code, const char *text);
void out_nack(struct client *t, struct span cid, const char *code, const char *text,
              int64_t retry_ms);
struct chat_line { /* a message as the window shows it */
    uint64_t seq;
    struct span id, name, text, cid;
    const char *from;
    int64_t at_ms;
    const struct draht_attachment *files;
    size_t files_n;
    const char *state; /* or NULL */
};
struct span out_line(struct webchat *wc, const struct chat *c,
                     const struct chat_line *l); /* borrowed until the next */
void out_time(struct buf *b, int64_t ms);
bool chat_is_open(struct webchat *wc);             /* now is in the hours of the office */
void out_hours(struct webchat *wc, struct buf *b); /* members: open, next_open_at */
void client_flush_held(struct client *t);

/* session.c */
void client_frame(struct client *t, struct span text);
void client_replay(struct client *t);
/* Every token becomes void, every tab is closed. */
void chat_end(struct webchat *wc, struct chat *c);

/* A line of the store as the window shows it; what the chat learns from it is noted. */
struct chat_line session_line(struct chat *c, const struct draht_history_item *x);

/* news.c: tabs get messages in the order of their positions, whoever put them there. */
/* True: seq is the next one, tell the tabs. False: it was told, or the store will be asked. */
bool news_is_next(struct webchat *wc, struct chat *c, uint64_t seq);
void news_heard(struct webchat *wc, struct chat *c, uint64_t seq); /* something stands there */
void news_look(struct webchat *wc, struct chat *c);                /* asks for what is missing */
void news_known(struct webchat *wc, struct chat *c);               /* a tab has all up to c->head */
void news_was_read(struct webchat *wc, struct chat *c, uint64_t seq);

/* place.c: how many wait before a citizen, told to his tabs as long as he waits for an answer. */
void place_wait(struct webchat *wc, struct chat *c);     /* he may wait: watches */
void place_answered(struct webchat *wc, struct chat *c); /* or it is closed */
void place_heard(struct webchat *wc, struct chat *c, struct span before);
void place_show(struct client *t);    /* what is known, to a tab that came later */
void place_left(struct chat *c);      /* the last tab is gone, the watch is over */
void place_sweep(struct webchat *wc); /* the office opened or shut meanwhile */

/* message.c */
int64_t chat_message_wait_ms(struct client *t); /* 0: one more message may come */
void client_message(struct client *t, const struct frame *f);
void client_note(struct client *t, const char *kind, struct span text);
void chat_note_email(struct webchat *wc, struct chat *c);
int webchat_send(void *channel, const struct draht_outbound *m, struct draht_token *t);
void webchat_typing(void *channel, struct draht_span thread, struct draht_span who, int is_typing);
void webchat_notify(void *channel, struct draht_span thread, const char *what,
                    struct draht_span detail);

/* poll.c, pages.c, form.c, form_page.c */
void poll_route(void *channel, struct draht_http *x);
void poll_wake(struct client *t);
void poll_unwake(
    struct client *t);            /* takes the planned answer back; the caller holds another ref */
void poll_stop(struct client *t); /* answers what waits and lets the tab go */
void poll_sweep(struct client *t, int64_t now_ms);
void pages_route(struct webchat *wc);
void form_route(struct webchat *wc);
struct form_view { /* what the page shows besides its fixed texts */
    const char *lang;
    struct span message, email;
    const char *fault; /* locale key or NULL */
};
void form_page(struct webchat *wc, struct arena *a, const struct form_view *v, struct buf *out);
void form_done_page(struct webchat *wc, struct arena *a, const char *lang, const struct chat *c,
                    struct buf *out);
void form_status_page(struct webchat *wc, struct arena *a, const char *lang,
                      const struct draht_history_item *items, size_t n, struct buf *out);
/* words: locale key; with_button: the page can confirm. */
void form_confirm_page(struct webchat *wc, struct arena *a, const char *lang, const char *words,
                       bool with_button, struct buf *b);
void form_css(struct webchat *wc, struct buf *out);
void form_headers(struct webchat *wc, struct draht_http *x);
void problem(struct webchat *wc, struct draht_http *x, int status, const char *code,
             const char *detail);
void respond_json(struct webchat *wc, struct draht_http *x, int status, struct span body);

/* fallback.c: all but fallback_forget do nothing without fallback_minutes */
void fallback_ask(struct webchat *wc, struct chat *c); /* c->email is new and the chat stored */
void fallback_reply(struct webchat *wc, struct span thread, const struct draht_outbound *m);
void fallback_left(struct webchat *wc, struct chat *c); /* the last tab is gone */
/* Drops the addresses of the conversation, confirmed or not; also without fallback_minutes, for
 * they may be from before the setting was taken away. */
void fallback_forget(struct webchat *wc, struct span thread);
void fallback_route(struct webchat *wc);
int webchat_is_present(void *channel, struct draht_span thread);

/* normalize.c */
int webchat_normalize(const char *raw, size_t n, char **out, char *err);

#endif
