/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * stream: TCP and unix-socket byte streams for line protocols (LMTP): listen, read with
 * back-pressure, queued writes, idle time-out, per-connection user state.
 */
#ifndef DRAHT_NET_STREAM_H
#define DRAHT_NET_STREAM_H

#include "gateway/base/error.h"
#include "gateway/base/span.h"
#include "gateway/net/loop.h"

struct stream_server;
struct stream;

struct stream_handlers {
    void *(*on_open)(void *arg, struct stream *s); /* NULL refuses: the stream is closed */
    void (*on_data)(void *user, struct stream *s, struct span bytes); /* borrowed */
    void (*on_idle)(void *user, struct stream *s);  /* idle_ms passed without a byte read */
    void (*on_close)(void *user, struct stream *s); /* last call; s is invalid afterwards */
};
struct stream_server_options {
    const char *address; /* "127.0.0.1:2424" (port 0: ephemeral) or "unix:/path" (mode 0660, a stale
                            socket is replaced) */
    int connections_max; /* more are accepted, get refuse_line, and are closed */
    const char *refuse_line;
    int connections_per_ip_max; /* TCP; 0: no limit */
};
/* NULL and fault when the address cannot be bound. */
struct stream_server *stream_server_new(struct loop *l, const struct stream_server_options *o,
                                        const struct stream_handlers *h, void *arg,
                                        struct fault *f);
int stream_server_port(const struct stream_server *s);
/* Stops to listen; open streams go on. */
void stream_server_stop_accepting(struct stream_server *s);
/* Closes everything; cb after the last on_close. Sets NULL. */
void stream_server_close(struct stream_server **s, void (*cb)(void *arg), void *arg);

void stream_write(struct stream *s, struct span bytes); /* copied, queued in order */
size_t stream_pending_bytes(const struct stream *s);
void stream_pause(struct stream *s); /* no more on_data until resume; safe inside on_data */
void stream_resume(struct stream *s);
void stream_idle_ms(struct stream *s, uint64_t ms);
void stream_close_after_write(struct stream *s);
void stream_close(struct stream *s);             /* on_close follows in a later turn */
const char *stream_peer(const struct stream *s); /* address or "unix" */

#endif
