/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * matrix_private: what the files of the Matrix channel share. matrix.c: options and life;
 * mx_call.c: one request; mx_connect.c: from the address to a token; mx_sync.c: the long poll and
 * its batches; mx_room.c: what a batch says of one room; mx_media.c: files of citizens; mx_join.c:
 * invitations; mx_notice.c: what the channel says by itself, typing, read marks; mx_out.c: answers;
 * mx_direct.c: m.direct; mx_leave.c: rooms that are over; mx_doubt.c: whether an answer went out;
 * mx_event.c, mx_mend.c: pure.
 */
#ifndef DRAHT_MATRIX_PRIVATE_H
#define DRAHT_MATRIX_PRIVATE_H

#include <stdio.h>
#include <stdlib.h>

#include "channels/kit/kit.h"
#include "channels/matrix/matrix.h"
#include "channels/matrix/mx_event.h"
#include "gateway/base/clock.h"
#include "gateway/base/error.h"
#include "gateway/base/json.h"
#include "gateway/base/utf8.h"

#define MX_SYNC_BYTES_MAX (32u << 20)
#define MX_PAGE_BYTES_MAX (8u << 20)
#define MX_POLL_MS 30000
#define MX_QUICK_POLLS 5
#define MX_QUICK_MS 500
#define MX_GAP_PAGES_MAX 100
#define MX_GAP_PAGE 100
#define MX_GAP_EVENTS_MAX 5000
#define MX_ROOMS_AT_ONCE 16
#define MX_INVITES_MAX 100 /* waiting to be joined; kept in one value of the state */
#define MX_JOIN_TRIES 6
#define MX_TICKETS_MAX 8 /* of a room that are remembered */
#define MX_MEDIA_TRIES 4
#define MX_SENT_MAX 512 /* answers whose read marks are still to come */
#define MX_TEXT_MAX 12000
#define MX_PART_BYTES_MAX 60000 /* of an event's content, below the 65,536 of the protocol */
#define MX_RETRY_MS_MAX 15000
#define MX_REFUSED_RETRY_MS 300000 /* a wrong password does not become right by asking */
/* Homeservers remember transaction ids for about 30 minutes. */
#define MX_TXN_SAFE_MS (25LL * 60 * 1000)
/* For so long they name the transaction id beside our own events. */
#define MX_TXN_NAMED_MS (20LL * 3600 * 1000)
#define MX_DOUBT_KEEP_MS (7ULL * 24 * 3600 * 1000)

struct mx_options {
    char *homeserver, *user, *password, *access_token;
    char *invites_from;                           /* separated by blanks; "*" all */
    int rooms_max, people_max, leave_when_closed; /* days, 0: never */
};
struct mx_call;
struct mx_batch;
struct mx_room;
struct mx_send;
struct mx_join;
struct mx_notice;
struct mx_reading;
struct mx_directs;
struct mx_leaving;
struct mx_sweep;
struct mx_sent { /* one event of ours that nobody has read yet */
    uint64_t room;
    int64_t at_ms;
    char id[MX_ID_BYTES_MAX + 1];
};
struct matrix {
    const struct draht_host *h;
    void *host;
    struct mx_options o;
    char *base, *token, *me, *device;
    char *since;         /* NULL: never synchronised */
    uint64_t generation; /* of the token */
    struct mx_call *calls, *poll;
    struct mx_batch *batch;
    struct mx_send *sends;
    struct mx_join *joins;
    struct mx_notice *notices;
    struct mx_directs *directs;
    struct mx_leaving *leavings;
    struct mx_sweep *sweep;
    struct draht_timer *connect_timer, *poll_timer, *drain_timer, *sweep_timer;
    struct mx_sent *sent; /* ring */
    size_t sent_at, rooms_n, accepts_n, sends_n;
    uint32_t connect_fails, poll_fails;
    int64_t polled_ms;
    uint32_t quiet_polls;   /* in a row that told of no room */
    int64_t quiet_until_ms; /* the homeserver asked for a pause of sends */
    bool is_ready, is_leader, is_lean, is_stopping, is_connecting;
    bool joins_changed; /* not in the state yet */
    struct mx_reading *readings;
    bool is_recovering;      /* the next answer begins anew, but rooms are known */
    bool knows_since;        /* the kept position was read */
    size_t stale_saves;      /* of batches that were dropped while they were being saved */
    struct mx_room *orphans; /* of dropped batches, waiting for an answer of the host */
    draht_done_fn stopped;
    void *stopped_arg;
};

