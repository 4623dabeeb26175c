/* SPDX-License-Identifier: EUPL-1.2 */
/* api: answers, errors and small checks that all calls share, and the life of the whole. */
#include "gateway/api/api_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/log.h"

static void call_release(struct api_call *c) {
    json_decref(c->body);
    json_decref(c->session);
    c->body = c->session = NULL;
}

void api_answer(struct api_call *c, int status, json_t *v) {
    char *text = json_text(v);
    json_decref(v);
    call_release(c);
    http_respond(c->x, status, "application/json", span_str(text));
    free(text);
}

void api_answer_empty(struct api_call *c) {
    call_release(c);
    http_respond(c->x, 204, NULL, SPAN_NONE);
}

void api_problem(struct api_call *c, int status, const char *code, const char *detail) {
    call_release(c);
    if (status == 503 || status == 429)
        http_set_header(c->x, "retry-after", status == 503 ? "2" : "300");
    http_problem(c->x, status, code, detail);
}

static const struct {
    int error, status;
    const char *code, *detail;
} failures[] = {
    {ERR_NOT_FOUND, 404, "not_found",
     "There is no such thing. It may have been deleted; reload the list."},
    {ERR_CONFLICT, 409, "changed_meanwhile",
     "Somebody changed it in the meantime. Load it again and repeat the change."},
    {ERR_DUPLICATE, 409, "exists_already", "There is one with this name already."},
    {ERR_INVALID, 400, "invalid", "A field is missing or has a value that is not allowed."},
    {ERR_TOO_LARGE, 413, "too_large",
     "It is larger than the limit. Shorten the text or send a smaller file."},
    {ERR_FORBIDDEN, 403, "not_allowed", "You are not allowed to do that."},
    {ERR_LIMIT, 429, "too_many", "Too much at once. Try again in a few minutes."},
    {ERR_UNSUPPORTED, 422, "unsupported", "This channel cannot do that."},
};

void api_fail(struct api_call *c, int error) {
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++)
        if (failures[i].error == error) {
            api_problem(c, failures[i].status, failures[i].code, failures[i].detail);
            return;
        }
    if (error_is_retryable(error)) {
        api_problem(
            c, 503, "store_unavailable",
            "The store cannot be reached right now. Nothing was lost; try again in a moment.");
        return;
    }
    log_error("api.failed", "error=%s", error_name(error));
    api_problem(c, 500, "internal", "Something went wrong on our side. The log has an entry.");
}

void api_done(void *arg, int error) {
    if (error < 0)
        api_fail(arg, error);
    else
        api_answer_empty(arg);
}

void api_done_json(void *arg, int error, json_t *v) {
    if (error < 0 || !v) {
        api_fail(arg, error < 0 ? error : ERR_NOT_FOUND);
        return;
    }
    struct api_call *c = arg;
    size_t i;
    json_t *one, *list = json_object_get(v, "tickets");
    if (json_object_get(v, "number"))
        api_thread_learn(c->api, v);
    json_array_foreach(list, i, one) api_thread_learn(c->api, one);
    api_times(v);
    api_answer(c, 200, json_incref(v));
}

const char *api_query(struct api_call *c, const char *name, const char *fallback) {
    struct span v = http_query(c->x, name);
    if (!v.p || v.n == 0 || v.n > 512 || memchr(v.p, 0, v.n))
        return fallback;
    return arena_strndup(http_arena(c->x), v.p, v.n);
}

int api_query_int(struct api_call *c, const char *name, int fallback, int min, int max) {
    unsigned long long n = 0;
    struct span v = http_query(c->x, name);
    if (!v.p || span_u64(v, (unsigned long long)max, &n) < 0)
        return fallback;
    return (int)n < min ? min : (int)n;
}

void api_route(struct api *a, const char *methods, const char *path, http_handler_fn fn) {
    http_server_route(
        a->o.http, &(struct http_route){.methods = methods, .path = path, .handler = fn, .arg = a});
}

struct api_bound {
    struct api *api;
    const struct api_row *row;
    struct api_bound *next;
};

static void on_row(void *arg, struct http_exchange *x) {
    const struct api_bound *b = arg;
    auth_enter(b->api, x, b->row->flags, b->row->fn);
}

void api_rows(struct api *a, const struct api_row *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct api_bound *b = xcalloc(1, sizeof *b);
        *b = (struct api_bound){a, &rows[i], a->bound};
        a->bound = b;
        http_server_route(a->o.http, &(struct http_route){.methods = rows[i].methods,
                                                          .path = rows[i].path,
                                                          .handler = on_row,
                                                          .arg = b});
    }
}

void api_no_path(struct api_call *c) {
    api_problem(c, 404, "not_found", "There is no such path. openapi.yaml lists all.");
}

