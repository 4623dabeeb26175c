/* SPDX-License-Identifier: EUPL-1.2 */
/* desk: an answer waits as a task until a person says that it was done; that is its delivery. */
#include "channels/desk/desk.h"

#include <stdio.h>
#include <stdlib.h>

#include "channels/desk/note.h"
#include "channels/kit/kit.h"
#include "gateway/base/error.h"
#include "gateway/base/json.h"

#define KEEP_MS (400LL * 86400000)
#define PHONE_DIGITS_MIN 5

struct desk {
    const struct draht_host *h;
    void *host;
};
struct task { /* one answer on its way into the list */
    struct desk *d;
    struct draht_token *t;
    struct arena *arena;
    struct draht_span key, message;
};

static const struct draht_option options[] = {
    {"return_address", DRAHT_OPT_STRING, "", 0, 200, NULL, 0,
     "The city's own address in one line, above the address of a letter."},
    {NULL, DRAHT_OPT_STRING, NULL, 0, 0, NULL, 0, NULL},
};

/* NULL when nobody can be reached that way; reason: why, as the code that the inbox has words for.
 */
static const char *kind_of(struct span to, const char **reason) {
    size_t digits = 0, others = 0;
    *reason = "desk_no_address";
    if (to.n == 0 || span_istarts(to, "desk:"))
        return NULL;
    for (size_t i = 0; i < to.n; i++) {
        digits += to.p[i] >= '0' && to.p[i] <= '9';
        others += !strchr("0123456789 +-/().", to.p[i]);
    }
    if (others == 0 && digits >= PHONE_DIGITS_MIN)
        return DESK_CALL;
    *reason = "desk_mail_address";
    return memchr(to.p, '@', to.n) && !memchr(to.p, ' ', to.n) ? NULL : DESK_LETTER;
}

static void finish(struct task *x, int status) {
    if (status == 0) {
        x->d->h->part_done(x->t, 1, x->message);
        x->d->h->settle(x->t, DRAHT_SENT, (struct draht_span){0}, 0);
    } else {
        x->d->h->settle(x->t, DRAHT_RETRY, kit_str("The store cannot be reached."), 0);
    }
    arena_free(&x->arena);
    free(x);
}

static void on_ranked(void *arg, int status) {
    finish(arg, status);
}

static void on_kept(void *arg, int status) {
    struct task *x = arg;
    int64_t now = x->d->h->now_ms(x->d->host);
    if (status < 0)
        finish(x, status);
    else
        x->d->h->state_rank(x->d->host, kit_str(DESK_INDEX), x->key, now, now - KEEP_MS, on_ranked,
                            x);
}

static int desk_send(void *channel, const struct draht_outbound *m, struct draht_token *t) {
    struct desk *d = channel;
    const char *reason, *kind = kind_of(kit_in(m->recipient), &reason);
    if (m->flags & DRAHT_OUT_AUTOMATIC) { /* whoever took it down has told the number already */
        d->h->settle(t, DRAHT_SENT, (struct draht_span){0}, 0);
        return 1;
    }
    if (!kind) {
        d->h->settle(t, DRAHT_REJECTED, kit_str(reason), 0);
        return 1;
    }
    if (m->attachments_n && strcmp(kind, DESK_CALL) == 0) {
        d->h->settle(t, DRAHT_REJECTED, kit_str("desk_no_files"), 0);
        return 1;
    }
    struct task *x = xcalloc(1, sizeof *x);
    x->d = d;
    x->t = t;
    x->arena = arena_new();
    const char *id = arena_strndup(x->arena, m->message.p, m->message.n);
    x->message = kit_str(id);
    x->key = kit_str(arena_printf(x->arena, DESK_TASK "%s", id));
    json_t *o = json_object();
    json_puts(o, "message", id);
    json_put(o, "ticket", kit_in(m->ticket));
    json_puts(o, "kind", kind);
    json_puti(o, "at", d->h->now_ms(d->host));
    char *text = json_text(o);
    d->h->state_set(d->host, x->key, kit_str(text), KEEP_MS, on_kept, x);
    free(text);
    json_decref(o);
    return 0;
}

static int desk_open(const struct draht_host *h, void *host, const char *id,
                     const char *options_json, void **channel_out, char *err) {
    struct desk *d = xcalloc(1, sizeof *d);
    (void)id, (void)options_json, (void)err;
    d->h = h;
    d->host = host;
    *channel_out = d;
    return 0;
}

static int desk_start(void *channel, char *err) {
    struct desk *d = channel;
    (void)err;
    d->h->health(d->host, 1, "");
    return 0;
}

static void desk_stop(void *channel, draht_done_fn done, void *arg) {
    (void)channel;
    done(arg, 0);
}

static void desk_close(void *channel) {
    free(channel);
}

const struct draht_channel_ops desk_ops = {
    .size = sizeof(struct draht_channel_ops),
    .caps =
        DRAHT_CAP_ATTACHMENTS | DRAHT_CAP_DELIVERED | DRAHT_CAP_IDEMPOTENT | DRAHT_CAP_UNTHREADED,
    .type = "desk",
    .options = options,
    .text_max = 10000,
    .concurrency = 8,
    .open = desk_open,
    .start = desk_start,
    .stop = desk_stop,
    .close = desk_close,
    .send = desk_send,
    .normalize = desk_normalize,
};
