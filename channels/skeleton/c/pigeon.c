/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * pigeon: a channel for a provider that speaks JSON over HTTP. The provider posts messages to
 * /channels/<id>/in and reports to /channels/<id>/report; replies are posted to the option "url".
 * Change what your provider does otherwise; conformance.yaml says the same to the conformance kit.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <draht_channel.h>

#define BODY_BYTES_MAX 65536
#define ID_CHARS_MAX 200
#define SECRET_CHARS_MIN 8
#define PROVIDER_MS 20000

struct channel {
    const struct draht_host *h;
    void *host;
    char *url, *authorization; /* "Bearer <secret>", both ways */
    int under_way;             /* messages and sends whose answer is still to come */
    draht_done_fn stopped;
    void *stopped_arg;
};

static const struct draht_option options[] = {
    {"url", DRAHT_OPT_STRING, NULL, 1, 500, NULL, DRAHT_OPT_REQUIRED,
     "Where replies are posted: http:// or https:// address of the provider."},
    {"secret", DRAHT_OPT_STRING, NULL, 1, 200, NULL, DRAHT_OPT_REQUIRED | DRAHT_OPT_SECRET,
     "Bearer token that the provider sends to us and we send to the provider; 8 characters or "
     "more."},
    {NULL, DRAHT_OPT_STRING, NULL, 0, 0, NULL, 0, NULL},
};

static struct draht_span span(const char *s) {
    return (struct draht_span){s, s ? strlen(s) : 0};
}

/* ---- waiting: stop lets work finish before it says done */

static void begin(struct channel *p) {
    p->under_way++;
}

static void end(struct channel *p) {
    draht_done_fn stopped = --p->under_way == 0 ? p->stopped : NULL;
    if (!stopped)
        return;
    p->stopped = NULL;
    stopped(p->stopped_arg, 0);
}

/* ---- a message comes in */

struct waiting { /* a request that is answered when the message is stored */
    struct channel *p;
    struct draht_http *x;
};

static void answer(struct channel *p, struct draht_http *x, int status, const char *text) {
    p->h->http_respond(x, status, "text/plain; charset=utf-8", span(text));
}

/* Only now the provider gets its yes: before, the message would be lost when we crash. */
static void on_stored(void *arg, int status, const struct draht_accepted *a) {
    struct waiting *w = arg;
    struct channel *p = w->p;
    (void)a;
    if (status == 0)
        answer(p, w->x, 200, "stored");
    else if (status == DRAHT_E_REJECTED)
        answer(p, w->x, 422, "this message is not accepted");
    else
        answer(p, w->x, 503, "try again later");
    free(w);
    end(p);
}

/* The same time for every wrong guess. */
static int is_authorized(struct channel *p, struct draht_http *x) {
    struct draht_span given = p->h->http_header(x, "authorization");
    size_t n = strlen(p->authorization);
    unsigned char different = given.n != n;
    for (size_t i = 0; i < n && given.n == n; i++)
        different |= (unsigned char)(given.p[i] ^ p->authorization[i]);
    return !different;
}

/* The body as an object, or NULL with the request answered. */
static json_t *read_body(struct channel *p, struct draht_http *x) {
    struct draht_span body = p->h->http_body(x);
    if (!is_authorized(p, x)) {
        answer(p, x, 401, "wrong token");
        return NULL;
    }
    json_t *o = json_loadb(body.n ? body.p : "", body.n, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(o))
        return o;
    json_decref(o);
    answer(p, x, 400, "the body is one JSON object");
    return NULL;
}

static const char *text_of(const json_t *o, const char *key, size_t max) {
    const char *s = json_string_value(json_object_get(o, key));
    return s && strlen(s) <= max ? s : "";
}

/* A copy without control characters; line breaks stay. */
static char *clean(const char *s) {
    char *out = malloc(strlen(s) + 1), *to = out;
    for (; out && *s; s++)
        if ((unsigned char)*s >= ' ' || *s == '\n' || *s == '\t')
            *to++ = *s;
    if (out)
        *to = 0;
    return out;
}

