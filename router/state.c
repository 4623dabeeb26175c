/* SPDX-License-Identifier: EUPL-1.2 */
/* state: small sealed values of channels, counters, and the leases of channels that must run once.
 */
#include <stdio.h>
#include <stdlib.h>

#include "router/inner.h"

#define STATE_KEY_MAX_BYTES 200
#define STATE_VALUE_MAX_BYTES 65536
#define RANKED_MAX 200
#define LEASE_TTL_MS 15000
#define LEASE_EVERY_MS 4000

struct asked {
    struct router *r;
    router_done_fn done;
    router_state_fn value;
    void (*count)(void *arg, int error, int64_t n);
    router_ranked_fn ranked;
    void *arg;
    int error;
};

static struct asked *asked_new(struct router *r, void *arg) {
    struct asked *x = xcalloc(1, sizeof *x);
    x->r = r;
    x->arg = arg;
    return x;
}

static void answered(void *arg, int error, const struct redis_value *v) {
    struct asked *x = arg;
    struct buf plain = {0};
    bool has = !error && v && v->type == REDIS_STR;
    if (x->value && has)
        error = crypto_unseal(x->r->house_key, SPAN("state"), v->s, &plain);
    if (x->done)
        x->done(x->arg, error);
    if (x->value)
        x->value(x->arg, error,
                 has && !error ? (struct span){plain.p ? plain.p : "", plain.n} : SPAN_NONE);
    if (x->count)
        x->count(x->arg, error, !error && v->type == REDIS_INT ? v->i : 0);
    buf_free(&plain);
    free(x);
}

static void refuse(void *arg) {
    struct asked *x = arg;
    answered(x, x->error, NULL);
}

/* Keys may be a citizen's address (a conversation, a chat id), so only their hash is kept. */
static struct span state_key(const struct router *r, const char *channel, struct span key,
                             char out[CRYPTO_HASH_HEX]) {
    hash_external(r, channel, key, out);
    return span_str(out);
}

void router_state_set(struct router *r, const char *channel, struct span key, struct span value,
                      uint64_t ttl_ms, router_done_fn done, void *arg) {
    struct asked *x = asked_new(r, arg);
    char hash[CRYPTO_HASH_HEX];
    struct buf sealed = {0};
    x->done = done;
    if (key.n > STATE_KEY_MAX_BYTES || value.n > STATE_VALUE_MAX_BYTES) {
        x->error = ERR_TOO_LARGE;
        loop_soon(r->loop, refuse, x);
        return;
    }
    crypto_seal(r->house_key, SPAN("state"), value, &sealed);
    store_set(r->store, STORE_STATE, state_key(r, channel, key, hash), buf_span(&sealed), ttl_ms,
              answered, x);
    buf_free(&sealed);
}

void router_state_get(struct router *r, const char *channel, struct span key, router_state_fn done,
                      void *arg) {
    struct asked *x = asked_new(r, arg);
    char hash[CRYPTO_HASH_HEX];
    x->value = done;
    store_get(r->store, STORE_STATE, state_key(r, channel, key, hash), answered, x);
}

void router_state_del(struct router *r, const char *channel, struct span key, router_done_fn done,
                      void *arg) {
    struct asked *x = asked_new(r, arg);
    char hash[CRYPTO_HASH_HEX];
    x->done = done;
    store_del(r->store, STORE_STATE, state_key(r, channel, key, hash), answered, x);
}

void router_count(struct router *r, const char *name, uint64_t window_ms,
                  void (*done)(void *arg, int error, int64_t count), void *arg) {
    struct asked *x = asked_new(r, arg);
    char hash[CRYPTO_HASH_HEX];
    x->count = done;
    crypto_hash(r->crypto, "count", span_str(name), hash);
    struct args *a = args_new(r);
    args_z(a, hash);
    args_i(a, (int64_t)window_ms);
    store_call(r->store, "count", a, answered, x);
    args_free(&a);
}

void router_state_rank(struct router *r, const char *channel, struct span index, struct span key,
                       int64_t score, int64_t cut, router_done_fn done, void *arg) {
    struct asked *x = asked_new(r, arg);
    char index_hash[CRYPTO_HASH_HEX], hash[CRYPTO_HASH_HEX];
    struct args *a = args_new(r);
    x->done = done;
    args_s(a, state_key(r, channel, index, index_hash));
    args_s(a, state_key(r, channel, key, hash));
    args_i(a, score);
    args_i(a, cut);
    store_call(r->store, "rank", a, answered, x);
    args_free(&a);
}

