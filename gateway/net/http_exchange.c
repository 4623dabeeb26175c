/* SPDX-License-Identifier: EUPL-1.2 */
/* http_exchange: one request from its head to the last byte of the answer. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "gateway/base/error.h"
#include "gateway/base/json.h"
#include "gateway/net/http_internal.h"

#define BODY_PROGRESS_SECONDS 30
#define BODY_BYTES_PER_SECOND_MIN 500
#define DRAIN_MS 3000
#define WRITE_SECONDS 30
#define WRITE_BYTES 16384
#define ARGS_MAX 64

static const struct {
    enum lws_token_indexes token;
    const char *name;
} methods[] = {{WSI_TOKEN_GET_URI, "GET"},        {WSI_TOKEN_POST_URI, "POST"},
               {WSI_TOKEN_PUT_URI, "PUT"},        {WSI_TOKEN_PATCH_URI, "PATCH"},
               {WSI_TOKEN_DELETE_URI, "DELETE"},  {WSI_TOKEN_HEAD_URI, "HEAD"},
               {WSI_TOKEN_OPTIONS_URI, "OPTIONS"}};

static int write_some(struct http_conn *c);

/* ---- reading the head ---- */

static struct span copy_token(struct lws *wsi, struct arena *a, enum lws_token_indexes t) {
    int n = lws_hdr_total_length(wsi, t);
    if (n <= 0)
        return SPAN_NONE;
    char *p = arena_alloc(a, (size_t)n + 2);
    n = lws_hdr_copy(wsi, p, n + 1, t);
    return n < 0 ? SPAN_NONE : (struct span){p, (size_t)n};
}

struct span http_wsi_header(struct lws *wsi, struct arena *a, const char *name) {
    char with_colon[64];
    int n = snprintf(with_colon, sizeof with_colon, "%s:", name);
    if (n >= (int)sizeof with_colon)
        return SPAN_NONE;
    for (int t = 0; t < WSI_TOKEN_COUNT; t++) {
        const char *known = (const char *)lws_token_to_string((enum lws_token_indexes)t);
        if (known && strcmp(known, with_colon) == 0)
            return copy_token(wsi, a, (enum lws_token_indexes)t);
    }
    int bytes = lws_hdr_custom_length(wsi, with_colon, n);
    if (bytes < 0)
        return SPAN_NONE;
    char *p = arena_alloc(a, (size_t)bytes + 2);
    bytes = lws_hdr_custom_copy(wsi, p, bytes + 1, with_colon, n);
    return bytes < 0 ? SPAN_NONE : (struct span){p, (size_t)bytes};
}

void http_wsi_peer(struct http_conn *c, struct arena *a, char out[HTTP_PEER_BYTES], bool *secure) {
    memcpy(out, c->peer, HTTP_PEER_BYTES);
    *secure = c->server->has_tls;
    bool is_local = strncmp(c->peer, "127.", 4) == 0 || strcmp(c->peer, "::1") == 0;
    if (!c->server->trust_forwarded || !is_local)
        return;
    http_text_forwarded(http_wsi_header(c->wsi, a, "x-forwarded-for"), out, HTTP_PEER_BYTES);
    if (span_ieq(span_trim(http_wsi_header(c->wsi, a, "x-forwarded-proto")), "https"))
        *secure = true;
}

static void read_args(struct http_exchange *x, struct lws *wsi) {
    x->args = arena_alloc(x->arena, ARGS_MAX * sizeof *x->args);
    for (int i = 0; i < ARGS_MAX; i++) {
        int n = lws_hdr_fragment_length(wsi, WSI_TOKEN_HTTP_URI_ARGS, i);
        if (n <= 0)
            return;
        char *p = arena_alloc(x->arena, (size_t)n + 2);
        n = lws_hdr_copy_fragment(wsi, p, n + 1, WSI_TOKEN_HTTP_URI_ARGS, i);
        if (n < 0)
            return;
        x->args[x->args_n++] = (struct span){p, (size_t)n};
    }
}

