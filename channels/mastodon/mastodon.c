/* SPDX-License-Identifier: EUPL-1.2 */
/* mastodon: settings, life, and the one request all others are made of. */
#include "channels/mastodon/mastodon_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/clock.h"

#define CALL_TIMEOUT_MS 60000
#define WAIT_MS_MAX (3600 * 1000)
#define BACKOFF_MS_MAX 60000

/* clang-format off */
static const struct draht_option rows[] = {
    {"url", DRAHT_OPT_STRING, NULL, 8, 300, NULL, DRAHT_OPT_REQUIRED,
     "The instance, for example https://social.stadt.example (without a path)."},
    {"access_token", DRAHT_OPT_STRING, NULL, 8, 4096, NULL, DRAHT_OPT_REQUIRED | DRAHT_OPT_SECRET,
     "Access token of the city's account with the scopes read:accounts read:notifications "
     "read:statuses write:statuses write:media."},
    {"streaming_url", DRAHT_OPT_STRING, "", 0, 300, NULL, 0,
     "Where the instance streams, when that is not what it says itself."},
    {"poll_s", DRAHT_OPT_INT, "60", 5, 3600, NULL, 0,
     "Look for mentions at least this often, also while the stream is open."},
    {NULL, DRAHT_OPT_STRING, NULL, 0, 0, NULL, 0, NULL}};
/* clang-format on */

static int complain(char *err, const char *sentence) {
    snprintf(err, 256, "%s", sentence);
    return ERR_INVALID;
}

static int check(const json_t *o, char *err) {
    const char *token = json_str(o, "access_token", ""), *stream = json_str(o, "streaming_url", "");
    if (!kit_origin_is_valid(span_str(json_str(o, "url", ""))))
        return complain(err, "url is scheme://host[:port] of the instance, without a path.");
    if (*stream && !kit_origin_is_valid(span_str(stream)))
        return complain(err, "streaming_url is http(s)://host[:port], without a path.");
    if (strlen(token) < 8 || strpbrk(token, "\r\n "))
        return complain(err, "access_token is missing or shorter than 8 characters.");
    return 0;
}

static int open_channel(const struct draht_host *h, void *host, const char *id, const char *options,
                        void **out, char *err) {
    (void)id;
    json_t *o = json_parse(span_str(options), 1 << 20, err);
    int rc = o ? check(o, err) : ERR_INVALID;
    if (rc == 0) {
        struct mastodon *m = xcalloc(1, sizeof *m);
        m->h = h;
        m->host = host;
        m->url = xstrdup(json_str(o, "url", ""));
        m->token = xstrdup(json_str(o, "access_token", ""));
        m->stream_url = xstrdup(json_str(o, "streaming_url", ""));
        m->has_own_stream_url = *m->stream_url != 0;
        m->poll_s = (int)json_int(o, "poll_s", 60);
        *out = m;
    }
    json_decref(o);
    return rc;
}

static void on_lease(void *channel, int held) {
    struct mastodon *m = channel;
    m->is_leased = held != 0;
    if (!held) {
        mast_stream_close(m);
    } else if (m->is_known) {
        mast_stream_open(m);
        mast_wake(m, 0);
    }
}

static int start(void *channel, char *err) {
    struct mastodon *m = channel;
    (void)err;
    m->h->health(m->host, 0, "connecting to the instance");
    m->h->lease(m->host, kit_str("intake"), on_lease);
    mast_connect(m);
    return 0;
}

static void stop_timer(struct mastodon *m, struct draht_timer **t) {
    if (*t)
        m->h->timer_stop(*t);
    *t = NULL;
}

static void stop_timers(struct mastodon *m) {
    stop_timer(m, &m->connect_timer);
    stop_timer(m, &m->wake_timer);
    stop_timer(m, &m->stream_timer);
}

void mast_idle(struct mastodon *m) {
    if (!m->stopped || m->pass || m->review || m->sends || m->edits_n || m->calls_n)
        return;
    draht_done_fn done = m->stopped;
    m->stopped = NULL;
    done(m->stopped_arg, 0);
}

