/* SPDX-License-Identifier: EUPL-1.2 */
/* tickets: lists, one ticket, changes, search, and what is said on a ticket (replies, notes,
 * typing). */
#include "gateway/api/api_private.h"

#include <stdio.h>

#include "channels/email/mail_address.h"
#include "gateway/base/utf8.h"

#define SUBJECT_POINTS_MAX 200
#define TAGS_MAX 20
#define TAG_POINTS_MAX 40
#define REPLY_ATTACHMENTS_MAX 10
#define RECIPIENT_BYTES_MAX 254

static bool is_word_of(const char *w, const char *const *list) {
    for (; *list; list++)
        if (!strcmp(w, *list))
            return true;
    return false;
}

static const char *const views[] = {"mine",   "unassigned", "unanswered", "waiting", "reminder",
                                    "closed", "all",        "queue",      NULL};
static const char *const states[] = {"new", "open", "waiting", "reminder", "closed", NULL};
static const char *const priorities[] = {"low", "normal", "high", "urgent", NULL};

static void do_list(struct api_call *c) {
    struct ticket_query q = {
        .view = api_query(c, "view", "all"),
        .queue = api_query(c, "queue", NULL),
        .user = c->user.id,
        .state = api_query(c, "state", ""),
        .cursor = api_query(c, "cursor", NULL),
        .limit = api_query_int(c, "limit", 50, 1, 200),
    };
    if (!is_word_of(q.view, views) || (*q.state && !is_word_of(q.state, states))) {
        api_problem(c, 400, "invalid", "There is no such view or state.");
        return;
    }
    if (!strcmp(q.view, "queue") && (!q.queue || !config_queue(c->api->o.config, q.queue))) {
        api_problem(c, 400, "invalid", "The view queue needs queue=, one of the ids in /settings.");
        return;
    }
    ticket_list(c->api->o.router, &q, api_done_json, c);
}

static void on_list(void *arg, struct http_exchange *x) {
    auth_enter(arg, x, 0, do_list);
}

static void do_counts(struct api_call *c) {
    ticket_counts(c->api->o.router, c->user.id, api_done_json, c);
}

static void on_counts(void *arg, struct http_exchange *x) {
    auth_enter(arg, x, 0, do_counts);
}

static void do_search(struct api_call *c) {
    const char *q = api_query(c, "q", "");
    if (!*q || !utf8_is_valid(span_str(q))) {
        api_problem(c, 400, "invalid",
                    "Give a number, an address or words in q= (at most 512 bytes of UTF-8).");
        return;
    }
    ticket_search(c->api->o.router, q, api_query(c, "cursor", NULL),
                  api_query_int(c, "limit", 50, 1, 200), api_done_json, c);
}

static void on_search(void *arg, struct http_exchange *x) {
    auth_enter(arg, x, 0, do_search);
}

/* The conversation's channel hears what the citizen may know. */
static void tell_channel(struct api_call *c, const char *what, const char *detail) {
    const struct api_thread *t = api_thread_of(c->api, c->number);
    if (t && !c->api->is_stopping)
        host_notify(c->api->o.host, t->channel, t->thread, what, detail);
}

/* ---- one ticket ---- */
/* Staff see all that was said so far: the citizen may know. */
static void on_read(void *arg, int error, json_t *v) {
    struct api_call *c = arg;
    if (error == 0 && v) {
        api_thread_learn(c->api, v);
        tell_channel(c, "read", "");
    }
    api_done_json(c, error, v);
}

static void do_read(struct api_call *c) {
    unsigned long long before = 0;
    struct span b = http_query(c->x, "before");
    if (b.p && b.n && span_u64(b, INT64_MAX, &before) < 0) {
        api_problem(c, 400, "invalid", "before= must be the n of an item.");
        return;
    }
    ticket_read(c->api->o.router, c->number, (uint64_t)before,
                api_query_int(c, "limit", 100, 1, 200), before ? api_done_json : on_read, c);
}

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
        return s && is_word_of(s, states) ? NULL : "There is no such state.";
    if (!strcmp(key, "priority"))
        return s && is_word_of(s, priorities) ? NULL : "There is no such priority.";
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

static void on_changed(void *arg, int error, json_t *v) {
    struct api_call *c = arg;
    const char *state = json_str(c->body, "state", NULL);
    if (error >= 0 && state)
        tell_channel(c, strcmp(state, "closed") ? "open" : "closed", c->number);
    api_done_json(c, error, v);
}

static void on_assignee(void *arg, int error, json_t *v) {
    struct api_call *c = arg;
    if (error == 0 && !json_flag(v, "disabled", false)) {
        ticket_change(c->api->o.router, c->number, c->user.id, c->body, on_changed, c);
    } else if (error < 0 && error != ERR_NOT_FOUND) {
        api_fail(c, error);
    } else {
        api_problem(c, 400, "invalid", "There is no such account.");
    }
}

static void do_change(struct api_call *c) {
    const char *key;
    json_t *v;
    json_object_foreach(c->body, key, v) {
        const char *wrong = check_field(c, key, v);
        if (wrong) {
            api_problem(c, 400, "invalid", wrong);
            return;
        }
    }
    const char *assignee = json_str(c->body, "assignee", NULL);
    if (assignee && strcmp(assignee, c->user.id))
        staff_get(c->api->o.router, assignee, on_assignee, c);
    else
        ticket_change(c->api->o.router, c->number, c->user.id, c->body, on_changed, c);
}

