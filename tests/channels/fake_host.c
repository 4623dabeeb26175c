/* SPDX-License-Identifier: EUPL-1.2 */
/* fake_host: a whole draht_host in memory, for tests that include it (each uses what it needs).
 * Answers come when fake_run is called, as the real ones come from the loop. Time stands still
 * until the test moves it. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/abi/draht_channel.h"
#include "gateway/base/arena.h"
#include "gateway/base/buf.h"
#include "gateway/base/crypto.h"
#include "gateway/base/json.h"

enum { FAKE_MAX = 600 };

struct fake_message {
    char *external_id, *thread, *text, *sender;
    char message[32];
    bool from_citizen, is_system;
    uint64_t seq;
    uint32_t state, flags;
    size_t files_n;
};
struct fake_job { /* an answer that is still to come */
    struct fake_job *next;
    void (*run)(struct fake_job *j);
    union {
        draht_accept_fn accept;
        draht_done_fn done;
        draht_state_fn state;
        draht_blob_fn blob;
        draht_history_fn history;
        draht_scan_fn scan;
        draht_ranked_fn ranked;
        draht_tickets_fn tickets;
    } fn;
    void *arg;
    int status, duplicate;
    size_t at;
    struct buf bytes;
    bool has_bytes;
    uint64_t after;
    uint32_t limit;
};
struct draht_socket {
    const struct draht_socket_ops *ops;
    void *user;
    char *frames[FAKE_MAX];
    size_t frames_n;
    int close_code;
    bool is_open;
};
struct draht_http {
    const char *method, *path, *rest, *body, *peer;
    size_t body_n;
    const char *names[8], *values[8]; /* query with '?', headers plain */
    int status;
    char type[64];
    struct buf out, headers;
};
struct draht_timer {
    struct draht_timer *next;
    int64_t at_ms;
    uint64_t repeat_ms;
    void (*fn)(void *arg);
    void *arg;
    bool is_stopped;
};
struct draht_token {
    int verdict, settled_n;
};
static struct fake {
    void *channel;
    const struct draht_channel_ops *ops;
    const struct draht_socket_ops *socket_ops;
    struct {
        const char *methods, *path;
        draht_http_route_fn fn;
    } routes[32];
    size_t routes_n;
    struct fake_message messages[FAKE_MAX];
    size_t messages_n;
    struct {
        char *key, *value;
        int64_t score; /* in the index, 0: not in it */
    } states[FAKE_MAX];
    size_t states_n, state_sets;
    int64_t ranked_min, ranked_max; /* what was asked for last */
    int64_t updated_ms;             /* of all tickets, 0: now */
    struct buf blobs[32];
    size_t blobs_n;
    struct fake_job *jobs_first, *jobs_last;
    struct draht_timer *timers;
    int64_t now_ms;
    int accept_status, history_status, histories, scan_status, scans;
    bool is_open_hours, is_closed, is_erased;
    const char *tags;
    int typings, last_typing, receipts, read_marks;
    uint64_t last_read_mark;
    int watches; /* conversations under watch now */
    uint32_t last_receipt;
    struct crypto *crypto;
} fake;

static struct fake_job *fake_later(void (*run)(struct fake_job *), void *arg) {
    struct fake_job *j = xcalloc(1, sizeof *j);
    j->run = run;
    j->arg = arg;
    if (fake.jobs_last)
        fake.jobs_last->next = j;
    else
        fake.jobs_first = j;
    fake.jobs_last = j;
    return j;
}

static void fake_run(void) {
    while (fake.jobs_first) {
        struct fake_job *j = fake.jobs_first;
        fake.jobs_first = j->next;
        if (!fake.jobs_first)
            fake.jobs_last = NULL;
        j->run(j);
        buf_free(&j->bytes);
        free(j);
    }
}

/* Moves the clock and lets what is due happen. */
__attribute__((unused)) static void fake_advance(int64_t ms) {
    int64_t until = fake.now_ms + ms;
    for (;;) {
        struct draht_timer *due = NULL;
        for (struct draht_timer *t = fake.timers; t; t = t->next)
            if (!t->is_stopped && t->at_ms <= until && (!due || t->at_ms < due->at_ms))
                due = t;
        if (!due)
            break;
        if (due->at_ms > fake.now_ms)
            fake.now_ms = due->at_ms;
        due->at_ms = due->repeat_ms ? fake.now_ms + (int64_t)due->repeat_ms : INT64_MAX;
        due->fn(due->arg);
        fake_run();
    }
    fake.now_ms = until;
}

