/* SPDX-License-Identifier: EUPL-1.2 */
/* desk: what staff take down at the counter, at the telephone and from letters, and the answers
 * that wait for a person: letters to print, people to call back. */
#include "channels/desk/desk.h"
#include "channels/desk/note.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/api/api_private.h"
#include "gateway/base/utf8.h"

#define TASKS_MAX 200
#define TASKS_LOOK_MAX 2000

static const struct config_channel *desk_of(const struct api *a) {
    const struct config *k = a->o.config;
    for (int i = 0; i < k->channels_n; i++)
        if (k->channels[i].enabled && !strcmp(k->channels[i].type, "desk"))
            return &k->channels[i];
    return NULL;
}

/* ---- taking down ---- */

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

static struct span field(struct api_call *c, const char *name) {
    struct span s = span_str(json_str(c->body, name, ""));
    return span_trim(utf8_clean(http_arena(c->x), s, 1 << 20, NULL));
}

/* c->work: the note; c->number: the ticket that it joins, or empty. */
static void take(struct api_call *c) {
    struct arena *a = http_arena(c->x);
    const struct desk_note *n = c->work;
    const char *lang = c->api->o.config->default_language;
    struct thread_hint hint = {HINT_TICKET, span_str(c->number)};
    const char *note =
        locale_format(a, lang, arena_printf(a, "desk.by_%s", n->kind), "user", c->user.name, NULL);
    const char *text = arena_printf(a, "%.*s\n\n%s", (int)n->what.n, n->what.p, note ? note : "");
    struct span id = span_str(arena_printf(a, "%s:%s", c->user.id, n->client_id));
    struct inbound m = {.channel = desk_of(c->api)->id,
                        .channel_type = n->kind,
                        .external_id = id,
                        .sender = n->reply.n ? n->reply
                                             : span_str(arena_printf(a, "desk:%s", n->client_id)),
                        .sender_name = n->who,
                        .recipient = span_str(n->kind),
                        .subject = n->subject,
                        .text = span_str(text),
                        .thread = id,
                        .hints = &hint,
                        .hints_n = *c->number ? 1 : 0,
                        .is_by_staff = true};
    intake_accept(c->api->o.router, &m, on_taken, c);
}

/* A number that is not theirs is a word like any other. */
static void on_named(void *arg, int error) {
    struct api_call *c = arg;
    if (error < 0 && error != ERR_NOT_FOUND) {
        api_fail(c, error);
        return;
    }
    if (error < 0)
        c->number[0] = 0;
    take(c);
}

static void take_named(struct api_call *c, struct span number) {
    snprintf(c->number, sizeof c->number, "%.*s", (int)number.n, number.n ? number.p : "");
    if (number.n)
        access_ticket(c, c->number, on_named);
    else
        take(c);
}

static void do_take(struct api_call *c) {
    struct desk_note *note = arena_alloc(http_arena(c->x), sizeof *note);
    const char *wrong = desk_note_read(http_arena(c->x), c->body, note);
    c->work = note;
    if (!desk_of(c->api))
        api_problem(c, 404, "no_desk", "There is no channel of the type desk in the settings.");
    else if (wrong)
        api_problem(c, 400, "invalid", wrong);
    else if (utf8_count(note->what) > (size_t)c->api->o.config->message_text_max)
        api_problem(c, 413, "too_large",
                    "The text is longer than message_text_max allows. Shorten it.");
    else
        take_named(c, note->number);
}

/* ---- tasks ---- */

struct tasks { /* c->work: what was found so far; whoever sees little looks at several pages */
    json_t *shown, *page;
    uint32_t skip;
};

static void tasks_page(struct api_call *c);

static void tasks_end(struct api_call *c, int error) {
    struct tasks *x = c->work;
    json_decref(x->page);
    if (error < 0) {
        json_decref(x->shown);
        api_fail(c, error);
    } else {
        api_answer(c, 200, json_pack("{s:o}", "tasks", x->shown));
    }
}

