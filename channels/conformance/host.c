/* SPDX-License-Identifier: EUPL-1.2 */
/* host: the pretended host: what a channel hands in is written down and checked against the
 * contract, what it asks is answered later on the loop, as the real one does. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "channels/conformance/inner.h"
#include "config/config.h"
#include "gateway/base/clock.h"
#include "gateway/base/utf8.h"

void conf_violation(struct conf *k, const char *fmt, ...) {
    va_list ap;
    if (k->violation[0])
        return;
    va_start(ap, fmt);
    vsnprintf(k->violation, sizeof k->violation, fmt, ap);
    va_end(ap);
}

static char *dup_span(struct draht_span s) {
    return xstrndup(s.p ? s.p : "", s.p ? s.n : 0);
}

struct conf *conf_check(struct conf *k, const char *what) {
    if (!k->is_open && !k->channel)
        conf_violation(k, "it called host->%s after close", what);
    return k;
}

static void on_job(void *arg) {
    struct conf_job *j = arg;
    *j->prev = j->next;
    if (j->next)
        j->next->prev = j->prev;
    loop_timer_stop(&j->timer);
    j->run(j);
    buf_free(&j->bytes);
    free(j);
}

struct conf_job *conf_later(struct conf *k, void (*run)(struct conf_job *), void *arg,
                            uint64_t delay_ms) {
    struct conf_job *j = xcalloc(1, sizeof *j);
    j->k = k;
    j->run = run;
    j->arg = arg;
    j->next = k->jobs;
    j->prev = &k->jobs;
    if (j->next)
        j->next->prev = &j->next;
    k->jobs = j;
    j->timer = loop_timer(k->loop, delay_ms, 0, on_job, j);
    return j;
}

/* ---- in */

static void run_accept(struct conf_job *j) {
    struct conf *k = j->k;
    char message[32];
    snprintf(message, sizeof message, CONF_TICKET ".%zu", j->at + 1);
    struct draht_accepted a = {.size = sizeof a,
                               .duplicate = j->duplicate,
                               .ticket = conf_span(CONF_TICKET),
                               .message = conf_span(message),
                               .thread_seq = j->at + 1,
                               .stored_ms = clock_ms(&clock_system)};
    k->pending_accepts--;
    k->stored_n++;
    conf_peer_accepted(k, j->status);
    j->fn.accept(j->arg, j->status, j->status == 0 ? &a : NULL);
}

static void check_text(struct conf *k, const char *what, struct draht_span s) {
    if (s.p && !utf8_is_valid(conf_own(s)))
        conf_violation(k, "%s of a message is not valid UTF-8", what);
    for (size_t i = 0; s.p && i < s.n; i++)
        if (!s.p[i])
            conf_violation(k, "%s of a message holds NUL bytes", what);
}

static bool has_file(const struct conf *k, const struct draht_inbound *m) {
    for (size_t i = 0; i < m->attachments_n; i++) {
        const struct draht_attachment *f = &m->attachments[i];
        if (span_is(conf_own(f->bytes), buf_span(&k->file)))
            return true;
        for (const struct conf_entry *e = k->blobs; e; e = e->next)
            if (span_eq(conf_own(f->blob), e->key) &&
                span_is(buf_span(&e->value), buf_span(&k->file)))
                return true;
    }
    return false;
}

static const struct conf_in *find_before(const struct conf *k, const struct conf_in *m) {
    for (size_t i = 0; i + 1 < k->ins_n; i++)
        if (k->ins[i].status == 0 && !strcmp(k->ins[i].external_id, m->external_id) &&
            !strcmp(k->ins[i].recipient, m->recipient))
            return &k->ins[i];
    return NULL;
}

static void check_inbound(struct conf *k, const struct draht_inbound *m) {
    if (!m->external_id.n || !m->sender.n)
        conf_violation(k, "it called accept without %s",
                       m->external_id.n ? "a sender" : "an external_id");
    if (m->size < sizeof(uint32_t) * 2)
        conf_violation(k, "draht_inbound.size is not set");
    check_text(k, "the text", m->text);
    check_text(k, "the subject", m->subject);
    check_text(k, "the name of the sender", m->sender_name);
    check_text(k, "the sender", m->sender);
}

