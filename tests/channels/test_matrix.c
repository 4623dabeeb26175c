/* SPDX-License-Identifier: EUPL-1.2 */
/* The Matrix channel on a host in memory: its position, when a repeat is in doubt, rooms that are
 * over. */
#include <check.h>

#include "channels/matrix/matrix_private.h"
#include "tests/channels/fake_matrix.c"
#include "tests/channels/matrix_events.h"

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

/* The new path, the old one where only that is known, and homeservers that do not say. */
START_TEST(staff_know_the_limit_of_files) {
    static const struct {
        int status, old_status;
        const char *body, *old_body, *files;
    } rows[] = {{200, 0, "{\"m.upload.size\":1048576}", NULL, "*=1048576;"},
                {404, 200, "{\"errcode\":\"M_UNRECOGNIZED\"}", "{\"m.upload.size\":7}", "*=7;"},
                {405, 404, "{}", "{}", ""},
                {200, 0, "{}", NULL, ""},
                {200, 0, "{\"m.upload.size\":-1}", NULL, ""},
                {200, 0, "{\"m.upload.size\":\"much\"}", NULL, ""},
                {500, 0, "", NULL, ""}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char err[256];
        ck_assert_int_eq(mx_open("{\"homeserver\":\"http://127.0.0.1:8008\",\"access_token\":\"t\"}", err), 0);
        ck_assert_int_eq(matrix_ops.start(fake.channel, err), 0);
        mx.on_change(fake.channel, 1);
        ck_assert(mx_answer("/versions", 200, "{\"versions\":[\"v1.11\"]}"));
        ck_assert(mx_answer("/whoami", 200, "{\"user_id\":\"@amt:lab.test\",\"device_id\":\"D\"}"));
        ck_assert(mx_answer("/joined_rooms", 200, "{\"joined_rooms\":[]}"));
        ck_assert(mx_answer("/client/v1/media/config", rows[i].status, rows[i].body));
        ck_assert_int_eq(mx_answer("/media/v3/config", rows[i].old_status, rows[i].old_body), rows[i].old_body != NULL);
        ck_assert_msg(strcmp(fake.files, rows[i].files) == 0, "row %zu: %s", i, fake.files);
        ck_assert_int_eq(mx.is_up, 1);
        mx_end();
    }
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
    snprintf(changed, sizeof changed,
             "{\"homeserver\":\"http://"
             "127.0.0.1:8008\",\"access_token\":\"t\",\"leave_when_closed\":%d}",
             sweeps[_i].days);
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

int main(void) {
    Suite *s = suite_create("matrix");
    TCase *t = tcase_create("matrix");
    tcase_add_test(t, the_position_moves_only_after_storing);
    tcase_add_test(t, the_lease_goes_in_the_middle_of_a_batch);
    tcase_add_test(t, within_half_an_hour_a_repeat_is_harmless);
    tcase_add_test(t, later_the_room_is_asked_and_has_it);
    tcase_add_test(t, later_the_room_is_asked_and_has_it_not);
    tcase_add_test(t, when_the_room_cannot_tell_a_person_decides);
    tcase_add_test(t, after_a_day_nobody_can_tell);
    tcase_add_test(t, a_mark_says_that_all_before_was_read);
    tcase_add_test(t, staff_know_the_limit_of_files);
    tcase_add_test(t, a_dead_token_in_the_configuration_is_not_hammered);
    tcase_add_test(t, m_direct_is_written_again_when_somebody_else_was_quicker);
    tcase_add_test(t, a_document_that_never_keeps_ours_is_given_up);
    tcase_add_test(t, a_room_without_its_citizen_is_left_and_forgotten_once_that_is_kept);
    tcase_add_test(t, somebody_else_in_the_room_keeps_us_there);
    tcase_add_loop_test(t, a_room_whose_tickets_are_closed_long_enough_is_left, 0, (int)(sizeof sweeps / sizeof *sweeps));
    tcase_add_test(t, the_token_ends_in_the_middle_of_a_gap);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
