/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * app_redis: the private redis-server of an installation without one: started as a child on a unix
 * socket in STATE/redis, restarted when it dies, ended last. No TCP port, fsync before every
 * answer.
 */
#ifndef DRAHT_APP_REDIS_H
#define DRAHT_APP_REDIS_H

#include "gateway/base/error.h"
#include "gateway/net/loop.h"

struct app_redis;
/* Ends a left-over of a killed gateway first (waits for it, at most 10 s, before the loop runs),
 * then starts. Returned; NULL and fault. The caller holds the lock of state_dir. */
struct app_redis *app_redis_start(struct loop *l, const char *state_dir, struct fault *f);
const char *app_redis_address(const struct app_redis *r); /* "unix:/...", borrowed */
/* Ends the child in order; done when it is gone. */
void app_redis_stop(struct app_redis *r, void (*done)(void *arg), void *arg);
void app_redis_free(struct app_redis **r);
/* For the second signal: TERM now, no waiting. */
void app_redis_kill(struct app_redis *r);

#endif
