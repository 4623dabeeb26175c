/* SPDX-License-Identifier: EUPL-1.2 */
/* The generic channel's pure parts by tables: templates and their escapes, what is picked out of answers, fields of messages and
 * receipts in every alphabet, settings that do not fit, networks, and numbers. */
#include <check.h>
#include <stdlib.h>

#include "channels/sms_http/sms_http_private.h"
#include "gateway/base/crypto.h"
#include "gateway/base/utf8.h"

#define ROWS(a) (sizeof(a) / sizeof *(a))

static struct arena *arena;

START_TEST(templates) {
    static const struct sms_value values[] = {{"text", {"<a> & \"b\"\\\n\x01\xc3\xa4{to}", 18}}, {"to", {"+49", 3}}};
    static const struct {
        const char *text;
        enum sms_escape how;
        const char *want;
    } rows[] = {{"{to}", SMS_RAW, "+49"},
                {"x={to}&y", SMS_URL, "x=%2B49&y"},
                {"{text}", SMS_URL, "%3Ca%3E%20%26%20%22b%22%5C%0A%01%C3%A4%7Bto%7D"},
                {"{\"t\":\"{text}\"}", SMS_JSON, "{\"t\":\"<a> & \\\"b\\\"\\\\\\n\\u0001\xc3\xa4{to}\"}"},
                {"<t>{text}</t>", SMS_XML, "<t>&lt;a&gt; &amp; &quot;b&quot;\\\n\xc3\xa4{to}</t>"},
                {"X: {text}", SMS_HEADER, "X: <a> & \"b\"\\  \xc3\xa4{to}"},
                {"{} {To} {to", SMS_RAW, "{} {To} {to"},
                {"", SMS_RAW, ""}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct buf b = {0};
        sms_template(rows[i].text, rows[i].how, values, 2, &b);
        ck_assert_str_eq(b.p ? b.p : "", rows[i].want);
        buf_free(&b);
    }
    size_t n = 0;
    ck_assert_ptr_null(sms_template_stranger("{to} {\"x\":1} {}", values, 2, &n));
    ck_assert_ptr_nonnull(sms_template_stranger("{to} {too}", values, 2, &n));
    ck_assert_uint_eq(n, 5);
}
END_TEST

START_TEST(picks) {
    static const struct {
        const char *pick, *body, *want; /* NULL: not there */
    } rows[] = {{"status", "", "202"},
                {"json:/a/1/b~1c", "{\"a\":[0,{\"b/c\":\"x\"}]}", "x"},
                {"json:/a/2", "{\"a\":[0]}", NULL},
                {"json:/a/01x", "{\"a\":[0]}", NULL},
                {"json:/n", "{\"n\":9007199254740993}", "9007199254740993"},
                {"json:/n", "{\"n\":true}", "true"},
                {"json:/n", "{\"n\":null}", NULL},
                {"json:/n", "{\"n\":{}}", NULL},
                {"json:/n", "<html>", NULL},
                {"json:", "\"x\"", "x"},
                {"text:OK {}", " OK 77 queued\r\n", "77"},
                {"text:OK {}", "OK", NULL},
                {"text:OK {}", "ERR 5", NULL},
                {"text:0: Accepted", "0: Accepted for delivery", "0: Accepted"},
                {"text:*id={}&*", "result=0&id=abc&x=1", "abc"},
                {"text:*id={}&", "result=0&id=abc", NULL},
                {"text:*<id>{}</id>*", "<r><id>7</id></r>", "7"},
                {"text:{}", "   17   ", "17"},
                {"text:*", "", ""}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        json_t *json = json_parse(span_str(rows[i].body), 4096, NULL);
        struct sms_answer x = {202, span_str(rows[i].body), json};
        ck_assert(sms_pick_is_valid(rows[i].pick));
        struct span s = sms_pick(arena, rows[i].pick, &x);
        ck_assert_msg(rows[i].want ? s.p && span_eq(s, rows[i].want) : !s.p, "row %zu: %.*s", i, (int)s.n, s.p ? s.p : "");
        json_decref(json);
    }
    static const char *const wrong[] = {"", "json", "json:a", "text:", "regex:.*", "Status"};
    for (size_t i = 0; i < ROWS(wrong); i++)
        ck_assert(!sms_pick_is_valid(wrong[i]));
}
END_TEST

START_TEST(a_text_answer_is_read_up_to_its_limit) {
    for (size_t over = 0; over < 2; over++) {
        struct buf b = {0};
        while (b.n < SMS_PICK_BYTES_MAX - 3 + over)
            buf_adds(&b, ".");
        buf_adds(&b, "END");
        struct sms_answer x = {200, buf_span(&b), NULL};
        ck_assert(!sms_pick(arena, "text:*END", &x).p == (over == 1));
        buf_free(&b);
    }
}
END_TEST

