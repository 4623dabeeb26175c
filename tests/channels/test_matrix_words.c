/* SPDX-License-Identifier: EUPL-1.2 */
/* What Matrix events mean, what answers of a homeserver are worth, what goes out, which options are
 * sound. */
#include <check.h>

#include "channels/matrix/matrix_private.h"
#include "gateway/base/arena.h"
#include "gateway/base/buf.h"
#include "gateway/base/json.h"
#include "tests/channels/matrix_events.h"

/* ---- events ---- */
#define MAP(latitude, longitude) "https://www.openstreetmap.org/?mlat=" latitude "&mlon=" longitude
static const struct {
    const char *raw;
    enum mx_kind kind;
    const char *text, *mxc, *target, *reply;
} events[] = {
    {SAID("{\"msgtype\":\"m.text\",\"body\":\"Hallo\"}"), MX_MESSAGE, "Hallo", NULL, NULL, NULL},
    {SAID("{\"msgtype\":\"m.emote\",\"body\":\"winkt\"}"), MX_MESSAGE, "* winkt", NULL, NULL, NULL},
    {SAID("{\"msgtype\":\"org.example.new\",\"body\":\"Neu\"}"), MX_MESSAGE, "Neu", NULL, NULL, NULL},
    {SAID("{\"msgtype\":\"m.text\",\"body\":\"a\\u0007b\\u0000c\"}"), MX_MESSAGE, "abc", NULL, NULL, NULL},
    {SAID("{\"msgtype\":\"m.text\",\"body\":\"  \"}"), MX_IGNORED, NULL, NULL, NULL, NULL},
    {SAID("{\"msgtype\":\"m.text\",\"body\":7}"), MX_IGNORED, NULL, NULL, NULL, NULL},
    {SAID("{\"msgtype\":\"m.key.verification.request\",\"body\":\"x\"}"), MX_IGNORED, NULL, NULL, NULL, NULL},
    {SAID("{}"), MX_IGNORED, NULL, NULL, NULL, NULL},
    {SAID("[]"), MX_IGNORED, NULL, NULL, NULL, NULL},
    {SAID("{\"msgtype\":\"m.image\",\"body\":\"a.png\",\"url\":\"mxc://h/1\"}"), MX_MESSAGE, "", "mxc://h/1", NULL, NULL},
    {SAID("{\"msgtype\":\"m.file\",\"body\":\"Siehe\",\"filename\":\"a.pdf\",\"url\":\"mxc://h/"
          "1\"}"),
     MX_MESSAGE, "Siehe", "mxc://h/1", NULL, NULL},
    {SAID("{\"msgtype\":\"m.video\",\"body\":\"v\",\"file\":{\"url\":\"mxc://h/2\"}}"), MX_MESSAGE, "", "mxc://h/2", NULL, NULL},
    {SAID("{\"msgtype\":\"m.audio\",\"body\":\"v\"}"), MX_MESSAGE, "", "", NULL, NULL},
    {EVENT("m.sticker", "{\"body\":\"Katze\",\"url\":\"mxc://h/3\"}"), MX_MESSAGE, "", "mxc://h/3", NULL, NULL},
    {SAID("{\"msgtype\":\"m.location\",\"body\":\"Hier\",\"geo_uri\":\"geo:1,2\"}"), MX_MESSAGE, "Hier\n1.000000, 2.000000\n" MAP("1.000000", "2.000000"), NULL, NULL, NULL},
    {SAID("{\"msgtype\":\"m.location\",\"body\":\"Bei geo:1,2\",\"geo_uri\":\"geo:1,2\"}"), MX_MESSAGE, "Bei geo:1,2\n1.000000, 2.000000\n" MAP("1.000000", "2.000000"), NULL,
     NULL, NULL},
    {SAID("{\"msgtype\":\"m.location\",\"body\":\"Big Ben\",\"geo_uri\":\"geo:51.5008,-0.1247,12;u=35\"}"), MX_MESSAGE,
     "Big Ben\n51.500800, -0.124700\n" MAP("51.500800", "-0.124700"), NULL, NULL, NULL},
    {SAID("{\"msgtype\":\"m.location\",\"body\":\"Hier\",\"geo_uri\":\"geo:91,2\"}"), MX_MESSAGE, "Hier\ngeo:91,2", NULL, NULL, NULL},
    {SAID("{\"msgtype\":\"m.location\",\"body\":\"Bei geo:nan,2\",\"geo_uri\":\"geo:nan,2\"}"), MX_MESSAGE, "Bei geo:nan,2", NULL, NULL, NULL},
    {SAID("{\"msgtype\":\"m.location\",\"geo_uri\":\"geo:1,2x\"}"), MX_MESSAGE, "geo:1,2x", NULL, NULL, NULL},
    {SAID("{\"msgtype\":\"m.location\",\"geo_uri\":7}"), MX_IGNORED, NULL, NULL, NULL, NULL},
    {SAID("{\"msgtype\":\"m.text\",\"body\":\"> <@a:b> x\\n> "
          "y\\n\\nJa\",\"m.relates_to\":{\"m.in_reply_to\":{\"event_id\":\"$o\"}}}"),
     MX_MESSAGE, "Ja", NULL, NULL, "$o"},
    {SAID("{\"msgtype\":\"m.text\",\"body\":\"> kein Zitat\"}"), MX_MESSAGE, "> kein Zitat", NULL, NULL, NULL},
    {SAID("{\"msgtype\":\"m.text\",\"body\":\"* "
          "neu\",\"m.new_content\":{\"msgtype\":\"m.text\",\"body\":\"neu\"},"
          "\"m.relates_to\":{\"rel_type\":\"m.replace\",\"event_id\":\"$o\"}}"),
     MX_EDIT, "neu", NULL, "$o", NULL},
    {SAID("{\"msgtype\":\"m.text\",\"body\":\"* "
          "neu\",\"m.relates_to\":{\"rel_type\":\"m.replace\",\"event_id\":\"$o\"}}"),
     MX_MESSAGE, "* neu", NULL, NULL, NULL},
    {EVENT("m.reaction", "{\"m.relates_to\":{\"rel_type\":\"m.annotation\",\"event_id\":\"$o\",\"key\":\"+1\"}}"), MX_REACTION, "+1", NULL, "$o",
     NULL},
    {EVENT("m.reaction", "{\"m.relates_to\":{\"key\":\"+1\"}}"), MX_IGNORED, NULL, NULL, NULL, NULL},
    {EVENT("m.room.redaction", "{\"redacts\":\"$o\"}"), MX_REDACTION, "", NULL, "$o", NULL},
    {EVENT("m.room.redaction", "{}"), MX_IGNORED, NULL, NULL, NULL, NULL},
    {EVENT("m.room.encrypted", "{\"ciphertext\":\"x\"}"), MX_ENCRYPTED, "", NULL, NULL, NULL},
    {EVENT("m.room.encrypted", "{}"), MX_IGNORED, NULL, NULL, NULL, NULL},
    {EVENT("m.poll.start", "{\"x\":1}"), MX_IGNORED, NULL, NULL, NULL, NULL},
    {EVENT("m.poll.start", "{\"m.text\":[{\"body\":\"Wann?\"}],\"m.poll\":{\"question\":{\"m.text\":[{\"body\":\"Wann?\"}]},\"answers\":["
                           "{\"m.id\":\"1\",\"m.text\":[{\"body\":\"Mo\"}]},{\"m.id\":\"2\",\"m.text\":[{\"body\":\"Di\"}]},7]}}"),
     MX_MESSAGE, "Wann?\n- Mo\n- Di", NULL, NULL, NULL},
    {EVENT("org.matrix.msc3381.poll.start",
           "{\"org.matrix.msc1767.text\":\"Wann?\\n1. Mo\",\"org.matrix.msc3381.poll.start\":{\"question\":{\"org.matrix.msc1767.text\":\"Wann?\"},"
           "\"answers\":[{\"id\":\"1\",\"org.matrix.msc1767.text\":\"Mo\"}]}}"),
     MX_MESSAGE, "Wann?\n- Mo", NULL, NULL, NULL},
    {EVENT("m.poll.start", "{\"m.text\":[{\"body\":\"Nur Text\"}]}"), MX_MESSAGE, "Nur Text", NULL, NULL, NULL},
    {EVENT("m.poll.response", "{\"m.selections\":[\"1\"]}"), MX_IGNORED, NULL, NULL, NULL, NULL},
    {"{\"event_id\":\"$e\",\"sender\":\"@amt:lab.test\",\"type\":\"m.room.message\",\"content\":{"
     "\"body\":\"x\"}}",
     MX_IGNORED, NULL, NULL, NULL, NULL},
    {"{\"event_id\":\"$e\",\"sender\":\"jana\",\"type\":\"m.room.message\",\"content\":{\"body\":"
     "\"x\"}}",
     MX_IGNORED, NULL, NULL, NULL, NULL},
    {"{\"event_id\":\"$e "
     "x\",\"sender\":\"@j:l\",\"type\":\"m.room.message\",\"content\":{\"body\":\"x\"}}",
     MX_IGNORED, NULL, NULL, NULL, NULL},
    {"{\"event_id\":\"$e\",\"sender\":\"@j:l\",\"state_key\":\"\",\"type\":\"m.room.message\","
     "\"content\":{\"body\":\"x\"}}",
     MX_IGNORED, NULL, NULL, NULL, NULL},
    {"[]", MX_IGNORED, NULL, NULL, NULL, NULL},
    {"null", MX_IGNORED, NULL, NULL, NULL, NULL},
};

