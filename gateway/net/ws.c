/* SPDX-License-Identifier: EUPL-1.2 */
/* ws: handshake, assembling of fragments and the send queue of one WebSocket. An idle socket holds
 * struct ws and nothing else of ours. */
#include "gateway/net/ws.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/error.h"
#include "gateway/base/log.h"
#include "gateway/base/utf8.h"
#include "gateway/net/http_internal.h"

#define REASON_BYTES 64
#define WRITES_A_TURN 64
#define CLOSE_SECONDS 3

struct ws_shared {
    unsigned refs;
    size_t n;
    unsigned char bytes[]; /* LWS_PRE of room for the frame's head, then the text */
};

struct item {
    struct item *next;
    struct ws_shared *m;
};

struct ws {
    struct http_conn *conn;
    void *user;
    void (*on_open)(void *user, struct ws *ws);
    void (*on_text)(void *user, struct ws *ws, struct span text);
    void (*on_close)(void *user, struct ws *ws);
    size_t message_max, queued_bytes;
    struct item *first, *last;
    struct buf in;
    int close_code;
    bool is_open, close_sent;
    char *peer, *reason; /* peer only when it is not the connection's own */
};

/* ---- routes ---- */

static bool bind_name(struct http_server *s, const char *protocol) {
    for (size_t i = 0; i < WS_PROTOCOLS_MAX; i++)
        if (strcmp(s->ws_names[i], protocol) == 0)
            return true;
    for (size_t i = 0; i < WS_PROTOCOLS_MAX; i++) {
        if (!strchr(s->ws_names[i], ' '))
            continue;
        snprintf(s->ws_names[i], WS_PROTOCOL_BYTES, "%s", protocol);
        return true;
    }
    return false;
}

void ws_server_route(struct http_server *s, const struct ws_route *r) {
    if (!bind_name(s, r->protocol)) {
        log_error("ws.route", "too many subprotocols, max=%d", WS_PROTOCOLS_MAX);
        return;
    }
    s->ws_routes = xrealloc(s->ws_routes, (s->ws_routes_n + 1) * sizeof *s->ws_routes);
    struct ws_route *mine = &s->ws_routes[s->ws_routes_n++];
    *mine = *r;
    mine->path = xstrdup(r->path);
    mine->protocol = xstrdup(r->protocol);
    if (mine->message_max == 0)
        mine->message_max = WS_MESSAGE_MAX_DEFAULT;
}

void ws_server_unroute(struct http_server *s, const char *path) {
    size_t kept = 0;
    for (size_t i = 0; i < s->ws_routes_n; i++) {
        if (strcmp(s->ws_routes[i].path, path) != 0) {
            s->ws_routes[kept++] = s->ws_routes[i];
            continue;
        }
        free((char *)s->ws_routes[i].path);
        free((char *)s->ws_routes[i].protocol);
    }
    s->ws_routes_n = kept;
}

/* ---- handshake ---- */

static int refuse(struct http_conn *c, int status) {
    char body[128], text[LWS_PRE + 384];
    const char *reason = http_text_reason(status);
    int n = snprintf(body, sizeof body, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d}",
                     reason, status);
    n = snprintf(text + LWS_PRE, sizeof text - LWS_PRE,
                 "HTTP/1.1 %d %s\r\ncontent-type: application/problem+json\r\n"
                 "connection: close\r\ncontent-length: %d\r\n\r\n%s",
                 status, reason, n, body);
    lws_write(c->wsi, (unsigned char *)text + LWS_PRE, (size_t)n, LWS_WRITE_HTTP);
    return -1;
}

/* lws takes the client's first name that any route knows; it has to be this route's. */
static bool would_choose(const struct http_server *s, struct span offered, const char *wanted) {
    while (offered.p) {
        struct span one = span_trim(span_cut(&offered, ','));
        for (size_t i = 0; i < WS_PROTOCOLS_MAX; i++)
            if (span_eq(one, s->ws_names[i]))
                return span_eq(one, wanted);
    }
    return false;
}

static struct ws *make(struct http_conn *c, const struct ws_route *r, const char *peer,
                       void *user) {
    struct ws *w = xcalloc(1, sizeof *w);
    w->conn = c;
    w->user = user;
    w->on_open = r->on_open;
    w->on_text = r->on_text;
    w->on_close = r->on_close;
    w->message_max = r->message_max;
    if (strcmp(peer, c->peer) != 0)
        w->peer = xstrdup(peer);
    return w;
}

