/* SPDX-License-Identifier: EUPL-1.2 */
/* Configuration: every fault with its exact place, the example file equal to the defaults, explain,
 * diff, calendars and texts. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "gateway/base/clock.h"

static const struct draht_option email_rows[] = {
    {"lmtp", DRAHT_OPT_STRING, "127.0.0.1:2424", 0, 255, NULL, 0, "Where to listen."},
    {"limit", DRAHT_OPT_INT, "5", 1, 9, NULL, 0, "A limit."},
    {"password", DRAHT_OPT_STRING, NULL, 0, 99, NULL, DRAHT_OPT_SECRET, "A password."},
    {"address", DRAHT_OPT_LIST, NULL, 0, 9, NULL, 0, "Addresses."},
    {NULL, DRAHT_OPT_STRING, NULL, 0, 0, NULL, 0, NULL},
};
static const struct draht_option *rows_of(const char *type, int *n) {
    *n = strcmp(type, "email") == 0 ? 4 : 0;
    return strcmp(type, "email") == 0     ? email_rows
           : strcmp(type, "webchat") == 0 ? email_rows + 4
                                          : NULL;
}

static char path[] = "/tmp/draht-config-XXXXXX";

static struct config *load(const char *text, struct buf *faults) {
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
    return config_load(path, rows_of, faults);
}

START_TEST(places) {
    static const struct {
        const char *text, *fault; /* behind the path; NULL: fine */
    } rows[] = {
        {"", NULL},
        {"# nothing\n", NULL},
        {"outbox:\n  lease_s: 5\n", NULL},
        {"outbox:\n  lease_s: 600\n", NULL},
        {"outbox:\n  lease_s: 4\n", ":2:3: outbox.lease_s must be 5 to 600, not 4\n"},
        {"outbox:\n  lease_s: 601\n", ":2:3: outbox.lease_s must be 5 to 600, not 601\n"},
        {"outbox:\n  lease_s: 5s\n", ":2:3: outbox.lease_s must be a whole number, not \"5s\"\n"},
        {"\noutbox:\n    leese_s: 5\n",
         ":3:5: unknown key outbox.leese_s; did you mean outbox.lease_s?\n"},
        {"lease_s: 5\n", ":1:1: unknown key lease_s; did you mean outbox.lease_s?\n"},
        {"quantum: 5\n", ":1:1: unknown key quantum\n"},
        {"listen: 5\n", ":1:1: listen must be a section with keys of its own\n"},
        {"demo: maybe\n", ":1:1: demo must be true or false, not \"maybe\"\n"},
        {"city: {language: fr}\n",
         ":1:8: city.language must be one of de|en|de-easy, not \"fr\"\n"},
        {"listen: {public_url: ftp://x}\n", ":1:10: listen.public_url must begin with https://\n"},
        {"redis: {durability: replicas:9}\n", NULL},
        {"redis: {durability: replicas:0}\n",
         ":1:9: redis.durability must be disk or replicas:1 to replicas:9\n"},
        {"redis: {password: env:DRAHT_NOT_SET}\n",
         ":1:9: redis.password: the environment variable DRAHT_NOT_SET is not set\n"},
        {"queues: []\nchannels: []\n", ":1:1: queues must have at least one entry\n"},
        {"queues:\n  - id: a\n", ":2:5: name is missing\n"},
        {"queues:\n  - id: A\n    name: x\n", ":2:5: id must be 1 to 32 of a-z, 0-9 and hyphen\n"},
        {"channels: []\nqueues:\n  - {id: a, name: x}\n  - {id: a, name: y}\n",
         ":4:6: id \"a\" is there twice\n"},
        {"rules:\n  - name: x\n    queue: none\n", ":3:5: there is no queue \"none\"\n"},
        {"rules:\n  - name: x\n    time: noon\n",
         ":3:5: time must be open or closed, not \"noon\"\n"},
        {"channels:\n  - {id: m, type: email}\n", NULL},
        {"channels:\n  - {id: m, type: fax}\n", ":2:13: there is no channel type \"fax\"\n"},
        {"channels:\n  - id: m\n    type: email\n    options:\n      limit: 10\n",
         ":5:7: limit must be 1 to 9, not 10\n"},
        {"channels:\n  - id: m\n    type: email\n    options:\n      lmpt: x\n",
         ":5:7: unknown key lmpt; did you mean lmtp?\n"},
        {"calendars:\n  - id: standard\n    hours: [mo-fr 08:00-08:00]\n",
         ":3:5: hours must look like mo-fr 08:00-16:00, not \"mo-fr 08:00-08:00\"\n"},
        {"calendars:\n  - id: standard\n    hours: [mo 08:00-12:00, mo 11:59-13:00]\n",
         ":3:5: hours overlap on mo\n"},
        {"calendars:\n  - id: standard\n    holidays: [2026-02-29]\n",
         ":3:5: \"2026-02-29\" is neither a date such as 2026-12-24 nor a state such as NW\n"},
        {"calendars:\n  - id: standard\n    timezone: Mars/Base\n",
         ":3:5: timezone \"Mars/Base\" is not known; European zones such as Europe/Berlin and UTC "
         "are\n"},
        {"a: &x 1\ndemo: *x\n", ":2:8: aliases (*name) are not supported; write the value again\n"},
        {"- 1\n", ":1:3: the file must hold keys and values\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf faults = {0};
        char expected[600] = "";
        if (rows[i].fault)
            snprintf(expected, sizeof expected, "%s%s", path, rows[i].fault);
        struct config *c = load(rows[i].text, &faults);
        ck_assert_msg(strcmp(faults.p ? faults.p : "", expected) == 0, "row %zu:\ngot  %swant %s",
                      i, faults.p ? faults.p : "-\n", expected);
        ck_assert_msg(!c == (rows[i].fault != NULL), "row %zu", i);
        config_free(&c);
        buf_free(&faults);
    }
}
END_TEST

