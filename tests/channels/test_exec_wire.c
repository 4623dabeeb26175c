/* SPDX-License-Identifier: EUPL-1.2 */
/* Lines of JSON-RPC, byte by byte: what is taken, what ends the conversation, and both sides of every limit; manifests and
 * settings as tables. */
#include <check.h>
#include <stdlib.h>

#include "channels/exec/manifest.h"
#include "channels/exec/wire.h"
#include "channels/settings.h"
#include "gateway/base/crypto.h"
#include "gateway/base/error.h"

#define HEAD "{\"jsonrpc\":\"2.0\","

struct row {
    const char *line;
    int kind; /* 0: refused */
};
static const struct row rows[] = {
    {HEAD "\"id\":1,\"method\":\"health\"}", WIRE_REQUEST},
    {HEAD "\"id\":\"a\",\"method\":\"health\",\"params\":{}}", WIRE_REQUEST},
    {HEAD "\"method\":\"log\",\"params\":{\"text\":\"a\\u0000b\"}}", WIRE_NOTE},
    {HEAD "\"id\":1,\"result\":null}", WIRE_RESPONSE},
    {HEAD "\"id\":1,\"result\":5,\"error\":null}", WIRE_RESPONSE},
    {HEAD "\"id\":1,\"error\":{\"code\":1,\"message\":\"x\"}}", WIRE_RESPONSE},
    {HEAD "\"id\":9007199254740992,\"method\":\"m\"}", WIRE_REQUEST},
    {HEAD "\"id\":9007199254740993,\"method\":\"m\"}", 0},
    {HEAD "\"id\":1.5,\"method\":\"m\"}", 0},
    {HEAD "\"id\":null,\"method\":\"m\"}", 0},
    {HEAD "\"id\":[1],\"result\":{}}", 0},
    {HEAD "\"id\":\"a\\u0000b\",\"method\":\"m\"}", 0},
    {HEAD "\"method\":\"\"}", 0},
    {HEAD "\"method\":7}", 0},
    {HEAD "\"method\":\"a\\u0000b\"}", 0},
    {HEAD "\"method\":\"m\",\"params\":[1]}", 0},
    {HEAD "\"method\":\"m\",\"id\":1,\"result\":{}}", 0},
    {HEAD "\"id\":1}", 0},
    {HEAD "\"id\":1,\"error\":\"no\"}", 0},
    {HEAD "\"method\":\"m\",\"params\":{\"n\":1e999}}", 0},
    {HEAD "\"method\":\"m\",\"method\":\"n\"}", 0},
    {HEAD "\"method\":\"m\"}" HEAD "\"method\":\"m\"}", 0},
    {HEAD "\"method\":\"m\",\"params\":{\"t\":\"\xff\"}}", 0},
    {HEAD "\"method\":\"m\",\"params\":{\"t\":\"\xed\xa0\x80\"}}", 0},
    {"{\"jsonrpc\":\"1.0\",\"method\":\"m\"}", 0},
    {"{\"method\":\"m\"}", 0},
    {"[" HEAD "\"method\":\"m\"}]", 0},
    {"", 0},
    {"null", 0},
    {"Welcome!", 0},
    {HEAD "\"id\":", 0},
};

/* What the whole input gives when it comes in pieces of step bytes: kind of the first message, 0 when refused, -1 nothing. */
static int feed(const char *text, size_t n, size_t step) {
    struct wire w = {0};
    struct wire_message m;
    char why[WIRE_SENTENCE_BYTES] = "";
    int rc = 0, kind = -1;
    for (size_t i = 0; i < n && rc == 0; i += step) {
        wire_feed(&w, (struct span){text + i, n - i < step ? n - i : step});
        rc = wire_next(&w, &m, why);
        if (rc > 0)
            kind = (int)m.kind;
        else if (rc < 0)
            kind = 0;
        ck_assert(rc >= 0 || *why);
        wire_message_free(&m);
    }
    wire_free(&w);
    return kind;
}