bool api_peer_is_loopback(const char *peer) {
    return peer &&
           (!strncmp(peer, "127.", 4) || !strcmp(peer, "::1") || !strncmp(peer, "::ffff:127.", 11));
}

static bool is_of(struct span s, const char *set, size_t max) {
    if (s.n == 0 || s.n >= max)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!s.p[i] || !strchr(set, s.p[i]))
            return false;
    return true;
}

bool api_number_is_valid(struct span s) {
    return is_of(s, "0123456789-", API_NUMBER_BYTES);
}

/* <number>.<n>: exactly one dot, so that everybody takes the same part for the number. */
bool api_message_is_valid(struct span s) {
    struct span n = s, number = span_cut(&n, '.');
    return s.n < API_MESSAGE_BYTES && api_number_is_valid(number) &&
           is_of(n, "0123456789", API_MESSAGE_BYTES);
}

static void time_member(json_t *obj, const char *key, int64_t ms) {
    char name[64], text[CLOCK_RFC3339_BYTES];
    snprintf(name, sizeof name, "%.*s_at", (int)(strlen(key) - 3), key);
    clock_rfc3339(ms, text);
    json_object_set_new(obj, name, ms > 0 ? json_string(text) : json_null());
}

void api_times(json_t *v) {
    if (json_is_array(v)) {
        for (size_t i = 0; i < json_array_size(v); i++)
            api_times(json_array_get(v, i));
        return;
    }
    if (!json_is_object(v))
        return;
    const char *key;
    json_t *member, *times = NULL;
    json_object_foreach(v, key, member) {
        size_t n = strlen(key);
        if (n > 3 && n < 48 && !strcmp(key + n - 3, "_ms") &&
            (json_is_integer(member) || json_is_null(member))) {
            if (!times)
                times = json_object();
            json_object_set(times, key, member);
        } else {
            api_times(member);
        }
    }
    if (!times)
        return;
    json_object_foreach(times, key, member) {
        if (strcmp(key, "age_ms")) /* a span, not a moment; created_at says the same */
            time_member(v, key, json_is_integer(member) ? (int64_t)json_integer_value(member) : 0);
        json_object_del(v, key);
    }
    json_decref(times);
}

static struct api_thread *thread_slot(struct api *a, const char *ticket) {
    uint32_t h = 2166136261u;
    for (const char *p = ticket; *p; p++)
        h = (h ^ (uint32_t)(unsigned char)*p) * 16777619u;
    return &a->threads[h % API_THREADS];
}

static void thread_keep(struct api *a, const char *ticket, const char *channel,
                        const char *thread) {
    if (!ticket || !channel || !thread || !*thread || !api_number_is_valid(span_str(ticket)))
        return;
    struct api_thread *t = thread_slot(a, ticket);
    free(t->channel);
    free(t->thread);
    snprintf(t->ticket, sizeof t->ticket, "%s", ticket);
    t->channel = xstrdup(channel);
    t->thread = xstrdup(thread);
}

void api_thread_learn(struct api *a, json_t *summary) {
    thread_keep(a, json_str(summary, "number", NULL), json_str(summary, "channel", NULL),
                json_str(summary, "thread", NULL));
    json_object_del(summary, "thread");
}

const struct api_thread *api_thread_of(struct api *a, const char *ticket) {
    const struct api_thread *t = thread_slot(a, ticket);
    return t->channel && !strcmp(t->ticket, ticket) ? t : NULL;
}

struct api *api_new(const struct api_options *o) {
    struct api *a = xcalloc(1, sizeof *a);
    a->o = *o;
    a->inbox = inbox_new(a);
    health_routes(a);
    auth_routes(a);
    tickets_routes(a);
    messages_routes(a);
    admin_routes(a);
    desk_routes(a);
    assets_routes(a);
    return a;
}

void api_set_ready(struct api *a, bool is_ready) {
    a->is_ready = is_ready;
}

void api_reload(struct api *a, const struct config *c) {
    a->o.config = c;
}

void api_feed(void *api, const struct feed_event *e) {
    struct api *a = api;
    if (a->is_stopping)
        return;
    health_count(e);
    inbox_feed(a->inbox, e);
}

void api_typing(void *api, const char *ticket, int is_typing) {
    struct api *a = api;
    if (!a->is_stopping)
        inbox_typing(a->inbox, ticket, NULL, NULL, is_typing != 0);
}

void api_stop(struct api *a) {
    a->is_stopping = true;
    a->is_ready = false;
    inbox_stop(a->inbox);
}

void api_free(struct api **ap) {
    struct api *a = *ap;
    if (!a)
        return;
    inbox_free(&a->inbox);
    for (size_t i = 0; i < API_THREADS; i++) {
        free(a->threads[i].channel);
        free(a->threads[i].thread);
    }
    for (struct api_bound *b = a->bound, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(a);
    *ap = NULL;
}