START_TEST(all_faults_at_once) {
    struct buf faults = {0};
    ck_assert_ptr_null(load("demo: x\nlog: {level: loud}\nnope: 1\n", &faults));
    int lines = 0;
    for (size_t i = 0; i < faults.n; i++)
        lines += faults.p[i] == '\n';
    ck_assert_int_eq(lines, 3);
    buf_clear(&faults);
    ck_assert_ptr_null(load("a: [1\nb: {", &faults));
    ck_assert_uint_gt(faults.n, strlen(path) + 6);
    buf_clear(&faults);
    ck_assert_ptr_null(config_load("/nonexistent/x.yaml", rows_of, &faults));
    ck_assert_ptr_nonnull(strstr(faults.p, "/nonexistent/x.yaml:1:1: cannot be read"));
    buf_free(&faults);
}
END_TEST

START_TEST(example_is_default) {
    struct buf out = {0};
    ck_assert_int_eq(chdir("config"), 0); /* relative paths: the same folder for both */
    struct config *a = config_load(NULL, rows_of, &out),
                  *b = config_load("draht.yaml", rows_of, &out);
    ck_assert_msg(a && b, "%s", out.p ? out.p : "");
    ck_assert_int_eq(config_diff(a, b, &out), 0);
    ck_assert_msg(out.n == 0, "%s", out.p);
    ck_assert(a->queues_n == 5 && a->channels_n == 2 && a->calendars[0].hours_n == 5);
    config_free(&a);
    config_free(&b);
    buf_free(&out);
}
END_TEST

START_TEST(values_and_diff) {
    struct buf out = {0};
    setenv("DRAHT_TEST_SECRET", "s3cr3t-word", 1);
    struct config *a =
        load("channels:\n- id: m\n  type: email\n  options: {password: 'env:DRAHT_TEST_SECRET'}\n",
             &out);
    ck_assert_msg(a != NULL, "%s", out.p);
    ck_assert_str_eq(a->channels[0].options,
                     "{\"lmtp\":\"127.0.0.1:2424\",\"limit\":5,\"password\":\"s3cr3t-word\",\"address\":[]}");
    ck_assert_str_eq(a->channels[0].queue, "buergerservice");
    ck_assert_int_eq(a->channels[0].line, 2);
    ck_assert_str_eq(a->public_url, "http://127.0.0.1:8080");
    struct config *b =
        load("log: {level: debug}\nredis: {password: abcdefgh}\nchannels:\n- {id: m, type: email}\n"
             "rules:\n- {name: r, words: [Baum], follow: 1}\n",
             &out);
    ck_assert_ptr_null(b);
    buf_clear(&out);
    b = load("log: {level: debug}\nredis: {password: abcdefgh}\nlisten: {public_url: "
             "'http://127.0.0.1:8080/'}\n"
             "channels:\n- {id: m, type: email}\n",
             &out);
    ck_assert_int_eq(config_diff(a, b, &out), 1);
    ck_assert_str_eq(out.p, "redis.password: changed (needs a restart)\nlog.level: \"info\" -> "
                            "\"debug\"\nchannels[0].options: changed\n");
    config_free(&a);
    config_free(&b);
    buf_free(&out);
}
END_TEST

START_TEST(explain) {
    struct buf out = {0};
    ck_assert_int_eq(config_explain("outbox.lease_s", rows_of, &out), 0);
    ck_assert_ptr_nonnull(strstr(out.p, "whole number, 5 to 600; default: 60"));
    buf_clear(&out);
    ck_assert_int_eq(config_explain("channels[].email.lmtp", rows_of, &out), 0);
    buf_clear(&out);
    ck_assert_int_lt(config_explain("outbox.lesse_s", rows_of, &out), 0);
    ck_assert_str_eq(out.p, "outbox.lease_s\n");
    ck_assert_int_eq(config_explain(NULL, rows_of, &out), 0);
    ck_assert_ptr_nonnull(strstr(out.p, "queues[].follow_up"));
    buf_free(&out);
}
END_TEST

