/* SPDX-License-Identifier: EUPL-1.2 */
/* Arenas at the edges of their blocks, and the files that the binary carries. */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/embed.h"

static bool is_filled(const unsigned char *p, size_t n, size_t byte) {
    for (size_t i = 0; i < n; i++)
        if (p[i] != byte)
            return false;
    return true;
}

START_TEST(any_size) {
    struct arena *a = arena_new();
    static const size_t sizes[] = {0, 1, 7, 15, 16, 17, 4079, 4080, 4096, 65535, 65536, 65537, 1u << 20, 3};
    unsigned char *all[sizeof sizes / sizeof *sizes];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        all[i] = arena_alloc(a, sizes[i]);
        ck_assert_ptr_nonnull(all[i]);
        ck_assert_uint_eq((uintptr_t)all[i] % _Alignof(max_align_t), 0);
        ck_assert(is_filled(all[i], sizes[i], 0));
        memset(all[i], (int)i + 1, sizes[i]);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) /* nobody wrote into another's part */
        ck_assert(is_filled(all[i], sizes[i], i + 1));
    arena_free(&a);
    ck_assert_ptr_null(a);
    arena_free(&a);
}
END_TEST

START_TEST(many_small) {
    struct arena *a = arena_new();
    uint32_t *kept[2000];
    for (uint32_t i = 0; i < 2000; i++) {
        kept[i] = arena_alloc(a, sizeof **kept);
        *kept[i] = i;
    }
    for (uint32_t i = 0; i < 2000; i++)
        ck_assert_uint_eq(*kept[i], i);
    arena_free(&a);
}
END_TEST

START_TEST(texts) {
    struct arena *a = arena_new();
    ck_assert_str_eq(arena_strndup(a, "abcdef", 3), "abc");
    ck_assert_str_eq(arena_strdup(a, ""), "");
    ck_assert_ptr_null(arena_strdup(a, NULL));
    struct span s = arena_dup(a, (struct span){"a\0b", 3});
    ck_assert_uint_eq(s.n, 3);
    ck_assert_mem_eq(s.p, "a\0b", 4);
    ck_assert_uint_eq(arena_dup(a, SPAN_NONE).n, 0);
    char long_text[9000];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = 0;
    ck_assert_uint_eq(strlen(arena_printf(a, "%s-%d", long_text, 7)), sizeof long_text + 1);
    arena_free(&a);
    char *h = xstrndup("abc", 2);
    ck_assert_str_eq(h, "ab");
    h = xrealloc(h, 100);
    ck_assert_str_eq(h, "ab");
    free(h);
}
END_TEST

START_TEST(embedded) {
    const struct embed_file *f = embed_find(embed_functions, "draht.lua");
    ck_assert_ptr_nonnull(f);
    ck_assert_mem_eq(f->bytes, "#!lua name=draht_v1\n", 20);
    ck_assert_uint_eq(f->bytes[f->n], 0);
    ck_assert_ptr_nonnull(embed_find(embed_locales, "de.yaml"));
    ck_assert_ptr_null(embed_find(embed_locales, "de.yam"));
    ck_assert_ptr_null(embed_find(embed_locales, "de.yaml "));
    ck_assert_ptr_null(embed_find(embed_locales, ""));
    ck_assert_ptr_null(embed_find(embed_locales, "../locales/de.yaml"));
}
END_TEST

int main(void) {
    Suite *s = suite_create("base/memory");
    TCase *t = tcase_create("all");
    tcase_add_test(t, any_size);
    tcase_add_test(t, many_small);
    tcase_add_test(t, texts);
    tcase_add_test(t, embedded);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
