/* SPDX-License-Identifier: EUPL-1.2 */
/* host_http: routes, requests and sockets of channels on the gateway's own server, and requests
 * that they make. A request is answered once; a second answer takes the channel down. */
#include "channels/host_private.h"

#include <stdlib.h>

enum { PATH_BYTES_MAX = 256 };

/* "/x" stands below the channel's own folder, "abs:/x" anywhere (built-in channels only). */
static char *full_path(const struct host_channel *c, const char *path) {
    if (!path || strlen(path) > PATH_BYTES_MAX)
        return NULL;
    if (strncmp(path, "abs:/", 5) == 0)
        return c->is_built_in ? xstrdup(path + 4) : NULL;
    if (path[0] != '/')
        return NULL;
    struct buf b = {0};
    buf_addf(&b, "/channels/%s%s", c->id, path);
    return buf_take(&b, NULL);
}

static void on_request(void *arg, struct http_exchange *x) {
    struct host_route *r = arg;
    struct host_channel *c = r->owner;
    if (!c->is_open || c->is_broken || c->is_stopping) {
        http_problem(x, 503, "channel_down",
                     "The channel is not available right now. Try again later.");
        return;
    }
    struct draht_http *d = host_pool_take(&c->host->requests, c, &c->requests);
    d->x = x;
    d->begun_ms = host_now(c->host);
    r->fn(c->state, d);
}

static struct host_route *route_new(struct host_channel *c, const char *path) {
    char *full = full_path(c, path);
    if (!full)
        return NULL;
    struct host_route *r = xcalloc(1, sizeof *r);
    r->owner = c;
    r->path = full;
    r->next = c->routes;
    c->routes = r;
    return r;
}

int host_route(void *host, const char *methods, const char *path, size_t body_max,
               draht_http_route_fn fn) {
    struct host_channel *c = host;
    struct host_route *r = fn ? route_new(c, path) : NULL;
    if (!r)
        return ERR_INVALID;
    r->fn = fn;
    struct http_route hr = {
        .methods = methods, .path = r->path, .body_max = body_max, .handler = on_request, .arg = r};
    http_server_route(c->host->o.http, &hr);
    return 0;
}

static int on_handshake(void *arg, const struct ws_handshake *hs, void **user_out) {
    struct host_route *r = arg;
    struct host_channel *c = r->owner;
    if (!c->is_open || c->is_broken || c->is_stopping)
        return 503;
    if (r->sops.handshake) {
        int refused =
            r->sops.handshake(c->state, host_dspan(hs->origin), host_dspan(span_str(hs->peer)));
        if (refused)
            return refused;
    }
    struct draht_socket *s = xcalloc(1, sizeof *s);
    s->route = r;
    host_ref(c->host);
    *user_out = s;
    return 0;
}

static void on_open(void *user, struct ws *ws) {
    struct draht_socket *s = user;
    s->ws = ws;
    struct host_channel *c = s->route->owner;
    if (!c->is_open)
        return;
    s->is_open = true;
    s->user = s->route->sops.open(c->state, s);
}

static void on_text(void *user, struct ws *ws, struct span text) {
    struct draht_socket *s = user;
    (void)ws;
    if (s->is_open && s->route->owner->is_open)
        s->route->sops.text(s->user, host_dspan(text));
}

static void on_close(void *user, struct ws *ws) {
    struct draht_socket *s = user;
    (void)ws;
    if (s->is_open && s->route->owner->is_open)
        s->route->sops.close(s->user);
    struct host *h = s->route->owner->host;
    free(s);
    host_unref(h);
}

int host_socket_route(void *host, const char *path, const char *protocol,
                      const struct draht_socket_ops *ops) {
    struct host_channel *c = host;
    struct draht_socket_ops copy;
    host_extend(&copy, sizeof copy, ops);
    if (!copy.open || !copy.text || !copy.close)
        return ERR_INVALID;
    struct host_route *r = route_new(c, path);
    if (!r)
        return ERR_INVALID;
    r->is_socket = true;
    r->sops = copy;
    struct ws_route wr = {.path = r->path,
                          .protocol = protocol,
                          .arg = r,
                          .on_handshake = on_handshake,
                          .on_open = on_open,
                          .on_text = on_text,
                          .on_close = on_close};
    ws_server_route(c->host->o.http, &wr);
    return 0;
}

/* The rows stay until the host is buried: sockets that are still closing point at them. */
void host_routes_drop(struct host_channel *c) {
    for (struct host_route *r = c->routes; r; r = r->next) {
        if (r->is_dropped)
            continue;
        r->is_dropped = true;
        if (r->is_socket)
            ws_server_unroute(c->host->o.http, r->path);
        else
            http_server_unroute(c->host->o.http, r->path, r);
    }
}

static void log_answer(const struct draht_http *d, int status, size_t bytes_out) {
    struct host_channel *c = d->h.owner;
    struct host_log_request q = {.dir = "in",
                                 .method = http_method(d->x),
                                 .url = http_path(d->x),
                                 .status = status,
                                 .ms = host_now(c->host) - d->begun_ms,
                                 .bytes_out = (int64_t)bytes_out,
                                 .bytes_in = (int64_t)http_body(d->x).n};
    host_log_request(c, &q);
}