static void h_accept(void *host, const struct draht_inbound *given, draht_accept_fn done,
                     void *arg) {
    struct conf *k = conf_check(host, "accept");
    struct draht_inbound m = {0};
    memcpy(&m, given, given->size < sizeof m ? given->size : sizeof m);
    check_inbound(k, &m);
    struct conf_in *all = realloc(k->ins, (k->ins_n + 1) * sizeof *all);
    if (!all)
        abort();
    k->ins = all;
    struct conf_in *in = &k->ins[k->ins_n++];
    *in = (struct conf_in){.external_id = dup_span(m.external_id),
                           .sender = dup_span(m.sender),
                           .recipient = dup_span(m.recipient),
                           .thread = dup_span(m.thread),
                           .text = dup_span(m.text.n ? m.text : m.html),
                           .has_file = has_file(k, &m),
                           .status = k->accept_status};
    in->duplicate = in->status == 0 && find_before(k, in) != NULL;
    struct conf_job *j = conf_later(k, run_accept, arg, CONF_ACCEPT_MS);
    j->fn.accept = done;
    j->status = in->status;
    j->duplicate = in->duplicate;
    j->at = k->ins_n - 1;
    k->pending_accepts++;
}

static void h_receipt(void *host, const struct draht_receipt *r, draht_done_fn done, void *arg) {
    struct conf *k = conf_check(host, "receipt");
    struct conf_receipt *all = realloc(k->receipts, (k->receipts_n + 1) * sizeof *all);
    if (!all)
        abort();
    k->receipts = all;
    k->receipts[k->receipts_n++] =
        (struct conf_receipt){dup_span(r->external_id), dup_span(r->message), r->state};
    if (!r->external_id.n && !r->message.n)
        conf_violation(k, "a receipt names neither external_id nor message");
    if (r->state < DRAHT_RECEIPT_SENT || r->state > DRAHT_RECEIPT_FAILED)
        conf_violation(k, "a receipt carries the state %u, which does not exist", r->state);
    conf_later_done(k, done, arg, 0);
}

static void h_typing(void *host, struct draht_span thread, int is_typing) {
    struct conf *k = conf_check(host, "typing");
    (void)is_typing;
    k->typings++;
    if (!thread.n)
        conf_violation(k, "typing without a thread");
}

static void h_read_mark(void *host, struct draht_span thread, uint64_t up_to_seq) {
    (void)up_to_seq;
    if (!thread.n)
        conf_violation(conf_check(host, "read_mark"), "read_mark without a thread");
}

static void run_history(struct conf_job *j) {
    j->fn.history(j->arg, 0, NULL, 0);
}

static void h_history(void *host, struct draht_span thread, uint64_t after_seq, uint32_t limit,
                      draht_history_fn done, void *arg) {
    struct conf *k = conf_check(host, "history");
    (void)thread, (void)after_seq;
    if (limit > 200)
        conf_violation(k, "history with a limit above 200");
    conf_later(k, run_history, arg, 1)->fn.history = done;
}

/* ---- out */

static void h_part_done(struct draht_token *t, uint32_t part, struct draht_span external_id) {
    (void)part;
    if (t->settled_n)
        conf_violation(t->k, "part_done came after the send was settled");
    t->parts_n++;
    free(t->external);
    t->external = dup_span(external_id);
    if (external_id.n)
        conf_set(t->k, "external", t->external);
}

static void h_settle(struct draht_token *t, enum draht_verdict v, struct draht_span reason,
                     uint64_t retry_ms) {
    conf_check(t->k, "settle");
    if (t->settled_n++) {
        conf_violation(t->k, "a send was settled twice");
        return;
    }
    if (v < DRAHT_SENT || v > DRAHT_IN_DOUBT)
        conf_violation(t->k, "a send was settled with %d, which is no verdict", (int)v);
    t->verdict = (int)v;
    t->retry_ms = retry_ms;
    snprintf(t->reason, sizeof t->reason, "%.*s", (int)(reason.p ? reason.n : 0),
             reason.p ? reason.p : "");
}

/* ---- leases and sockets */

static void run_lease(struct conf_job *j) {
    if (j->k->channel)
        j->fn.lease(j->k->channel, 1);
}

static int h_lease(void *host, struct draht_span name, void (*on_change)(void *channel, int held)) {
    struct conf *k = conf_check(host, "lease");
    (void)name;
    conf_later(k, run_lease, NULL, 1)->fn.lease = on_change;
    return 0;
}

static int h_socket_route(void *host, const char *path, const char *protocol,
                          const struct draht_socket_ops *ops) {
    conf_check(host, "socket_route");
    (void)protocol;
    return path && ops ? 0 : DRAHT_E_REJECTED;
}

/* No socket is ever opened here, so a channel that sends on one made it up. */
static int h_socket_send(struct draht_socket *s, struct draht_span text) {
    (void)s, (void)text;
    return -1;
}

static void h_socket_close(struct draht_socket *s, int code, const char *reason) {
    (void)s, (void)code, (void)reason;
}

