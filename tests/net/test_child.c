/* SPDX-License-Identifier: EUPL-1.2 */
/* What waits for a program that does not read is bounded, on each side of the limit; a program that reads loses no byte. */
#include <check.h>
#include <stdlib.h>

#include "gateway/base/arena.h"
#include "gateway/net/child.h"

#define LIMIT_BYTES ((size_t)4 << 20)
#define PIPE_BYTES_MAX ((size_t)1 << 20) /* what the kernel may take by itself */

static struct {
    struct loop *loop;
    struct child *child;
    size_t came;
    bool has_ended;
} t;

static void on_bytes(void *arg, struct span bytes) {
    (void)arg;
    t.came += bytes.n;
}

static void on_exit_(void *arg, int64_t status, int signal) {
    (void)arg, (void)status, (void)signal;
    t.has_ended = true;
    if (t.child)
        child_end(&t.child, 0);
}

static void start(const char *script) {
    const char *const argv[] = {"sh", "-c", script, NULL};
    struct child_options o = {.argv = argv, .on_bytes = on_bytes, .on_exit = on_exit_, .has_group = true};
    struct fault f = {0};
    t.came = 0;
    t.has_ended = false;
    t.loop = loop_new();
    t.child = child_spawn(t.loop, &o, &f);
    ck_assert_msg(t.child != NULL, "%s", f.text);
}

static void end(void) {
    loop_run(t.loop); /* until nothing of the child is left */
    ck_assert(t.has_ended);
    loop_free(&t.loop);
}

/* Writes of step bytes until one is refused: how much was taken. */
static size_t fill(size_t step) {
    char *bytes = xcalloc(step, 1);
    size_t taken = 0;
    int rc = 0;
    while (taken < 8 * LIMIT_BYTES && (rc = child_write(t.child, (struct span){bytes, step})) == 0)
        taken += step;
    ck_assert_int_eq(rc, ERR_LIMIT);
    free(bytes);
    return taken;
}

START_TEST(test_both_sides_of_the_limit) {
    start("sleep 600");
    ck_assert_int_eq(child_write(t.child, (struct span){"", 0}), 0);
    size_t taken = fill(65536);
    taken += fill(1); /* to the last byte */
    ck_assert_msg(taken >= LIMIT_BYTES && taken <= LIMIT_BYTES + PIPE_BYTES_MAX, "%zu", taken);
    ck_assert_int_eq(child_write(t.child, (struct span){"x", 1}), ERR_LIMIT);
    child_end(&t.child, 1);
    end();
}
END_TEST

START_TEST(test_one_write_beyond_the_limit) {
    char *bytes = xcalloc(LIMIT_BYTES + 1, 1);
    start("exec cat");
    ck_assert_int_eq(child_write(t.child, (struct span){bytes, LIMIT_BYTES + 1}), ERR_LIMIT);
    ck_assert_int_eq(child_write(t.child, (struct span){bytes, LIMIT_BYTES}), 0);
    free(bytes);
    while (t.came < LIMIT_BYTES)
        uv_run(loop_uv(t.loop), UV_RUN_ONCE);
    child_close_stdin(t.child);
    ck_assert_int_eq(child_write(t.child, (struct span){"x", 1}), ERR_CLOSED);
    end();
    ck_assert_uint_eq(t.came, LIMIT_BYTES);
}
END_TEST

int main(void) {
    Suite *s = suite_create("child");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, test_both_sides_of_the_limit);
    tcase_add_test(c, test_one_write_beyond_the_limit);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
