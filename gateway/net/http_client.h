/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * http_client: outgoing HTTP(S) requests with the egress guard: only http and https, the address is
 * checked after DNS and again after each redirect, private and local networks are refused unless
 * allow_private (a configured peer of the operator's).
 */
#ifndef DRAHT_NET_HTTP_CLIENT_H
#define DRAHT_NET_HTTP_CLIENT_H

#include "gateway/base/span.h"
#include "gateway/net/transfer.h"

struct http_client;
struct http_call;

struct http_request {
    const char *method, *url;
    const char *const *headers; /* "Name: value", NULL-terminated, or NULL */
    struct span body;
    uint32_t timeout_ms; /* 0: 30,000 */
    size_t answer_max;   /* 0: 1 MiB; above: ERR_TOO_LARGE */
    bool allow_private;
    bool is_once;      /* on a connection of its own, so that libcurl never repeats the request */
    int redirects_max; /* 0: none */
    /* Given: the body of an answer with status 200 comes here as it arrives, and timeout_ms is the
     * longest silence instead of the whole time. May call http_client_cancel. */
    void (*on_chunk)(void *arg, struct span bytes);
};
struct http_answer { /* borrowed during the callback */
    int status;      /* 0 when error < 0 */
    int error;       /* 0, ERR_TIMEOUT, ERR_FORBIDDEN (egress), ERR_TOO_LARGE, ERR_UNAVAILABLE */
    struct span body;
    struct span headers;    /* raw head of the last answer */
    int64_t retry_after_ms; /* from Retry-After, -1: none */
    bool is_unsent;         /* with error: not a byte of the request went out */
};
typedef void (*http_answer_fn)(void *arg, const struct http_answer *a);

struct http_client *http_client_new(struct transfers *t);
void http_client_free(struct http_client **c); /* cancels all, callbacks do not run */
/* Everything is copied. Returned handle is valid until the callback. NULL when the URL is refused
 * at once (cb not called). */
struct http_call *http_client_send(struct http_client *c, const struct http_request *r,
                                   http_answer_fn cb, void *arg);
/* The callback does not run any more. Also from within on_chunk. */
void http_client_cancel(struct http_call *call);

#endif