static char *fake_dup(struct draht_span s) {
    return xstrndup(s.p ? s.p : "", s.n);
}
static struct draht_span fake_span(const char *s) {
    return (struct draht_span){s, s ? strlen(s) : 0};
}

static void run_accept(struct fake_job *j) {
    const struct fake_message *m = &fake.messages[j->at];
    struct draht_accepted a = {.size = sizeof a,
                               .duplicate = j->duplicate,
                               .ticket = fake_span("2026-000001"),
                               .message = fake_span(m->message),
                               .thread_seq = m->seq,
                               .stored_ms = fake.now_ms};
    j->fn.accept(j->arg, j->status, j->status == 0 ? &a : NULL);
}

static uint64_t fake_head(const char *thread) {
    uint64_t head = 0;
    for (size_t i = 0; i < fake.messages_n; i++)
        if (strcmp(fake.messages[i].thread, thread) == 0 && fake.messages[i].seq > head)
            head = fake.messages[i].seq;
    return head;
}

static size_t fake_store(const char *external_id, const char *thread, const char *text, bool from_citizen) {
    struct fake_message *m = &fake.messages[fake.messages_n];
    m->external_id = xstrdup(external_id);
    m->thread = xstrdup(thread);
    m->text = xstrdup(text);
    m->from_citizen = from_citizen;
    m->seq = fake_head(thread) + 1;
    m->state = DRAHT_RECEIPT_SENT;
    snprintf(m->message, sizeof m->message, "2026-000001.%zu", fake.messages_n + 1);
    return fake.messages_n++;
}

static void f_accept(void *host, const struct draht_inbound *in, draht_accept_fn done, void *arg) {
    (void)host;
    struct fake_job *j = fake_later(run_accept, arg);
    j->fn.accept = done;
    j->status = fake.accept_status;
    if (j->status)
        return;
    char *id = fake_dup(in->external_id), *thread = fake_dup(in->thread), *text = fake_dup(in->text);
    for (size_t i = 0; i < fake.messages_n && !j->duplicate; i++) {
        if (strcmp(fake.messages[i].external_id, id) == 0) {
            j->duplicate = 1;
            j->at = i;
        }
    }
    if (!j->duplicate) {
        j->at = fake_store(id, thread, text, true);
        fake.messages[j->at].sender = fake_dup(in->sender);
        fake.messages[j->at].is_system = (in->flags & DRAHT_IN_SYSTEM) != 0;
        fake.messages[j->at].files_n = in->attachments_n;
        fake.messages[j->at].seq = fake.messages[j->at].is_system ? 0 : fake.messages[j->at].seq;
    }
    free(id);
    free(thread);
    free(text);
}

static void f_receipt(void *host, const struct draht_receipt *r, draht_done_fn done, void *arg) {
    (void)host, (void)done, (void)arg;
    fake.receipts++;
    fake.last_receipt = r->state;
}
static void f_settle(struct draht_token *t, enum draht_verdict v, struct draht_span reason, uint64_t retry_ms) {
    (void)reason, (void)retry_ms;
    t->verdict = (int)v;
    t->settled_n++;
}

static void f_part_done(struct draht_token *t, uint32_t part, struct draht_span external_id) {
    (void)t, (void)part, (void)external_id;
}

