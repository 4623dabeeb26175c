/* SPDX-License-Identifier: EUPL-1.2 */
/* The channel kit: forms, origins, media types, names, rates. */
#include <check.h>
#include <stdlib.h>

#include "channels/kit/files.h"
#include "channels/kit/form.h"
#include "channels/kit/kit.h"
#include "channels/kit/multipart.h"

static struct arena *a;
static void setup(void) {
    a = arena_new();
}
static void teardown(void) {
    arena_free(&a);
}

static const struct {
    const char *type, *body;
    int rc;
    const char *message;
} forms[] = {
    {"application/x-www-form-urlencoded", "message=a+b%26c&x=1", 0, "a b&c"},
    {"application/x-www-form-urlencoded; charset=utf-8", "message=%zz%4", 0, "%zz%4"},
    {"application/x-www-form-urlencoded", "&&message=&=&", 0, ""},
    {"application/x-www-form-urlencoded", "", 0, NULL},
    {"text/plain", "message=a", ERR_UNSUPPORTED, NULL},
    {"", "", ERR_UNSUPPORTED, NULL},
    {"multipart/form-data; boundary=\"b\"", "--b\r\nContent-Disposition: form-data; name=\"message\"\r\n\r\nx\r\n--b--", 0, "x"},
    {"multipart/form-data; boundary=b", "--b\r\ncontent-disposition: form-data; name=message\r\n\r\n\r\n--b--\r\n", 0, ""},
    {"multipart/form-data; boundary=b",
     "--b\r\nContent-Disposition: form-data; name=\"message\"; filename=\"a\"\r\n\r\nx\r\n--b--", 0, NULL},
    {"multipart/form-data; boundary=b", "--b\r\n\r\nx\r\n--b--", ERR_INVALID, NULL},
    {"multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"message\"\r\n\r\nx", ERR_INVALID, NULL},
    {"multipart/form-data; boundary=b", "--b", ERR_INVALID, NULL},
    {"multipart/form-data; boundary=b", "", ERR_INVALID, NULL},
    {"multipart/form-data", "--b--", ERR_INVALID, NULL},
    {"multipart/form-data; boundary=0123456789012345678901234567890123456789012345678901234567890123456789X", "", ERR_INVALID,
     NULL},
};

START_TEST(test_forms) {
    struct form f;
    ck_assert_int_eq(form_parse(a, span_str(forms[_i].type), span_str(forms[_i].body), &f), forms[_i].rc);
    if (forms[_i].rc < 0)
        return;
    struct span v = form_value(&f, "message");
    ck_assert_int_eq(v.p != NULL, forms[_i].message != NULL);
    ck_assert(span_eq(v, forms[_i].message));
}
END_TEST

START_TEST(test_form_limits) {
    struct buf b = {0};
    struct form f;
    for (int i = 0; i <= FORM_FIELDS_MAX; i++)
        buf_adds(&b, "a=b&");
    ck_assert_int_eq(form_parse(a, SPAN("application/x-www-form-urlencoded"), buf_span(&b), &f), ERR_TOO_LARGE);
    buf_free(&b);
}
END_TEST

static const struct {
    const char *list, *origin;
    bool ok;
} origins[] = {
    {"https://stadt.test", "https://stadt.test", true},
    {"https://stadt.test https://b.test", "https://b.test", true},
    {"https://stadt.test", "https://stadt.test.evil.example", false},
    {"https://stadt.test", "https://evilstadt.test", false},
    {"https://stadt.test", "https://stadt.test/", false},
    {"https://stadt.test", "null", false},
    {"https://stadt.test", "", false},
    {"", "https://stadt.test", false},
    {"https://*.stadt.test", "https://www.stadt.test", true},
    {"https://*.stadt.test", "https://stadt.test", false},
    {"https://*.stadt.test", "https://wwwstadt.test", false},
    {"https://*.stadt.test", "https://.stadt.test", false},
    {"https://stadt.test:8443", "https://stadt.test:8443", true},
    {"https://stadt.test:8443", "https://stadt.test", false},
    {"javascript://x", "javascript://x", false},
};

START_TEST(test_origins) {
    ck_assert_int_eq(kit_origin_listed(span_str(origins[_i].list), span_str(origins[_i].origin)), origins[_i].ok);
}
END_TEST

START_TEST(test_loopback_is_one_host) {
    struct span url = SPAN("http://127.0.0.1:8080");
    ck_assert(kit_origin_same(url, SPAN("http://localhost:8080")));
    ck_assert(kit_origin_same(url, SPAN("http://[::1]:8080")));
    ck_assert(!kit_origin_same(url, SPAN("http://localhost:8081")));
    ck_assert(!kit_origin_same(url, SPAN("https://localhost:8080")));
    ck_assert(!kit_origin_same(SPAN("http://stadt.test:8080"), SPAN("http://localhost:8080")));
}
END_TEST

