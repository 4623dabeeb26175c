/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * http_load: sends prepared HTTP/1.1 requests over kept connections, one unanswered on each, and measures until the last answer:
 * the same for everybody who is measured, and cheap enough not to be what is measured. Requests stand in FILE, each ended by a
 * NUL. Every answer must have STATUS and a Content-Length. Usage: http_load PORT CONNECTIONS STATUS FILE
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

#include "gateway/base/buf.h"

enum { READ_BYTES = 65536, CONNECTIONS_MAX = 1000 };

struct peer {
    uv_tcp_t tcp;
    uv_connect_t connecting;
    uv_write_t writing;
    struct buf in;
};

static struct {
    uv_loop_t *loop;
    const char *status;
    const char *at, *end; /* requests still to be sent */
    uint64_t sent, answered, began_ns;
} g;

static void fail(const char *what, const char *detail) {
    fprintf(stderr, "http_load: %s: %s\n", what, detail);
    exit(1);
}

static void on_written(uv_write_t *w, int status) {
    (void)w;
    if (status != 0) fail("write", uv_strerror(status));
}

static void next(struct peer *p) {
    if (g.at >= g.end) {
        uv_close((uv_handle_t *)&p->tcp, NULL);
        return;
    }
    size_t n = strlen(g.at);
    uv_buf_t b = uv_buf_init((char *)g.at, (unsigned)n);
    g.at += n + 1;
    g.sent++;
    if (uv_write(&p->writing, (uv_stream_t *)&p->tcp, &b, 1, on_written) != 0) fail("write", "the connection is gone");
}

/* Bytes of the answer at the beginning of in; 0: not all there yet. */
static size_t answer_bytes(const struct buf *in) {
    static const char name[] = "\r\ncontent-length:";
    const char *end = memmem(in->p, in->n, "\r\n\r\n", 4);
    if (!end) return 0;
    if (in->n < 12 || memcmp(in->p + 9, g.status, 3) != 0) fail("another status than expected", in->p);
    for (const char *h = in->p; h < end; h++)
        if (strncasecmp(h, name, sizeof name - 1) == 0) {
            size_t all = (size_t)(end + 4 - in->p) + strtoul(h + sizeof name - 1, NULL, 10);
            return all <= in->n ? all : 0;
        }
    fail("no Content-Length", in->p);
    return 0;
}

static char shared[READ_BYTES];
static void on_alloc(uv_handle_t *h, size_t n, uv_buf_t *b) {
    (void)h;
    (void)n;
    *b = uv_buf_init(shared, sizeof shared);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b) {
    struct peer *p = s->data;
    if (n < 0) fail("read", uv_strerror((int)n));
    buf_add(&p->in, b->base, (size_t)n);
    size_t all = answer_bytes(&p->in);
    if (!all) return;
    buf_drop(&p->in, all);
    g.answered++;
    next(p);
}

static void on_connected(uv_connect_t *c, int status) {
    struct peer *p = c->data;
    if (status != 0) fail("connect", uv_strerror(status));
    uv_tcp_nodelay(&p->tcp, 1);
    uv_read_start((uv_stream_t *)&p->tcp, on_alloc, on_read);
    next(p);
}

static void load(const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END) != 0) fail("cannot be read", path);
    long n = ftell(f);
    rewind(f);
    char *all = malloc((size_t)n + 1);
    if (n <= 0 || !all || fread(all, 1, (size_t)n, f) != (size_t)n || all[n - 1] != 0) fail("cannot be read, or does not end in a NUL", path);
    fclose(f);
    g.at = all;
    g.end = all + n;
}

int main(int argc, char **argv) {
    if (argc != 5) fail("usage", "http_load PORT CONNECTIONS STATUS FILE");
    int port = atoi(argv[1]), n = atoi(argv[2]);
    if (n < 1 || n > CONNECTIONS_MAX) fail("CONNECTIONS", "1 to 1000");
    g.loop = uv_default_loop();
    g.status = argv[3];
    load(argv[4]);
    struct sockaddr_in to;
    uv_ip4_addr("127.0.0.1", port, &to);
    struct peer *peers = calloc((size_t)n, sizeof *peers);
    if (!peers) abort();
    g.began_ns = uv_hrtime();
    for (int i = 0; i < n; i++) {
        uv_tcp_init(g.loop, &peers[i].tcp);
        peers[i].tcp.data = peers[i].connecting.data = &peers[i];
        uv_tcp_connect(&peers[i].connecting, &peers[i].tcp, (const struct sockaddr *)&to, on_connected);
    }
    uv_run(g.loop, UV_RUN_DEFAULT);
    printf("{\"answered\":%" PRIu64 ",\"seconds\":%.4f}\n", g.answered, (double)(uv_hrtime() - g.began_ns) / 1e9);
    return 0;
}
