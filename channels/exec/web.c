/* SPDX-License-Identifier: EUPL-1.2 */
/* web: routes of programs on Draht's server; they outlive a restart of the program. */
#include "channels/exec/exec_private.h"

#include <stdio.h>
#include <stdlib.h>

#define NAMES_MAX 20
#define HEADERS_MAX 20
#define TEXT_BYTES_MAX 2000

static void release(struct web *w) {
    *w->prev = w->next;
    if (w->next)
        w->next->prev = w->prev;
    free(w);
}

static void respond(struct exec *x, struct draht_http *http, int status, const char *type,
                    struct span body) {
    x->h->http_respond(http, status, type, kit_out(body));
}

bool web_is_header(const char *name, const char *value) {
    return *name &&
           !name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")] &&
           strlen(name) < 100 && strlen(value) <= TEXT_BYTES_MAX && !strpbrk(value, "\r\n");
}

static void answer(struct exec *x, struct draht_http *http, const json_t *r) {
    struct buf body = {0};
    int64_t status = json_int(r, "status", 200);
    const char *type = json_str(r, "type", "text/plain; charset=utf-8"), *key;
    json_t *v;
    size_t n = 0;
    if (!json_is_object(r) || status < 200 || status > 599 || !web_is_header("type", type) ||
        !wire_get_body(r, &body) || body.n > EXEC_BODY_BYTES_MAX) {
        exec_log(x, 2, "exec.http", "an answer to http is not as it should be");
        respond(x, http, 502, "text/plain", SPAN("Bad gateway"));
        buf_free(&body);
        return;
    }
    json_object_foreach(json_object_get(r, "headers"), key,
                        v) if (json_is_string(v) && web_is_header(key, json_string_value(v)) &&
                               n++ < HEADERS_MAX)
        x->h->http_set_header(http, key, json_string_value(v));
    respond(x, http, (int)status, type, buf_span(&body));
    buf_free(&body);
}

static void on_answer(struct exec *x, void *arg, enum exec_outcome o,
                      const struct wire_message *m) {
    struct web *w = arg;
    struct draht_http *http = w->http;
    release(w);
    if (o == EXEC_ANSWERED && m->result) {
        answer(x, http, m->result);
        return;
    }
    x->h->http_set_header(http, "Retry-After", "5");
    respond(x, http, o == EXEC_LATE ? 504 : 503, "text/plain", SPAN("Try again later"));
}

static const struct exec_route *route_of(const struct exec *x, struct span path) {
    for (const struct exec_route *r = x->routes; r; r = r->next) {
        size_t n = strlen(r->path);
        bool is_prefix = n && r->path[n - 1] == '*';
        if (is_prefix ? path.n >= n - 1 && memcmp(path.p, r->path, n - 1) == 0
                      : span_eq(path, r->path))
            return r;
    }
    return NULL;
}

static json_t *named(struct draht_http *http, const json_t *names,
                     struct draht_span (*get)(struct draht_http *, const char *)) {
    json_t *o = json_object();
    size_t i;
    const json_t *v;
    json_array_foreach((json_t *)(uintptr_t)names, i, v) {
        const char *name = json_is_string(v) ? json_string_value(v) : "";
        struct draht_span s = *name ? get(http, name) : (struct draht_span){0};
        if (s.p)
            json_put(o, name, kit_in(s));
    }
    return o;
}

static void on_request(void *channel, struct draht_http *http) {
    struct exec *x = channel;
    const struct draht_host *h = x->h;
    struct buf own = {0};
    struct span path = kit_in(h->http_path(http));
    buf_addf(&own, "/channels/%s", x->id);
    if (path.n > own.n && memcmp(path.p, own.p, own.n) == 0)
        path = (struct span){path.p + own.n, path.n - own.n};
    buf_free(&own);
    const struct exec_route *r = route_of(x, path);
    struct web *w = xcalloc(1, sizeof *w);
    *w = (struct web){.x = x, .http = http, .next = x->webs, .prev = &x->webs};
    if (w->next)
        w->next->prev = &w->next;
    x->webs = w;
    int rc = ERR_CLOSED;
    if (r && x->run && x->run->state == RUN_READY) {
        json_t *p = json_object();
        json_put(p, "method", kit_in(h->http_method(http)));
        json_put(p, "path", path);
        json_put(p, "rest", kit_in(h->http_rest(http)));
        json_put(p, "peer", kit_in(h->http_peer(http)));
        json_object_set_new(p, "headers", named(http, r->headers, h->http_header));
        json_object_set_new(p, "query", named(http, r->query, h->http_query));
        wire_put_body(p, kit_in(h->http_body(http)));
        rc = talk_ask(x->run, "http", p, x->timeout_ms, on_answer, w);
    }
    if (rc < 0)
        on_answer(x, w, EXEC_DIED, NULL);
}

static bool is_names(const json_t *list) {
    return !list || (json_is_array(list) && json_array_size(list) <= NAMES_MAX);
}

void call_http_route(struct ask *k, const json_t *p) {
    struct exec *x = k->x;
    const char *path = json_str(p, "path", ""), *methods = json_str(p, "methods", "GET POST");
    int64_t body_max = json_int(p, "body_max", 65536);
    int known = 0;
    struct exec_route *r = x->routes;
    for (; r && strcmp(r->path, path) != 0; r = r->next)
        known++;
    if (path[0] != '/' || strlen(path) > NAMES_MAX * 10 ||
        methods[strspn(methods, "ABCDEFGHIJKLMNOPQRSTUVWXYZ ")] || body_max < 0 ||
        body_max > (int64_t)EXEC_BODY_BYTES_MAX || known >= EXEC_ROUTES_MAX ||
        !is_names(json_object_get(p, "headers")) || !is_names(json_object_get(p, "query"))) {
        ask_error(k, WIRE_BAD_PARAMS,
                  "path begins with /; methods are words; body_max is at most 262144.");
        return;
    }
    if (!r) {
        if (x->h->route(x->host, methods, path, (size_t)body_max, on_request) < 0) {
            ask_error(k, WIRE_NEVER, "The route could not be set.");
            return;
        }
        r = xcalloc(1, sizeof *r);
        r->path = xstrdup(path);
        r->next = x->routes;
        x->routes = r;
    }
    json_decref(r->headers);
    json_decref(r->query);
    r->headers = json_incref(json_object_get(p, "headers"));
    r->query = json_incref(json_object_get(p, "query"));
    ask_result(k, NULL);
}

void web_forget(struct exec *x) {
    while (x->webs)
        release(x->webs);
    while (x->routes) {
        struct exec_route *r = x->routes;
        x->routes = r->next;
        json_decref(r->headers);
        json_decref(r->query);
        free(r->path);
        free(r);
    }
}
