/* SPDX-License-Identifier: EUPL-1.2 */
/* Facts that settings rest on: holidays of the states, secrets in files, the same texts in every language. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "config/secret.h"
#include "config/tree.h"
#include "gateway/base/clock.h"
#include "gateway/base/embed.h"

/* 2026 and 2027 as the states' laws have them; noon, so that every day is within the hours. */
START_TEST(holidays) {
    static const struct {
        const char *day;
        bool by, sn, be; /* open in Bavaria, Saxony, Berlin */
    } rows[] = {
        {"2026-01-01", false, false, false}, {"2026-01-06", false, true, true},   {"2026-03-09", true, true, true},
        {"2027-03-08", true, true, false},   {"2026-04-03", false, false, false}, {"2026-04-06", false, false, false},
        {"2026-05-01", false, false, false}, {"2026-05-14", false, false, false}, {"2026-05-25", false, false, false},
        {"2026-06-04", false, true, true},   {"2027-05-27", false, true, true},   {"2028-08-15", false, true, true},
        {"2028-10-31", true, false, true},   {"2027-11-01", false, true, true},   {"2026-11-18", true, false, true},
        {"2027-11-17", true, false, true},   {"2026-11-25", true, true, true},    {"2026-12-25", false, false, false},
        {"2028-12-26", false, false, false}, {"2026-12-24", true, true, true},
    };
    static const char *const states[] = {"BY", "SN", "BE"};
    struct config_hours hours[7];
    for (int d = 0; d < 7; d++)
        hours[d] = (struct config_hours){d, 480, 960};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[40];
        int64_t ms = 0;
        snprintf(text, sizeof text, "%sT12:00:00Z", rows[i].day);
        ck_assert_int_eq(clock_parse_rfc3339(text, &ms), 0);
        const bool open[] = {rows[i].by, rows[i].sn, rows[i].be};
        for (int k = 0; k < 3; k++) {
            const struct config_calendar c = {"x", "Europe/Berlin", hours, 7, &states[k], 1};
            ck_assert_msg(calendar_is_open(&c, ms) == open[k], "%s in %s", rows[i].day, states[k]);
        }
    }
}
END_TEST

static char dir[] = "/tmp/draht-facts-XXXXXX";

static const char *secret(struct arena *a, const char *text, size_t n, struct fault *f) {
    char path[64];
    snprintf(path, sizeof path, "%s/secret", dir);
    FILE *out = fopen(path, "w");
    ck_assert_ptr_nonnull(out);
    ck_assert_uint_eq(fwrite(text, 1, n, out), n);
    fclose(out);
    return secret_resolve(a, arena_printf(a, "file:%s", path), f);
}

START_TEST(secrets) {
    struct arena *a = arena_new();
    struct fault f = {0};
    char large[SECRET_MAX_BYTES + 2];
    memset(large, 's', sizeof large);
    ck_assert_str_eq(secret(a, "geheim wort\n", 12, &f), "geheim wort");
    ck_assert_str_eq(secret(a, "zeile\r\n\n", 8, &f), "zeile");
    ck_assert_uint_eq(strlen(secret(a, large, SECRET_MAX_BYTES, &f)), SECRET_MAX_BYTES);
    ck_assert_ptr_null(secret(a, large, SECRET_MAX_BYTES + 1, &f));
    ck_assert_int_eq(f.code, ERR_INVALID);
    ck_assert_ptr_null(secret(a, "a\0b", 3, &f));
    ck_assert_ptr_null(secret(a, "\n", 1, &f));
    ck_assert_ptr_null(secret_resolve(a, "file:relative", &f));
    ck_assert_int_eq(f.code, ERR_INVALID);
    ck_assert_ptr_null(secret_resolve(a, arena_printf(a, "file:%s", dir), &f));
    ck_assert_int_eq(f.code, ERR_INVALID);
    ck_assert_ptr_null(secret_resolve(a, arena_printf(a, "file:%s/none", dir), &f));
    ck_assert_int_eq(f.code, ERR_NOT_FOUND);
    char *pipe = arena_printf(a, "%s/pipe", dir);
    ck_assert_int_eq(mkfifo(pipe, 0600), 0);
    ck_assert_ptr_null(secret_resolve(a, arena_printf(a, "file:%s", pipe), &f)); /* and does not wait for a writer */
    unlink(pipe);
    ck_assert_str_eq(secret_resolve(a, "plain-word", &f), "plain-word");
    arena_free(&a);
}
END_TEST

static const struct tree_node *locale(struct arena *a, const char *name) {
    struct buf faults = {0};
    const struct embed_file *f = embed_find(embed_locales, name);
    ck_assert_ptr_nonnull(f);
    const struct tree_node *root = tree_parse(a, name, (struct span){(const char *)f->bytes, f->n}, &faults);
    ck_assert_msg(root != NULL, "%s", faults.p ? faults.p : "");
    buf_free(&faults);
    return root;
}

static void same_keys(const struct tree_node *a, const struct tree_node *b, const char *where) {
    for (const struct tree_node *m = a->first; m; m = m->next) {
        const struct tree_node *other = tree_get(b, m->key);
        ck_assert_msg(other && other->kind == m->kind, "%s: %s.%s", where, a->key ? a->key : "", m->key);
        if (m->kind == TREE_MAP)
            same_keys(m, other, where);
    }
}

START_TEST(locales) {
    static const char *const names[] = {"de.yaml", "en.yaml", "de-easy.yaml"};
    struct arena *a = arena_new();
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < 3; k++)
            same_keys(locale(a, names[i]), locale(a, names[k]), names[k]);
    arena_free(&a);
}
END_TEST

int main(void) {
    if (!mkdtemp(dir))
        return 1;
    Suite *s = suite_create("config/facts");
    TCase *t = tcase_create("all");
    tcase_add_test(t, holidays);
    tcase_add_test(t, secrets);
    tcase_add_test(t, locales);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    char path[64];
    snprintf(path, sizeof path, "%s/secret", dir);
    unlink(path);
    rmdir(dir);
    return failed != 0;
}
