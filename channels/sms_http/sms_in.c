/* SPDX-License-Identifier: EUPL-1.2 */
/* sms_in: what the provider hands over becomes messages and receipts, one after the other; it has
 * its yes when all of them are durable, 503 makes it try again. */
#include <stdlib.h>

#include "channels/kit/keyword.h"
#include "channels/sms_http/sms_http_private.h"
#include "gateway/base/crypto.h"

#define SEEN_MS (10u * 60 * 1000) /* the same text without id and time within this is one */

struct sms_work {
    struct sms_http *w;
    struct sms_work *next, **prev;
    struct draht_http *x;
    struct arena *a;
    bool is_receipt;
    struct form form;
    json_t *json;
    struct sms_source items[SMS_LIST_MAX];
    size_t items_n, at;
    struct sms_message m;
    struct sms_state r;
    enum kit_keyword word;
    struct draht_timer *early;
    int tries;
};

static void work_free(struct sms_work *k) {
    if (k->prev) {
        *k->prev = k->next;
        if (k->next)
            k->next->prev = k->prev;
        k->w->works_n--;
    }
    if (k->early)
        k->w->h->timer_stop(k->early);
    json_decref(k->json);
    arena_free(&k->a);
    free(k);
}

void sms_works_drop(struct sms_http *w) {
    while (w->works)
        work_free(w->works);
}

static void refuse(struct sms_http *w, struct draht_http *x, int status, const char *why) {
    w->h->http_respond(x, status, "text/plain; charset=utf-8", kit_str(why));
}

static void finish(struct sms_work *k, bool is_stored) {
    struct sms_http *w = k->w;
    if (is_stored)
        w->h->http_respond(k->x, (int)json_int(w->o, "answer_status", 200),
                           json_str(w->o, "answer_type", "text/plain; charset=utf-8"),
                           kit_str(json_str(w->o, "answer", "")));
    else
        refuse(w, k->x, 503, "try again\n");
    work_free(k);
    sms_idle(w);
}

static void next_item(struct sms_work *k);
static void hand_receipt(struct sms_work *k);

static void again(void *arg) {
    struct sms_work *k = arg;
    k->w->h->timer_stop(k->early);
    k->early = NULL;
    hand_receipt(k);
}

static void on_receipt(void *arg, int status) {
    struct sms_work *k = arg;
    struct sms_http *w = k->w;
    if (status == ERR_NOT_FOUND && k->tries < SMS_EARLY_TRIES && !w->is_stopping) {
        k->tries++;
        k->early = w->h->timer(w->host, SMS_EARLY_WAIT_MS, 0, again, k);
        return;
    }
    if (status == DRAHT_E_UNAVAILABLE || (status < 0 && error_is_retryable(status))) {
        finish(k, false);
        return;
    }
    if (status < 0)
        sms_log(w, 1, "sms.receipt", "a receipt names no message of ours");
    next_item(k);
}

static void hand_receipt(struct sms_work *k) {
    struct draht_receipt r = {.size = sizeof r,
                              .external_id = kit_out(k->r.id),
                              .state = k->r.state,
                              .is_permanent = 1,
                              .at_ms = k->w->h->now_ms(k->w->host)};
    if (r.state == DRAHT_RECEIPT_FAILED)
        r.reason = kit_str(k->r.code.n ? arena_printf(k->a,
                                                      "The provider could not deliver the text "
                                                      "message (code %.*s).",
                                                      (int)k->r.code.n, k->r.code.p)
                                       : "The provider could not deliver the text message.");
    k->w->h->receipt(k->w->host, &r, on_receipt, k);
}

static void on_word(void *arg, int status) {
    struct sms_work *k = arg;
    if (status < 0)
        finish(k, false);
    else
        next_item(k);
}