START_TEST(test_lines_byte_by_byte) {
    static const size_t steps[] = {1, 2, 7, 100000};
    const struct row *r = &rows[_i];
    struct buf b = {0};
    buf_addf(&b, "%s\n", r->line);
    for (size_t i = 0; i < 4; i++)
        ck_assert_msg(feed(b.p, b.n, steps[i]) == r->kind, "%s", r->line);
    buf_clear(&b);
    buf_addf(&b, "%s\r\n", r->line);
    ck_assert_msg(feed(b.p, b.n, 3) == r->kind, "CRLF %s", r->line);
    ck_assert_int_eq(feed(b.p, b.n - 2, 5), -1);
    buf_free(&b);
}
END_TEST

START_TEST(test_line_limit_both_sides) {
    static const char head[] = HEAD "\"method\":\"m\",\"params\":{\"t\":\"", tail[] = "\"}}";
    for (size_t more = 0; more < 2; more++) {
        struct buf b = {0};
        buf_adds(&b, head);
        while (b.n < WIRE_LINE_BYTES_MAX - strlen(tail) + more)
            buf_adds(&b, "a");
        buf_adds(&b, tail);
        ck_assert_uint_eq(b.n, WIRE_LINE_BYTES_MAX + more);
        buf_adds(&b, "\n");
        ck_assert_int_eq(feed(b.p, b.n, 8192), more ? 0 : WIRE_NOTE);
        buf_free(&b);
    }
}
END_TEST

START_TEST(test_ten_mebibytes_without_a_line_are_refused_early) {
    struct wire w = {0};
    struct wire_message m;
    char why[WIRE_SENTENCE_BYTES], part[8192];
    size_t given = 0;
    memset(part, 'a', sizeof part);
    while (given < (size_t)10 << 20) {
        wire_feed(&w, (struct span){part, sizeof part});
        given += sizeof part;
        if (wire_next(&w, &m, why) < 0)
            break;
    }
    ck_assert(given <= WIRE_LINE_BYTES_MAX + 2 * sizeof part);
    wire_free(&w);
}
END_TEST

START_TEST(test_depth_both_sides) {
    for (int more = 0; more < 2; more++) {
        struct buf b = {0};
        int depth = JSON_DEPTH_MAX - 2 + more; /* the line and params are two */
        buf_adds(&b, HEAD "\"method\":\"m\",\"params\":{\"a\":");
        for (int i = 0; i < depth; i++)
            buf_adds(&b, "[");
        for (int i = 0; i < depth; i++)
            buf_adds(&b, "]");
        buf_adds(&b, "}}\n");
        ck_assert_int_eq(feed(b.p, b.n, 64), more ? 0 : WIRE_NOTE);
        buf_free(&b);
    }
}
END_TEST

START_TEST(test_several_lines_in_one_read) {
    struct wire w = {0};
    struct wire_message m;
    char why[WIRE_SENTENCE_BYTES];
    struct buf b = {0};
    for (int i = 1; i <= 100; i++)
        buf_addf(&b, HEAD "\"id\":%d,\"method\":\"m\"}\n", i);
    wire_feed(&w, buf_span(&b));
    for (int i = 1; i <= 100; i++) {
        ck_assert_int_eq(wire_next(&w, &m, why), 1);
        ck_assert_int_eq(json_integer_value(m.id), i);
        wire_message_free(&m);
    }
    ck_assert_int_eq(wire_next(&w, &m, why), 0);
    wire_free(&w);
    buf_free(&b);
}
END_TEST