static int handshake(struct http_conn *c, struct arena *a) {
    char path[512];
    if (c->ws || c->server->closing)
        return refuse(c, 503);
    int n = lws_hdr_copy(c->wsi, path, sizeof path, WSI_TOKEN_GET_URI);
    const struct ws_route *r = NULL;
    for (size_t i = 0; n > 0 && i < c->server->ws_routes_n; i++)
        if (strcmp(c->server->ws_routes[i].path, path) == 0)
            r = &c->server->ws_routes[i];
    if (!r)
        return refuse(c, 404);
    struct span version = http_wsi_header(c->wsi, a, "sec-websocket-version");
    struct span key = http_wsi_header(c->wsi, a, "sec-websocket-key");
    struct span offered = http_wsi_header(c->wsi, a, "sec-websocket-protocol");
    if (!span_eq(span_trim(version), "13"))
        return refuse(c, 426);
    if (span_trim(key).n != 24 || !would_choose(c->server, offered, r->protocol))
        return refuse(c, 400);
    char peer[HTTP_PEER_BYTES];
    bool secure = false;
    http_wsi_peer(c, a, peer, &secure);
    struct ws_handshake h = {.path = span_str(path),
                             .origin = http_wsi_header(c->wsi, a, "origin"),
                             .protocol = span_str(r->protocol),
                             .host = http_wsi_header(c->wsi, a, "host"),
                             .cookie = http_wsi_header(c->wsi, a, "cookie"),
                             .peer = peer};
    void *user = NULL;
    int status = r->on_handshake ? r->on_handshake(r->arg, &h, &user) : 0;
    if (status != 0)
        return refuse(c, status);
    c->ws = make(c, r, peer, user);
    return 0;
}

int ws_confirm_upgrade(struct http_conn *c) {
    struct arena *a = arena_new();
    int rc = handshake(c, a);
    arena_free(&a);
    return rc;
}

/* ---- receiving ---- */

static void drop_first(struct ws *w) {
    struct item *it = w->first;
    w->first = it->next;
    if (!w->first)
        w->last = NULL;
    w->queued_bytes -= it->m->n;
    ws_shared_unref(it->m);
    free(it);
}

static int fail(struct ws *w, int code, const char *reason) {
    while (w->first)
        drop_first(w); /* nothing may follow the close frame */
    w->close_code = code;
    w->close_sent = true;
    lws_close_reason(w->conn->wsi, (enum lws_close_status)code, (unsigned char *)(uintptr_t)reason,
                     strlen(reason));
    return -1;
}

static int deliver(struct ws *w, struct span text) {
    if (!utf8_is_valid(text))
        return fail(w, 1007, "not UTF-8");
    w->on_text(w->user, w, text);
    return 0;
}

static int received(struct ws *w, struct span part) {
    struct lws *wsi = w->conn->wsi;
    if (w->close_code)
        return 0;
    if (lws_frame_is_binary(wsi))
        return fail(w, 1003, "text only");
    size_t to_come = lws_remaining_packet_payload(wsi);
    if (part.n + to_come > w->message_max - w->in.n)
        return fail(w, 1009, "too long");
    bool last = lws_is_final_fragment(wsi) && to_come == 0;
    if (last && w->in.n == 0) /* the usual case: whole in one piece, no copy */
        return deliver(w, part);
    buf_add(&w->in, part.p, part.n);
    if (!last)
        return 0;
    struct buf whole = w->in;
    w->in = (struct buf){0};
    int rc = deliver(w, buf_span(&whole));
    buf_free(&whole);
    return rc;
}

/* ---- sending ---- */

struct ws_shared *ws_shared_new(struct span text) {
    struct ws_shared *m = xcalloc(1, sizeof *m + LWS_PRE + text.n);
    m->refs = 1;
    m->n = text.n;
    if (text.n > 0)
        memcpy(m->bytes + LWS_PRE, text.p, text.n);
    return m;
}

void ws_shared_unref(struct ws_shared *m) {
    if (m && --m->refs == 0)
        free(m);
}

