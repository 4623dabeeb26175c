/* SPDX-License-Identifier: EUPL-1.2 */
/* stream and child: an echo server over TCP and a unix socket, limits, idle time; lines of a child. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/base/arena.h"
#include "gateway/base/buf.h"
#include "gateway/net/child.h"
#include "gateway/net/stream.h"

static struct loop *loop;
static struct stream_server *server;
static int opened, closed_streams, idles;
static struct buf got;
static bool client_closed, server_closed;

static void *on_open(void *arg, struct stream *s) {
    opened++;
    stream_idle_ms(s, *(uint64_t *)arg);
    stream_write(s, SPAN("220 hi\r\n"));
    return arg;
}
static void on_data(void *user, struct stream *s, struct span bytes) {
    (void)user;
    stream_write(s, bytes);
    if (memchr(bytes.p, 'q', bytes.n)) stream_close_after_write(s);
}
static void on_idle(void *user, struct stream *s) {
    (void)user;
    idles++;
    stream_write(s, SPAN("421 idle\r\n"));
    stream_close_after_write(s);
}
static void on_close(void *user, struct stream *s) {
    (void)user;
    (void)s;
    closed_streams++;
}
static const struct stream_handlers handlers = {on_open, on_data, on_idle, on_close};

static void give(uv_handle_t *h, size_t want, uv_buf_t *b) {
    static char room[4096];
    (void)h;
    (void)want;
    *b = uv_buf_init(room, sizeof room);
}
static void client_gone(uv_handle_t *h) {
    client_closed = true;
    free(h);
}
static void client_got(uv_stream_t *s, ssize_t n, const uv_buf_t *b) {
    if (n > 0) buf_add(&got, b->base, (size_t)n);
    if (n < 0) uv_close((uv_handle_t *)s, client_gone);
}
static void client_connected(uv_connect_t *c, int status) {
    ck_assert_int_eq(status, 0);
    uv_read_start(c->handle, give, client_got);
    if (c->data) {
        uv_buf_t b = uv_buf_init(c->data, (unsigned)strlen(c->data));
        ck_assert_int_eq(uv_try_write(c->handle, &b, 1), (int)b.len);
    }
}

static void talk(const char *path, const char *text) {
    uv_connect_t connect = {.data = (void *)(uintptr_t)text};
    client_closed = false;
    buf_clear(&got);
    if (path) {
        uv_pipe_t *p = xcalloc(1, sizeof *p);
        uv_pipe_init(loop_uv(loop), p, 0);
        uv_pipe_connect(&connect, p, path, client_connected);
    } else {
        struct sockaddr_in a;
        uv_tcp_t *t = xcalloc(1, sizeof *t);
        uv_tcp_init(loop_uv(loop), t);
        uv_ip4_addr("127.0.0.1", stream_server_port(server), &a);
        ck_assert_int_eq(uv_tcp_connect(&connect, t, (struct sockaddr *)&a, client_connected), 0);
    }
    while (!client_closed) uv_run(loop_uv(loop), UV_RUN_ONCE);
}

static void say_closed(void *arg) {
    *(bool *)arg = true;
}

static void finish(void) {
    stream_server_close(&server, say_closed, &server_closed);
    while (!server_closed) uv_run(loop_uv(loop), UV_RUN_ONCE);
    buf_free(&got);
    loop_free(&loop);
}

static const struct {
    const char *send, *want;
    int max;
    uint64_t idle_ms;
} rows[] = {{"abcq", "220 hi\r\nabcq", 5, 0}, {NULL, "220 hi\r\n421 idle\r\n", 5, 40}, {NULL, "421 full\r\n", 0, 0}};

START_TEST(echo) {
    for (int is_unix = 0; is_unix < 2; is_unix++) {
        char folder[64] = "/tmp/draht-test-XXXXXX", path[100], address[120] = "127.0.0.1:0";
        ck_assert_ptr_nonnull(mkdtemp(folder));
        snprintf(path, sizeof path, "%s/s.sock", folder);
        if (is_unix) snprintf(address, sizeof address, "unix:%s", path);
        struct fault f = {0};
        uint64_t idle_ms = rows[_i].idle_ms;
        opened = closed_streams = 0;
        server_closed = false;
        loop = loop_new();
        struct stream_server_options o = {.address = address, .connections_max = rows[_i].max, .refuse_line = "421 full\r\n"};
        server = stream_server_new(loop, &o, &handlers, &idle_ms, &f);
        ck_assert_msg(server != NULL, "%s", f.text);
        struct stream_server *second = is_unix ? stream_server_new(loop, &o, &handlers, &idle_ms, &f) : NULL;
        ck_assert_ptr_null(second); /* a socket that lives is not taken away */
        talk(is_unix ? path : NULL, rows[_i].send);
        ck_assert(span_eq(buf_span(&got), rows[_i].want));
        ck_assert_int_eq(opened, rows[_i].max ? 1 + is_unix : 0); /* the second server knocked, too */
        finish();
        ck_assert_int_eq(closed_streams, opened);
        unlink(path);
        rmdir(folder);
    }
}
END_TEST

static struct buf lines;
static int64_t exit_status;
static struct child *kid;

static void on_line(void *arg, int fd, struct span line) {
    (void)arg;
    buf_addf(&lines, "%d:%.*s|", fd, (int)line.n, line.p);
}
static void on_exit_cb(void *arg, int64_t status, int sig) {
    (void)arg;
    exit_status = sig ? -sig : status;
    child_end(&kid, 0);
    loop_stop(loop);
}

START_TEST(child_lines) {
    loop = loop_new();
    const char *const argv[] = {"sh", "-c", "read x; echo got $x; echo err >&2; printf 123456789; exit 3", NULL};
    struct child_options o = {.argv = argv, .on_line = on_line, .on_exit = on_exit_cb, .line_max = 6};
    kid = child_spawn(loop, &o, NULL);
    ck_assert_ptr_nonnull(kid);
    child_write(kid, SPAN("it\n"));
    loop_run(loop);
    ck_assert_int_eq(exit_status, 3);
    ck_assert_ptr_nonnull(strstr(lines.p, "1:got it|"));
    ck_assert_ptr_nonnull(strstr(lines.p, "2:err|"));
    ck_assert_ptr_nonnull(strstr(lines.p, "1:123456|"));
    buf_free(&lines);
    loop_free(&loop);
}
END_TEST

START_TEST(child_killed_after_grace) {
    loop = loop_new();
    const char *const argv[] = {"sh", "-c", "trap '' TERM; echo up; while :; do read x; done", NULL};
    struct child_options o = {.argv = argv, .on_line = on_line, .on_exit = on_exit_cb};
    kid = child_spawn(loop, &o, NULL);
    ck_assert_ptr_nonnull(kid);
    while (lines.n == 0) uv_run(loop_uv(loop), UV_RUN_ONCE);
    child_end(&kid, 30);
    loop_run(loop);
    ck_assert_int_eq(exit_status, -9);
    buf_free(&lines);
    loop_free(&loop);
}
END_TEST

int main(void) {
    TCase *c = tcase_create("stream");
    tcase_set_timeout(c, 20);
    tcase_add_loop_test(c, echo, 0, 3);
    tcase_add_test(c, child_lines);
    tcase_add_test(c, child_killed_after_grace);
    Suite *s = suite_create("stream");
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
