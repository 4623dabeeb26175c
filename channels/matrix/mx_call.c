/* SPDX-License-Identifier: EUPL-1.2 */
/* mx_call: one request to the homeserver. Every one leaves a line in the channel's log, without
 * ids, tokens or contents. */
#include "channels/matrix/matrix_private.h"

enum { CALL_MS = 30000, ANSWER_MAX = 1 << 20, URL_BYTES_MAX = 16384 };

struct mx_call {
    struct mx_call *next, **prev;
    struct matrix *m;
    struct draht_http_run *run;
    struct draht_timer *timer; /* the request could not even begin */
    const char *what, *method;
    uint64_t generation, answer_max;
    int64_t began_ms;
    bool is_anonymous, is_raw;
    mx_answer_fn done;
    void *arg;
};

static void release(struct mx_call *c) {
    *c->prev = c->next;
    if (c->next)
        c->next->prev = c->prev;
    if (c->timer)
        c->m->h->timer_stop(c->timer);
    free(c);
}

static void note(const struct mx_call *c, const struct mx_answer *a) {
    char line[256];
    snprintf(line, sizeof line, "%s %s: %d %s%s%lld ms", c->method, c->what, a->status, a->errcode,
             *a->errcode ? ", " : "", (long long)(mx_now(c->m) - c->began_ms));
    c->m->h->log(c->m->host, a->status >= 400 && a->status != 429 ? 2 : 0, "matrix.call", line);
}

static int64_t retry_of(const json_t *v, const struct draht_http_answer *a) {
    int64_t ms = json_int(v, "retry_after_ms", -1);
    if (ms < 0)
        ms = a->retry_after_ms;
    return ms < 0 ? -1 : ms < 3600000 ? ms : 3600000;
}

static void on_answer(void *arg, const struct draht_http_answer *x) {
    struct mx_call *c = arg;
    struct matrix *m = c->m;
    struct mx_answer a = {.status = x->status, .error = x->error, .body = kit_in(x->body)};
    json_t *v = x->error || (c->is_raw && x->status == 200)
                    ? NULL
                    : mx_parse(a.body, (size_t)c->answer_max);
    a.json = v;
    a.errcode = json_str(v, "errcode", "");
    a.retry_ms = x->status == 429 ? retry_of(v, x) : -1;
    note(c, &a);
    bool is_token = x->status == 401 && (strcmp(a.errcode, "M_UNKNOWN_TOKEN") == 0 ||
                                         strcmp(a.errcode, "M_MISSING_TOKEN") == 0);
    a.is_token_lost = is_token && !c->is_anonymous;
    bool is_current = c->generation == m->generation;
    mx_answer_fn done = c->done;
    void *done_arg = c->arg;
    release(c);
    if (done)
        done(done_arg, &a);
    if (a.is_token_lost && is_current)
        mx_token_lost(m, json_flag(v, "soft_logout", false));
    json_decref(v);
}

static void on_refused(void *arg) {
    struct draht_http_answer a = {.size = sizeof a, .error = ERR_INVALID, .retry_after_ms = -1};
    on_answer(arg, &a);
}

struct mx_call *mx_call(struct matrix *m, const struct mx_request *q) {
    struct mx_call *c = xcalloc(1, sizeof *c);
    struct buf url = {0}, auth = {0}, type = {0};
    *c = (struct mx_call){.m = m,
                          .what = q->what,
                          .method = q->method,
                          .generation = m->generation,
                          .answer_max = q->answer_max ? q->answer_max : ANSWER_MAX,
                          .began_ms = mx_now(m),
                          .is_anonymous = q->is_anonymous,
                          .is_raw = q->is_raw,
                          .done = q->done,
                          .arg = q->arg};
    c->next = m->calls;
    c->prev = &m->calls;
    if (c->next)
        c->next->prev = &c->next;
    m->calls = c;
    buf_addf(&url, "%s%s", *q->path == '/' ? m->base : "", q->path);
    buf_addf(&auth, "Authorization: Bearer %s", m->token ? m->token : "");
    buf_addf(&type, "Content-Type: %s", q->type ? q->type : "application/json");
    const char *headers[4] = {"Accept: application/json, */*", NULL, NULL, NULL};
    size_t n = 1;
    if (q->body.p)
        headers[n++] = type.p;
    if (!q->is_anonymous)
        headers[n] = auth.p;
    struct draht_http_call k = {.size = sizeof k,
                                .method = q->method,
                                .url = url.p,
                                .headers = headers,
                                .body = kit_out(q->body),
                                .timeout_ms = q->timeout_ms ? q->timeout_ms : CALL_MS,
                                .answer_max = c->answer_max,
                                .flags = DRAHT_HTTP_OPERATOR,
                                .done = on_answer,
                                .arg = c};
    c->run = url.n < URL_BYTES_MAX ? m->h->http_call(m->host, &k) : NULL;
    if (!c->run)
        c->timer = m->h->timer(m->host, 0, 0, on_refused, c);
    explicit_bzero(auth.p, auth.n);
    buf_free(&url);
    buf_free(&auth);
    buf_free(&type);
    return c;
}

void mx_cancel(struct mx_call **c) {
    if (!*c)
        return;
    if ((*c)->run)
        (*c)->m->h->http_cancel((*c)->run);
    release(*c);
    *c = NULL;
}

void mx_calls_free(struct matrix *m) {
    while (m->calls) {
        struct mx_call *c = m->calls;
        mx_cancel(&c);
    }
}

void mx_enc(struct buf *b, struct span s) {
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                        (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_' || c == '~';
        if (is_plain)
            buf_add(b, s.p + i, 1);
        else
            buf_addf(b, "%%%02X", c);
    }
}

char *mx_path(const char *pattern, struct span a, struct span b, struct span c) {
    struct buf out = {0};
    const struct span list[] = {a, b, c};
    size_t used = 0;
    for (const char *p = pattern; *p; p++) {
        if (p[0] == '%' && p[1] == 's' && used < 3) {
            mx_enc(&out, list[used++]);
            p++;
        } else {
            buf_add(&out, p, 1);
        }
    }
    return buf_take(&out, NULL);
}

bool mx_is_transient(const struct mx_answer *a) {
    return a->error || a->is_token_lost || a->status == 429 || a->status >= 500;
}

uint64_t mx_backoff_ms(uint32_t fails) {
    uint64_t ms = 500ULL << (fails < 8 ? fails : 8);
    return ms < MX_RETRY_MS_MAX ? ms : MX_RETRY_MS_MAX;
}

uint64_t mx_wait_ms(const struct mx_answer *a, uint32_t fails) {
    return a->retry_ms >= 0 ? (uint64_t)a->retry_ms + 1 : mx_backoff_ms(fails);
}
