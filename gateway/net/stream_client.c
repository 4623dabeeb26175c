/* SPDX-License-Identifier: EUPL-1.2 */
/* stream_client: libcurl connects (CURLOPT_CONNECT_ONLY), then we read and write. The handle stays
 * in the multi while the connection lives, or curl_easy_recv would refuse; the socket is watched
 * through a duplicate, because libuv allows one watcher a descriptor. */
#include "gateway/net/stream_client.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/base/arena.h"
#include "gateway/base/buf.h"
#include "gateway/net/transfer.h"

#define TURN_BYTES_MAX (256 * 1024) /* then the loop gets its turn */
#define CHUNK_BYTES 16384

struct stream_client {
    struct loop *loop;
    struct transfers *transfers;
    CURL *easy;
    uv_poll_t poll;
    int fd;
    bool has_poll, is_closed, is_busy, is_down, is_flush_due;
    size_t soon; /* next-turn calls that still hold us */
    struct buf out;
    struct stream_client_handlers h;
    void *arg;
    char trouble[CURL_ERROR_SIZE]; /* what exactly is wrong with a certificate, say */
};

static void try_destroy(struct stream_client *c) {
    if (!c->is_closed || c->is_busy || c->soon > 0 || c->has_poll)
        return;
    buf_free(&c->out);
    if (c->fd >= 0)
        close(c->fd);
    free(c);
}

static void poll_closed(uv_handle_t *h) {
    struct stream_client *c = h->data;
    c->has_poll = false;
    try_destroy(c);
}

static void down(struct stream_client *c, const char *why) {
    if (c->is_down || c->is_closed)
        return;
    c->is_down = true;
    if (c->has_poll)
        uv_poll_stop(&c->poll);
    c->h.on_down(c->arg, why);
}

static void on_poll(uv_poll_t *p, int status, int events);

static void watch(struct stream_client *c) {
    if (c->has_poll && !c->is_down && !c->is_closed)
        uv_poll_start(&c->poll, UV_READABLE | (c->out.n ? UV_WRITABLE : 0), on_poll);
}

static void push(struct stream_client *c) {
    size_t done = 0;
    while (done < c->out.n) {
        size_t n = 0;
        CURLcode rc = curl_easy_send(c->easy, c->out.p + done, c->out.n - done, &n);
        if (rc == CURLE_OK) {
            done += n;
            continue;
        }
        if (rc != CURLE_AGAIN)
            done = c->out.n; /* the reading side reports the end */
        break;
    }
    buf_drop(&c->out, done);
    watch(c);
}

static void pull_again(void *arg);

/* TLS may hold bytes that the socket does not show: read until AGAIN. */
static void pull(struct stream_client *c) {
    static char chunk[CHUNK_BYTES]; /* lent to on_data, which keeps nothing */
    size_t total = 0, n = 0;
    CURLcode rc = CURLE_OK;
    c->is_busy = true;
    while (!c->is_closed && !c->is_down && total < TURN_BYTES_MAX) {
        rc = curl_easy_recv(c->easy, chunk, sizeof chunk, &n);
        if (rc != CURLE_OK || n == 0)
            break;
        total += n;
        c->h.on_data(c->arg, (struct span){chunk, n});
    }
    if (!c->is_closed && !c->is_down) {
        if (total >= TURN_BYTES_MAX) {
            c->soon++;
            loop_soon(c->loop, pull_again, c);
        } else if (rc != CURLE_AGAIN) {
            down(c, "the other side closed the connection");
        }
    }
    c->is_busy = false;
    try_destroy(c);
}

static void pull_again(void *arg) {
    struct stream_client *c = arg;
    c->soon--;
    if (c->is_closed || c->is_down)
        try_destroy(c);
    else
        pull(c);
}

static void on_poll(uv_poll_t *p, int status, int events) {
    struct stream_client *c = p->data;
    (void)status;
    if (events & UV_WRITABLE)
        push(c);
    pull(c);
}

static void connected(void *arg, CURL *easy, CURLcode result) {
    struct stream_client *c = arg;
    curl_socket_t fd = CURL_SOCKET_BAD;
    if (result != CURLE_OK) {
        char why[CURL_ERROR_SIZE]; /* the owner may close us before it reads */
        snprintf(why, sizeof why, "%s", *c->trouble ? c->trouble : curl_easy_strerror(result));
        down(c, why);
        return;
    }
    curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd);
    c->fd = fd == CURL_SOCKET_BAD ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (c->fd < 0 || uv_poll_init(loop_uv(c->loop), &c->poll, c->fd) != 0) {
        down(c, "the connection cannot be watched");
        return;
    }
    c->poll.data = c;
    c->has_poll = true;
    watch(c);
    c->h.on_up(c->arg);
}

static void configure(CURL *easy, const struct stream_client_options *o) {
    char url[320];
    snprintf(url, sizeof url, "%s://%s", o->is_tls ? "https" : "http", o->address);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_SSL_ENABLE_ALPN, 0L);
    if (o->ca && *o->ca)
        curl_easy_setopt(easy, CURLOPT_CAINFO, o->ca);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)o->connect_timeout_s);
}

struct stream_client *stream_client_open(struct loop *l, struct transfers *t,
                                         const struct stream_client_options *o,
                                         const struct stream_client_handlers *h, void *arg) {
    struct stream_client *c = xcalloc(1, sizeof *c);
    *c = (struct stream_client){
        .loop = l, .transfers = t, .easy = curl_easy_init(), .fd = -1, .h = *h, .arg = arg};
    if (c->easy) {
        configure(c->easy, o);
        curl_easy_setopt(c->easy, CURLOPT_ERRORBUFFER, c->trouble);
        if (transfers_add(t, c->easy, true, connected, c) == 0)
            return c;
        curl_easy_cleanup(c->easy);
    }
    free(c);
    return NULL;
}

static void flush(void *arg) {
    struct stream_client *c = arg;
    c->soon--;
    c->is_flush_due = false;
    if (c->is_closed)
        try_destroy(c);
    else if (c->has_poll && !c->is_down)
        push(c);
}

void stream_client_write(struct stream_client *c, struct span bytes) {
    if (c->is_down || c->is_closed)
        return;
    buf_add(&c->out, bytes.p, bytes.n);
    if (c->is_flush_due)
        return;
    c->is_flush_due = true;
    c->soon++;
    loop_soon(c->loop, flush, c);
}

size_t stream_client_pending_bytes(const struct stream_client *c) {
    return c->out.n;
}

void stream_client_close(struct stream_client **client) {
    struct stream_client *c = *client;
    if (!c)
        return;
    *client = NULL;
    if (c->has_poll && !c->is_down)
        push(c);
    c->is_closed = true;
    if (c->has_poll) {
        uv_poll_stop(&c->poll);
        uv_close((uv_handle_t *)&c->poll, poll_closed);
    }
    transfers_remove(c->transfers, c->easy);
    curl_easy_cleanup(c->easy);
    try_destroy(c);
}
