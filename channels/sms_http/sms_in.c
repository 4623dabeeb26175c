/* SPDX-License-Identifier: EUPL-1.2 */
/* sms_in: what the provider hands over becomes messages and receipts, one after the other; it has
 * its yes when all of them are durable, 503 makes it try again. */
#include "channels/sms_http/sms_http_private.h"
#include "gateway/base/crypto.h"

#define WORD_MS (24u * 3600 * 1000) /* how long a word that comes again is known */
#define SEEN_MS (10u * 60 * 1000)   /* the same text without id and time within this is one */

/* One request of the provider, with all that it carries. */
struct sms_request {
    struct sms_work k;
    bool is_receipt;
    struct form form;
    json_t *json;
    struct sms_source items[SMS_LIST_MAX];
    size_t items_n, at;
    struct sms_message m;
    struct sms_state r;
};

static struct sms_http *channel_of(const struct sms_request *k) {
    return (struct sms_http *)k->k.b;
}

static void drop(struct sms_work *work) {
    struct sms_request *k = (struct sms_request *)work;
    json_decref(k->json);
}

static void finish(struct sms_request *k, bool is_stored) {
    struct sms_http *w = channel_of(k);
    if (is_stored)
        w->b.h->http_respond(k->k.x, (int)json_int(w->b.o, "answer_status", 200),
                             json_str(w->b.o, "answer_type", "text/plain; charset=utf-8"),
                             kit_str(json_str(w->b.o, "answer", "")));
    else
        sms_refuse(&w->b, k->k.x, 503, "try again\n");
    sms_work_end(&k->k);
}

static void next_item(struct sms_request *k);

static void stored(struct sms_work *work, int status) {
    struct sms_request *k = (struct sms_request *)work;
    if (status == DRAHT_E_UNAVAILABLE) {
        finish(k, false);
        return;
    }
    if (status < 0)
        sms_log(work->b, 1, "receipt", "a receipt names no message of ours");
    next_item(k);
}

static void hand_receipt(struct sms_request *k) {
    const char *why = "The provider could not deliver the text message.";
    if (k->r.code.n)
        why = arena_printf(k->k.a, "The provider could not deliver the text message (code %.*s).",
                           (int)k->r.code.n, k->r.code.p);
    sms_hand_receipt(&k->k, k->r.id, k->r.state, k->r.state == DRAHT_RECEIPT_FAILED ? why : NULL,
                     stored);
}

/* ---- words that the city answers itself; no message for staff ---- */

static struct draht_span word_key(struct sms_request *k) {
    return kit_str(arena_printf(k->k.a, "word:%.*s", (int)k->m.id.n, k->m.id.p));
}

static void on_marked(void *arg, int status) {
    struct sms_request *k = arg;
    struct sms_http *w = channel_of(k);
    struct buf text = {0};
    if (status < 0) {
        finish(k, false);
        return;
    }
    kit_words_answer(w->b.h, w->b.host, json_str(w->b.o, "language", "de"), k->k.word, &text);
    sms_say(w, span_str(k->m.from), buf_span(&text));
    buf_free(&text);
    next_item(k);
}

static void on_mark(void *arg, int status, struct draht_span value) {
    struct sms_request *k = arg;
    struct sms_http *w = channel_of(k);
    if (status < 0)
        finish(k, false);
    else if (value.p) /* the provider came again */
        next_item(k);
    else
        w->b.h->state_set(w->b.host, word_key(k), kit_str("1"), WORD_MS, on_marked, k);
}

/* What somebody asked for is kept before they are told so, and told once. */
static void on_kept(struct sms_work *work, int status) {
    struct sms_request *k = (struct sms_request *)work;
    if (status < 0)
        finish(k, false);
    else
        work->b->h->state_get(work->b->host, word_key(k), on_mark, k);
}

static void hand_message(struct sms_request *k) {
    const struct sms_message *m = &k->m;
    const struct sms_http *w = channel_of(k);
    enum kit_keyword word = kit_words_find(&w->words, m->text);
    if (word && w->confirms) {
        k->k.word = word;
        sms_keep_word(&k->k, span_str(m->from), word, on_kept);
        return;
    }
    struct draht_inbound in = {.external_id = kit_out(m->id),
                               .sender = kit_str(m->from),
                               .recipient = kit_out(m->to),
                               .text = kit_out(m->text),
                               .original = kit_out(m->original),
                               .sent_ms = m->sent_ms};
    sms_hand_message(
        &k->k, in, word,
        m->is_odd ? "[\"Some characters of the text message could not be read.\"]" : NULL, stored);
}

static void on_noted(void *arg, int status) {
    if (status < 0)
        finish(arg, false);
    else
        hand_message(arg);
}

static struct draht_span seen_key(struct sms_request *k) {
    return kit_str(arena_printf(k->k.a, "seen:%.*s", 2 + 64, k->m.id.p));
}

/* The id of the first time, so that intake knows it; else a new one, durable before the message. */
static void on_seen(void *arg, int status, struct draht_span value) {
    struct sms_request *k = arg;
    struct sms_http *w = channel_of(k);
    if (status < 0) {
        finish(k, false);
        return;
    }
    struct draht_span key = seen_key(k);
    if (value.p) {
        k->m.id = arena_dup(k->k.a, kit_in(value));
        hand_message(k);
        return;
    }
    k->m.id = span_str(arena_printf(k->k.a, "%.*s:%lld", (int)k->m.id.n, k->m.id.p,
                                    (long long)w->b.h->now_ms(w->b.host)));
    w->b.h->state_set(w->b.host, key, kit_out(k->m.id), SEEN_MS, on_noted, k);
}

