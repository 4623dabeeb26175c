/* SPDX-License-Identifier: EUPL-1.2 */
/* desk: what staff take down at the counter, at the telephone and from letters, and the answers
 * that wait for a person: letters to print, people to call back. */
#include "channels/desk/desk.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/api/api_private.h"
#include "gateway/base/utf8.h"

#define WHO_POINTS_MAX 120
#define REPLY_POINTS_MAX 250
#define SUBJECT_POINTS_MAX 80
#define TASKS_MAX 200

static const struct config_channel *desk_of(const struct api *a) {
    const struct config *k = a->o.config;
    for (int i = 0; i < k->channels_n; i++)
        if (k->channels[i].enabled && !strcmp(k->channels[i].type, "desk"))
            return &k->channels[i];
    return NULL;
}

/* ---- taking down ---- */

/* The first number of ours in the text: a letter that names it belongs to that ticket. */
static struct span number_in(struct span text) {
    for (size_t i = 0; i + 11 <= text.n; i++) {
        size_t n = 0;
        bool at_start = i == 0 || (unsigned)(text.p[i - 1] - '0') > 9;
        while (at_start && i + n < text.n &&
               ((unsigned)(text.p[i + n] - '0') <= 9 || (n == 4 && text.p[i + n] == '-')))
            n++;
        if (n >= 11 && n < API_NUMBER_BYTES && text.p[i + 4] == '-' &&
            api_number_is_valid((struct span){text.p + i, n}))
            return (struct span){text.p + i, n};
    }
    return SPAN_NONE;
}

static struct span first_line(struct arena *a, struct span text) {
    struct span rest = text, line = span_trim(span_cut(&rest, '\n'));
    size_t n = 0, points = 0;
    while (n < line.n && points < SUBJECT_POINTS_MAX) {
        for (n++; n < line.n && ((unsigned char)line.p[n] & 0xc0) == 0x80;)
            n++;
        points++;
    }
    return n < line.n ? span_str(arena_printf(a, "%.*s…", (int)n, line.p)) : line;
}

static void on_taken(void *arg, int error, const struct accepted *a) {
    struct api_call *c = arg;
    if (error < 0) {
        api_fail(c, error);
        return;
    }
    json_t *v = json_object();
    json_puts(v, "number", a->ticket);
    json_object_set_new(v, "joined", json_boolean(!a->is_new_ticket && !a->is_duplicate));
    api_answer(c, 201, v);
}

/* Lines of an address become one: an address is one line everywhere else. */
static struct span one_line(struct arena *a, struct span s) {
    char *p = arena_strndup(a, s.n ? s.p : "", s.n);
    struct buf b = {0};
    struct span rest = {p, s.n};
    while (rest.p && rest.n) {
        struct span line = span_trim(span_cut(&rest, '\n'));
        if (line.n)
            buf_addf(&b, "%s%.*s", b.n ? ", " : "", (int)line.n, line.p);
    }
    struct span out = arena_dup(a, b.n ? buf_span(&b) : SPAN(""));
    buf_free(&b);
    return out;
}

static struct span field(struct api_call *c, const char *name) {
    struct span s = span_str(json_str(c->body, name, ""));
    return span_trim(utf8_clean(http_arena(c->x), s, 1 << 20, NULL));
}

static void take(struct api_call *c, const char *kind, struct span what) {
    struct arena *a = http_arena(c->x);
    const char *id = json_str(c->body, "client_id", ""), *lang = c->api->o.config->default_language;
    struct span reply = one_line(a, field(c, "reply")), number = number_in(what);
    struct thread_hint hint = {HINT_TICKET, number};
    const char *note =
        locale_format(a, lang, arena_printf(a, "desk.by_%s", kind), "user", c->user.name, NULL);
    const char *text = arena_printf(a, "%.*s\n\n%s", (int)what.n, what.p, note ? note : "");
    struct inbound m = {.channel = desk_of(c->api)->id,
                        .channel_type = kind,
                        .external_id = span_str(arena_printf(a, "%s:%s", c->user.id, id)),
                        .sender = reply.n ? reply : span_str(arena_printf(a, "desk:%s", id)),
                        .sender_name = one_line(a, field(c, "who")),
                        .recipient = span_str(kind),
                        .subject = first_line(a, what),
                        .text = span_str(text),
                        .thread = span_str(arena_printf(a, "%s:%s", c->user.id, id)),
                        .hints = &hint,
                        .hints_n = number.n ? 1 : 0};
    intake_accept(c->api->o.router, &m, on_taken, c);
}

static void do_take(struct api_call *c) {
    const char *kind = json_str(c->body, "kind", ""), *id = json_str(c->body, "client_id", "");
    struct span what = field(c, "what"), who = field(c, "who"), reply = field(c, "reply");
    const char *wrong = NULL;
    if (strcmp(kind, "counter") && strcmp(kind, "phone") && strcmp(kind, "letter"))
        wrong = "kind must be counter, phone or letter.";
    else if (!*id || strlen(id) > 64)
        wrong = "client_id must be a text of 1 to 64 bytes that is new for each message.";
    else if (what.n == 0)
        wrong = "what is empty: write down what the person wants.";
    else if (utf8_count(who) > WHO_POINTS_MAX || utf8_count(reply) > REPLY_POINTS_MAX)
        wrong = "who may have 120 characters, reply 250.";
    if (!desk_of(c->api))
        api_problem(c, 404, "no_desk", "There is no channel of the type desk in the settings.");
    else if (wrong)
        api_problem(c, 400, "invalid", wrong);
    else if (utf8_count(what) > (size_t)c->api->o.config->message_text_max)
        api_problem(c, 413, "too_large",
                    "The text is longer than message_text_max allows. Shorten it.");
    else
        take(c, kind, what);
}