static void run_history(struct fake_job *j) {
    struct draht_history_item items[200];
    size_t n = 0;
    for (uint64_t seq = j->after + 1; n < j->limit; seq++) {
        const struct fake_message *m = NULL;
        for (size_t i = 0; i < fake.messages_n && !m; i++)
            if (fake.messages[i].seq == seq && strcmp(fake.messages[i].thread, j->bytes.p) == 0)
                m = &fake.messages[i];
        if (!m)
            break;
        items[n++] = (struct draht_history_item){.size = sizeof *items,
                                                 .thread_seq = m->seq,
                                                 .from_citizen = m->from_citizen,
                                                 .message = fake_span(m->message),
                                                 .external_id = fake_span(m->external_id),
                                                 .text = fake_span(m->text),
                                                 .at_ms = fake.now_ms,
                                                 .state = m->state};
    }
    j->fn.history(j->arg, j->status, items, j->status < 0 ? 0 : n);
}
static void f_history(void *host, struct draht_span thread, uint64_t after, uint32_t limit, draht_history_fn done, void *arg) {
    (void)host;
    struct fake_job *j = fake_later(run_history, arg);
    j->fn.history = done;
    j->after = after;
    j->limit = limit;
    j->status = fake.history_status;
    fake.histories++;
    buf_add(&j->bytes, thread.p, thread.n);
}
static void f_typing(void *host, struct draht_span thread, int on) {
    (void)host, (void)thread;
    fake.typings++;
    fake.last_typing = on;
}
static void f_watch(void *host, struct draht_span thread, int is_on) {
    (void)host, (void)thread;
    fake.watches += is_on ? 1 : -1;
}
static void f_read_mark(void *host, struct draht_span thread, uint64_t seq) {
    (void)host, (void)thread;
    fake.read_marks++;
    fake.last_read_mark = seq;
}
static void run_blob(struct fake_job *j) {
    j->fn.blob(j->arg, j->status, (struct draht_span){j->bytes.p, j->bytes.n});
}
static void f_blob_put(void *host, struct draht_span bytes, draht_blob_fn done, void *arg) {
    (void)host;
    buf_add(&fake.blobs[fake.blobs_n], bytes.p, bytes.n);
    struct fake_job *j = fake_later(run_blob, arg);
    j->fn.blob = done;
    buf_addf(&j->bytes, "blob%zu", fake.blobs_n++);
}
static void f_blob_get(void *host, struct draht_span blob, draht_blob_fn done, void *arg) {
    (void)host;
    struct fake_job *j = fake_later(run_blob, arg);
    size_t i = blob.n == 5 ? (size_t)(blob.p[4] - '0') : FAKE_MAX;
    j->fn.blob = done;
    if (i < fake.blobs_n)
        buf_add(&j->bytes, fake.blobs[i].p, fake.blobs[i].n);
    else
        j->status = DRAHT_E_REJECTED;
}
static void run_scan(struct fake_job *j) {
    j->fn.scan(j->arg, j->status, j->status > 0 ? fake_span("Eicar-Test-Signature") : (struct draht_span){0});
}
static void f_scan(void *host, struct draht_span bytes, draht_scan_fn done, void *arg) {
    (void)host, (void)bytes;
    struct fake_job *j = fake_later(run_scan, arg);
    j->fn.scan = done;
    j->status = fake.scan_status;
    fake.scans++;
}
static void run_done(struct fake_job *j) {
    if (j->fn.done)
        j->fn.done(j->arg, j->status);
}
static void run_state(struct fake_job *j) {
    j->fn.state(j->arg, j->status, j->has_bytes ? (struct draht_span){j->bytes.p, j->bytes.n} : (struct draht_span){0});
}
static void f_state_set(void *host, struct draht_span key, struct draht_span value, uint64_t ttl, draht_done_fn done, void *arg) {
    (void)host, (void)ttl;
    size_t i = 0;
    while (i < fake.states_n && !(strlen(fake.states[i].key) == key.n && memcmp(fake.states[i].key, key.p, key.n) == 0))
        i++;
    if (i == fake.states_n)
        fake.states[fake.states_n++].key = fake_dup(key);
    free(fake.states[i].value);
    fake.states[i].value = fake_dup(value);
    fake.state_sets++;
    fake_later(run_done, arg)->fn.done = done;
}
static void f_state_get(void *host, struct draht_span key, draht_state_fn done, void *arg) {
    (void)host;
    struct fake_job *j = fake_later(run_state, arg);
    j->fn.state = done;
    for (size_t i = 0; i < fake.states_n; i++) {
        if (strlen(fake.states[i].key) == key.n && memcmp(fake.states[i].key, key.p, key.n) == 0) {
            buf_adds(&j->bytes, fake.states[i].value);
            j->has_bytes = true;
        }
    }
}
static void f_state_del(void *host, struct draht_span key, draht_done_fn done, void *arg) {
    (void)host;
    for (size_t i = 0; i < fake.states_n; i++) {
        if (strlen(fake.states[i].key) != key.n || memcmp(fake.states[i].key, key.p, key.n) != 0)
            continue;
        free(fake.states[i].key);
        free(fake.states[i].value);
        fake.states[i] = fake.states[--fake.states_n];
        memset(&fake.states[fake.states_n], 0, sizeof fake.states[0]);
        break;
    }
    fake_later(run_done, arg)->fn.done = done;
}
/* One index, whatever its name: each state may have a score in it. */
static void f_state_rank(void *host, struct draht_span index, struct draht_span key, int64_t score, int64_t cut, draht_done_fn done, void *arg) {
    (void)host, (void)index;
    for (size_t i = 0; i < fake.states_n; i++) {
        if (strlen(fake.states[i].key) == key.n && memcmp(fake.states[i].key, key.p, key.n) == 0)
            fake.states[i].score = score;
        if (fake.states[i].score < cut)
            fake.states[i].score = 0;
    }
    fake_later(run_done, arg)->fn.done = done;
}
static void run_ranked(struct fake_job *j) {
    struct draht_span values[200];
    size_t n = 0;
    for (int64_t top = fake.ranked_max; n < j->limit;) {
        int64_t best = -1;
        for (size_t i = 0; i < fake.states_n; i++)
            if (fake.states[i].score > best && fake.states[i].score <= top)
                best = fake.states[i].score;
        if (best < fake.ranked_min || best <= 0)
            break;
        for (size_t i = fake.states_n; i > 0 && n < j->limit; i--)
            if (fake.states[i - 1].score == best)
                values[n++] = fake_span(fake.states[i - 1].value);
        top = best - 1;
    }
    j->fn.ranked(j->arg, 0, values, n);
}
static void f_state_ranked(void *host, struct draht_span index, int64_t min, int64_t max, uint32_t skip, uint32_t limit, draht_ranked_fn done,
                           void *arg) {
    (void)host, (void)index;
    fake.ranked_min = min;
    fake.ranked_max = max;
    struct fake_job *j = fake_later(run_ranked, arg);
    j->fn.ranked = done;
    j->limit = skip ? 0 : limit;
}
static void run_tickets(struct fake_job *j) {
    struct draht_ticket all[200];
    struct span rest = {j->bytes.p, j->bytes.n};
    size_t n = 0;
    for (; rest.p && rest.n; n++) {
        struct span one = span_cut(&rest, ',');
        all[n] = (struct draht_ticket){.size = sizeof *all,
                                       .number = {one.p, one.n},
                                       .tags = fake_span(fake.tags),
                                       .is_closed = fake.is_closed,
                                       .is_erased = fake.is_erased,
                                       .updated_ms = fake.updated_ms ? fake.updated_ms : fake.now_ms};
    }
    j->fn.tickets(j->arg, 0, all, n);
}
static void f_tickets(void *host, const struct draht_span *numbers, size_t n, draht_tickets_fn done, void *arg) {
    (void)host;
    struct fake_job *j = fake_later(run_tickets, arg);
    j->fn.tickets = done;
    for (size_t i = 0; i < n; i++)
        buf_addf(&j->bytes, "%s%.*s", i ? "," : "", (int)numbers[i].n, numbers[i].p);
}
static struct draht_span f_method(struct draht_http *x) {
    return fake_span(x->method);
}
static int f_route(void *host, const char *methods, const char *path, size_t max, draht_http_route_fn fn) {
    (void)host, (void)max;
    fake.routes[fake.routes_n].methods = methods;
    fake.routes[fake.routes_n].path = path;
    fake.routes[fake.routes_n++].fn = fn;
    return 0;
}
static int f_socket_route(void *host, const char *path, const char *protocol, const struct draht_socket_ops *ops) {
    (void)host, (void)path, (void)protocol;
    fake.socket_ops = ops;
    return 0;
}
static struct draht_span f_rest(struct draht_http *x) {
    return fake_span(x->rest);
}
static struct draht_span f_lookup(struct draht_http *x, const char *name, bool query) {
    for (int i = 0; i < 8 && x->names[i]; i++)
        if ((x->names[i][0] == '?') == query && strcmp(x->names[i] + (query ? 1 : 0), name) == 0)
            return fake_span(x->values[i]);
    return (struct draht_span){0};
}
static struct draht_span f_query(struct draht_http *x, const char *name) {
    return f_lookup(x, name, true);
}
static struct draht_span f_header(struct draht_http *x, const char *name) {
    return f_lookup(x, name, false);
}
static struct draht_span f_body(struct draht_http *x) {
    return (struct draht_span){x->body, x->body_n ? x->body_n : x->body ? strlen(x->body) : 0};
}
static struct draht_span f_peer(struct draht_http *x) {
    return fake_span(x->peer ? x->peer : "192.0.2.1");
}
static void f_set_header(struct draht_http *x, const char *name, const char *value) {
    buf_addf(&x->headers, "%s: %s\n", name, value);
}
static void f_respond(struct draht_http *x, int status, const char *type, struct draht_span body) {
    x->status = status;
    snprintf(x->type, sizeof x->type, "%s", type ? type : "");
    buf_add(&x->out, body.p, body.n);
    buf_add(&x->out, "", 0);
}
static int f_socket_send(struct draht_socket *s, struct draht_span text) {
    if (s->close_code)
        return -1;
    s->frames[s->frames_n++ % FAKE_MAX] = fake_dup(text);
    return 0;
}
static void f_socket_close(struct draht_socket *s, int code, const char *reason) {
    (void)reason;
    if (!s->close_code)
        s->close_code = code;
}
static struct draht_span f_socket_peer(struct draht_socket *s) {
    (void)s;
    return fake_span("192.0.2.1");
}
static int64_t f_now(void *host) {
    (void)host;
    return fake.now_ms;
}
static struct draht_timer *f_timer(void *host, uint64_t delay, uint64_t repeat, void (*fn)(void *), void *arg) {
    (void)host;
    struct draht_timer *t = xcalloc(1, sizeof *t);
    t->at_ms = fake.now_ms + (int64_t)delay;
    t->repeat_ms = repeat;
    t->fn = fn;
    t->arg = arg;
    t->next = fake.timers;
    fake.timers = t;
    return t;
}
static void f_timer_stop(struct draht_timer *t) {
    t->is_stopped = true;
}
static void f_mac(void *host, struct draht_span text, uint8_t out[32]) {
    (void)host;
    crypto_mac(fake.crypto, "fake", (struct span){text.p, text.n}, out);
}
static struct draht_span f_fact(void *host, const char *name) {
    (void)host;
    if (strcmp(name, "public.url") == 0)
        return fake_span("https://draht.city.example");
    if (strcmp(name, "city.name") == 0)
        return fake_span("Musterstadt");
    if (strcmp(name, "locale.de.form.done") == 0)
        return fake_span("Ihre Nummer ist {number}.");
    if (strcmp(name, "hours.open") == 0)
        return fake_span(fake.is_open_hours ? "1" : "0");
    return (struct draht_span){0};
}
static void f_log(void *host, int level, const char *event, const char *text) {
    (void)host, (void)level, (void)event, (void)text;
}
static void f_health(void *host, int up, const char *sentence) {
    (void)host, (void)up, (void)sentence;
}

