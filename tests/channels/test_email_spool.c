/* SPDX-License-Identifier: EUPL-1.2 */
/* spool: whatever its size and however it is cut, a mail reads as it came; a full disk is an error and no signal. */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "channels/email/spool.h"
#include "gateway/base/error.h"

static const struct {
    size_t bytes, piece;
    int is_file;
} rows[] = {
    {0, 1, 0}, {1, 1, 0}, {SPOOL_MEMORY_BYTES - 1, 4096, 0}, {SPOOL_MEMORY_BYTES, 4096, 0}, {SPOOL_MEMORY_BYTES + 1, 4096, 1},
    {SPOOL_STEP_BYTES - 1, 65536, 1}, {SPOOL_STEP_BYTES, 65536, 1}, {SPOOL_STEP_BYTES + 1, 65536, 1}, {3 * SPOOL_STEP_BYTES + 7, 1000003, 1},
    {2 * SPOOL_STEP_BYTES, 2 * SPOOL_STEP_BYTES, 0}, /* one piece of a memory that exists already */
};

static char byte_at(size_t i) {
    return (char)(i * 2654435761u >> 13);
}

static void fill_and_compare(int i, int expect_file) {
    struct spool s = {0};
    char *all = malloc(rows[i].bytes + 1);
    for (size_t k = 0; k < rows[i].bytes; k++) all[k] = byte_at(k);
    for (int round = 0; round < 2; round++) {
        for (size_t at = 0; at < rows[i].bytes;) {
            size_t n = rows[i].piece < rows[i].bytes - at ? rows[i].piece : rows[i].bytes - at;
            ck_assert_int_eq(spool_add(&s, all + at, n), 0);
            at += n;
        }
        struct span got = spool_span(&s);
        ck_assert_uint_eq(got.n, rows[i].bytes);
        ck_assert_uint_eq(spool_bytes(&s), rows[i].bytes);
        if (got.n) ck_assert_int_eq(memcmp(got.p, all, got.n), 0);
        ck_assert_uint_eq(spool_memory(&s), expect_file ? 0 : rows[i].bytes);
        spool_clear(&s);
        ck_assert_uint_eq(spool_bytes(&s), 0);
    }
    spool_free(&s);
    free(all);
}

START_TEST(reads_as_it_came) {
    fill_and_compare(_i, rows[_i].is_file);
}
END_TEST

START_TEST(no_files_here) {
    setenv("TMPDIR", "/nonexistent", 1);
    fill_and_compare(_i, 0);
}
END_TEST

START_TEST(full_disk) {
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit small = {SPOOL_STEP_BYTES, SPOOL_STEP_BYTES};
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    struct spool s = {0};
    char *piece = calloc(1, 65536);
    size_t n = 0;
    while (spool_add(&s, piece, 65536) == 0) n += 65536;
    ck_assert_uint_gt(n, SPOOL_STEP_BYTES - 65537);
    ck_assert_uint_le(n, SPOOL_STEP_BYTES);
    ck_assert_int_eq(spool_add(&s, piece, 65536), ERR_UNAVAILABLE);
    ck_assert_uint_eq(spool_bytes(&s), n);
    free(piece);
    spool_free(&s);
}
END_TEST

int main(void) {
    Suite *s = suite_create("email.spool");
    TCase *c = tcase_create("spool");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, reads_as_it_came, 0, sizeof rows / sizeof *rows);
    tcase_add_loop_test(c, no_files_here, 0, sizeof rows / sizeof *rows);
    tcase_add_test(c, full_disk);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