static void stop(void *channel, draht_done_fn done, void *arg) {
    struct mastodon *m = channel;
    m->is_stopping = true;
    m->stopped = done;
    m->stopped_arg = arg;
    stop_timers(m);
    mast_stream_close(m);
    mast_idle(m);
}

static void close_channel(void *channel) {
    struct mastodon *m = channel;
    stop_timers(m);
    mast_pass_drop(m);
    mast_review_drop(m);
    mast_sends_drop(m);
    sse_free(&m->sse);
    free(m->url);
    free(m->token);
    free(m->stream_url);
    free(m->own_id);
    free(m->watermark);
    free(m);
}

void mast_log(struct mastodon *m, int level, const char *event, const char *text) {
    m->h->log(m->host, level, event, text);
}

bool mast_is_instance(const struct mastodon *m, struct span url) {
    size_t n = strlen(m->url);
    return url.n > n && memcmp(url.p, m->url, n) == 0 && url.p[n] == '/';
}

bool mast_call(struct mastodon *m, const char *method, const char *path, const char *header,
               const char *content_type, struct span body, draht_http_answer_fn done, void *arg) {
    struct buf url = {0}, bearer = {0}, type = {0};
    buf_addf(&url, "%s%s", m->url, path);
    buf_addf(&bearer, "Authorization: Bearer %s", m->token);
    buf_addf(&type, "Content-Type: %s", content_type ? content_type : "application/json");
    const char *headers[] = {bearer.p, type.p, header, NULL};
    struct draht_http_call call = {.size = sizeof call,
                                   .method = method,
                                   .url = url.p,
                                   .headers = headers,
                                   .body = kit_out(body),
                                   .timeout_ms = CALL_TIMEOUT_MS,
                                   .answer_max = MASTODON_ANSWER_BYTES_MAX,
                                   .flags = DRAHT_HTTP_OPERATOR,
                                   .done = done,
                                   .arg = arg};
    bool ok = m->h->http_call(m->host, &call) != NULL;
    buf_free(&url);
    buf_free(&bearer);
    buf_free(&type);
    return ok;
}

struct span mast_header(const struct draht_http_answer *a, const char *name) {
    struct span rest = kit_in(a->head);
    while (rest.p) {
        struct span line = span_cut(&rest, '\n');
        struct span value = line;
        struct span key = span_cut(&value, ':');
        if (value.p && span_ieq(key, name))
            return span_trim(value);
    }
    return SPAN_NONE;
}

uint64_t mast_wait_ms(const struct mastodon *m, const struct draht_http_answer *a) {
    struct span reset = mast_header(a, "x-ratelimit-reset");
    int64_t at_ms = 0, wait_ms = a->retry_after_ms > 0 ? a->retry_after_ms : 0;
    char text[64];
    if (a->status == 429 && reset.n && reset.n < sizeof text) {
        memcpy(text, reset.p, reset.n);
        text[reset.n] = 0;
        if (clock_parse_rfc3339(text, &at_ms) == 0)
            at_ms -= m->h->now_ms(m->host);
        if (at_ms > wait_ms)
            wait_ms = at_ms;
    }
    return (uint64_t)(wait_ms < WAIT_MS_MAX ? wait_ms : WAIT_MS_MAX);
}

uint64_t mast_backoff_ms(int fails) {
    uint64_t ms = 1000ull << (fails < 10 ? fails : 10);
    return ms < BACKOFF_MS_MAX ? ms : BACKOFF_MS_MAX;
}

const struct draht_channel_ops mastodon_ops = {.size = sizeof mastodon_ops,
                                               .caps = DRAHT_CAP_ATTACHMENTS | DRAHT_CAP_IDEMPOTENT,
                                               .type = "mastodon",
                                               .options = rows,
                                               .text_max = MASTODON_CHARACTERS_DEFAULT,
                                               .concurrency = 4,
                                               .open = open_channel,
                                               .start = start,
                                               .stop = stop,
                                               .close = close_channel,
                                               .send = mast_send,
                                               .normalize = mastodon_normalize};
