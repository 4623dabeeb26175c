/* SPDX-License-Identifier: EUPL-1.2 */
/* Spans, buffers, UTF-8 and JSON: tables of inputs at both sides of each limit. */
#include <check.h>
#include <stdlib.h>

#include "gateway/base/buf.h"
#include "gateway/base/json.h"
#include "gateway/base/utf8.h"

START_TEST(spans) {
    static const struct {
        const char *text;
        unsigned long long max;
        int rc;
        unsigned long long value;
    } numbers[] = {
        {"0", 0, 0, 0},
        {"1", 0, -1, 7},
        {"255", 255, 0, 255},
        {"256", 255, -1, 7},
        {"", 9, -1, 7},
        {"-1", 9, -1, 7},
        {"18446744073709551615", ~0ull, 0, ~0ull},
        {"18446744073709551616", ~0ull, -1, 7},
        {"1 ", 9, -1, 7},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        unsigned long long v = 7;
        ck_assert_int_eq(span_u64(span_str(numbers[i].text), numbers[i].max, &v), numbers[i].rc);
        ck_assert(v == numbers[i].value);
    }
    struct span rest = span_str("a,,b");
    ck_assert(span_eq(span_cut(&rest, ','), "a"));
    struct span piece = span_cut(&rest, ',');
    ck_assert(piece.p && piece.n == 0);
    ck_assert(span_eq(span_cut(&rest, ','), "b"));
    ck_assert_ptr_null(span_cut(&rest, ',').p);
    ck_assert(span_ieq(span_str("Message-ID"), "message-id") && !span_ieq(span_str("a"), "ab"));
    ck_assert(span_eq(span_trim(span_str(" \t x y\r\n")), "x y") &&
              span_trim(span_str("  ")).n == 0);
}
END_TEST

START_TEST(buffers) {
    struct buf b = {0};
    size_t n = 9;
    buf_addf(&b, "%s %d", "abc", 42);
    buf_drop(&b, 4);
    ck_assert_str_eq(b.p, "42");
    buf_drop(&b, 100);
    ck_assert_uint_eq(b.n, 0);
    for (int i = 0; i < 5000; i++)
        buf_add(&b, "xy", 2);
    ck_assert_uint_eq(b.n, 10000);
    char *p = buf_take(&b, &n);
    ck_assert(n == 10000 && p[n] == '\0' && !b.p);
    free(p);
}
END_TEST

START_TEST(utf8) {
    static const struct {
        const char *in;
        size_t n;
        bool is_valid;
        size_t count;
        const char *clean, *fold;
    } rows[] = {
        {"abc", 3, true, 3, "abc", "abc"},
        {"\xC3\x84 \xC3\x9F", 5, true, 3, "\xC3\x84 \xC3\x9F", "ae ss"},
        {"\xC0\x80", 2, false, 2, "\xEF\xBF\xBD", NULL},
        {"\xED\xA0\x80", 3, false, 3, "\xEF\xBF\xBD", NULL},
        {"\xF4\x8F\xBF\xBF", 4, true, 1, "\xF4\x8F\xBF\xBF", NULL},
        {"\xF4\x90\x80\x80", 4, false, 4, "\xEF\xBF\xBD", NULL},
        {"a\xE2\x82", 3, false, 3, "a\xEF\xBF\xBD", NULL},
        {"a\r\nb\rc\0d", 8, true, 8, "a\nb\ncd", NULL},
        {"\xC3\x89t\xC3\xA9 CAF\xC3\x89", 11, true, 8, NULL, "ete cafe"},
        {"u\xCC\x88", 3, true, 2, NULL, "ue"},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct span s = {rows[i].in, rows[i].n};
        ck_assert_msg(utf8_is_valid(s) == rows[i].is_valid, "row %zu", i);
        ck_assert_msg(utf8_count(s) == rows[i].count, "row %zu", i);
        if (rows[i].clean)
            ck_assert_str_eq(utf8_clean(a, s, 100, NULL).p, rows[i].clean);
        if (rows[i].fold)
            ck_assert_str_eq(utf8_fold(a, s).p, rows[i].fold);
    }
    struct utf8_notes notes;
    ck_assert_uint_eq(utf8_clean(a, span_str("a\xC3\xA4"), 3, &notes).n, 3);
    ck_assert(!notes.was_cut);
    ck_assert_uint_eq(utf8_clean(a, span_str("a\xC3\xA4"), 2, &notes).n, 1);
    ck_assert(notes.was_cut);
    utf8_clean(a, span_str("\xE2\x80\xAE\x01"), 9, &notes);
    ck_assert(notes.had_bidi && notes.had_controls);
    arena_free(&a);
}
END_TEST

static json_t *nested(int depth) {
    struct buf b = {0};
    for (int i = 0; i < depth; i++)
        buf_adds(&b, "[");
    for (int i = 0; i < depth; i++)
        buf_adds(&b, "]");
    json_t *v = json_parse(buf_span(&b), 1000, NULL);
    buf_free(&b);
    return v;
}

