/* SPDX-License-Identifier: EUPL-1.2 */
/* test_outbox: order, verdicts, leases, receipts; and many random steps against a naive model. */
#include "tests/router/bench_redis.h"

static char T[24];

static void one_ticket(void) {
    struct inbound m = bench_mail("id-1", "Hallo");
    ck_assert_int_eq(bench_accept(&m), 0);
    snprintf(T, sizeof T, "%s", B.accepted.ticket);
}

START_TEST(test_sent_in_order) {
    one_ticket();
    bench_reply(T, "eins");
    bench_reply(T, "zwei");
    bench_up("mail", false);
    UNTIL(B.sends_n == 1);
    ck_assert_str_eq(B.sent_text[0], "eins");
    ck_assert_str_eq(B.sent_to[0], "ada@example.org");
    ck_assert_str_eq(B.sent_reply_to[0], "id-1");
    ck_assert_str_eq(bench_delivery(T, 3), "");
    router_part_done(B.sends[0], 0, SPAN("prov-1"));
    bench_settle(0, V_SENT);
    UNTIL(B.sends_n == 2);
    ck_assert_str_eq(B.sent_text[1], "zwei");
    bench_settle(1, V_SENT);
    ck_assert_str_eq(bench_delivery(T, 2), "sent");
}
END_TEST

START_TEST(test_unthreaded_sees_no_earlier_message) {
    one_ticket();
    bench_reply(T, "eins");
    struct outbox_channel c = {.id = "mail", .type = "smpp", .concurrency = 4, .is_unthreaded = true};
    router_channel_up(B.router, &c);
    UNTIL(B.sends_n == 1);
    ck_assert_str_eq(B.sent_text[0], "eins");
    ck_assert_str_eq(B.sent_reply_to[0], "");
    bench_settle(0, V_SENT);
}
END_TEST

static int receipt(const char *external, enum receipt_state st) {
    struct receipt x = {.channel = "mail", .external_id = span_str(external), .state = st, .is_permanent = true, .reason = SPAN("no such box")};
    WAITED(receipt_apply(B.router, &x, bench_done, NULL));
    return B.error;
}

START_TEST(test_receipts_are_monotonic) {
    one_ticket();
    bench_up("mail", false);
    bench_reply(T, "eins");
    UNTIL(B.sends_n == 1);
    router_part_done(B.sends[0], 0, SPAN("prov-1"));
    bench_settle(0, V_SENT);
    ck_assert_int_eq(receipt("unknown", RECEIPT_READ), ERR_NOT_FOUND);
    ck_assert_int_eq(receipt("prov-1", RECEIPT_READ), 0);
    ck_assert_int_eq(receipt("prov-1", RECEIPT_DELIVERED), 0);
    ck_assert_str_eq(bench_delivery(T, 2), "read");
    ck_assert_int_eq(receipt("prov-1", RECEIPT_FAILED), 0);
    ck_assert_str_eq(bench_delivery(T, 2), "read");
}
END_TEST

/* A part whose verdict follows at once costs no call of its own; one that stands alone is told. */
START_TEST(test_parts_are_told) {
    one_ticket();
    bench_up("mail", false);
    bench_reply(T, "eins");
    UNTIL(B.sends_n == 1);
    router_part_done(B.sends[0], 0, SPAN("part-0"));
    while (receipt("part-0", RECEIPT_DELIVERED) == ERR_NOT_FOUND)
        continue; /* it is on its way, before any verdict; the test's time limit ends this otherwise */
    ck_assert_int_eq(B.error, 0);
    router_part_done(B.sends[0], 1, SPAN("part-1"));
    bench_settle(0, V_SENT);
    ck_assert_int_eq(receipt("part-1", RECEIPT_READ), 0);
    ck_assert_str_eq(bench_delivery(T, 2), "read");
}
END_TEST

/* More parts than are kept for the verdict (64): none is forgotten. */
START_TEST(test_many_parts) {
    char id[16];
    one_ticket();
    bench_up("mail", false);
    bench_reply(T, "eins");
    UNTIL(B.sends_n == 1);
    for (uint32_t i = 0; i < 130; i++) {
        snprintf(id, sizeof id, "part-%u", i);
        router_part_done(B.sends[0], i, span_str(id));
    }
    bench_settle(0, V_SENT);
    static const char *const some[] = {"part-0", "part-63", "part-64", "part-127", "part-128", "part-129"};
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) ck_assert_int_eq(receipt(some[i], RECEIPT_DELIVERED), 0);
    ck_assert_int_eq(receipt("part-130", RECEIPT_DELIVERED), ERR_NOT_FOUND);
}
END_TEST

