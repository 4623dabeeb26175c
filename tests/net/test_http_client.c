/* SPDX-License-Identifier: EUPL-1.2 */
/* http_client against our own server on loopback, the egress guard, and the pure parsers. */
#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/buf.h"
#include "gateway/base/error.h"
#include "gateway/net/egress.h"
#include "gateway/net/http_client.h"
#include "gateway/net/http_server.h"
#include "gateway/net/http_text.h"

static const struct {
    const char *address;
    bool is_public;
} addresses[] = {
    {"127.0.0.1", false}, {"10.1.2.3", false}, {"172.16.0.1", false}, {"172.32.0.1", true},
    {"192.168.1.1", false}, {"169.254.169.254", false}, {"100.64.0.1", false}, {"100.128.0.1", true},
    {"0.0.0.0", false}, {"224.0.0.1", false}, {"255.255.255.255", false}, {"8.8.8.8", true},
    {"::1", false}, {"::", false}, {"fe80::1", false}, {"fd00::1", false}, {"ff02::1", false},
    {"::ffff:127.0.0.1", false}, {"64:ff9b::a00:1", false}, {"2002:7f00:1::", false},
    {"2001:db8::1", false}, {"2001:67c::1", true}, {"2a00::1", true},
};

START_TEST(guard) {
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    const char *a = addresses[_i].address;
    bool is_v4 = inet_pton(AF_INET, a, &v4.sin_addr) == 1;
    if (!is_v4) ck_assert_int_eq(inet_pton(AF_INET6, a, &v6.sin6_addr), 1);
    bool got = egress_is_public(is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6);
    ck_assert_msg(got == addresses[_i].is_public, "%s", a);
}
END_TEST

static struct loop *loop;
static int status, error;
static bool is_unsent;
static char body[64];
static int64_t retry_after_ms;

static void hello(void *arg, struct http_exchange *x) {
    (void)arg;
    if (span_eq(http_path(x), "/moved")) {
        http_set_header(x, "location", "/hello");
        http_respond(x, 302, NULL, SPAN_NONE);
    } else if (span_eq(http_path(x), "/busy")) {
        http_set_header(x, "retry-after", "7");
        http_problem(x, 429, "slow_down", NULL);
    } else {
        http_respond(x, 200, "text/plain", http_body(x).n ? http_body(x) : SPAN("hello"));
    }
}

static char chunked[64];
static struct http_call *to_cancel;
static void chunk_came(void *arg, struct span s) {
    (void)arg;
    size_t n = strlen(chunked);
    snprintf(chunked + n, sizeof chunked - n, "%.*s|", (int)s.n, s.p);
    if (to_cancel) {
        http_client_cancel(to_cancel);
        loop_stop(loop);
    }
}

static void answered(void *arg, const struct http_answer *a) {
    (void)arg;
    status = a->status;
    error = a->error;
    is_unsent = a->is_unsent;
    retry_after_ms = a->retry_after_ms;
    snprintf(body, sizeof body, "%.*s", (int)a->body.n, a->body.p ? a->body.p : "");
    loop_stop(loop);
}

static void server_closed(void *arg) {
    *(bool *)arg = true;
}

/* A server of ours and a client beside it. */
static struct http_server *server;
static struct transfers *transfers;
static struct http_client *client;

static void begin(void) {
    struct http_server_options so = {.host = "127.0.0.1", .connections_max = 10};
    loop = loop_new();
    server = http_server_new(loop, &so, NULL);
    ck_assert_ptr_nonnull(server);
    http_server_route(server, &(struct http_route){.methods = "GET POST", .path = "/*", .handler = hello});
    transfers = transfers_new(loop);
    client = http_client_new(transfers);
}

static void end(void) {
    bool closed = false;
    http_client_free(&client);
    transfers_free(&transfers);
    http_server_close(server, server_closed, &closed);
    while (!closed) uv_run(loop_uv(loop), UV_RUN_ONCE);
    loop_free(&loop);
}

static const char *url_of(const char *path) {
    static char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", http_server_port(server), path);
    return url;
}

static const struct {
    const char *method, *path, *send;
    bool allow_private;
    size_t answer_max;
    int status, error;
    const char *body;
    int64_t retry_after_ms;
} calls[] = {
    {"GET", "/hello", "", true, 0, 200, 0, "hello", -1},
    {"POST", "/hello", "over there", true, 0, 200, 0, "over there", -1},
    {"GET", "/moved", "", true, 0, 200, 0, "hello", -1},
    {"GET", "/busy", "", true, 0, 429, 0, NULL, 7000},
    {"GET", "/hello", "", false, 0, 0, ERR_FORBIDDEN, "", -1},
    {"GET", "/hello", "", true, 3, 0, ERR_TOO_LARGE, "", -1},
};

