/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * redis: one asynchronous connection to Redis that reconnects by itself (50 ms .. 2 s, jittered)
 * and has a timer per command. hiredis lives only here. Commands while disconnected fail at once
 * with ERR_UNAVAILABLE: the peer's own queue is our spool. A command whose answer was lost gives
 * ERR_CLOSED (unknown outcome), a late one ERR_TIMEOUT (the connection is then reset, so answers
 * never pair wrongly).
 */
#ifndef DRAHT_NET_REDIS_H
#define DRAHT_NET_REDIS_H

#include "gateway/base/span.h"
#include "gateway/net/loop.h"

struct redis;

enum redis_type { REDIS_NIL, REDIS_INT, REDIS_STR, REDIS_STATUS, REDIS_ERROR, REDIS_ARRAY };
struct redis_value { /* borrowed during the callback */
    enum redis_type type;
    long long i;
    struct span s; /* STR, STATUS, ERR */
    size_t n;      /* ARRAY */
    const struct redis_value *a;
};
/* error: 0 with v set (v->type may be REDIS_ERROR), or ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_CLOSED
 * with v NULL. */
typedef void (*redis_fn)(void *arg, int error, const struct redis_value *v);

struct redis_options {
    const char *address;             /* "unix:/path", "127.0.0.1:6379", "[::1]:6379" */
    const char *username, *password; /* or NULL */
    int db;
    uint32_t timeout_ms; /* per command; 0: 5,000 */
    /* Called after each (re)connect, AUTH and SELECT, before queued work: load functions here. May
     * be NULL. */
    void (*on_ready)(void *arg, struct redis *r);
    void (*on_down)(void *arg, struct redis *r, const char *why);
    void *arg;
};
struct redis *redis_new(struct loop *l,
                        const struct redis_options *o); /* copied; connects in the background */
bool redis_is_ready(const struct redis *r);
/* argv are borrowed during the call. cb always runs exactly once, never inside this call. */
void redis_command(struct redis *r, int argc, const struct span *argv, redis_fn cb, void *arg);
/* Same without a time limit shorter than timeout_ms (XREAD BLOCK, WAIT). */
void redis_command_timeout(struct redis *r, int argc, const struct span *argv, uint32_t timeout_ms,
                           redis_fn cb, void *arg);
/* Outstanding commands get ERR_CLOSED; released before it returns to the loop's next turn. Sets
 * NULL. */
void redis_close(struct redis **r);

#endif
