/* SPDX-License-Identifier: EUPL-1.2 */
/* stream: the listening side and the connections' life. Limits on connections are kept here; bytes
 * are in stream_io.c. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "gateway/base/arena.h"
#include "gateway/net/stream_internal.h"

#define BACKLOG 512
#define UNIX_MODE 0660

static void maybe_finish(void *arg) {
    struct stream_server *s = arg;
    if (!s->closing || s->streams_n > 0 || !s->handle_closed)
        return;
    void (*cb)(void *) = s->closed_cb;
    void *cb_arg = s->closed_arg;
    free(s->refuse_line);
    free(s);
    if (cb)
        cb(cb_arg);
}

static void stream_gone(uv_handle_t *h) {
    struct stream *s = h->data;
    struct stream_server *server = s->server;
    if (s->opened)
        server->h.on_close(s->user, s);
    if (s->prev)
        s->prev->next = s->next;
    else
        server->streams = s->next;
    if (s->next)
        s->next->prev = s->prev;
    server->streams_n--;
    free(s);
    maybe_finish(server);
}

void stream_shut(struct stream *s) {
    if (s->closing)
        return;
    s->closing = true;
    loop_timer_stop(&s->idle);
    uv_close(&s->uv.handle, stream_gone);
}

void stream_close(struct stream *s) {
    stream_shut(s);
}

static void name_peer(struct stream *s) {
    struct sockaddr_storage a;
    int n = sizeof a;
    snprintf(s->peer, sizeof s->peer, "unix");
    if (s->server->is_unix || uv_tcp_getpeername(&s->uv.tcp, (struct sockaddr *)&a, &n) != 0)
        return;
    uv_ip_name((struct sockaddr *)&a, s->peer, sizeof s->peer);
}

static bool is_over_limit(const struct stream_server *server, const struct stream *s) {
    if (server->streams_n > (size_t)server->connections_max)
        return true;
    if (server->per_ip_max <= 0 || server->is_unix)
        return false;
    int same = 0;
    for (const struct stream *o = server->streams; o; o = o->next)
        if (!o->closing && strcmp(o->peer, s->peer) == 0)
            same++;
    return same > server->per_ip_max;
}

static void came_in(uv_stream_t *listener, int status) {
    struct stream_server *server = listener->data;
    if (status < 0 || server->closing)
        return;
    struct stream *s = xcalloc(1, sizeof *s);
    s->server = server;
    if (server->is_unix)
        uv_pipe_init(loop_uv(server->loop), &s->uv.pipe, 0);
    else
        uv_tcp_init(loop_uv(server->loop), &s->uv.tcp);
    s->uv.handle.data = s;
    s->next = server->streams;
    if (s->next)
        s->next->prev = s;
    server->streams = s;
    server->streams_n++;
    if (uv_accept(listener, &s->uv.stream) != 0) {
        stream_shut(s);
        return;
    }
    name_peer(s);
    if (is_over_limit(server, s)) {
        if (server->refuse_line)
            stream_write(s, span_str(server->refuse_line));
        stream_close_after_write(s);
        return;
    }
    if (!server->is_unix)
        uv_tcp_nodelay(&s->uv.tcp, 1);
    s->user = server->h.on_open(server->arg, s);
    s->opened = s->user != NULL;
    if (!s->opened)
        stream_shut(s);
    else
        stream_read_on(s);
}

/* A socket file that nobody listens on is left from a crash; a live one must not be taken away. */
static int clear_stale(const char *path) {
    struct stat st;
    if (lstat(path, &st) != 0)
        return 0;
    if (!S_ISSOCK(st.st_mode))
        return UV_EADDRINUSE;
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof a.sun_path)
        return UV_ENAMETOOLONG;
    memcpy(a.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return UV_EMFILE;
    bool is_alive = connect(fd, (struct sockaddr *)&a, sizeof a) == 0 || errno == EAGAIN;
    close(fd);
    if (is_alive)
        return UV_EADDRINUSE;
    return unlink(path) == 0 ? 0 : UV_EACCES;
}

