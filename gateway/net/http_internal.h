/* SPDX-License-Identifier: EUPL-1.2 */
/* http_internal: what http_server.c (listener, routes, connections), http_exchange.c (one request)
 * and ws.c share. Private to the three; the only place besides them that includes libwebsockets. */
#ifndef DRAHT_NET_HTTP_INTERNAL_H
#define DRAHT_NET_HTTP_INTERNAL_H

#include <libwebsockets.h>

#include "gateway/base/buf.h"
#include "gateway/net/http_server.h"
#include "gateway/net/http_text.h"
#include "gateway/net/ws.h"

#define WS_PROTOCOLS_MAX 16 /* lws wants its table at start; the names are filled in by routes */
#define WS_PROTOCOL_BYTES 64

struct http_conn { /* one TCP connection; lws' opaque user data */
    struct http_server *server;
    struct http_conn *prev, *next;
    struct lws *wsi;
    struct http_exchange *x;
    struct ws *ws;
    struct loop_timer *drain;
    bool draining;  /* answered before the body was read: swallow the rest, then close */
    bool listed_ip; /* counts towards the cap of its address */
    char peer[HTTP_PEER_BYTES];
};

struct http_server {
    struct loop *loop;
    struct lws_context *context;
    struct lws_vhost *vhost;
    uv_poll_t accept;
    int listen_fd, port, conns_n, conns_max, per_ip_max, loopback_max;
    bool has_tls, trust_forwarded, closing, accept_closed;
    struct http_conn *conns;
    struct http_route *routes;
    size_t routes_n;
    struct ws_route *ws_routes;
    size_t ws_routes_n;
    char ws_names[WS_PROTOCOLS_MAX][WS_PROTOCOL_BYTES];
    struct lws_protocols protocols[WS_PROTOCOLS_MAX + 2];
    void (*closed_cb)(void *arg);
    void *closed_arg;
    struct loop_timer *closing_timer, *watch_timer;
    int closing_turns;
};

struct http_exchange {
    struct http_server *server;
    struct http_conn *conn; /* NULL: the peer is gone */
    struct arena *arena;
    struct http_route route; /* by value: the route may be removed meanwhile */
    struct span method, path, rest;
    struct span *args; /* decoded "name=value" */
    size_t args_n;
    char peer[HTTP_PEER_BYTES];
    bool is_secure, is_head, chunked, body_done, answered, close_after;
    struct http_chunks chunks;
    size_t body_expected;
    uint64_t body_since_ms;
    struct buf body, headers, out;
    struct span rest_out; /* static body behind out */
    size_t out_at;
    void (*gone)(void *arg);
    void *gone_arg;
};

/* A header by lower-case name, copied to the arena; p NULL: absent. */
struct span http_wsi_header(struct lws *wsi, struct arena *a, const char *name);
/* The client's address, and whether the way to it is encrypted, with X-Forwarded-* when trusted. */
void http_wsi_peer(struct http_conn *c, struct arena *a, char out[HTTP_PEER_BYTES], bool *secure);
/* lws callbacks of a request; the result goes back to lws. */
int http_exchange_begin(struct http_conn *c);
int http_exchange_body(struct http_conn *c, struct span in);
int http_exchange_body_done(struct http_conn *c);
int http_exchange_writeable(struct http_conn *c);
void http_exchange_peer_gone(struct http_conn *c);
/* Closes connections whose peer left while it waited for an answer: lws does not look then. */
void http_exchange_watch(void *server);
/* The route of a path and method; *status is 404 or 405 when NULL. */
const struct http_route *http_route_find(const struct http_server *s, struct span path,
                                         struct span method, int *status);

int ws_confirm_upgrade(struct http_conn *c);
int ws_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n);
void ws_conn_gone(struct http_conn *c);

#endif
