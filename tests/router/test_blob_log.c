/* SPDX-License-Identifier: EUPL-1.2 */
/* blob_log: what was committed is there after any end, what was not does no harm, names lead to nothing but their own record. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "router/blob_log.h"

#define SEGMENT 100000
static char dir[] = "/tmp/draht-blob-log-XXXXXX";
static struct fault f;

static struct blob_log *log_open(void) {
    struct blob_log *l = blob_log_open(dir, SEGMENT, &f);
    ck_assert_msg(l != NULL, "%s", f.text);
    return l;
}

static void content(size_t i, struct buf *out) {
    buf_clear(out);
    buf_addf(out, "record %zu ", i);
    for (size_t k = 0; k < i * 37 % 3000; k++) buf_add(out, "\0x", 2);
    buf_add(out, "\0", 1); /* content may end in zeros */
}

static void is_there(const struct blob_log *l, const char *name, size_t i) {
    struct buf want = {0}, got = {0};
    content(i, &want);
    ck_assert_int_eq(blob_log_read(l, name, &got), 0);
    ck_assert_uint_eq(got.n, want.n);
    ck_assert_int_eq(memcmp(got.p, want.p, want.n), 0);
    buf_free(&want);
    buf_free(&got);
}

static void add(struct blob_log *l, size_t i, char name[BLOB_LOG_NAME_BYTES + 1]) {
    struct buf b = {0};
    content(i, &b);
    blob_log_name(l, name);
    blob_log_add(l, name, buf_span(&b));
    buf_free(&b);
}

START_TEST(batches_over_segments_and_restarts) {
    static char names[200][BLOB_LOG_NAME_BYTES + 1];
    struct blob_log *l = log_open();
    for (size_t i = 0; i < 200; i++) {
        add(l, i, names[i]);
        ck_assert_uint_eq(strlen(names[i]), BLOB_LOG_NAME_BYTES);
        ck_assert(blob_log_has(names[i]));
        if (i % 7 == 6 || i == 199) ck_assert_int_eq(blob_log_commit(l), 0);
        if (i % 50 == 48) {
            blob_log_close(&l);
            l = log_open();
            for (size_t k = i - i % 7; k <= i; k++) /* the batch that was never committed: again */
                if (i % 7 != 6) add(l, k, names[k]);
        }
    }
    blob_log_close(&l);
    l = log_open();
    for (size_t i = 0; i < 200; i++) is_there(l, names[i], i);
    ck_assert_int_ne(strncmp(names[0], names[199], 8), 0);
    blob_log_close(&l);
}
END_TEST

/* The process is gone between write and answer: zeros and half a record lie at the end. */
START_TEST(torn_end) {
    char a[BLOB_LOG_NAME_BYTES + 1], b[BLOB_LOG_NAME_BYTES + 1], path[200];
    int wire[2];
    ck_assert_int_eq(pipe(wire), 0);
    pid_t child = fork();
    if (child == 0) { /* ends as by kill -9: nobody closes the log */
        struct blob_log *l = log_open();
        add(l, 5, a);
        if (blob_log_commit(l) == 0 && write(wire[1], a, sizeof a) == sizeof a) _exit(0);
        _exit(1);
    }
    ck_assert_int_eq((int)read(wire[0], a, sizeof a), (int)sizeof a);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    snprintf(path, sizeof path, "%s/%.8s.log", dir, a);
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_gt((long long)st.st_size, (long long)BLOB_LOG_AHEAD_BYTES);
    int fd = open(path, O_WRONLY);
    ck_assert_int_eq((int)pwrite(fd, "BLG1\xff\xff", 6, 5000), 6);
    close(fd);
    struct blob_log *again = log_open();
    add(again, 6, b);
    ck_assert_int_eq(blob_log_commit(again), 0);
    is_there(again, a, 5);
    is_there(again, b, 6);
    blob_log_close(&again);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_lt((long long)st.st_size, 20000);
}
END_TEST