static int bind_unix(struct stream_server *s, const char *path) {
    s->is_unix = true;
    int rc = uv_pipe_init(loop_uv(s->loop), &s->uv.pipe, 0);
    if (rc == 0)
        rc = clear_stale(path);
    mode_t before = umask(~(mode_t)UNIX_MODE & 0777);
    if (rc == 0)
        rc = uv_pipe_bind(&s->uv.pipe, path);
    umask(before);
    return rc;
}

static int bind_tcp(struct stream_server *s, const char *address) {
    uv_tcp_init(loop_uv(s->loop), &s->uv.tcp);
    const char *colon = strrchr(address, ':');
    char host[64];
    if (!colon || colon == address || (size_t)(colon - address) >= sizeof host)
        return UV_EINVAL;
    bool bracket = address[0] == '[' && colon[-1] == ']';
    snprintf(host, sizeof host, "%.*s", (int)(colon - address) - (bracket ? 2 : 0),
             address + (bracket ? 1 : 0));
    unsigned long long port = 0;
    if (span_u64(span_str(colon + 1), 65535, &port) != 0)
        return UV_EINVAL;
    struct sockaddr_storage a;
    if (uv_ip4_addr(host, (int)port, (struct sockaddr_in *)&a) != 0 &&
        uv_ip6_addr(host, (int)port, (struct sockaddr_in6 *)&a) != 0)
        return UV_EINVAL;
    int rc = uv_tcp_bind(&s->uv.tcp, (struct sockaddr *)&a, 0);
    int n = sizeof a;
    if (rc == 0)
        rc = uv_tcp_getsockname(&s->uv.tcp, (struct sockaddr *)&a, &n);
    if (rc == 0)
        s->port = ntohs(((struct sockaddr_in *)&a)->sin_port); /* same place in v6 */
    return rc;
}

static void server_gone(uv_handle_t *h) {
    struct stream_server *s = h->data;
    s->handle_closed = true;
    maybe_finish(s);
}

void stream_server_stop_accepting(struct stream_server *s) {
    if (!uv_is_closing(&s->uv.handle))
        uv_close(&s->uv.handle, server_gone);
}

void stream_server_close(struct stream_server **s, void (*cb)(void *arg), void *arg) {
    if (!*s)
        return;
    struct stream_server *me = *s;
    *s = NULL;
    me->closed_cb = cb;
    me->closed_arg = arg;
    me->closing = true;
    for (struct stream *o = me->streams; o; o = o->next)
        stream_shut(o);
    if (!me->handle_closed)
        stream_server_stop_accepting(me);
    else
        loop_soon(me->loop, maybe_finish, me);
}

struct stream_server *stream_server_new(struct loop *l, const struct stream_server_options *o,
                                        const struct stream_handlers *h, void *arg,
                                        struct fault *f) {
    struct stream_server *s = xcalloc(1, sizeof *s);
    s->loop = l;
    s->h = *h;
    s->arg = arg;
    s->connections_max = o->connections_max;
    s->per_ip_max = o->connections_per_ip_max;
    s->refuse_line = o->refuse_line ? xstrdup(o->refuse_line) : NULL;
    int rc = strncmp(o->address, "unix:", 5) == 0 ? bind_unix(s, o->address + 5)
                                                  : bind_tcp(s, o->address);
    s->uv.handle.data = s;
    if (rc == 0)
        rc = uv_listen(&s->uv.stream, BACKLOG, came_in);
    if (rc == 0)
        return s;
    fault_set(f, rc, "cannot listen on %s: %s", o->address, uv_strerror(rc));
    stream_server_close(&s, NULL, NULL);
    return NULL;
}

int stream_server_port(const struct stream_server *s) {
    return s->port;
}
