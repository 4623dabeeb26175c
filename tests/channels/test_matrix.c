/* SPDX-License-Identifier: EUPL-1.2 */
/* The Matrix channel: what events mean, what answers of a homeserver are worth, and when a repeat
 * is in doubt. */
#include <check.h>

#include "channels/matrix/matrix_private.h"
#include "tests/channels/fake_matrix.c"

/* ---- events ---- */
#define EVENT(type, content)                                                                                                                         \
    "{\"event_id\":\"$e\",\"sender\":\"@jana:lab.test\",\"origin_server_ts\":1795000000000,"                                                         \
    "\"type\":\"" type "\",\"content\":" content "}"
#define SAID(content) EVENT("m.room.message", content)

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
    {SAID("{\"msgtype\":\"m.location\",\"body\":\"Hier\",\"geo_uri\":\"geo:1,2\"}"), MX_MESSAGE, "Hier\ngeo:1,2", NULL, NULL, NULL},
    {SAID("{\"msgtype\":\"m.location\",\"body\":\"Bei geo:1,2\",\"geo_uri\":\"geo:1,2\"}"), MX_MESSAGE, "Bei geo:1,2", NULL, NULL, NULL},
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
    static const char *const types[] = {"m.text", "m.notice", "m.emote"};
    struct arena *a = arena_new();
    for (size_t i = 0; i < 3; i++) {
        struct mx_event e;
        json_t *v = json_parse(span_str(arena_printf(a, "{\"event_id\":\"$e\",\"sender\":\"@j:l.test\",\"type\":\"m.room.message\",\"content\":"
                                                        "{\"msgtype\":\"%s\",\"body\":\"x\"}}", types[i])),
                               1 << 16, NULL);
        mx_event_read(a, v, SPAN("@amt:lab.test"), &e);
        ck_assert_int_eq(e.kind, MX_MESSAGE);
        ck_assert_int_eq(e.is_automatic, i == 1);
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

/* ---- the channel on a host in memory ---- */
#define NEWS(next, events) "{\"next_batch\":\"" next "\",\"rooms\":{\"join\":{\"!r:l\":{\"timeline\":{\"events\":[" events "]}}}}}"

START_TEST(the_position_moves_only_after_storing) {
    ck_assert(mx_begin());
    fake.accept_status = DRAHT_E_UNAVAILABLE;
    ck_assert(mx_answer("since=s0", 200, NEWS("s1", SAID("{\"msgtype\":\"m.text\",\"body\":\"Hallo\"}"))));
    ck_assert_ptr_null(mx_asked("since=s1"));
    fake.accept_status = 0;
    fake_advance(1000);
    ck_assert_uint_eq(fake.messages_n, 1);
    ck_assert_ptr_nonnull(mx_asked("since=s1"));
    ck_assert(mx_answer("since=s1", 200, NEWS("s2", SAID("{\"msgtype\":\"m.text\",\"body\":\"Hallo\"}"))));
    ck_assert_uint_eq(fake.messages_n, 1); /* the same event id */
    mx_end();
}
END_TEST

START_TEST(the_lease_goes_in_the_middle_of_a_batch) {
    ck_assert(mx_begin());
    struct draht_http_run *r = mx_asked("since=s0");
    struct draht_http_answer a = {.size = sizeof a, .status = 200, .retry_after_ms = -1};
    a.body = fake_span(NEWS("s1", SAID("{\"msgtype\":\"m.text\",\"body\":\"Hallo\"}")));
    draht_http_answer_fn done = r->done;
    void *arg = r->arg;
    mx_take_out(r);
    done(arg, &a); /* the room's state is asked for */
    mx.on_change(fake.channel, 0);
    fake_run();
    ck_assert_ptr_null(mx_asked("/sync"));
    mx.on_change(fake.channel, 1);
    fake_run();
    ck_assert_ptr_nonnull(mx_asked("since=s0"));
    mx_end();
}
END_TEST

static struct draht_token token;
static void send_it(uint32_t attempt) {
    static struct draht_outbound o;
    token = (struct draht_token){0};
    o = (struct draht_outbound){.size = sizeof o, .attempt = attempt};
    o.message = fake_span("2026-000001.2");
    o.thread = fake_span("!r:l");
    o.text = fake_span("Antwort");
    matrix_ops.send(fake.channel, &o, &token);
    fake_run();
}
/* An answer that got lost, and so many milliseconds later the next attempt. */
static void lose_and_repeat(int64_t later_ms) {
    ck_assert(mx_begin());
    send_it(1);
    ck_assert_ptr_nonnull(strstr(mx_asked("/send/")->url, "/draht-2026-000001.2-0"));
    ck_assert(mx_answer("/send/", 0, ""));
    ck_assert_int_eq(mx.settled.verdict, DRAHT_RETRY);
    fake.now_ms += later_ms;
    send_it(2);
}

START_TEST(within_half_an_hour_a_repeat_is_harmless) {
    lose_and_repeat(MX_TXN_SAFE_MS - 1);
    ck_assert(mx_answer("/send/", 200, "{\"event_id\":\"$x\"}"));
    ck_assert_int_eq(mx.settled.verdict, DRAHT_SENT);
    ck_assert_str_eq(mx.part_ids[0], "$x");
    mx_end();
}
END_TEST

START_TEST(later_the_room_is_asked_and_has_it) {
    lose_and_repeat(MX_TXN_SAFE_MS);
    ck_assert_ptr_null(mx_asked("/send/"));
    ck_assert(mx_answer("/messages", 200,
                        "{\"end\":\"e\",\"chunk\":[{\"event_id\":\"$y\",\"origin_server_ts\":1800000000001,"
                        "\"unsigned\":{\"transaction_id\":\"draht-2026-000001.2-0\"}}]}"));
    ck_assert_int_eq(mx.settled.verdict, DRAHT_SENT);
    ck_assert_str_eq(mx.part_ids[0], "$y");
    mx_end();
}
END_TEST

START_TEST(later_the_room_is_asked_and_has_it_not) {
    lose_and_repeat(MX_TXN_SAFE_MS);
    ck_assert(mx_answer("/messages", 200, "{\"chunk\":[{\"event_id\":\"$z\",\"origin_server_ts\":1800000000001}]}"));
    ck_assert_int_eq(mx.settled.verdict, DRAHT_RETRY); /* still that of the first attempt */
    ck_assert_int_eq(token.settled_n, 0);
    ck_assert(mx_answer("/send/", 200, "{\"event_id\":\"$n\"}"));
    ck_assert_int_eq(mx.settled.verdict, DRAHT_SENT);
    mx_end();
}
END_TEST

START_TEST(when_the_room_cannot_tell_a_person_decides) {
    lose_and_repeat(MX_TXN_SAFE_MS);
    ck_assert(mx_answer("/messages", 200, "{\"end\":\"e\",\"chunk\":[{\"event_id\":\"$z\",\"origin_server_ts\":1800000000001}]}"));
    ck_assert_int_eq(mx.settled.verdict, DRAHT_IN_DOUBT);
    send_it(3); /* the person means it */
    ck_assert(mx_answer("/send/", 200, "{\"event_id\":\"$n\"}"));
    ck_assert_int_eq(mx.settled.verdict, DRAHT_SENT);
    mx_end();
}
END_TEST

START_TEST(after_a_day_nobody_can_tell) {
    lose_and_repeat(MX_TXN_NAMED_MS);
    ck_assert_ptr_null(mx_asked("/messages"));
    ck_assert_int_eq(mx.settled.verdict, DRAHT_IN_DOUBT);
    mx_end();
}
END_TEST

START_TEST(a_mark_says_that_all_before_was_read) {
    ck_assert(mx_begin());
    for (int i = 0; i < 3; i++) {
        send_it(1);
        char id[64];
        snprintf(id, sizeof id, "{\"event_id\":\"$s%d\"}", i);
        ck_assert(mx_answer("/send/", 200, id));
    }
    ck_assert(mx_answer("since=s0", 200,
                        "{\"next_batch\":\"s1\",\"rooms\":{\"join\":{\"!r:l\":{\"ephemeral\":{"
                        "\"events\":[{\"type\":\"m.receipt\",\"content\":"
                        "{\"$s1\":{\"m.read\":{\"@jana:lab.test\":{\"ts\":1800000000000},\"@amt:"
                        "lab.test\":{}}}}}]}}}}}"));
    ck_assert_int_eq(fake.receipts, 2);
    ck_assert_uint_eq(fake.last_receipt, DRAHT_RECEIPT_READ);
    mx_end();
}
END_TEST

START_TEST(a_dead_token_in_the_configuration_is_not_hammered) {
    ck_assert(mx_begin());
    ck_assert(mx_answer("since=s0", 401, "{\"errcode\":\"M_UNKNOWN_TOKEN\"}"));
    ck_assert_int_eq(mx.is_up, 0);
    fake_advance(MX_REFUSED_RETRY_MS - 1000);
    ck_assert_ptr_null(mx.runs);
    fake_advance(2000);
    ck_assert_ptr_nonnull(mx_asked("/versions"));
    mx_end();
}
END_TEST

/* ---- rooms that are over, conversations of two ---- */
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

#define INVITE(room, by)                                                                                                                             \
    "\"" room "\":{\"invite_state\":{\"events\":[{\"type\":\"m.room.member\",\"state_key\":\"@"                                                      \
    "amt:lab.test\",\"sender\":\"" by "\",\"content\":{\"membership\":\"invite\",\"is_direct\":true}}]}}"
#define DIRECT "/account_data/m.direct"

static void says(const char *method, const char *part) {
    struct draht_http_run *r = mx_asked(DIRECT);
    ck_assert_ptr_nonnull(r);
    ck_assert_str_eq(r->method, method);
    if (part)
        ck_assert_msg(strstr(r->body, part) != NULL, "%s lacks %s", r->body, part);
}
static const char *kept_invites(void) {
    for (size_t i = 0; i < fake.states_n; i++)
        if (strcmp(fake.states[i].key, "invites") == 0)
            return fake.states[i].value;
    return "";
}

/* Two join at once, the document cannot be had at first, and another client overwrites ours. */
START_TEST(m_direct_is_written_again_when_somebody_else_was_quicker) {
    ck_assert(mx_begin());
    ck_assert(mx_answer("since=s0", 200, "{\"next_batch\":\"s1\",\"rooms\":{\"invite\":{" INVITE("!a:l", "@a:l") "," INVITE("!b:l", "@b:l") "}}}"));
    ck_assert_ptr_nonnull(strstr(kept_invites(), "\"by\":\"@a:l\""));
    ck_assert(mx_answer("/rooms/%21a%3Al/join", 200, "{}"));
    ck_assert(mx_answer(DIRECT, 502, "<html>"));
    ck_assert_ptr_null(mx_asked(DIRECT));
    ck_assert(mx_answer("/rooms/%21b%3Al/join", 200, "{}"));
    fake_advance(20000);
    says("GET", NULL);
    ck_assert(mx_answer(DIRECT, 200, "{\"@x:l\":[\"!x:l\"]}"));
    says("PUT", "\"@a:l\":[\"!a:l\"]");
    says("PUT", "\"@b:l\":[\"!b:l\"]");
    says("PUT", "\"@x:l\":[\"!x:l\"]");
    ck_assert(mx_answer(DIRECT, 200, "{}"));
    says("GET", NULL);
    ck_assert(mx_answer(DIRECT, 200, "{\"@x:l\":[\"!x:l\",\"!z:l\"]}"));
    says("PUT", "\"!z:l\"");
    says("PUT", "\"@a:l\":[\"!a:l\"]");
    ck_assert(mx_answer(DIRECT, 200, "{}"));
    ck_assert(mx_answer("since=s1", 200, "{\"next_batch\":\"s2\"}"));
    ck_assert_msg(strstr(kept_invites(), "!a:l") != NULL, "it is not over yet: %s", kept_invites());
    ck_assert(mx_answer(DIRECT, 200, "{\"@a:l\":[\"!a:l\"],\"@b:l\":[\"!b:l\"]}"));
    ck_assert_ptr_null(mx_asked(DIRECT));
    ck_assert(mx_answer("since=s2", 200, "{\"next_batch\":\"s3\"}"));
    ck_assert_str_eq(kept_invites(), "[]");
    mx_end();
}
END_TEST

START_TEST(a_document_that_never_keeps_ours_is_given_up) {
    ck_assert(mx_begin());
    ck_assert(mx_answer("since=s0", 200, "{\"next_batch\":\"s1\",\"rooms\":{\"invite\":{" INVITE("!a:l", "@a:l") "}}}"));
    ck_assert(mx_answer("/join", 200, "{}"));
    int puts = 0;
    while (mx_asked(DIRECT)) {
        puts += strcmp(mx_asked(DIRECT)->method, "PUT") == 0;
        ck_assert_int_lt(puts, 20);
        ck_assert(mx_answer(DIRECT, 200, "{}"));
    }
    ck_assert_int_eq(puts, 5);
    mx_end();
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

#define MEMBER(who, membership)                                                                                                                      \
    "{\"event_id\":\"$m\",\"sender\":\"" who "\",\"type\":\"m.room.member\",\"state_key\":\"" who "\",\"content\":{\"membership\":\"" membership     \
    "\"}}"

START_TEST(a_room_without_its_citizen_is_left_and_forgotten_once_that_is_kept) {
    ck_assert(mx_begin());
    ck_assert(mx_answer("since=s0", 200, NEWS("s1", MEMBER("@jana:lab.test", "join") "," SAID("{\"msgtype\":\"m.text\",\"body\":\"Hallo\"}"))));
    ck_assert_ptr_null(mx_asked("/leave"));
    ck_assert(mx_answer("since=s1", 200, NEWS("s2", MEMBER("@jana:lab.test", "leave"))));
    ck_assert_ptr_nonnull(mx_asked("since=s2"));
    ck_assert(mx_answer("/leave", 503, ""));
    fake_advance(20000);
    ck_assert(mx_answer("/leave", 200, "{}"));
    ck_assert(mx_answer("/forget", 200, "{}"));
    ck_assert(mx_answer(DIRECT, 200, "{\"@jana:lab.test\":[\"!r:l\"]}"));
    says("PUT", "{}");
    ck_assert(mx_answer("/joined_rooms", 200, "{\"joined_rooms\":[\"!x:l\"]}"));
    send_it(1);
    ck_assert_int_eq(mx.settled.verdict, DRAHT_OPTED_OUT);
    mx_end();
}
END_TEST

START_TEST(somebody_else_in_the_room_keeps_us_there) {
    ck_assert(mx_begin());
    ck_assert(mx_answer("since=s0", 200, NEWS("s1", MEMBER("@jana:lab.test", "join"))));
    ck_assert(mx_answer("since=s1", 200,
                        "{\"next_batch\":\"s2\",\"rooms\":{\"join\":{\"!r:l\":{\"summary\":{\"m.joined_member_"
                        "count\":2},\"timeline\":{\"events\":[" MEMBER("@jana:lab.test", "leave") "]}}}}}"));
    ck_assert_ptr_null(mx_asked("/leave"));
    mx_end();
}
END_TEST

#define DAYS(n) ((n)*86400000LL)
static const struct {
    int days;
    bool is_closed;
    int64_t closed_for_ms;
    bool leaves;
} sweeps[] = {{3, true, DAYS(3) + 3600000, true}, {3, true, DAYS(3) + 3599999, false}, {3, false, DAYS(30), false}, {0, true, DAYS(30), false}};

START_TEST(a_room_whose_tickets_are_closed_long_enough_is_left) {
    ck_assert(mx_begin());
    char changed[200];
    snprintf(changed, sizeof changed, "{\"homeserver\":\"http://127.0.0.1:8008\",\"access_token\":\"t\",\"leave_when_closed\":%d}", sweeps[_i].days);
    ck_assert_int_eq(matrix_ops.reload(fake.channel, changed), 0);
    ck_assert(mx_answer("since=s0", 200, NEWS("s1", SAID("{\"msgtype\":\"m.text\",\"body\":\"Hallo\"}"))));
    fake.is_closed = sweeps[_i].is_closed;
    fake_advance(DAYS(2));
    ck_assert_msg(!mx_asked("draht-closed"), "it spoke less than three days ago");
    int64_t now = fake.now_ms + DAYS(1) + 3600000;
    fake.updated_ms = now - sweeps[_i].closed_for_ms;
    fake_advance(DAYS(1) + 3600000);
    ck_assert_int_eq(mx_asked("draht-closed") != NULL, sweeps[_i].leaves);
    if (sweeps[_i].leaves) {
        ck_assert(mx_answer("draht-closed", 200, "{\"event_id\":\"$x\"}"));
        ck_assert(mx_answer("/leave", 200, "{}"));
        ck_assert(mx_answer("/forget", 200, "{}"));
        fake_advance(DAYS(9));
        ck_assert_ptr_null(mx_asked("draht-closed"));
    } else if (sweeps[_i].days && sweeps[_i].is_closed) { /* looked at again a day later */
        fake_advance(DAYS(1) + 3600000);
        ck_assert_ptr_nonnull(mx_asked("draht-closed"));
    }
    mx_end();
}
END_TEST

START_TEST(the_token_ends_in_the_middle_of_a_gap) {
    ck_assert(mx_begin());
    ck_assert(mx_answer("since=s0", 200,
                        "{\"next_batch\":\"s1\",\"rooms\":{\"join\":{\"!r:l\":{\"timeline\":{"
                        "\"limited\":true,\"prev_batch\":\"p\",\"events\":[" SAID("{\"msgtype\":\"m.text\",\"body\":\"Hallo\"}") "]}}}}}"));
    ck_assert(mx_answer("/messages", 200,
                        "{\"end\":\"q\",\"chunk\":[{\"event_id\":\"$old\",\"sender\":\"@jana:lab."
                        "test\",\"type\":\"m.room.message\","
                        "\"content\":{\"msgtype\":\"m.text\",\"body\":\"Davor\"}}]}"));
    ck_assert(mx_answer("from=q", 401, "{\"errcode\":\"M_UNKNOWN_TOKEN\"}"));
    ck_assert_int_eq(mx.is_up, 0);
    ck_assert_uint_eq(fake.messages_n, 0);
    ck_assert_ptr_null(mx.runs);
    mx_end();
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
    Suite *s = suite_create("matrix");
    TCase *t = tcase_create("matrix");
    tcase_add_loop_test(t, events_mean_what_they_say, 0, (int)(sizeof events / sizeof *events));
    tcase_add_test(t, a_notice_is_automatic);
    tcase_add_test(t, limits_of_ids_and_addresses);
    tcase_add_test(t, one_hostile_value_does_not_hide_the_rest);
    tcase_add_loop_test(t, the_code_in_the_body_decides, 0, (int)(sizeof verdicts / sizeof *verdicts));
    tcase_add_test(t, markup_goes_out_escaped_and_within_the_limit);
    tcase_add_loop_test(t, options_are_checked, 0, (int)(sizeof options / sizeof *options));
    tcase_add_test(t, who_may_invite);
    tcase_add_test(t, the_position_moves_only_after_storing);
    tcase_add_test(t, the_lease_goes_in_the_middle_of_a_batch);
    tcase_add_test(t, within_half_an_hour_a_repeat_is_harmless);
    tcase_add_test(t, later_the_room_is_asked_and_has_it);
    tcase_add_test(t, later_the_room_is_asked_and_has_it_not);
    tcase_add_test(t, when_the_room_cannot_tell_a_person_decides);
    tcase_add_test(t, after_a_day_nobody_can_tell);
    tcase_add_test(t, a_mark_says_that_all_before_was_read);
    tcase_add_test(t, a_dead_token_in_the_configuration_is_not_hammered);
    tcase_add_loop_test(t, m_direct_is_merged, 0, (int)(sizeof directs / sizeof *directs));
    tcase_add_test(t, m_direct_is_written_again_when_somebody_else_was_quicker);
    tcase_add_test(t, a_document_that_never_keeps_ours_is_given_up);
    tcase_add_test(t, the_newest_tickets_of_a_room_are_remembered);
    tcase_add_test(t, a_room_without_its_citizen_is_left_and_forgotten_once_that_is_kept);
    tcase_add_test(t, somebody_else_in_the_room_keeps_us_there);
    tcase_add_loop_test(t, a_room_whose_tickets_are_closed_long_enough_is_left, 0, (int)(sizeof sweeps / sizeof *sweeps));
    tcase_add_test(t, the_token_ends_in_the_middle_of_a_gap);
    tcase_add_test(t, normalize_refuses_what_is_no_answer_of_sync);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
