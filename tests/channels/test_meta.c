/* SPDX-License-Identifier: EUPL-1.2 */
/* Meta's webhooks on a host in memory: verification, signature, order, what is acknowledged when; and the pure parts: limits,
 * times, error codes, splitting. The kinds of events stand in tests/golden/meta and are checked by tests/system/meta.test.js. */
#include <check.h>

#include "channels/kit/split.h"
#include "channels/meta/error.h"
#include "channels/meta/event.h"
#include "channels/meta/meta.h"
#include "channels/meta/meta_private.h"
#include "tests/channels/fake_host.c"

#define OPTIONS \
    "{\"privacy_acknowledged\":true,\"app_secret\":\"secret-of-the-app\",\"verify_token\":\"word-of-the-city\"," \
    "\"access_token\":\"token-of-the-city\",\"phone_number_id\":\"77\"}"
static struct arena *mem;

static void setup(void) {
    char err[256] = "";
    mem = arena_new();
    ck_assert_msg(fake_begin(&whatsapp_ops, OPTIONS, err) == 0, "%s", err);
}
static void teardown(void) {
    fake_end();
    arena_free(&mem);
}

static int post(const char *body, const char *signature) {
    uint8_t mac[32];
    char hex[65], header[80];
    crypto_hmac_sha256(SPAN("secret-of-the-app"), span_str(body), mac);
    crypto_hex(mac, 32, hex);
    snprintf(header, sizeof header, "sha256=%s", hex);
    struct draht_http x = {.method = "POST", .path = "/webhook", .body = body, .names = {"x-hub-signature-256"},
                           .values = {signature ? signature : header}};
    fake_request(&x);
    fake_request_free(&x);
    return x.status;
}

static const char *text_body(const char *id, const char *text) {
    return arena_printf(mem,
                        "{\"object\":\"whatsapp_business_account\",\"entry\":[{\"id\":\"1\",\"changes\":[{\"field\":\"messages\","
                        "\"value\":{\"metadata\":{\"phone_number_id\":\"77\"},\"messages\":[{\"from\":\"4915\",\"id\":\"%s\","
                        "\"timestamp\":\"1800000000\",\"type\":\"text\",\"text\":{\"body\":\"%s\"}}]}}]}]}",
                        id, text);
}

START_TEST(test_yes_only_when_durable) {
    fake.accept_status = DRAHT_E_UNAVAILABLE;
    ck_assert_int_eq(post(text_body("a", "eins"), NULL), 503);
    fake.accept_status = 0;
    ck_assert_int_eq(post(text_body("a", "eins"), NULL), 200);
    ck_assert_int_eq(post(text_body("a", "eins"), NULL), 200);
    ck_assert_uint_eq(fake.messages_n, 1);
    ck_assert_str_eq(fake.messages[0].sender, "4915");
    fake.accept_status = DRAHT_E_REJECTED; /* asking again would not help */
    ck_assert_int_eq(post(text_body("b", "zwei"), NULL), 200);
}
END_TEST

START_TEST(test_last_time_never_goes_back) {
    post(text_body("a", "neu"), NULL);
    ck_assert_uint_eq(fake.states_n, 1);
    ck_assert_str_eq(fake.states[0].value, "1800000000000 a");
    ck_assert_ptr_null(strstr(fake.states[0].key, "4915"));
    char *old = arena_strdup(mem, text_body("b", "alt"));
    memcpy(strstr(old, "1800000000"), "1700000000", 10);
    post(old, NULL);
    ck_assert_str_eq(fake.states[0].value, "1800000000000 a");
}
END_TEST

static const char *const signatures[] = {"", "sha256=", "sha256=00", "sha1=0000000000000000000000000000000000000000",
                                         "sha256=0000000000000000000000000000000000000000000000000000000000000000"};

START_TEST(test_forged) {
    ck_assert_int_eq(post(text_body("a", "x"), signatures[_i]), 401);
    ck_assert_uint_eq(fake.messages_n, 0);
}
END_TEST

