/* SPDX-License-Identifier: EUPL-1.2 */
/* Promise: who chats is told how many wait before him: in his office, since his first unanswered message, until he is answered; a reply
 * that is taken back, another office and an upgrade keep that true. Real Redis. */
#include "tests/router/bench_redis.h"

#include <hiredis/hiredis.h>

static char tickets[6][24];
static int64_t places[PLACES_MAX];
static size_t places_n;

static void on_places(void *arg, int error, const int64_t *before, size_t n) {
    (void)arg;
    B.error = error;
    places_n = n;
    for (size_t i = 0; i < n; i++)
        places[i] = before[i];
    B.is_done = true;
}

/* The chats of the citizens named by their letters, as text: "0 1 - 2". */
static const char *asked(const char *letters) {
    static char out[128];
    char names[PLACES_MAX][THREAD_NAME_BYTES], thread[8];
    size_t n = strlen(letters), at = 0;
    for (size_t i = 0; i < n; i++) {
        snprintf(thread, sizeof thread, "chat-%c", letters[i]);
        thread_name(B.router, "chat", span_str(thread), names[i]);
    }
    WAITED(thread_places(B.router, (const char(*)[THREAD_NAME_BYTES])names, n, on_places, NULL));
    ck_assert_int_eq(B.error, 0);
    ck_assert_uint_eq(places_n, n);
    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(out + at, sizeof out - at, places[i] < 0 ? "%s-" : "%s%lld", i ? " " : "", (long long)places[i]);
    return out;
}

static const char *writes(char letter, const char *text) {
    static int count;
    char id[24], thread[8], sender[16];
    snprintf(id, sizeof id, "id-%d", ++count);
    snprintf(thread, sizeof thread, "chat-%c", letter);
    snprintf(sender, sizeof sender, "chat:%c", letter);
    struct thread_hint hint = {HINT_KEY, span_str(thread)};
    struct inbound m = {.channel = "chat", .channel_type = "webchat", .external_id = span_str(id), .sender = span_str(sender), .text = span_str(text),
                        .thread = span_str(thread), .hints = &hint, .hints_n = 1, .has_history = true};
    B.now_ms += 1000;
    ck_assert_int_eq(bench_accept(&m), 0);
    return B.accepted.ticket;
}
static void chats(int n) {
    for (int i = 0; i < n; i++)
        snprintf(tickets[i], sizeof tickets[i], "%s", writes((char)('a' + i), "Guten Tag"));
}
static void change(const char *ticket, const char *name, const char *value) {
    json_t *c = json_pack("{s:s}", name, value);
    WAITED(ticket_change(B.router, ticket, "ina", c, bench_json, NULL));
    json_decref(c);
    ck_assert_int_eq(B.error, 0);
}

START_TEST(test_in_order_until_answered) {
    chats(4);
    struct inbound mail = bench_mail("mail-1", "Mails stehen nicht in der Reihe.");
    ck_assert_int_eq(bench_accept(&mail), 0);
    ck_assert_str_eq(asked("abcdz"), "0 1 2 3 -");
    writes('a', "Noch etwas"); /* keeps his place */
    ck_assert_str_eq(asked("dcba"), "3 2 1 0");
    bench_reply(tickets[1], "Gern");
    ck_assert_str_eq(asked("abcd"), "0 - 1 2");
    writes('b', "Danke, und nun?"); /* behind those who wait */
    ck_assert_str_eq(asked("abcd"), "0 3 1 2");
    change(tickets[0], "state", "closed");
    ck_assert_str_eq(asked("abcd"), "- 2 0 1");
    writes('a', "Doch noch");
    ck_assert_str_eq(asked("abcd"), "3 2 0 1");
}
END_TEST

START_TEST(test_another_office_and_a_reply_taken_back) {
    chats(4);
    change(tickets[3], "queue", "bau");
    change(tickets[1], "queue", "bau");
    ck_assert_str_eq(asked("abcd"), "0 0 1 1"); /* since when he waits goes along */
    B.config.undo_seconds = 60;
    char id[48];
    snprintf(id, sizeof id, "%s", bench_reply(tickets[0], "Zu früh"));
    ck_assert_str_eq(asked("abcd"), "- 0 0 1");
    WAITED(outbox_action(B.router, id, "ina", "undo", bench_json, NULL));
    ck_assert_int_eq(B.error, 0);
    ck_assert_str_eq(asked("abcd"), "0 0 1 1");
    WAITED(contact_erase(B.router, tickets[0], "ina", bench_done, NULL));
    ck_assert_str_eq(asked("abcd"), "- 0 0 1");
}
END_TEST

static void redis_do(const char *command) {
    struct redisContext *c = redisConnectUnix(B.socket + 5);
    redisReply *r = redisCommand(c, command);
    ck_assert_msg(r && r->type != REDIS_REPLY_ERROR, "%s: %s", command, r ? r->str : "no answer");
    freeReplyObject(r);
    redisFree(c);
}

START_TEST(test_many_and_a_store_from_before) {
    chats(5);
    bench_reply(tickets[2], "Gern");
    bench_router_stop();
    redis_do("DEL draht:{0}:cw:amt");
    redis_do("SET draht:{0}:ix 2"); /* as the release before left it */
    redis_do("ZADD draht:{0}:ob:sending 1 2026-000001/2");
    bench_router();
    for (int i = 0; i < 200 && strcmp(asked("abcde"), "0 1 - 2 3") != 0; i++) (void)i;
    ck_assert_str_eq(asked("abcde"), "0 1 - 2 3");
    struct redisContext *c = redisConnectUnix(B.socket + 5);
    redisReply *r = redisCommand(c, "EXISTS draht:{0}:ob:sending");
    ck_assert_int_eq((int)r->integer, 0);
    freeReplyObject(r);
    redisFree(c);
    char names[PLACES_MAX][THREAD_NAME_BYTES];
    for (size_t i = 0; i < PLACES_MAX; i++)
        thread_name(B.router, "chat", i % 2 ? SPAN("chat-e") : SPAN("nobody"), names[i]);
    WAITED(thread_places(B.router, (const char(*)[THREAD_NAME_BYTES])names, PLACES_MAX, on_places, NULL));
    ck_assert_int_eq(B.error, 0);
    ck_assert_uint_eq(places_n, PLACES_MAX);
    for (size_t i = 0; i < PLACES_MAX; i++)
        ck_assert_int_eq(places[i], i % 2 ? 3 : -1);
}
END_TEST

int main(void) {
    Suite *s = suite_create("places");
    TCase *t = tcase_create("store");
    tcase_add_checked_fixture(t, bench_start, bench_stop);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_in_order_until_answered);
    tcase_add_test(t, test_another_office_and_a_reply_taken_back);
    tcase_add_test(t, test_many_and_a_store_from_before);
    suite_add_tcase(s, t);
    return bench_main(s);
}
