/* SPDX-License-Identifier: EUPL-1.2 */
/* Repeated deliveries of a message centre: which id they get, and that no message is stored before its id is. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "channels/smpp/smpp_channel.h"
#include "gateway/net/loop.h"
#include "gateway/net/transfer.h"

/* A host whose store answers when the test says so. */
static struct {
    draht_done_fn set_done;
    draht_state_fn get_done;
    void *set_arg, *get_arg;
    char kept[80], got[80];
    int answers, sets;
    bool is_stored;
} store;

static void h_mac(void *host, struct draht_span text, uint8_t out[32]) {
    (void)host;
    memset(out, 0, 32);
    for (size_t i = 0; i < text.n; i++)
        out[i % 16] = (uint8_t)(out[i % 16] * 31 + (uint8_t)text.p[i]);
}
static void h_random(void *out, size_t n) {
    static uint8_t next;
    memset(out, ++next, n);
}
static int64_t h_now(void *host) {
    return *(int64_t *)host;
}
static void h_set(void *host, struct draht_span key, struct draht_span value, uint64_t ttl, draht_done_fn done, void *arg) {
    (void)host, (void)key, (void)ttl;
    snprintf(store.kept, sizeof store.kept, "%.*s", (int)value.n, value.p);
    store.set_done = done;
    store.set_arg = arg;
    store.sets++;
}
static void h_get(void *host, struct draht_span key, draht_state_fn done, void *arg) {
    (void)host, (void)key;
    store.get_done = done;
    store.get_arg = arg;
}
static const struct draht_host table = {
    .size = sizeof(struct draht_host), .mac = h_mac, .random = h_random, .now_ms = h_now, .state_set = h_set, .state_get = h_get};

static void answered(void *arg, const char *id, bool is_stored) {
    (void)arg;
    snprintf(store.got, sizeof store.got, "%s", id ? id : "none");
    store.is_stored = is_stored;
    store.answers++;
}
static void set_answers(int status) {
    draht_done_fn done = store.set_done;
    ck_assert_ptr_nonnull(done);
    store.set_done = NULL;
    done(store.set_arg, status);
}

static struct loop *loop;
static struct transfers *transfers;
static struct session *session;
static struct smpp smpp;
static struct pdu message;
static int64_t now = 1000000;

/* Nobody listens there, so that the connection ends as soon as the loop runs. */
static void on_down(void *arg, struct session *s, const char *why, bool is_final) {
    (void)arg, (void)s, (void)why, (void)is_final;
    loop_stop(loop);
}
static void tell(const char *id, uint32_t generation) {
    smpp_seen_stored(&smpp, id, &(struct delivery){.session = session, .generation = generation});
}
static void begin(void) {
    static const struct session_handlers h = {.on_down = on_down};
    static const struct session_options o = {.address = "127.0.0.1:9", .window = 1, .again_ms = 60000, .random = h_random};
    loop = loop_new();
    transfers = transfers_new(loop);
    session = session_new(loop, transfers, &o, &h, NULL);
    smpp = (struct smpp){.h = &table, .host = &now, .started_ms = now - SMPP_REPEAT_MS};
    smpp.seen = xcalloc(SMPP_SEEN_MAX, sizeof *smpp.seen);
    pdu_init(&message, PDU_DELIVER, 1);
    message.text = SPAN("Ja");
}
static void end(void) {
    free(smpp.seen);
    session_free(&session);
    transfers_free(&transfers);
    loop_free(&loop);
}

START_TEST(id_first) {
    smpp_seen_ask(&smpp, session, &message, answered, NULL);
    ck_assert_int_eq(store.answers, 0); /* a message accepted now could be stored without its id */
    set_answers(0);
    ck_assert_int_eq(store.answers, 1);
    ck_assert_str_eq(store.got, store.kept);
}
END_TEST

/* The store went away in between: the repetition has the same id, and that is kept before it counts. */
START_TEST(id_again) {
    char first[80];
    smpp_seen_ask(&smpp, session, &message, answered, NULL);
    snprintf(first, sizeof first, "%s", store.kept);
    set_answers(-1);
    ck_assert_str_eq(store.got, "none");
    smpp_seen_ask(&smpp, session, &message, answered, NULL);
    ck_assert_int_eq(store.answers, 1);
    ck_assert_int_eq(store.sets, 2);
    set_answers(0);
    ck_assert_str_eq(store.got, first);
    ck_assert(!store.is_stored);
}
END_TEST

/* A process that has just started asks what an earlier one has kept; a citizen who says the same again is new. */
START_TEST(id_of_an_earlier_process) {
    smpp.started_ms = now;
    smpp_seen_ask(&smpp, session, &message, answered, NULL);
    ck_assert_int_eq(store.sets, 0);
    store.get_done(store.get_arg, 0, kit_str("earlier.1"));
    ck_assert_str_eq(store.got, "earlier.1");
    tell("earlier.1", session_generation(session));
    smpp_seen_ask(&smpp, session, &message, answered, NULL);
    set_answers(0);
    ck_assert_str_ne(store.got, "earlier.1");
    store.get_done = NULL;
    message.text = SPAN("Nein");
    smpp_seen_ask(&smpp, session, &message, answered, NULL);
    store.get_done(store.get_arg, -1, (struct draht_span){0});
    ck_assert_str_eq(store.got, "none");
}
END_TEST

/* The store is slow, the bind drops, the centre brings the message again. */
START_TEST(id_while_asking) {
    smpp.started_ms = now;
    smpp_seen_ask(&smpp, session, &message, answered, NULL);
    draht_state_fn get = store.get_done;
    store.get_done = NULL;
    loop_run(loop);
    smpp_seen_ask(&smpp, session, &message, answered, NULL);
    ck_assert_ptr_null(store.get_done);
    get(store.get_arg, 0, (struct draht_span){0});
    set_answers(0);
    ck_assert_int_eq(store.answers, 2);
    ck_assert_int_eq(store.sets, 1);
    ck_assert_str_eq(store.got, store.kept);
}
END_TEST

/* The answer to a connection that is gone was never heard, however late the store was; on the same one it was. */
START_TEST(id_after_a_lost_answer) {
    char first[80];
    uint32_t gone = session_generation(session);
    smpp.started_ms = now;
    smpp_seen_ask(&smpp, session, &message, answered, NULL);
    loop_run(loop);
    ck_assert_uint_ne(session_generation(session), gone);
    store.get_done(store.get_arg, 0, (struct draht_span){0});
    set_answers(0);
    snprintf(first, sizeof first, "%s", store.got);
    tell(first, gone);
    for (int i = 0; i < 2; i++) { /* the store failed the first of them, so that nobody was told yet */
        smpp_seen_ask(&smpp, session, &message, answered, NULL);
        set_answers(0);
        ck_assert_str_eq(store.got, first);
        ck_assert(store.is_stored);
    }
    tell(first, session_generation(session));
    smpp_seen_ask(&smpp, session, &message, answered, NULL);
    set_answers(0);
    ck_assert_str_ne(store.got, first);
}
END_TEST

int main(void) {
    Suite *s = suite_create("smpp_seen");
    TCase *t = tcase_create("ids");
    tcase_add_checked_fixture(t, begin, end);
    tcase_add_test(t, id_first);
    tcase_add_test(t, id_again);
    tcase_add_test(t, id_of_an_earlier_process);
    tcase_add_test(t, id_while_asking);
    tcase_add_test(t, id_after_a_lost_answer);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int bad = srunner_ntests_failed(r);
    srunner_free(r);
    return bad != 0;
}
