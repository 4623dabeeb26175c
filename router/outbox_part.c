/* SPDX-License-Identifier: EUPL-1.2 */
/* outbox_part: parts of a message that are done, told to the store before its verdict. */
#include "router/outbox_private.h"

static void tell_part(struct router_send *s) {
    struct router *r = s->outbox->r;
    struct args *a = args_new(r);
    args_z(a, s->ticket);
    args_z(a, s->n);
    args_i(a, s->m.attempt);
    args_z(a, r->instance);
    args_i(a, s->part);
    while (s->hashes_told < s->hashes_n)
        args_z(a, s->hashes[s->hashes_told++]);
    store_call(r->store, "part", a, outbox_ignore, r);
    args_free(&a);
    s->is_part_due = false;
}

static void tell_parts(void *arg) {
    struct outbox *o = arg;
    for (struct router_send *s = o->sends; s; s = s->next)
        if (s->is_part_due && !s->is_settled)
            tell_part(s);
}

/* The verdict of the last part mostly follows in the same turn of the loop and tells all of this
 * itself. */
static void tell_soon(struct router_send *s) {
    struct outbox *o = s->outbox;
    s->is_part_due = true;
    if (o->parts)
        loop_timer_again(o->parts, 0, 0);
    else
        o->parts = loop_timer(o->r->loop, 0, 0, tell_parts, o);
}

void router_part_done(struct router_send *s, uint32_t part, struct span external_id) {
    if (s->is_settled)
        return;
    if (part >= s->part)
        s->part = part + 1;
    if (external_id.n) {
        if (s->hashes_n == HASHES_MAX) { /* more parts than any channel makes: none waits */
            tell_part(s);
            s->hashes_n = s->hashes_told = 0;
        }
        hash_external(s->outbox->r, s->m.channel, external_id, s->hashes[s->hashes_n++]);
    }
    tell_soon(s);
}
