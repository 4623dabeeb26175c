/* SPDX-License-Identifier: EUPL-1.2 */
/* ticket: lists, one ticket, changes, attachments, for the staff API. The store's rows are opened
 * here. */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/log.h"
#include "router/inner.h"

#define LIMIT_MAX 200
#define NUMBER_MAX_BYTES 23
#define NAME_MAX_BYTES 64

struct query {
    struct router *r;
    router_json_fn done;
    attachment_fn attachment;
    void *arg;
    json_t *out, *meta;
    int error, index;
    bool is_one, is_unread_read, has_html; /* a close look (up to 3 items) carries a mail's HTML */
    char ticket[24];
    int64_t n;
};

static struct query *query_new(struct router *r, router_json_fn done, void *arg) {
    struct query *q = xcalloc(1, sizeof *q);
    q->r = r;
    q->done = done;
    q->arg = arg;
    r->open++;
    return q;
}

static void finish(struct query *q, int error, json_t *out) {
    q->r->open--;
    if (q->done)
        q->done(q->arg, error, error ? NULL : out);
    json_decref(out);
    json_decref(q->meta);
    free(q);
}

static void refuse(void *arg) {
    struct query *q = arg;
    finish(q, q->error, NULL);
}

static void refuse_soon(struct query *q, int error) {
    q->error = error;
    loop_soon(q->r->loop, refuse, q);
}

static json_t *rows_json(const struct router *r, const struct redis_value *rows) {
    json_t *all = json_array();
    for (size_t i = 0; i < rows->n; i++)
        if (rows->a[i].type == REDIS_ARRAY)
            json_array_append_new(all, view_summary(r, &rows->a[i], NULL));
    return all;
}

static void page_got(void *arg, int error, const struct redis_value *v) {
    struct query *q = arg;
    if (error) {
        finish(q, error, NULL);
        return;
    }
    json_t *out = json_object();
    json_object_set_new(out, "tickets", rows_json(q->r, cell_row(v, 1)));
    if (cell(v, 0).n)
        json_put(out, "next", cell(v, 0));
    else
        json_object_set_new(out, "next", json_null());
    finish(q, 0, out);
}

/* ---- lists ---- */
static const char *const OPEN[] = {"new", "open", "waiting", "reminder"};

static bool is_state(const char *s) {
    for (size_t i = 0; i < 4; i++)
        if (strcmp(s, OPEN[i]) == 0)
            return true;
    return strcmp(s, "closed") == 0;
}

static void args_states(struct args *a, const char *prefix, const char *state) {
    if (state && *state) {
        args_z(a, arena_printf(a->arena, "%s:%s", prefix, state));
        return;
    }
    for (size_t i = 0; i < 4; i++)
        args_z(a, arena_printf(a->arena, "%s:%s", prefix, OPEN[i]));
}

static void args_queues(const struct config *c, struct args *a, const char *state) {
    for (int i = 0; i < c->queues_n; i++)
        args_states(a, arena_printf(a->arena, "i:%s", c->queues[i].id), state);
    if (!c->queues_n)
        args_states(a, "i:inbox", state);
}

static int args_view(const struct router *r, struct args *a, const struct ticket_query *t) {
    const char *view = t->view && *t->view ? t->view : "all";
    if (t->state && *t->state && !is_state(t->state))
        return ERR_INVALID;
    if (strcmp(view, "mine") == 0)
        args_states(a, arena_printf(a->arena, "a:%.64s", t->user ? t->user : "-"), t->state);
    else if (strcmp(view, "unassigned") == 0)
        args_states(a, "a:", t->state);
    else if (strcmp(view, "unanswered") == 0)
        args_z(a, "un");
    else if (strcmp(view, "queue") == 0)
        args_states(a, arena_printf(a->arena, "i:%.64s", t->queue ? t->queue : "-"), t->state);
    else if (strcmp(view, "all") == 0)
        args_queues(r->config, a, t->state);
    else if (strcmp(view, "waiting") == 0 || strcmp(view, "reminder") == 0 ||
             strcmp(view, "closed") == 0)
        args_queues(r->config, a, view);
    else
        return ERR_INVALID;
    return 0;
}