static void read_line(struct http_exchange *x, struct lws *wsi) {
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (lws_hdr_total_length(wsi, methods[i].token) <= 0)
            continue;
        x->method = span_str(methods[i].name);
        x->path = copy_token(wsi, x->arena, methods[i].token);
        x->is_head = span_eq(x->method, "HEAD");
        return;
    }
}

static void free_exchange(struct http_exchange *x) {
    if (x->conn)
        x->conn->x = NULL;
    buf_free(&x->body);
    buf_free(&x->headers);
    buf_free(&x->out);
    arena_free(&x->arena);
    free(x);
}

/* 0, or the status that refuses the body. lws does not decode chunks, and takes a POST without a
 * length for one of 100 MB; so we find the end of the body ourselves. */
static int plan_body(struct http_exchange *x, struct lws *wsi) {
    struct span length = copy_token(wsi, x->arena, WSI_TOKEN_HTTP_CONTENT_LENGTH);
    struct span coding = http_wsi_header(wsi, x->arena, "transfer-encoding");
    if (coding.p) {
        if (length.p || !span_ieq(span_trim(coding), "chunked"))
            return 400;
        x->chunked = x->close_after = true;
        return 0;
    }
    unsigned long long n = 0;
    if (length.p && span_u64(span_trim(length), INT64_MAX, &n) != 0)
        return 400;
    x->body_expected = (size_t)n;
    x->body_done = n == 0;
    bool wants_body =
        span_eq(x->method, "POST") || span_eq(x->method, "PUT") || span_eq(x->method, "PATCH");
    if (!length.p && wants_body)
        x->close_after = true;
    return n > x->route.body_max ? 413 : 0;
}

static const char *problem_code(int status) {
    switch (status) {
    case 404:
        return "not_found";
    case 405:
        return "method_not_allowed";
    case 413:
        return "too_large";
    default:
        return "bad_request";
    }
}

static int run_handler(struct http_conn *c) {
    struct http_exchange *x = c->x;
    x->body_done = true;
    lws_set_timeout(c->wsi, NO_PENDING_TIMEOUT, 0);
    x->route.handler(x->route.arg, x);
    return 0;
}

/* What was refused before its body was read is answered at once; what still comes is swallowed,
 * because closing on unread bytes would reset the connection and with it the answer. */
static int after_refusal(struct http_conn *c) {
    struct http_exchange *x = c->x;
    return x->body_done || !x->answered ? 0 : write_some(c);
}

int http_exchange_begin(struct http_conn *c) {
    if (c->x)
        return -1;
    struct http_exchange *x = xcalloc(1, sizeof *x);
    c->x = x;
    x->server = c->server;
    x->conn = c;
    x->arena = arena_new();
    x->body_since_ms = uv_now(loop_uv(c->server->loop));
    http_wsi_peer(c, x->arena, x->peer, &x->is_secure);
    read_line(x, c->wsi);
    read_args(x, c->wsi);
    int status = 0;
    const struct http_route *r = NULL;
    if (!http_text_is_safe_path(x->path))
        status = 400;
    else
        r = http_route_find(c->server, x->path, x->method, &status);
    if (r) {
        x->route = *r;
        size_t n = strlen(r->path);
        if (n > 0 && r->path[n - 1] == '*')
            x->rest = (struct span){x->path.p + n - 1, x->path.n - (n - 1)};
    }
    int body = plan_body(x, c->wsi);
    if (r)
        status = body;
    if (!r || status != 0) {
        x->close_after = x->close_after || !x->body_done;
        http_problem(x, status, problem_code(status), NULL);
        return after_refusal(c);
    }
    if (r->on_head && !r->on_head(r->arg, x)) {
        if (!x->body_done)
            x->close_after = true;
        return after_refusal(c);
    }
    if (x->body_done)
        return run_handler(c);
    if (!x->chunked && x->body_expected == 0)
        return run_handler(c);
    lws_set_timeout(c->wsi, PENDING_TIMEOUT_HTTP_CONTENT, BODY_PROGRESS_SECONDS);
    return 0;
}

/* ---- the body ---- */

