/* SPDX-License-Identifier: EUPL-1.2 */
/* The GeoReport server on a host in memory: tables of degrees, addresses and words that are
 * nobody's business; limits on both sides; stores that fail; what a reader may see. */
#include <check.h>

#include "channels/open311/open311_private.h"
#include "tests/channels/fake_host.c"

#define KEY "geheim-0123456789abcdef"
#define OPTIONS                                                                                    \
    "{\"api_keys\":[\"" KEY                                                                        \
    "\"],\"release_tag\":\"frei\",\"publish\":[\"location\"],\"services\":[{\"code\":\"lamp\","    \
    "\"name\":\"Lampe\",\"attributes\":[{\"code\":\"POLE\",\"description\":\"Mast?\","             \
    "\"required\":\"true\"}]},"                                                                    \
    "{\"code\":\"hole\",\"name\":\"Loch\"}]}"
static struct arena *mem;

static void setup(void) {
    char err[256] = "";
    mem = arena_new();
    ck_assert_msg(fake_begin(&open311_ops, OPTIONS, err) == 0, "%s", err);
}
static void teardown(void) {
    fake_end();
    arena_free(&mem);
}

static const struct {
    const char *text;
    double max;
    int ok;
} degrees[] = {{"0", 90, 1},
               {"51.34", 90, 1},
               {"-90", 90, 1},
               {"90.0", 90, 1},
               {"90.1", 90, 0},
               {"180", 180, 1},
               {"180.1", 180, 0},
               {"", 90, 0},
               {"-", 90, 0},
               {".5", 90, 0},
               {"5.", 90, 1},
               {"51,34", 90, 0},
               {"1e1", 90, 0},
               {"NaN", 90, 0},
               {"inf", 90, 0},
               {"+5", 90, 0},
               {" 5", 90, 0},
               {"0x10", 90, 0},
               {"1.5.2", 90, 0},
               {"0001", 90, 0},
               {"1.123456789012345", 90, 1},
               {"1.1234567890123456", 90, 0}};
START_TEST(test_degrees) {
    double v;
    ck_assert_msg((geo_degrees(span_str(degrees[_i].text), degrees[_i].max, &v) == 0) ==
                      degrees[_i].ok,
                  "%s", degrees[_i].text);
}
END_TEST

static const struct {
    const char *text, *want;
} words[] = {
    {"Loch vor Haus 5", "Loch vor Haus 5"},
    {"Mail an a.b+c@stadt.test bitte", "Mail an […] bitte"},
    {"Tel. 0341 123-4567, danke", "Tel. […], danke"},
    {"+49 (341) 1234567", "[…]"},
    {"Hausnummer 123456", "Hausnummer 123456"},
    {"Frau Müller, müller und Müllerstraße", "Frau […], […] und Müllerstraße"},
    {"", ""},
    {"@", "@"},
    {"a@", "a@"},
    {"x@y", "[…]"},
};
START_TEST(test_redact) {
    const struct span names[] = {SPAN("Müller"), SPAN("E")};
    struct span got = geo_redact(mem, span_str(words[_i].text), names, 2);
    ck_assert_str_eq(arena_strndup(mem, got.p, got.n), words[_i].want);
}
END_TEST

static const char *request(const char *method, const char *path, const char *body, int *status) {
    struct draht_http x = {.method = method,
                           .path = path,
                           .body = body,
                           .names = {"content-type"},
                           .values = {"application/x-www-form-urlencoded"}};
    fake_request(&x);
    const char *out = arena_strdup(mem, x.out.p ? x.out.p : "");
    *status = x.status;
    fake_request_free(&x);
    return out;
}
#define LAMP "service_code=lamp&attribute[POLE]=7&address_string=Markt"
#define POST(more) request("POST", "/requests.json", "api_key=" KEY "&" more, &status)

START_TEST(test_life_of_a_report) {
    int status;
    const char *a = POST(LAMP "&description=dunkel&email=a@b.test&first_name=Erika");
    ck_assert_int_eq(status, 200);
    ck_assert_ptr_nonnull(strstr(a, "[{\"service_request_id\":\"2026-000001\""));
    ck_assert_uint_eq(fake.messages_n, 1);
    ck_assert_str_eq(fake.messages[0].sender, "a@b.test");
    ck_assert_ptr_nonnull(strstr(fake.messages[0].text, "Mast? 7"));
    POST(LAMP "&description=dunkel&email=a@b.test&first_name=Erika");
    ck_assert_int_eq(status, 200);
    ck_assert_uint_eq(fake.messages_n, 1);
    a = request("GET", "/requests/2026-000001.json", NULL, &status);
    ck_assert_ptr_nonnull(strstr(a, "\"description\":null"));
    fake.tags = "eilig,frei";
    a = request("GET", "/requests.xml", NULL, &status);
    ck_assert_ptr_nonnull(strstr(a, "<description>dunkel</description>"));
    ck_assert_ptr_nonnull(strstr(a, "<status>open</status>"));
    fake.is_closed = true;
    a = request("GET", "/requests.xml", NULL, &status);
    ck_assert_ptr_nonnull(strstr(a, "<status>closed</status><status_notes/>"));
    struct draht_token t = {0};
    struct draht_outbound m = {.size = sizeof m,
                               .ticket = fake_span("2026-000001"),
                               .text = fake_span("Hallo Erika"),
                               .recipient_name = fake_span("Erika M")};
    open311_ops.send(fake.channel, &m, &t);
    fake_run();
    ck_assert_int_eq(t.verdict, DRAHT_SENT);
    ck_assert_int_eq(t.settled_n, 1);
    a = request("GET", "/requests.json", NULL, &status);
    ck_assert_ptr_nonnull(strstr(a, "\"status_notes\":\"Hallo […]\""));
    fake.is_erased = true;
    a = request("GET", "/requests.json", NULL, &status);
    ck_assert_ptr_nonnull(strstr(a, "\"status_notes\":null"));
    ck_assert_ptr_nonnull(strstr(a, "\"address\":null"));
    m.ticket = fake_span("2026-000002");
    struct draht_token gone = {0};
    open311_ops.send(fake.channel, &m, &gone);
    fake_run();
    ck_assert_int_eq(gone.verdict, DRAHT_REJECTED);
}
END_TEST