START_TEST(call) {
    begin();
    struct http_request r = {.method = calls[_i].method, .url = url_of(calls[_i].path), .body = span_str(calls[_i].send),
                             .allow_private = calls[_i].allow_private, .redirects_max = 2,
                             .answer_max = calls[_i].answer_max};
    ck_assert_ptr_nonnull(http_client_send(client, &r, answered, NULL));
    loop_run(loop);
    ck_assert_int_eq(status, calls[_i].status);
    ck_assert_int_eq(error, calls[_i].error);
    ck_assert_int_eq(is_unsent, error == ERR_FORBIDDEN);
    if (calls[_i].body) ck_assert_str_eq(body, calls[_i].body);
    ck_assert_int_eq(retry_after_ms, calls[_i].retry_after_ms);
    r.is_once = true;
    http_client_send(client, &r, answered, NULL); /* left open: freed with the client */
    r.url = "file:///etc/passwd";
    ck_assert_ptr_null(http_client_send(client, &r, answered, NULL));
    end();
}
END_TEST

/* More than may be under way at once, over connections that are kept: what ended leaves nothing behind. */
START_TEST(many) {
    begin();
    struct http_request r = {.method = "GET", .url = url_of("/hello"), .allow_private = true};
    for (int i = 0; i < 1100; i++) {
        ck_assert_msg(http_client_send(client, &r, answered, NULL) != NULL, "request %d", i);
        loop_run(loop);
        ck_assert_int_eq(status, 200);
    }
    end();
}
END_TEST

/* An answer in pieces; another status than 200 is an answer like any other; cancelled from within. */
static const struct {
    const char *path;
    bool is_cancelled;
    int status;
    const char *chunked, *body;
} streams[] = {
    {"/hello", false, 200, "hello|", ""},
    {"/busy", false, 429, "", NULL},
    {"/hello", true, -1, "hello|", "-"},
};

START_TEST(stream) {
    begin();
    struct http_request r = {.url = url_of(streams[_i].path), .allow_private = true, .on_chunk = chunk_came};
    chunked[0] = '\0';
    strcpy(body, "-");
    status = -1;
    struct http_call *k = http_client_send(client, &r, answered, NULL);
    to_cancel = streams[_i].is_cancelled ? k : NULL;
    loop_run(loop);
    ck_assert_str_eq(chunked, streams[_i].chunked);
    ck_assert_int_eq(status, streams[_i].status);
    if (streams[_i].body) ck_assert_str_eq(body, streams[_i].body);
    to_cancel = NULL;
    end();
}
END_TEST

static const struct {
    const char *text;
    int rc;
    const char *body;
} chunk_rows[] = {
    {"3\r\nabc\r\n0\r\n\r\n", 1, "abc"}, {"3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nx: y\r\n\r\n", 1, "abcde"},
    {"3\r\nab", 0, "ab"}, {"\r\n", ERR_PROTOCOL, ""}, {"g\r\n", ERR_PROTOCOL, ""},
    {"3\r\nabcd", ERR_PROTOCOL, "abc"}, {"11\r\n", ERR_TOO_LARGE, ""}, {"fffffffff\r\n", ERR_TOO_LARGE, ""},
};

START_TEST(chunks) {
    for (int bytewise = 0; bytewise < 2; bytewise++) {
        struct http_chunks c = {0};
        struct buf out = {0};
        int rc = 0;
        size_t n = strlen(chunk_rows[_i].text), step = bytewise ? 1 : n;
        for (size_t i = 0; i < n && rc == 0; i += step)
            rc = http_chunks_feed(&c, (struct span){chunk_rows[_i].text + i, step}, 16, &out);
        ck_assert_int_eq(rc, chunk_rows[_i].rc);
        ck_assert(span_eq(buf_span(&out), chunk_rows[_i].body));
        buf_free(&out);
    }
}
END_TEST

int main(void) {
    TCase *c = tcase_create("client");
    tcase_set_timeout(c, 20);
    tcase_add_loop_test(c, guard, 0, (int)(sizeof addresses / sizeof addresses[0]));
    tcase_add_loop_test(c, call, 0, (int)(sizeof calls / sizeof calls[0]));
    tcase_add_test(c, many);
    tcase_add_loop_test(c, stream, 0, (int)(sizeof streams / sizeof streams[0]));
    tcase_add_loop_test(c, chunks, 0, (int)(sizeof chunk_rows / sizeof chunk_rows[0]));
    Suite *s = suite_create("http_client");
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
