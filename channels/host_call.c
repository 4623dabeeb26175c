/* SPDX-License-Identifier: EUPL-1.2 */
/* host_call: requests of channels that stream, follow redirects or reach a peer that the operator
 * named. Each can be cancelled, and none outlives its channel. */
#include "channels/host_private.h"

#include <stdlib.h>

enum { REDIRECTS_MAX = 5 };
#define ANSWER_BYTES_MAX ((uint64_t)128 << 20)

struct draht_http_run {
    struct host_channel *owner;
    struct draht_http_run *next, **prev;
    struct http_call *call;
    void (*on_chunk)(void *arg, struct draht_span bytes);
    draht_http_answer_fn done;
    void *arg;
    struct host_log_request log; /* its texts lie in what */
    char *what;
    int64_t begun_ms, streamed;
};

static void unlink_run(struct draht_http_run *r) {
    *r->prev = r->next;
    if (r->next)
        r->next->prev = r->prev;
}

static void on_chunk(void *arg, struct span bytes) {
    struct draht_http_run *r = arg;
    r->streamed += (int64_t)bytes.n;
    r->on_chunk(r->arg, host_dspan(bytes));
}

static void on_answer(void *arg, const struct http_answer *a) {
    struct draht_http_run *r = arg;
    struct draht_http_answer out = {.size = sizeof out,
                                    .status = a->status,
                                    .error = a->error,
                                    .body = host_dspan(a->body),
                                    .retry_after_ms = a->retry_after_ms,
                                    .head = host_dspan(a->headers),
                                    .is_unsent = a->is_unsent};
    host_log_answered(r->owner, &r->log, r->begun_ms, a, r->streamed + (int64_t)a->body.n);
    unlink_run(r);
    if (host_unpend(r->owner) && r->done)
        r->done(r->arg, &out);
    free(r->what);
    free(r);
}

struct draht_http_run *host_http_call(void *host, const struct draht_http_call *from) {
    struct host_channel *c = host;
    struct draht_http_call k = {.size = sizeof k};
    host_extend(&k, sizeof k, from);
    if (!c->host->o.client || !k.url)
        return NULL;
    struct draht_http_run *r = xcalloc(1, sizeof *r);
    r->owner = c;
    r->on_chunk = k.on_chunk;
    r->done = k.done;
    r->arg = k.arg;
    r->begun_ms = host_now(c->host);
    r->what = host_log_begin(&r->log, k.method, k.url, k.body.n);
    struct http_request q = {
        .method = k.method,
        .url = k.url,
        .headers = k.headers,
        .body = host_span(k.body),
        .timeout_ms = k.timeout_ms,
        .answer_max = (size_t)(k.answer_max < ANSWER_BYTES_MAX ? k.answer_max : ANSWER_BYTES_MAX),
        .allow_private = (k.flags & DRAHT_HTTP_OPERATOR) != 0,
        .is_once = (k.flags & DRAHT_HTTP_ONCE) != 0,
        .redirects_max = (k.flags & DRAHT_HTTP_REDIRECT) ? REDIRECTS_MAX : 0,
        .on_chunk = k.on_chunk ? on_chunk : NULL,
    };
    r->call = http_client_send(c->host->o.client, &q, on_answer, r);
    if (!r->call) {
        r->log.error = ERR_FORBIDDEN;
        host_log_request(c, &r->log);
        free(r->what);
        free(r);
        return NULL;
    }
    r->next = c->runs;
    r->prev = &c->runs;
    if (r->next)
        r->next->prev = &r->next;
    c->runs = r;
    host_pend(c);
    return r;
}

void host_http_cancel(struct draht_http_run *r) {
    struct host_channel *c = r->owner;
    unlink_run(r);
    r->log.error = UV_ECANCELED;
    r->log.ms = host_now(c->host) - r->begun_ms;
    host_log_request(c, &r->log);
    http_client_cancel(r->call);
    free(r->what);
    free(r);
    host_unpend(c);
}

void host_runs_drop(struct host_channel *c, bool only_streams) {
    for (struct draht_http_run *r = c->runs, *next; r; r = next) {
        next = r->next;
        if (!only_streams || r->on_chunk)
            host_http_cancel(r);
    }
}