static void on_accepted(void *arg, int status, const struct draht_accepted *accepted) {
    struct sms_work *k = arg;
    struct sms_http *w = k->w;
    (void)accepted;
    if (status == DRAHT_E_UNAVAILABLE) {
        finish(k, false);
        return;
    }
    if (status < 0)
        sms_log(w, 2, "sms.rejected", "a message is beyond the limits and was not taken in");
    struct draht_span key = sms_stop_key(w->h, w->host, k->a, span_str(k->m.from));
    if (k->word == KIT_WORD_STOP)
        w->h->state_set(w->host, key, kit_str("1"), 0, on_word, k);
    else if (k->word == KIT_WORD_START)
        w->h->state_del(w->host, key, on_word, k);
    else
        next_item(k);
}

static const char *warnings_of(const struct sms_work *k) {
    if (k->word == KIT_WORD_STOP)
        return "[\"The citizen wants no more text messages: answers are held back.\"]";
    return k->m.is_odd ? "[\"Some characters of the text message could not be read.\"]" : NULL;
}

static void hand_message(struct sms_work *k) {
    const struct sms_message *m = &k->m;
    struct draht_thread_hint hint = {DRAHT_THREAD_KEY, kit_str(m->from)};
    k->word = kit_keyword(m->text);
    struct draht_inbound in = {.size = sizeof in,
                               .external_id = kit_out(m->id),
                               .sender = kit_str(m->from),
                               .recipient = kit_out(m->to),
                               .text = kit_out(m->text),
                               .thread = kit_str(m->from),
                               .hints = &hint,
                               .hints_n = 1,
                               .original = kit_out(m->original),
                               .sent_ms = m->sent_ms,
                               .warnings = kit_str(warnings_of(k))};
    k->w->h->accept(k->w->host, &in, on_accepted, k);
}

static void on_noted(void *arg, int status) {
    if (status < 0)
        finish(arg, false);
    else
        hand_message(arg);
}

static struct draht_span seen_key(struct sms_work *k) {
    return kit_str(arena_printf(k->a, "seen:%.*s", 2 + 64, k->m.id.p));
}

/* The id of the first time, so that intake knows it; else a new one, durable before the message. */
static void on_seen(void *arg, int status, struct draht_span value) {
    struct sms_work *k = arg;
    struct sms_http *w = k->w;
    if (status < 0) {
        finish(k, false);
        return;
    }
    struct draht_span key = seen_key(k);
    if (value.p) {
        k->m.id = arena_dup(k->a, kit_in(value));
        hand_message(k);
        return;
    }
    k->m.id = span_str(arena_printf(k->a, "%.*s:%lld", (int)k->m.id.n, k->m.id.p,
                                    (long long)w->h->now_ms(w->host)));
    w->h->state_set(w->host, key, kit_out(k->m.id), SEEN_MS, on_noted, k);
}

/* Providers that name no id: the fields are the id, with their time as far as they have one. */
static void name_message(struct sms_work *k) {
    struct sms_http *w = k->w;
    struct buf b = {0};
    char hex[65];
    buf_addf(&b, "%s %.*s %lld ", k->m.from, (int)k->m.to.n, k->m.to.p ? k->m.to.p : "",
             (long long)k->m.sent_ms);
    buf_add(&b, k->m.text.p, k->m.text.n);
    crypto_sha256_hex(buf_span(&b), hex);
    buf_free(&b);
    k->m.id = span_str(arena_printf(k->a, "h:%s", hex));
    if (k->m.sent_ms)
        hand_message(k);
    else
        w->h->state_get(w->host, seen_key(k), on_seen, k);
}

/* The next item that means something; false: there is none. */
static bool read_item(struct sms_work *k) {
    struct sms_http *w = k->w;
    while (k->at < k->items_n) {
        const struct sms_source *s = &k->items[k->at++];
        if (k->is_receipt)
            sms_read_state(k->a, w->o, s, &k->r);
        else
            sms_read_message(k->a, w->o, s, &k->m);
        const char *fault = k->is_receipt ? k->r.fault : k->m.fault;
        if (!fault)
            return true;
        sms_log(w, 1, k->is_receipt ? "sms.receipt" : "sms.ignored", fault);
    }
    return false;
}

static void next_item(struct sms_work *k) {
    if (!read_item(k))
        finish(k, true);
    else if (k->is_receipt)
        hand_receipt(k);
    else if (k->m.id.n)
        hand_message(k);
    else
        name_message(k);
}

