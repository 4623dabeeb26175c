/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * http_server: HTTP/1.1 and WebSocket server; libwebsockets lives only here and in ws.c. TLS when a
 * certificate is given. Requests are assembled (head, body up to the route's cap) before the
 * handler runs; bodies may instead be streamed to it. Diagnostics: peers get 400, 404, 405, 408,
 * 413, 429, 431, 503 as problem+json by itself.
 */
#ifndef DRAHT_NET_HTTP_SERVER_H
#define DRAHT_NET_HTTP_SERVER_H

#include "gateway/base/arena.h"
#include "gateway/base/span.h"
#include "gateway/net/loop.h"

#define HTTP_BODY_MAX_DEFAULT (256 * 1024)
#define HTTP_HEAD_BYTES_MAX 16384
#define HTTP_PEER_BYTES 64

struct http_server;
struct http_exchange; /* one request and its answer */

struct http_server_options {
    const char *host;               /* "127.0.0.1", "::", ... copied */
    int port;                       /* 0: ephemeral */
    const char *tls_cert, *tls_key; /* PEM paths or NULL */
    int connections_max;            /* in all */
    int connections_per_ip_max;
    int connections_loopback_max; /* the same for a loopback peer; 0: connections_per_ip_max */
    bool trust_forwarded;         /* X-Forwarded-For / -Proto of a loopback peer is believed */
};

/* Starts to listen; routes are added afterwards. NULL and fault text when the port is taken etc. */
struct fault;
struct http_server *http_server_new(struct loop *l, const struct http_server_options *o,
                                    struct fault *f);
int http_server_port(const struct http_server *s);
/* Stops accepting, closes all (WebSockets with 1012), calls cb when everything is released. */
void http_server_close(struct http_server *s, void (*cb)(void *arg), void *arg);

/* The handler must answer exactly once, now or later (http_respond*). If the peer goes away first,
 * on_gone (if set by http_on_gone) is called and answering becomes a no-op that is still required.
 */
typedef void (*http_handler_fn)(void *arg, struct http_exchange *x);

struct http_route {
    const char *methods; /* "GET", "POST PUT"; HEAD follows GET; OPTIONS is passed only if listed */
    const char *path;    /* exact, or a prefix when it ends in '/' + '*' ("/api/tickets/" "*") */
    size_t body_max;     /* 0: HTTP_BODY_MAX_DEFAULT */
    http_handler_fn handler;
    void *arg;
    /* Optional: called when the head is there, before any body. Return true to go on; false after
     * having answered (wrong token, too many uploads, ...). */
    bool (*on_head)(void *arg, struct http_exchange *x);
};
/* The struct is copied, its strings too. First match wins in order: exact, then longest prefix. */
void http_server_route(struct http_server *s, const struct http_route *r);
/* Removes all routes with this path and arg (a channel went away). */
void http_server_unroute(struct http_server *s, const char *path, void *arg);

/* Borrowed from the exchange until it is answered. */
struct span http_method(const struct http_exchange *x);
struct span http_path(const struct http_exchange *x); /* percent-decoded, normalised */
struct span http_rest(const struct http_exchange *x); /* what a '*' matched */
struct span http_query(const struct http_exchange *x,
                       const char *name); /* decoded; p NULL: absent */
struct span http_header(const struct http_exchange *x,
                        const char *name); /* lower-case name; p NULL: absent */
struct span http_cookie(const struct http_exchange *x, const char *name);
struct span http_body(const struct http_exchange *x);
const char *http_peer(const struct http_exchange *x); /* client address, for rate limits only */
bool http_is_secure(const struct http_exchange *x);   /* TLS, or X-Forwarded-Proto when trusted */
struct arena *http_arena(struct http_exchange *x);    /* lives until after the answer */

/* Before the answer; copied. Name in lower case. */
void http_set_header(struct http_exchange *x, const char *name, const char *value);
/* body is copied. content_type may be NULL when n == 0. Adds nosniff, no-referrer, no-store (unless
 * cache-control was set) and content-length. */
void http_respond(struct http_exchange *x, int status, const char *content_type, struct span body);
/* RFC 9457 problem+json: {"type":"about:blank","title":..,"status":..,"detail":..,"code":..}. */
void http_problem(struct http_exchange *x, int status, const char *code, const char *detail);
/* Sends a file region / memory that must stay valid (assets): borrowed forever. */
void http_respond_static(struct http_exchange *x, int status, const char *content_type,
                         struct span body);
void http_on_gone(struct http_exchange *x, void (*fn)(void *arg), void *arg);

#endif