void host_requests_drop(struct host_channel *c) {
    while (c->requests) {
        struct draht_http *d = (struct draht_http *)c->requests;
        struct http_exchange *x = d->x;
        log_answer(d, 503, 0);
        host_pool_give(&c->host->requests, &d->h, "");
        http_problem(x, 503, "stopping", "The gateway is stopping. Try again in a moment.");
    }
}

/* A request that was answered has no content any more. */
static struct http_exchange *live(struct draht_http *d) {
    if (d->h.is_live)
        return d->x;
    host_broken(d->h.owner, "a request was used after its answer");
    return NULL;
}

struct draht_span host_http_method(struct draht_http *d) {
    struct http_exchange *x = live(d);
    return x ? host_dspan(http_method(x)) : (struct draht_span){0};
}
struct draht_span host_http_path(struct draht_http *d) {
    struct http_exchange *x = live(d);
    return x ? host_dspan(http_path(x)) : (struct draht_span){0};
}
struct draht_span host_http_rest(struct draht_http *d) {
    struct http_exchange *x = live(d);
    return x ? host_dspan(http_rest(x)) : (struct draht_span){0};
}
struct draht_span host_http_query(struct draht_http *d, const char *name) {
    struct http_exchange *x = live(d);
    return x ? host_dspan(http_query(x, name)) : (struct draht_span){0};
}
struct draht_span host_http_header(struct draht_http *d, const char *name) {
    struct http_exchange *x = live(d);
    return x ? host_dspan(http_header(x, name)) : (struct draht_span){0};
}
struct draht_span host_http_body(struct draht_http *d) {
    struct http_exchange *x = live(d);
    return x ? host_dspan(http_body(x)) : (struct draht_span){0};
}
struct draht_span host_http_peer(struct draht_http *d) {
    struct http_exchange *x = live(d);
    return x ? host_dspan(span_str(http_peer(x))) : (struct draht_span){0};
}

/* Header values must not carry line breaks that a channel took from outside. */
void host_http_set_header(struct draht_http *d, const char *name, const char *value) {
    struct http_exchange *x = live(d);
    if (x && name && value && !strpbrk(value, "\r\n") && !strpbrk(name, "\r\n: "))
        http_set_header(x, name, value);
}

void host_http_respond(struct draht_http *d, int status, const char *type, struct draht_span body) {
    struct host_channel *c = d->h.owner;
    struct http_exchange *x = d->x;
    if (d->h.is_live)
        log_answer(d, status, body.n);
    if (host_pool_give(&c->host->requests, &d->h, "a request was answered twice"))
        http_respond(x, status, type, host_span(body));
}

int host_socket_send(struct draht_socket *s, struct draht_span text) {
    return s->ws ? ws_send(s->ws, host_span(text)) : ERR_CLOSED;
}
void host_socket_close(struct draht_socket *s, int code, const char *reason) {
    if (s->ws)
        ws_close(s->ws, code, reason);
}
struct draht_span host_socket_peer(struct draht_socket *s) {
    return s->ws ? host_dspan(span_str(ws_peer(s->ws))) : (struct draht_span){0};
}

struct requesting {
    struct host_channel *c;
    struct host_log_request log; /* texts are our own copies, in what */
    int64_t begun_ms;
    char *what;
    draht_http_answer_fn done;
    void *arg;
};

static void on_answer(void *arg, const struct http_answer *a) {
    struct requesting *p = arg;
    host_log_answered(p->c, &p->log, p->begun_ms, a, (int64_t)a->body.n);
    if (host_unpend(p->c)) {
        struct draht_http_answer out = {.size = sizeof out,
                                        .status = a->status,
                                        .error = a->error,
                                        .body = host_dspan(a->body),
                                        .retry_after_ms = a->retry_after_ms,
                                        .head = host_dspan(a->headers),
                                        .is_unsent = a->is_unsent};
        p->done(p->arg, &out);
    }
    free(p->what);
    free(p);
}

int host_http_request(void *host, const char *method, const char *url, const char *const *headers,
                      struct draht_span body, uint32_t timeout_ms, draht_http_answer_fn done,
                      void *arg) {
    struct host_channel *c = host;
    if (!c->host->o.client)
        return ERR_UNSUPPORTED;
    struct requesting *p = xcalloc(1, sizeof *p);
    *p = (struct requesting){.c = c, .done = done, .arg = arg, .begun_ms = host_now(c->host)};
    p->what = host_log_begin(&p->log, method, url, body.n);
    struct http_request r = {.method = method,
                             .url = url,
                             .headers = headers,
                             .body = host_span(body),
                             .timeout_ms = timeout_ms};
    if (!http_client_send(c->host->o.client, &r, on_answer, p)) {
        p->log.error = ERR_FORBIDDEN;
        host_log_request(c, &p->log);
        free(p->what);
        free(p);
        return ERR_FORBIDDEN;
    }
    host_pend(c);
    return 0;
}
