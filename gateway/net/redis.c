/* SPDX-License-Identifier: EUPL-1.2 */
/* redis: life of the connection (connect, handshake, ready, lost, again) and the commands' queue.
 * The socket is in redis_link.c, the parser in redis_reader.c. */
#include "gateway/net/redis.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/arena.h"
#include "gateway/base/buf.h"
#include "gateway/base/crypto.h"
#include "gateway/base/error.h"
#include "gateway/base/log.h"
#include "gateway/net/redis_link.h"
#include "gateway/net/redis_reader.h"

#define TIMEOUT_MS_DEFAULT 5000
#define TICK_MS 250
#define RETRY_MS_MIN 50
#define RETRY_MS_MAX 2000
#define OUTSTANDING_MAX (1 << 18)
#define OUT_BYTES_MAX ((size_t)256 << 20)

struct pending {
    redis_fn cb;
    void *arg;
    uint64_t deadline_ms;
};

struct redis {
    struct loop *loop;
    char *address, *username, *password;
    int db;
    uint32_t timeout_ms;
    void (*on_ready)(void *arg, struct redis *r);
    void (*on_down)(void *arg, struct redis *r, const char *why);
    void *arg;

    struct redis_link *link; /* NULL between two attempts */
    struct redis_reader *reader;
    struct buf out;          /* formatted, not yet handed to the link */
    struct pending *ring;    /* commands in order of their answers */
    size_t head, count, cap; /* cap is a power of two */
    struct loop_timer *tick, *retry;
    bool tick_runs, flush_soon, ready, was_ready, closed;
    uint32_t retry_ms;
    uint64_t connect_by_ms;
    unsigned epoch; /* counts connections: a loop over replies sees that its own is gone */
};

static void lost(struct redis *r, const char *why);
static void connect_now(void *arg);

static uint64_t now_ms(struct redis *r) {
    return uv_now(loop_uv(r->loop));
}

/* ---- the queue of commands ---- */

static void push(struct redis *r, redis_fn cb, void *arg, uint64_t timeout_ms) {
    if (r->count == r->cap) {
        size_t cap = r->cap ? 2 * r->cap : 64;
        struct pending *ring = xcalloc(cap, sizeof *ring);
        for (size_t i = 0; i < r->count; i++)
            ring[i] = r->ring[(r->head + i) & (r->cap - 1)];
        free(r->ring);
        r->ring = ring;
        r->cap = cap;
        r->head = 0;
    }
    r->ring[(r->head + r->count) & (r->cap - 1)] =
        (struct pending){cb, arg, now_ms(r) + timeout_ms};
    r->count++;
    if (!r->tick_runs) {
        r->tick_runs = true;
        loop_timer_again(r->tick, TICK_MS, TICK_MS);
    }
}

static struct pending pop(struct redis *r) {
    struct pending p = r->ring[r->head];
    r->head = (r->head + 1) & (r->cap - 1);
    r->count--;
    return p;
}

/* The callbacks may issue new commands; those must not be failed with the old ones. */
static void fail_all(struct redis *r) {
    struct pending *ring = r->ring;
    size_t head = r->head, count = r->count, cap = r->cap;
    r->ring = NULL;
    r->head = r->count = r->cap = 0;
    for (size_t i = 0; i < count; i++) {
        struct pending p = ring[(head + i) & (cap - 1)];
        if (p.cb)
            p.cb(p.arg, ERR_CLOSED, NULL);
    }
    free(ring);
}

static void scan_deadlines(void *arg) {
    struct redis *r = arg;
    uint64_t now = now_ms(r);
    if (r->link && r->connect_by_ms && now >= r->connect_by_ms) {
        lost(r, "connect took too long");
        return;
    }
    for (size_t i = 0; i < r->count; i++) {
        struct pending *p = &r->ring[(r->head + i) & (r->cap - 1)];
        if (now < p->deadline_ms)
            continue;
        struct pending late = *p;
        p->cb = NULL;
        lost(r, "a command took too long");
        if (late.cb)
            late.cb(late.arg, ERR_TIMEOUT, NULL);
        return;
    }
    if (r->count == 0 && !r->connect_by_ms) {
        r->tick_runs = false;
        loop_timer_again(r->tick, UINT32_MAX, 0);
    }
}