int http_exchange_body(struct http_conn *c, struct span in) {
    struct http_exchange *x = c->x;
    if (c->draining || !x || x->answered || x->body_done)
        return 0;
    uint64_t ms = uv_now(loop_uv(c->server->loop)) - x->body_since_ms;
    uint64_t allowed_ms =
        BODY_PROGRESS_SECONDS * 1000 + x->body.n * 1000 / BODY_BYTES_PER_SECOND_MIN;
    if (ms > allowed_ms) {
        x->close_after = true;
        http_problem(x, 408, "timeout", NULL);
        return after_refusal(c);
    }
    lws_set_timeout(c->wsi, PENDING_TIMEOUT_HTTP_CONTENT, BODY_PROGRESS_SECONDS);
    if (!x->chunked) {
        size_t left = x->body_expected - x->body.n;
        buf_add(&x->body, in.p, in.n < left ? in.n : left);
        return 0;
    }
    int rc = http_chunks_feed(&x->chunks, in, x->route.body_max, &x->body);
    if (rc == 1)
        return run_handler(c);
    if (rc == 0)
        return 0;
    x->close_after = true;
    if (rc == ERR_TOO_LARGE)
        http_problem(x, 413, "too_large", NULL);
    else
        http_problem(x, 400, "bad_request", NULL);
    return after_refusal(c);
}

int http_exchange_body_done(struct http_conn *c) {
    if (c->draining)
        return -1;
    if (!c->x || c->x->answered || c->x->body_done)
        return 0;
    return run_handler(c);
}

/* ---- the answer ---- */

static void add_default_headers(struct http_exchange *x, size_t length) {
    const char *own = x->headers.p ? x->headers.p : "";
    buf_adds(&x->out, "x-content-type-options: nosniff\r\n");
    if (!strstr(own, "referrer-policy:"))
        buf_adds(&x->out, "referrer-policy: no-referrer\r\n");
    if (!strstr(own, "cache-control:"))
        buf_adds(&x->out, "cache-control: no-store\r\n");
    if (http_is_secure(x))
        buf_adds(&x->out, "strict-transport-security: max-age=31536000\r\n");
    if (x->close_after)
        buf_adds(&x->out, "connection: close\r\n");
    buf_addf(&x->out, "content-length: %zu\r\n\r\n", length);
}

static void answer(struct http_exchange *x, int status, const char *type, struct span body,
                   bool copy) {
    if (x->answered)
        return;
    x->answered = true;
    if (!x->conn) {
        free_exchange(x);
        return;
    }
    if (!x->body_done)
        x->close_after = true;
    buf_addf(&x->out, "HTTP/1.1 %d %s\r\n", status, http_text_reason(status));
    if (type)
        buf_addf(&x->out, "content-type: %s\r\n", type);
    if (x->headers.n > 0)
        buf_add(&x->out, x->headers.p, x->headers.n);
    add_default_headers(x, body.n);
    if (!x->is_head) {
        if (copy)
            buf_add(&x->out, body.p, body.n);
        else
            x->rest_out = body;
    }
    lws_callback_on_writable(x->conn->wsi);
}