/* mx_call.c */
struct mx_answer { /* borrowed during the callback */
    int status, error;
    const json_t *json;  /* NULL: none */
    const char *errcode; /* "" without one */
    int64_t retry_ms;    /* -1: not asked for */
    struct span body;
    bool is_token_lost; /* a new token is being fetched; try again later */
};
typedef void (*mx_answer_fn)(void *arg, const struct mx_answer *a);
struct mx_request {
    const char *method, *path; /* path: below base, or a whole URL */
    const char *what;          /* for the log: the path without ids */
    struct span body;
    const char *type; /* of the body, NULL: JSON */
    uint32_t timeout_ms;
    uint64_t answer_max;
    bool is_anonymous, is_raw; /* raw: an answer of 200 is no JSON */
    mx_answer_fn done;         /* exactly once, later; never after mx_cancel */
    void *arg;
};
/* Returned handle is valid until done. Everything is copied. */
struct mx_call *mx_call(struct matrix *m, const struct mx_request *q);
void mx_cancel(struct mx_call **c); /* accepts NULL, sets NULL */
void mx_calls_free(struct matrix *m);
/* Appends s, percent-encoded but for unreserved characters. */
void mx_enc(struct buf *b, struct span s);
/* Path with %s replaced by the encoded spans in their order, NULL-terminated list of pointers.
 * Returned (free()). */
char *mx_path(const char *pattern, struct span a, struct span b, struct span c);
/* True for no answer, 429 and 5xx. */
bool mx_is_transient(const struct mx_answer *a);
uint64_t mx_backoff_ms(uint32_t fails);
/* The asked pause, or the back-off. */
uint64_t mx_wait_ms(const struct mx_answer *a, uint32_t fails);
static inline struct span mx_str(const json_t *o, const char *key) {
    const json_t *v = json_object_get(o, key);
    return json_is_string(v) ? (struct span){json_string_value(v), json_string_length(v)}
                             : SPAN_NONE;
}
static inline int64_t mx_now(const struct matrix *m) {
    return m->h->now_ms(m->host);
}

/* matrix.c */
int mx_options_read(const char *json, struct mx_options *out, char *err);
void mx_options_free(struct mx_options *o);
void mx_drained(struct matrix *m); /* something ended: perhaps the channel may stop now */
/* Text of the city's language with {city}, {url} filled in; in the arena. */
const char *mx_text(struct matrix *m, struct arena *a, const char *key);

/* mx_connect.c */
void mx_connect(struct matrix *m);
/* A request was refused for its token; soft: the device is still known. */
void mx_token_lost(struct matrix *m, bool is_soft);
/* Asks anew in how many rooms we are; without an answer the number stays. */
void mx_rooms_count(struct matrix *m);

/* mx_sync.c */
void mx_sync_start(struct matrix *m); /* when ready and leader */
void mx_sync_stop(struct matrix *m);  /* drops the poll and the batch; nothing is acknowledged */
void mx_batch_free(struct matrix *m);
void mx_room_done(struct mx_batch *b, struct mx_room *r);
/* The path of /sync; returned (free()). */
char *mx_sync_path(const char *since, bool is_lean);

/* mx_room.c: small state of a room, kept by the host */
struct mx_memory {
    char last[MX_ID_BYTES_MAX + 1]; /* event that was taken in last */
    char name[MX_NAME_BYTES_MAX + 1], name_of[MX_ID_BYTES_MAX + 1];
    char room[MX_ID_BYTES_MAX + 1];
    char tickets[MX_TICKETS_MAX * 24];          /* numbers, newest first, separated by commas */
    bool told_encrypted, told_welcome, is_gone; /* nobody is there any more, or we are not */
};
struct mx_room { /* what one answer says of one room */
    struct mx_room *next;
    struct matrix *m;
    struct mx_batch *batch;
    char *id;
    const json_t *data; /* borrowed from the batch */
    json_t *events;     /* array, oldest first, after the gap was closed */
    json_t *gap;        /* newest first */
    char *from;
    const char *since; /* borrowed from the batch, NULL: first answer */
    size_t at;
    uint32_t pages, tries;
    struct mx_memory memory;
    struct arena *arena;
    struct mx_event event;
    struct buf file;
    const char *file_fault;
    struct draht_timer *timer;
    struct mx_call *call;
    bool has_spoken; /* something was taken in */
    bool was_left;   /* by the citizen */
    bool was_joined, has_left, is_dirty, is_waiting, is_dropped, is_running;
};
struct mx_batch {
    struct matrix *m;
    json_t *root;
    char *next, *since;
    struct mx_room *rooms, *waiting;
    size_t open;
    bool is_saving,
        is_recovery; /* the position was lost: each room is read back to what is known */
};
void mx_room_start(struct mx_room *r);
bool mx_room_is_silent(const struct mx_room *r); /* nothing but read marks and typing */
bool mx_room_is_over(const struct mx_room *r);   /* nobody is there any more, or we are not */
void mx_room_drop(struct mx_room *r); /* the batch is over; freed when the host has answered */
void mx_orphans_free(struct matrix *m);
void mx_room_go_on(struct mx_room *r); /* the file is there, or never will be */
void mx_memory_key(struct matrix *m, struct span room, char out[40]);
/* The ticket becomes the newest of the list; one too many falls off its end. Pure. */
void mx_memory_ticket(struct mx_memory *x, struct span number);
void mx_memory_read(struct draht_span value, struct mx_memory *out);
void mx_memory_write(struct matrix *m, struct span room, const struct mx_memory *x,
                     draht_done_fn done, void *arg);

