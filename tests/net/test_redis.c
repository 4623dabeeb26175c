/* SPDX-License-Identifier: EUPL-1.2 */
/* redis against a real redis-server that the test starts itself (and kills with SIGKILL). child.c
 * starts it, so both are proven together. */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/base/error.h"
#include "gateway/net/child.h"
#include "gateway/net/redis.h"

static struct loop *loop;
static struct child *server;
static struct redis *redis;
static char folder[64], address[128], socket_path[100];
static int ready_calls, down_calls, answers, closed_answers, exits;
static bool want_on_ready_command;

static void server_exited(void *arg, int64_t status, int sig) {
    (void)arg;
    (void)status;
    (void)sig;
    exits++;
    child_end(&server, 0);
}

static void start_redis(void) {
    struct fault f = {0};
    const char *const argv[] = {"redis-server", "--port", "0", "--unixsocket", socket_path, "--save", "",
                                "--requirepass", "geheim", "--dir", folder, "--enable-debug-command", "yes", NULL};
    struct child_options o = {.argv = argv, .on_exit = server_exited};
    server = child_spawn(loop, &o, &f);
    ck_assert_msg(server != NULL, "%s", f.text);
}

static void answered(void *arg, int error, const struct redis_value *v) {
    (void)arg;
    if (error) return;
    ck_assert_int_eq(v->type, REDIS_STATUS);
    answers++;
}

static void on_ready(void *arg, struct redis *r) {
    (void)arg;
    ready_calls++;
    if (want_on_ready_command) redis_command(r, 1, &SPAN("PING"), answered, NULL);
    loop_stop(loop);
}

static void on_down(void *arg, struct redis *r, const char *why) {
    (void)arg;
    (void)r;
    (void)why;
    down_calls++;
}

static void set_up(void) {
    snprintf(folder, sizeof folder, "/tmp/draht-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(socket_path, sizeof socket_path, "%s/r.sock", folder);
    snprintf(address, sizeof address, "unix:%s", socket_path);
    ready_calls = down_calls = answers = closed_answers = exits = 0;
    loop = loop_new();
    start_redis();
    struct redis_options o = {.address = address, .password = "geheim", .db = 2, .timeout_ms = 1000,
                              .on_ready = on_ready, .on_down = on_down};
    redis = redis_new(loop, &o);
    loop_run(loop);
    ck_assert_int_eq(ready_calls, 1);
    down_calls = 0; /* attempts before the server listened */
}

static void tear_down(void) {
    redis_close(&redis);
    child_end(&server, 2000);
    loop_run(loop);
    loop_free(&loop);
    ck_assert_int_ge(exits, 1);
    rmdir(folder);
}

static void got_binary(void *arg, int error, const struct redis_value *v) {
    (void)arg;
    ck_assert_int_eq(error, 0);
    ck_assert_int_eq(v->type, REDIS_ARRAY);
    ck_assert_uint_eq(v->n, 4);
    ck_assert(span_is(v->a[0].s, SPAN("a\0b")));
    ck_assert_int_eq(v->a[1].type, REDIS_NIL);
    ck_assert_int_eq(v->a[2].type, REDIS_ARRAY);
    ck_assert_int_eq(v->a[2].a[0].i, 7);
    ck_assert(span_eq(v->a[3].s, "end"));
    answers++;
    loop_stop(loop);
}

START_TEST(values) {
    struct span set[] = {SPAN("SET"), SPAN("k"), SPAN("a\0b")};
    redis_command(redis, 3, set, answered, NULL);
    struct span eval[] = {SPAN("EVAL"), SPAN("return {redis.call('GET','k'),false,{7},'end'}"), SPAN("0")};
    redis_command(redis, 3, eval, got_binary, NULL);
    loop_run(loop);
    ck_assert_int_eq(answers, 2);
}
END_TEST

static void counted(void *arg, int error, const struct redis_value *v) {
    ck_assert_int_eq(error, 0);
    ck_assert_int_eq(v->i, ++answers);
    if (answers == *(int *)arg) loop_stop(loop);
}

START_TEST(pipelined) {
    int total = 20000;
    struct span incr[] = {SPAN("INCR"), SPAN("n")};
    for (int i = 0; i < total; i++) redis_command(redis, 2, incr, counted, &total);
    loop_run(loop);
    ck_assert_int_eq(answers, total);
}
END_TEST

static void cut_off(void *arg, int error, const struct redis_value *v) {
    ck_assert_ptr_null(v);
    ck_assert_int_eq(error, *(int *)arg);
    closed_answers++;
}

START_TEST(killed_and_back) {
    int expect = ERR_CLOSED, unavailable = ERR_UNAVAILABLE;
    struct span sleep_cmd[] = {SPAN("BLPOP"), SPAN("nothing"), SPAN("0")};
    redis_command(redis, 3, sleep_cmd, cut_off, &expect);
    kill(child_pid(server), SIGKILL);
    while (closed_answers == 0) uv_run(loop_uv(loop), UV_RUN_ONCE);
    ck_assert(!redis_is_ready(redis));
    ck_assert_int_eq(down_calls, 1);
    redis_command(redis, 3, sleep_cmd, cut_off, &unavailable);
    ck_assert_int_eq(closed_answers, 1);
    while (closed_answers == 1 || exits == 0) uv_run(loop_uv(loop), UV_RUN_ONCE);
    want_on_ready_command = true;
    start_redis();
    loop_run(loop);
    ck_assert_int_eq(ready_calls, 2);
    while (answers == 0) uv_run(loop_uv(loop), UV_RUN_ONCE);
}
END_TEST

START_TEST(late_answer) {
    int timeout = ERR_TIMEOUT, lost_too = ERR_CLOSED;
    struct span block[] = {SPAN("BLPOP"), SPAN("nothing"), SPAN("0")};
    redis_command(redis, 3, block, cut_off, &timeout);
    redis_command_timeout(redis, 3, block, 60000, cut_off, &lost_too);
    loop_run(loop); /* until it is ready again */
    ck_assert_int_eq(closed_answers, 2);
    ck_assert_int_eq(ready_calls, 2);
}
END_TEST

int main(void) {
    TCase *c = tcase_create("redis");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 30);
    tcase_add_test(c, values);
    tcase_add_test(c, pipelined);
    tcase_add_test(c, killed_and_back);
    tcase_add_test(c, late_answer);
    Suite *s = suite_create("redis");
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