START_TEST(json) {
    char err[160] = "";
    static const char *const bad[] = {"",         "{",         "{}x", "{\"a\":1,\"a\":2}",
                                      "\"\xFF\"", "1234567890"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!json_parse(span_str(bad[i]), 9u + (i == 3 ? 10u : 0u), err) && *err, "%s",
                      bad[i]);
    json_t *v = nested(JSON_DEPTH_MAX);
    ck_assert_ptr_nonnull(v);
    json_decref(v);
    ck_assert_ptr_null(nested(JSON_DEPTH_MAX + 1));
    v = json_parse(SPAN("{\"s\":\"x\",\"n\":5,\"b\":true,\"t\":\"[[\\\"[\"}"), 100, err);
    ck_assert_str_eq(json_str(v, "s", ""), "x");
    ck_assert_str_eq(json_str(v, "n", "none"), "none");
    ck_assert_int_eq(json_int(v, "n", 0), 5);
    ck_assert(json_flag(v, "b", false) && !json_flag(v, "s", false));
    json_put(v, "bad", SPAN("a\xFF"));
    ck_assert_str_eq(json_str(v, "bad", ""), "a\xEF\xBF\xBD");
    json_decref(v);
}
END_TEST

static json_t *any_json(unsigned *seed, int depth) {
    char s[24];
    json_t *v;
    size_t n = (size_t)rand_r(seed) % sizeof s;
    for (size_t i = 0; i < n; i++)
        s[i] = (char)(rand_r(seed) % 128); /* quotes, backslashes, every control, NUL too */
    switch (rand_r(seed) % (depth ? 8 : 6)) {
    case 0:
        return json_integer(rand_r(seed) - RAND_MAX / 2);
    case 1:
        return json_real(rand_r(seed) / 8.0); /* all its digits are few */
    case 2:
        return rand_r(seed) % 2 ? json_true() : json_false();
    case 3:
        return json_null();
    case 6:
        v = json_array();
        for (size_t i = 0; i < n % 5; i++)
            json_array_append_new(v, any_json(seed, depth - 1));
        return v;
    case 7:
        v = json_object();
        for (size_t i = 0; i < n % 5; i++) {
            char key[16];
            snprintf(key, sizeof key, "\"k\n%d", rand_r(seed) % 9);
            json_object_set_new(v, key, any_json(seed, depth - 1));
        }
        return v;
    default:
        return n % 2 ? json_stringn(s, n) : json_string("ä€😀\x7F/");
    }
}

START_TEST(json_writes_the_fewest_digits) {
    static const struct {
        double v;
        const char *want;
    } rows[] = {{53.1, "53.1"},
                {8.2, "8.2"},
                {0, "0.0"},
                {-0.1, "-0.1"},
                {1e300, "1e+300"},
                {1.0 / 3, "0.3333333333333333"},
                {5e-324, "4.94065645841247e-324"},
                {9007199254740993.0, "9007199254740992.0"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *v = json_real(rows[i].v);
        char *own = json_text(v);
        ck_assert_str_eq(own, rows[i].want);
        free(own);
        json_decref(v);
    }
    for (unsigned i = 0; i < 3000; i++) {
        unsigned seed = i;
        double x = rand_r(&seed) / 7.0;
        json_t *v = json_real(x);
        char *own = json_text(v);
        json_t *back = json_parse(span_str(own), 100, NULL);
        ck_assert_msg(json_is_real(back) && json_real_value(back) == x, "seed %u: %s", i, own);
        free(own);
        json_decref(back);
        json_decref(v);
    }
}
END_TEST

START_TEST(json_writes_what_jansson_does) {
    for (unsigned i = 0; i < 3000; i++) {
        unsigned seed = i;
        json_t *v = any_json(&seed, 4);
        char *own = json_text(v), *theirs = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
        ck_assert_msg(!strcmp(own, theirs), "seed %u: %s is not %s", i, own, theirs);
        free(own);
        free(theirs);
        json_decref(v);
    }
    const json_int_t whole[] = {0, -1, 9, 10, -10, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        json_t *v = json_integer(whole[i]);
        char *own = json_text(v), *theirs = json_dumps(v, JSON_ENCODE_ANY);
        ck_assert_str_eq(own, theirs);
        free(own);
        free(theirs);
        json_decref(v);
    }
    char *none = json_text(NULL);
    ck_assert_str_eq(none, "null");
    free(none);
}
END_TEST

int main(void) {
    Suite *s = suite_create("base/text");
    TCase *t = tcase_create("all");
    tcase_add_test(t, spans);
    tcase_add_test(t, buffers);
    tcase_add_test(t, utf8);
    tcase_add_test(t, json);
    tcase_add_test(t, json_writes_what_jansson_does);
    tcase_add_test(t, json_writes_the_fewest_digits);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
