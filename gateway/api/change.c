/* SPDX-License-Identifier: EUPL-1.2 */
/* change: PATCH of a ticket: its fields are checked, nobody gets a ticket in charge who may not see
 * it, and a ticket that leaves an office leaves its people. */
#include <stdio.h>

#include "gateway/api/api_private.h"
#include "gateway/base/utf8.h"

#define SUBJECT_POINTS_MAX 200
#define TAGS_MAX 20
#define TAG_POINTS_MAX 40

static const char *const states[] = {"new", "open", "waiting", "reminder", "closed", NULL};
static const char *const priorities[] = {"low", "normal", "high", "urgent", NULL};

static const char *check_tags(const json_t *tags) {
    if (!json_is_array(tags) || json_array_size(tags) > TAGS_MAX)
        return "tags must be a list of at most 20 words.";
    for (size_t i = 0; i < json_array_size(tags); i++) {
        const char *t = json_string_value(json_array_get(tags, i));
        if (!t || !*t || utf8_count(span_str(t)) > TAG_POINTS_MAX)
            return "Each tag must be a text of 1 to 40 characters.";
    }
    return NULL;
}

/* NULL, or the sentence that says what is wrong. reminder_at becomes reminder_at and reminder_ms.
 */
static const char *check_field(struct api_call *c, const char *key, json_t *v) {
    const char *s = json_string_value(v);
    if (!strcmp(key, "rev"))
        return json_is_integer(v) || s ? NULL : "rev must be the rev of the ticket as it was read.";
    if (!strcmp(key, "state"))
        return s && api_word_is_of(s, states) ? NULL : "There is no such state.";
    if (!strcmp(key, "priority"))
        return s && api_word_is_of(s, priorities) ? NULL : "There is no such priority.";
    if (!strcmp(key, "queue"))
        return s && config_queue(c->api->o.config, s) ? NULL : "There is no such office.";
    if (!strcmp(key, "assignee"))
        return json_is_null(v) || (s && api_user_id_is_valid(span_str(s)))
                   ? NULL
                   : "assignee must be an account or null.";
    if (!strcmp(key, "subject"))
        return s && utf8_count(span_str(s)) <= SUBJECT_POINTS_MAX
                   ? NULL
                   : "The subject may have at most 200 characters.";
    if (!strcmp(key, "tags"))
        return check_tags(v);
    if (!strcmp(key, "reminder_at")) {
        int64_t ms = 0;
        return json_is_null(v) || (s && clock_parse_rfc3339(s, &ms) == 0)
                   ? NULL
                   : "reminder_at must be an RFC 3339 time.";
    }
    return "Only state, reminder_at, queue, assignee, priority, tags, subject and rev can be "
           "changed.";
}

/* ---- who may have it ---- */
struct change {        /* c->work */
    const char *queue; /* where the ticket will be */
    bool is_given;     /* the body names somebody; otherwise whoever has it now is asked about */
};

static void on_changed(void *arg, int error, json_t *v) {
    struct api_call *c = arg;
    const char *state = json_str(c->body, "state", NULL);
    if (error >= 0 && state)
        api_tell_channel(c, strcmp(state, "closed") ? "open" : "closed", c->number);
    if (error >= 0 && v && !access_sees(&c->user, v))
        api_answer_empty(c); /* handed over: not theirs any more */
    else
        api_done_json(c, error, v);
}

static void apply(struct api_call *c) {
    ticket_change(c->api->o.router, c->number, c->user.id, c->body, on_changed, c);
}

static bool may_have(const struct api_call *c, const json_t *account, const char *queue) {
    char scope[API_SCOPE_BYTES];
    access_scope(c->api->o.config, account, json_str(account, "id", "-"), scope);
    return ticket_scope_sees(scope, queue, "");
}

static void on_account(void *arg, int error, json_t *v) {
    struct api_call *c = arg;
    const struct change *x = c->work;
    bool is_there = error == 0 && !json_flag(v, "disabled", false);
    if (error < 0 && error != ERR_NOT_FOUND) {
        api_fail(c, error);
    } else if (!x->is_given) {
        if (!is_there || !may_have(c, v, x->queue))
            json_object_set_new(c->body, "assignee", json_null());
        apply(c);
    } else if (!is_there) {
        api_problem(c, 400, "invalid", "There is no such account.");
    } else if (*c->user.scope && !may_have(c, v, x->queue)) {
        api_problem(
            c, 400, "assignee_without_access",
            "This person does not see tickets of that office. Choose somebody else, or hand "
            "the ticket over to an office of theirs.");
    } else {
        apply(c);
    }
}

static void on_current(void *arg, int error, json_t *v) {
    struct api_call *c = arg;
    const json_t *now = json_array_get(v, 0);
    const char *has = json_str(now, "assignee", ""), *was = json_str(now, "queue", "");
    const char *given = json_str(c->body, "assignee", NULL);
    if (error < 0 || !now || !access_sees(&c->user, now)) {
        api_fail(c, error < 0 ? error : ERR_NOT_FOUND);
        return;
    }
    struct arena *a = http_arena(c->x);
    struct change *x = arena_alloc(a, sizeof *x);
    x->queue = arena_strdup(a, json_str(c->body, "queue", was));
    x->is_given = given != NULL;
    c->work = x;
    bool is_moved = strcmp(x->queue, was) != 0;
    bool is_same = given && !strcmp(given, has) && !is_moved;
    if (given && !is_same)
        staff_get(c->api->o.router, given, on_account, c);
    else if (is_moved && *has && !json_object_get(c->body, "assignee"))
        staff_get(c->api->o.router, arena_strdup(a, has), on_account, c);
    else
        apply(c);
}

void change_ticket(struct api_call *c) {
    const char *key, *one = c->number;
    json_t *v;
    json_object_foreach(c->body, key, v) {
        const char *wrong = check_field(c, key, v);
        if (wrong) {
            api_problem(c, 400, "invalid", wrong);
            return;
        }
    }
    if (json_object_get(c->body, "queue") || json_object_get(c->body, "assignee"))
        ticket_summary(c->api->o.router, &one, 1, on_current, c);
    else
        apply(c);
}
