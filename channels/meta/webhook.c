/* SPDX-License-Identifier: EUPL-1.2 */
/* webhook: verification and signed events. The events of one request are worked off one after the
 * other, so that a conversation keeps its order; Meta gets its 200 when the last one is durable.
 * Whatever could not be stored makes it 503, and Meta sends all of it again. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/meta/meta_private.h"
#include "gateway/base/crypto.h"

#define CHALLENGE_BYTES_MAX 200
#define SIGNATURE_BYTES 71 /* "sha256=" and 64 hex digits */
#define EARLY_MS 60000     /* a status this fresh may be faster than the answer to our own send */
#define EARLY_WAIT_MS 2000
#define PATIENCE_MS (15LL * 60 * 1000) /* how long Meta is asked again because of a file */
#define WARNINGS_MAX 2

struct meta_post {
    struct meta *m;
    struct meta_post *next, **prev;
    struct draht_http *x;
    struct arena *a;
    struct meta_batch batch;
    size_t at, file_at; /* event under way, its next file */
    struct draht_attachment *files;
    size_t files_n;
    const char *file_warning;
    struct draht_timer *early;
    bool was_early;
};

static void step(struct meta_post *p);

static bool is_equal(struct span given, const char *secret) {
    return given.n == strlen(secret) && crypto_equal(given.p, secret, given.n);
}

void meta_on_verify(void *channel, struct draht_http *x) {
    struct meta *m = channel;
    struct span mode = kit_in(m->h->http_query(x, "hub.mode"));
    struct span token = kit_in(m->h->http_query(x, "hub.verify_token"));
    struct span challenge = kit_in(m->h->http_query(x, "hub.challenge"));
    m->h->http_set_header(x, "x-content-type-options", "nosniff");
    if (!span_eq(mode, "subscribe") || !is_equal(token, m->s.verify_token) ||
        challenge.n > CHALLENGE_BYTES_MAX) {
        meta_log(m, 2, "meta.verify", "refused: mode or token do not fit");
        m->h->http_respond(x, 403, "text/plain; charset=utf-8", kit_str("refused\n"));
        return;
    }
    meta_log(m, 1, "meta.verify", "the webhook was verified");
    m->h->http_respond(x, 200, "text/plain; charset=utf-8", kit_out(challenge));
}

static bool is_signed(const struct meta *m, struct span given, struct span body) {
    uint8_t mac[32];
    char want[SIGNATURE_BYTES + 1] = "sha256=";
    crypto_hmac_sha256(span_str(m->s.app_secret), body, mac);
    crypto_hex(mac, sizeof mac, want + 7);
    return given.n == SIGNATURE_BYTES && crypto_equal(given.p, want, SIGNATURE_BYTES);
}

static void post_free(struct meta_post *p) {
    *p->prev = p->next;
    if (p->next)
        p->next->prev = p->prev;
    p->m->posts_n--;
    if (p->early)
        p->m->h->timer_stop(p->early);
    arena_free(&p->a);
    free(p);
}

void meta_posts_drop(struct meta *m) {
    while (m->posts)
        post_free(m->posts);
}

static void answer(struct meta_post *p, int status) {
    struct meta *m = p->m;
    m->h->http_respond(p->x, status, "text/plain; charset=utf-8",
                       kit_str(status == 200 ? "ok\n" : "try again\n"));
    post_free(p);
    meta_idle(m);
}

static struct meta_event *current(struct meta_post *p) {
    return &p->batch.events[p->at];
}

static void next_event(struct meta_post *p) {
    p->at++;
    p->file_at = p->files_n = 0;
    p->files = NULL;
    p->file_warning = NULL;
    p->was_early = false;
    step(p);
}

/* ---- receipts ---- */

static void again(void *arg) {
    struct meta_post *p = arg;
    p->m->h->timer_stop(p->early);
    p->early = NULL;
    step(p);
}

