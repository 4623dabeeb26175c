/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * store: what the router needs of its database, in the router's words: calls of the function
 * library, small named values, and the ticket stream. It knows no rules; store_redis.c and
 * store_values.c alone know key names.
 */
#ifndef DRAHT_ROUTER_STORE_H
#define DRAHT_ROUTER_STORE_H

#include "gateway/base/arena.h"
#include "gateway/base/buf.h"
#include "gateway/net/loop.h"
#include "gateway/net/redis.h"

/* Flat arguments of one call; numbers are printed into the arena. More than ARGS_MAX are dropped.
 */
#define ARGS_MAX 256
struct args {
    struct arena *arena;
    struct span v[ARGS_MAX];
    int n;
};
void args_s(struct args *a, struct span s);
void args_z(struct args *a, const char *s);
void args_i(struct args *a, int64_t i);

struct store;
struct store_event { /* borrowed during the callback */
    const char *id, *type, *ticket, *n, *channel, *queue, *actor, *info, *thread, *seq;
    int64_t at_ms;
};
struct store_options {
    struct loop *loop;
    const char *address, *username, *password;
    int replicas;                /* 0: the disk is what counts */
    void (*on_ready)(void *arg); /* after every connect, functions loaded, durability proven */
    void (*on_fatal)(void *arg, const char *why);
    void (*on_event)(void *arg, const struct store_event *e);
    void *arg;
};
struct store *store_new(const struct store_options *o);
bool store_is_ready(const struct store *s);
/* Every outstanding call gets ERR_CLOSED. Sets NULL. */
void store_close(struct store **s);

/* error 0: v is the answer, borrowed. fn runs exactly once, later. function: "name" is its first
 * version, "name_2" the second. */
typedef void (*store_fn)(void *arg, int error, const struct redis_value *v);
void store_call(struct store *s, const char *function, const struct args *a, store_fn fn,
                void *arg);
/* Same, and done only after the configured number of replicas has it. */
void store_call_durable(struct store *s, const char *function, const struct args *a, store_fn fn,
                        void *arg);

enum store_kind { STORE_STATE, STORE_SESSION };
void store_get(struct store *s, enum store_kind k, struct span key, store_fn fn, void *arg);
void store_set(struct store *s, enum store_kind k, struct span key, struct span value,
               uint64_t ttl_ms, store_fn fn, void *arg);
void store_del(struct store *s, enum store_kind k, struct span key, store_fn fn, void *arg);
/* The staff table: one sealed row an account. */
void store_staff_get(struct store *s, struct span id, store_fn fn, void *arg);
void store_staff_put(struct store *s, struct span id, struct span row, bool must_be_new,
                     store_fn fn, void *arg);
void store_staff_all(struct store *s, store_fn fn, void *arg);

/* Cells of an answer; out of range or of another type: empty or 0. */
struct span cell(const struct redis_value *v, size_t i);
int64_t cell_int(const struct redis_value *v, size_t i);
const struct redis_value *cell_row(const struct redis_value *v, size_t i); /* never NULL */

#endif
