/* SPDX-License-Identifier: EUPL-1.2 */
/* web: HTTP of the pretended host, without sockets: requests of the script are handed to the
 * channel's routes, requests of the channel are answered by the script. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "channels/conformance/inner.h"
#include "channels/kit/kit.h"
#include "channels/kit/sha1.h"
#include "gateway/base/arena.h"

enum { BODY_MAX_DEFAULT = 256 * 1024 };

int conf_route(void *host, const char *methods, const char *path, size_t body_max,
               draht_http_route_fn fn) {
    struct conf *k = host;
    bool is_absolute = path && !strncmp(path, "abs:/", 5);
    if (!fn || !path || (path[0] != '/' && (!is_absolute || k->library)))
        return DRAHT_E_REJECTED;
    struct conf_route *r = xcalloc(1, sizeof *r);
    *r = (struct conf_route){xstrdup(methods), xstrdup(path),
                             body_max ? body_max : BODY_MAX_DEFAULT, fn, k->routes};
    k->routes = r;
    return 0;
}

static bool word_in(const char *list, const char *word) {
    size_t n = strlen(word);
    for (const char *p = strstr(list, word); p; p = strstr(p + 1, word))
        if ((p == list || !isalpha((unsigned char)p[-1])) && !isalpha((unsigned char)p[n]))
            return true;
    return false;
}

/* Exact before prefix, as the server does it. */
static const struct conf_route *route_of(const struct conf *k, const char *method, const char *path,
                                         const char **rest, bool *path_known) {
    const struct conf_route *best = NULL;
    size_t best_n = 0;
    *path_known = false;
    for (const struct conf_route *r = k->routes; r; r = r->next) {
        size_t n = strlen(r->path);
        bool star = n && r->path[n - 1] == '*';
        bool hit = star ? !strncmp(r->path, path, n - 1) : !strcmp(r->path, path);
        *path_known = *path_known || hit;
        size_t weight = star ? n : n + 1000;
        if (!hit || weight <= best_n || !word_in(r->methods, method))
            continue;
        best = r;
        best_n = weight;
        *rest = star ? path + n - 1 : "";
    }
    return best;
}

/* ---- what a route may ask */

struct draht_span conf_http_method(struct draht_http *x) {
    return conf_span(x->method);
}
struct draht_span conf_http_path(struct draht_http *x) {
    return conf_span(x->whole_path);
}
struct draht_span conf_http_rest(struct draht_http *x) {
    return conf_span(x->rest);
}
struct draht_span conf_http_body(struct draht_http *x) {
    return (struct draht_span){x->body.p, x->body.n};
}
struct draht_span conf_http_peer(struct draht_http *x) {
    (void)x;
    return conf_span("192.0.2.7");
}
struct draht_span conf_http_header(struct draht_http *x, const char *name) {
    const char *v = json_str(x->headers, name, NULL);
    return v ? conf_span(v) : (struct draht_span){0};
}

/* Decoded values are kept with the exchange: "?name" among its headers. */
struct draht_span conf_http_query(struct draht_http *x, const char *name) {
    struct span rest = span_str(x->query);
    struct draht_span found = {0};
    struct arena *a = arena_new();
    while (rest.p && !found.p) {
        struct span value = span_cut(&rest, '&');
        struct span word = kit_percent(a, span_cut(&value, '='), true);
        if (!span_eq(word, name))
            continue;
        struct buf key = {0};
        buf_addf(&key, "?%s", name);
        json_put(x->headers, key.p, kit_percent(a, value.p ? value : SPAN(""), true));
        found = conf_span(json_str(x->headers, key.p, ""));
        buf_free(&key);
    }
    arena_free(&a);
    return found;
}

void conf_http_set_header(struct draht_http *x, const char *name, const char *value) {
    (void)value;
    for (const char *p = name; *p; p++)
        if (*p <= ' ' || *p == ':')
            conf_violation(x->k, "it set a header with the name \"%.60s\"", name);
}