static const struct {
    const char *body;
    int status;
} hostile[] = {
    {"", 400},
    {"[]", 400},
    {"null", 400},
    {"{}", 200},
    {"{\"object\":5,\"entry\":7}", 200},
    {"{\"object\":\"whatsapp_business_account\",\"entry\":{\"a\":1}}", 200},
    {"{\"object\":\"whatsapp_business_account\",\"entry\":[null,[],{\"changes\":[null,{\"field\":\"messages\",\"value\":null},"
     "{\"field\":\"messages\",\"value\":{\"messages\":[null,1,\"x\",{}],\"statuses\":[null,{\"id\":[]}]}}]}]}", 200},
    {"{\"object\":\"whatsapp_business_account\",\"object\":\"page\"}", 400},
    {"{\"object\":\"whatsapp_business_account\",\"entry\":[{\"changes\":[{\"field\":\"messages\",\"value\":{\"metadata\":"
     "{\"phone_number_id\":\"77\"},\"messages\":[{\"from\":\"4\\n9\",\"id\":\"a\",\"type\":\"text\",\"text\":{\"body\":\"x\"}}]}}]}]}", 200},
};

START_TEST(test_hostile) {
    ck_assert_int_eq(post(hostile[_i].body, NULL), hostile[_i].status);
    ck_assert_uint_eq(fake.messages_n, 0);
}
END_TEST

START_TEST(test_deep) {
    struct buf b = {0};
    for (int i = 0; i < 5000; i++)
        buf_adds(&b, "{\"object\":");
    ck_assert_int_eq(post(b.p, NULL), 400);
    buf_free(&b);
}
END_TEST

/* One more than the limit is cut off, the rest is read. */
START_TEST(test_event_limit) {
    for (size_t n = META_EVENTS_MAX; n <= META_EVENTS_MAX + 1; n++) {
        struct buf b = {0};
        struct meta_batch batch;
        buf_adds(&b, "{\"object\":\"page\",\"entry\":[{\"id\":\"1\",\"messaging\":[");
        for (size_t i = 0; i < n; i++)
            buf_adds(&b, i ? ",{}" : "{}");
        buf_adds(&b, "]}]}");
        ck_assert_int_eq(meta_parse(mem, META_MESSENGER, buf_span(&b), &batch), 0);
        ck_assert_uint_eq(batch.n, META_EVENTS_MAX);
        ck_assert_int_eq(batch.was_cut, n > META_EVENTS_MAX);
        buf_free(&b);
    }
}
END_TEST

START_TEST(test_id_limit) {
    for (size_t n = META_ID_BYTES_MAX; n <= META_ID_BYTES_MAX + 1; n++) {
        char *id = arena_alloc(mem, n + 1);
        memset(id, 'i', n);
        json_t *o = json_object();
        json_puts(o, "id", id);
        ck_assert_uint_eq(meta_id(mem, o, "id").n, n <= META_ID_BYTES_MAX ? n : 0);
        json_decref(o);
    }
}
END_TEST

static const struct {
    const char *json;
    int64_t ms;
} times[] = {
    {"{\"t\":\"1800000000\"}", 1800000000000}, {"{\"t\":1800000000}", 1800000000000}, {"{\"t\":1800000000123}", 1800000000123},
    {"{\"t\":\"-1\"}", 0}, {"{\"t\":-1}", 0}, {"{\"t\":\"bald\"}", 0}, {"{\"t\":\"99999999999999999999\"}", 0},
    {"{\"t\":9223372036854775807}", 0}, {"{\"t\":1.5}", 0}, {"{}", 0},
};

START_TEST(test_times) {
    json_t *o = json_parse(span_str(times[_i].json), 1000, NULL);
    ck_assert_int_eq(meta_time(o, "t"), times[_i].ms);
    json_decref(o);
}
END_TEST