static struct draht_span h_socket_peer(struct draht_socket *s) {
    (void)s;
    return conf_span("192.0.2.7");
}

/* ---- time, secrets, facts */

static int64_t h_now(void *host) {
    const struct conf *k = host;
    return clock_ms(&clock_system) + k->ahead_ms;
}

static void on_timer(void *arg) {
    struct draht_timer *t = arg;
    t->fn(t->arg);
}

static void h_timer_stop(struct draht_timer *t) {
    if (!t)
        return;
    *t->prev = t->next;
    if (t->next)
        t->next->prev = t->prev;
    loop_timer_stop(&t->timer);
    free(t);
}

static struct draht_timer *h_timer(void *host, uint64_t delay_ms, uint64_t repeat_ms,
                                   void (*fn)(void *arg), void *arg) {
    struct conf *k = conf_check(host, "timer");
    struct draht_timer *t = xcalloc(1, sizeof *t);
    *t = (struct draht_timer){.k = k, .fn = fn, .arg = arg, .next = k->timers, .prev = &k->timers};
    if (t->next)
        t->next->prev = &t->next;
    k->timers = t;
    t->timer = loop_timer(k->loop, delay_ms, repeat_ms, on_timer, t);
    return t;
}

static void h_mac(void *host, struct draht_span text, uint8_t out[32]) {
    struct conf *k = host;
    crypto_mac(k->crypto, "conformance", conf_own(text), out);
}

static void h_random(void *out, size_t n) {
    crypto_random(out, n);
}

static struct draht_span locale_of(const char *rest) {
    const char *dot = strchr(rest, '.');
    char lang[16];
    if (!dot || (size_t)(dot - rest) >= sizeof lang)
        return (struct draht_span){0};
    snprintf(lang, sizeof lang, "%.*s", (int)(dot - rest), rest);
    return conf_span(locale_text(lang, dot + 1));
}

static struct draht_span h_fact(void *host, const char *name) {
    static const char *const facts[][2] = {{"city.name", "Musterstadt"},
                                           {"city.phone", "03999 555-0"},
                                           {"privacy.url", CONF_PUBLIC_URL "/privacy"},
                                           {"imprint.url", CONF_PUBLIC_URL "/imprint"},
                                           {"accessibility.url", CONF_PUBLIC_URL "/accessibility"},
                                           {"public.url", CONF_PUBLIC_URL},
                                           {"language", "de"},
                                           {"hours.open", "1"},
                                           {"hours.next", "2030-01-07T07:00:00.000Z"},
                                           {"answer.due", "2030-01-07T15:00:00.000Z"},
                                           {"attachment.max_bytes", "26214400"},
                                           {"text.max", "10000"}};
    (void)host;
    if (!strncmp(name, "locale.", 7))
        return locale_of(name + 7);
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        if (!strcmp(name, facts[i][0]))
            return conf_span(facts[i][1]);
    return (struct draht_span){0};
}

static bool is_telling(const char *event) {
    return !strcmp(event, "exec.stderr") || !strcmp(event, "exec.params") ||
           !strcmp(event, "exec.late");
}

static void h_log(void *host, int level, const char *event, const char *text) {
    struct conf *k = host;
    if (k->o->is_loud)
        fprintf(stderr, "  %d %s %s\n", level, event ? event : "", text ? text : "");
    if (event && text && is_telling(event))
        snprintf(k->last_line, sizeof k->last_line, "%s", text);
}

static void h_health(void *host, int is_up, const char *sentence) {
    struct conf *k = conf_check(host, "health");
    bool is_same = sentence && strcmp(k->sentence, sentence) == 0;
    k->is_up = is_up != 0;
    k->downs_n = is_up ? 0 : is_same ? k->downs_n + 1 : 1;
    if (!is_up && sentence)
        snprintf(k->why_down, sizeof k->why_down, "%s", sentence);
    snprintf(k->sentence, sizeof k->sentence, "%s", sentence ? sentence : "");
}

static void *h_builtin(void *host, const char *what) {
    struct conf *k = host;
    if (k->library)
        return NULL;
    if (!strcmp(what, "loop"))
        return k->loop;
    return strcmp(what, "transfers") == 0 ? k->transfers : NULL;
}

static void h_offer(void *host, uint32_t caps, uint32_t text_max, uint32_t concurrency) {
    struct conf *k = conf_check(host, "offer");
    k->ops.caps = caps;
    k->ops.text_max = text_max;
    k->ops.concurrency = concurrency ? concurrency : k->ops.concurrency;
}

static void h_files(void *host, const struct draht_files *files) {
    struct conf *k = conf_check(host, "files");
    if (!files || files->size < offsetof(struct draht_files, kinds_n))
        conf_violation(k, "files without its size");
}