int ws_send_shared(struct ws *w, struct ws_shared *m) {
    if (w->close_code)
        return ERR_LIMIT;
    if (w->queued_bytes + m->n > WS_SEND_QUEUE_BYTES_MAX) {
        ws_close(w, 1013, "too slow");
        return ERR_LIMIT;
    }
    struct item *it = xcalloc(1, sizeof *it);
    it->m = m;
    m->refs++;
    if (w->last)
        w->last->next = it;
    else
        w->first = it;
    w->last = it;
    w->queued_bytes += m->n;
    if (w->is_open)
        lws_callback_on_writable(w->conn->wsi);
    return 0;
}

int ws_send(struct ws *w, struct span text) {
    struct ws_shared *m = ws_shared_new(text);
    int rc = ws_send_shared(w, m);
    ws_shared_unref(m);
    return rc;
}

/* A negative return from the writeable callback would cut the connection without a close frame, so
 * the frame is written here; the peer's own ends it, or the time limit of ws_close. */
static int send_close(struct ws *w) {
    unsigned char frame[LWS_PRE + 4 + REASON_BYTES];
    unsigned char *p = frame + LWS_PRE;
    size_t n = w->reason ? strlen(w->reason) : 0;
    p[0] = 0x88; /* FIN, close */
    p[1] = (unsigned char)(n + 2);
    p[2] = (unsigned char)(w->close_code >> 8);
    p[3] = (unsigned char)w->close_code;
    if (n > 0)
        memcpy(p + 4, w->reason, n);
    w->close_sent = true;
    /* LWS_WRITE_HTTP is for lws "as it is", also on a WebSocket. */
    return lws_write(w->conn->wsi, p, n + 4, LWS_WRITE_HTTP) < 0 ? -1 : 0;
}

static int writeable(struct ws *w) {
    struct lws *wsi = w->conn->wsi;
    for (int i = 0; w->first && i < WRITES_A_TURN; i++) {
        struct ws_shared *m = w->first->m;
        if (lws_write(wsi, m->bytes + LWS_PRE, m->n, LWS_WRITE_TEXT) < 0)
            return -1;
        drop_first(w);
        if (lws_send_pipe_choked(wsi))
            break;
    }
    if (w->first)
        lws_callback_on_writable(wsi);
    else if (w->close_code && !w->close_sent)
        return send_close(w);
    return 0;
}

void ws_close(struct ws *w, int code, const char *reason) {
    if (w->close_code)
        return;
    w->close_code = code > 0 ? code : 1000;
    w->reason = reason ? xstrndup(reason, strnlen(reason, REASON_BYTES)) : NULL;
    if (code == 1013) /* it does not read: its queue would never drain */
        while (w->first)
            drop_first(w);
    if (!w->is_open)
        return;
    lws_set_timeout(w->conn->wsi, PENDING_TIMEOUT_CLOSE_SEND, CLOSE_SECONDS);
    lws_callback_on_writable(w->conn->wsi);
}

const char *ws_peer(const struct ws *w) {
    return w->peer ? w->peer : w->conn->peer;
}

/* ---- life ---- */

void ws_conn_gone(struct http_conn *c) {
    struct ws *w = c->ws;
    if (!w)
        return;
    c->ws = NULL;
    if (!w->close_code)
        w->close_code = 1006; /* nothing is sent from inside on_close */
    if (w->on_close)
        w->on_close(w->user, w->is_open ? w : NULL);
    while (w->first)
        drop_first(w);
    buf_free(&w->in);
    free(w->peer);
    free(w->reason);
    free(w);
}

int ws_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n) {
    struct http_conn *c = wsi ? lws_get_opaque_user_data(wsi) : NULL;
    struct ws *w = c ? c->ws : NULL;
    (void)user;
    if (!w)
        return reason == LWS_CALLBACK_ESTABLISHED ? -1 : 0;
    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        w->is_open = true;
        if (w->on_open)
            w->on_open(w->user, w);
        if (w->first || w->close_code)
            lws_callback_on_writable(wsi);
        return 0;
    case LWS_CALLBACK_RECEIVE:
        return received(w, (struct span){in, n});
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return writeable(w);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE: /* that answers ours: no second one */
        return w->close_sent ? -1 : 0;
    case LWS_CALLBACK_CLOSED:
        ws_conn_gone(c);
        return 0;
    default:
        return 0;
    }
}