/* What the store answers to a reply is what a reading shows, whether its ticket's key was remembered or not. */
START_TEST(test_reply_is_shown_as_read) {
    one_ticket();
    for (int i = 0; i < 2; i++) {
        bench_reply(T, i ? "zwei" : "eins");
        json_t *shown = json_incref(B.json);
        json_t *item = json_array_get(json_object_get(bench_read(T), "items"), (size_t)json_int(shown, "n", 0) - 1);
        ck_assert(known_find(B.router->known, T) != NULL);
        ck_assert(json_equal(shown, item));
        json_decref(shown);
    }
}
END_TEST

/* The remembered key of another contact, or of one that is gone, seals nothing. */
START_TEST(test_remembered_key_is_checked) {
    one_ticket();
    bench_read(T);
    struct known k = *known_find(B.router->known, T);
    k.contact.id[0] = k.contact.id[0] == 'A' ? 'B' : 'A';
    k.contact.key[0] ^= 1;
    known_keep(B.router->known, &k);
    bench_reply(T, "eins");
    ck_assert_str_eq(json_str(json_array_get(json_object_get(bench_read(T), "items"), 1), "text", ""), "eins");
    WAITED(contact_erase(B.router, T, "ina", bench_done, NULL));
    ck_assert_ptr_null(known_find(B.router->known, T));
    known_keep(B.router->known, &k);
    json_t *body = json_pack("{s:s,s:s}", "kind", "reply", "text", "zu spät");
    WAITED(reply_create(B.router, T, "ina", "Ina", body, bench_json, NULL));
    json_decref(body);
    ck_assert_int_eq(B.error, ERR_CONFLICT);
}
END_TEST

START_TEST(test_failure_reopens) {
    one_ticket();
    bench_up("mail", false);
    bench_reply(T, "eins");
    UNTIL(B.sends_n == 1);
    json_t *c = json_pack("{s:s}", "state", "closed");
    WAITED(ticket_change(B.router, T, "ina", c, bench_json, NULL));
    json_decref(c);
    bench_settle(0, V_REJECTED);
    ck_assert_str_eq(bench_delivery(T, 2), "failed");
    ck_assert_str_eq(json_str(B.json, "state", ""), "open");
    ck_assert_str_eq(json_str(B.json, "delivery", ""), "failed");
    json_t *d = json_object_get(json_array_get(json_object_get(B.json, "items"), 1), "delivery");
    ck_assert_str_eq(json_str(d, "reason", ""), "because");
    WAITED(outbox_list(B.router, "failed", NULL, NULL, 10, bench_json, NULL));
    ck_assert_int_eq((int)json_array_size(json_object_get(B.json, "items")), 1);
    char message[48];
    snprintf(message, sizeof message, "%s.2", T);
    WAITED(outbox_action(B.router, message, "ina", "retry", bench_json, NULL));
    ck_assert_int_eq(B.error, 0);
    UNTIL(B.sends_n == 2);
    ck_assert_uint_eq(B.sent_attempt[1], 2);
    bench_settle(1, V_SENT);
    bench_read(T);
    ck_assert(json_is_null(json_object_get(B.json, "delivery")));
}
END_TEST

START_TEST(test_retry_waits) {
    one_ticket();
    bench_up("mail", false);
    bench_reply(T, "eins");
    UNTIL(B.sends_n == 1);
    bench_settle(0, V_RETRY);
    ck_assert_str_eq(bench_delivery(T, 2), "retry");
    outbox_wake(B.router->outbox, "mail");
    ck_assert_str_eq(bench_delivery(T, 2), "retry");
    ck_assert_int_eq(B.sends_n, 1);
    B.now_ms += 40000;
    outbox_wake(B.router->outbox, "mail");
    UNTIL(B.sends_n == 2);
    ck_assert_uint_eq(B.sent_attempt[1], 2);
    bench_settle(1, V_IN_DOUBT);
    ck_assert_str_eq(bench_delivery(T, 2), "in_doubt");
    ck_assert_str_eq(json_str(B.json, "delivery", ""), "in_doubt");
}
END_TEST