static const struct {
    const char *given, *safe;
} names[] = {{"a.pdf", "a.pdf"},         {"../../etc/passwd", "passwd"}, {"C:\\x\\y.doc", "y.doc"}, {"...", "datei"},
             {"", "datei"},              {".htaccess", "htaccess"},      {"a\"b<c>.txt", "a_b_c_.txt"},
             {"x\r\ny: z", "x\ny_ z"}, {"\xff\xfe.png", "\xef\xbf\xbd\xef\xbf\xbd.png"}};

START_TEST(test_names) {
    struct span got = kit_name(a, span_str(names[_i].given));
    ck_assert(got.n > 0 && got.n <= KIT_NAME_BYTES_MAX);
    for (size_t i = 0; i < got.n; i++)
        ck_assert((unsigned char)got.p[i] >= 0x20 && got.p[i] != '/' && got.p[i] != '"');
    if (!strchr(names[_i].safe, '\n'))
        ck_assert_msg(span_eq(got, names[_i].safe), "%.*s", (int)got.n, got.p);
}
END_TEST

START_TEST(test_long_name_is_cut_at_a_character) {
    char name[400];
    for (size_t i = 0; i + 1 < sizeof name; i += 2)
        memcpy(name + i, "\xc3\xa4", 2);
    struct span got = kit_name(a, (struct span){name, sizeof name});
    ck_assert_uint_eq(got.n, KIT_NAME_BYTES_MAX);
}
END_TEST

