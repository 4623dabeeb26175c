/* SPDX-License-Identifier: EUPL-1.2 */
/* HTTP server and WebSocket as a peer sees them: raw bytes over loopback sockets, whole, byte by
 * byte, oversize and broken. At the end the loop closes empty. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "gateway/base/buf.h"
#include "gateway/base/error.h"
#include "gateway/net/http_server.h"
#include "gateway/net/ws.h"

#define UPGRADE "GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"

struct talk { /* one conversation on a pool thread */
    int port;
    struct span send;
    bool bytewise;
    size_t head_n; /* after so many bytes the client waits for the answer's head (RFC 6455 4.1) */
    const char *until; /* stop reading when this was seen; NULL: until the peer closes */
    struct buf got;
    bool timed_out;
};

static struct loop *loop;
static struct http_server *server;
static struct http_exchange *parked;
static struct loop_timer *later;
static int gone_calls, ws_closes;

static void converse(void *arg) {
    struct talk *t = arg;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)t->port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct timeval limit = {.tv_sec = 8};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0) abort();
    char in[4096];
    for (size_t i = 0; i < t->send.n;) {
        size_t end = i < t->head_n ? t->head_n : t->send.n, step = t->bytewise ? 1 : end - i;
        if (send(fd, t->send.p + i, step, MSG_NOSIGNAL) < 0) break;
        i += step;
        while (i == t->head_n && !(t->got.n && memmem(t->got.p, t->got.n, "\r\n\r\n", 4))) {
            ssize_t n = recv(fd, in, sizeof in, 0);
            if (n <= 0) break;
            buf_add(&t->got, in, (size_t)n);
        }
    }
    for (;;) {
        ssize_t n = recv(fd, in, sizeof in, 0);
        if (n < 0) t->timed_out = true;
        if (n <= 0) break;
        buf_add(&t->got, in, (size_t)n);
        if (t->until && memmem(t->got.p, t->got.n, t->until, strlen(t->until))) break;
    }
    close(fd);
}

static void conversed(void *arg, int status) {
    (void)arg;
    (void)status;
    loop_stop(loop);
}

static void run_talk(struct talk *t) {
    t->port = http_server_port(server);
    ck_assert_int_eq(loop_work(loop, converse, conversed, t), 0);
    loop_run(loop);
}

static void echo(void *arg, struct http_exchange *x) {
    (void)arg;
    struct span q = http_query(x, "q"), token = http_header(x, "x-token"), b = http_body(x);
    char *text = arena_printf(http_arena(x), "[%.*s|%.*s|%.*s|%.*s|%.*s|%s]", (int)http_path(x).n, http_path(x).p,
                              (int)q.n, q.p ? q.p : "", (int)token.n, token.p ? token.p : "",
                              (int)http_cookie(x, "sid").n, http_cookie(x, "sid").p ? http_cookie(x, "sid").p : "",
                              (int)b.n, b.p ? b.p : "", http_peer(x));
    http_respond(x, 200, "text/plain", span_str(text));
}

static void answer_later(void *arg) {
    loop_timer_stop(&later);
    http_respond(arg, 200, "text/plain", SPAN("late"));
}

static void wait_a_bit(void *arg, struct http_exchange *x) {
    (void)arg;
    later = loop_timer(loop, 50, 0, answer_later, x);
}

static void parked_gone(void *arg) {
    (void)arg;
    gone_calls++;
    http_respond(parked, 200, NULL, SPAN_NONE);
    loop_stop(loop);
}

static void park(void *arg, struct http_exchange *x) {
    (void)arg;
    parked = x;
    http_on_gone(x, parked_gone, NULL);
}

static char big[300000];
static void send_big(void *arg, struct http_exchange *x) {
    (void)arg;
    http_respond_static(x, 200, "text/plain", (struct span){big, sizeof big});
}

static bool refuse_head(void *arg, struct http_exchange *x) {
    (void)arg;
    http_problem(x, 401, "unauthorized", "no");
    return false;
}

static int on_handshake(void *arg, const struct ws_handshake *h, void **user) {
    (void)arg;
    *user = &ws_closes;
    return span_eq(h->origin, "http://evil") ? 403 : 0;
}
static void on_open(void *user, struct ws *w) {
    (void)user;
    ck_assert_int_eq(ws_send(w, SPAN("hello")), 0);
}
static void on_text(void *user, struct ws *w, struct span text) {
    (void)user;
    if (span_eq(text, "bye")) ws_close(w, 1000, "bye");
    else ck_assert_int_eq(ws_send(w, text), 0);
}
static void on_close(void *user, struct ws *w) {
    (void)w;
    (*(int *)user)++;
}

