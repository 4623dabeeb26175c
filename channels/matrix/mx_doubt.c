/* SPDX-License-Identifier: EUPL-1.2 */
/* mx_doubt: a part went out and no answer came. Within half an hour the same transaction id makes a
 * repeat harmless. Later the room itself is asked: the homeserver names the transaction id beside
 * our own events. Only when that cannot tell either, a person decides. */
#include "channels/matrix/matrix_private.h"

enum { LOOK_BACK = 100 };

void mx_doubt_key(const struct mx_send *s, char out[64]) {
    snprintf(out, 64, "d:%.*s:%u", (int)(s->out->message.n < 40 ? s->out->message.n : 40),
             s->out->message.p, s->part);
}

static void on_noted(void *arg, int status) {
    struct mx_send *s = arg;
    uint64_t retry_ms = s->retry_ms;
    const char *why = s->why;
    if (status == 0)
        mx_send_settle(s, DRAHT_RETRY, why, retry_ms);
    else
        mx_send_settle(s, DRAHT_IN_DOUBT, why, 0);
}

void mx_doubt_note(struct mx_send *s, const char *why, uint64_t retry_ms) {
    char key[64], text[32];
    struct matrix *m = s->m;
    if (s->first_ms) { /* the first time counts, and is kept already */
        mx_send_settle(s, DRAHT_RETRY, why, retry_ms);
        return;
    }
    s->why = why;
    s->retry_ms = retry_ms;
    mx_doubt_key(s, key);
    snprintf(text, sizeof text, "%lld", (long long)mx_now(m));
    m->h->state_set(m->host, kit_str(key), kit_str(text), MX_DOUBT_KEEP_MS, on_noted, s);
}

/* The doubt goes to a person; whoever sends it again after that means it. */
static void in_doubt(struct mx_send *s) {
    char key[64];
    mx_doubt_key(s, key);
    s->m->h->state_del(s->m->host, kit_str(key), NULL, NULL);
    mx_send_settle(s, DRAHT_IN_DOUBT,
                   "It went out without an answer, and the room does not show whether it arrived.",
                   0);
}

static const json_t *find(const json_t *chunk, const char *txn, int64_t *oldest_ms) {
    size_t i;
    const json_t *e;
    json_array_foreach(chunk, i, e) {
        int64_t at = json_int(e, "origin_server_ts", INT64_MAX);
        if (at < *oldest_ms)
            *oldest_ms = at;
        if (span_eq(mx_str(json_object_get(e, "unsigned"), "transaction_id"), txn))
            return e;
    }
    return NULL;
}

static void on_page(void *arg, const struct mx_answer *a) {
    struct mx_send *s = arg;
    struct buf txn = {0};
    int64_t oldest = INT64_MAX;
    s->call = NULL;
    if (mx_is_transient(a)) {
        mx_send_settle(s, DRAHT_RETRY, "The homeserver did not answer.", mx_wait_ms(a, 4));
        return;
    }
    const json_t *chunk = json_object_get(a->json, "chunk");
    mx_txn(s, &txn);
    const json_t *hit = a->status == 200 ? find(chunk, txn.p, &oldest) : NULL;
    struct span id = mx_str(hit, "event_id");
    bool is_whole = a->status == 200 && (oldest < s->first_ms || !json_object_get(a->json, "end"));
    buf_free(&txn);
    if (id.n) {
        mx_send_sent(s, id);
    } else if (is_whole) { /* it never arrived: this is the first time again */
        mx_send_again(s);
    } else {
        in_doubt(s);
    }
}

void mx_doubt_look(struct mx_send *s) {
    struct matrix *m = s->m;
    struct buf path = {0};
    if (mx_now(m) - s->first_ms >= MX_TXN_NAMED_MS) {
        in_doubt(s);
        return;
    }
    char *room = mx_path("/_matrix/client/v3/rooms/%s/messages?dir=b", kit_in(s->out->thread),
                         SPAN_NONE, SPAN_NONE);
    buf_addf(&path, "%s&limit=%d", room, LOOK_BACK);
    struct mx_request q = {.method = "GET",
                           .path = path.p,
                           .what = "/rooms/-/messages (in doubt)",
                           .answer_max = MX_PAGE_BYTES_MAX,
                           .done = on_page,
                           .arg = s};
    s->call = mx_call(m, &q);
    free(room);
    buf_free(&path);
}