static const struct draht_host fake_host = {.size = sizeof(struct draht_host),
                                            .accept = f_accept,
                                            .receipt = f_receipt,
                                            .part_done = f_part_done,
                                            .settle = f_settle,
                                            .history = f_history,
                                            .typing = f_typing,
                                            .read_mark = f_read_mark,
                                            .watch = f_watch,
                                            .blob_put = f_blob_put,
                                            .blob_get = f_blob_get,
                                            .state_set = f_state_set,
                                            .state_get = f_state_get,
                                            .state_del = f_state_del,
                                            .state_rank = f_state_rank,
                                            .state_ranked = f_state_ranked,
                                            .tickets = f_tickets,
                                            .http_method = f_method,
                                            .route = f_route,
                                            .socket_route = f_socket_route,
                                            .http_rest = f_rest,
                                            .http_query = f_query,
                                            .http_header = f_header,
                                            .http_body = f_body,
                                            .http_peer = f_peer,
                                            .http_set_header = f_set_header,
                                            .http_respond = f_respond,
                                            .socket_send = f_socket_send,
                                            .socket_close = f_socket_close,
                                            .socket_peer = f_socket_peer,
                                            .now_ms = f_now,
                                            .timer = f_timer,
                                            .timer_stop = f_timer_stop,
                                            .mac = f_mac,
                                            .random = crypto_random,
                                            .fact = f_fact,
                                            .log = f_log,
                                            .health = f_health,
                                            .scan = f_scan};