static void h_text(void *host, const struct draht_text *text) {
    struct conf *k = conf_check(host, "text");
    if (!text || text->size < offsetof(struct draht_text, late_max))
        conf_violation(k, "text without its size");
    else if (text->unit > DRAHT_TEXT_SMS)
        conf_violation(k, "text in a unit that does not exist");
}

/* One host alone: what it does itself it has said already. */
static void h_watch(void *host, struct draht_span thread, int is_on) {
    struct conf *k = conf_check(host, "watch");
    (void)is_on;
    if (thread.n == 0)
        conf_violation(k, "watch without a thread");
}

static void h_watch_place(void *host, struct draht_span thread, int is_on) {
    struct conf *k = conf_check(host, "watch_place");
    (void)is_on;
    if (thread.n == 0)
        conf_violation(k, "watch_place without a thread");
}

static void h_tell(void *host, struct draht_span thread, struct draht_span word) {
    struct conf *k = conf_check(host, "tell");
    if (thread.n == 0 || word.n == 0 || word.n > 32)
        conf_violation(k, "tell without a thread, or a word that is not 1 to 32 bytes");
}

static void run_scan(struct conf_job *j) {
    j->fn.scan(j->arg, 0, (struct draht_span){0});
}

static void h_scan(void *host, struct draht_span bytes, draht_scan_fn done, void *arg) {
    (void)bytes;
    conf_later(conf_check(host, "scan"), run_scan, arg, 1)->fn.scan = done;
}

const struct draht_host conf_host = {.size = sizeof(struct draht_host),
                                     .accept = h_accept,
                                     .receipt = h_receipt,
                                     .part_done = h_part_done,
                                     .settle = h_settle,
                                     .history = h_history,
                                     .typing = h_typing,
                                     .read_mark = h_read_mark,
                                     .blob_put = conf_blob_put,
                                     .blob_get = conf_blob_get,
                                     .state_set = conf_state_set,
                                     .state_get = conf_state_get,
                                     .state_del = conf_state_del,
                                     .state_rank = conf_state_rank,
                                     .state_ranked = conf_state_ranked,
                                     .tickets = conf_tickets,
                                     .lease = h_lease,
                                     .route = conf_route,
                                     .socket_route = h_socket_route,
                                     .http_method = conf_http_method,
                                     .http_path = conf_http_path,
                                     .http_rest = conf_http_rest,
                                     .http_query = conf_http_query,
                                     .http_header = conf_http_header,
                                     .http_body = conf_http_body,
                                     .http_peer = conf_http_peer,
                                     .http_set_header = conf_http_set_header,
                                     .http_respond = conf_http_respond,
                                     .socket_send = h_socket_send,
                                     .socket_close = h_socket_close,
                                     .socket_peer = h_socket_peer,
                                     .http_request = conf_http_request,
                                     .now_ms = h_now,
                                     .timer = h_timer,
                                     .timer_stop = h_timer_stop,
                                     .mac = h_mac,
                                     .random = h_random,
                                     .fact = h_fact,
                                     .log = h_log,
                                     .health = h_health,
                                     .builtin = h_builtin,
                                     .scan = h_scan,
                                     .http_call = conf_http_call,
                                     .http_cancel = conf_http_cancel,
                                     .offer = h_offer,
                                     .watch = h_watch,
                                     .files = h_files,
                                     .text = h_text,
                                     .tell = h_tell,
                                     .watch_place = h_watch_place};

void conf_host_forget(struct conf *k) {
    while (k->timers)
        h_timer_stop(k->timers);
    while (k->jobs) {
        struct conf_job *j = k->jobs;
        k->jobs = j->next;
        if (j->next)
            j->next->prev = &k->jobs;
        loop_timer_stop(&j->timer);
        buf_free(&j->bytes);
        free(j);
    }
    k->pending_accepts = 0;
}

void conf_host_free(struct conf *k) {
    for (size_t i = 0; i < k->ins_n; i++) {
        free(k->ins[i].external_id);
        free(k->ins[i].sender);
        free(k->ins[i].recipient);
        free(k->ins[i].thread);
        free(k->ins[i].text);
    }
    for (size_t i = 0; i < k->receipts_n; i++) {
        free(k->receipts[i].external_id);
        free(k->receipts[i].message);
    }
    free(k->ins);
    free(k->receipts);
    conf_keep_free(k);
    while (k->tokens) {
        struct draht_token *t = k->tokens;
        k->tokens = t->next;
        free(t->text);
        free(t->recipient);
        free(t->thread);
        free(t->external);
        free(t);
    }
}
