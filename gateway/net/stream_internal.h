/* SPDX-License-Identifier: EUPL-1.2 */
/* stream_internal: what stream.c (life) and stream_io.c (bytes) share. Private to the two. */
#ifndef DRAHT_NET_STREAM_INTERNAL_H
#define DRAHT_NET_STREAM_INTERNAL_H

#include "gateway/net/stream.h"

#define STREAM_PEER_BYTES 64

union stream_handle {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
};

struct stream_server {
    union stream_handle uv;
    struct loop *loop;
    struct stream_handlers h;
    void *arg;
    char *refuse_line;
    int connections_max, per_ip_max, port;
    bool is_unix, closing, handle_closed;
    struct stream *streams;
    size_t streams_n;
    void (*closed_cb)(void *arg);
    void *closed_arg;
};

struct stream {
    union stream_handle uv;
    struct stream_server *server;
    struct stream *prev, *next;
    void *user;
    struct loop_timer *idle;
    uint64_t idle_ms;
    size_t pending_bytes;
    bool opened, paused, closing, close_after_write;
    char peer[STREAM_PEER_BYTES];
};

void stream_read_on(struct stream *s);
void stream_shut(struct stream *s);

#endif