/* ---- writing ---- */

static void flush(void *arg) {
    struct redis *r = arg;
    r->flush_soon = false;
    if (r->closed || !r->link || r->out.n == 0 || redis_link_is_writing(r->link))
        return;
    int rc = redis_link_write(r->link, &r->out);
    if (rc < 0)
        lost(r, uv_strerror(rc));
}

static void link_drained(void *arg) {
    flush(arg);
}

static void enqueue(struct redis *r, int argc, const struct span *argv, uint64_t timeout_ms,
                    redis_fn cb, void *arg) {
    redis_reader_format(&r->out, argc, argv);
    push(r, cb, arg, timeout_ms);
    if (!r->flush_soon) {
        r->flush_soon = true;
        loop_soon(r->loop, flush, r);
    }
}

/* ---- connecting ---- */

static void hello_answered(void *arg, int error, const struct redis_value *v) {
    struct redis *r = arg;
    if (error || v->type != REDIS_ERROR || r->closed)
        return;
    log_warn("redis.refused", "answer=%.*s", (int)(v->s.n > 64 ? 64 : v->s.n), v->s.p);
    lost(r, "the server refuses (AUTH, SELECT or still loading)");
}

static void ping_answered(void *arg, int error, const struct redis_value *v) {
    struct redis *r = arg;
    unsigned epoch = r->epoch;
    hello_answered(arg, error, v);
    if (error || r->closed || epoch != r->epoch)
        return;
    r->ready = r->was_ready = true;
    r->retry_ms = RETRY_MS_MIN;
    r->connect_by_ms = 0;
    log_info("redis.ready", "db=%d", r->db);
    if (r->on_ready)
        r->on_ready(r->arg, r);
}

static void link_connected(void *arg) {
    struct redis *r = arg;
    if (r->password) {
        struct span auth[3] = {SPAN("AUTH"), span_str(r->username), span_str(r->password)};
        if (!r->username)
            auth[1] = auth[2];
        enqueue(r, r->username ? 3 : 2, auth, r->timeout_ms, hello_answered, r);
    }
    char db[16];
    snprintf(db, sizeof db, "%d", r->db);
    struct span select[2] = {SPAN("SELECT"), span_str(db)};
    enqueue(r, 2, select, r->timeout_ms, hello_answered, r);
    /* PING alone tells whether the server is still loading its files. */
    enqueue(r, 1, &SPAN("PING"), r->timeout_ms, ping_answered, r);
}

static void link_read(void *arg, const char *p, size_t n) {
    struct redis *r = arg;
    unsigned epoch = r->epoch;
    const struct redis_value *v = NULL;
    int rc = redis_reader_feed(r->reader, p, n);
    while (rc >= 0 && (rc = redis_reader_next(r->reader, &v)) == 1) {
        if (r->count == 0) {
            rc = ERR_PROTOCOL;
            break;
        }
        struct pending done = pop(r);
        if (done.cb)
            done.cb(done.arg, 0, v);
        if (r->closed || epoch != r->epoch)
            return;
    }
    if (rc < 0)
        lost(r, "the answer is not RESP");
}

static void link_gone(void *arg, int status) {
    lost(arg, status == UV_EOF ? "the server closed" : uv_strerror(status));
}

static const struct redis_link_events link_events = {link_connected, link_read, link_drained,
                                                     link_gone};

