/* SPDX-License-Identifier: EUPL-1.2 */
/* receipt: what providers report later about our messages, and what a citizen sees of a
 * conversation. */
#include <stdio.h>
#include <stdlib.h>

#include "router/inner.h"

#define HISTORY_MAX 200
#define SHORT_ID_MAX_BYTES 64
#define REASON_BYTES 2000 /* of which the seal keeps the beginning */

struct waiting {
    struct router *r;
    router_done_fn done;
    history_fn history;
    void *arg;
    int error;
    char hash[CRYPTO_HASH_HEX], ticket[24], n[16], channel[64]; /* of a receipt */
    const char *state;
    bool is_permanent;
    struct buf reason;
};

static void finish(struct waiting *w, int error) {
    w->r->open--;
    if (w->done)
        w->done(w->arg, error);
    if (w->history)
        w->history(w->arg, error, NULL, 0);
    buf_free(&w->reason);
    free(w);
}

static void applied(void *arg, int error, const struct redis_value *v) {
    (void)v;
    finish(arg, error);
}

static void refuse(void *arg) {
    struct waiting *w = arg;
    finish(w, w->error);
}

static struct waiting *waiting_new(struct router *r, void *arg) {
    struct waiting *w = xcalloc(1, sizeof *w);
    w->r = r;
    w->arg = arg;
    r->open++;
    return w;
}

/* ---- receipts ---- */
static void apply(struct waiting *w, struct span reason) {
    struct router *r = w->r;
    struct args *a = args_new(r);
    args_i(a, now_of(r));
    args_z(a, w->hash);
    args_z(a, w->ticket);
    args_z(a, w->n);
    args_z(a, w->channel);
    args_z(a, w->state);
    args_z(a, w->is_permanent ? "1" : "0");
    args_s(a, reason);
    store_call_durable(r->store, "receipt", a, applied, w);
    args_free(&a);
}

static void owner_known(void *arg, int error, const struct redis_value *v) {
    struct waiting *w = arg;
    struct contact c;
    if (error) {
        finish(w, error);
        return;
    }
    struct buf sealed = {0};
    if (contact_from(w->r, cell(v, 2), cell(v, 3), &c) == 0) { /* else it is erased */
        reason_seal(&c, buf_span(&w->reason), &sealed);
        explicit_bzero(&c, sizeof c);
    }
    apply(w, buf_span(&sealed));
    buf_free(&sealed);
}

/* The reason is sealed under the key of the contact, which has to be asked for first. */
static void ask_owner(struct waiting *w) {
    struct args *a = args_new(w->r);
    args_z(a, w->hash);
    args_z(a, w->ticket);
    args_z(a, w->n);
    store_call(w->r->store, "whose", a, owner_known, w);
    args_free(&a);
}

void receipt_apply(struct router *r, const struct receipt *x, router_done_fn done, void *arg) {
    static const char *const states[] = {[RECEIPT_SENT] = "sent",
                                         [RECEIPT_DELIVERED] = "delivered",
                                         [RECEIPT_READ] = "read",
                                         [RECEIPT_FAILED] = "failed"};
    struct waiting *w = waiting_new(r, arg);
    w->done = done;
    char id[SHORT_ID_MAX_BYTES] = "";
    if (x->message.n && x->message.n < sizeof id)
        memcpy(id, x->message.p, x->message.n);
    bool has_id = *id && message_id_split(id, w->ticket, w->n);
    if ((int)x->state < RECEIPT_SENT || x->state > RECEIPT_FAILED ||
        (!x->external_id.n && !has_id)) {
        w->error = ERR_NOT_FOUND;
        loop_soon(r->loop, refuse, w);
        return;
    }
    snprintf(w->channel, sizeof w->channel, "%s", x->channel);
    w->state = states[x->state];
    w->is_permanent = x->is_permanent;
    if (x->external_id.n)
        hash_external(r, x->channel, x->external_id, w->hash);
    if (x->state != RECEIPT_FAILED || !x->reason.n) {
        apply(w, SPAN(""));
        return;
    }
    buf_add(&w->reason, x->reason.p, x->reason.n < REASON_BYTES ? x->reason.n : REASON_BYTES);
    ask_owner(w);
}

/* ---- history ---- */
static enum receipt_state state_of(struct span s) {
    if (span_eq(s, "delivered"))
        return RECEIPT_DELIVERED;
    if (span_eq(s, "read"))
        return RECEIPT_READ;
    if (span_eq(s, "failed") || span_eq(s, "opted_out"))
        return RECEIPT_FAILED;
    return RECEIPT_SENT;
}

static struct span member(struct arena *a, const json_t *v, const char *key) {
    return span_str(arena_strdup(a, json_str(v, key, "")));
}

static bool item_fill(const struct router *r, struct arena *a, const struct redis_value *row,
                      struct history_item *h) {
    struct delivery d = {0};
    bool is_out = delivery_parse(cell(row, 4), &d);
    if (is_out && (span_eq(d.state, "queued") || span_eq(d.state, "cancelled")))
        return false;
    json_t *record = envelope_open(r, cell(row, 3), cell(row, 5));
    if (!record)
        return false;
    char *ticket = arena_strndup(a, cell(row, 0).p, cell(row, 0).n);
    json_t *shown = view_message(r, ticket, cell_int(row, 1), record, NULL, SPAN(""));
    h->thread_seq = (uint64_t)cell_int(row, 2);
    h->from_citizen = !is_out;
    h->is_automatic = json_flag(record, "automatic", false);
    h->message = member(a, shown, "id");
    h->external_id = member(a, record, "external_id");
    h->text = member(a, shown, "text");
    h->sender_name = member(a, record, "name");
    h->at_ms = json_int(record, "at", 0);
    h->state = is_out ? state_of(d.state) : RECEIPT_SENT;
    h->attachments = attachments_from(a, json_object_get(record, "attachments"), &h->attachments_n);
    json_decref(shown);
    json_decref(record);
    return true;
}

static void history_got(void *arg, int error, const struct redis_value *v) {
    struct waiting *w = arg;
    if (error || v->type != REDIS_ARRAY) {
        finish(w, error ? error : ERR_UNAVAILABLE);
        return;
    }
    struct arena *a = arena_new();
    struct history_item *items = arena_alloc(a, sizeof *items * (v->n + 1));
    size_t n = 0;
    for (size_t i = 0; i < v->n; i++)
        if (item_fill(w->r, a, cell_row(v, i), &items[n]))
            n++;
    w->history(w->arg, 0, items, n);
    w->history = NULL;
    arena_free(&a);
    finish(w, 0);
}

void history_read(struct router *r, const char *channel, struct span thread, uint64_t after_seq,
                  uint32_t limit, history_fn done, void *arg) {
    struct waiting *w = waiting_new(r, arg);
    char hash[CRYPTO_HASH_HEX];
    w->history = done;
    hash_external(r, channel, thread, hash);
    struct args *a = args_new(r);
    args_z(a, hash);
    args_i(a, after_seq > INT32_MAX ? INT32_MAX : (int64_t)after_seq);
    args_i(a, limit && limit < HISTORY_MAX ? limit : HISTORY_MAX);
    store_call(r->store, "history", a, history_got, w);
    args_free(&a);
}