/* Opens and starts the channel. Negative with err when open refused. */
__attribute__((unused)) static int fake_begin(const struct draht_channel_ops *ops, const char *options, char err[256]) {
    static const uint8_t key[CRYPTO_KEY_BYTES] = {7};
    memset(&fake, 0, sizeof fake);
    crypto_init();
    fake.crypto = crypto_from_key(key);
    fake.now_ms = 1800000000000;
    fake.is_open_hours = true;
    fake.ops = ops;
    int rc = ops->open(&fake_host, NULL, "chat", options, &fake.channel, err);
    return rc < 0 ? rc : ops->start(fake.channel, err);
}

static void fake_on_stopped(void *arg, int status) {
    (void)status;
    *(bool *)arg = true;
}

static void fake_end(void) {
    bool stopped = false;
    if (fake.channel) {
        fake.ops->stop(fake.channel, fake_on_stopped, &stopped);
        fake_run();
        fake.ops->close(fake.channel);
    }
    for (size_t i = 0; i < fake.messages_n; i++) {
        free(fake.messages[i].external_id);
        free(fake.messages[i].thread);
        free(fake.messages[i].text);
        free(fake.messages[i].sender);
    }
    for (size_t i = 0; i < fake.states_n; i++) {
        free(fake.states[i].key);
        free(fake.states[i].value);
    }
    for (size_t i = 0; i < fake.blobs_n; i++)
        buf_free(&fake.blobs[i]);
    while (fake.timers) {
        struct draht_timer *t = fake.timers;
        fake.timers = t->next;
        free(t);
    }
    crypto_free(&fake.crypto);
}