/* A value that does not open (another key, damage) counts as ended. */
static void ranked(void *arg, int error, const struct redis_value *v) {
    struct asked *x = arg;
    struct span values[RANKED_MAX];
    struct arena *a = arena_new();
    size_t n = 0;
    while (!error && v->type == REDIS_ARRAY && n < v->n && n < RANKED_MAX) {
        struct buf plain = {0};
        values[n] = SPAN_NONE;
        if (cell(v, n).n && crypto_unseal(x->r->house_key, SPAN("state"), cell(v, n), &plain) == 0)
            values[n] = arena_dup(a, plain.n ? buf_span(&plain) : SPAN(""));
        buf_free(&plain);
        n++;
    }
    x->ranked(x->arg, error, values, n);
    arena_free(&a);
    free(x);
}

void router_state_ranked(struct router *r, const char *channel, struct span index, int64_t min,
                         int64_t max, uint32_t skip, uint32_t limit, router_ranked_fn done,
                         void *arg) {
    struct asked *x = asked_new(r, arg);
    char hash[CRYPTO_HASH_HEX];
    struct args *a = args_new(r);
    x->ranked = done;
    args_s(a, state_key(r, channel, index, hash));
    args_i(a, min);
    args_i(a, max);
    args_i(a, skip);
    args_i(a, limit > RANKED_MAX ? RANKED_MAX : limit);
    store_call(r->store, "ranked", a, ranked, x);
    args_free(&a);
}

/* ---- leases ---- */
struct router_lease {
    struct router *r;
    char name[128];
    void (*on_change)(void *arg, bool held);
    void *arg;
    struct loop_timer *timer;
    bool is_held, is_dropped, is_asking;
    uint64_t asked_ms, sure_until_ms; /* after this the lease may be somebody else's */
};

static uint64_t loop_ms(const struct router_lease *l) {
    return uv_now(loop_uv(l->r->loop));
}

static void hold(struct router_lease *l, bool is_held) {
    if (l->is_held == is_held)
        return;
    l->is_held = is_held;
    l->on_change(l->arg, is_held);
}

static void lease_answered(void *arg, int error, const struct redis_value *v) {
    struct router_lease *l = arg;
    l->is_asking = false;
    if (l->is_dropped) {
        free(l);
        return;
    }
    if (!error) {
        l->sure_until_ms = l->asked_ms + LEASE_TTL_MS - LEASE_EVERY_MS;
        hold(l, v->type == REDIS_INT && v->i == 1);
    } else if (loop_ms(l) >= l->sure_until_ms)
        hold(l, false);
}

static void lease_ask(struct router_lease *l, const char *ttl, store_fn fn, void *arg) {
    struct args *a = args_new(l->r);
    args_z(a, l->name);
    args_z(a, l->r->instance);
    args_z(a, ttl);
    store_call(l->r->store, "lease", a, fn, arg);
    args_free(&a);
}

static void lease_tick(void *arg) {
    struct router_lease *l = arg;
    if (l->is_asking)
        return;
    if (!store_is_ready(l->r->store)) {
        if (loop_ms(l) >= l->sure_until_ms)
            hold(l, false);
        return;
    }
    l->is_asking = true;
    l->asked_ms = loop_ms(l);
    lease_ask(l, "15000", lease_answered, l);
}

struct router_lease *router_lease(struct router *r, const char *name,
                                  void (*on_change)(void *arg, bool held), void *arg) {
    struct router_lease *l = xcalloc(1, sizeof *l);
    l->r = r;
    snprintf(l->name, sizeof l->name, "%s", name);
    l->on_change = on_change;
    l->arg = arg;
    l->timer = loop_timer(r->loop, 1, LEASE_EVERY_MS, lease_tick, l);
    return l;
}

static void forget(void *arg, int error, const struct redis_value *v) {
    (void)arg;
    (void)error;
    (void)v;
}

void router_lease_drop(struct router_lease **lp) {
    struct router_lease *l = *lp;
    *lp = NULL;
    if (!l)
        return;
    loop_timer_stop(&l->timer);
    if (l->is_held)
        lease_ask(l, "0", forget, NULL);
    l->is_dropped = true;
    if (!l->is_asking)
        free(l);
}