static void start_server(void) {
    struct fault f = {0};
    memset(big, 'b', sizeof big);
    ws_closes = gone_calls = 0;
    loop = loop_new();
    struct http_server_options o = {.host = "127.0.0.1", .connections_max = 50, .trust_forwarded = true};
    server = http_server_new(loop, &o, &f);
    ck_assert_msg(server != NULL, "%s", f.text);
    http_server_route(server, &(struct http_route){.methods = "GET POST", .path = "/echo", .body_max = 1000, .handler = echo});
    http_server_route(server, &(struct http_route){.methods = "GET POST", .path = "/p/*", .handler = echo});
    http_server_route(server, &(struct http_route){.methods = "GET", .path = "/late", .handler = wait_a_bit});
    http_server_route(server, &(struct http_route){.methods = "GET", .path = "/park", .handler = park});
    http_server_route(server, &(struct http_route){.methods = "GET", .path = "/big", .handler = send_big});
    http_server_route(server, &(struct http_route){.methods = "POST", .path = "/closed", .handler = echo, .on_head = refuse_head});
    ws_server_route(server, &(struct ws_route){.path = "/chat", .protocol = "draht.chat.1", .message_max = 1000,
        .on_handshake = on_handshake, .on_open = on_open, .on_text = on_text, .on_close = on_close});
}

static void closed(void *arg) {
    (void)arg;
    loop_stop(loop);
}

static void stop_server(void) {
    http_server_close(server, closed, NULL);
    loop_run(loop);
    loop_free(&loop);
}

