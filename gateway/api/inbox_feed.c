/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * inbox_feed: gathers what the ticket stream says and sends it in batches. One batch is under way
 * at a time: so a summary is never overtaken by an older one of the same ticket.
 */
#include "gateway/api/inbox.h"

#include <stdio.h>
#include <stdlib.h>

#define FLUSH_MS 30
#define COUNTS_MS 1000
#define BATCH_MAX 200
#define CHANGES_MAX                                                                                \
    65536 /* beyond, the oldest half is dropped: clients load their lists after 1012 anyway */

static int by_ticket(const void *a, const void *b) {
    const struct inbox_change *x = a, *y = b;
    int d = strcmp(x->ticket, y->ticket);
    return d ? d : strcmp(x->message, y->message);
}

static void next_batch(struct inbox *i);

static void arm(struct inbox *i) {
    if (!i->flush || i->is_sending || i->changes_n == 0)
        return;
    loop_timer_again(i->flush, FLUSH_MS, 0);
}

void inbox_feed(struct inbox *i, const struct feed_event *e) {
    if (!i->sockets || !e->ticket || !api_number_is_valid(span_str(e->ticket)))
        return;
    i->counts_due = true;
    if (i->changes_n == CHANGES_MAX) {
        i->changes_n = CHANGES_MAX / 2;
        memmove(i->changes, i->changes + CHANGES_MAX / 2, i->changes_n * sizeof *i->changes);
    }
    if (i->changes_n == i->changes_cap) {
        i->changes_cap = i->changes_cap ? i->changes_cap * 2 : 64;
        i->changes = xrealloc(i->changes, i->changes_cap * sizeof *i->changes);
    }
    struct inbox_change *c = &i->changes[i->changes_n++];
    snprintf(c->ticket, sizeof c->ticket, "%s", e->ticket);
    bool has =
        e->message && api_message_is_valid(span_str(e->message)) && inbox_is_watched(i, e->ticket);
    snprintf(c->message, sizeof c->message, "%s", has ? e->message : "");
    bool is_left = !strcmp(e->type, "ticket.left");
    snprintf(c->left_queue, sizeof c->left_queue, "%s", is_left && e->queue ? e->queue : "");
    snprintf(c->left_user, sizeof c->left_user, "%s", is_left && e->info ? e->info : "");
    if (is_left)
        inbox_rewatch(i, e->ticket);
    if (i->changes_n == 1)
        arm(i);
}

/* ---- one message for those who watch ---- */
struct item_read {
    struct inbox *inbox;
    struct inbox_change what;
};

static void on_item(void *arg, int error, json_t *v) {
    struct item_read *r = arg;
    json_t *item, *items = error < 0 ? NULL : json_object_get(v, "items");
    size_t k;
    json_array_foreach(items, k, item) {
        if (strcmp(json_str(item, "id", ""), r->what.message))
            continue;
        api_times(item);
        inbox_send_item(
            r->inbox, r->what.ticket, v,
            json_pack("{s:s,s:s,s:O}", "t", "item", "ticket", r->what.ticket, "item", item));
    }
    free(r);
}

static void read_item(struct inbox *i, const struct inbox_change *c) {
    unsigned long long n = 0;
    const char *dot = strchr(c->message, '.');
    if (!dot || span_u64(span_str(dot + 1), INT64_MAX - 1, &n) < 0)
        return;
    struct item_read *r = xcalloc(1, sizeof *r);
    *r = (struct item_read){i, *c};
    ticket_read(i->api->o.router, c->ticket, (uint64_t)n + 1, 3, NULL, on_item, r);
}

/* ---- summaries for all ---- */
struct shown { /* the frame of those who see the same tickets of a batch, written once */
    bool sees[BATCH_MAX];
    struct ws_shared *frame; /* NULL: nothing to send */
    bool is_made;
};

static struct ws_shared *frame_of(json_t *v) {
    char *text = json_text(v);
    json_decref(v);
    struct ws_shared *m = ws_shared_new(span_str(text));
    free(text);
    return m;
}

static void show(struct shown *last, const struct inbox_socket *s, const json_t *v) {
    bool sees[BATCH_MAX] = {0};
    size_t n = json_array_size(v), k;
    for (k = 0; k < n && k < BATCH_MAX; k++)
        sees[k] = access_sees(&s->user, json_array_get(v, k));
    if (!last->is_made || memcmp(sees, last->sees, sizeof sees)) {
        ws_shared_unref(last->frame);
        memcpy(last->sees, sees, sizeof sees);
        last->is_made = true;
        json_t *list = json_array();
        for (k = 0; k < n && k < BATCH_MAX; k++)
            if (sees[k])
                json_array_append(list, json_array_get(v, k));
        bool is_empty = json_array_size(list) == 0;
        json_t *frame = json_pack("{s:s,s:o}", "t", "tickets", "tickets", list);
        last->frame = is_empty ? NULL : frame_of(frame);
        if (is_empty)
            json_decref(frame);
    }
    if (last->frame)
        ws_send_shared(s->ws, last->frame);
}

