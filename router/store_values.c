/* SPDX-License-Identifier: EUPL-1.2 */
/* store_values: small named values and the staff table of the store in Redis. */
#include <inttypes.h>
#include <stdio.h>

#include "router/store_private.h"

static const char *const KINDS[] = {[STORE_STATE] = "st:", [STORE_SESSION] = "se:"};

static struct span key_of(struct buf *b, enum store_kind k, struct span key) {
    buf_adds(b, STORE_PREFIX);
    buf_adds(b, KINDS[k]);
    buf_add(b, key.p, key.n);
    return buf_span(b);
}

void store_get(struct store *s, enum store_kind k, struct span key, store_fn fn, void *arg) {
    struct buf b = {0};
    struct span v[] = {SPAN("GET"), key_of(&b, k, key)};
    store_ask(s, 2, v, fn, arg);
    buf_free(&b);
}

void store_set(struct store *s, enum store_kind k, struct span key, struct span value,
               uint64_t ttl_ms, store_fn fn, void *arg) {
    struct buf b = {0};
    char ttl[24];
    snprintf(ttl, sizeof ttl, "%" PRIu64, ttl_ms);
    struct span v[] = {SPAN("SET"), key_of(&b, k, key), value.p ? value : SPAN(""), SPAN("PX"),
                       span_str(ttl)};
    store_ask(s, ttl_ms ? 5 : 3, v, fn, arg);
    buf_free(&b);
}

void store_del(struct store *s, enum store_kind k, struct span key, store_fn fn, void *arg) {
    struct buf b = {0};
    struct span v[] = {SPAN("DEL"), key_of(&b, k, key)};
    store_ask(s, 2, v, fn, arg);
    buf_free(&b);
}

void store_staff_get(struct store *s, struct span id, store_fn fn, void *arg) {
    struct span v[] = {SPAN("HGET"), SPAN(STORE_PREFIX "staff"), id};
    store_ask(s, 3, v, fn, arg);
}

void store_staff_put(struct store *s, struct span id, struct span row, bool must_be_new,
                     store_fn fn, void *arg) {
    struct span v[] = {must_be_new ? SPAN("HSETNX") : SPAN("HSET"), SPAN(STORE_PREFIX "staff"), id,
                       row};
    store_ask(s, 4, v, fn, arg);
}

void store_staff_all(struct store *s, store_fn fn, void *arg) {
    struct span v[] = {SPAN("HGETALL"), SPAN(STORE_PREFIX "staff")};
    store_ask(s, 2, v, fn, arg);
}
