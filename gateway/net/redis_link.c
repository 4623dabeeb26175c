/* SPDX-License-Identifier: EUPL-1.2 */
/* redis_link: the handle outlives its owner until libuv has closed it and a name lookup is over. */
#include "gateway/net/redis_link.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/arena.h"
#include "gateway/base/error.h"

#define READ_BYTES 65536

struct redis_link {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    uv_connect_t connect;
    uv_getaddrinfo_t lookup;
    uv_write_t write;
    struct loop *loop;
    const struct redis_link_events *events;
    void *arg;
    struct buf out; /* being written */
    bool writing, looking_up, handle_closed, closed;
    char in[READ_BYTES];
};

static void release(struct redis_link *k) {
    if (!k->handle_closed || k->looking_up)
        return;
    buf_free(&k->out);
    free(k);
}

static void handle_gone(uv_handle_t *h) {
    struct redis_link *k = h->data;
    k->handle_closed = true;
    release(k);
}

static void give_room(uv_handle_t *h, size_t want, uv_buf_t *b) {
    struct redis_link *k = h->data;
    (void)want;
    *b = uv_buf_init(k->in, sizeof k->in);
}

static void bytes_came(uv_stream_t *s, ssize_t n, const uv_buf_t *b) {
    struct redis_link *k = s->data;
    if (k->closed || n == 0)
        return;
    if (n < 0)
        k->events->gone(k->arg, (int)n);
    else
        k->events->read(k->arg, b->base, (size_t)n);
}

static void connected(uv_connect_t *c, int status) {
    struct redis_link *k = c->data;
    if (k->closed)
        return;
    if (status == 0)
        status = uv_read_start(&k->uv.stream, give_room, bytes_came);
    if (status < 0)
        k->events->gone(k->arg, status);
    else
        k->events->connected(k->arg);
}

static int connect_to(struct redis_link *k, const struct sockaddr *a) {
    uv_tcp_nodelay(&k->uv.tcp, 1);
    return uv_tcp_connect(&k->connect, &k->uv.tcp, a, connected);
}

static void looked_up(uv_getaddrinfo_t *g, int status, struct addrinfo *list) {
    struct redis_link *k = g->data;
    k->looking_up = false;
    if (k->closed) {
        uv_freeaddrinfo(list);
        release(k);
        return;
    }
    if (status == 0)
        status = connect_to(k, list->ai_addr);
    uv_freeaddrinfo(list);
    if (status < 0)
        k->events->gone(k->arg, status);
}

/* "host:port" and "[v6]:port": an address connects at once, a name goes through the resolver. */
static int open_tcp(struct redis_link *k, const char *address) {
    const char *colon = strrchr(address, ':');
    char host[256];
    if (!colon || colon == address || (size_t)(colon - address) >= sizeof host)
        return ERR_INVALID;
    bool bracket = address[0] == '[' && colon[-1] == ']';
    snprintf(host, sizeof host, "%.*s", (int)(colon - address) - (bracket ? 2 : 0),
             address + (bracket ? 1 : 0));
    unsigned long long port = 0;
    if (span_u64(span_str(colon + 1), 65535, &port) != 0)
        return ERR_INVALID;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (uv_ip4_addr(host, (int)port, &v4) == 0)
        return connect_to(k, (struct sockaddr *)&v4);
    if (uv_ip6_addr(host, (int)port, &v6) == 0)
        return connect_to(k, (struct sockaddr *)&v6);
    struct addrinfo want = {.ai_socktype = SOCK_STREAM};
    k->lookup.data = k;
    int rc = uv_getaddrinfo(loop_uv(k->loop), &k->lookup, looked_up, host, colon + 1, &want);
    k->looking_up = rc == 0;
    return rc;
}

int redis_link_open(struct loop *l, const char *address, const struct redis_link_events *e,
                    void *arg, struct redis_link **out) {
    struct redis_link *k = xcalloc(1, sizeof *k);
    k->loop = l;
    k->events = e;
    k->arg = arg;
    int rc = 0;
    if (strncmp(address, "unix:", 5) == 0) {
        rc = uv_pipe_init(loop_uv(l), &k->uv.pipe, 0);
        k->uv.handle.data = k->connect.data = k->write.data = k;
        uv_pipe_connect(&k->connect, &k->uv.pipe, address + 5, connected);
    } else {
        rc = uv_tcp_init(loop_uv(l), &k->uv.tcp);
        k->uv.handle.data = k->connect.data = k->write.data = k;
        if (rc == 0)
            rc = open_tcp(k, address);
    }
    if (rc < 0)
        redis_link_close(&k);
    else
        *out = k;
    return rc;
}

bool redis_link_is_writing(const struct redis_link *k) {
    return k->writing;
}

static void written(uv_write_t *w, int status) {
    struct redis_link *k = w->data;
    k->writing = false;
    buf_clear(&k->out);
    if (k->closed)
        return;
    if (status < 0)
        k->events->gone(k->arg, status);
    else
        k->events->drained(k->arg);
}

int redis_link_write(struct redis_link *k, struct buf *bytes) {
    /* The two buffers change places, so that neither is allocated again and again. */
    struct buf empty = k->out;
    k->out = *bytes;
    *bytes = empty;
    size_t n = k->out.n > INT32_MAX ? INT32_MAX : k->out.n;
    uv_buf_t b = uv_buf_init(k->out.p, (unsigned)n);
    int sent = uv_try_write(&k->uv.stream, &b, 1);
    if (sent < 0 && sent != UV_EAGAIN)
        return sent;
    if (sent > 0 && (size_t)sent == k->out.n) {
        buf_clear(&k->out);
        return 0;
    }
    size_t at = sent > 0 ? (size_t)sent : 0;
    b = uv_buf_init(k->out.p + at, (unsigned)(k->out.n - at));
    k->writing = true;
    return uv_write(&k->write, &k->uv.stream, &b, 1, written);
}

void redis_link_close(struct redis_link **k) {
    if (!*k)
        return;
    struct redis_link *me = *k;
    *k = NULL;
    me->closed = true;
    if (me->looking_up)
        uv_cancel((uv_req_t *)&me->lookup);
    uv_close(&me->uv.handle, handle_gone);
}