void ticket_list(struct router *r, const struct ticket_query *t, router_json_fn done, void *arg) {
    struct query *q = query_new(r, done, arg);
    struct args *a = args_new(r);
    args_cursor(a, t->cursor);
    args_i(a, t->limit < 1 ? 1 : t->limit > LIMIT_MAX ? LIMIT_MAX : t->limit);
    int error = args_view(r, a, t);
    if (error)
        refuse_soon(q, error);
    else
        store_call(r->store, "list", a, page_got, q);
    args_free(&a);
}

/* ---- counts ---- */
static void counts_got(void *arg, int error, const struct redis_value *v) {
    struct query *q = arg;
    const struct config *c = q->r->config;
    if (error) {
        finish(q, error, NULL);
        return;
    }
    int64_t sums[2] = {0}, waiting = 0, reminder = 0, all = 0;
    size_t at = 0;
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < 4; i++)
            sums[k] += cell_int(v, at++);
    int64_t unanswered = cell_int(v, at++), failed = cell_int(v, at) + cell_int(v, at + 1);
    int64_t outgoing = cell_int(v, at + 2) + cell_int(v, at + 3) + cell_int(v, at + 4);
    at += 5;
    json_t *out = json_object(), *queues = json_object();
    int n = c->queues_n ? c->queues_n : 1;
    for (int i = 0; i < n && at + 3 < v->n; i++, at += 4) {
        int64_t sum =
            cell_int(v, at) + cell_int(v, at + 1) + cell_int(v, at + 2) + cell_int(v, at + 3);
        waiting += cell_int(v, at + 2);
        reminder += cell_int(v, at + 3);
        all += sum;
        json_puti(queues, c->queues_n ? c->queues[i].id : "inbox", sum);
    }
    json_puti(out, "mine", sums[0]);
    json_puti(out, "unassigned", sums[1]);
    json_puti(out, "unanswered", unanswered);
    json_puti(out, "waiting", waiting);
    json_puti(out, "reminder", reminder);
    json_puti(out, "all", all);
    json_object_set_new(out, "queues", queues);
    json_puti(out, "outbox_failed", failed);
    json_puti(out, "outbox_waiting", outgoing);
    finish(q, 0, out);
}

void ticket_counts(struct router *r, const char *user, router_json_fn done, void *arg) {
    static const char *const fixed[] = {"un",        "ob:failed", "ob:in_doubt",
                                        "ob:queued", "ob:retry",  "ob:sending"};
    struct query *q = query_new(r, done, arg);
    struct args *a = args_new(r);
    args_states(a, arena_printf(a->arena, "a:%.64s", user && *user ? user : "-"), NULL);
    args_states(a, "a:", NULL);
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        args_z(a, fixed[i]);
    args_queues(r->config, a, NULL);
    store_call(r->store, "counts", a, counts_got, q);
    args_free(&a);
}

/* ---- one ticket ---- */
static json_t *event_json(const struct router *r, struct span e, int64_t n) {
    struct span kind = span_cut(&e, '\t');
    (void)kind;
    struct span at = span_cut(&e, '\t'), actor = span_cut(&e, '\t'), what = span_cut(&e, '\t'),
                from = span_cut(&e, '\t');
    unsigned long long ms = 0;
    if (at.p)
        span_u64(at, INT64_MAX, &ms);
    json_t *v = json_object();
    char who[NAME_MAX_BYTES + 1];
    snprintf(who, sizeof who, "%.*s", (int)actor.n, actor.n ? actor.p : "");
    json_puts(v, "type", "event");
    json_puti(v, "n", n);
    put_time(v, "at", (int64_t)ms);
    json_puts(v, "actor", names_get(r, who) ? names_get(r, who) : who);
    json_put(v, "what", what.p ? what : SPAN(""));
    json_put(v, "from", from.p ? from : SPAN(""));
    json_put(v, "to", e.p ? e : SPAN(""));
    return v;
}