/* ---- tasks ---- */

static void on_summaries(void *arg, int error, json_t *v) {
    struct api_call *c = arg;
    json_t *tasks = c->work, *out = json_object();
    if (error < 0) {
        json_decref(out);
        json_decref(tasks);
        api_fail(c, error);
        return;
    }
    for (size_t i = 0; i < json_array_size(tasks); i++) {
        json_t *task = json_array_get(tasks, i);
        for (size_t k = 0; k < json_array_size(v); k++) {
            const json_t *s = json_array_get(v, k);
            if (strcmp(json_str(s, "number", ""), json_str(task, "ticket", "")))
                continue;
            json_object_set(task, "subject", json_object_get(s, "subject"));
            json_object_set(task, "sender", json_object_get(s, "sender"));
        }
    }
    json_object_set_new(out, "tasks", tasks);
    api_answer(c, 200, out);
}

static void on_tasks(void *arg, int error, const struct span *values, size_t n) {
    struct api_call *c = arg;
    const char *numbers[TASKS_MAX];
    size_t count = 0;
    if (error < 0) {
        api_fail(c, error);
        return;
    }
    json_t *tasks = json_array();
    for (size_t i = 0; i < n && count < TASKS_MAX; i++) {
        json_t *record = values[i].p ? json_parse(values[i], 4096, NULL) : NULL;
        if (!record)
            continue;
        json_t *o = json_object();
        char at[CLOCK_RFC3339_BYTES];
        clock_rfc3339(json_int(record, "at", 0), at);
        json_puts(o, "message", json_str(record, "message", ""));
        json_puts(o, "ticket", json_str(record, "ticket", ""));
        json_puts(o, "kind", json_str(record, "kind", ""));
        json_puts(o, "created_at", at);
        json_array_append_new(tasks, o);
        numbers[count++] = json_str(o, "ticket", "");
        json_decref(record);
    }
    c->work = tasks;
    if (count)
        ticket_summary(c->api->o.router, numbers, count, on_summaries, c);
    else
        on_summaries(c, 0, tasks);
}

static void do_tasks(struct api_call *c) {
    const struct config_channel *k = desk_of(c->api);
    if (k)
        router_state_ranked(c->api->o.router, k->id, SPAN(DESK_INDEX), 0, INT64_MAX, 0, TASKS_MAX,
                            on_tasks, c);
    else
        on_tasks(c, 0, NULL, 0);
}

static struct span task_key(struct api_call *c) {
    return span_str(arena_printf(http_arena(c->x), DESK_TASK "%s", c->message));
}

static void on_told(void *arg, int error) {
    struct api_call *c = arg;
    if (error < 0 && error != ERR_NOT_FOUND)
        api_fail(c, error);
    else
        router_state_del(c->api->o.router, desk_of(c->api)->id, task_key(c), api_done, c);
}

/* Done is the delivery; failed brings the ticket back and says why. */
static void settle_task(struct api_call *c) {
    bool done = span_eq(c->tail, "done");
    struct span why = field(c, "reason");
    struct receipt r = {.channel = desk_of(c->api)->id,
                        .message = span_str(c->message),
                        .reason = done    ? SPAN("")
                                  : why.n ? why
                                          : SPAN("The person could not be reached."),
                        .state = done ? RECEIPT_DELIVERED : RECEIPT_FAILED,
                        .is_permanent = !done,
                        .at_ms = clock_ms(&clock_system)};
    receipt_apply(c->api->o.router, &r, on_told, c);
}

static void on_task(void *arg, int error, struct span value) {
    struct api_call *c = arg;
    if (error < 0)
        api_fail(c, error);
    else if (!value.p)
        api_problem(c, 404, "not_found", "There is no such task. Somebody may have done it.");
    else
        settle_task(c);
}

static void do_settle(struct api_call *c) {
    if (!span_eq(c->tail, "done") && !span_eq(c->tail, "failed"))
        api_problem(c, 404, "not_found", "There is no such action: done or failed.");
    else
        router_state_get(c->api->o.router, desk_of(c->api)->id, task_key(c), on_task, c);
}

static void do_one(struct api_call *c) {
    struct span rest = http_rest(c->x), id = span_cut(&rest, '/');
    if (!desk_of(c->api) || !rest.p || !api_message_is_valid(id)) {
        api_problem(c, 404, "not_found", "There is no such task.");
        return;
    }
    snprintf(c->message, sizeof c->message, "%.*s", (int)id.n, id.p);
    c->tail = rest;
    if (span_eq(http_method(c->x), "POST"))
        do_settle(c);
    else if (span_eq(rest, "letter"))
        letter_show(c, desk_of(c->api));
    else
        api_problem(c, 404, "not_found", "There is no such path. openapi.yaml lists all.");
}

static void on_desk(void *arg, struct http_exchange *x) {
    if (span_eq(http_method(x), "POST"))
        auth_enter(arg, x, API_BODY, do_take);
    else
        auth_enter(arg, x, 0, do_tasks);
}

static void on_one(void *arg, struct http_exchange *x) {
    auth_enter(arg, x, span_eq(http_method(x), "POST") ? API_BODY : 0, do_one);
}

void desk_routes(struct api *a) {
    api_route(a, "GET POST", "/api/v1/desk", on_desk);
    api_route(a, "GET POST", "/api/v1/desk/*", on_one);
}