/* ---- saying something ---- */
static void on_said(void *arg, int error, json_t *v) {
    struct api_call *c = arg;
    if (error < 0) {
        api_fail(c, error);
        return;
    }
    if (!strcmp(json_str(c->body, "kind", ""), "reply")) {
        tell_channel(c, "agent", c->user.name);
        if (json_flag(c->body, "close", false))
            tell_channel(c, "closed", c->number);
    }
    api_times(v);
    api_answer(c, 202, json_incref(v));
}

static const char *check_attachments(const json_t *list) {
    if (!list)
        return NULL;
    if (!json_is_array(list) || json_array_size(list) > REPLY_ATTACHMENTS_MAX)
        return "attachments must be a list of at most 10 uploads.";
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        if (!*json_str(one, "blob", "") || !*json_str(one, "name", "") ||
            json_int(one, "length", -1) < 0)
            return "Each attachment must be the answer of POST /uploads.";
    }
    return NULL;
}

/* An address has neither blanks nor control characters in any notation; the channel knows the rest.
 */
static bool is_address(const char *type, const char *s) {
    size_t n = strlen(s);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] <= 0x20 || (unsigned char)s[i] == 0x7f)
            return false;
    if (!strcmp(type, "email"))
        return mail_address_is_valid(span_str(s));
    return n > 0 && n <= RECIPIENT_BYTES_MAX;
}

/* NULL, or what is wrong with the other channel that a reply asks for. */
static const char *check_other_channel(struct api_call *c, const char *kind) {
    const char *id = json_str(c->body, "channel", ""), *to = json_str(c->body, "recipient", "");
    if (!*id && !*to)
        return NULL;
    bool is_up = false;
    const char *type = host_first(c->api->o.host, id, &is_up);
    if (strcmp(kind, "reply"))
        return "Only a reply can name a channel.";
    if (!type)
        return "channel must be one that can write first (caps has first in /settings).";
    if (!is_up)
        return "This channel is down. Choose another one or try again later.";
    if (!is_address(type, to))
        return "recipient must be an address of this channel.";
    json_puts(c->body, "channel_type", type);
    return NULL;
}

static void do_say(struct api_call *c) {
    const char *kind = json_str(c->body, "kind", ""), *text = json_str(c->body, "text", "");
    const json_t *files = json_object_get(c->body, "attachments");
    const char *wrong = check_attachments(files);
    if (strcmp(kind, "reply") && strcmp(kind, "note"))
        wrong = "kind must be reply or note.";
    else if (!*json_str(c->body, "client_id", "") ||
             strlen(json_str(c->body, "client_id", "")) > 64)
        wrong = "client_id must be a text of 1 to 64 bytes that is new for each message.";
    else if (span_trim(span_str(text)).n == 0 && json_array_size(files) == 0)
        wrong = "The message is empty.";
    if (!wrong)
        wrong = check_other_channel(c, kind);
    if (wrong)
        api_problem(c, 400, "invalid", wrong);
    else if (utf8_count(span_str(text)) > (size_t)c->api->o.config->message_text_max)
        api_problem(c, 413, "too_large",
                    "The text is longer than message_text_max allows. Shorten it.");
    else
        reply_create(c->api->o.router, c->number, c->user.id, c->user.name, c->body, on_said, c);
}

static void do_typing(struct api_call *c) {
    bool on = json_flag(c->body, "on", false);
    const struct api_thread *t = api_thread_of(c->api, c->number);
    if (t)
        host_typing(c->api->o.host, t->channel, t->thread, c->user.name, on);
    inbox_typing(c->api->inbox, c->number, c->user.id, c->user.name, on);
    api_answer_empty(c);
}

static void do_ticket(struct api_call *c) {
    struct span m = http_method(c->x), rest = http_rest(c->x);
    struct span number = span_cut(&rest, '/');
    bool post = span_eq(m, "POST");
    if (!api_number_is_valid(number)) {
        api_problem(c, 404, "not_found", "There is no such ticket.");
        return;
    }
    snprintf(c->number, sizeof c->number, "%.*s", (int)number.n, number.p);
    if (!rest.p && span_eq(m, "PATCH"))
        do_change(c);
    else if (!rest.p && !post)
        do_read(c);
    else if (post && span_eq(rest, "messages"))
        do_say(c);
    else if (post && span_eq(rest, "typing"))
        do_typing(c);
    else
        api_problem(c, 404, "not_found", "There is no such path. openapi.yaml lists all.");
}

static void on_ticket(void *arg, struct http_exchange *x) {
    auth_enter(arg, x, span_eq(http_method(x), "GET") ? 0 : API_BODY, do_ticket);
}

void tickets_routes(struct api *a) {
    api_route(a, "GET", "/api/v1/tickets", on_list);
    api_route(a, "GET", "/api/v1/tickets/counts", on_counts);
    api_route(a, "GET", "/api/v1/search", on_search);
    api_route(a, "GET PATCH POST", "/api/v1/tickets/*", on_ticket);
}