static void on_summaries(void *arg, int error, json_t *v) {
    struct api_call *c = arg;
    struct tasks *x = c->work;
    size_t n = json_array_size(x->page);
    for (size_t i = 0; error >= 0 && i < n; i++) {
        json_t *task = json_array_get(x->page, i);
        for (size_t k = 0; k < json_array_size(v) && json_array_size(x->shown) < TASKS_MAX; k++) {
            const json_t *s = json_array_get(v, k);
            if (strcmp(json_str(s, "number", ""), json_str(task, "ticket", "")) ||
                !access_sees(&c->user, s))
                continue;
            json_object_set(task, "subject", json_object_get(s, "subject"));
            json_object_set(task, "sender", json_object_get(s, "sender"));
            json_array_append(x->shown, task);
            break;
        }
    }
    bool is_last = n < TASKS_MAX || !*c->user.scope || x->skip >= TASKS_LOOK_MAX;
    if (error < 0 || is_last || json_array_size(x->shown) >= TASKS_MAX)
        tasks_end(c, error);
    else
        tasks_page(c);
}

static json_t *task_of(const json_t *record) {
    json_t *o = json_object();
    char at[CLOCK_RFC3339_BYTES];
    clock_rfc3339(json_int(record, "at", 0), at);
    json_puts(o, "message", json_str(record, "message", ""));
    json_puts(o, "ticket", json_str(record, "ticket", ""));
    json_puts(o, "kind", json_str(record, "kind", ""));
    json_puts(o, "created_at", at);
    return o;
}

static void on_tasks(void *arg, int error, const struct span *values, size_t n) {
    struct api_call *c = arg;
    struct tasks *x = c->work;
    const char *numbers[TASKS_MAX];
    size_t count = 0;
    json_decref(x->page);
    x->page = json_array();
    x->skip += TASKS_MAX;
    for (size_t i = 0; error >= 0 && i < n && count < TASKS_MAX; i++) {
        json_t *record = values[i].p ? json_parse(values[i], 4096, NULL) : NULL;
        json_t *o = task_of(record);
        json_array_append_new(x->page, o);
        numbers[count++] = json_str(o, "ticket", "");
        json_decref(record);
    }
    if (error < 0 || !count)
        tasks_end(c, error);
    else
        ticket_summary(c->api->o.router, numbers, count, on_summaries, c);
}

static void tasks_page(struct api_call *c) {
    const struct config_channel *k = desk_of(c->api);
    const struct tasks *x = c->work;
    if (k)
        router_state_ranked(c->api->o.router, k->id, SPAN(DESK_INDEX), 0, INT64_MAX, x->skip,
                            TASKS_MAX, on_tasks, c);
    else
        on_tasks(c, 0, NULL, 0);
}

static void do_tasks(struct api_call *c) {
    struct tasks *x = arena_alloc(http_arena(c->x), sizeof *x);
    *x = (struct tasks){.shown = json_array()};
    c->work = x;
    tasks_page(c);
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

/* A code that the inbox has words for. */
static const char *failure_of(struct span task) {
    json_t *o = json_parse(task, 4096, NULL);
    bool is_call = !strcmp(json_str(o, "kind", ""), DESK_CALL);
    json_decref(o);
    return is_call ? "desk_not_reached" : "desk_came_back";
}

/* Done is the delivery; failed brings the ticket back and says why. */
static void settle_task(struct api_call *c, struct span task) {
    bool done = span_eq(c->tail, "done");
    struct span why = field(c, "reason");
    struct receipt r = {.channel = desk_of(c->api)->id,
                        .message = span_str(c->message),
                        .reason = done    ? SPAN("")
                                  : why.n ? why
                                          : span_str(failure_of(task)),
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
        settle_task(c, value);
}

static void do_settle(struct api_call *c) {
    if (!span_eq(c->tail, "done") && !span_eq(c->tail, "failed"))
        api_problem(c, 404, "not_found", "There is no such action: done or failed.");
    else
        router_state_get(c->api->o.router, desk_of(c->api)->id, task_key(c), on_task, c);
}

static void do_page(struct api_call *c) {
    if (!desk_of(c->api))
        api_problem(c, 404, "not_found", "There is no such task.");
    else if (span_eq(c->tail, "letter"))
        letter_show(c, desk_of(c->api));
    else
        api_no_path(c);
}

static void do_outcome(struct api_call *c) {
    if (!desk_of(c->api))
        api_problem(c, 404, "not_found", "There is no such task.");
    else
        do_settle(c);
}

void desk_routes(struct api *a) {
    static const struct api_row rows[] = {
        {"GET", "/api/v1/desk", API_LIST, do_tasks},
        {"POST", "/api/v1/desk", API_LIST | API_BODY, do_take},
        {"GET", "/api/v1/desk/*", API_MESSAGE, do_page},
        {"POST", "/api/v1/desk/*", API_MESSAGE | API_BODY, do_outcome},
    };
    api_rows(a, rows, sizeof rows / sizeof *rows);
}
