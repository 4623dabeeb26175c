/* SPDX-License-Identifier: EUPL-1.2 */
/* http_server: listener, connection limits, routes, the dispatch of lws' callbacks and the end of
 * it all. We accept ourselves and hand the socket over, so that limits are met before lws spends
 * memory and an ephemeral port is known. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/error.h"
#include "gateway/base/log.h"
#include "gateway/net/http_internal.h"

#define BACKLOG 1024
#define HEAD_SECONDS 10
#define KEEPALIVE_SECONDS 30
#define ACCEPTS_A_TURN 64
#define CLOSE_TICK_MS 20
#define WATCH_MS 500
#define CLOSE_TICKS_MAX 100 /* 2 s for peers to answer the close */

static const lws_retry_bo_t ping_policy = {.secs_since_valid_ping = 25,
                                           .secs_since_valid_hangup = 75};

/* ---- connections ---- */

static void conn_gone(struct http_conn *c) {
    struct http_server *s = c->server;
    http_exchange_peer_gone(c);
    ws_conn_gone(c);
    loop_timer_stop(&c->drain);
    if (c->prev)
        c->prev->next = c->next;
    else
        s->conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
    s->conns_n--;
    free(c);
}

static int http_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                         size_t n) {
    struct http_conn *c = wsi ? lws_get_opaque_user_data(wsi) : NULL;
    (void)user;
    if (!c)
        return 0;
    switch (reason) {
    case LWS_CALLBACK_HTTP:
        return http_exchange_begin(c);
    case LWS_CALLBACK_HTTP_BODY:
        return http_exchange_body(c, (struct span){in, n});
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        return http_exchange_body_done(c);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return http_exchange_writeable(c);
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return span_ieq(span_str(in), "websocket") ? ws_confirm_upgrade(c) : -1;
    case LWS_CALLBACK_CLOSED_HTTP:
        http_exchange_peer_gone(c);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        lws_set_opaque_user_data(wsi, NULL);
        conn_gone(c);
        return 0;
    default:
        return 0;
    }
}

static bool is_loopback(const char *peer) {
    return strncmp(peer, "127.", 4) == 0 || strcmp(peer, "::1") == 0;
}

static bool is_full_for(const struct http_server *s, const char *peer) {
    bool is_local = is_loopback(peer);
    int max = is_local && s->loopback_max > 0 ? s->loopback_max : s->per_ip_max, same = 0;
    if (max <= 0 || (s->trust_forwarded && is_local))
        return false;
    if (s->conns_n < max)
        return false;
    for (const struct http_conn *c = s->conns; c; c = c->next)
        if (c->listed_ip && strcmp(c->peer, peer) == 0)
            same++;
    return same >= max;
}

static void name_address(const struct sockaddr_storage *a, char out[HTTP_PEER_BYTES]) {
    snprintf(out, HTTP_PEER_BYTES, "unknown");
    if (a->ss_family == AF_INET) {
        inet_ntop(AF_INET, &((const struct sockaddr_in *)a)->sin_addr, out, HTTP_PEER_BYTES);
    } else if (a->ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)a)->sin6_addr, out, HTTP_PEER_BYTES);
        if (strncmp(out, "::ffff:", 7) == 0 && strchr(out, '.'))
            memmove(out, out + 7, strlen(out + 7) + 1);
    }
}

static void take_in(struct http_server *s, int fd, const struct sockaddr_storage *from) {
    char peer[HTTP_PEER_BYTES];
    name_address(from, peer);
    if ((s->conns_max > 0 && s->conns_n >= s->conns_max) || is_full_for(s, peer)) {
        close(fd);
        return;
    }
    struct lws *wsi = lws_adopt_socket_vhost(s->vhost, fd); /* closes fd when it fails */
    if (!wsi)
        return;
    struct http_conn *c = xcalloc(1, sizeof *c);
    c->server = s;
    c->wsi = wsi;
    c->listed_ip = true;
    memcpy(c->peer, peer, sizeof peer);
    c->next = s->conns;
    if (c->next)
        c->next->prev = c;
    s->conns = c;
    s->conns_n++;
    lws_set_opaque_user_data(wsi, c);
}

static void peers_wait(uv_poll_t *h, int status, int events) {
    struct http_server *s = h->data;
    (void)events;
    if (status < 0)
        return;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        struct sockaddr_storage from = {0};
        socklen_t n = sizeof from;
        int fd = accept4(s->listen_fd, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        take_in(s, fd, &from);
    }
}