static const struct {
    int status, error, is_unsent;
    const char *body;
    bool is_send;
    enum draht_verdict verdict;
    uint64_t retry_ms;
} answers[] = {
    {400, 0, 0, "{\"error\":{\"code\":4}}", true, DRAHT_RETRY, 9000},
    {403, 0, 0, "{\"error\":{\"code\":131056}}", true, DRAHT_RETRY, 9000},
    {403, 0, 0, "{\"error\":{\"code\":130429}}", true, DRAHT_RETRY, 9000},
    {400, 0, 0, "{\"error\":{\"code\":131047}}", true, DRAHT_REJECTED, 0},
    {400, 0, 0, "{\"error\":{\"code\":10,\"error_subcode\":2018278}}", true, DRAHT_REJECTED, 0},
    {400, 0, 0, "{\"error\":{\"code\":10}}", true, DRAHT_MISCONFIGURED, 0},
    {401, 0, 0, "{\"error\":{\"code\":190}}", true, DRAHT_MISCONFIGURED, 0},
    {400, 0, 0, "{\"error\":{\"code\":368}}", true, DRAHT_MISCONFIGURED, 0},
    {400, 0, 0, "{\"error\":{\"code\":132001}}", true, DRAHT_MISCONFIGURED, 0},
    {400, 0, 0, "{\"error\":{\"code\":551}}", true, DRAHT_REJECTED, 0},
    {400, 0, 0, "{\"error\":{\"code\":131050}}", true, DRAHT_OPTED_OUT, 0},
    {500, 0, 0, "{\"error\":{\"code\":100}}", true, DRAHT_REJECTED, 0},
    {500, 0, 0, "{\"error\":{\"code\":2}}", true, DRAHT_RETRY, 9000},
    {400, 0, 0, "{\"error\":{\"code\":987654}}", true, DRAHT_REJECTED, 0},
    {400, 0, 0, "{\"error\":{\"code\":\"4\"}}", true, DRAHT_MISCONFIGURED, 0},
    {404, 0, 0, "<html>", true, DRAHT_MISCONFIGURED, 0},
    {503, 0, 0, "<html>", true, DRAHT_RETRY, 9000},
    {502, 0, 0, "<html>", true, DRAHT_IN_DOUBT, 0},
    {502, 0, 0, "<html>", false, DRAHT_RETRY, 9000},
    {0, ERR_UNAVAILABLE, 1, "", true, DRAHT_RETRY, 9000},
    {0, ERR_UNAVAILABLE, 0, "", true, DRAHT_IN_DOUBT, 0},
    {0, ERR_TIMEOUT, 0, "", true, DRAHT_IN_DOUBT, 0},
    {0, ERR_TIMEOUT, 0, "", false, DRAHT_RETRY, 9000},
    {0, ERR_FORBIDDEN, 1, "", true, DRAHT_MISCONFIGURED, 0},
    {200, 0, 0, "{}", true, DRAHT_IN_DOUBT, 0},
};

START_TEST(test_answers) {
    struct draht_http_answer a = {.size = sizeof a, .status = answers[_i].status, .error = answers[_i].error,
                                  .body = {answers[_i].body, strlen(answers[_i].body)}, .retry_after_ms = 9000,
                                  .is_unsent = answers[_i].is_unsent};
    int code;
    struct meta_verdict v = meta_error_answer(&a, answers[_i].is_send, &code);
    ck_assert_int_eq(v.verdict, answers[_i].verdict);
    ck_assert_uint_eq(v.retry_ms, answers[_i].retry_ms);
    ck_assert_ptr_nonnull(v.reason);
}
END_TEST

static const struct {
    const char *text;
    size_t max;
    const char *pieces; /* joined by | */
} splits[] = {
    {"", 5, ""},
    {"kurz", 5, "kurz"},
    {"genau", 5, "genau"},
    {"abcdef", 5, "abcde|f"},
    {"eins zwei drei", 9, "eins zwei|drei"},
    {"eins zwei drei", 8, "eins|zwei|drei"},
    {"Ein Satz. Noch einer", 14, "Ein Satz.|Noch einer"},
    {"Zeile eins\nzweite Zeile", 16, "Zeile eins|zweite Zeile"},
    {"Absatz eins\n\nAbsatz zwei", 20, "Absatz eins|Absatz zwei"},
    {"\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80", 4, "\xf0\x9f\x98\x80\xf0\x9f\x98\x80|\xf0\x9f\x98\x80"},
    {"\xf0\x9f\x98\x80", 1, "\xf0\x9f\x98\x80"},
};

START_TEST(test_split) {
    struct span rest = span_str(splits[_i].text);
    struct buf b = {0};
    buf_adds(&b, "");
    for (int i = 0; span_trim(rest).n && i < 20; i++) {
        struct span piece = kit_split(&rest, splits[_i].max, kit_cost_utf16, NULL);
        buf_adds(&b, b.n ? "|" : "");
        buf_add(&b, piece.p, piece.n);
    }
    ck_assert_str_eq(b.p, splits[_i].pieces);
    buf_free(&b);
}
END_TEST

static const struct {
    const char *options;
    const char *said;
} refused[] = {
    {"{}", "privacy_acknowledged"},
    {"{\"privacy_acknowledged\":false,\"phone_number_id\":\"77\"}", "passes through Meta's servers"},
    {"{\"privacy_acknowledged\":true,\"phone_number_id\":\"+49\"}", "phone_number_id"},
    {"{\"privacy_acknowledged\":true,\"phone_number_id\":\"77\"}", "app_secret"},
    {"{\"privacy_acknowledged\":true,\"phone_number_id\":\"77\",\"api_url\":\"ftp:/x\"}", "api_url"},
};