START_TEST(test_writing) {
    struct buf b = {0};
    json_t *id = json_string("x"), *big = json_object();
    ck_assert(wire_request(&b, 3, "send", NULL));
    ck_assert_str_eq(b.p, HEAD "\"id\":3,\"method\":\"send\",\"params\":{}}\n");
    buf_clear(&b);
    ck_assert(wire_result(&b, id, NULL));
    ck_assert_str_eq(b.p, HEAD "\"id\":\"x\",\"result\":{}}\n");
    buf_clear(&b);
    wire_error(&b, id, WIRE_NEVER, "No.");
    ck_assert_str_eq(b.p, HEAD "\"id\":\"x\",\"error\":{\"code\":-32002,\"message\":\"No.\"}}\n");
    buf_clear(&b);
    char *text = xcalloc(WIRE_LINE_BYTES_MAX + 1, 1);
    memset(text, 'a', WIRE_LINE_BYTES_MAX);
    json_puts(big, "text", text);
    ck_assert(!wire_request(&b, 4, "send", big));
    ck_assert_uint_eq(b.n, 0);
    free(text);
    json_decref(id);
    buf_free(&b);
}
END_TEST

START_TEST(test_bodies_come_back) {
    static const struct span bodies[] = {{"", 0}, {"Gr\xc3\xbc\xc3\x9f" "e\n", 8}, {"\x00\x01", 2}, {"\xff\xfe\xfd\xfc", 4}, {"\xff\xfe", 2}, {"\x7f", 1}};
    json_t *o = json_object();
    struct buf back = {0};
    wire_put_body(o, bodies[_i]);
    ck_assert(wire_get_body(o, &back));
    ck_assert(span_is(buf_span(&back), bodies[_i]));
    json_puts(o, "body_base64", "!!!");
    json_object_del(o, "body");
    buf_clear(&back);
    ck_assert(!wire_get_body(o, &back));
    json_puts(o, "body", "both");
    ck_assert(!wire_get_body(o, &back));
    buf_free(&back);
    json_decref(o);
}
END_TEST

static const struct {
    const char *text, *err; /* NULL: good */
} manifests[] = {
    {"{\"name\":\"fax\",\"protocol\":1}", NULL},
    {"{\"name\":\"fax\",\"protocol\":1,\"caps\":[\"attachments\",\"read\"],\"concurrency\":64,\"text_max\":5}", NULL},
    {"{\"name\":\"fax\",\"protocol\":2}", "protocol 2"},
    {"{\"name\":\"fax\"}", "protocol 0"},
    {"{\"protocol\":1}", "no name"},
    {"[]", "not an object"},
    {"{\"name\":\"fax\",\"protocol\":1,\"caps\":[\"flying\"]}", "no cap \"flying\""},
    {"{\"name\":\"fax\",\"protocol\":1,\"caps\":7}", "caps is not a list"},
    {"{\"name\":\"fax\",\"protocol\":1,\"concurrency\":65}", "concurrency must be"},
    {"{\"name\":\"fax\",\"protocol\":1,\"concurrency\":0}", "concurrency must be"},
    {"{\"name\":\"fax\",\"protocol\":1,\"text_max\":-1}", "text_max"},
    {"{\"name\":\"fax\",\"protocol\":1,\"options\":[{\"type\":\"int\"}]}", "no name of"},
    {"{\"name\":\"fax\",\"protocol\":1,\"options\":[{\"name\":\"a\",\"type\":\"map\"}]}", "type must be"},
    {"{\"name\":\"fax\",\"protocol\":1,\"options\":[{\"name\":\"a\",\"type\":\"enum\"}]}", "needs values"},
    {"{\"name\":\"fax\",\"protocol\":1,\"options\":[{\"name\":\"a\",\"type\":\"int\"},{\"name\":\"a\",\"type\":\"int\"}]}", "twice"},
};

START_TEST(test_manifests) {
    struct arena *a = arena_new();
    struct manifest m;
    char err[MANIFEST_ERR_BYTES] = "";
    json_t *v = json_parse(span_str(manifests[_i].text), 10000, NULL);
    int rc = manifest_read(a, v, &m, err);
    ck_assert_int_eq(rc == 0, manifests[_i].err == NULL);
    if (manifests[_i].err)
        ck_assert_msg(strstr(err, manifests[_i].err) != NULL, "%s", err);
    json_decref(v);
    arena_free(&a);
}
END_TEST