START_TEST(foreign_names) {
    char a[BLOB_LOG_NAME_BYTES + 1], x[BLOB_LOG_NAME_BYTES + 1];
    struct buf got = {0};
    struct blob_log *l = log_open();
    add(l, 5, a);
    ck_assert_int_eq(blob_log_commit(l), 0);
    static const struct { int at; char c; } changes[] = {{7, '9'}, {0, 'f'}, {15, '1'}, {8, 'f'}, {31, 'x'}, {16, 0}};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        memcpy(x, a, sizeof x);
        x[changes[i].at] = changes[i].c ? changes[i].c : x[16] == '0' ? '1' : '0';
        ck_assert_int_eq(blob_log_read(l, x, &got), ENOENT);
    }
    ck_assert(!blob_log_has("00000000aaaaaaaaaaaaaaaaaaaaaaaa"));
    ck_assert_uint_eq(got.n, 0);
    buf_free(&got);
    blob_log_close(&l);
}
END_TEST

START_TEST(full_disk) {
    char a[BLOB_LOG_NAME_BYTES + 1], b[BLOB_LOG_NAME_BYTES + 1];
    struct buf got = {0};
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit old, full;
    getrlimit(RLIMIT_FSIZE, &old);
    full = old;
    full.rlim_cur = 1000;
    struct blob_log *l = log_open();
    setrlimit(RLIMIT_FSIZE, &full);
    add(l, 50, a); /* larger than the disk */
    ck_assert_int_ne(blob_log_commit(l), 0);
    add(l, 0, b); /* fits, without zeros ahead */
    ck_assert_int_eq(blob_log_commit(l), 0);
    is_there(l, b, 0);
    setrlimit(RLIMIT_FSIZE, &old);
    add(l, 50, a);
    ck_assert_int_eq(blob_log_commit(l), 0);
    is_there(l, a, 50);
    is_there(l, b, 0);
    buf_free(&got);
    blob_log_close(&l);
}
END_TEST

START_TEST(two_writers) {
    char a[BLOB_LOG_NAME_BYTES + 1], b[BLOB_LOG_NAME_BYTES + 1], c[BLOB_LOG_NAME_BYTES + 1];
    struct blob_log *one = log_open(), *two = log_open();
    for (int i = 0; i < 3; i++) {
        add(one, 8, a);
        add(two, 9, b);
        ck_assert_int_eq(blob_log_commit(two), 0);
        ck_assert_int_eq(blob_log_commit(one), 0);
        is_there(two, a, 8);
        is_there(one, b, 9);
    }
    blob_log_close(&one);
    blob_log_close(&two);
    one = log_open();
    add(one, 7, c);
    ck_assert_int_eq(blob_log_commit(one), 0);
    is_there(one, a, 8);
    is_there(one, b, 9);
    is_there(one, c, 7);
    blob_log_close(&one);
}
END_TEST

START_TEST(no_folder) {
    ck_assert_ptr_null(blob_log_open("/nonexistent/blobs", 0, &f));
    ck_assert_ptr_nonnull(strstr(f.text, "/nonexistent/blobs"));
}
END_TEST

static void setup(void) {
    strcpy(dir + sizeof dir - 7, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
}
static void teardown(void) {
    char path[200];
    for (int i = 0; i < 20; i++) {
        snprintf(path, sizeof path, "%s/%08x.log", dir, (unsigned)i);
        unlink(path);
    }
    ck_assert_int_eq(rmdir(dir), 0);
}

int main(void) {
    Suite *s = suite_create("blob_log");
    TCase *c = tcase_create("blob_log");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, batches_over_segments_and_restarts);
    tcase_add_test(c, torn_end);
    tcase_add_test(c, foreign_names);
    tcase_add_test(c, full_disk);
    tcase_add_test(c, two_writers);
    tcase_add_test(c, no_folder);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