/* The process dies with a send under way: its successor does not guess. */
static void crash(void) {
    UNTIL(B.sends_n == 1);
    router_free(&B.router);
    B.sends_n = 0;
    bench_router();
}

START_TEST(test_crash_is_in_doubt) {
    one_ticket();
    bench_up("mail", false);
    bench_reply(T, "eins");
    crash();
    bench_up("mail", false);
    ck_assert_str_eq(bench_delivery(T, 2), "in_doubt");
    char message[48];
    snprintf(message, sizeof message, "%s.2", T);
    WAITED(outbox_action(B.router, message, "ina", "mark_sent", bench_json, NULL));
    ck_assert_str_eq(bench_delivery(T, 2), "sent");
}
END_TEST

START_TEST(test_crash_of_idempotent_resends) {
    one_ticket();
    bench_up("mail", true);
    bench_reply(T, "eins");
    crash();
    bench_up("mail", true);
    UNTIL(B.sends_n == 1);
    ck_assert_uint_eq(B.sent_attempt[0], 2);
    bench_settle(0, V_SENT);
    ck_assert_str_eq(bench_delivery(T, 2), "sent");
}
END_TEST

START_TEST(test_client_id_once) {
    one_ticket();
    json_t *body = json_pack("{s:s,s:s,s:s,s:b}", "kind", "reply", "text", "eins", "client_id", "c-1", "close", 1);
    for (int i = 0; i < 2; i++) {
        WAITED(reply_create(B.router, T, "ina", "Ina", body, bench_json, NULL));
        ck_assert_int_eq(B.error, 0);
        ck_assert_int_eq((int)json_int(B.json, "n", 0), 2);
    }
    json_decref(body);
    ck_assert_str_eq(json_str(bench_read(T), "state", ""), "closed");
    char message[48];
    snprintf(message, sizeof message, "%s.2", T);
    WAITED(outbox_action(B.router, message, "ina", "undo", bench_json, NULL));
    ck_assert_int_eq(B.error, 0);
    ck_assert_str_eq(json_str(B.json, "text", ""), "eins");
    WAITED(outbox_action(B.router, message, "ina", "undo", bench_json, NULL));
    ck_assert_int_eq(B.error, ERR_CONFLICT);
}
END_TEST

static size_t history_n;
static uint64_t history_last;
static void history_got(void *arg, int error, const struct history_item *items, size_t n) {
    (void)arg;
    B.error = error;
    history_n = n;
    history_last = n ? items[n - 1].thread_seq : 0;
    B.is_done = true;
}

START_TEST(test_history) {
    struct inbound m = bench_mail("id-1", "Hallo");
    m.channel = "chat";
    m.channel_type = "webchat";
    m.has_history = true;
    ck_assert_int_eq(bench_accept(&m), 0);
    ck_assert_uint_eq(B.accepted.thread_seq, 1);
    bench_up("chat", true);
    bench_reply(B.accepted.ticket, "eins");
    UNTIL(B.sends_n == 1);
    ck_assert_uint_eq(B.sent_seq[0], 2);
    bench_settle(0, V_SENT);
    WAITED(history_read(B.router, "chat", SPAN("thread-1"), 0, 50, history_got, NULL));
    ck_assert_uint_eq(history_n, 2);
    WAITED(history_read(B.router, "chat", SPAN("thread-1"), 1, 50, history_got, NULL));
    ck_assert_uint_eq(history_n, 1);
    ck_assert_uint_eq(history_last, 2);
}
END_TEST

/* ---- model ---- */
#define MODEL_MAX 24
static const char *model[MODEL_MAX]; /* state of reply i */
static int model_n;

static void model_check(unsigned seed) {
    json_t *items = json_object_get(bench_read(T), "items");
    size_t i;
    json_t *o;
    int k = 0;
    json_array_foreach(items, i, o) {
        json_t *d = json_object_get(o, "delivery");
        if (!json_is_object(d)) continue;
        ck_assert_int_lt(k, model_n);
        ck_assert_msg(strcmp(json_str(d, "state", ""), model[k]) == 0, "seed %u reply %d: %s, model %s", seed, k, json_str(d, "state", ""), model[k]);
        k++;
    }
    ck_assert_msg(k == model_n, "seed %u", seed);
}