static const struct draht_option table[] = {
    {"number", DRAHT_OPT_STRING, NULL, 2, 5, NULL, DRAHT_OPT_REQUIRED, ""},
    {"pin", DRAHT_OPT_STRING, NULL, 0, 0, NULL, DRAHT_OPT_SECRET, ""},
    {"retries", DRAHT_OPT_INT, "3", 0, 9, NULL, 0, ""},
    {"fine", DRAHT_OPT_BOOL, NULL, 0, 0, NULL, 0, ""},
    {"mode", DRAHT_OPT_ENUM, "a", 0, 0, "a|b", 0, ""},
    {"names", DRAHT_OPT_LIST, "x, y", 0, 2, NULL, 0, ""},
    {0},
};
static const struct {
    const char *given, *out, *err;
} settings[] = {
    {"{\"number\":\"12\"}", "{\"number\":\"12\",\"pin\":\"\",\"retries\":3,\"fine\":false,\"mode\":\"a\",\"names\":[\"x\",\"y\"]}", NULL},
    {"{\"number\":\"12345\",\"retries\":\"9\",\"fine\":\"yes\",\"mode\":\"b\",\"names\":[\"p\"],\"pin\":\"s\"}",
     "{\"number\":\"12345\",\"pin\":\"s\",\"retries\":9,\"fine\":true,\"mode\":\"b\",\"names\":[\"p\"]}", NULL},
    {"{}", NULL, "number is missing"},
    {"{\"number\":\"1\"}", NULL, "2 to 5 characters"},
    {"{\"number\":\"123456\"}", NULL, "2 to 5 characters"},
    {"{\"number\":\"12\",\"retries\":\"10\"}", NULL, "retries must be 0 to 9"},
    {"{\"number\":\"12\",\"retries\":\"x\"}", NULL, "whole number"},
    {"{\"number\":\"12\",\"fine\":\"perhaps\"}", NULL, "true or false"},
    {"{\"number\":\"12\",\"mode\":\"c\"}", NULL, "one of a|b"},
    {"{\"number\":\"12\",\"names\":[\"p\",\"q\",\"r\"]}", NULL, "0 to 2 items"},
    {"{\"number\":[\"12\"]}", NULL, "single value"},
    {"{\"number\":\"12\",\"mod\":\"b\"}", NULL, "did you mean mode?"},
    {"{\"number\":\"12\",\"wholly\":\"b\"}", NULL, "unknown setting wholly"},
    {"{\"number\":\"12\",\"pin\":\"file:/nonexistent\"}", NULL, "pin: the secret file"},
};

START_TEST(test_settings) {
    char err[SETTINGS_ERR_BYTES] = "";
    json_t *given = json_parse(span_str(settings[_i].given), 10000, NULL);
    json_t *out = settings_check(given, table, err);
    ck_assert_int_eq(out != NULL, settings[_i].out != NULL);
    if (out) {
        json_t *want = json_parse(span_str(settings[_i].out), 10000, NULL);
        ck_assert(json_equal(out, want));
        json_decref(want);
    } else {
        ck_assert_msg(strstr(err, settings[_i].err) != NULL, "%s", err);
    }
    json_decref(out);
    json_decref(given);
}
END_TEST

int main(void) {
    crypto_init();
    Suite *s = suite_create("exec_wire");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, test_lines_byte_by_byte, 0, (int)(sizeof rows / sizeof *rows));
    tcase_add_test(c, test_line_limit_both_sides);
    tcase_add_test(c, test_ten_mebibytes_without_a_line_are_refused_early);
    tcase_add_test(c, test_depth_both_sides);
    tcase_add_test(c, test_several_lines_in_one_read);
    tcase_add_test(c, test_writing);
    tcase_add_loop_test(c, test_bodies_come_back, 0, 6);
    tcase_add_loop_test(c, test_manifests, 0, (int)(sizeof manifests / sizeof *manifests));
    tcase_add_loop_test(c, test_settings, 0, (int)(sizeof settings / sizeof *settings));
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