static const struct {
    const char *name, *send, *want, *want2;
} rows[] = {
    {"get", "GET /echo?q=a%20b%C3%A4 HTTP/1.1\r\nHost: x\r\nX-Token: t1\r\nCookie: a=1; sid=s2\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK", "[/echo|a b\xc3\xa4|t1|s2||127.0.0.1]"},
    {"prefix", "GET /p/some%20where HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "200 OK", "[/p/some where|"},
    {"forwarded", "GET /echo HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 6.6.6.6, 203.0.113.9\r\nConnection: close\r\n\r\n", "200 OK", "|203.0.113.9]"},
    {"post", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody", "200 OK", "|body|"},
    {"post without length", "POST /echo HTTP/1.1\r\nHost: x\r\n\r\n", "200 OK", "|||127.0.0.1]"},
    {"post empty", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "200 OK", "[/echo|"},
    {"chunked", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n3;x=y\r\nabc\r\n0\r\n\r\n", "200 OK", "|bodyabc|"},
    {"chunked broken", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 400", "problem+json"},
    {"chunked too large", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n", "HTTP/1.1 413", "too_large"},
    {"too large", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\nxx", "HTTP/1.1 413", "too_large"},
    {"length and chunks", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 400", ""},
    {"not found", "GET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 404", "not_found"},
    {"wrong method", "DELETE /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 405", "method_not_allowed"},
    {"head", "HEAD /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 200", "content-length: 300000\r\n\r\n"},
    {"late", "GET /late HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "200 OK", "late"},
    {"on_head refuses", "POST /closed HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody", "HTTP/1.1 401", "unauthorized"},
    {"two on one connection", "GET /late HTTP/1.1\r\nHost: x\r\n\r\nGET /echo?q=2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "late", "[/echo|2|"},
    {"ws no protocol", UPGRADE "\r\n", "HTTP/1.1 400", "Bad Request"},
    {"ws other protocol", UPGRADE "Sec-WebSocket-Protocol: foo\r\n\r\n", "HTTP/1.1 400", ""},
    {"ws evil origin", UPGRADE "Origin: http://evil\r\nSec-WebSocket-Protocol: draht.chat.1\r\n\r\n", "HTTP/1.1 403", ""},
};

START_TEST(answers) {
    for (int bytewise = 0; bytewise < 2; bytewise++) {
        struct talk t = {.send = span_str(rows[_i].send), .bytewise = bytewise};
        run_talk(&t);
        ck_assert_ptr_nonnull(t.got.p);
        ck_assert_msg(!t.timed_out, "%s: not closed: %s", rows[_i].name, t.got.p);
        ck_assert_msg(strstr(t.got.p, rows[_i].want) != NULL, "%s: %s", rows[_i].name, t.got.p);
        ck_assert_msg(strstr(t.got.p, rows[_i].want2) != NULL, "%s: %s", rows[_i].name, t.got.p);
        buf_free(&t.got);
    }
}
END_TEST

/* Whatever the answer is: no 200, no crash, and the server still works. */
static const char *const broken[] = {
    "GET /echo%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "GET /p/../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "GET /p/%2e%2e/%2e%2e/etc HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "NONSENSE\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
};
START_TEST(refuses) {
    struct talk t = {.send = span_str(broken[_i])};
    run_talk(&t);
    ck_assert_msg(!t.got.p || !strstr(t.got.p, "200 OK"), "%s", t.got.p);
    buf_free(&t.got);
}
END_TEST

START_TEST(huge_head) {
    struct buf b = {0};
    buf_adds(&b, "GET /echo HTTP/1.1\r\nHost: x\r\nX-Long: ");
    for (int i = 0; i < 40000; i++) buf_adds(&b, "a");
    buf_adds(&b, "\r\n\r\n");
    struct talk t = {.send = buf_span(&b)};
    run_talk(&t);
    ck_assert_msg(!t.got.p || !strstr(t.got.p, "200 OK"), "%s", t.got.p);
    buf_free(&t.got);
    buf_free(&b);
}
END_TEST

START_TEST(big_body_out) {
    struct talk t = {.send = SPAN("GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")};
    run_talk(&t);
    ck_assert_uint_gt(t.got.n, sizeof big);
    buf_free(&t.got);
}
END_TEST

static void leave(void *arg) {
    int *fd = arg;
    close(*fd);
}

START_TEST(peer_goes_away) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)http_server_port(server))};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    struct span r = SPAN("GET /park HTTP/1.1\r\nHost: x\r\n\r\n");
    ck_assert_int_eq(send(fd, r.p, r.n, 0), (int)r.n);
    struct loop_timer *t = loop_timer(loop, 50, 0, leave, &fd);
    loop_run(loop);
    loop_timer_stop(&t);
    ck_assert_int_eq(gone_calls, 1);
}
END_TEST

static void add_frame(struct buf *b, int first, struct span text) {
    unsigned char head[8] = {(unsigned char)first, (unsigned char)(0x80 | (text.n < 126 ? text.n : 126))};
    size_t n = 2;
    if (text.n >= 126) {
        head[n++] = (unsigned char)(text.n >> 8);
        head[n++] = (unsigned char)text.n;
    }
    memset(head + n, 0, 4); /* a mask of zeroes leaves the text as it is */
    buf_add(b, head, n + 4);
    buf_add(b, text.p, text.n);
}

static void run_ws(struct talk *t, struct buf *frames) {
    struct buf all = {0};
    buf_adds(&all, UPGRADE "Sec-WebSocket-Protocol: draht.chat.1\r\n\r\n");
    t->head_n = all.n;
    buf_add(&all, frames->p, frames->n);
    t->send = buf_span(&all);
    run_talk(t);
    buf_free(&all);
    buf_free(frames);
}

static bool has(const struct talk *t, struct span what) {
    return memmem(t->got.p, t->got.n, what.p, what.n) != NULL;
}

START_TEST(ws_echo) {
    struct buf b = {0};
    add_frame(&b, 0x01, SPAN("o")); /* text in three frames */
    add_frame(&b, 0x00, SPAN("n"));
    add_frame(&b, 0x80, SPAN("e"));
    add_frame(&b, 0x81, SPAN("two"));
    add_frame(&b, 0x81, SPAN("bye"));
    struct talk t = {.bytewise = _i};
    run_ws(&t, &b);
    ck_assert(!t.timed_out);
    ck_assert(has(&t, SPAN("HTTP/1.1 101")));
    ck_assert(has(&t, SPAN("\x81\x05hello\x81\x03one\x81\x03two\x88\x05\x03\xe8""bye")));
    buf_free(&t.got);
}
END_TEST

START_TEST(ws_too_long) {
    char text[1001];
    memset(text, 'x', sizeof text);
    struct buf b = {0};
    if (_i == 0) {
        add_frame(&b, 0x81, (struct span){text, sizeof text});
    } else {
        add_frame(&b, 0x01, (struct span){text, 999});
        add_frame(&b, 0x80, SPAN("xx"));
    }
    struct talk t = {0};
    run_ws(&t, &b);
    ck_assert(has(&t, SPAN("\x03\xf1")));
    buf_free(&t.got);
}
END_TEST

START_TEST(ws_not_utf8) {
    struct buf b = {0};
    add_frame(&b, 0x81, SPAN("a\xff""b"));
    struct talk t = {0};
    run_ws(&t, &b);
    ck_assert(has(&t, SPAN("\x03\xef")));
    buf_free(&t.got);
}
END_TEST

int main(void) {
    TCase *c = tcase_create("http");
    tcase_add_checked_fixture(c, start_server, stop_server);
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, answers, 0, (int)(sizeof rows / sizeof rows[0]));
    tcase_add_loop_test(c, refuses, 0, (int)(sizeof broken / sizeof broken[0]));
    tcase_add_test(c, huge_head);
    tcase_add_test(c, big_body_out);
    tcase_add_test(c, peer_goes_away);
    tcase_add_loop_test(c, ws_echo, 0, 2);
    tcase_add_loop_test(c, ws_too_long, 0, 2);
    tcase_add_test(c, ws_not_utf8);
    Suite *s = suite_create("http_server");
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
