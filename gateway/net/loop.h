/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * loop: libuv's loop with what we always need on it: one-shot and repeating timers that may be
 * released inside their callback, thread-pool work, next-turn calls. uv.h is vocabulary of
 * gateway/net and above (uv_loop_t only through loop_uv).
 */
#ifndef DRAHT_NET_LOOP_H
#define DRAHT_NET_LOOP_H

#include <stdint.h>
#include <uv.h>

struct loop;
struct loop_timer;

struct loop *loop_new(void);
uv_loop_t *loop_uv(struct loop *l); /* borrowed */
void loop_run(struct loop *l);      /* until loop_stop or nothing is alive */
void loop_stop(struct loop *l);
/* Runs until closed handles are released; asserts that nothing of ours is alive. Sets NULL. */
void loop_free(struct loop **l);

/* Fires once after delay_ms, then every repeat_ms (0: once). Returned; loop_timer_stop releases. A
 * one-shot timer must still be released with loop_timer_stop (also inside its callback). */
struct loop_timer *loop_timer(struct loop *l, uint64_t delay_ms, uint64_t repeat_ms,
                              void (*fn)(void *arg), void *arg);
void loop_timer_again(struct loop_timer *t, uint64_t delay_ms, uint64_t repeat_ms);
void loop_timer_stop(struct loop_timer **t); /* accepts NULL, sets NULL */

/* work runs on a pool thread, after on the loop thread with 0 or UV_ECANCELED. */
int loop_work(struct loop *l, void (*work)(void *arg), void (*after)(void *arg, int status),
              void *arg);
/* fn(arg) in the next turn of the loop. */
void loop_soon(struct loop *l, void (*fn)(void *arg), void *arg);

#endif
