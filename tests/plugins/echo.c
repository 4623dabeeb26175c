/* SPDX-License-Identifier: EUPL-1.2 */
/* echo: the smallest useful channel. POST in takes "id sender text", GET out hands the last reply.
 * It keeps nothing beyond the process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "channels/abi/draht_channel.h"

struct echo {
    const struct draht_host *h;
    void *host;
    char last[1024];
    size_t last_n;
};
struct waiting { /* a request that is answered when the message is durable */
    struct echo *e;
    struct draht_http *x;
};

static const struct draht_option options[] = {
    {"greeting", DRAHT_OPT_STRING, "Moin", 0, 40, NULL, DRAHT_OPT_RELOAD, "Said by nobody; shows how an option looks."},
    {NULL, DRAHT_OPT_STRING, NULL, 0, 0, NULL, 0, NULL},
};

static struct draht_span text_of(const char *s) {
    return (struct draht_span){s, strlen(s)};
}

static void on_stored(void *arg, int status, const struct draht_accepted *a) {
    struct waiting *w = arg;
    struct draht_span number = status == 0 ? a->ticket : text_of("try again");
    w->e->h->http_respond(w->x, status == 0 ? 202 : status == DRAHT_E_REJECTED ? 422 : 503, "text/plain", number);
    free(w);
}

/* The next word of *rest; the last one is all that is left. */
static struct draht_span word(struct draht_span *rest, int is_last) {
    const char *blank = is_last || !rest->n ? NULL : memchr(rest->p, ' ', rest->n);
    struct draht_span w = {rest->p, blank ? (size_t)(blank - rest->p) : rest->n};
    rest->p += w.n + (blank ? 1 : 0);
    rest->n -= w.n + (blank ? 1 : 0);
    return w;
}

static void on_in(void *channel, struct draht_http *x) {
    struct echo *e = channel;
    struct draht_span rest = e->h->http_body(x);
    struct draht_inbound m = {.size = sizeof m};
    m.external_id = word(&rest, 0);
    m.sender = m.thread = word(&rest, 0);
    m.text = word(&rest, 1);
    struct draht_thread_hint hint = {DRAHT_THREAD_KEY, m.thread};
    struct waiting *w = m.external_id.n && m.sender.n ? calloc(1, sizeof *w) : NULL;
    if (!w) {
        e->h->http_respond(x, 400, "text/plain", text_of("id sender text"));
        return;
    }
    *w = (struct waiting){e, x};
    m.hints = &hint;
    m.hints_n = 1;
    e->h->accept(e->host, &m, on_stored, w);
}

static void on_out(void *channel, struct draht_http *x) {
    struct echo *e = channel;
    e->h->http_respond(x, 200, "text/plain", (struct draht_span){e->last, e->last_n});
}

static int echo_open(const struct draht_host *h, void *host, const char *id, const char *options_json, void **out, char *err) {
    struct echo *e = calloc(1, sizeof *e);
    (void)id;
    (void)options_json;
    if (!e) {
        snprintf(err, 256, "no memory.");
        return -1;
    }
    e->h = h;
    e->host = host;
    *out = e;
    return 0;
}

static int echo_start(void *channel, char *err) {
    struct echo *e = channel;
    if (e->h->route(e->host, "POST", "/in", 8192, on_in) < 0 || e->h->route(e->host, "GET", "/out", 0, on_out) < 0) {
        snprintf(err, 256, "the routes could not be set.");
        return -1;
    }
    e->h->health(e->host, 1, "");
    return 0;
}

static void echo_stop(void *channel, draht_done_fn done, void *arg) {
    (void)channel;
    done(arg, 0);
}

static int echo_send(void *channel, const struct draht_outbound *m, struct draht_token *t) {
    struct echo *e = channel;
    e->last_n = m->text.n < sizeof e->last ? m->text.n : sizeof e->last;
    memcpy(e->last, m->text.p ? m->text.p : "", e->last_n);
    e->h->settle(t, DRAHT_SENT, (struct draht_span){0}, 0);
    return 1;
}

static const struct draht_channel_ops echo_ops = {.size = sizeof(struct draht_channel_ops),
                                                  .caps = DRAHT_CAP_IDEMPOTENT,
                                                  .type = "echo",
                                                  .options = options,
                                                  .concurrency = 1,
                                                  .open = echo_open,
                                                  .start = echo_start,
                                                  .stop = echo_stop,
                                                  .close = free,
                                                  .send = echo_send};

const struct draht_channel_ops *draht_channel_plugin(uint32_t host_major);

const struct draht_channel_ops *draht_channel_plugin(uint32_t host_major) {
    return host_major == DRAHT_ABI_MAJOR ? &echo_ops : NULL;
}
