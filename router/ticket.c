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

/* The configured offices, joined by commas; tickets without any lie in "inbox". */
static const char *offices_of(const struct config *c, struct arena *a) {
    struct buf b = {0};
    for (int i = 0; i < c->queues_n; i++)
        buf_addf(&b, "%s%s", i ? "," : "", c->queues[i].id);
    const char *all = c->queues_n ? arena_strdup(a, b.p) : "inbox";
    buf_free(&b);
    return all;
}

static int check_query(const char *view, const struct ticket_query *t) {
    static const char *const views[] = {"mine",     "unassigned", "unanswered", "overdue",
                                        "due_soon", "waiting",    "reminder",   "closed",
                                        "all",      "queue"};
    if (t->state && *t->state && !is_state(t->state))
        return ERR_INVALID;
    for (size_t i = 0; i < sizeof views / sizeof *views; i++)
        if (strcmp(view, views[i]) == 0)
            return 0;
    return ERR_INVALID;
}

void ticket_list(struct router *r, const struct ticket_query *t, router_json_fn done, void *arg) {
    struct query *q = query_new(r, done, arg);
    struct args *a = args_new(r);
    const char *view = t->view && *t->view ? t->view : "all";
    bool is_queue = strcmp(view, "queue") == 0;
    int error = check_query(view, t);
    args_i(a, now_of(r));
    args_z(a, view);
    args_z(a, t->state ? t->state : "");
    args_z(a, t->user && *t->user ? t->user : "-");
    args_z(a, t->scope ? t->scope : "");
    args_cursor(a, t->cursor);
    args_i(a, t->limit < 1 ? 1 : t->limit > LIMIT_MAX ? LIMIT_MAX : t->limit);
    args_z(a, offices_of(r->config, a->arena));
    args_z(a, is_queue ? (t->queue && *t->queue ? t->queue : "-") : "");
    if (error)
        refuse_soon(q, error);
    else
        store_call(r->store, "list_2", a, page_got, q);
    args_free(&a);
}

/* ---- counts ---- */
static void counts_got(void *arg, int error, const struct redis_value *v) {
    static const char *const names[] = {"mine",          "unassigned",    "unanswered", "overdue",
                                        "due_soon",      "waiting",       "reminder",   "all",
                                        "outbox_failed", "outbox_waiting"};
    size_t n = sizeof names / sizeof *names;
    struct query *q = arg;
    if (error) {
        finish(q, error, NULL);
        return;
    }
    json_t *out = json_object(), *queues = json_object();
    for (size_t i = 0; i < n; i++)
        json_puti(out, names[i], cell_int(v, i));
    const struct redis_value *by_office = cell_row(v, n);
    for (size_t i = 0; i + 1 < by_office->n; i += 2) {
        char id[NAME_MAX_BYTES + 1];
        struct span s = cell(by_office, i);
        snprintf(id, sizeof id, "%.*s", (int)s.n, s.p);
        json_puti(queues, id, cell_int(by_office, i + 1));
    }
    json_object_set_new(out, "queues", queues);
    finish(q, 0, out);
}

void ticket_counts(struct router *r, const char *user, const char *scope, router_json_fn done,
                   void *arg) {
    struct query *q = query_new(r, done, arg);
    struct args *a = args_new(r);
    args_i(a, now_of(r));
    args_z(a, user && *user ? user : "-");
    args_z(a, scope ? scope : "");
    args_z(a, offices_of(r->config, a->arena));
    store_call(r->store, "counts_2", a, counts_got, q);
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

/* Whoever knows the thread may write into it; staff are told when it is somebody else. Addresses of
 * another channel cannot be compared. */
static bool is_stranger(const json_t *summary, const json_t *record) {
    const char *address = json_str(json_object_get(summary, "sender"), "address", "");
    const char *own = json_str(record, "address", "");
    return *address && *own && strcmp(own, address) != 0 &&
           strcmp(json_str(record, "direction", ""), "in") == 0 &&
           strcmp(json_str(record, "channel", ""), json_str(summary, "channel", "")) == 0 &&
           !json_flag(record, "by_staff", false) && !json_flag(record, "system", false);
}

/* summary: of its ticket, or NULL where nobody asks who wrote it. */
static json_t *item_json(const struct router *r, const char *ticket, int64_t n, struct span item,
                         struct span row, struct span wrapped, bool has_html,
                         const json_t *summary) {
    if (item.n && item.p[0] == 'E')
        return event_json(r, item, n);
    struct delivery d;
    bool is_out = delivery_parse(row, &d);
    json_t *record = envelope_open(r, item, wrapped);
    json_t *v = view_message(r, ticket, n, record, is_out ? &d : NULL, wrapped);
    if (!record)
        json_array_append_new(json_object_get(v, "warnings"), json_string("cannot_be_opened"));
    if (is_stranger(summary, record))
        json_array_append_new(json_object_get(v, "warnings"), json_string("other_sender"));
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
        json_array_append_new(items,
                              item_json(q->r, q->ticket, first + (int64_t)i, item, cell(rows, i),
                                        key_of(keys, item), q->has_html, out));
    }
    json_object_set_new(out, "items", items);
    json_object_set_new(out, "contact", contact_json(out, cell(v, 5)));
    json_object_set_new(out, "more_before", first > 1 ? json_integer(first) : json_null());
    view_remember(q->r, cell_row(v, 0));
    if (q->is_unread_read && json_flag(out, "unread", false))
        mark_seen(q->r, q->ticket);
    finish(q, 0, out);
}

void ticket_read(struct router *r, const char *ticket, uint64_t before_n, int limit,
                 const char *scope, router_json_fn done, void *arg) {
    struct query *q = query_new(r, done, arg);
    struct args *a = args_new(r);
    snprintf(q->ticket, sizeof q->ticket, "%.*s", NUMBER_MAX_BYTES, ticket);
    q->is_unread_read = before_n == 0;
    q->has_html = limit >= 1 && limit <= 3;
    args_z(a, q->ticket);
    args_i(a, before_n > INT32_MAX ? 0 : (int64_t)before_n);
    args_i(a, limit < 1 || limit > LIMIT_MAX ? LIMIT_MAX : limit);
    args_z(a, scope ? scope : "");
    store_call(r->store, "read_2", a, ticket_got, q);
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
        error ? NULL
              : item_json(q->r, q->ticket, q->n, cell(v, 0), cell(v, 1), cell(v, 3), false, NULL);
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