static void is_span(struct span s, const char *want, int i, const char *what) {
    ck_assert_msg(span_eq(s, want ? want : ""), "event %d: %s is \"%.*s\", not \"%s\"", i, what, (int)s.n, s.p ? s.p : "", want ? want : "");
}

START_TEST(events_mean_what_they_say) {
    struct arena *a = arena_new();
    struct mx_event e;
    json_t *v = json_parse(span_str(events[_i].raw), 1 << 20, NULL);
    mx_event_read(a, v, SPAN("@amt:lab.test"), &e);
    ck_assert_msg(e.kind == events[_i].kind, "event %d is of kind %d: %s", _i, (int)e.kind, e.reason ? e.reason : "");
    if (e.kind != MX_IGNORED) {
        is_span(e.text, events[_i].text, _i, "text");
        is_span(e.target, events[_i].target, _i, "target");
        is_span(e.reply_to, events[_i].reply, _i, "reply_to");
        is_span(e.file.mxc, events[_i].mxc, _i, "mxc");
        ck_assert(!e.file.mxc.p == !events[_i].mxc);
        ck_assert_int_eq(e.sent_ms, 1795000000000);
    } else {
        ck_assert_ptr_nonnull(e.reason);
    }
    json_decref(v);
    arena_free(&a);
}
END_TEST