/* ---- start ---- */

static int listen_on(struct http_server *s, const char *host, int port) {
    struct sockaddr_storage a = {0};
    socklen_t n = sizeof a;
    if (uv_ip4_addr(host, port, (struct sockaddr_in *)&a) != 0 &&
        uv_ip6_addr(host, port, (struct sockaddr_in6 *)&a) != 0)
        return UV_EINVAL;
    int one = 1, zero = 0;
    s->listen_fd = socket(a.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->listen_fd < 0)
        return uv_translate_sys_error(errno);
    setsockopt(s->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (a.ss_family == AF_INET6)
        setsockopt(s->listen_fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    /* What is accepted inherits it: a small frame must not wait for the peer's delayed answer. */
    setsockopt(s->listen_fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    n = a.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (bind(s->listen_fd, (struct sockaddr *)&a, n) != 0 || listen(s->listen_fd, BACKLOG) != 0)
        return uv_translate_sys_error(errno);
    n = sizeof a;
    getsockname(s->listen_fd, (struct sockaddr *)&a, &n);
    s->port = ntohs(((struct sockaddr_in *)&a)->sin_port);
    return 0;
}

static void lws_said(int level, const char *line) {
    (void)level;
    log_warn("http.library", "text=\"%.200s\"", line);
}

static void fill_protocols(struct http_server *s) {
    s->protocols[0] = (struct lws_protocols){.name = "http", .callback = http_callback};
    for (size_t i = 0; i < WS_PROTOCOLS_MAX; i++) {
        /* No client can name it: a space is not allowed in a token. */
        snprintf(s->ws_names[i], WS_PROTOCOL_BYTES, "free %zu", i);
        s->protocols[i + 1] = (struct lws_protocols){
            .name = s->ws_names[i], .callback = ws_callback, .rx_buffer_size = 1024};
    }
}

static bool make_context(struct http_server *s, const struct http_server_options *o) {
    void *loops[1] = {loop_uv(s->loop)};
    struct lws_context_creation_info info = {0};
    fill_protocols(s);
    info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
    info.protocols = s->protocols;
    info.foreign_loops = loops;
    info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
    if (o->tls_cert && o->tls_key) {
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
        info.ssl_cert_filepath = o->tls_cert;
        info.ssl_private_key_filepath = o->tls_key;
        info.alpn = "http/1.1";
        s->has_tls = true;
    }
    info.gid = -1;
    info.uid = -1;
    info.max_http_header_data = HTTP_HEAD_BYTES_MAX;
    info.max_http_header_pool =
        (unsigned short)(s->conns_max > 0 && s->conns_max < 60000 ? s->conns_max : 60000);
    info.timeout_secs = HEAD_SECONDS;
    info.keepalive_timeout = KEEPALIVE_SECONDS;
    info.retry_and_idle_policy = &ping_policy;
    info.pcontext = &s->context;
    lws_set_log_level(LLL_ERR, lws_said);
    s->context = lws_create_context(&info);
    if (!s->context)
        return false;
    s->vhost = lws_create_vhost(s->context, &info);
    return s->vhost != NULL;
}

static void release(struct http_server *s) {
    for (size_t i = 0; i < s->routes_n; i++) {
        free((char *)s->routes[i].methods);
        free((char *)s->routes[i].path);
    }
    for (size_t i = 0; i < s->ws_routes_n; i++) {
        free((char *)s->ws_routes[i].path);
        free((char *)s->ws_routes[i].protocol);
    }
    free(s->routes);
    free(s->ws_routes);
    free(s);
}

struct http_server *http_server_new(struct loop *l, const struct http_server_options *o,
                                    struct fault *f) {
    struct http_server *s = xcalloc(1, sizeof *s);
    s->loop = l;
    s->listen_fd = -1;
    s->conns_max = o->connections_max;
    s->per_ip_max = o->connections_per_ip_max;
    s->loopback_max = o->connections_loopback_max;
    s->trust_forwarded = o->trust_forwarded;
    int rc = listen_on(s, o->host, o->port);
    if (rc != 0) {
        fault_set(f, rc, "cannot listen on %s port %d: %s", o->host, o->port, uv_strerror(rc));
    } else if (!make_context(s, o)) {
        rc = fault_set(f, ERR_INVALID,
                       "the HTTP server cannot start (certificate or key unreadable?)");
    }
    if (rc == 0) {
        uv_poll_init(loop_uv(l), &s->accept, s->listen_fd);
        s->accept.data = s;
        uv_poll_start(&s->accept, UV_READABLE, peers_wait);
        s->watch_timer = loop_timer(l, WATCH_MS, WATCH_MS, http_exchange_watch, s);
        return s;
    }
    if (s->listen_fd >= 0)
        close(s->listen_fd);
    s->listen_fd = -1;
    if (s->context) {
        s->accept_closed = true;
        http_server_close(s, NULL, NULL);
    } else {
        release(s);
    }
    return NULL;
}

int http_server_port(const struct http_server *s) {
    return s->port;
}

/* ---- routes ---- */

void http_server_route(struct http_server *s, const struct http_route *r) {
    s->routes = xrealloc(s->routes, (s->routes_n + 1) * sizeof *s->routes);
    struct http_route *mine = &s->routes[s->routes_n++];
    *mine = *r;
    mine->methods = xstrdup(r->methods);
    mine->path = xstrdup(r->path);
    if (mine->body_max == 0)
        mine->body_max = HTTP_BODY_MAX_DEFAULT;
}

void http_server_unroute(struct http_server *s, const char *path, void *arg) {
    size_t kept = 0;
    for (size_t i = 0; i < s->routes_n; i++) {
        struct http_route *r = &s->routes[i];
        if (r->arg != arg || strcmp(r->path, path) != 0) {
            s->routes[kept++] = *r;
            continue;
        }
        free((char *)r->methods);
        free((char *)r->path);
    }
    s->routes_n = kept;
}

static bool allows(const char *methods, struct span method) {
    struct span rest = span_str(methods);
    while (rest.p) {
        struct span one = span_cut(&rest, ' ');
        if (span_is(one, method) || (span_eq(method, "HEAD") && span_eq(one, "GET")))
            return true;
    }
    return false;
}

/* Length of the match + 1 (an exact one counts more than any prefix), 0: none. */
static size_t match(const struct http_route *r, struct span path) {
    size_t n = strlen(r->path);
    if (n >= 2 && r->path[n - 1] == '*' && r->path[n - 2] == '/')
        return path.n >= n - 1 && memcmp(path.p, r->path, n - 1) == 0 ? n : 0;
    return span_eq(path, r->path) ? SIZE_MAX : 0;
}

const struct http_route *http_route_find(const struct http_server *s, struct span path,
                                         struct span method, int *status) {
    const struct http_route *best = NULL;
    size_t best_match = 0;
    *status = 404;
    for (size_t i = 0; i < s->routes_n; i++) {
        size_t m = match(&s->routes[i], path);
        if (m == 0)
            continue;
        if (!allows(s->routes[i].methods, method)) {
            *status = 405;
        } else if (m > best_match) {
            best = &s->routes[i];
            best_match = m;
        }
    }
    return best;
}

/* ---- end ---- */

static void accept_gone(uv_handle_t *h) {
    struct http_server *s = h->data;
    s->accept_closed = true;
    close(s->listen_fd);
}

static void close_step(void *arg) {
    struct http_server *s = arg;
    s->closing_turns++;
    if (s->conns_n > 0 && s->closing_turns < CLOSE_TICKS_MAX)
        return;
    if (!s->accept_closed)
        return;
    if (s->context) {
        lws_context_destroy(s->context); /* needs several calls with turns of the loop between */
        if (s->context)
            return;
    }
    loop_timer_stop(&s->closing_timer);
    loop_timer_stop(&s->watch_timer);
    void (*cb)(void *) = s->closed_cb;
    void *cb_arg = s->closed_arg;
    release(s);
    if (cb)
        cb(cb_arg);
}

void http_server_close(struct http_server *s, void (*cb)(void *arg), void *arg) {
    if (s->closing)
        return;
    s->closing = true;
    s->closed_cb = cb;
    s->closed_arg = arg;
    if (!s->accept_closed) {
        uv_poll_stop(&s->accept);
        uv_close((uv_handle_t *)&s->accept, accept_gone);
    }
    for (struct http_conn *c = s->conns; c; c = c->next) {
        if (c->ws)
            ws_close(c->ws, 1012, "restart");
        else if (!c->x || !c->x->answered)
            lws_set_timeout(c->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
    }
    s->closing_timer = loop_timer(s->loop, 0, CLOSE_TICK_MS, close_step, s);
}
