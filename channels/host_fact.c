/* SPDX-License-Identifier: EUPL-1.2 */
/* host_fact: what channels may know of the city and the moment: facts, texts, time, secrets; and
 * the table itself that they are handed. */
#include "channels/host_private.h"

#include <stdlib.h>

#define SMS_HEADER_BYTES 6 /* concatenation with an 8-bit reference */

static struct draht_span known(const char *s) {
    return s && *s ? host_dspan(span_str(s)) : (struct draht_span){0};
}

static const struct config_queue *queue_of(const struct host_channel *c) {
    return *c->queue ? config_queue(c->host->config, c->queue) : NULL;
}

static const struct config_calendar *calendar_of(const struct host_channel *c) {
    const struct config *cfg = c->host->config;
    const struct config_queue *q = queue_of(c);
    if (q && q->calendar)
        return config_calendar(cfg, q->calendar);
    return cfg->calendars_n ? &cfg->calendars[0] : NULL;
}

static struct draht_span number_fact(struct host *h, long long v) {
    buf_clear(&h->fact);
    buf_addf(&h->fact, "%lld", v);
    return (struct draht_span){h->fact.p, h->fact.n};
}

static struct draht_span time_fact(struct host *h, int64_t ms) {
    char out[CLOCK_RFC3339_BYTES];
    clock_rfc3339(ms, out);
    buf_clear(&h->fact);
    buf_adds(&h->fact, out);
    return (struct draht_span){h->fact.p, h->fact.n};
}

static struct draht_span hours_fact(struct host_channel *c, const char *what) {
    const struct config_calendar *cal = calendar_of(c);
    const struct config_queue *q = queue_of(c);
    int64_t now = host_now(c->host);
    if (!cal)
        return strcmp(what, "hours.open") == 0 ? (struct draht_span){"1", 1}
                                               : (struct draht_span){0};
    if (strcmp(what, "hours.open") == 0)
        return (struct draht_span){calendar_is_open(cal, now) ? "1" : "0", 1};
    if (strcmp(what, "hours.next") == 0)
        return time_fact(c->host, calendar_next_open_ms(cal, now));
    return time_fact(
        c->host,
        calendar_add_hours(cal, now, q && q->first_answer_hours > 0 ? q->first_answer_hours : 8));
}

/* "locale.<lang>.<key>" */
static struct draht_span locale_fact(const char *rest) {
    const char *dot = strchr(rest, '.');
    char lang[16];
    if (!dot || (size_t)(dot - rest) >= sizeof lang)
        return (struct draht_span){0};
    memcpy(lang, rest, (size_t)(dot - rest));
    lang[dot - rest] = 0;
    return known(locale_text(lang, dot + 1));
}

/* Port 0 was given: only the server knows which one it became. */
static struct draht_span public_url(struct host *h) {
    const char *url = h->config->public_url;
    size_t n = url ? strlen(url) : 0;
    if (n < 2 || strcmp(url + n - 2, ":0") != 0 || !h->o.http)
        return known(url);
    buf_clear(&h->fact);
    buf_addf(&h->fact, "%.*s%d", (int)(n - 1), url, http_server_port(h->o.http));
    return (struct draht_span){h->fact.p, h->fact.n};
}

struct draht_span host_fact(void *host, const char *name) {
    struct host_channel *c = host;
    struct host *h = c->host;
    const struct config *cfg = h->config;
    const struct {
        const char *name, *value;
    } plain[] = {{"city.name", cfg->city_name},
                 {"city.phone", cfg->city_phone},
                 {"privacy.url", cfg->privacy_url},
                 {"imprint.url", cfg->imprint_url},
                 {"accessibility.url", cfg->accessibility_url},
                 {"language", cfg->default_language}};
    if (strncmp(name, "locale.", 7) == 0)
        return locale_fact(name + 7);
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (strcmp(name, plain[i].name) == 0)
            return known(plain[i].value);
    if (strcmp(name, "public.url") == 0)
        return public_url(h);
    if (strncmp(name, "hours.", 6) == 0 || strcmp(name, "answer.due") == 0)
        return hours_fact(c, name);
    if (strcmp(name, "attachment.max_bytes") == 0)
        return number_fact(h, (long long)cfg->attachment_max_mb * 1024 * 1024);
    if (strcmp(name, "text.max") == 0)
        return number_fact(h, cfg->message_text_max);
    return (struct draht_span){0};
}

int64_t host_now_ms(void *host) {
    const struct host_channel *c = host;
    return host_now(c->host);
}

static void on_timer(void *arg) {
    struct draht_timer *t = arg;
    t->fn(t->arg);
}

struct draht_timer *host_timer(void *host, uint64_t delay_ms, uint64_t repeat_ms,
                               void (*fn)(void *arg), void *arg) {
    struct host_channel *c = host;
    struct draht_timer *t = xcalloc(1, sizeof *t);
    t->owner = c;
    t->fn = fn;
    t->arg = arg;
    t->next = c->timers;
    t->prev = &c->timers;
    if (t->next)
        t->next->prev = &t->next;
    c->timers = t;
    t->timer = loop_timer(c->host->o.loop, delay_ms, repeat_ms, on_timer, t);
    return t;
}

void host_timer_stop(struct draht_timer *t) {
    if (!t)
        return;
    *t->prev = t->next;
    if (t->next)
        t->next->prev = t->prev;
    loop_timer_stop(&t->timer);
    free(t);
}

