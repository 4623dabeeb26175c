/* SPDX-License-Identifier: EUPL-1.2 */
/* Long text messages that never become whole, too many of them at once, and numbers used again: what a hostile or a broken centre
 * makes of parts. Answers of the store come behind the call, as from the loop. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "channels/smpp/smpp_channel.h"
#include "gateway/base/arena.h"
#include "gateway/base/crypto.h"

enum { KEPT_MAX = 2000, HOUR_MS = 3600000 };
static struct {
    char key[64], *value;
} kept[KEPT_MAX];
static struct buf texts; /* "text|" of what was accepted */
static int accepted, warned, store_status;
static int64_t now_ms;
static struct smpp smpp;

static struct job { /* an answer that is still to come */
    draht_done_fn done;
    draht_state_fn state;
    draht_accept_fn accept;
    void *arg;
    int status;
    char *value;
} jobs[KEPT_MAX];
static size_t jobs_n;

static void later(struct job j) {
    ck_assert_uint_lt(jobs_n, KEPT_MAX);
    jobs[jobs_n++] = j;
}
static void run(void) {
    struct draht_accepted a = {.size = sizeof a};
    for (size_t i = 0; i < jobs_n; i++) {
        struct job j = jobs[i];
        if (j.done)
            j.done(j.arg, j.status);
        if (j.state)
            j.state(j.arg, j.status, j.value ? (struct draht_span){j.value, strlen(j.value)} : (struct draht_span){0});
        if (j.accept)
            j.accept(j.arg, j.status, &a);
        free(j.value);
    }
    jobs_n = 0;
}
static void h_mac(void *host, struct draht_span text, uint8_t out[32]) {
    (void)host;
    crypto_hmac_sha256(SPAN("key"), (struct span){text.p, text.n}, out);
}
static int64_t h_now(void *host) {
    (void)host;
    return now_ms;
}
static int free_slot(void) {
    for (int i = 0; i < KEPT_MAX; i++)
        if (!kept[i].value)
            return i;
    ck_abort_msg("the store of the test is full");
    return 0;
}
static int find(struct draht_span key) {
    for (int i = 0; i < KEPT_MAX; i++)
        if (kept[i].value && strlen(kept[i].key) == key.n && memcmp(kept[i].key, key.p, key.n) == 0)
            return i;
    return -1;
}
static void h_del(void *host, struct draht_span key, draht_done_fn done, void *arg) {
    int i = find(key);
    (void)host;
    if (i >= 0) {
        free(kept[i].value);
        kept[i].value = NULL;
    }
    if (done)
        later((struct job){.done = done, .arg = arg});
}
static void h_set(void *host, struct draht_span key, struct draht_span value, uint64_t ttl, draht_done_fn done, void *arg) {
    (void)ttl;
    if (store_status == 0) {
        h_del(host, key, NULL, NULL);
        int i = free_slot();
        snprintf(kept[i].key, sizeof kept[i].key, "%.*s", (int)key.n, key.p);
        kept[i].value = strndup(value.p, value.n);
    }
    if (done)
        later((struct job){.done = done, .arg = arg, .status = store_status});
}
static void h_get(void *host, struct draht_span key, draht_state_fn done, void *arg) {
    int i = find(key);
    (void)host;
    later((struct job){.state = done, .arg = arg, .status = store_status, .value = i < 0 ? NULL : strdup(kept[i].value)});
}
static void h_accept(void *host, const struct draht_inbound *m, draht_accept_fn done, void *arg) {
    (void)host;
    if (store_status == 0) {
        accepted++;
        warned += m->warnings.n > 0 && strstr(m->warnings.p, "missing") != NULL;
        buf_addf(&texts, "%.*s|", (int)m->text.n, m->text.p);
    }
    later((struct job){.accept = done, .arg = arg, .status = store_status});
}
static const struct draht_host table = {.size = sizeof(struct draht_host), .mac = h_mac, .now_ms = h_now, .state_set = h_set, .state_get = h_get, .state_del = h_del, .accept = h_accept};

