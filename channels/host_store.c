/* SPDX-License-Identifier: EUPL-1.2 */
/* host_store: what channels read and keep: conversations, blobs, small state. Every answer of the
 * router passes host_unpend first, so that a closed channel hears nothing any more. */
#include "channels/host_private.h"

#include <stdlib.h>

enum { READ_MARK_BACK = 50 };

struct waiting {
    struct host_channel *c;
    union {
        draht_history_fn history;
        draht_blob_fn blob;
        draht_state_fn state;
        draht_done_fn done;
        draht_ranked_fn ranked;
        draht_tickets_fn tickets;
    } fn;
    void *arg;
    uint64_t up_to_seq;
};

static struct waiting *wait_new(void *host, void *arg) {
    struct waiting *w = xcalloc(1, sizeof *w);
    w->c = host;
    w->arg = arg;
    host_pend(w->c);
    return w;
}

/* What the channel sees of an error: retry later, or never. */
static int outer_status(int error) {
    if (error >= 0)
        return 0;
    return error_is_retryable(error) ? DRAHT_E_UNAVAILABLE : DRAHT_E_REJECTED;
}

static void map_item(const struct history_item *in, struct draht_history_item *out,
                     struct draht_attachment *files) {
    *out = (struct draht_history_item){.size = sizeof *out,
                                       .thread_seq = in->thread_seq,
                                       .from_citizen = in->from_citizen,
                                       .message = host_dspan(in->message),
                                       .external_id = host_dspan(in->external_id),
                                       .text = host_dspan(in->text),
                                       .sender_name = host_dspan(in->sender_name),
                                       .at_ms = in->at_ms,
                                       .attachments = files,
                                       .attachments_n = in->attachments_n,
                                       .state = (uint32_t)in->state,
                                       .flags = in->is_automatic ? DRAHT_OUT_AUTOMATIC : 0};
    for (size_t i = 0; i < in->attachments_n; i++) {
        const struct attachment *a = &in->attachments[i];
        files[i] = (struct draht_attachment){.size = sizeof files[i],
                                             .name = host_dspan(a->name),
                                             .type = host_dspan(a->type),
                                             .blob = host_dspan(a->blob),
                                             .content_id = host_dspan(a->content_id),
                                             .length = a->length};
    }
}

static void on_history(void *arg, int error, const struct history_item *items, size_t n) {
    struct waiting *w = arg;
    if (host_unpend(w->c)) {
        size_t files_n = 0;
        for (size_t i = 0; error >= 0 && i < n; i++)
            files_n += items[i].attachments_n;
        struct draht_history_item *out = xcalloc(n + 1, sizeof *out);
        struct draht_attachment *files = xcalloc(files_n + 1, sizeof *files);
        size_t at = 0;
        for (size_t i = 0; error >= 0 && i < n; i++) {
            map_item(&items[i], &out[i], files + at);
            at += items[i].attachments_n;
        }
        w->fn.history(w->arg, outer_status(error), out, error >= 0 ? n : 0);
        free(out);
        free(files);
    }
    free(w);
}

void host_history(void *host, struct draht_span thread, uint64_t after_seq, uint32_t limit,
                  draht_history_fn done, void *arg) {
    struct waiting *w = wait_new(host, arg);
    w->fn.history = done;
    if (limit == 0 || limit > HOST_HISTORY_MAX)
        limit = HOST_HISTORY_MAX;
    history_read(w->c->host->o.router, w->c->id, host_span(thread), after_seq, limit, on_history,
                 w);
}

/* Read by position becomes receipts by message: the router knows only those. */
static void on_mark(void *arg, int error, const struct history_item *items, size_t n) {
    struct waiting *w = arg;
    struct host_channel *c = w->c;
    if (host_unpend(c)) {
        for (size_t i = 0; error >= 0 && i < n; i++) {
            const struct history_item *x = &items[i];
            if (x->from_citizen || x->thread_seq > w->up_to_seq || x->state == RECEIPT_READ)
                continue;
            struct receipt r = {.channel = c->id,
                                .message = x->message,
                                .state = RECEIPT_READ,
                                .at_ms = host_now(c->host)};
            receipt_apply(c->host->o.router, &r, NULL, NULL);
        }
    }
    free(w);
}

void host_read_mark(void *host, struct draht_span thread, uint64_t up_to_seq) {
    struct waiting *w = wait_new(host, NULL);
    w->up_to_seq = up_to_seq;
    uint64_t after = up_to_seq > READ_MARK_BACK ? up_to_seq - READ_MARK_BACK : 0;
    history_read(w->c->host->o.router, w->c->id, host_span(thread), after, READ_MARK_BACK, on_mark,
                 w);
}

static void on_blob(void *arg, int error, struct span bytes) {
    struct waiting *w = arg;
    if (host_unpend(w->c))
        w->fn.blob(w->arg, outer_status(error),
                   error >= 0 ? host_dspan(bytes) : (struct draht_span){0});
    free(w);
}

void host_blob_put(void *host, struct draht_span bytes, draht_blob_fn done, void *arg) {
    struct waiting *w = wait_new(host, arg);
    w->fn.blob = done;
    blob_put(w->c->host->o.router, host_span(bytes), on_blob, w);
}

void host_blob_get(void *host, struct draht_span blob, draht_blob_fn done, void *arg) {
    struct waiting *w = wait_new(host, arg);
    w->fn.blob = done;
    blob_get(w->c->host->o.router, host_span(blob), on_blob, w);
}

static void on_done(void *arg, int error) {
    struct waiting *w = arg;
    if (host_unpend(w->c) && w->fn.done)
        w->fn.done(w->arg, outer_status(error));
    free(w);
}