/* Providers that name no id: the fields are the id, with their time as far as they have one. */
static void name_message(struct sms_request *k) {
    struct sms_http *w = channel_of(k);
    struct buf b = {0};
    char hex[65];
    buf_addf(&b, "%s %.*s %lld ", k->m.from, (int)k->m.to.n, k->m.to.p ? k->m.to.p : "",
             (long long)k->m.sent_ms);
    buf_add(&b, k->m.text.p, k->m.text.n);
    crypto_sha256_hex(buf_span(&b), hex);
    buf_free(&b);
    k->m.id = span_str(arena_printf(k->k.a, "h:%s", hex));
    if (k->m.sent_ms)
        hand_message(k);
    else
        w->b.h->state_get(w->b.host, seen_key(k), on_seen, k);
}

/* The next item that means something; false: there is none. */
static bool read_item(struct sms_request *k) {
    struct sms_http *w = channel_of(k);
    while (k->at < k->items_n) {
        const struct sms_source *s = &k->items[k->at++];
        if (k->is_receipt)
            sms_read_state(k->k.a, w->b.o, s, &k->r);
        else
            sms_read_message(k->k.a, w->b.o, s, &k->m);
        const char *fault = k->is_receipt ? k->r.fault : k->m.fault;
        if (!fault)
            return true;
        sms_log(&w->b, 1, k->is_receipt ? "receipt" : "ignored", fault);
    }
    return false;
}

static void next_item(struct sms_request *k) {
    if (!read_item(k))
        finish(k, true);
    else if (k->is_receipt)
        hand_receipt(k);
    else if (k->m.id.n)
        hand_message(k);
    else
        name_message(k);
}

static void add_field(struct sms_request *k, const char *field, struct span value) {
    const char *name = sms_name(k->k.b->o, "in", field);
    k->form.fields[k->form.fields_n++] =
        (struct form_field){span_str(name), arena_dup(k->k.a, value), SPAN_NONE};
}

/* The text is the body, and its alphabet stands beside the type; comes before the address. */
static void from_text(struct sms_request *k, struct span type, struct span body) {
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
static void from_query(struct sms_request *k) {
    struct sms_http *w = channel_of(k);
    const char *kind = k->is_receipt ? "receipt" : "in";
    for (const char *const *f = k->is_receipt ? sms_receipt_names : sms_in_names; *f; f++) {
        const char *name = sms_name(w->b.o, kind, *f);
        struct span value = *name ? kit_in(w->b.h->http_query(k->k.x, name)) : SPAN_NONE;
        if (value.p)
            k->form.fields[k->form.fields_n++] =
                (struct form_field){span_str(name), arena_dup(k->k.a, value), SPAN_NONE};
    }
}

/* 0, or the HTTP status that refuses. */
static int read_request(struct sms_request *k) {
    struct sms_http *w = channel_of(k);
    struct span body = kit_in(w->b.h->http_body(k->k.x));
    struct span type = kit_in(w->b.h->http_header(k->k.x, "content-type"));
    k->items[0] = (struct sms_source){&k->form, NULL};
    k->items_n = 1;
    bool is_text = body.n && span_istarts(type, "text/plain") && !k->is_receipt;
    if (is_text)
        from_text(k, type, body);
    if (is_text || !body.n) {
        from_query(k);
        return 0;
    }
    int rc = sms_read_body(k->k.a, type, body, &k->form, &k->json);
    if (rc == 0 && k->json) {
        rc = sms_items(w->b.o, k->is_receipt ? "receipt" : "in", k->json, k->items);
        k->items_n = rc > 0 ? (size_t)rc : 0;
    }
    return rc >= 0 ? 0 : rc == ERR_UNSUPPORTED ? 415 : rc == ERR_TOO_LARGE ? 413 : 400;
}

static void on_request(struct sms_http *w, struct draht_http *x, bool is_receipt) {
    const char *why = sms_stranger(w, x);
    int status = why ? 403 : span_eq(kit_in(w->b.h->http_method(x)), "HEAD") ? 405 : 0;
    if (status == 405)
        why = "a method that hands nothing over";
    else if (!why && sms_is_full(&w->b))
        status = 503, why = "too many at once";
    struct sms_request *k = sms_work_new(sizeof *k, &w->b, x, arena_new());
    k->k.drop = drop;
    k->is_receipt = is_receipt;
    if (!status) {
        status = read_request(k);
        why = status ? "nothing that can be read" : NULL;
    }
    if (!status) {
        next_item(k);
        return;
    }
    sms_log(&w->b, 2, "refused", why);
    sms_refuse(&w->b, x, status,
               status == 403   ? "not allowed\n"
               : status == 503 ? "try again\n"
                               : "not readable\n");
    sms_work_end(&k->k);
}

void sms_on_message(void *channel, struct draht_http *x) {
    on_request(channel, x, false);
}

void sms_on_receipt(void *channel, struct draht_http *x) {
    on_request(channel, x, true);
}