static void fresh(void) {
    smpp = (struct smpp){.h = &table, .is_loaded = true, .set.part_ms = 24 * HOUR_MS};
    smpp.seen = xcalloc(SMPP_SEEN_MAX, sizeof *smpp.seen);
}
static void begin(void) {
    now_ms = 1800000000000;
    accepted = warned = store_status = 0;
    fresh();
    buf_adds(&texts, "");
}
static void over(void) {
    run();
    smpp_parts_free(&smpp);
    ck_assert_uint_eq(smpp.groups_n, 0);
    ck_assert_uint_eq(smpp.group_bytes, 0);
    free(smpp.seen);
}
static void end(void) {
    over();
    buf_free(&texts);
    for (int i = 0; i < KEPT_MAX; i++) {
        free(kept[i].value);
        kept[i].value = NULL;
    }
}

static void part(const char *from, uint32_t ref, uint8_t number, uint8_t total, const char *text) {
    struct smpp_part p = {.ref = ref, .total = total, .number = number, .coding = SMS_GSM, .bytes = span_str(text)};
    snprintf(p.id, sizeof p.id, "%s.%u.%u", from, ref, number);
    snprintf(p.from, sizeof p.from, "%s", from);
    snprintf(p.to, sizeof p.to, "12345");
    smpp_parts_add(&smpp, &p);
    run();
}
static void tick(void) {
    smpp_parts_tick(&smpp);
    run();
}
static void load(void) {
    fresh();
    smpp.is_loaded = false;
    smpp_parts_load(&smpp);
    run();
    ck_assert(smpp.is_loaded);
}
static size_t kept_n(void) {
    size_t n = 0;
    for (int i = 0; i < KEPT_MAX; i++)
        n += kept[i].value != NULL;
    return n;
}

START_TEST(what_never_becomes_whole_goes_as_it_is) {
    part("+491", 7, 1, 3, "vorne ");
    part("+491", 7, 3, 3, " hinten");
    now_ms += 24 * HOUR_MS;
    tick();
    ck_assert_int_eq(accepted, 0);
    now_ms += 1;
    tick();
    ck_assert_str_eq(texts.p, "vorne [part 2/3 missing] hinten|");
    ck_assert_int_eq(warned, 1);
    ck_assert_uint_eq(smpp.groups_n, 0);
}
END_TEST

START_TEST(it_stays_while_the_store_is_away) {
    part("+491", 7, 1, 2, "vorne ");
    now_ms += 25 * HOUR_MS;
    store_status = DRAHT_E_UNAVAILABLE;
    tick();
    ck_assert_uint_eq(smpp.groups_n, 1);
    part("+491", 8, 1, 2, "nicht gespeichert");
    ck_assert_uint_eq(smpp.groups_n, 1); /* the centre was told to come again */
    store_status = 0;
    tick();
    ck_assert_str_eq(texts.p, "vorne [part 2/2 missing]|");
}
END_TEST

START_TEST(a_sender_has_eight_at_once) {
    for (uint32_t ref = 0; ref < 8; ref++)
        part("+491", ref, 1, 2, "x");
    part("+492", 0, 1, 2, "jemand anders");
    ck_assert_int_eq(accepted, 0);
    ck_assert_uint_eq(smpp.groups_n, 9);
    part("+491", 8, 1, 2, "neu "); /* the oldest goes; this one is asked for again */
    ck_assert_str_eq(texts.p, "x[part 2/2 missing]|");
    ck_assert_uint_eq(smpp.groups_n, 8);
    part("+491", 8, 1, 2, "neu ");
    ck_assert_uint_eq(smpp.groups_n, 9);
    part("+491", 8, 2, 2, "und ganz");
    ck_assert_ptr_nonnull(strstr(texts.p, "|neu und ganz|"));
    ck_assert_int_eq(accepted, 2);
}
END_TEST