static void take_in(struct channel *p, struct draht_http *x, const json_t *o) {
    const char *id = text_of(o, "id", ID_CHARS_MAX), *from = text_of(o, "from", ID_CHARS_MAX);
    char *text = clean(text_of(o, "text", BODY_BYTES_MAX));
    struct waiting *w = malloc(sizeof *w);
    if (!text || !w || !*id || !*from) {
        answer(p, x, text && w ? 400 : 503, text && w ? "id and from are needed" : "no memory");
        free(text);
        free(w);
        return;
    }
    struct draht_thread_hint hint = {DRAHT_THREAD_KEY, span(from)};
    struct draht_inbound m = {.size = sizeof m,
                              .external_id = span(id), /* the same id is taken in once */
                              .sender = span(from),
                              .sender_name = span(text_of(o, "name", ID_CHARS_MAX)),
                              .text = span(text),
                              .thread = span(from), /* one conversation for each citizen */
                              .hints = &hint,
                              .hints_n = 1};
    *w = (struct waiting){p, x};
    begin(p);
    p->h->accept(p->host, &m, on_stored, w);
    free(text);
}

static void on_in(void *channel, struct draht_http *x) {
    struct channel *p = channel;
    json_t *o = read_body(p, x);
    if (o)
        take_in(p, x, o);
    json_decref(o);
}

/* What became of a reply: {"id": the provider's id, "state": "delivered" | "read" | "failed"}. */
static void on_report(void *channel, struct draht_http *x) {
    struct channel *p = channel;
    json_t *o = read_body(p, x);
    if (!o)
        return;
    const char *id = text_of(o, "id", ID_CHARS_MAX), *state = text_of(o, "state", ID_CHARS_MAX);
    struct draht_receipt r = {.size = sizeof r,
                              .external_id = span(id),
                              .state = !strcmp(state, "delivered") ? DRAHT_RECEIPT_DELIVERED
                                       : !strcmp(state, "read")    ? DRAHT_RECEIPT_READ
                                       : !strcmp(state, "failed")  ? DRAHT_RECEIPT_FAILED
                                                                   : 0,
                              .reason = span(text_of(o, "reason", ID_CHARS_MAX))};
    if (*id && r.state)
        p->h->receipt(p->host, &r, NULL, NULL);
    answer(p, x, *id && r.state ? 200 : 400, *id && r.state ? "noted" : "id and state are needed");
    json_decref(o);
}

/* ---- a reply goes out */

struct sending {
    struct channel *p;
    struct draht_token *token;
};

static void settle_by(struct sending *s, const struct draht_http_answer *a) {
    const struct draht_host *h = s->p->h;
    json_t *o = json_loadb(a->body.n ? a->body.p : "", a->body.n, 0, NULL);
    const char *id = text_of(o, "id", ID_CHARS_MAX), *why = text_of(o, "error", ID_CHARS_MAX);
    uint64_t rest = a->retry_after_ms > 0 ? (uint64_t)a->retry_after_ms : 0;
    if (a->error || a->status == 429 || a->status >= 500) {
        h->settle(s->token, DRAHT_RETRY, span("The provider cannot take it right now."), rest);
    } else if (a->status / 100 == 2) {
        h->part_done(s->token, 0, span(id)); /* reports name the message by this id */
        h->settle(s->token, DRAHT_SENT, span(""), 0);
    } else if (a->status == 401 || a->status == 403) {
        h->settle(s->token, DRAHT_MISCONFIGURED, span("The provider refuses our token."), 0);
    } else {
        h->settle(s->token, DRAHT_REJECTED, span(*why ? why : "The provider refused the message."),
                  0);
    }
    json_decref(o);
}

static void on_answer(void *arg, const struct draht_http_answer *a) {
    struct sending *s = arg;
    struct channel *p = s->p;
    settle_by(s, a);
    free(s);
    end(p);
}

/* The message id goes along, so the provider knows a repetition: DRAHT_CAP_IDEMPOTENT. A provider
 * that does not look at it needs DRAHT_IN_DOUBT for a->error, and that capability taken away. */