void conf_http_respond(struct draht_http *x, int status, const char *type, struct draht_span body) {
    (void)type;
    if (x->answers_n++) {
        conf_violation(x->k, "a request was answered twice");
        return;
    }
    if (status < 200 || status > 599)
        conf_violation(x->k, "it answered with the status %d", status);
    if (x->is_injected && status < 300 && !x->k->stored_n)
        x->k->early++;
    x->status = status;
    buf_add(&x->answer, body.p ? body.p : "", body.p ? body.n : 0);
}

/* ---- the script's request to a route */

static void lower(char *s) {
    for (; *s; s++)
        *s = (char)tolower((unsigned char)*s);
}

static void take_headers(struct draht_http *x, const json_t *headers) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)headers, name, value) {
        struct buf b = {0};
        char key[128];
        snprintf(key, sizeof key, "%s", name);
        lower(key);
        if (json_is_string(value))
            conf_expand(x->k, json_string_value(value), &b);
        json_puts(x->headers, key, b.p ? b.p : "");
        buf_free(&b);
    }
}

/* As the body has it: numbers by their digits. */
static void add_value(struct conf *k, const json_t *v, struct buf *out) {
    char *other = json_is_string(v) ? NULL : json_text(v);
    conf_expand(k, other ? other : json_string_value(v), out);
    free(other);
}

/* The form's names and values, sorted and joined: what some providers sign. */
static void sorted_form(struct conf *k, const json_t *form, struct buf *out) {
    size_t n = json_object_size(form), done = 0;
    const char *last = "";
    while (done++ < n) {
        const char *name, *next = NULL;
        json_t *value;
        json_object_foreach((json_t *)(uintptr_t)form, name,
                            value) if (strcmp(name, last) > 0 && (!next || strcmp(name, next) < 0))
            next = name;
        if (!next)
            return;
        buf_adds(out, next);
        add_value(k, json_object_get(form, next), out);
        last = next;
    }
}

static void hmac(struct conf *k, const char *how, struct span key, struct span text,
                 struct buf *mac) {
    uint8_t out[32] = {0};
    bool is_sha1 = !strcmp(how, "sha1");
    if (is_sha1)
        kit_hmac_sha1(key, text, out);
    else if (!strcmp(how, "sha256"))
        crypto_hmac_sha256(key, text, out);
    else
        conf_violation(k, "the script asks for hmac: %.40s; there are sha1 and sha256", how);
    buf_add(mac, out, is_sha1 ? KIT_SHA1_BYTES : sizeof out);
}

static void sign(struct draht_http *x, const json_t *request) {
    struct conf *k = x->k;
    const json_t *s = json_object_get(request, "sign");
    if (!s)
        return;
    struct buf over = {0}, key = {0}, sorted = {0}, value = {0}, mac = {0}, url = {0};
    buf_addf(&url, "%s%s%s%s", CONF_PUBLIC_URL, x->whole_path, *x->query ? "?" : "", x->query);
    sorted_form(k, json_object_get(request, "form"), &sorted);
    conf_set(k, "url", url.p);
    conf_set(k, "sorted", sorted.p);
    json_put(k->vars, "body", buf_span(&x->body));
    if (!strcmp(json_str(s, "over", "{body}"), "{body}"))
        buf_add(&over, x->body.p, x->body.n); /* bytes as they are, also when they are no text */
    else
        conf_expand(k, json_str(s, "over", ""), &over);
    conf_expand(k, json_str(s, "key", ""), &key);
    hmac(k, json_str(s, "hmac", "sha256"), buf_span(&key), buf_span(&over), &mac);
    conf_expand(k, json_str(s, "prefix", ""), &value);
    conf_encode(json_str(s, "encoding", "hex"), buf_span(&mac), &value);
    char name[128];
    snprintf(name, sizeof name, "%s", json_str(s, "header", "x-signature"));
    lower(name);
    json_puts(x->headers, name, value.p);
    for (size_t i = 0; i < 6; i++)
        buf_free((struct buf *[]){&over, &key, &sorted, &value, &mac, &url}[i]);
}