START_TEST(test_store_away) {
    int status;
    fake.accept_status = DRAHT_E_UNAVAILABLE;
    POST(LAMP);
    ck_assert_int_eq(status, 503);
    fake.accept_status = DRAHT_E_REJECTED;
    POST(LAMP);
    ck_assert_int_eq(status, 400);
    fake.accept_status = 0;
    POST(LAMP);
    ck_assert_int_eq(status, 200);
    ck_assert_uint_eq(fake.messages_n, 1);
}
END_TEST

static const struct {
    const char *body;
    int status;
} bodies[] = {
    {"", 403},
    {"api_key=", 403},
    {"api_key=" KEY, 400},
    {"api_key=" KEY "&" LAMP, 200},
    {"api_key=" KEY "&service_code=lamp&address_string=x", 400},
    {"api_key=" KEY "&service_code=lamp&attribute[POLE]=&address_string=x", 400},
    {"api_key=" KEY "&service_code=hole&attribute[POLE]=7&address_string=x", 400},
    {"api_key=" KEY "&service_code=hole&address_string=x", 200},
    {"api_key=" KEY "&service_code=hole&lat=0&long=0", 400},
    {"api_key=" KEY "&service_code=hole&lat=0&long=0&address_string=x", 200},
    {"api_key=" KEY "&service_code=hole&lat=0&long=0.1", 200},
    {"api_key=" KEY "&service_code=hole&address_id=5&attribute[%5D]=1", 400},
    {"api_key=" KEY "&service_code=hole&address_id=5&attribute[POLE][][]=1", 400},
    {"api_key=" KEY "&api_key=" KEY "&service_code=hole&address_id=5", 400},
};
START_TEST(test_bodies) {
    int status;
    request("POST", "/requests.xml", bodies[_i].body, &status);
    ck_assert_msg(status == bodies[_i].status, "%s: %d", bodies[_i].body, status);
}
END_TEST

START_TEST(test_description_limit) {
    int status;
    char text[4100], body[4400];
    for (int n = GEO_DESCRIPTION_MAX; n <= GEO_DESCRIPTION_MAX + 1; n++) {
        memset(text, 'a', sizeof text);
        text[n] = 0;
        snprintf(body, sizeof body, "api_key=" KEY "&" LAMP "&description=%s", text);
        request("POST", "/requests.json", body, &status);
        ck_assert_int_eq(status, n > GEO_DESCRIPTION_MAX ? 400 : 200);
    }
}
END_TEST

START_TEST(test_ids_limit) {
    int status;
    for (int n = GEO_IDS_MAX; n <= GEO_IDS_MAX + 1; n++) {
        struct buf ids = {0};
        for (int i = 0; i < n; i++)
            buf_addf(&ids, "%s%d", i ? "," : "", i);
        struct draht_http x = {.method = "GET",
                               .path = "/requests.json",
                               .names = {"?service_request_id"},
                               .values = {ids.p}};
        fake_request(&x);
        status = x.status;
        fake_request_free(&x);
        buf_free(&ids);
        ck_assert_int_eq(status, n > GEO_IDS_MAX ? 400 : 200);
    }
}
END_TEST

static const struct {
    const char *from, *to;
    int64_t days; /* of the span that is looked at */
} spans[] = {{"", "", 90},
             {"2020-01-01T00:00:00Z", "", 90},
             {"2020-01-01T00:00:00Z", "2020-03-31T00:00:00Z", 90},
             {"2020-01-01T00:00:00Z", "2020-04-01T00:00:00Z", 90},
             {"2020-01-01T00:00:00Z", "2020-01-03T00:00:00+00:00", 2},
             {"", "2020-01-03T00:00:00Z", 90}};
START_TEST(test_ninety_days) {
    struct draht_http x = {.method = "GET",
                           .path = "/requests.json",
                           .names = {"?start_date", "?end_date"},
                           .values = {spans[_i].from, spans[_i].to}};
    fake_request(&x);
    ck_assert_int_eq(x.status, 200);
    fake_request_free(&x);
    ck_assert_int_eq(fake.ranked_max - fake.ranked_min, spans[_i].days * 86400000);
    if (!*spans[_i].from && !*spans[_i].to)
        ck_assert_int_eq(fake.ranked_max, fake.now_ms);
}
END_TEST

int main(void) {
    Suite *s = suite_create("open311");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, test_degrees, 0, (int)(sizeof degrees / sizeof *degrees));
    tcase_add_loop_test(t, test_redact, 0, (int)(sizeof words / sizeof *words));
    tcase_add_loop_test(t, test_bodies, 0, (int)(sizeof bodies / sizeof *bodies));
    tcase_add_loop_test(t, test_ninety_days, 0, (int)(sizeof spans / sizeof *spans));
    tcase_add_test(t, test_life_of_a_report);
    tcase_add_test(t, test_store_away);
    tcase_add_test(t, test_description_limit);
    tcase_add_test(t, test_ids_limit);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