START_TEST(all_senders_have_five_hundred) {
    char from[20];
    for (int i = 0; i < 500; i++) {
        snprintf(from, sizeof from, "+49%04d", i);
        part(from, 0, 1, 2, "x");
    }
    ck_assert_uint_eq(smpp.groups_n, 500);
    ck_assert_int_eq(accepted, 0);
    part("+50", 0, 1, 2, "eine zu viel");
    ck_assert_int_eq(accepted, 1);
    ck_assert_uint_eq(smpp.groups_n, 499);
    part("+50", 0, 1, 2, "eine zu viel");
    ck_assert_uint_eq(smpp.groups_n, 500);
}
END_TEST

START_TEST(all_together_have_a_mebibyte) {
    char from[20], *large = malloc(30001);
    memset(large, 'y', 30000);
    large[30000] = 0;
    for (int i = 0; i < 35; i++) { /* 1,050,000 octets */
        snprintf(from, sizeof from, "+49%04d", i);
        part(from, 0, 1, 2, large);
    }
    ck_assert_int_eq(accepted, 0);
    part("+50", 0, 1, 2, "x");
    ck_assert_int_eq(accepted, 1);
    ck_assert_uint_eq(smpp.group_bytes, 34 * 30000);
    free(large);
}
END_TEST

START_TEST(a_number_used_again_keeps_both) {
    part("+491", 7, 1, 2, "alt");
    part("+491", 7, 1, 2, "alt"); /* a repetition */
    ck_assert_int_eq(accepted, 0);
    part("+491", 7, 1, 2, "neu ");
    ck_assert_str_eq(texts.p, "alt[part 2/2 missing]|");
    part("+491", 7, 1, 2, "neu "); /* the centre was told to come again */
    part("+491", 7, 2, 2, "heil");
    ck_assert_ptr_nonnull(strstr(texts.p, "|neu heil|"));
    ck_assert_int_eq(accepted, 2);
}
END_TEST

START_TEST(two_hundred_and_fifty_five_parts) {
    for (int i = 255; i >= 1; i--)
        part("+491", 7, (uint8_t)i, 255, i % 2 ? "a" : "b");
    ck_assert_int_eq(accepted, 1);
    ck_assert_uint_eq(strlen(texts.p), 256);
    ck_assert(strncmp(texts.p, "ababab", 6) == 0);
    ck_assert_uint_eq(smpp.groups_n, 0);
    ck_assert_uint_le(kept_n(), 2); /* the index, and that it is done */
}
END_TEST

START_TEST(the_next_process_goes_on) {
    part("+491", 7, 2, 3, "mitte ");
    part("+492", 7, 1, 2, "anders");
    over();
    load();
    ck_assert_uint_eq(smpp.groups_n, 2);
    part("+491", 7, 1, 3, "vorne ");
    part("+491", 7, 3, 3, "hinten");
    ck_assert_str_eq(texts.p, "vorne mitte hinten|");
    ck_assert_uint_eq(smpp.groups_n, 1);
}
END_TEST

START_TEST(a_torn_index_is_no_end) {
    static const char *const bad[] = {"", "[", "{}", "[[]]", "[[\"x\",256]]", "[[\"x\",-1]]", "[[5,2]]", "[[\"x\",2],[\"y\",\"z\"]]"};
    part("+491", 7, 1, 2, "x");
    over();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        h_set(NULL, (struct draht_span){"parts", 5}, (struct draht_span){bad[i], strlen(bad[i])}, 0, NULL, NULL);
        load();
        ck_assert_uint_eq(smpp.groups_n, 0);
        over();
    }
    fresh();
}
END_TEST

int main(void) {
    if (crypto_init() != 0)
        return 1;
    Suite *s = suite_create("smpp.parts");
    TCase *t = tcase_create("parts");
    tcase_add_checked_fixture(t, begin, end);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, what_never_becomes_whole_goes_as_it_is);
    tcase_add_test(t, it_stays_while_the_store_is_away);
    tcase_add_test(t, a_sender_has_eight_at_once);
    tcase_add_test(t, all_senders_have_five_hundred);
    tcase_add_test(t, all_together_have_a_mebibyte);
    tcase_add_test(t, a_number_used_again_keeps_both);
    tcase_add_test(t, two_hundred_and_fifty_five_parts);
    tcase_add_test(t, the_next_process_goes_on);
    tcase_add_test(t, a_torn_index_is_no_end);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