/* Who saw a ticket and does not any more is told its number; nobody else hears of it. */
static void tell_gone(const struct inbox *i, struct inbox_socket *s, const json_t *v) {
    json_t *gone = json_array();
    for (size_t at = i->batch_at; at < i->sending_at; at++) {
        const struct inbox_change *c = &i->sending[at];
        const json_t *now = NULL;
        if (!c->left_queue[0] || !ticket_scope_sees(s->user.scope, c->left_queue, c->left_user))
            continue;
        for (size_t k = 0; k < json_array_size(v) && !now; k++)
            if (!strcmp(json_str(json_array_get(v, k), "number", ""), c->ticket))
                now = json_array_get(v, k);
        if (!now || !access_sees(&s->user, now))
            json_array_append_new(gone, json_string(c->ticket));
    }
    if (json_array_size(gone))
        inbox_send(s, json_pack("{s:s,s:O}", "t", "gone", "tickets", gone));
    json_decref(gone);
}

static void on_summaries(void *arg, int error, json_t *v) {
    struct inbox *i = arg;
    struct shown last = {0};
    if (error == 0 && json_array_size(v) > 0) {
        size_t k;
        json_t *one;
        json_array_foreach(v, k, one) api_thread_learn(i->api, one);
        api_times(v);
        for (struct inbox_socket *s = i->sockets; s; s = s->next)
            if (s->ws && s->is_known) {
                show(&last, s, v);
                if (*s->user.scope)
                    tell_gone(i, s, v);
            }
        ws_shared_unref(last.frame);
    }
    next_batch(i);
}

/* Reads up to BATCH_MAX different tickets of the batch under way; at its end the timer runs again.
 */
static void next_batch(struct inbox *i) {
    const char *tickets[BATCH_MAX];
    size_t n = 0;
    i->batch_at = i->sending_at;
    while (i->sending_at < i->sending_n && n < BATCH_MAX) {
        const struct inbox_change *c = &i->sending[i->sending_at];
        bool is_same = n > 0 && !strcmp(c->ticket, tickets[n - 1]);
        bool is_seen = i->sending_at > 0 && by_ticket(c, c - 1) == 0;
        if (!is_same)
            tickets[n++] = c->ticket;
        if (c->message[0] && !is_seen)
            read_item(i, c);
        i->sending_at++;
    }
    if (n > 0 && !i->api->is_stopping) {
        ticket_summary(i->api->o.router, tickets, n, on_summaries, i);
        return;
    }
    free(i->sending);
    i->sending = NULL;
    i->sending_n = i->sending_at = 0;
    i->is_sending = false;
    arm(i);
}

static void on_flush(void *arg) {
    struct inbox *i = arg;
    if (i->is_sending || i->changes_n == 0)
        return;
    i->is_sending = true;
    i->sending = i->changes;
    i->sending_n = i->changes_n;
    i->sending_at = 0;
    i->changes = NULL;
    i->changes_n = i->changes_cap = 0;
    qsort(i->sending, i->sending_n, sizeof *i->sending, by_ticket);
    next_batch(i);
}

/* ---- counts: they differ by person (mine) ---- */
struct counts_read {
    struct inbox *inbox;
    char user[API_USER_BYTES];
};

static void on_counts_read(void *arg, int error, json_t *v) {
    struct counts_read *r = arg;
    if (error == 0 && v) {
        json_t *out = json_copy(v);
        json_object_set_new(out, "t", json_string("counts"));
        for (struct inbox_socket *s = r->inbox->sockets; s; s = s->next)
            if (s->is_known && !strcmp(s->user.id, r->user))
                inbox_send(s, json_incref(out));
        json_decref(out);
    }
    free(r);
}

static bool is_first_of_user(const struct inbox *i, const struct inbox_socket *s) {
    for (const struct inbox_socket *o = i->sockets; o != s; o = o->next)
        if (o->is_known && !strcmp(o->user.id, s->user.id))
            return false;
    return true;
}

static void on_counts(void *arg) {
    struct inbox *i = arg;
    if (!i->counts_due)
        return;
    i->counts_due = false;
    for (const struct inbox_socket *s = i->sockets; s; s = s->next) {
        if (!s->is_known || !is_first_of_user(i, s))
            continue;
        struct counts_read *r = xcalloc(1, sizeof *r);
        r->inbox = i;
        snprintf(r->user, sizeof r->user, "%s", s->user.id);
        ticket_counts(i->api->o.router, r->user, s->user.scope, on_counts_read, r);
    }
}

void inbox_feed_start(struct inbox *i) {
    i->flush = loop_timer(i->api->o.loop, FLUSH_MS, 0, on_flush, i);
    i->counts = loop_timer(i->api->o.loop, COUNTS_MS, COUNTS_MS, on_counts, i);
}

void inbox_feed_stop(struct inbox *i) {
    loop_timer_stop(&i->flush);
    loop_timer_stop(&i->counts);
}

void inbox_feed_free(struct inbox *i) {
    free(i->changes);
    free(i->sending);
}