/* The first reply that is not final is the only one that may be under way. */
static int model_head(void) {
    for (int i = 0; i < model_n; i++)
        if (strcmp(model[i], "queued") == 0 || strcmp(model[i], "retry") == 0 || strcmp(model[i], "sending") == 0) return i;
    return -1;
}

static void expired(void *arg, int error, const struct redis_value *v) {
    (void)arg;
    ck_assert_int_eq(error, 0);
    ck_assert_int_eq((int)v->i, 1);
    B.is_done = true;
}

/* One walk: now and then a reply, then the head goes out and ends in one of the verdicts, or the process dies. */
static const char *model_step(int taken) {
    static const struct {
        enum verdict v;
        const char *state;
    } ends[] = {{V_SENT, "sent"}, {V_RETRY, "retry"}, {V_REJECTED, "failed"}, {V_OPTED_OUT, "opted_out"}, {V_IN_DOUBT, "in_doubt"}};
    int e = rand() % 6;
    struct router_send *s = B.sends[taken];
    B.sends[taken] = NULL;
    if (e == 5) {
        router_free(&B.router);
        bench_router();
        struct args *a = args_new(B.router); /* what channel_up does, without the claim behind it */
        args_i(a, B.now_ms);
        args_z(a, "mail");
        args_z(a, B.router->instance);
        args_z(a, "doubt");
        args_z(a, "100");
        WAITED(store_call(B.router->store, "expire", a, expired, NULL));
        args_free(&a);
        return "in_doubt";
    }
    router_settle(s, ends[e].v, SPAN("x"), 0);
    UNTIL(outbox_is_idle(B.router->outbox));
    return ends[e].state;
}

START_TEST(test_model) {
    unsigned seed = getenv("DRAHT_SEED") ? (unsigned)atoi(getenv("DRAHT_SEED")) : (unsigned)getpid();
    fprintf(stderr, "model seed %u\n", seed);
    srand(seed);
    one_ticket();
    model_n = 0;
    for (int step = 0, taken = 0; step < 90 && taken < SENDS_MAX; step++) {
        if (model_n < MODEL_MAX && rand() % 2 == 0) {
            bench_reply(T, "text");
            model[model_n++] = "queued";
        }
        int head = model_head();
        if (head < 0) continue;
        B.now_ms += strcmp(model[head], "retry") == 0 ? 3600 * 1300 : 1;
        bench_up("mail", false);
        UNTIL(B.sends_n == taken + 1);
        router_channel_down(B.router, "mail");
        model[head] = "sending";
        model_check(seed);
        model[head] = model_step(taken++);
        model_check(seed);
    }
}
END_TEST

/* A verdict outlives the store: it waits until Redis is back, and nothing is sent twice. */
START_TEST(test_verdict_survives_redis) {
    one_ticket();
    bench_up("mail", false);
    bench_reply(T, "eins");
    UNTIL(B.sends_n == 1);
    kill(B.redis, SIGKILL);
    waitpid(B.redis, NULL, 0);
    UNTIL(!router_is_ready(B.router));
    struct inbound m = bench_mail("id-2", "jetzt nicht");
    ck_assert_int_eq(bench_accept(&m), ERR_UNAVAILABLE);
    router_settle(B.sends[0], V_SENT, SPAN(""), 0);
    B.sends[0] = NULL;
    bench_redis();
    UNTIL(outbox_is_idle(B.router->outbox));
    ck_assert_str_eq(bench_delivery(T, 2), "sent");
    ck_assert_int_eq(B.sends_n, 1);
    ck_assert_int_eq(bench_accept(&m), 0);
}
END_TEST

/* Redis took the claim, but its answer never came: nothing was sent, so nothing is in doubt. */
START_TEST(test_lost_claim_goes_back) {
    one_ticket();
    bench_up("mail", false);
    B.config.undo_seconds = 60;
    bench_reply(T, "eins");
    kill(B.redis, SIGSTOP);
    B.now_ms += 61000;
    outbox_wake(B.router->outbox, "mail");
    UNTIL(!router_is_ready(B.router)); /* the call was given up */
    kill(B.redis, SIGCONT);
    UNTIL(B.sends_n == 1);
    ck_assert_uint_eq(B.sent_attempt[0], 1);
    ck_assert_str_eq(bench_delivery(T, 2), "sending");
    bench_settle(0, V_SENT);
    ck_assert_str_eq(bench_delivery(T, 2), "sent");
    ck_assert_int_eq(B.sends_n, 1);
}
END_TEST

