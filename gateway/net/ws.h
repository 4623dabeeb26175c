/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * ws: server side of WebSocket (RFC 6455) on the HTTP server. Frames are assembled up to the cap,
 * text is valid UTF-8 or the socket closes with 1007, too big with 1009. Pings every 25 s, closed
 * after two that were not answered. permessage-deflate is off.
 */
#ifndef DRAHT_NET_WS_H
#define DRAHT_NET_WS_H

#include "gateway/net/http_server.h"

#define WS_MESSAGE_MAX_DEFAULT (64 * 1024)
#define WS_SEND_QUEUE_BYTES_MAX (1024 * 1024) /* above: the socket is closed with 1013 */

struct ws;

struct ws_handshake {                   /* borrowed during on_open */
    struct span path, origin, protocol; /* protocol: the one that was negotiated */
    struct span host, cookie;           /* raw Cookie header */
    const char *peer;
};

struct ws_route {
    const char *path;     /* exact */
    const char *protocol; /* required subprotocol; a handshake without it gets 400 */
    size_t message_max;   /* 0: default */
    void *arg;
    /* 0 accepts; an HTTP status (400, 401, 403, 429, 503) refuses the handshake. *user_out is the
     * socket's state. */
    int (*on_handshake)(void *arg, const struct ws_handshake *h, void **user_out);
    /* The socket is open; ws stays valid until on_close returns. */
    void (*on_open)(void *user, struct ws *ws);
    void (*on_text)(void *user, struct ws *ws, struct span text); /* borrowed */
    void (*on_close)(void *user, struct ws *ws); /* also when on_open never ran (ws NULL then) */
};
void ws_server_route(struct http_server *s, const struct ws_route *r); /* copied */
void ws_server_unroute(struct http_server *s, const char *path);

/* Copied and queued. 0 or ERR_LIMIT (queue full, socket is being closed). */
int ws_send(struct ws *w, struct span text);
/* A payload shared by many sockets: one copy in memory, reference counted. */
struct ws_shared;
struct ws_shared *ws_shared_new(struct span text);     /* returned with one reference */
int ws_send_shared(struct ws *w, struct ws_shared *m); /* takes its own reference */
void ws_shared_unref(struct ws_shared *m);
void ws_close(struct ws *w, int code, const char *reason); /* on_close follows later */
const char *ws_peer(const struct ws *w);

#endif
