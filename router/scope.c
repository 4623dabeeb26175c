/* SPDX-License-Identifier: EUPL-1.2 */
/* scope: whether a member of staff may see a ticket; the lists are filtered by the store with the
 * same rule. */
#include <stdlib.h>

#include "router/inner.h"

bool ticket_scope_sees(const char *scope, const char *queue, const char *assignee) {
    if (!scope || !*scope)
        return true;
    struct span rest = span_str(scope), who = span_cut(&rest, ',');
    if (assignee && *assignee && span_eq(who, assignee))
        return true;
    while (queue && *queue && rest.p)
        if (span_eq(span_cut(&rest, ','), queue))
            return true;
    return false;
}

struct look {
    struct router *r;
    router_done_fn done;
    void *arg;
};

static void looked(void *arg, int error, const struct redis_value *v) {
    struct look *x = arg;
    if (!error && (v->type != REDIS_INT || v->i != 1))
        error = ERR_NOT_FOUND;
    x->r->open--;
    x->done(x->arg, error);
    free(x);
}

void ticket_sees(struct router *r, const char *scope, const char *ticket, router_done_fn done,
                 void *arg) {
    struct look *x = xcalloc(1, sizeof *x);
    *x = (struct look){r, done, arg};
    r->open++;
    struct args *a = args_new(r);
    args_z(a, scope ? scope : "");
    args_z(a, ticket);
    store_call(r->store, "sees", a, looked, x);
    args_free(&a);
}