START_TEST(statuses) {
    static const struct {
        const char *item;
        bool valid;
        int in, out;
    } rows[] = {{"200", true, 200, 201},     {"2xx", true, 299, 300}, {"200-204", true, 204, 205}, {"99", false, 0, 0},
                {"600", false, 0, 0},        {"6xx", false, 0, 0},    {"204-200", false, 0, 0},    {"", false, 0, 0},
                {"200-204x", false, 0, 0}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        json_t *list = json_pack("[s]", rows[i].item);
        ck_assert_msg(sms_statuses_are_valid(list) == rows[i].valid, "%s", rows[i].item);
        if (rows[i].valid) {
            ck_assert(sms_status_is_in(list, rows[i].in));
            ck_assert(!sms_status_is_in(list, rows[i].out));
        }
        json_decref(list);
    }
}
END_TEST

static struct sms_message message_of(const char *options, const char *from, struct span text, const char *charset) {
    struct form f = {.fields_n = 3,
                     .fields = {{SPAN("from"), span_str(from), SPAN_NONE},
                                {SPAN("text"), text, SPAN_NONE},
                                {SPAN("charset"), span_str(charset), SPAN_NONE}}};
    json_t *o = json_parse(span_str(options), 4096, NULL);
    struct sms_message m;
    sms_read_message(arena, o, &(struct sms_source){&f, NULL}, &m);
    json_decref(o);
    return m;
}

START_TEST(alphabets) {
    static const struct {
        const char *options, *label;
        struct span raw;
        const char *want;
        bool is_odd;
    } rows[] = {{"{}", "", {"Gr\xc3\xbc\xc3\x9f" "e", 7}, "Gr\xc3\xbc\xc3\x9f" "e", false},
                {"{}", "UTF-8", {"Gr~\x1e" "e \x1b" "e", 8}, "Gr\xc3\xbc\xc3\x9f" "e \xe2\x82\xac", false},
                {"{}", "UTF-8", {"Gr~", 3}, "Gr~", false}, /* nothing shows that it is not */
                {"{\"charset\":\"gsm\"}", "UTF-8", {"Gr~", 3}, "Gr\xc3\xbc", false},
                {"{\"charset\":\"gsm\"}", "UTF-8", {"gr\xc3\xbcn", 5}, "gr\xc3\xbcn", false},
                {"{\"charset\":\"gsm\"}", "", {"\xff", 1}, "\xef\xbf\xbd", true},
                {"{\"charset\":\"gsm\"}", "", {"a\x1b", 2}, "a ", true}, /* escape at the end */
                {"{\"charset\":\"gsm\"}", "UTF-16BE", {"\0G\xd8\x3d\xde\x42", 6}, "G\xf0\x9f\x99\x82", false},
                {"{\"charset\":\"utf-16be\"}", "", {"\0G\0", 3}, "G", true},
                {"{\"charset\":\"utf-16be\"}", "", {"\xd8\x3d\0G", 4}, "\xef\xbf\xbdG", true},
                {"{\"charset\":\"utf-16be\"}", "", {"\0x\xd8\x3d", 4}, "x\xef\xbf\xbd", true},
                {"{\"charset\":\"latin-1\"}", "", {"gr\xfcn 5 \x80", 8}, "gr\xc3\xbcn 5 \xe2\x82\xac", false},
                {"{\"charset\":\"utf-8\"}", "", {"a\x1b" "b\0c", 5}, "abc", true},
                {"{}", "", {"a\xff", 2}, "a\xef\xbf\xbd", true},
                {"{}", "klingon", {"a", 1}, "a", false}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct sms_message m = message_of(rows[i].options, "+49151", rows[i].raw, rows[i].label);
        ck_assert_msg(span_eq(m.text, rows[i].want), "row %zu: %.*s", i, (int)m.text.n, m.text.p);
        ck_assert_msg(m.is_odd == rows[i].is_odd, "row %zu", i);
        ck_assert_uint_eq(m.original.n, rows[i].is_odd ? rows[i].raw.n : 0);
        ck_assert(utf8_is_valid(m.text));
    }
}
END_TEST

START_TEST(texts_end_at_their_limit) {
    for (size_t over = 0; over < 2; over++) {
        struct buf b = {0};
        while (b.n < SMS_TEXT_BYTES_MAX + over)
            buf_adds(&b, "x");
        struct sms_message m = message_of("{}", "+49151", buf_span(&b), "");
        ck_assert_uint_eq(m.text.n, SMS_TEXT_BYTES_MAX);
        ck_assert(m.is_odd == (over == 1));
        buf_free(&b);
    }
}
END_TEST

