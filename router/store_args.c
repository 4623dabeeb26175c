/* SPDX-License-Identifier: EUPL-1.2 */
/* store_args: arguments of a call to the store, and the cells of its answer. */
#include <inttypes.h>

#include "router/store.h"

void args_s(struct args *a, struct span s) {
    if (a->n < ARGS_MAX)
        a->v[a->n++] = s.p ? s : SPAN("");
}

void args_z(struct args *a, const char *s) {
    args_s(a, span_str(s));
}

void args_i(struct args *a, int64_t i) {
    args_s(a, span_str(arena_printf(a->arena, "%" PRId64, i)));
}

struct span cell(const struct redis_value *v, size_t i) {
    if (!v || v->type != REDIS_ARRAY || i >= v->n)
        return SPAN("");
    const struct redis_value *x = &v->a[i];
    return (x->type == REDIS_STR || x->type == REDIS_STATUS) && x->s.p ? x->s : SPAN("");
}

int64_t cell_int(const struct redis_value *v, size_t i) {
    if (!v || v->type != REDIS_ARRAY || i >= v->n)
        return 0;
    const struct redis_value *x = &v->a[i];
    if (x->type == REDIS_INT)
        return x->i;
    unsigned long long u = 0;
    if (x->type != REDIS_STR || span_u64(x->s, INT64_MAX, &u))
        return 0;
    return (int64_t)u;
}

const struct redis_value *cell_row(const struct redis_value *v, size_t i) {
    static const struct redis_value none = {.type = REDIS_ARRAY};
    if (!v || v->type != REDIS_ARRAY || i >= v->n || v->a[i].type != REDIS_ARRAY)
        return &none;
    return &v->a[i];
}