/* What a program says is kept and never answered by a program. */
START_TEST(a_notice_is_automatic) {
    static const char *const types[] = {"m.text", "m.notice", "m.emote", "m.server_notice"};
    struct arena *a = arena_new();
    for (size_t i = 0; i < 4; i++) {
        struct mx_event e;
        json_t *v = json_parse(span_str(arena_printf(a,
                                                     "{\"event_id\":\"$e\",\"sender\":\"@j:l.test\","
                                                     "\"type\":\"m.room.message\",\"content\":"
                                                     "{\"msgtype\":\"%s\",\"body\":\"x\"}}",
                                                     types[i])),
                               1 << 16, NULL);
        mx_event_read(a, v, SPAN("@amt:lab.test"), &e);
        ck_assert_int_eq(e.kind, MX_MESSAGE);
        ck_assert_int_eq(e.is_automatic, i % 2);
        json_decref(v);
    }
    arena_free(&a);
}
END_TEST

START_TEST(limits_of_ids_and_addresses) {
    struct span server, media;
    char id[400] = "@a:";
    memset(id + 3, 'b', 380);
    ck_assert(mx_user_is_valid((struct span){id, MX_ID_BYTES_MAX}));
    ck_assert(!mx_user_is_valid((struct span){id, MX_ID_BYTES_MAX + 1}));
    ck_assert(!mx_user_is_valid(SPAN("@a")));
    ck_assert_int_eq(mx_mxc_split(SPAN("mxc://h.test:8448/aB_-9"), &server, &media), 0);
    ck_assert(span_eq(server, "h.test:8448") && span_eq(media, "aB_-9"));
    const char *const bad[] = {"",           "mxc://",      "mxc://h",     "mxc://h/",    "mxc:///a", "http://h/a", "mxc://h/a/b",
                               "mxc://h/..", "mxc://h@x/a", "mxc://h/a?b", "mxc://h/a%2f"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(mx_mxc_split(span_str(bad[i]), &server, &media) < 0, "%s", bad[i]);
}
END_TEST

START_TEST(one_hostile_value_does_not_hide_the_rest) {
    static const struct {
        const char *raw, *want;
    } cases[] = {
        {"{\"a\":\"\\ud800x\"}", "{\"a\":\"\\ufffdx\"}"},
        {"{\"a\":\"\\ud83d\\ude00\"}", "{\"a\":\"\\ud83d\\ude00\"}"},
        {"{\"a\":\"\\udc00\\u0000\"}", "{\"a\":\"\\ufffd\\ufffd\"}"},
        {"{\"a\":1e999,\"b\":-12,\"c\":99999999999999999999}", "{\"a\":0,\"b\":-12,\"c\":0}"},
        {"{\"a\":123456789012345}", "{\"a\":123456789012345}"},
        {"{\"a\":1234567890123456}", "{\"a\":0}"},
        {"{\"a\":\"[[1e999\\\"\"}", "{\"a\":\"[[1e999\\\"\"}"},
        {"{\"a\":\"\\u12\"}", "{\"a\":\"\\u12\"}"},
        {"{\"a\":\"\\", "{\"a\":\"\\"},
        {"]]]}", "]]]}"},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct span s = mx_mend(a, span_str(cases[i].raw));
        ck_assert_msg(span_eq(s, cases[i].want), "%s became %.*s", cases[i].raw, (int)s.n, s.p);
    }
    struct buf deep = {0};
    buf_adds(&deep, "{\"x\":");
    for (int i = 0; i < 10000; i++)
        buf_adds(&deep, "[");
    for (int i = 0; i < 10000; i++)
        buf_adds(&deep, "]");
    buf_adds(&deep, ",\"y\":1}");
    json_t *v = mx_parse(buf_span(&deep), 1 << 20);
    ck_assert_int_eq(json_int(v, "y", 0), 1);
    json_decref(v);
    buf_free(&deep);
    arena_free(&a);
}
END_TEST

/* ---- outgoing ---- */
static const struct {
    int status;
    const char *errcode;
    int verdict;
} verdicts[] = {{200, "", 0},
                {429, "M_LIMIT_EXCEEDED", DRAHT_RETRY},
                {429, "", DRAHT_RETRY},
                {500, "", DRAHT_RETRY},
                {502, "", DRAHT_RETRY},
                {401, "M_UNKNOWN_TOKEN", DRAHT_RETRY},
                {401, "", DRAHT_MISCONFIGURED},
                {403, "M_FORBIDDEN", DRAHT_OPTED_OUT},
                {403, "M_USER_DEACTIVATED", DRAHT_MISCONFIGURED},
                {403, "M_USER_LOCKED", DRAHT_MISCONFIGURED},
                {403, "M_CONSENT_NOT_GIVEN", DRAHT_MISCONFIGURED},
                {403, "M_RESOURCE_LIMIT_EXCEEDED", DRAHT_MISCONFIGURED},
                {413, "M_TOO_LARGE", DRAHT_REJECTED},
                {404, "M_NOT_FOUND", DRAHT_REJECTED},
                {400, "M_BAD_JSON", DRAHT_REJECTED},
                {400, "", DRAHT_REJECTED}};

START_TEST(the_code_in_the_body_decides) {
    ck_assert_int_eq((int)mx_verdict(verdicts[_i].status, verdicts[_i].errcode), verdicts[_i].verdict);
}
END_TEST

START_TEST(markup_goes_out_escaped_and_within_the_limit) {
    char *c = mx_content_text(SPAN("a <b> & \"c\"\nd"), SPAN("$e"), false);
    json_t *v = json_parse(span_str(c), 1 << 20, NULL);
    ck_assert_str_eq(json_str(v, "body", ""), "a <b> & \"c\"\nd");
    ck_assert_str_eq(json_str(v, "formatted_body", ""), "a &lt;b&gt; &amp; &quot;c&quot;<br>d");
    ck_assert_ptr_nonnull(json_object_get(v, "m.relates_to"));
    json_decref(v);
    free(c);
    struct buf b = {0};
    for (int i = 0; i < MX_TEXT_MAX; i++)
        buf_adds(&b, "\xf0\x9f\x92\xa1");
    c = mx_content_text(buf_span(&b), SPAN("no event"), true);
    ck_assert_uint_lt(strlen(c), 65536 - 4096);
    v = json_parse(span_str(c), 1 << 20, NULL);
    ck_assert_str_eq(json_str(v, "msgtype", ""), "m.notice");
    ck_assert_ptr_null(json_object_get(v, "formatted_body"));
    ck_assert_ptr_null(json_object_get(v, "m.relates_to"));
    json_decref(v);
    free(c);
    buf_free(&b);
}
END_TEST

static const struct {
    const char *json;
    bool is_sound;
} options[] = {{"{\"homeserver\":\"https://m.lab.test\",\"access_token\":\"t\"}", true},
               {"{\"homeserver\":\"lab.test:8448\",\"user\":\"a\",\"password\":\"b\"}", true},
               {"{\"homeserver\":\"\",\"access_token\":\"t\"}", false},
               {"{\"homeserver\":\"lab.test/x\",\"access_token\":\"t\"}", false},
               {"{\"homeserver\":\"https://u:p@lab.test\",\"access_token\":\"t\"}", false},
               {"{\"homeserver\":\"https://lab.test?x\",\"access_token\":\"t\"}", false},
               {"{\"homeserver\":\"lab.test\",\"access_token\":\"t\\r\\nX: y\"}", false},
               {"{\"homeserver\":\"lab.test\",\"user\":\"a\"}", false},
               {"{\"homeserver\":\"lab.test\"}", false}};

START_TEST(options_are_checked) {
    char err[256] = "";
    struct mx_options o;
    int rc = mx_options_read(options[_i].json, &o, err);
    ck_assert_msg((rc == 0) == options[_i].is_sound, "%s: %s", options[_i].json, err);
    ck_assert((rc == 0) == !*err);
    if (rc == 0)
        mx_options_free(&o);
}
END_TEST

START_TEST(who_may_invite) {
    struct mx_options o = {.invites_from = (char *)"lab.test stadt.test:8448"};
    ck_assert(mx_may_invite(&o, SPAN("@a:lab.test")));
    ck_assert(mx_may_invite(&o, SPAN("@a:stadt.test:8448")));
    ck_assert(!mx_may_invite(&o, SPAN("@a:evil.lab.test")));
    ck_assert(!mx_may_invite(&o, SPAN("@a:lab.test.evil")));
    ck_assert(!mx_may_invite(&o, SPAN_NONE));
    o.invites_from = (char *)"";
    ck_assert(!mx_may_invite(&o, SPAN("@a:lab.test")));
    o.invites_from = (char *)"*";
    ck_assert(mx_may_invite(&o, SPAN("@a:anywhere")));
}
END_TEST

static const struct {
    const char *before, *room, *user, *after; /* after NULL: nothing to change */
} directs[] = {
    {"{}", "!r:l", "@a:l", "{\"@a:l\":[\"!r:l\"]}"},
    {"{\"@a:l\":[\"!x:l\"],\"@b:l\":[\"!y:l\"]}", "!r:l", "@a:l", "{\"@a:l\":[\"!x:l\",\"!r:l\"],\"@b:l\":[\"!y:l\"]}"},
    {"{\"@a:l\":[\"!r:l\"]}", "!r:l", "@a:l", NULL},
    {"{\"@b:l\":[\"!r:l\",\"!y:l\"]}", "!r:l", "@a:l", "{\"@a:l\":[\"!r:l\"],\"@b:l\":[\"!y:l\"]}"},
    {"{\"@a:l\":[\"!r:l\"],\"@b:l\":[\"!y:l\",\"!r:l\"]}", "!r:l", NULL, "{\"@b:l\":[\"!y:l\"]}"},
    {"{\"@b:l\":[\"!y:l\"]}", "!r:l", NULL, NULL},
    {"{\"@a:l\":7,\"@b:l\":\"!r:l\",\"@c:l\":[3,null]}", "!r:l", "@a:l", "{\"@a:l\":[\"!r:l\"],\"@b:l\":\"!r:l\",\"@c:l\":[3,null]}"},
};
START_TEST(m_direct_is_merged) {
    json_t *all = json_parse(span_str(directs[_i].before), 1 << 16, NULL);
    json_t *want = json_parse(span_str(directs[_i].after ? directs[_i].after : directs[_i].before), 1 << 16, NULL);
    ck_assert_int_eq(mx_direct_merge(all, directs[_i].room, directs[_i].user), directs[_i].after != NULL);
    ck_assert_msg(json_equal(all, want), "case %d", _i);
    json_decref(all);
    json_decref(want);
}
END_TEST

START_TEST(the_newest_tickets_of_a_room_are_remembered) {
    struct mx_memory x = {0};
    char number[24];
    for (int i = 1; i <= MX_TICKETS_MAX + 1; i++) {
        snprintf(number, sizeof number, "2026-00000%d", i);
        mx_memory_ticket(&x, span_str(number));
    }
    ck_assert_str_eq(x.tickets, "2026-000009,2026-000008,2026-000007,2026-000006,2026-000005,2026-"
                                "000004,2026-000003,2026-000002");
    mx_memory_ticket(&x, SPAN("2026-000005"));
    mx_memory_ticket(&x, SPAN(""));
    mx_memory_ticket(&x, SPAN("123456789012345678901234"));
    ck_assert_str_eq(x.tickets, "2026-000005,2026-000009,2026-000008,2026-000007,2026-000006,2026-"
                                "000004,2026-000003,2026-000002");
}
END_TEST

START_TEST(normalize_refuses_what_is_no_answer_of_sync) {
    char err[256] = "", *out = NULL;
    ck_assert_int_lt(matrix_normalize("{}", 2, &out, err), 0);
    ck_assert(*err && !out);
    const char *raw = NEWS("s1", SAID("{\"msgtype\":\"m.notice\",\"body\":\"Bot\"}"));
    ck_assert_int_eq(matrix_normalize(raw, strlen(raw), &out, err), 0);
    json_t *v = json_parse(span_str(out), 1 << 20, NULL);
    ck_assert_str_eq(json_str(v, "kind", ""), "message");
    ck_assert(json_flag(v, "automatic", false));
    ck_assert_str_eq(json_str(v, "sent_at", ""), "2026-11-18T11:06:40.000Z");
    json_decref(v);
    free(out);
}
END_TEST

int main(void) {
    Suite *s = suite_create("matrix words");
    TCase *t = tcase_create("matrix words");
    tcase_add_loop_test(t, events_mean_what_they_say, 0, (int)(sizeof events / sizeof *events));
    tcase_add_test(t, a_notice_is_automatic);
    tcase_add_test(t, limits_of_ids_and_addresses);
    tcase_add_test(t, one_hostile_value_does_not_hide_the_rest);
    tcase_add_loop_test(t, the_code_in_the_body_decides, 0, (int)(sizeof verdicts / sizeof *verdicts));
    tcase_add_test(t, markup_goes_out_escaped_and_within_the_limit);
    tcase_add_loop_test(t, options_are_checked, 0, (int)(sizeof options / sizeof *options));
    tcase_add_test(t, who_may_invite);
    tcase_add_loop_test(t, m_direct_is_merged, 0, (int)(sizeof directs / sizeof *directs));
    tcase_add_test(t, the_newest_tickets_of_a_room_are_remembered);
    tcase_add_test(t, normalize_refuses_what_is_no_answer_of_sync);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