static void on_receipt(void *arg, int status) {
    struct meta_post *p = arg;
    struct meta *m = p->m;
    int64_t age_ms = m->h->now_ms(m->host) - current(p)->at_ms;
    if (status == ERR_NOT_FOUND && !p->was_early && age_ms < EARLY_MS && !m->is_stopping) {
        p->was_early = true;
        p->early = m->h->timer(m->host, EARLY_WAIT_MS, 0, again, p);
        return;
    }
    if (status < 0 && (status == DRAHT_E_UNAVAILABLE || error_is_retryable(status)))
        answer(p, 503);
    else
        next_event(p);
}

/* For operators: what the provider calls the error, and what it means. */
static void say_error(struct meta *m, const struct meta_event *e) {
    struct meta_verdict v = meta_error_of(e->code, 0);
    char line[400];
    snprintf(line, sizeof line, "code=%d %s%s%.*s", e->code, v.reason,
             e->title.n ? " The provider calls it: " : "", (int)e->title.n,
             e->title.p ? e->title.p : "");
    meta_log(m, v.verdict == DRAHT_MISCONFIGURED ? 3 : 2, "meta.error", line);
}

static void hand_receipt(struct meta_post *p, const struct meta_event *e) {
    struct meta *m = p->m;
    if (e->state == DRAHT_RECEIPT_FAILED && !p->was_early)
        say_error(m, e);
    struct draht_receipt r = {.size = sizeof r,
                              .external_id = kit_out(e->external_id),
                              .state = e->state,
                              .at_ms = e->at_ms,
                              .is_permanent = 1};
    if (e->state == DRAHT_RECEIPT_FAILED)
        r.reason = kit_str(meta_error_of(e->code, 0).reason);
    m->h->receipt(m->host, &r, on_receipt, p);
}

/* ---- messages ---- */

static void on_accepted(void *arg, int status, const struct draht_accepted *a) {
    struct meta_post *p = arg;
    const struct meta_event *e = current(p);
    if (status == DRAHT_E_UNAVAILABLE) {
        answer(p, 503);
        return;
    }
    if (status < 0)
        meta_log(p->m, 2, "meta.rejected", "a message is beyond the limits and was not taken in");
    else if (!a->duplicate && !e->is_system)
        meta_last_put(p->m, e->thread, e->at_ms ? e->at_ms : a->stored_ms, e->external_id);
    next_event(p);
}

static struct draht_span warnings_of(struct meta_post *p, const struct meta_event *e) {
    const char *const all[WARNINGS_MAX] = {e->warning, p->file_warning};
    struct buf b = {0};
    for (size_t i = 0; i < WARNINGS_MAX; i++) {
        if (!all[i])
            continue;
        buf_adds(&b, b.n ? "," : "[");
        kit_json(&b, span_str(all[i]));
    }
    if (b.n)
        buf_adds(&b, "]");
    struct span s = arena_dup(p->a, buf_span(&b));
    buf_free(&b);
    return kit_out(s);
}

static void hand_message(struct meta_post *p, const struct meta_event *e) {
    struct meta *m = p->m;
    struct draht_thread_hint hints[3];
    size_t n = 0;
    if (e->quoted.n)
        hints[n++] = (struct draht_thread_hint){DRAHT_THREAD_KEY, kit_out(e->quoted)};
    hints[n++] = (struct draht_thread_hint){DRAHT_THREAD_KEY, kit_out(e->thread)};
    if (!span_is(e->thread, e->sender))
        hints[n++] = (struct draht_thread_hint){DRAHT_THREAD_KEY, kit_out(e->sender)};
    struct draht_inbound in = {.size = sizeof in,
                               .external_id = kit_out(e->external_id),
                               .sender = kit_out(e->sender),
                               .sender_name = kit_out(e->sender_name),
                               .recipient = kit_str(m->s.account),
                               .text = kit_out(e->text),
                               .thread = kit_out(e->thread),
                               .hints = hints,
                               .hints_n = n,
                               .attachments = p->files,
                               .attachments_n = p->files_n,
                               .sent_ms = e->at_ms,
                               .flags = e->is_system ? DRAHT_IN_SYSTEM : 0,
                               .warnings = warnings_of(p, e)};
    m->h->accept(m->host, &in, on_accepted, p);
}