static json_t *item_json(const struct router *r, const char *ticket, int64_t n, struct span item,
                         struct span row, struct span wrapped, bool has_html) {
    if (item.n && item.p[0] == 'E')
        return event_json(r, item, n);
    struct delivery d;
    bool is_out = delivery_parse(row, &d);
    json_t *record = envelope_open(r, item, wrapped);
    json_t *v = view_message(r, ticket, n, record, is_out ? &d : NULL, wrapped);
    if (!record)
        json_array_append_new(json_object_get(v, "warnings"), json_string("cannot_be_opened"));
    if (has_html && *json_str(record, "html", ""))
        json_object_set(v, "html", json_object_get(record, "html"));
    json_decref(record);
    return v;
}

static struct span key_of(const struct redis_value *keys, struct span item) {
    if (item.n < ENVELOPE_HEAD)
        return SPAN("");
    struct span id = {item.p + 1, ENVELOPE_ID_BYTES};
    for (size_t i = 0; i + 1 < keys->n; i += 2)
        if (span_is(cell(keys, i), id))
            return cell(keys, i + 1);
    return SPAN("");
}

static json_t *contact_json(const json_t *summary, struct span tickets) {
    json_t *v = json_object(), *list = json_array();
    const json_t *sender = json_object_get(summary, "sender");
    json_puts(v, "name", json_str(sender, "name", ""));
    json_puts(v, "address", json_str(sender, "address", ""));
    json_puts(v, "channel_type", json_str(summary, "channel_type", ""));
    if (tickets.n)
        for (struct span t = span_cut(&tickets, ','); t.p; t = span_cut(&tickets, ','))
            if (t.n)
                json_array_append_new(list, json_stringn(t.p, t.n));
    json_object_set_new(v, "tickets", list);
    return v;
}

static void ignore(void *arg, int error, const struct redis_value *v) {
    (void)arg;
    (void)v;
    if (error && error != ERR_UNAVAILABLE && error != ERR_CLOSED)
        log_warn("ticket.seen", "error=%s", error_name(error));
}

static void mark_seen(struct router *r, const char *ticket) {
    struct args *a = args_new(r);
    args_i(a, now_of(r));
    args_z(a, ticket);
    store_call(r->store, "seen", a, ignore, r);
    args_free(&a);
}

static void ticket_got(void *arg, int error, const struct redis_value *v) {
    struct query *q = arg;
    if (error) {
        finish(q, error, NULL);
        return;
    }
    json_t *out = view_summary(q->r, cell_row(v, 0), NULL), *items = json_array();
    int64_t first = cell_int(v, 1);
    const struct redis_value *list = cell_row(v, 2), *rows = cell_row(v, 3), *keys = cell_row(v, 4);
    for (size_t i = 0; i < list->n; i++) {
        struct span item = cell(list, i);
        json_array_append_new(items, item_json(q->r, q->ticket, first + (int64_t)i, item,
                                               cell(rows, i), key_of(keys, item), q->has_html));
    }
    json_object_set_new(out, "items", items);
    json_object_set_new(out, "contact", contact_json(out, cell(v, 5)));
    json_object_set_new(out, "more_before", first > 1 ? json_integer(first) : json_null());
    if (q->is_unread_read && json_flag(out, "unread", false))
        mark_seen(q->r, q->ticket);
    finish(q, 0, out);
}

void ticket_read(struct router *r, const char *ticket, uint64_t before_n, int limit,
                 router_json_fn done, void *arg) {
    struct query *q = query_new(r, done, arg);
    struct args *a = args_new(r);
    snprintf(q->ticket, sizeof q->ticket, "%.*s", NUMBER_MAX_BYTES, ticket);
    q->is_unread_read = before_n == 0;
    q->has_html = limit >= 1 && limit <= 3;
    args_z(a, q->ticket);
    args_i(a, before_n > INT32_MAX ? 0 : (int64_t)before_n);
    args_i(a, limit < 1 || limit > LIMIT_MAX ? LIMIT_MAX : limit);
    store_call(r->store, "read", a, ticket_got, q);
    args_free(&a);
}