/* lws renews its own time limit with every byte of a body; this one is ours. */
static void drained_enough(void *arg) {
    struct http_conn *c = arg;
    lws_set_timeout(c->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
}

void http_exchange_watch(void *server) {
    struct http_server *s = server;
    char byte;
    for (struct http_conn *c = s->conns; c; c = c->next) {
        if (!c->x || !c->x->body_done || c->x->answered)
            continue;
        if (recv(lws_get_socket_fd(c->wsi), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
            lws_set_timeout(c->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
    }
}

static int finish(struct http_conn *c) {
    struct http_exchange *x = c->x;
    bool drain = !x->body_done, shut = x->close_after;
    free_exchange(x);
    if (drain) {
        c->draining = true;
        if (!c->server->has_tls && !lws_partial_buffered(c->wsi))
            shutdown(lws_get_socket_fd(c->wsi), SHUT_WR);
        c->drain = loop_timer(c->server->loop, DRAIN_MS, 0, drained_enough, c);
        return 0;
    }
    if (shut || c->server->closing)
        return -1;
    return lws_http_transaction_completed(c->wsi) ? -1 : 0;
}

static int write_some(struct http_conn *c) {
    struct http_exchange *x = c->x;
    size_t total = x->out.n + x->rest_out.n;
    while (x->out_at < total) {
        bool first = x->out_at < x->out.n;
        const char *p = first ? x->out.p + x->out_at : x->rest_out.p + (x->out_at - x->out.n);
        size_t n = first ? x->out.n - x->out_at : total - x->out_at;
        if (n > WRITE_BYTES)
            n = WRITE_BYTES;
        /* For HTTP/1 lws does not touch the bytes, nor the room before them. */
        if (lws_write(c->wsi, (unsigned char *)(uintptr_t)p, n, LWS_WRITE_HTTP) < 0)
            return -1;
        x->out_at += n;
        lws_set_timeout(c->wsi, PENDING_TIMEOUT_HTTP_CONTENT, WRITE_SECONDS);
        if (x->out_at < total && lws_send_pipe_choked(c->wsi)) {
            lws_callback_on_writable(c->wsi);
            return 0;
        }
    }
    return finish(c);
}

int http_exchange_writeable(struct http_conn *c) {
    return c->x && c->x->answered ? write_some(c) : 0;
}

void http_exchange_peer_gone(struct http_conn *c) {
    struct http_exchange *x = c->x;
    if (!x)
        return;
    c->x = NULL;
    x->conn = NULL;
    /* While the body was still coming no handler knew of it. */
    if (x->answered || !x->body_done) {
        free_exchange(x);
        return;
    }
    if (x->gone)
        x->gone(x->gone_arg);
}

void http_respond(struct http_exchange *x, int status, const char *content_type, struct span body) {
    answer(x, status, content_type, body, true);
}

void http_respond_static(struct http_exchange *x, int status, const char *content_type,
                         struct span body) {
    answer(x, status, content_type, body, false);
}

void http_problem(struct http_exchange *x, int status, const char *code, const char *detail) {
    json_t *v = json_object();
    json_puts(v, "type", "about:blank");
    json_puts(v, "title", http_text_reason(status));
    json_puti(v, "status", status);
    if (detail)
        json_puts(v, "detail", detail);
    if (code)
        json_puts(v, "code", code);
    char *text = json_text(v);
    http_respond(x, status, "application/problem+json", span_str(text));
    free(text);
    json_decref(v);
}

void http_set_header(struct http_exchange *x, const char *name, const char *value) {
    /* A line break would start a header of the attacker's. */
    if (strpbrk(name, "\r\n: ") || strpbrk(value, "\r\n"))
        return;
    buf_addf(&x->headers, "%s: %s\r\n", name, value);
}

void http_on_gone(struct http_exchange *x, void (*fn)(void *arg), void *arg) {
    x->gone = fn;
    x->gone_arg = arg;
}

/* ---- accessors ---- */

struct span http_method(const struct http_exchange *x) {
    return x->method;
}

struct span http_path(const struct http_exchange *x) {
    return x->path;
}

struct span http_rest(const struct http_exchange *x) {
    return x->rest;
}

struct span http_query(const struct http_exchange *x, const char *name) {
    for (size_t i = 0; i < x->args_n; i++) {
        struct span value = x->args[i];
        struct span key = span_cut(&value, '=');
        if (span_eq(key, name))
            return value.p ? value : SPAN("");
    }
    return SPAN_NONE;
}

struct span http_header(const struct http_exchange *x, const char *name) {
    return x->conn ? http_wsi_header(x->conn->wsi, x->arena, name) : SPAN_NONE;
}

struct span http_cookie(const struct http_exchange *x, const char *name) {
    return http_text_cookie(http_header(x, "cookie"), name);
}

struct span http_body(const struct http_exchange *x) {
    return buf_span(&x->body);
}

const char *http_peer(const struct http_exchange *x) {
    return x->peer;
}

bool http_is_secure(const struct http_exchange *x) {
    return x->is_secure;
}

struct arena *http_arena(struct http_exchange *x) {
    return x->arena;
}