static struct draht_http *exchange_new(struct conf *k, const json_t *request, const char *path) {
    struct draht_http *x = xcalloc(1, sizeof *x);
    const char *query = strchr(path, '?');
    x->k = k;
    x->is_injected = k->is_injecting;
    x->method = xstrdup(json_str(request, "method", "POST"));
    x->path = query ? xstrndup(path, (size_t)(query - path)) : xstrdup(path);
    x->query = xstrdup(query ? query + 1 : "");
    struct buf whole = {0};
    buf_addf(&whole, "/channels/" CONF_ID "%s", x->path);
    x->whole_path = buf_take(&whole, NULL);
    x->headers = json_object();
    x->next = k->exchanges;
    k->exchanges = x;
    return x;
}

static void fill(struct draht_http *x, const json_t *request, const struct span *raw_body) {
    const char *type;
    if (raw_body)
        buf_add(&x->body, raw_body->p, raw_body->n);
    struct buf own = {0};
    conf_body(x->k, request, &own, &type);
    if (!raw_body)
        buf_add(&x->body, own.p, own.n);
    buf_free(&own);
    json_puts(x->headers, "content-type", type);
    json_puts(x->headers, "host", "draht.city.example");
    sign(x, request);
    take_headers(x, json_object_get(request, "headers"));
}

bool conf_web_takes(const struct conf *k, const json_t *request) {
    struct buf path = {0};
    const char *rest;
    bool known;
    conf_expand(k, json_str(request, "path", "/in"), &path);
    path.p[strcspn(path.p, "?")] = 0;
    bool takes = route_of(k, json_str(request, "method", "POST"), path.p, &rest, &known) != NULL;
    buf_free(&path);
    return takes;
}

struct draht_http *conf_web_call(struct conf *k, const json_t *request,
                                 const struct span *raw_body) {
    struct buf path = {0};
    const char *rest = "";
    bool known;
    conf_expand(k, json_str(request, "path", "/in"), &path);
    struct draht_http *x = exchange_new(k, request, path.p);
    buf_free(&path);
    fill(x, request, raw_body);
    const struct conf_route *r = route_of(k, x->method, x->path, &rest, &known);
    x->rest = xstrdup(rest);
    if (!r || k->is_stopping) {
        x->status = r ? 503 : known ? 405 : 404;
        snprintf(k->answer_text, sizeof k->answer_text, "the channel has no route for %s %s",
                 x->method, x->path);
        x->answers_n = 1;
    } else if (x->body.n > r->body_max) {
        x->status = 413;
        x->answers_n = 1;
    } else {
        r->fn(k->channel, x);
    }
    return x;
}

/* ---- requests of the channel */

static void run_free(struct draht_http_run *r) {
    loop_timer_stop(&r->timer);
    json_decref(r->answer);
    r->answer = NULL;
    buf_free(&r->body);
    r->is_over = true;
}

static void head_of(const json_t *answer, int status, struct buf *head, int64_t *retry_after) {
    const char *name;
    json_t *value;
    buf_addf(head, "HTTP/1.1 %d Answer\r\n", status);
    json_object_foreach(json_object_get(answer, "headers"), name, value) {
        char *other = json_is_string(value) ? NULL : json_text(value);
        const char *text = other ? other : json_string_value(value);
        buf_addf(head, "%s: %s\r\n", name, text);
        if (span_ieq(span_str(name), "retry-after"))
            *retry_after = strtoll(text, NULL, 10) * 1000;
        free(other);
    }
    buf_adds(head, "\r\n");
}