static void summaries_got(void *arg, int error, const struct redis_value *v) {
    struct query *q = arg;
    json_t *all = error ? NULL : rows_json(q->r, v);
    if (!error && q->is_one) {
        json_t *one = json_incref(json_array_get(all, 0));
        json_decref(all);
        all = one;
        if (!all)
            error = ERR_NOT_FOUND;
    }
    finish(q, error, all);
}

void ticket_summary(struct router *r, const char *const *tickets, size_t n, router_json_fn done,
                    void *arg) {
    struct query *q = query_new(r, done, arg);
    struct args *a = args_new(r);
    for (size_t i = 0; i < n && i < LIMIT_MAX; i++)
        args_z(a, tickets[i]);
    store_call(r->store, "summaries", a, summaries_got, q);
    args_free(&a);
}

/* ---- one message ---- */
static void message_got(void *arg, int error, const struct redis_value *v) {
    struct query *q = arg;
    json_t *out =
        error ? NULL : item_json(q->r, q->ticket, q->n, cell(v, 0), cell(v, 1), cell(v, 3), false);
    finish(q, error, out);
}

static void item_call(struct query *q, const char *ticket, int64_t n, store_fn fn) {
    struct args *a = args_new(q->r);
    snprintf(q->ticket, sizeof q->ticket, "%.*s", NUMBER_MAX_BYTES, ticket);
    q->n = n;
    args_z(a, q->ticket);
    args_i(a, n);
    store_call(q->r->store, "item", a, fn, q);
    args_free(&a);
}

void message_read(struct router *r, const char *ticket, int64_t n, router_json_fn done, void *arg) {
    item_call(query_new(r, done, arg), ticket, n, message_got);
}

static void attachment_end(struct query *q, int error, struct span bytes) {
    q->r->open--;
    q->attachment(q->arg, error, error ? SPAN_NONE : bytes, error ? NULL : q->meta);
    json_decref(q->meta);
    free(q);
}

static void bytes_got(void *arg, int error, struct span bytes) {
    attachment_end(arg, error, bytes);
}

static void attachment_refuse(void *arg) {
    struct query *q = arg;
    attachment_end(q, q->error, SPAN_NONE);
}

static void attachment_got(void *arg, int error, const struct redis_value *v) {
    struct query *q = arg;
    json_t *record = error ? NULL : envelope_open(q->r, cell(v, 0), cell(v, 3));
    if (!error && !record)
        error = ERR_CRYPTO;
    if (!error && q->index == ATTACHMENT_HTML) {
        const char *html = json_str(record, "html", "");
        q->meta = json_pack("{s:s,s:s}", "name", "message.html", "type", "text/html");
        attachment_end(q, *html ? 0 : ERR_NOT_FOUND, span_str(html));
        json_decref(record);
        return;
    }
    json_t *list = json_object_get(record, "attachments");
    json_t *meta =
        q->index < 0 ? json_object_get(record, "original") : json_array_get(list, (size_t)q->index);
    const char *blob = json_str(meta, "blob", "");
    if (!error && !*blob)
        error = ERR_NOT_FOUND;
    if (error) {
        attachment_end(q, error, SPAN_NONE);
    } else {
        struct arena *a = arena_new();
        char *name = arena_strdup(a, blob);
        q->meta = json_copy(meta);
        json_object_del(q->meta, "blob");
        blob_get(q->r, span_str(name), bytes_got, q);
        arena_free(&a);
    }
    json_decref(record);
}

void ticket_attachment(struct router *r, const char *message, int index, attachment_fn done,
                       void *arg) {
    struct query *q = query_new(r, NULL, arg);
    char ticket[24], n[16];
    q->attachment = done;
    q->index = index;
    if (!message_id_split(message, ticket, n)) {
        q->error = ERR_NOT_FOUND;
        loop_soon(r->loop, attachment_refuse, q);
        return;
    }
    item_call(q, ticket, atoll(n), attachment_got);
}