START_TEST(senders) {
    static const struct {
        const char *from, *want; /* NULL: no message */
    } rows[] = {{"0151 234567", "+49151234567"}, {"0049151234567", "+49151234567"}, {"+49-151-234567", "+49151234567"},
                {"49151234567", "+49151234567"}, {"115", "115"},                    {"Bank", "Bank"},
                {"", NULL},                      {"  ", NULL}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct sms_message m = message_of("{\"country\":\"49\"}", rows[i].from, SPAN("x"), "");
        ck_assert_msg(rows[i].want ? !m.fault && strcmp(m.from, rows[i].want) == 0 : m.fault != NULL, "%s: %s", rows[i].from, m.from);
    }
}
END_TEST

START_TEST(times) {
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {{"1795428900", 1795428900000}, {"1795428900123", 1795428900123}, {"2026-11-23T10:15:00Z", 1795428900000},
                {"2026-11-23T11:15:00+01:00", 1795428900000}, {"2026-11-23 10:15:00", 1795428900000}, {"-5", 0},
                {"0", 0}, {"7", 0}, {"99999999999999999999", 0}, {"yesterday evening at nine", 0}, {"", 0}};
    for (size_t i = 0; i < ROWS(rows); i++)
        ck_assert_msg(sms_time(span_str(rows[i].text)) == rows[i].ms, "%s", rows[i].text);
}
END_TEST

START_TEST(states) {
    json_t *o = json_parse(SPAN("{\"states\":{\"1\":\"delivered\",\"8\":\"sent\",\"4\":\"ignored\"}}"), 4096, NULL);
    static const struct {
        const char *value;
        int state;
    } rows[] = {{"1", DRAHT_RECEIPT_DELIVERED}, {"8", DRAHT_RECEIPT_SENT},     {"4", 0},  {"16", -1}, {"DELIVRD", DRAHT_RECEIPT_DELIVERED},
                {"Failed", DRAHT_RECEIPT_FAILED}, {"read", DRAHT_RECEIPT_READ}, {"", -1}, {"delivered ", -1}};
    for (size_t i = 0; i < ROWS(rows); i++)
        ck_assert_msg(sms_state_of(o, span_str(rows[i].value)) == rows[i].state, "%s", rows[i].value);
    json_decref(o);
}
END_TEST

START_TEST(lists) {
    struct sms_source items[SMS_LIST_MAX];
    json_t *o = json_parse(SPAN("{\"in\":{\"list\":\"/m\"}}"), 4096, NULL);
    for (int n = SMS_LIST_MAX; n <= SMS_LIST_MAX + 1; n++) {
        json_t *list = json_array();
        for (int i = 0; i < n; i++)
            json_array_append_new(list, json_object());
        json_t *body = json_pack("{s:o}", "m", list);
        ck_assert_int_eq(sms_items(o, "in", body, items), n > SMS_LIST_MAX ? ERR_TOO_LARGE : n);
        json_decref(body);
    }
    static const char *const wrong[] = {"{}", "[]", "{\"m\":5}", "{\"m\":null}", "5"};
    for (size_t i = 0; i < ROWS(wrong); i++) {
        json_t *body = json_loads(wrong[i], JSON_DECODE_ANY, NULL);
        ck_assert_int_eq(sms_items(o, "in", body, items), ERR_INVALID);
        json_decref(body);
    }
    json_decref(o);
}
END_TEST

START_TEST(networks) {
    json_t *list = json_parse(SPAN("[\"192.0.2.0/25\",\"198.51.100.7\",\"2001:db8::/33\"]"), 4096, NULL);
    static const struct {
        const char *peer;
        bool is_in;
    } rows[] = {{"192.0.2.127", true},        {"192.0.2.128", false},      {"::ffff:192.0.2.1", true}, {"198.51.100.7", true},
                {"198.51.100.8", false},      {"2001:db8:7fff::1", true},  {"2001:db8:8000::1", false}, {"", false},
                {"not an address", false}};
    for (size_t i = 0; i < ROWS(rows); i++)
        ck_assert_msg(sms_network_has(list, span_str(rows[i].peer)) == rows[i].is_in, "%s", rows[i].peer);
    json_decref(list);
    static const char *const wrong[] = {"[\"1.2.3.4/33\"]", "[\"::/129\"]", "[\"1.2.3\"]", "[\"1.2.3.4/\"]", "[\"host.example\"]", "[5]"};
    for (size_t i = 0; i < ROWS(wrong); i++) {
        list = json_parse(span_str(wrong[i]), 4096, NULL);
        ck_assert_msg(!sms_networks_are_valid(list), "%s", wrong[i]);
        json_decref(list);
    }
}
END_TEST