static void on_answer(void *arg) {
    struct draht_http_run *r = arg;
    struct conf *k = r->k;
    struct buf body = {0}, head = {0};
    const char *type;
    bool broken = json_flag(r->answer, "broken", false);
    int status = broken ? 0 : (int)json_int(r->answer, "status", 200);
    int64_t retry_after = -1;
    json_t *answer = r->answer;
    r->answer = NULL;
    conf_body(k, answer, &body, &type);
    if (!broken)
        head_of(answer, status, &head, &retry_after);
    struct draht_http_answer a = {.size = sizeof a,
                                  .status = status,
                                  .error = broken ? ERR_TIMEOUT : 0,
                                  .body = {broken ? "" : body.p, broken ? 0 : body.n},
                                  .retry_after_ms = retry_after,
                                  .head = {head.p ? head.p : "", head.n}};
    if (r->on_chunk && status == 200) {
        r->on_chunk(r->arg, a.body);
        a.body = (struct draht_span){"", 0};
    }
    json_decref(answer);
    bool was_cancelled = r->is_over;
    run_free(r);
    if (!was_cancelled)
        r->done(r->arg, &a);
    buf_free(&body);
    buf_free(&head);
}

static struct draht_http_run *run_new(struct conf *k, const char *method, const char *url,
                                      struct draht_span body) {
    if (!url || (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0))
        return NULL;
    struct draht_http_run *r = xcalloc(1, sizeof *r);
    r->k = k;
    r->method = xstrdup(method ? method : "GET");
    r->url = xstrdup(url);
    buf_add(&r->body, body.p ? body.p : "", body.p ? body.n : 0);
    r->next = k->runs;
    k->runs = r;
    return r;
}

static void run_start(struct draht_http_run *r, const char *const *headers) {
    static const char name[] = "idempotency-key:";
    uint64_t delay_ms = 2;
    for (size_t i = 0; headers && headers[i]; i++)
        if (!strncasecmp(headers[i], name, sizeof name - 1) && !r->idempotency_key)
            r->idempotency_key = xstrdup(headers[i] + sizeof name - 1);
    r->answer = conf_peer_answer(r->k, r, &delay_ms);
    if (!r->answer)
        r->answer = json_pack("{s:i}", "status", 404);
    r->timer = loop_timer(r->k->loop, delay_ms, 0, on_answer, r);
}

int conf_http_request(void *host, const char *method, const char *url, const char *const *headers,
                      struct draht_span body, uint32_t timeout_ms, draht_http_answer_fn done,
                      void *arg) {
    struct draht_http_run *r = run_new(host, method, url, body);
    (void)timeout_ms;
    if (!r)
        return DRAHT_E_REJECTED;
    r->done = done;
    r->arg = arg;
    run_start(r, headers);
    return 0;
}

struct draht_http_run *conf_http_call(void *host, const struct draht_http_call *given) {
    struct draht_http_call c = {0};
    memcpy(&c, given, given->size < sizeof c ? given->size : sizeof c);
    struct draht_http_run *r = run_new(host, c.method, c.url, c.body);
    if (!r)
        return NULL;
    r->done = c.done;
    r->arg = c.arg;
    r->on_chunk = c.on_chunk;
    run_start(r, c.headers);
    return r;
}

void conf_http_cancel(struct draht_http_run *r) {
    if (r && !r->is_over)
        run_free(r);
}

void conf_web_forget(struct conf *k) {
    for (struct draht_http_run *r = k->runs; r; r = r->next)
        if (!r->is_over)
            run_free(r);
    while (k->routes) {
        struct conf_route *r = k->routes;
        k->routes = r->next;
        free(r->methods);
        free(r->path);
        free(r);
    }
}

void conf_web_free(struct conf *k) {
    while (k->runs) {
        struct draht_http_run *r = k->runs;
        k->runs = r->next;
        free(r->method);
        free(r->url);
        free(r->idempotency_key);
        free(r);
    }
    while (k->exchanges) {
        struct draht_http *x = k->exchanges;
        k->exchanges = x->next;
        free(x->method);
        free(x->path);
        free(x->whole_path);
        free(x->rest);
        free(x->query);
        json_decref(x->headers);
        buf_free(&x->body);
        buf_free(&x->answer);
        free(x);
    }
}
