/* SPDX-License-Identifier: EUPL-1.2 */
/* outbox_lease: leases on messages: renewed while a send is under way, reclaimed when they end or
 * an earlier process held them, given back when nothing was sent. */
#include "gateway/base/log.h"
#include "router/outbox_private.h"

#define EXPIRE_BATCH "100"
#define KNOWN_MAX (ARGS_MAX - 8)

void outbox_ignore(void *arg, int error, const struct redis_value *v) {
    (void)arg;
    (void)v;
    if (error && error != ERR_UNAVAILABLE && error != ERR_CLOSED)
        log_warn("outbox.store", "error=%s", error_name(error));
}

static void reclaimed(void *arg, int error, const struct redis_value *v) {
    struct lane *l = arg;
    (void)v;
    if (error)
        return; /* asked again when the store is back */
    l->is_reclaimed = true;
    outbox_claim(l);
}

static void released(void *arg, int error, const struct redis_value *v) {
    struct lane *l = arg;
    l->is_claiming = false;
    if (error)
        return;
    l->lost--;
    if (v->type == REDIS_INT && v->i > 0)
        log_info("outbox.released", "channel=%s n=%lld", l->id, v->i);
    outbox_claim(l);
}

/* A claim whose answer was lost may hold leases that nobody here knows of. Nothing was sent for
 * them, so they go back. No claim runs meanwhile, or its messages would go back as well. */
static void release(struct lane *l) {
    struct outbox *o = l->outbox;
    struct args *a = args_new(o->r);
    args_i(a, now_of(o->r));
    args_z(a, l->id);
    args_z(a, o->r->instance);
    for (const struct router_send *s = o->sends; s; s = s->next)
        if (s->lane == l)
            args_z(a, arena_printf(a->arena, "%s/%s", s->ticket, s->n));
    l->is_claiming = true;
    store_call(o->r->store, "release", a, released, l);
    args_free(&a);
}

/* What an earlier process of this name left is decided first, then what this one lost. */
void outbox_look(struct lane *l) {
    if (!l->is_reclaimed)
        outbox_reclaim(l, l->outbox->r->instance);
    else if (l->lost && !l->is_claiming && l->busy < KNOWN_MAX)
        release(l);
    else
        outbox_claim(l);
}

void outbox_reclaim(struct lane *l, const char *owner) {
    struct outbox *o = l->outbox;
    struct args *a = args_new(o->r);
    args_i(a, now_of(o->r));
    args_z(a, l->id);
    args_z(a, owner);
    args_z(a, l->is_idempotent || l->resend ? "requeue" : "doubt");
    args_z(a, EXPIRE_BATCH);
    store_call(o->r->store, "expire", a, *owner ? reclaimed : outbox_ignore, l);
    args_free(&a);
}

void outbox_renew(struct outbox *o) {
    for (struct router_send *s = o->sends; s;) {
        struct args *a = args_new(o->r);
        args_i(a, now_of(o->r) + (int64_t)o->r->config->outbox_lease_s * 1000);
        args_z(a, o->r->instance);
        for (; s && a->n < ARGS_MAX; s = s->next)
            args_z(a, arena_printf(a->arena, "%s/%s", s->ticket, s->n));
        store_call(o->r->store, "renew", a, outbox_ignore, o);
        args_free(&a);
    }
}
