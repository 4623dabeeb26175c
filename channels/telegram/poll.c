/* SPDX-License-Identifier: EUPL-1.2 */
/* poll: getUpdates under a lease. The next call's offset is the receipt for what is durable, so a
 * kill between the two means a message that comes again and is recognised. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "channels/telegram/telegram_private.h"

#define POLL_S 30
#define POLL_TIMEOUT_MS ((POLL_S + 15) * 1000)
#define BACKOFF_MS_MIN 1000
#define BACKOFF_MS_MAX 60000
#define EMPTY_MS 200 /* a server that does not wait for news is not asked without a pause */
#define UPDATE_ID_MAX ((int64_t)1 << 52)
#define OPERATOR_WAIT_MS 60000 /* a wrong token, a second reader: asked again this seldom */

static void poll_now(struct telegram *t);

static void on_again(void *arg) {
    struct telegram *t = arg;
    t->h->timer_stop(t->again);
    t->again = NULL;
    poll_now(t);
}

static void later(struct telegram *t, uint64_t ms) {
    if (t->is_stopping || !t->is_held || t->again)
        return;
    t->again = t->h->timer(t->host, ms, 0, on_again, t);
}

static void backoff(struct telegram *t) {
    t->backoff_ms = t->backoff_ms ? 2 * t->backoff_ms : BACKOFF_MS_MIN;
    if (t->backoff_ms > BACKOFF_MS_MAX)
        t->backoff_ms = BACKOFF_MS_MAX;
    later(t, t->backoff_ms);
}

static void failed(struct telegram *t, const struct draht_http_answer *a) {
    struct tg_verdict v = tg_error(a, false);
    t->h->health(t->host, 0, v.reason);
    if (v.verdict == DRAHT_RETRY && v.retry_ms)
        later(t, v.retry_ms);
    else if (v.verdict == DRAHT_RETRY)
        backoff(t);
    else
        later(t, OPERATOR_WAIT_MS);
}

struct batch { /* ids of the updates under way */
    struct telegram *t;
    int64_t ids[TG_BATCH_MAX];
    size_t n;
};

static void on_batch(void *arg, size_t taken) {
    struct batch *b = arg;
    struct telegram *t = b->t;
    t->has_batch = false;
    if (taken > 0 && taken <= b->n)
        t->offset = b->ids[taken - 1] + 1;
    bool is_whole = taken >= b->n, is_empty = b->n == 0;
    free(b);
    if (!is_whole && !t->is_stopping) { /* the store is away: the rest comes again */
        backoff(t);
        return;
    }
    t->backoff_ms = 0;
    later(t, is_empty ? EMPTY_MS : 1);
}

static int64_t update_id(const json_t *v, int64_t fallback) {
    int64_t id = json_int(v, "update_id", fallback);
    return id < 0 || id > UPDATE_ID_MAX ? fallback : id;
}

static void on_updates(void *arg, const struct draht_http_answer *a) {
    struct telegram *t = arg;
    t->run = NULL;
    json_t *v = a->error || a->status != 200 ? NULL : json_parse(kit_in(a->body), 16u << 20, NULL);
    json_t *list = json_flag(v, "ok", false) ? json_object_get(v, "result") : NULL;
    if (!json_is_array(list)) {
        json_decref(v);
        failed(t, a);
        tg_idle(t);
        return;
    }
    t->h->health(t->host, 1, "");
    struct batch *b = xcalloc(1, sizeof *b);
    b->t = t;
    size_t n = json_array_size(list);
    for (size_t i = 0; i < n && b->n < TG_BATCH_MAX; i++)
        b->ids[b->n++] = update_id(json_array_get(list, i), t->offset);
    while (json_array_size(list) > b->n)
        json_array_remove(list, json_array_size(list) - 1);
    t->has_batch = true;
    json_incref(list);
    json_decref(v);
    tg_take(t, list, on_batch, b);
}

static void on_prepared(void *arg, const struct draht_http_answer *a) {
    struct telegram *t = arg;
    t->run = NULL;
    json_t *v = a->error || a->status != 200 ? NULL : json_parse(kit_in(a->body), 1 << 16, NULL);
    t->is_prepared = json_flag(v, "ok", false);
    json_decref(v);
    if (t->is_prepared)
        poll_now(t);
    else
        failed(t, a);
    tg_idle(t);
}

static void poll_now(struct telegram *t) {
    char body[200];
    if (t->is_stopping || !t->is_held || t->run || t->has_batch)
        return;
    if (!t->is_prepared) { /* Telegram answers 409 to polling while a webhook is set */
        tg_call(t, "deleteWebhook", NULL, SPAN("{}"), POLL_TIMEOUT_MS, 0, on_prepared, t, &t->run);
    } else {
        snprintf(body, sizeof body,
                 "{\"offset\":%" PRId64 ",\"timeout\":%d,\"limit\":%d,\"allowed_updates\":"
                 "[\"message\",\"edited_message\",\"my_chat_member\"]}",
                 t->offset, POLL_S, TG_BATCH_MAX);
        tg_call(t, "getUpdates", NULL, span_str(body), POLL_TIMEOUT_MS, 0, on_updates, t, &t->run);
    }
    if (!t->run)
        backoff(t);
}

void tg_poll_stop(struct telegram *t) {
    if (t->run)
        t->h->http_cancel(t->run);
    t->run = NULL;
    if (t->again)
        t->h->timer_stop(t->again);
    t->again = NULL;
}

void tg_poll_lease(void *channel, int held) {
    struct telegram *t = channel;
    t->is_held = held != 0;
    if (t->is_held) {
        poll_now(t);
        tg_album_wake(t, 0);
        return;
    }
    tg_poll_stop(t);
    t->h->health(t->host, 1, "Another gateway reads the bot's messages.");
}