/* mx_media.c: fetches r->event.file into r->file, then mx_room_go_on */
void mx_media_fetch(struct mx_room *r);
/* Asks how large a file may be and tells staff. */
void mx_media_limit(struct matrix *m);

/* mx_join.c */
void mx_invited(struct matrix *m, const char *room, const json_t *data);
void mx_joins_save(struct matrix *m, draht_done_fn done, void *arg);
void mx_joins_load(struct matrix *m);
void mx_joins_free(struct matrix *m);
/* Whether the policy lets this user invite us. */
bool mx_may_invite(const struct mx_options *o, struct span user);

/* mx_notice.c */
/* Says a text of the locale once a room; the transaction id makes repeats harmless. leave: goes
 * afterwards. */
void mx_notice(struct matrix *m, const char *room, const char *key, bool leave);
void mx_notices_free(struct matrix *m);
void mx_readings_free(struct matrix *m);
void mx_ephemeral(struct matrix *m, struct span room, const json_t *events);
void mx_sent_note(struct matrix *m, struct span room, struct span event);
void matrix_typing(void *channel, struct draht_span thread, struct draht_span who, int is_typing);
void matrix_notify(void *channel, struct draht_span thread, const char *what,
                   struct draht_span detail);

/* mx_direct.c: user NULL takes the room out. done comes when m.direct says so, or cannot be brought
 * to; it may be NULL and may come at once. */
void mx_direct_set(struct matrix *m, const char *room, const char *user, void (*done)(void *arg),
                   void *arg);
void mx_directs_free(struct matrix *m);
/* True when the document had to change. Pure. */
bool mx_direct_merge(json_t *all, const char *room, const char *user);

/* mx_leave.c */
void mx_leave(struct matrix *m, const char *room, bool has_left); /* and forgets it */
void mx_leavings_free(struct matrix *m);
/* Something was said in the room: for leave_when_closed its days begin anew. */
void mx_room_spoke(struct matrix *m, struct span room, draht_done_fn done, void *arg);
void mx_sweeps_begin(struct matrix *m); /* looks every hour for rooms whose tickets are closed */
void mx_sweep_free(struct matrix *m);

/* mx_out.c */
struct mx_send { /* one answer under way */
    struct mx_send *next, **prev;
    struct matrix *m;
    const struct draht_outbound *out; /* borrowed until settled */
    struct draht_token *token;
    uint32_t part;
    int64_t first_ms; /* when this part was perhaps sent before, 0: never */
    char *uri;        /* of the file of this part */
    struct mx_call *call;
    const char *why; /* verdict that waits for the store */
    uint64_t retry_ms;
};
int matrix_send(void *channel, const struct draht_outbound *out, struct draht_token *t);
void mx_sends_free(struct matrix *m);
void mx_send_settle(struct mx_send *s, enum draht_verdict v, const char *why, uint64_t retry_ms);
void mx_send_again(struct mx_send *s);                      /* it did not arrive before */
void mx_send_sent(struct mx_send *s, struct span event_id); /* the part is out */
void mx_txn(const struct mx_send *s, struct buf *b);
/* The verdict of a refusal; 0 when the answer is none. Pure. */
enum draht_verdict mx_verdict(int status, const char *errcode);
/* Content of m.room.message; returned (free()). Pure. */
char *mx_content_text(struct span text, struct span reply_to, bool is_notice);

/* mx_doubt.c: the part was perhaps sent before. Decides and goes on. */
void mx_doubt_look(struct mx_send *s);
void mx_doubt_note(struct mx_send *s, const char *why, uint64_t retry_ms);
void mx_doubt_key(const struct mx_send *s, char out[64]);

/* mx_normalize.c */
int matrix_normalize(const char *raw, size_t n, char **out, char *err);

#endif
