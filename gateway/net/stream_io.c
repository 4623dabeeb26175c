/* SPDX-License-Identifier: EUPL-1.2 */
/* stream_io: reading with back-pressure, queued writing, the idle limit. */
#include <stdlib.h>

#include "gateway/base/arena.h"
#include "gateway/net/stream_internal.h"

/* One room for all: libuv asks for it immediately before it reads, and on_data only borrows. */
#define READ_BYTES 65536
static char room[READ_BYTES];

struct write {
    uv_write_t uv;
    struct stream *stream;
    size_t n;
    char bytes[];
};

static void give_room(uv_handle_t *h, size_t want, uv_buf_t *b) {
    (void)h;
    (void)want;
    *b = uv_buf_init(room, sizeof room);
}

static void restart_idle(struct stream *s) {
    if (s->idle)
        loop_timer_again(s->idle, s->idle_ms, 0);
}

static void bytes_came(uv_stream_t *h, ssize_t n, const uv_buf_t *b) {
    struct stream *s = h->data;
    if (n == 0 || s->closing)
        return;
    if (n < 0) {
        stream_shut(s);
        return;
    }
    restart_idle(s);
    if (!s->close_after_write)
        s->server->h.on_data(s->user, s, (struct span){b->base, (size_t)n});
}

void stream_read_on(struct stream *s) {
    if (s->closing || s->paused)
        return;
    if (uv_read_start(&s->uv.stream, give_room, bytes_came) != 0)
        stream_shut(s);
}

void stream_pause(struct stream *s) {
    s->paused = true;
    if (!s->closing)
        uv_read_stop(&s->uv.stream);
}

void stream_resume(struct stream *s) {
    if (!s->paused)
        return;
    s->paused = false;
    restart_idle(s);
    stream_read_on(s);
}

static void finish_if_drained(struct stream *s) {
    if (s->close_after_write && s->pending_bytes == 0)
        stream_shut(s);
}

static void written(uv_write_t *uv, int status) {
    struct write *w = uv->data;
    struct stream *s = w->stream;
    s->pending_bytes -= w->n;
    free(w);
    if (status < 0)
        stream_shut(s);
    else
        finish_if_drained(s);
}

void stream_write(struct stream *s, struct span bytes) {
    if (s->closing || s->close_after_write || bytes.n == 0)
        return;
    if (s->pending_bytes == 0) {
        uv_buf_t now = uv_buf_init((char *)bytes.p, (unsigned)bytes.n);
        int sent = uv_try_write(&s->uv.stream, &now, 1);
        if (sent > 0)
            bytes = (struct span){bytes.p + sent, bytes.n - (size_t)sent};
        if (bytes.n == 0)
            return;
    }
    struct write *w = xcalloc(1, sizeof *w + bytes.n);
    w->stream = s;
    w->n = bytes.n;
    w->uv.data = w;
    memcpy(w->bytes, bytes.p, bytes.n);
    uv_buf_t b = uv_buf_init(w->bytes, (unsigned)bytes.n);
    s->pending_bytes += bytes.n;
    int rc = uv_write(&w->uv, &s->uv.stream, &b, 1, written);
    if (rc == 0)
        return;
    s->pending_bytes -= w->n;
    free(w);
    stream_shut(s);
}

size_t stream_pending_bytes(const struct stream *s) {
    return s->pending_bytes;
}

static void idle_passed(void *arg) {
    struct stream *s = arg;
    if (s->closing)
        return;
    if (s->server->h.on_idle && !s->close_after_write)
        s->server->h.on_idle(s->user, s);
    else
        stream_shut(s);
}

void stream_idle_ms(struct stream *s, uint64_t ms) {
    if (s->closing)
        return;
    s->idle_ms = ms;
    if (ms == 0)
        loop_timer_stop(&s->idle);
    else if (s->idle)
        restart_idle(s);
    else
        s->idle = loop_timer(s->server->loop, ms, 0, idle_passed, s);
}

/* A peer that does not read its last answer would hold the connection for ever. */
#define LINGER_MS 10000

void stream_close_after_write(struct stream *s) {
    if (s->closing)
        return;
    s->close_after_write = true;
    if (s->pending_bytes > 0)
        stream_idle_ms(s, LINGER_MS);
    finish_if_drained(s);
}

const char *stream_peer(const struct stream *s) {
    return s->peer;
}