static void connect_now(void *arg) {
    struct redis *r = arg;
    loop_timer_stop(&r->retry);
    redis_reader_free(&r->reader);
    r->reader = redis_reader_new();
    r->connect_by_ms = now_ms(r) + r->timeout_ms;
    r->tick_runs = true;
    loop_timer_again(r->tick, TICK_MS, TICK_MS);
    r->epoch++;
    int rc = redis_link_open(r->loop, r->address, &link_events, r, &r->link);
    if (rc < 0)
        lost(r, uv_strerror(rc));
}

/* Everything that ends a connection comes through here. */
static void lost(struct redis *r, const char *why) {
    if (r->closed || r->retry)
        return;
    bool was_ready = r->ready;
    r->ready = false;
    r->connect_by_ms = 0;
    r->epoch++;
    redis_link_close(&r->link);
    buf_clear(&r->out);
    uint32_t jitter = 0;
    crypto_random(&jitter, sizeof jitter);
    uint32_t wait_ms = r->retry_ms / 2 + jitter % (r->retry_ms / 2 + 1);
    r->retry_ms = r->retry_ms * 2 > RETRY_MS_MAX ? RETRY_MS_MAX : r->retry_ms * 2;
    r->retry = loop_timer(r->loop, wait_ms, 0, connect_now, r);
    if (was_ready)
        log_warn("redis.down", "why=\"%s\"", why);
    fail_all(r);
    if (!r->closed && r->on_down && (was_ready || !r->was_ready))
        r->on_down(r->arg, r, why);
}

/* ---- public ---- */

struct redis *redis_new(struct loop *l, const struct redis_options *o) {
    struct redis *r = xcalloc(1, sizeof *r);
    r->loop = l;
    r->address = xstrdup(o->address);
    r->username = o->username ? xstrdup(o->username) : NULL;
    r->password = o->password ? xstrdup(o->password) : NULL;
    r->db = o->db;
    r->timeout_ms = o->timeout_ms ? o->timeout_ms : TIMEOUT_MS_DEFAULT;
    r->on_ready = o->on_ready;
    r->on_down = o->on_down;
    r->arg = o->arg;
    r->retry_ms = RETRY_MS_MIN;
    r->tick = loop_timer(l, UINT32_MAX, 0, scan_deadlines, r);
    r->retry = loop_timer(l, 0, 0, connect_now, r);
    return r;
}

bool redis_is_ready(const struct redis *r) {
    return r->ready;
}

struct refusal {
    redis_fn cb;
    void *arg;
};

static void refuse_now(void *arg) {
    struct refusal f = *(struct refusal *)arg;
    free(arg);
    f.cb(f.arg, ERR_UNAVAILABLE, NULL);
}

void redis_command_timeout(struct redis *r, int argc, const struct span *argv, uint32_t timeout_ms,
                           redis_fn cb, void *arg) {
    if (!r->closed && r->ready && r->count < OUTSTANDING_MAX && r->out.n < OUT_BYTES_MAX) {
        enqueue(r, argc, argv, timeout_ms > r->timeout_ms ? timeout_ms : r->timeout_ms, cb, arg);
        return;
    }
    if (!cb)
        return;
    struct refusal *f = xcalloc(1, sizeof *f);
    f->cb = cb;
    f->arg = arg;
    loop_soon(r->loop, refuse_now, f);
}

void redis_command(struct redis *r, int argc, const struct span *argv, redis_fn cb, void *arg) {
    redis_command_timeout(r, argc, argv, r->timeout_ms, cb, arg);
}

static void release(void *arg) {
    struct redis *r = arg;
    redis_reader_free(&r->reader);
    buf_free(&r->out);
    free(r->address);
    free(r->username);
    free(r->password);
    free(r);
}

void redis_close(struct redis **r) {
    if (!*r)
        return;
    struct redis *me = *r;
    *r = NULL;
    me->closed = true;
    me->ready = false;
    loop_timer_stop(&me->tick);
    loop_timer_stop(&me->retry);
    redis_link_close(&me->link);
    fail_all(me);
    /* The caller may stand inside one of our callbacks, and a flush may be due. */
    loop_soon(me->loop, release, me);
}