static int cancelled_of(const char *ticket) {
    size_t i;
    json_t *o;
    int n = 0;
    json_array_foreach(json_object_get(bench_read(ticket), "items"), i, o) {
        json_t *d = json_object_get(o, "delivery");
        n += strcmp(json_str(d, "state", ""), "cancelled") == 0;
        ck_assert_str_eq(json_str(d, "reason", ""), "");
    }
    return n;
}

/* A reply that waits for an erased citizen is not sent; why another failed is not readable. */
START_TEST(test_erased_is_not_sent) {
    one_ticket();
    bench_up("mail", false);
    bench_reply(T, "eins");
    UNTIL(B.sends_n == 1);
    bench_settle(0, V_REJECTED);
    ck_assert_str_eq(bench_delivery(T, 2), "failed");
    bench_reply(T, "zwei");
    UNTIL(B.sends_n == 2);
    bench_reply(T, "drei");
    WAITED(contact_erase(B.router, T, "ina", bench_done, NULL));
    ck_assert_int_eq(B.error, 0);
    bench_settle(1, V_RETRY);
    B.now_ms += 3600 * 1300;
    outbox_wake(B.router->outbox, "mail");
    while (cancelled_of(T) < 2)
        continue; /* the claim that notices is on its way; the test's time limit ends this otherwise */
    ck_assert_int_eq(B.sends_n, 2);
    ck_assert_str_eq(json_str(B.json, "state", ""), "closed");
}
END_TEST

START_TEST(test_acknowledgement) {
    struct fault f;
    ck_assert_int_eq(locale_init(&f), 0);
    B.rules[0] = (struct config_rule){.name = "ack", .acknowledge = "ack"};
    router_reload(B.router, &B.config);
    bench_up("mail", false);
    for (int i = 0; i < 5; i++) { /* three a day, and none for what a robot wrote */
        char id[16];
        snprintf(id, sizeof id, "ack-%d", i);
        struct inbound m = bench_mail(id, "Hallo");
        m.is_automatic = i == 1;
        ck_assert_int_eq(bench_accept(&m), 0);
        if (i == 1 || i == 4) continue;
        int n = i ? i - 1 : 0;
        UNTIL(B.sends_n == n + 1);
        ck_assert_msg(strstr(B.sent_text[n], "Guten Tag") != NULL, "%s", B.sent_text[n]);
        ck_assert(strstr(B.sent_text[n], B.accepted.ticket) != NULL);
        bench_settle(n, V_SENT);
    }
    bench_read(B.accepted.ticket);
    ck_assert_int_eq(B.sends_n, 3);
}
END_TEST

int main(void) {
    Suite *s = suite_create("outbox");
    TCase *t = tcase_create("outbox");
    tcase_set_timeout(t, 40);
    tcase_add_checked_fixture(t, bench_start, bench_stop);
    tcase_add_test(t, test_sent_in_order);
    tcase_add_test(t, test_unthreaded_sees_no_earlier_message);
    tcase_add_test(t, test_receipts_are_monotonic);
    tcase_add_test(t, test_parts_are_told);
    tcase_add_test(t, test_many_parts);
    tcase_add_test(t, test_reply_is_shown_as_read);
    tcase_add_test(t, test_remembered_key_is_checked);
    tcase_add_test(t, test_failure_reopens);
    tcase_add_test(t, test_retry_waits);
    tcase_add_test(t, test_crash_is_in_doubt);
    tcase_add_test(t, test_crash_of_idempotent_resends);
    tcase_add_test(t, test_client_id_once);
    tcase_add_test(t, test_history);
    tcase_add_test(t, test_lost_claim_goes_back);
    tcase_add_test(t, test_erased_is_not_sent);
    tcase_add_test(t, test_acknowledgement);
    tcase_add_test(t, test_model);
    tcase_add_test(t, test_verdict_survives_redis);
    suite_add_tcase(s, t);
    return bench_main(s);
}