void host_timers_drop(struct host_channel *c) {
    while (c->timers)
        host_timer_stop(c->timers);
}

void host_mac(void *host, struct draht_span text, uint8_t out[32]) {
    struct host_channel *c = host;
    crypto_mac(c->host->o.crypto, c->mac_purpose, host_span(text), out);
}

void host_random(void *out, size_t n) {
    crypto_random(out, n);
}

void host_log(void *host, int level, const char *event, const char *text) {
    const struct host_channel *c = host;
    enum log_level l = level <= 0   ? LOG_DEBUG
                       : level == 1 ? LOG_INFO
                       : level == 2 ? LOG_WARN
                                    : LOG_ERROR;
    struct buf b = {0};
    host_log_redact(c, text ? text : "", &b);
    log_event(l, event, "channel=%s %.400s", c->id, b.p);
    buf_free(&b);
    host_log_text(host, level, event, text);
}

void host_health(void *host, int is_up, const char *sentence) {
    host_set_up(host, is_up != 0, sentence);
}

void host_offer(void *host, uint32_t caps, uint32_t text_max, uint32_t concurrency) {
    struct host_channel *c = host;
    c->ops.caps = caps;
    c->ops.text_max = text_max;
    if (concurrency && !c->has_concurrency)
        c->outbox.concurrency = concurrency;
    c->outbox.is_idempotent = (caps & DRAHT_CAP_IDEMPOTENT) != 0;
    c->outbox.has_history = (caps & DRAHT_CAP_HISTORY) != 0;
    c->outbox.is_unthreaded = (caps & DRAHT_CAP_UNTHREADED) != 0;
}

void host_files(void *host, const struct draht_files *given) {
    struct host_channel *c = host;
    struct draht_files f;
    host_extend(&f, sizeof f, given);
    json_t *o = json_object(), *kinds = json_array();
    json_puti(o, "count_max", f.count_max);
    json_puti(o, "total_max", (int64_t)f.total_max);
    for (size_t i = 0; i < f.kinds_n && i < DRAHT_FILE_KINDS_MAX; i++) {
        json_t *k = json_object();
        json_put(k, "types", host_span(f.kinds[i].types));
        json_puti(k, "bytes_max", (int64_t)f.kinds[i].bytes_max);
        json_array_append_new(kinds, k);
    }
    json_object_set_new(o, "kinds", kinds);
    json_decref(c->files);
    c->files = o;
}

void host_text(void *host, const struct draht_text *given) {
    static const char *const units[] = {"points", "utf16", "bytes", "sms"};
    struct host_channel *c = host;
    struct draht_text t;
    host_extend(&t, sizeof t, given);
    json_t *o = json_object();
    json_puts(o, "unit", units[t.unit <= DRAHT_TEXT_SMS ? t.unit : DRAHT_TEXT_POINTS]);
    json_puti(o, "message_max", t.message_max);
    json_puti(o, "messages_max", t.messages_max);
    json_puti(o, "header_bytes", t.header_bytes ? t.header_bytes : SMS_HEADER_BYTES);
    json_object_set_new(o, "is_plain", json_boolean(t.flags & DRAHT_TEXT_PLAIN));
    json_object_set_new(o, "is_latin1", json_boolean(t.flags & DRAHT_TEXT_LATIN1));
    json_puti(o, "late_max", t.late_max);
    if (t.window_hours)
        c->ops.reply_window_hours = t.window_hours;
    json_decref(c->text);
    c->text = o;
}

void *host_builtin(void *host, const char *what) {
    struct host_channel *c = host;
    if (!c->is_built_in)
        return NULL;
    if (strcmp(what, "loop") == 0)
        return c->host->o.loop;
    return strcmp(what, "transfers") == 0 ? c->host->o.transfers : NULL;
}

const struct draht_host host_table = {
    .size = sizeof(struct draht_host),
    .accept = host_accept,
    .receipt = host_receipt,
    .part_done = host_part_done,
    .settle = host_settle,
    .history = host_history,
    .typing = host_typing_in,
    .read_mark = host_read_mark,
    .blob_put = host_blob_put,
    .blob_get = host_blob_get,
    .state_set = host_state_set,
    .state_get = host_state_get,
    .state_del = host_state_del,
    .lease = host_lease,
    .route = host_route,
    .socket_route = host_socket_route,
    .http_method = host_http_method,
    .http_path = host_http_path,
    .http_rest = host_http_rest,
    .http_query = host_http_query,
    .http_header = host_http_header,
    .http_body = host_http_body,
    .http_peer = host_http_peer,
    .http_set_header = host_http_set_header,
    .http_respond = host_http_respond,
    .socket_send = host_socket_send,
    .socket_close = host_socket_close,
    .socket_peer = host_socket_peer,
    .http_request = host_http_request,
    .now_ms = host_now_ms,
    .timer = host_timer,
    .timer_stop = host_timer_stop,
    .mac = host_mac,
    .random = host_random,
    .fact = host_fact,
    .log = host_log,
    .health = host_health,
    .builtin = host_builtin,
    .scan = host_scan,
    .http_call = host_http_call,
    .http_cancel = host_http_cancel,
    .aside = host_aside,
    .state_rank = host_state_rank,
    .state_ranked = host_state_ranked,
    .tickets = host_tickets,
    .offer = host_offer,
    .watch = host_watch,
    .files = host_files,
    .text = host_text,
    .tell = host_tell,
    .watch_place = host_watch_place,
};
