/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * telegram_private: what the channel's files share. options.c: settings; telegram.c: life, calls,
 * typing; poll.c and webhook.c: how updates come; intake.c: what becomes of them; album.c: pictures
 * sent together; send.c: replies; error.c: what a refusal means.
 */
#ifndef DRAHT_TELEGRAM_PRIVATE_H
#define DRAHT_TELEGRAM_PRIVATE_H

#include "channels/kit/kit.h"
#include "channels/telegram/album.h"
#include "channels/telegram/telegram.h"
#include "channels/telegram/update.h"
#include "gateway/base/error.h"

#define TG_TEXT_UNITS 4096                 /* UTF-16 code units of a message */
#define TG_PIECES_MAX 100                  /* messages of one reply */
#define TG_DOWNLOAD_BYTES_MAX (20ll << 20) /* getFile gives no more */
#define TG_UPLOAD_BYTES_MAX (50ull << 20)  /* sendDocument */
#define TG_PHOTO_BYTES_MAX (10ull << 20)   /* sendPhoto */
#define TG_BATCH_MAX 50                    /* updates of one getUpdates */
#define TG_POSTS_MAX 64                    /* webhook requests under way; more get 503 */

struct tg_settings {
    char *token, *secret, *api;
    bool is_webhook;
};
struct tg_work; /* updates under way */
struct tg_send; /* one reply under way */

struct telegram {
    const struct draht_host *h;
    void *host;
    char *id;
    struct tg_settings s;
    struct draht_http_run *run; /* the long poll, or the call that prepares it */
    struct draht_timer *again;
    struct tg_work *works;
    size_t works_n;
    struct tg_send *sends;
    int64_t offset;    /* next update id to ask for */
    int64_t paused_ms; /* 429: nothing is sent before */
    uint64_t backoff_ms;
    struct kit_told typing_told;
    struct tg_albums albums;
    bool is_held, is_prepared, is_stopping, has_batch;
    draht_done_fn stopped;
    void *stopped_arg;
};

/* options.c. 0, or negative with a sentence in err. */
extern const struct draht_option telegram_option_rows[];
int tg_settings_read(const char *json, struct tg_settings *s, char *err);
void tg_settings_free(struct tg_settings *s);

/* telegram.c. A call of the Bot API; done comes once. False: not sent. run (may be NULL) receives
 * the handle to cancel it with. flags: of the host's HTTP. */
bool tg_call(struct telegram *t, const char *method, const char *content_type, struct span body,
             uint32_t timeout_ms, uint32_t flags, draht_http_answer_fn done, void *arg,
             struct draht_http_run **run);
void tg_log(struct telegram *t, int level, const char *event, const char *text);
void tg_idle(struct telegram *t); /* says stopped when nothing is under way any more */
/* A call whose answer changes nothing. */
void tg_say(struct telegram *t, const char *method, struct span json);

/* intake.c: works off updates one after the other (v: an array, taken). done: how many of them are
 * durable or not worth keeping; fewer than all when the store cannot be reached. */
typedef void (*tg_taken_fn)(void *arg, size_t taken);
void tg_take(struct telegram *t, json_t *updates, tg_taken_fn done, void *arg);
/* The parts of one album (at most TG_ALBUM_MAX) as one message: taken is all or nothing. */
void tg_take_album(struct telegram *t, json_t *updates, tg_taken_fn done, void *arg);
void tg_works_drop(struct telegram *t);

/* poll.c, webhook.c */
void tg_poll_lease(void *channel, int held);
void tg_poll_stop(struct telegram *t);
void tg_webhook_lease(void *channel, int held);
void tg_webhook_route(struct telegram *t);
void tg_webhook_register(struct telegram *t);

/* error.c */
struct tg_verdict {
    enum draht_verdict verdict;
    const char *reason;
    uint64_t retry_ms;
};
struct tg_verdict tg_error(const struct draht_http_answer *a, bool is_send);

/* send.c */
int tg_send(void *channel, const struct draht_outbound *m, struct draht_token *t);
void tg_sends_drop(struct telegram *t);

#endif
