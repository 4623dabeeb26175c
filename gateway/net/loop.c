/* SPDX-License-Identifier: EUPL-1.2 */
/* loop: the thin layer over uv_loop_t. Owns the handles behind timers and next-turn calls; knows
 * nothing of sockets. */
#include "gateway/net/loop.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>

#include "gateway/base/arena.h"
#include "gateway/base/log.h"

struct soon {
    void (*fn)(void *arg);
    void *arg;
};

struct loop {
    uv_loop_t uv;
    uv_idle_t turn; /* active while calls wait, so that poll does not sleep */
    struct soon *soon;
    size_t soon_n, soon_cap;
    size_t timers;
};

struct loop_timer {
    uv_timer_t uv;
    struct loop *loop;
    void (*fn)(void *arg);
    void *arg;
};

struct job {
    uv_work_t uv;
    void (*work)(void *arg);
    void (*after)(void *arg, int status);
    void *arg;
};

struct loop *loop_new(void) {
    signal(SIGPIPE, SIG_IGN); /* a peer that left is an error code of write, not our end */
    struct loop *l = xcalloc(1, sizeof *l);
    if (uv_loop_init(&l->uv) != 0) {
        free(l);
        return NULL;
    }
    uv_idle_init(&l->uv, &l->turn);
    l->turn.data = l;
    return l;
}

uv_loop_t *loop_uv(struct loop *l) {
    return &l->uv;
}

void loop_run(struct loop *l) {
    uv_run(&l->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *l) {
    uv_stop(&l->uv);
}

static void name_leftover(uv_handle_t *h, void *arg) {
    size_t *alive = arg;
    if (uv_is_closing(h))
        return;
    log_error("loop.leftover", "handle=%s", uv_handle_type_name(h->type));
    (*alive)++;
}

void loop_free(struct loop **l) {
    if (!*l)
        return;
    struct loop *me = *l;
    do {
        uv_run(&me->uv, UV_RUN_NOWAIT);
    } while (me->soon_n > 0);
    uv_close((uv_handle_t *)&me->turn, NULL);
    size_t alive = 0;
    uv_walk(&me->uv, name_leftover, &alive);
    assert(alive == 0 && me->timers == 0);
    uv_run(&me->uv, UV_RUN_DEFAULT);
    int rc = uv_loop_close(&me->uv);
    assert(rc == 0);
    (void)rc;
    free(me->soon);
    free(me);
    *l = NULL;
}

static void timer_fired(uv_timer_t *h) {
    struct loop_timer *t = h->data;
    t->fn(t->arg);
}

static void timer_closed(uv_handle_t *h) {
    free(h->data);
}

struct loop_timer *loop_timer(struct loop *l, uint64_t delay_ms, uint64_t repeat_ms,
                              void (*fn)(void *arg), void *arg) {
    struct loop_timer *t = xcalloc(1, sizeof *t);
    t->loop = l;
    t->fn = fn;
    t->arg = arg;
    uv_timer_init(&l->uv, &t->uv);
    t->uv.data = t;
    l->timers++;
    loop_timer_again(t, delay_ms, repeat_ms);
    return t;
}

void loop_timer_again(struct loop_timer *t, uint64_t delay_ms, uint64_t repeat_ms) {
    /* The cached time may lie far back when much ran in this turn; a timer must not fire early. */
    uv_update_time(&t->loop->uv);
    uv_timer_start(&t->uv, timer_fired, delay_ms, repeat_ms);
}

void loop_timer_stop(struct loop_timer **t) {
    if (!*t)
        return;
    struct loop_timer *me = *t;
    *t = NULL;
    me->loop->timers--;
    uv_timer_stop(&me->uv);
    uv_close((uv_handle_t *)&me->uv, timer_closed);
}

static void job_run(uv_work_t *w) {
    struct job *j = w->data;
    j->work(j->arg);
}

static void job_after(uv_work_t *w, int status) {
    struct job *j = w->data;
    void (*after)(void *, int) = j->after;
    void *arg = j->arg;
    free(j);
    if (after)
        after(arg, status);
}

int loop_work(struct loop *l, void (*work)(void *arg), void (*after)(void *arg, int status),
              void *arg) {
    struct job *j = xcalloc(1, sizeof *j);
    j->work = work;
    j->after = after;
    j->arg = arg;
    j->uv.data = j;
    int rc = uv_queue_work(&l->uv, &j->uv, job_run, job_after);
    if (rc != 0)
        free(j);
    return rc;
}

static void turn_came(uv_idle_t *h) {
    struct loop *l = h->data;
    struct soon *list = l->soon;
    size_t n = l->soon_n;
    l->soon = NULL;
    l->soon_n = l->soon_cap = 0;
    uv_idle_stop(h);
    for (size_t i = 0; i < n; i++)
        list[i].fn(list[i].arg);
    if (l->soon) {
        free(list);
    } else { /* nothing new came meanwhile: keep the memory */
        l->soon = list;
        l->soon_cap = n;
    }
}

void loop_soon(struct loop *l, void (*fn)(void *arg), void *arg) {
    if (l->soon_n == l->soon_cap) {
        l->soon_cap = l->soon_cap ? 2 * l->soon_cap : 16;
        l->soon = xrealloc(l->soon, l->soon_cap * sizeof *l->soon);
    }
    l->soon[l->soon_n++] = (struct soon){fn, arg};
    if (!uv_is_active((uv_handle_t *)&l->turn))
        uv_idle_start(&l->turn, turn_came);
}