static void add_field(struct sms_work *k, const char *field, struct span value) {
    const char *name = sms_name(k->w->o, "in", field);
    k->form.fields[k->form.fields_n++] =
        (struct form_field){span_str(name), arena_dup(k->a, value), SPAN_NONE};
}

/* The text is the body, and its alphabet stands beside the type; comes before the address. */
static void from_text(struct sms_work *k, struct span type, struct span body) {
    const char *at = type.n ? memmem(type.p, type.n, "charset=", 8) : NULL;
    size_t n = at ? (size_t)(type.p + type.n - at) - 8 : 0;
    struct span label = span_trim((struct span){n ? at + 8 : "", n});
    if (label.n > 1 && label.p[0] == '"')
        label = (struct span){label.p + 1, label.n - 2};
    if (label.n)
        add_field(k, "charset", label);
    add_field(k, "text", body);
}

/* A request without a body says everything in its address. */
static void from_query(struct sms_work *k) {
    struct sms_http *w = k->w;
    const char *kind = k->is_receipt ? "receipt" : "in";
    for (const char *const *f = k->is_receipt ? sms_receipt_names : sms_in_names; *f; f++) {
        const char *name = sms_name(w->o, kind, *f);
        struct span value = *name ? kit_in(w->h->http_query(k->x, name)) : SPAN_NONE;
        if (value.p)
            k->form.fields[k->form.fields_n++] =
                (struct form_field){span_str(name), arena_dup(k->a, value), SPAN_NONE};
    }
}

/* 0, or the HTTP status that refuses. */
static int read_request(struct sms_work *k) {
    struct sms_http *w = k->w;
    struct span body = kit_in(w->h->http_body(k->x));
    struct span type = kit_in(w->h->http_header(k->x, "content-type"));
    k->items[0] = (struct sms_source){&k->form, NULL};
    k->items_n = 1;
    bool is_text = body.n && span_istarts(type, "text/plain") && !k->is_receipt;
    if (is_text)
        from_text(k, type, body);
    if (is_text || !body.n) {
        from_query(k);
        return 0;
    }
    int rc = sms_read_body(k->a, type, body, &k->form, &k->json);
    if (rc == 0 && k->json) {
        rc = sms_items(w->o, k->is_receipt ? "receipt" : "in", k->json, k->items);
        k->items_n = rc > 0 ? (size_t)rc : 0;
    }
    return rc >= 0 ? 0 : rc == ERR_UNSUPPORTED ? 415 : rc == ERR_TOO_LARGE ? 413 : 400;
}

static void keep(struct sms_work *k) {
    struct sms_http *w = k->w;
    k->next = w->works;
    k->prev = &w->works;
    if (k->next)
        k->next->prev = &k->next;
    w->works = k;
    w->works_n++;
}

static void on_request(struct sms_http *w, struct draht_http *x, bool is_receipt) {
    const char *why = sms_stranger(w, x);
    int status = why ? 403 : span_eq(kit_in(w->h->http_method(x)), "HEAD") ? 405 : 0;
    if (status == 405)
        why = "a method that hands nothing over";
    else if (!why && (w->works_n >= SMS_WORKS_MAX || w->is_stopping))
        status = 503, why = "too many at once";
    struct sms_work *k = xcalloc(1, sizeof *k);
    *k = (struct sms_work){.w = w, .x = x, .a = arena_new(), .is_receipt = is_receipt};
    if (!status) {
        status = read_request(k);
        why = status ? "nothing that can be read" : NULL;
    }
    if (status) {
        sms_log(w, 2, "sms.refused", why);
        refuse(w, x, status,
               status == 403   ? "not allowed\n"
               : status == 503 ? "try again\n"
                               : "not readable\n");
        work_free(k);
        return;
    }
    keep(k);
    next_item(k);
}

void sms_on_message(void *channel, struct draht_http *x) {
    on_request(channel, x, false);
}

void sms_on_receipt(void *channel, struct draht_http *x) {
    on_request(channel, x, true);
}
