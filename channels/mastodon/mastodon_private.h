/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * mastodon_private: what the files of the channel share. mastodon.c: settings, life, requests;
 * connect.c: who we are and what the instance allows; intake.c: catching up from the watermark;
 * stream.c: the stream that wakes the intake, edits and deletions; review.c: those that the stream
 * did not tell; send.c: replies; upload.c: files
 * on their way out.
 */
#ifndef DRAHT_MASTODON_PRIVATE_H
#define DRAHT_MASTODON_PRIVATE_H

#include "channels/kit/kit.h"
#include "channels/mastodon/mastodon.h"
#include "channels/mastodon/sse.h"
#include "channels/mastodon/toot.h"
#include "gateway/base/error.h"

#define MASTODON_ANSWER_BYTES_MAX (4u << 20)
#define MASTODON_PIECES_MAX 100 /* statuses of one reply */
#define MASTODON_FILE_BYTES_MAX (100ull << 20)
#define MASTODON_CHARACTERS_DEFAULT 500
#define MASTODON_CHARACTERS_MIN 100 /* an instance that says less is not believed */
#define MASTODON_URL_CHARACTERS_DEFAULT 23
#define MASTODON_MEDIA_DEFAULT 4
#define MASTODON_MEDIA_MAX 16 /* in one status, whatever the instance allows */

#define TOOT_WARN_PUBLIC                                                                           \
    "The message can be read by others. The reply goes out as a direct message."

struct mast_pass;
struct mast_review;
struct mast_send;
struct mastodon {
    const struct draht_host *h;
    void *host;
    char *url, *token, *stream_url; /* stream_url: as configured or as the instance says, or "" */
    bool has_own_stream_url;
    int poll_s;
    /* the instance, known once connected */
    char *own_id;
    size_t characters, url_characters, media_max;
    bool counts_all; /* links and the hosts of names with all their characters */
    bool is_known, is_leased, is_stopping, is_said_down;
    struct draht_timer *connect_timer, *wake_timer, *stream_timer;
    int connect_fails, pass_fails, stream_fails;
    struct mast_pass *pass; /* the intake under way, or NULL */
    bool wake_again;        /* something came while it ran */
    char *watermark;        /* id of the last notification taken in; NULL: not read yet */
    struct draht_http_run *stream;
    struct sse sse;
    size_t edits_n; /* edits and deletions under way */
    struct mast_review *review;
    bool is_review_due; /* the stream was away, or a change could not be stored */
    int64_t review_at_ms;
    struct mast_send *sends;
    size_t calls_n; /* requests under way that no pass or send owns */
    draht_done_fn stopped;
    void *stopped_arg;
};

/* mastodon.c. A request to the instance with the token; path begins with '/'. headers: one more
 * line, or NULL. False: not sent, done will not come. */
bool mast_call(struct mastodon *m, const char *method, const char *path, const char *header,
               const char *content_type, struct span body, draht_http_answer_fn done, void *arg);
/* The value of a header in the head of an answer, trimmed; p NULL when absent. */
struct span mast_header(const struct draht_http_answer *a, const char *name);
/* How long a 429 asks to wait: X-RateLimit-Reset or Retry-After, bounded; 0: it does not say. */
uint64_t mast_wait_ms(const struct mastodon *m, const struct draht_http_answer *a);
uint64_t mast_backoff_ms(int fails); /* 1 s doubling up to 60 s */
bool mast_is_instance(const struct mastodon *m, struct span url);
void mast_log(struct mastodon *m, int level, const char *event, const char *text);
void mast_idle(struct mastodon *m); /* says stopped when nothing is under way any more */

/* connect.c: asks until it knows, then says health and begins. */
void mast_connect(struct mastodon *m);
/* Says by health and log what the instance's answer means for the channel. */
void mast_say_down(struct mastodon *m, const struct draht_http_answer *a);

/* intake.c */
void mast_wake(struct mastodon *m, uint64_t delay_ms); /* looks for new mentions, soon */
void mast_pass_drop(struct mastodon *m);
/* Hands one toot over; files must be loaded or left out. done: exactly once. */
void mast_accept(struct mastodon *m, const struct toot *t, const struct draht_attachment *files,
                 size_t files_n, const char *warning, draht_accept_fn done, void *arg);

/* stream.c */
void mast_stream_open(struct mastodon *m);
void mast_stream_close(struct mastodon *m);

/* The status (taken) is a new wording; NULL: it was deleted. Only what was a message here before
 * counts. done: when that is stored, or is not to be; may be NULL, and may come at once. */
void mast_change(struct mastodon *m, json_t *status, struct span id, void (*done)(void *arg),
                 void *arg);

/* review.c */
/* Remembers that this status is a message here: who wrote it, and which wording it was. */
void mast_known(struct mastodon *m, struct span id, struct span sender, int64_t edited_ms);
void mast_known_key(char out[TOOT_ID_BYTES_MAX + 8], struct span id);
int64_t mast_edited_ms(const json_t *status); /* 0: never edited */
void mast_review(struct mastodon *m);         /* when one is due */
void mast_review_drop(struct mastodon *m);

/* send.c */
int mast_send(void *channel, const struct draht_outbound *o, struct draht_token *t);
void mast_sends_drop(struct mastodon *m);
struct mast_verdict {
    enum draht_verdict verdict;
    const char *reason;
    uint64_t retry_ms;
};
struct mast_verdict mast_verdict_of(const struct mastodon *m, const struct draht_http_answer *a);

/* upload.c: one file to the instance. id p NULL: failed, v says how. May come within the call. */
typedef void (*mast_uploaded_fn)(void *arg, struct span id, struct mast_verdict v);
struct mast_upload;
struct mast_upload *mast_upload(struct mastodon *m, const struct draht_attachment *x,
                                mast_uploaded_fn done, void *arg);
void mast_upload_drop(struct mast_upload *u); /* done does not come any more */

int mastodon_normalize(const char *raw, size_t n, char **out, char *err);

#endif