static void too_large_later(void *arg) {
    on_done(arg, ERR_TOO_LARGE);
}

void host_state_set(void *host, struct draht_span key, struct draht_span value, uint64_t ttl_ms,
                    draht_done_fn done, void *arg) {
    struct waiting *w = wait_new(host, arg);
    w->fn.done = done;
    if (key.n == 0 || key.n > HOST_STATE_KEY_BYTES_MAX || value.n > HOST_STATE_VALUE_BYTES_MAX) {
        host_broken(w->c, "state beyond the limit");
        loop_soon(w->c->host->o.loop, too_large_later, w);
        return;
    }
    router_state_set(w->c->host->o.router, w->c->id, host_span(key), host_span(value), ttl_ms,
                     on_done, w);
}

static void on_state(void *arg, int error, struct span value) {
    struct waiting *w = arg;
    if (host_unpend(w->c))
        w->fn.state(w->arg, outer_status(error),
                    error >= 0 ? host_dspan(value) : (struct draht_span){0});
    free(w);
}

void host_state_get(void *host, struct draht_span key, draht_state_fn done, void *arg) {
    struct waiting *w = wait_new(host, arg);
    w->fn.state = done;
    router_state_get(w->c->host->o.router, w->c->id, host_span(key), on_state, w);
}

void host_state_del(void *host, struct draht_span key, draht_done_fn done, void *arg) {
    struct waiting *w = wait_new(host, arg);
    w->fn.done = done;
    router_state_del(w->c->host->o.router, w->c->id, host_span(key), on_done, w);
}

void host_state_rank(void *host, struct draht_span index, struct draht_span key, int64_t score,
                     int64_t cut, draht_done_fn done, void *arg) {
    struct waiting *w = wait_new(host, arg);
    w->fn.done = done;
    if (index.n == 0 || key.n == 0 || index.n > HOST_STATE_KEY_BYTES_MAX ||
        key.n > HOST_STATE_KEY_BYTES_MAX) {
        host_broken(w->c, "state beyond the limit");
        loop_soon(w->c->host->o.loop, too_large_later, w);
        return;
    }
    router_state_rank(w->c->host->o.router, w->c->id, host_span(index), host_span(key), score, cut,
                      on_done, w);
}

static void on_ranked(void *arg, int error, const struct span *values, size_t n) {
    struct waiting *w = arg;
    if (host_unpend(w->c)) {
        struct draht_span *out = xcalloc(n + 1, sizeof *out);
        for (size_t i = 0; i < n; i++)
            out[i] = host_dspan(values[i]);
        w->fn.ranked(w->arg, outer_status(error), out, error >= 0 ? n : 0);
        free(out);
    }
    free(w);
}

void host_state_ranked(void *host, struct draht_span index, int64_t min, int64_t max, uint32_t skip,
                       uint32_t limit, draht_ranked_fn done, void *arg) {
    struct waiting *w = wait_new(host, arg);
    w->fn.ranked = done;
    router_state_ranked(w->c->host->o.router, w->c->id, host_span(index), min, max, skip, limit,
                        on_ranked, w);
}

static char *tags_of(const json_t *summary) {
    const json_t *tags = json_object_get(summary, "tags");
    struct buf b = {0};
    for (size_t i = 0; i < json_array_size(tags); i++) {
        const char *s = json_string_value(json_array_get(tags, i));
        buf_addf(&b, "%s%s", i ? "," : "", s ? s : "");
    }
    buf_adds(&b, "");
    return buf_take(&b, NULL);
}

/* A channel hears of its own tickets alone. */
static void on_tickets(void *arg, int error, json_t *v) {
    struct waiting *w = arg;
    if (host_unpend(w->c)) {
        size_t all = error >= 0 ? json_array_size(v) : 0, n = 0;
        struct draht_ticket *out = xcalloc(all + 1, sizeof *out);
        char **tags = xcalloc(all + 1, sizeof *tags);
        for (size_t i = 0; i < all; i++) {
            const json_t *t = json_array_get(v, i);
            if (strcmp(json_str(t, "channel", ""), w->c->id) != 0)
                continue;
            int64_t updated_ms = 0;
            clock_parse_rfc3339(json_str(t, "updated_at", ""), &updated_ms);
            tags[n] = tags_of(t);
            out[n] =
                (struct draht_ticket){.size = sizeof *out,
                                      .number = host_dspan(span_str(json_str(t, "number", ""))),
                                      .tags = host_dspan(span_str(tags[n])),
                                      .is_closed = strcmp(json_str(t, "state", ""), "closed") == 0,
                                      .is_erased = json_flag(t, "erased", false),
                                      .updated_ms = updated_ms};
            n++;
        }
        w->fn.tickets(w->arg, outer_status(error), out, n);
        for (size_t i = 0; i < n; i++)
            free(tags[i]);
        free(tags);
        free(out);
    }
    free(w);
}

void host_tickets(void *host, const struct draht_span *numbers, size_t n, draht_tickets_fn done,
                  void *arg) {
    struct waiting *w = wait_new(host, arg);
    const char *all[HOST_HISTORY_MAX];
    struct arena *a = arena_new();
    w->fn.tickets = done;
    n = n > HOST_HISTORY_MAX ? HOST_HISTORY_MAX : n;
    for (size_t i = 0; i < n; i++)
        all[i] = arena_strndup(a, numbers[i].p ? numbers[i].p : "", numbers[i].n);
    ticket_summary(w->c->host->o.router, all, n, on_tickets, w);
    arena_free(&a);
}