START_TEST(test_json_and_html_are_escaped) {
    struct buf b = {0};
    kit_json(&b, SPAN("a\"\\\n\t\x01<"));
    ck_assert_str_eq(b.p, "\"a\\\"\\\\\\n\\u0009\\u0001<\"");
    buf_clear(&b);
    kit_html(&b, SPAN("<a href=\"x\">&'"));
    ck_assert_str_eq(b.p, "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
    buf_free(&b);
}
END_TEST

static const struct {
    const char *type, *sent;
} types[] = {
    {"image/png", "image/png"},
    {"", "application/octet-stream"},
    {"word", "application/octet-stream"},
    {"a/b\r\nX: y", "application/octet-stream"},
    {"a/\xc3\xa4", "application/octet-stream"},
};

START_TEST(test_multipart_is_read_as_written) {
    uint8_t raw[KIT_BOUNDARY_RANDOM_BYTES] = {1, 255};
    struct kit_multipart m;
    struct form f;
    kit_multipart_begin(&m, raw);
    kit_multipart_field(&m, "chat_id", SPAN("42"));
    kit_multipart_file(&m, "photo", SPAN("../a\"b.png"), span_str(types[_i].type), SPAN("x\r\n--draht"));
    kit_multipart_end(&m);
    ck_assert_int_eq(form_parse(a, span_str(m.content_type), buf_span(&m.body), &f), 0);
    ck_assert_uint_eq(f.fields_n, 2);
    ck_assert(span_eq(form_value(&f, "chat_id"), "42"));
    ck_assert(span_eq(f.fields[1].value, "x\r\n--draht"));
    ck_assert(memchr(f.fields[1].file_name.p, '/', f.fields[1].file_name.n) == NULL);
    struct buf head = {0};
    buf_addf(&head, "Content-Type: %s\r\n\r\nx", types[_i].sent);
    ck_assert_ptr_nonnull(memmem(m.body.p, m.body.n, head.p, head.n));
    buf_free(&head);
    buf_free(&m.body);
}
END_TEST

START_TEST(test_the_same_is_told_once) {
    struct kit_told t = {0};
    ck_assert(!kit_told(&t, SPAN(""), false, 0, 1000));
    ck_assert(!kit_told(&t, SPAN("a"), true, 0, 1000));
    ck_assert(kit_told(&t, SPAN("a"), true, 999, 1000));
    ck_assert(!kit_told(&t, SPAN("a"), true, 1000, 1000));
    ck_assert(!kit_told(&t, SPAN("a"), false, 1001, 1000));
    ck_assert(!kit_told(&t, SPAN("b"), false, 1002, 1000));
}
END_TEST

START_TEST(test_buckets) {
    struct kit_bucket b = {0};
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(kit_bucket_take(&b, 5000, 10, 1000), 0);
    ck_assert_int_eq(kit_bucket_take(&b, 5000, 10, 1000), 1000);
    ck_assert_int_eq(kit_bucket_take(&b, 5999, 10, 1000), 1);
    ck_assert_int_eq(kit_bucket_take(&b, 6000, 10, 1000), 0);
    ck_assert_int_gt(kit_bucket_take(&b, 6000, 10, 1000), 0);
}
END_TEST

START_TEST(test_peers) {
    struct kit_peers *p = kit_peers_new(64, 42);
    ck_assert_int_eq(kit_peers_add(p, SPAN("a"), 1), 1);
    ck_assert_int_eq(kit_peers_add(p, SPAN("a"), 1), 2);
    ck_assert_int_eq(kit_peers_add(p, SPAN("b"), 0), 0);
    ck_assert_int_eq(kit_peers_add(p, SPAN("a"), -1), 1);
    for (int i = 0; i < 1000; i++) /* a flood of addresses neither grows nor crashes */
        kit_peers_add(p, span_str(arena_printf(a, "peer%d", i)), 1);
    kit_peers_free(&p);
}
END_TEST

#define ANY {{"*", 1}, 0}
#define MIB (1u << 20)
static const struct draht_file_kind any = ANY, small = {{"*", 1}, 25 * MIB}, two[] = {{{"image/*", 7}, 2 * MIB}, {{"text/plain audio/ogg", 20}, 600000}};
static const struct {
    struct draht_files limits;
    size_t n, bytes;
    const char *type, *fault; /* NULL: they keep the limits */
} files[] = {
    {{.kinds_n = 0}, 50, 1u << 30, "x/y", NULL},
    {{.kinds = &any, .kinds_n = 1}, 50, 1u << 30, "", NULL},
    {{.kinds = &small, .kinds_n = 1}, 2, 25 * MIB, "x/y", NULL},
    {{.kinds = &small, .kinds_n = 1}, 2, 25 * MIB + 1, "x/y", "size plan.x 25 MB"},
    {{.kinds = two, .kinds_n = 2}, 1, 2 * MIB, "image/png", NULL},
    {{.kinds = two, .kinds_n = 2}, 1, 2 * MIB, "audio/ogg", "size plan.x 600 KB"},
    {{.kinds = two, .kinds_n = 2}, 1, 1, "audio/mpeg", "kind plan.x"},
    {{.kinds = two, .kinds_n = 2}, 1, 1, "", "kind plan.x"},
    {{.count_max = 3, .kinds_n = 0}, 3, 1, "x/y", NULL},
    {{.count_max = 3, .kinds_n = 0}, 4, 1, "x/y", "count 3"},
    {{.total_max = 5000000, .kinds = &small, .kinds_n = 1}, 2, 2500000, "x/y", NULL},
    {{.total_max = 5000000, .kinds = &small, .kinds_n = 1}, 2, 2500001, "x/y", "total 5 MB"},
    {{.total_max = 5000000, .kinds = &small, .kinds_n = 1}, 1, 26 * MIB, "x/y", "total 5 MB"},
};

START_TEST(test_a_pause_ends) {
    struct kit_pause p = {0};
    ck_assert_uint_eq(kit_pause_left(&p, 1000), 0);
    kit_pause_set(&p, 1000, 500);
    ck_assert_uint_eq(kit_pause_left(&p, 1000), 500);
    kit_pause_set(&p, 1100, 10); /* a shorter one takes nothing away */
    ck_assert_uint_eq(kit_pause_left(&p, 1499), 1);
    ck_assert_uint_eq(kit_pause_left(&p, 1500), 0);
    kit_pause_set(&p, 2000, UINT64_MAX);
    ck_assert_uint_eq(kit_pause_left(&p, 2000), 3600000);
}
END_TEST

START_TEST(test_files_keep_the_limits) {
    static const struct kit_files_words words = {"count {max}", "kind {name}", "size {name} {max}", "total {max}", false};
    struct draht_attachment x[50];
    for (size_t i = 0; i < files[_i].n; i++)
        x[i] = (struct draht_attachment){.size = sizeof x[i], .name = kit_str("plan.x"), .type = kit_str(files[_i].type), .bytes = {"", files[_i].bytes}};
    const char *fault = kit_files_fault(a, &files[_i].limits, x, files[_i].n, &words);
    if (files[_i].fault)
        ck_assert_str_eq(fault ? fault : "none", files[_i].fault);
    else
        ck_assert_msg(!fault, "%s", fault);
}
END_TEST

static Suite *suite(void) {
    Suite *s = suite_create("kit");
    TCase *c = tcase_create("kit");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, test_forms, 0, sizeof forms / sizeof *forms);
    tcase_add_test(c, test_form_limits);
    tcase_add_loop_test(c, test_origins, 0, sizeof origins / sizeof *origins);
    tcase_add_test(c, test_loopback_is_one_host);
    tcase_add_loop_test(c, test_names, 0, sizeof names / sizeof *names);
    tcase_add_test(c, test_long_name_is_cut_at_a_character);
    tcase_add_test(c, test_json_and_html_are_escaped);
    tcase_add_loop_test(c, test_multipart_is_read_as_written, 0, sizeof types / sizeof *types);
    tcase_add_loop_test(c, test_files_keep_the_limits, 0, sizeof files / sizeof *files);
    tcase_add_test(c, test_the_same_is_told_once);
    tcase_add_test(c, test_buckets);
    tcase_add_test(c, test_a_pause_ends);
    tcase_add_test(c, test_peers);
    suite_add_tcase(s, c);
    return s;
}

int main(void) {
    SRunner *r = srunner_create(suite());
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