START_TEST(test_options) {
    char err[256] = "";
    void *channel = NULL;
    ck_assert_int_lt(whatsapp_ops.open(&fake_host, NULL, "w", refused[_i].options, &channel, err), 0);
    ck_assert_msg(strstr(err, refused[_i].said) != NULL, "%s", err);
}
END_TEST

#define MB (1ull << 20)
static const struct {
    enum meta_flavour flavour;
    const char *type;
    unsigned long long bytes;
    const char *fault;
} files[] = {{META_WHATSAPP, "text/plain", 100 * MB, NULL},
             {META_WHATSAPP, "image/png", 100 * MB + 1, "larger"},
             {META_MESSENGER, "application/zip", 25 * MB, NULL},
             {META_MESSENGER, "application/zip", 25 * MB + 1, "larger"},
             {META_INSTAGRAM, "image/png", 8 * MB, NULL},
             {META_INSTAGRAM, "image/png", 8 * MB + 1, "larger"},
             {META_INSTAGRAM, "application/pdf", 25 * MB, NULL},
             {META_INSTAGRAM, "video/mp4", 25 * MB + 1, "larger"},
             {META_INSTAGRAM, "text/plain", 1, "this kind"},
             {META_INSTAGRAM, "", 1, "this kind"}};

START_TEST(test_files) {
    struct meta m = {.flavour = files[_i].flavour};
    struct draht_attachment x = {.size = sizeof x, .type = fake_span(files[_i].type), .bytes = {"", (size_t)files[_i].bytes}};
    const char *fault = meta_files_fault(&m, mem, &x, 1);
    ck_assert_msg(files[_i].fault ? fault && strstr(fault, files[_i].fault) : !fault, "%s", fault ? fault : "none");
}
END_TEST

static const struct {
    enum meta_flavour flavour;
    const char *files, *template;
    bool has_agent;
    struct draht_text text;
} offers[] = {{META_WHATSAPP, "*=104857600;", "", false, {.unit = DRAHT_TEXT_UTF16, .message_max = 4096, .window_hours = 24}},
              {META_WHATSAPP, "*=104857600;", "answer", false, {.unit = DRAHT_TEXT_UTF16, .message_max = 4096, .window_hours = 24, .late_max = 1024}},
              {META_MESSENGER, "*=26214400;", "", true, {.unit = DRAHT_TEXT_UTF16, .message_max = 2000, .window_hours = 168}},
              {META_INSTAGRAM, "image/png image/jpeg image/gif=8388608;audio/aac audio/mp4 audio/wav video/mp4 audio/ogg video/ogg "
                               "video/x-msvideo video/quicktime video/webm application/pdf=26214400;", "", false, {.unit = DRAHT_TEXT_BYTES, .message_max = 1000, .window_hours = 24}}};

START_TEST(test_offered_limits) {
    struct meta m = {.h = &fake_host, .flavour = offers[_i].flavour, .s.template_name = (char *)(uintptr_t)offers[_i].template, .s.has_agent = offers[_i].has_agent};
    ck_assert_str_eq(fake.files, offers[0].files); /* said at the start */
    meta_offer_limits(&m);
    ck_assert_str_eq(fake.files, offers[_i].files);
    const struct draht_text *t = &fake.text, *want = &offers[_i].text;
    ck_assert_uint_eq(t->unit, want->unit);
    ck_assert_uint_eq(t->message_max, want->message_max);
    ck_assert_uint_eq(t->messages_max, 100);
    ck_assert_uint_eq(t->window_hours, want->window_hours);
    ck_assert_uint_eq(t->late_max, want->late_max);
}
END_TEST

int main(void) {
    Suite *s = suite_create("meta");
    TCase *t = tcase_create("meta");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_yes_only_when_durable);
    tcase_add_test(t, test_last_time_never_goes_back);
    tcase_add_loop_test(t, test_forged, 0, sizeof signatures / sizeof *signatures);
    tcase_add_loop_test(t, test_hostile, 0, sizeof hostile / sizeof *hostile);
    tcase_add_test(t, test_deep);
    tcase_add_test(t, test_event_limit);
    tcase_add_test(t, test_id_limit);
    tcase_add_loop_test(t, test_times, 0, sizeof times / sizeof *times);
    tcase_add_loop_test(t, test_answers, 0, sizeof answers / sizeof *answers);
    tcase_add_loop_test(t, test_split, 0, sizeof splits / sizeof *splits);
    tcase_add_loop_test(t, test_files, 0, sizeof files / sizeof *files);
    tcase_add_loop_test(t, test_offered_limits, 0, sizeof offers / sizeof *offers);
    tcase_add_loop_test(t, test_options, 0, sizeof refused / sizeof *refused);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