/* ---- sockets and requests of a test ---- */

__attribute__((unused)) static struct draht_socket *fake_connect(const char *origin, int *refused) {
    struct draht_span o = {origin, origin ? strlen(origin) : 0};
    int rc = fake.socket_ops->handshake(fake.channel, o, fake_span("192.0.2.1"));
    if (refused)
        *refused = rc;
    if (rc)
        return NULL;
    struct draht_socket *s = xcalloc(1, sizeof *s);
    s->is_open = true;
    s->user = fake.socket_ops->open(fake.channel, s);
    return s;
}
__attribute__((unused)) static void fake_say(struct draht_socket *s, const char *text) {
    fake.socket_ops->text(s->user, fake_span(text));
    fake_run();
}
__attribute__((unused)) static void fake_hang_up(struct draht_socket *s) {
    if (s->is_open)
        fake.socket_ops->close(s->user);
    for (size_t i = 0; i < s->frames_n && i < FAKE_MAX; i++)
        free(s->frames[i]);
    free(s);
}
/* The latest frame of that type, or NULL. */
__attribute__((unused)) static const char *fake_heard(const struct draht_socket *s, const char *type) {
    char lead[64];
    snprintf(lead, sizeof lead, "{\"t\":\"%s\"", type);
    for (size_t i = s->frames_n; i > 0; i--)
        if (strncmp(s->frames[i - 1], lead, strlen(lead)) == 0)
            return s->frames[i - 1];
    return NULL;
}
/* A string member of a frame, in the arena. */
__attribute__((unused)) static const char *fake_member(struct arena *a, const char *frame, const char *key) {
    json_t *v = frame ? json_parse(span_str(frame), 1 << 20, NULL) : NULL;
    const char *s = arena_strdup(a, json_str(v, key, ""));
    json_decref(v);
    return s ? s : "";
}
__attribute__((unused)) static void fake_request(struct draht_http *x) {
    for (size_t i = 0; i < fake.routes_n; i++) {
        size_t n = strlen(fake.routes[i].path);
        bool prefix = fake.routes[i].path[n - 1] == '*';
        if (!strstr(fake.routes[i].methods, x->method))
            continue;
        if (prefix ? strncmp(fake.routes[i].path, x->path, n - 1) != 0 : strcmp(fake.routes[i].path, x->path) != 0)
            continue;
        x->rest = prefix ? x->path + n - 1 : "";
        fake.routes[i].fn(fake.channel, x);
        fake_run();
        return;
    }
    x->status = 404;
}
__attribute__((unused)) static void fake_request_free(struct draht_http *x) {
    buf_free(&x->out);
    buf_free(&x->headers);
}
