/* SPDX-License-Identifier: EUPL-1.2 */
/* tickets: lists, one ticket, changes, search, and what is said on a ticket (replies, notes,
 * typing). */
#include "gateway/api/api_private.h"

#include <stdio.h>

#include "channels/email/mail_address.h"
#include "gateway/base/utf8.h"

#define REPLY_ATTACHMENTS_MAX 10
#define RECIPIENT_BYTES_MAX 254

bool api_word_is_of(const char *w, const char *const *list) {
    for (; *list; list++)
        if (!strcmp(w, *list))
            return true;
    return false;
}

static const char *const views[] = {"mine",     "unassigned", "unanswered", "overdue",
                                    "due_soon", "waiting",    "reminder",   "closed",
                                    "all",      "queue",      NULL};
static const char *const states[] = {"new", "open", "waiting", "reminder", "closed", NULL};
static void do_list(struct api_call *c) {
    struct ticket_query q = {
        .view = api_query(c, "view", "all"),
        .queue = api_query(c, "queue", NULL),
        .user = c->user.id,
        .scope = c->user.scope,
        .state = api_query(c, "state", ""),
        .cursor = api_query(c, "cursor", NULL),
        .limit = api_query_int(c, "limit", 50, 1, 200),
    };
    if (!api_word_is_of(q.view, views) || (*q.state && !api_word_is_of(q.state, states))) {
        api_problem(c, 400, "invalid", "There is no such view or state.");
        return;
    }
    if (!strcmp(q.view, "queue") && (!q.queue || !config_queue(c->api->o.config, q.queue))) {
        api_problem(c, 400, "invalid", "The view queue needs queue=, one of the ids in /settings.");
        return;
    }
    ticket_list(c->api->o.router, &q, api_done_json, c);
}

static void do_counts(struct api_call *c) {
    ticket_counts(c->api->o.router, c->user.id, c->user.scope, api_done_json, c);
}

static void do_search(struct api_call *c) {
    const char *q = api_query(c, "q", "");
    if (!*q || !utf8_is_valid(span_str(q))) {
        api_problem(c, 400, "invalid",
                    "Give a number, an address or words in q= (at most 512 bytes of UTF-8).");
        return;
    }
    ticket_search(c->api->o.router, q, c->user.scope, api_query(c, "cursor", NULL),
                  api_query_int(c, "limit", 50, 1, 200), api_done_json, c);
}

/* The conversation's channel hears what the citizen may know. */
void api_tell_channel(struct api_call *c, const char *what, const char *detail) {
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
        api_tell_channel(c, "read", "");
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
                api_query_int(c, "limit", 100, 1, 200), c->user.scope,
                before ? api_done_json : on_read, c);
}

/* ---- saying something ---- */
static void on_said(void *arg, int error, json_t *v) {
    struct api_call *c = arg;
    if (error < 0) {
        api_fail(c, error);
        return;
    }
    if (!strcmp(json_str(c->body, "kind", ""), "reply")) {
        api_tell_channel(c, "agent", c->user.name);
        if (json_flag(c->body, "close", false))
            api_tell_channel(c, "closed", c->number);
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

static void do_post(struct api_call *c) {
    if (span_eq(c->tail, "messages"))
        do_say(c);
    else if (span_eq(c->tail, "typing"))
        do_typing(c);
    else
        api_no_path(c);
}

static void do_get(struct api_call *c) {
    if (c->tail.p)
        api_no_path(c);
    else
        do_read(c);
}

static void do_patch(struct api_call *c) {
    if (c->tail.p)
        api_no_path(c);
    else
        change_ticket(c);
}

void tickets_routes(struct api *a) {
    static const struct api_row rows[] = {
        {"GET", "/api/v1/tickets", API_LIST, do_list},
        {"GET", "/api/v1/tickets/counts", API_LIST, do_counts},
        {"GET", "/api/v1/search", API_LIST, do_search},
        {"GET", "/api/v1/tickets/*", API_TICKET, do_get},
        {"PATCH", "/api/v1/tickets/*", API_TICKET | API_BODY, do_patch},
        {"POST", "/api/v1/tickets/*", API_TICKET | API_BODY, do_post},
    };
    api_rows(a, rows, sizeof rows / sizeof *rows);
}