/* Laid over options that are good. */
static int check(const char *over, char err[256]) {
    json_t *o = json_parse(SPAN("{\"url\":\"https://sms.example/send\",\"in_secret\":\"long-enough\"}"), 4096, NULL);
    json_t *more = json_parse(span_str(over), 4096, NULL);
    ck_assert_ptr_nonnull(more);
    json_object_update(o, more);
    char *text = json_text(o);
    int rc = sms_http_check(text, err);
    free(text);
    json_decref(more);
    json_decref(o);
    return rc;
}

START_TEST(settings) {
    static const struct {
        const char *over, *word; /* NULL: good */
    } rows[] = {{"{}", NULL},
                {"{\"content_type\":\"json\",\"fields\":{\"a\":{\"b\":[\"{to}\"]}}}", NULL},
                {"{\"content_type\":\"xml\",\"body\":\"<t>{text}</t>\"}", NULL},
                {"{\"in_secret\":\"\",\"allow\":[\"192.0.2.1\"]}", NULL},
                {"{\"in_secret\":\"\",\"in_user\":\"u\",\"in_password\":\"12345678\"}", NULL},
                {"{\"in_secret\":\"a/b c d e f\",\"in_secret_at\":\"query:key\"}", NULL},
                {"{\"in_secret\":\"\"}", "anybody"},
                {"{\"in_secret\":\"1234567\"}", "8 characters"},
                {"{\"in_secret\":\"a/b c d e f\"}", "letters"},
                {"{\"in_secret_at\":\"cookie:x\"}", "in_secret_at"},
                {"{\"in_user\":\"u\"}", "belong together"},
                {"{\"url\":\"ftp://x/\"}", "url"},
                {"{\"url\":\"https://{to}.example/\"}", "host"},
                {"{\"url\":\"https://h/{nobody}\"}", "{nobody}"},
                {"{\"url\":\"https://h/a b\"}", "blanks"},
                {"{\"fields\":{\"a\":{\"b\":\"c\"}}}", "tree"},
                {"{\"fields\":{\"a\":null}}", "value"},
                {"{\"fields\":{\"a\":\"b\"},\"body\":\"x\"}", "body"},
                {"{\"method\":\"GET\",\"body\":\"x\"}", "body"},
                {"{\"content_type\":\"xml\"}", "xml"},
                {"{\"headers\":[\"X y: z\"]}", "headers"},
                {"{\"headers\":[\"X: a\\r\\nY: b\"]}", "headers"},
                {"{\"basic_auth\":true}", "user"},
                {"{\"ok\":\"regex:.*\"}", "ok must"},
                {"{\"message_id\":\"text:OK\"}", "{}"},
                {"{\"ok_status\":[\"999\"]}", "ok_status"},
                {"{\"errors\":{\"5\":\"maybe\"}}", "maybe"},
                {"{\"errors\":\"rejected\"}", "section"},
                {"{\"states\":{\"5\":\"gone\"}}", "gone"},
                {"{\"in\":{\"sender\":\"x\"}}", "sender"},
                {"{\"receipt\":{\"id\":\"\"}}", "empty"},
                {"{\"allow\":[\"x\"]}", "allow"},
                {"{\"country\":\"DE\"}", "country"}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        char err[256] = "";
        int rc = check(rows[i].over, err);
        ck_assert_msg(rows[i].word ? rc < 0 && strstr(err, rows[i].word) : rc == 0, "%s: %s", rows[i].over, err);
    }
}
END_TEST

START_TEST(a_body_of_the_limit) {
    for (size_t over = 0; over < 2; over++) {
        struct buf b = {0};
        char err[256] = "", *out = NULL;
        buf_adds(&b, "from=115&text=");
        while (b.n < SMS_BODY_BYTES_MAX + over)
            buf_adds(&b, "x");
        int rc = sms_http_normalize(b.p, b.n, &out, err);
        ck_assert((rc == 0) == (over == 0));
        free(out);
        buf_free(&b);
    }
}
END_TEST

static void up(void) {
    arena = arena_new();
}

static void down(void) {
    arena_free(&arena);
}

int main(void) {
    Suite *s = suite_create("sms_http");
    TCase *t = tcase_create("sms_http");
    if (crypto_init() < 0)
        return EXIT_FAILURE;
    tcase_add_checked_fixture(t, up, down);
    tcase_add_test(t, templates);
    tcase_add_test(t, picks);
    tcase_add_test(t, a_text_answer_is_read_up_to_its_limit);
    tcase_add_test(t, statuses);
    tcase_add_test(t, alphabets);
    tcase_add_test(t, texts_end_at_their_limit);
    tcase_add_test(t, senders);
    tcase_add_test(t, times);
    tcase_add_test(t, states);
    tcase_add_test(t, lists);
    tcase_add_test(t, networks);
    tcase_add_test(t, settings);
    tcase_add_test(t, a_body_of_the_limit);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