static int64_t at(const char *s) {
    int64_t ms = 0;
    ck_assert_int_eq(clock_parse_rfc3339(s, &ms), 0);
    return ms;
}

START_TEST(calendar) {
    static const struct config_hours hours[] = {
        {0, 480, 960}, {1, 480, 960}, {2, 480, 960}, {3, 480, 960}, {4, 480, 960}};
    static const char *const days[] = {"NW", "2026-12-24"};
    const struct config_calendar c = {"x", "Europe/Berlin", hours, 5, days, 2};
    static const struct {
        const char *now, *next;
    } rows[] = {
        {"2026-11-23T08:00:00+01:00", "2026-11-23T08:00:00+01:00"},
        {"2026-11-23T07:59:59+01:00", "2026-11-23T08:00:00+01:00"},
        {"2026-11-23T15:59:59+01:00", "2026-11-23T15:59:59+01:00"},
        {"2026-11-23T16:00:00+01:00", "2026-11-24T08:00:00+01:00"},
        {"2026-07-03T16:00:00+02:00", "2026-07-06T08:00:00+02:00"}, /* Friday */
        {"2026-12-23T17:00:00+01:00",
         "2026-12-28T08:00:00+01:00"}, /* given day, Christmas, weekend */
        {"2026-04-02T16:00:00+02:00", "2026-04-07T08:00:00+02:00"}, /* Easter 2026: 5 April */
        {"2026-06-04T09:00:00+02:00", "2026-06-05T08:00:00+02:00"}, /* Corpus Christi */
        {"2026-10-23T16:00:00+02:00", "2026-10-26T08:00:00+01:00"}, /* summer time ends between */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t now = at(rows[i].now), next = at(rows[i].next);
        ck_assert_msg(calendar_next_open_ms(&c, now) == next, "row %zu: %lld", i,
                      (long long)(calendar_next_open_ms(&c, now) - next));
        ck_assert_msg(calendar_is_open(&c, now) == (now == next), "row %zu", i);
    }
    ck_assert(calendar_local_ms(&c, at("2026-11-23T14:00:00+01:00")) == at("2026-11-23T14:00:00Z"));
    ck_assert(calendar_local_ms(NULL, at("2026-07-01T12:00:00Z")) == at("2026-07-01T14:00:00Z"));
    ck_assert(calendar_add_hours(&c, at("2026-11-23T14:00:00+01:00"), 2) ==
              at("2026-11-23T16:00:00+01:00"));
    ck_assert(calendar_add_hours(&c, at("2026-11-23T14:00:00+01:00"), 3) ==
              at("2026-11-24T09:00:00+01:00"));
    ck_assert(calendar_add_hours(&c, at("2026-11-22T12:00:00+01:00"), 16) ==
              at("2026-11-24T16:00:00+01:00"));
    ck_assert(calendar_is_open(NULL, 0));
}
END_TEST

START_TEST(texts) {
    struct fault fault = {0};
    struct arena *a = arena_new();
    static const char *const keys[] = {
        "ack.subject",       "ack.text",     "form.intro",    "form.too_many",
        "out_of_hours.text", "closed.text",  "reopened.text", "ack.body",
        "out_of_hours.body", "closed.body",  "reopened.body", "confirm.body",
        "bounce.body",       "neutral.body", "form.send",     "status.late"};
    ck_assert_msg(locale_init(&fault) == 0, "%s", fault.text);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        ck_assert_ptr_nonnull(locale_text("de", keys[i]));
        ck_assert_str_ne(locale_text("en", keys[i]), locale_text("de", keys[i]));
        ck_assert_str_ne(locale_text("de-easy", keys[i]), locale_text("de", keys[i]));
    }
    ck_assert_ptr_null(locale_text("de", "ack"));
    ck_assert_ptr_null(locale_text("de", "no.such"));
    ck_assert_ptr_eq(locale_text("xx", "ack.subject"), locale_text("de", "ack.subject"));
    ck_assert_str_eq(
        locale_format(a, "en", "ack.subject", "number", "{x}7", "x", "no", (char *)NULL),
        "We have your request {x}7");
    ck_assert_ptr_null(locale_format(a, "de", "no.such", (char *)NULL));
    arena_free(&a);
}
END_TEST

int main(void) {
    int fd = mkstemp(path);
    if (fd < 0)
        return 1;
    close(fd);
    Suite *s = suite_create("config");
    TCase *t = tcase_create("all");
    tcase_add_test(t, places);
    tcase_add_test(t, all_faults_at_once);
    tcase_add_test(t, example_is_default);
    tcase_add_test(t, values_and_diff);
    tcase_add_test(t, explain);
    tcase_add_test(t, calendar);
    tcase_add_test(t, texts);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    unlink(path);
    return failed != 0;
}