static void on_file(void *arg, const struct meta_fetched *f) {
    struct meta_post *p = arg;
    struct meta *m = p->m;
    const struct meta_event *e = current(p);
    const struct meta_file *file = &e->files[p->file_at++];
    int64_t age_ms = m->h->now_ms(m->host) - e->at_ms;
    if (!f->bytes.p && f->is_passing && age_ms < PATIENCE_MS) {
        answer(p, 503);
        return;
    }
    if (f->bytes.p) {
        if (!p->files)
            p->files = arena_alloc(p->a, e->files_n * sizeof *p->files);
        p->files[p->files_n++] = (struct draht_attachment){.size = sizeof *p->files,
                                                           .name = kit_out(file->name),
                                                           .type = kit_str(kit_sniff(f->bytes)),
                                                           .bytes = kit_out(f->bytes),
                                                           .length = f->bytes.n};
    } else {
        p->file_warning = f->why;
    }
    step(p);
}

static const char *reason_to_skip(const struct meta *m, const struct meta_event *e) {
    if (e->kind == META_IGNORED && !e->is_error)
        return e->ignored;
    if (!span_eq(e->account, m->s.account))
        return "for another account";
    return e->kind == META_IGNORED ? e->ignored : NULL;
}

/* Goes on with the event under way, or answers when there is none left. */
static void step(struct meta_post *p) {
    struct meta *m = p->m;
    const char *skip = NULL;
    while (p->at < p->batch.n && (skip = reason_to_skip(m, current(p)))) {
        if (current(p)->is_error && skip == current(p)->ignored)
            say_error(m, current(p));
        else
            meta_log(m, 0, "meta.ignored", skip);
        p->at++;
    }
    if (p->at >= p->batch.n) {
        answer(p, 200);
        return;
    }
    const struct meta_event *e = current(p);
    if (e->kind == META_RECEIPT)
        hand_receipt(p, e);
    else if (e->kind == META_UP_TO)
        meta_sent_reached(m, e->sender, e->at_ms, e->state, on_receipt, p);
    else if (p->file_at < e->files_n)
        meta_fetch(m, p->a, &e->files[p->file_at], on_file, p);
    else
        hand_message(p, e);
}

static void post_begin(struct meta *m, struct draht_http *x, struct arena *a,
                       const struct meta_batch *batch) {
    struct meta_post *p = xcalloc(1, sizeof *p);
    p->m = m;
    p->x = x;
    p->a = a;
    p->batch = *batch;
    p->next = m->posts;
    p->prev = &m->posts;
    if (p->next)
        p->next->prev = &p->next;
    m->posts = p;
    m->posts_n++;
    if (batch->was_cut)
        meta_log(m, 2, "meta.cut", "a webhook body held more events than are taken in");
    step(p);
}

void meta_on_post(void *channel, struct draht_http *x) {
    struct meta *m = channel;
    struct span body = kit_in(m->h->http_body(x));
    if (!is_signed(m, kit_in(m->h->http_header(x, "x-hub-signature-256")), body)) {
        meta_log(m, 2, "meta.signature", "a request without a valid signature was refused");
        m->h->http_respond(x, 401, "text/plain; charset=utf-8", kit_str("bad signature\n"));
        return;
    }
    if (m->posts_n >= META_POSTS_MAX || m->is_stopping) {
        m->h->http_set_header(x, "retry-after", "5");
        m->h->http_respond(x, 503, "text/plain; charset=utf-8", kit_str("try again\n"));
        return;
    }
    struct arena *a = arena_new();
    struct meta_batch batch;
    if (meta_parse(a, m->flavour, body, &batch) < 0) {
        arena_free(&a);
        m->h->http_respond(x, 400, "text/plain; charset=utf-8", kit_str("no JSON object\n"));
        return;
    }
    post_begin(m, x, a, &batch);
}
