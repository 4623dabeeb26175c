/* SPDX-License-Identifier: EUPL-1.2 */
/* thread: the names that conversations of channels have for all gateways, what gateways tell each
 * other of one, and the places of those that wait. */
#include <stdlib.h>

#include "router/inner.h"

void thread_name(const struct router *r, const char *channel, struct span thread,
                 char out[THREAD_NAME_BYTES]) {
    _Static_assert(THREAD_NAME_BYTES == CRYPTO_HASH_HEX, "a name is a hash");
    hash_external(r, channel, thread, out);
}

static void told(void *arg, int error, const struct redis_value *v) {
    struct router *r = arg;
    (void)error, (void)v;
    r->open--;
}

void thread_tell(struct router *r, const char *channel, struct span thread, struct span word) {
    char name[THREAD_NAME_BYTES];
    thread_name(r, channel, thread, name);
    struct args *a = args_new(r);
    args_i(a, now_of(r));
    args_z(a, channel);
    args_z(a, name);
    args_s(a, word);
    r->open++;
    store_call(r->store, "tell", a, told, r);
    args_free(&a);
}

struct asked_places {
    struct router *r;
    size_t n;
    thread_places_fn done;
    void *arg;
};

static void placed(void *arg, int error, const struct redis_value *v) {
    struct asked_places *x = arg;
    int64_t before[PLACES_MAX];
    if (!error && (v->type != REDIS_ARRAY || v->n != x->n))
        error = ERR_INVALID;
    for (size_t i = 0; !error && i < x->n; i++)
        before[i] = cell_int(v, i);
    x->r->open--;
    x->done(x->arg, error, error ? NULL : before, error ? 0 : x->n);
    free(x);
}

void thread_places(struct router *r, const char (*names)[THREAD_NAME_BYTES], size_t n,
                   thread_places_fn done, void *arg) {
    struct asked_places *x = xcalloc(1, sizeof *x);
    struct buf all = {0};
    *x = (struct asked_places){r, n < PLACES_MAX ? n : PLACES_MAX, done, arg};
    for (size_t i = 0; i < x->n; i++)
        buf_addf(&all, "%s%s", i ? " " : "", names[i]);
    struct args *a = args_new(r);
    args_s(a, buf_span(&all));
    r->open++;
    store_call(r->store, "places", a, placed, x);
    args_free(&a);
    buf_free(&all);
}
