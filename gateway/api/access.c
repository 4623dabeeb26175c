/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * access: what an account may see, and the gate that every call passes. A route says whether its
 * path names a ticket or a message, whether it lists, or neither; whoever sees only own offices
 * gets nothing from a route that says nothing.
 */
#include <stdio.h>

#include "gateway/api/api_private.h"

bool access_is_own(const struct config *k, const json_t *account) {
    const char *access = json_str(account, "access", k->staff_access ? k->staff_access : "all");
    return strcmp(json_str(account, "role", "agent"), "admin") && !strcmp(access, "own");
}

void access_scope(const struct config *k, const json_t *account, const char *id,
                  char out[API_SCOPE_BYTES]) {
    const json_t *queues = json_object_get(account, "queues");
    out[0] = 0;
    if (!access_is_own(k, account))
        return;
    size_t n = (size_t)snprintf(out, API_SCOPE_BYTES, "%s", id);
    for (size_t i = 0; i < json_array_size(queues); i++) {
        const char *q = json_string_value(json_array_get(queues, i));
        if (q && *q && n + strlen(q) + 2 <= API_SCOPE_BYTES)
            n += (size_t)snprintf(out + n, API_SCOPE_BYTES - n, ",%s", q);
    }
}

bool access_sees(const struct api_user *u, const json_t *summary) {
    return ticket_scope_sees(u->scope, json_str(summary, "queue", ""),
                             json_str(summary, "assignee", ""));
}

/* ---- the gate ---- */
static bool read_path(struct api_call *c) {
    struct span rest = http_rest(c->x), id = span_cut(&rest, '/');
    c->tail = rest;
    if (c->flags & API_TICKET) {
        if (!api_number_is_valid(id))
            return false;
        snprintf(c->number, sizeof c->number, "%.*s", (int)id.n, id.p);
        return true;
    }
    if (!api_message_is_valid(id))
        return false;
    snprintf(c->message, sizeof c->message, "%.*s", (int)id.n, id.p);
    struct span number = span_cut(&id, '.');
    snprintf(c->number, sizeof c->number, "%.*s", (int)number.n, number.p);
    return true;
}

/* Behind the gate: what is there for administrators alone says so. */
static void enter(struct api_call *c) {
    if ((c->flags & API_ADMIN) && !c->user.is_admin)
        api_problem(c, 403, "not_allowed", "Only administrators may do that.");
    else
        c->fn(c);
}

static void on_seen(void *arg, int error) {
    if (error < 0)
        api_fail(arg, error);
    else
        enter(arg);
}

void access_gate(struct api_call *c) {
    bool names_one = c->flags & (API_TICKET | API_MESSAGE);
    if (names_one && !read_path(c))
        api_problem(c, 404, "not_found",
                    c->flags & API_TICKET ? "There is no such ticket."
                                          : "There is no such message.");
    else if (!*c->user.scope || (!names_one && (c->flags & (API_LIST | API_PLAIN))))
        enter(c);
    else if (names_one)
        ticket_sees(c->api->o.router, c->user.scope, c->number, on_seen, c);
    else
        api_fail(c, ERR_NOT_FOUND);
}

void access_ticket(struct api_call *c, const char *number, router_done_fn done) {
    ticket_sees(c->api->o.router, c->user.scope, number, done, c);
}