static char *body_of(const struct draht_outbound *m) {
    json_t *o =
        json_pack("{s:s%,s:s%,s:s%}", "message", m->message.p, m->message.n, "to", m->recipient.p,
                  m->recipient.n, "text", m->text.p ? m->text.p : "", m->text.p ? m->text.n : 0);
    char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
    json_decref(o);
    return text;
}

static int channel_send(void *channel, const struct draht_outbound *m, struct draht_token *t) {
    struct channel *p = channel;
    struct sending *s = malloc(sizeof *s);
    char *body = body_of(m), authorization[300];
    snprintf(authorization, sizeof authorization, "authorization: %s", p->authorization);
    const char *headers[] = {"content-type: application/json", authorization, NULL};
    struct draht_http_call call = {.size = sizeof call,
                                   .method = "POST",
                                   .url = p->url,
                                   .headers = headers,
                                   .body = span(body),
                                   .timeout_ms = PROVIDER_MS,
                                   .flags = DRAHT_HTTP_OPERATOR,
                                   .done = on_answer,
                                   .arg = s};
    if (s)
        *s = (struct sending){p, t};
    int ok = s && body && p->h->http_call(p->host, &call) != NULL;
    free(body);
    if (!ok) {
        free(s);
        return -1; /* Draht tries again later */
    }
    begin(p);
    return 0;
}

/* ---- life */

static void channel_close(void *channel) {
    struct channel *p = channel;
    free(p->url);
    free(p->authorization);
    free(p);
}

static int check(struct channel *p, const json_t *o, char *err) {
    const char *url = text_of(o, "url", 500), *secret = text_of(o, "secret", 200);
    if (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0) {
        snprintf(err, 256, "url: \"%.100s\" does not begin with http:// or https://.", url);
        return -1;
    }
    if (strlen(secret) < SECRET_CHARS_MIN) {
        snprintf(err, 256, "secret: needs %d characters or more.", SECRET_CHARS_MIN);
        return -1;
    }
    size_t n = strlen("Bearer ") + strlen(secret) + 1;
    p->url = strdup(url);
    p->authorization = malloc(n);
    if (!p->url || !p->authorization) {
        snprintf(err, 256, "there is not enough memory.");
        return -1;
    }
    snprintf(p->authorization, n, "Bearer %s", secret);
    return 0;
}

static int channel_open(const struct draht_host *h, void *host, const char *id,
                        const char *options_json, void **out, char *err) {
    struct channel *p = calloc(1, sizeof *p);
    json_t *o = json_loads(options_json, 0, NULL);
    (void)id;
    snprintf(err, 256, "there is not enough memory.");
    int rc = p ? check(p, o, err) : -1;
    json_decref(o);
    if (rc < 0) {
        if (p)
            channel_close(p);
        return rc;
    }
    p->h = h;
    p->host = host;
    *out = p;
    return 0;
}

static int channel_start(void *channel, char *err) {
    struct channel *p = channel;
    if (p->h->route(p->host, "POST", "/in", BODY_BYTES_MAX, on_in) < 0 ||
        p->h->route(p->host, "POST", "/report", BODY_BYTES_MAX, on_report) < 0) {
        snprintf(err, 256, "the routes could not be set.");
        return -1;
    }
    p->h->health(p->host, 1, "");
    return 0;
}

static void channel_stop(void *channel, draht_done_fn done, void *arg) {
    struct channel *p = channel;
    if (!p->under_way) {
        done(arg, 0);
        return;
    }
    p->stopped = done;
    p->stopped_arg = arg;
}

static const struct draht_channel_ops channel_ops = {.size = sizeof(struct draht_channel_ops),
                                                     .caps = DRAHT_CAP_IDEMPOTENT |
                                                             DRAHT_CAP_DELIVERED | DRAHT_CAP_READ,
                                                     .type = "pigeon",
                                                     .options = options,
                                                     .concurrency = 4,
                                                     .open = channel_open,
                                                     .start = channel_start,
                                                     .stop = channel_stop,
                                                     .close = channel_close,
                                                     .send = channel_send};

const struct draht_channel_ops *draht_channel_plugin(uint32_t host_major);

const struct draht_channel_ops *draht_channel_plugin(uint32_t host_major) {
    return host_major == DRAHT_ABI_MAJOR ? &channel_ops : NULL;
}
