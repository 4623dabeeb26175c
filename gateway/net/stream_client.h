/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * stream_client: an outgoing byte stream, TCP or TLS, for protocols that libcurl does not speak
 * (SMPP): names are resolved, certificates checked, reading comes in pieces, writes are queued.
 */
#ifndef DRAHT_NET_STREAM_CLIENT_H
#define DRAHT_NET_STREAM_CLIENT_H

#include "gateway/base/span.h"
#include "gateway/net/loop.h"

struct stream_client;
struct transfers;

struct stream_client_handlers {
    void (*on_up)(void *arg);                      /* connected, TLS is done */
    void (*on_data)(void *arg, struct span bytes); /* borrowed; may close the stream */
    void (*on_down)(void *arg, const char *why);   /* once; the owner still closes */
};
struct stream_client_options {
    const char *address; /* "host:port" or "[::1]:port", copied */
    const char *ca;      /* PEM file, copied; NULL or empty: the system's authorities */
    bool is_tls;         /* 1.2 at least, the certificate must name the host */
    unsigned connect_timeout_s;
};
/* Returned; nothing is called before this returned. NULL: no memory or too many transfers. */
struct stream_client *stream_client_open(struct loop *l, struct transfers *t,
                                         const struct stream_client_options *o,
                                         const struct stream_client_handlers *h, void *arg);
/* Copied, queued in order, sent in the next turn of the loop. */
void stream_client_write(struct stream_client *c, struct span bytes);
size_t stream_client_pending_bytes(const struct stream_client *c);
/* What is queued goes out as far as the kernel takes it. No calls afterwards. Accepts NULL, sets
 * NULL. */
void stream_client_close(struct stream_client **c);

#endif
