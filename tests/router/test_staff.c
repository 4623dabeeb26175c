/* SPDX-License-Identifier: EUPL-1.2 */
/* test_staff: accounts, sessions, small state of channels, counters and leases. */
#include "tests/router/bench_redis.h"

START_TEST(test_accounts) {
    json_t *a = json_pack("{s:s,s:s,s:s}", "id", "ina", "name", "Ina Amt", "role", "agent");
    WAITED(staff_get(B.router, "ina", bench_json, NULL));
    ck_assert_int_eq(B.error, ERR_NOT_FOUND);
    WAITED(staff_put(B.router, "ina", a, true, bench_done, NULL));
    ck_assert_int_eq(B.error, 0);
    json_object_set_new(a, "name", json_string("Jemand anderes"));
    WAITED(staff_put(B.router, "ina", a, true, bench_done, NULL));
    ck_assert_int_eq(B.error, ERR_CONFLICT);
    ck_assert_str_eq(names_get(B.router, "ina"), "Ina Amt");
    WAITED(staff_get(B.router, "ina", bench_json, NULL));
    ck_assert_str_eq(json_str(B.json, "name", ""), "Ina Amt");
    json_object_set_new(a, "name", json_string("Ina Neu"));
    WAITED(staff_put(B.router, "ina", a, false, bench_done, NULL));
    ck_assert_int_eq(B.error, 0);
    ck_assert_str_eq(names_get(B.router, "ina"), "Ina Neu");
    WAITED(staff_list(B.router, bench_json, NULL));
    ck_assert_uint_eq(json_array_size(B.json), 1);
    ck_assert_str_eq(json_str(json_array_get(B.json, 0), "name", ""), "Ina Neu");
    json_decref(a);
}
END_TEST

START_TEST(test_sessions) {
    json_t *v = json_pack("{s:s}", "user", "ina");
    WAITED(session_put(B.router, "hash-1", v, 60000, bench_done, NULL));
    ck_assert_int_eq(B.error, 0);
    WAITED(session_get(B.router, "hash-1", bench_json, NULL));
    ck_assert_int_eq(B.error, 0);
    ck_assert_str_eq(json_str(B.json, "user", ""), "ina");
    WAITED(session_del(B.router, "hash-1", bench_done, NULL));
    ck_assert_int_eq(B.error, 0);
    WAITED(session_get(B.router, "hash-1", bench_json, NULL));
    ck_assert_int_eq(B.error, ERR_NOT_FOUND);
    WAITED(session_put(B.router, "hash-2", v, 20, bench_done, NULL));
    do {
        WAITED(session_get(B.router, "hash-2", bench_json, NULL)); /* ends with its time */
    } while (!B.error);
    ck_assert_int_eq(B.error, ERR_NOT_FOUND);
    json_decref(v);
}
END_TEST

/* What is opened once is shared; what is stored anew is read anew, and other bytes are another row. */
START_TEST(test_rows_are_opened_once) {
    json_t *v = json_pack("{s:s}", "user", "ina");
    WAITED(session_put(B.router, "hash-1", v, 60000, bench_done, NULL));
    WAITED(session_get(B.router, "hash-1", bench_json, NULL));
    json_t *first = json_incref(B.json);
    WAITED(session_get(B.router, "hash-1", bench_json, NULL));
    ck_assert_ptr_eq(B.json, first);
    WAITED(session_put(B.router, "hash-1", v, 60000, bench_done, NULL));
    WAITED(session_get(B.router, "hash-1", bench_json, NULL));
    ck_assert_ptr_ne(B.json, first); /* each sealing has other bytes */
    ck_assert_str_eq(json_str(B.json, "user", ""), "ina");
    json_object_set_new(v, "user", json_string("ada"));
    WAITED(session_put(B.router, "hash-1", v, 60000, bench_done, NULL));
    WAITED(session_get(B.router, "hash-1", bench_json, NULL));
    ck_assert_str_eq(json_str(B.json, "user", ""), "ada");
    json_decref(first);
    json_decref(v);
}
END_TEST

START_TEST(test_memo) {
    struct memo *m = memo_new();
    static char rows[1000][MEMO_ROW_BYTES_MAX + 1];
    for (size_t i = 0; i < 1000; i++) {
        json_t *v = json_integer((json_int_t)i);
        struct span sealed = {rows[i], i == 0 ? 3 : i == 1 ? MEMO_ROW_BYTES_MAX + 1 : i == 2 ? MEMO_ROW_BYTES_MAX : 100};
        for (size_t k = 0; k < sealed.n; k++) rows[i][k] = (char)(i * 7 + k * 13 + (k >= 96 ? i >> 3 : 0));
        memo_keep(m, sealed, v);
        json_t *found = memo_find(m, sealed);
        ck_assert_msg(i < 2 ? !found : found == v, "row %zu", i);
        if (i > 2) {
            rows[i][0]++;
            ck_assert_ptr_null(memo_find(m, sealed));
            rows[i][0]--;
        }
        json_decref(found);
        json_decref(v);
    }
    memo_free(&m);
    memo_free(&m);
}
END_TEST

static char value[64];
static bool is_absent;
static void got_value(void *arg, int error, struct span v) {
    (void)arg;
    B.error = error;
    is_absent = !v.p;
    bench_copy(value, sizeof value, v);
    B.is_done = true;
}

START_TEST(test_state) {
    WAITED(router_state_get(B.router, "chat", SPAN("key"), got_value, NULL));
    ck_assert(B.error == 0 && is_absent);
    WAITED(router_state_set(B.router, "chat", SPAN("key"), SPAN("value"), 0, bench_done, NULL));
    ck_assert_int_eq(B.error, 0);
    WAITED(router_state_get(B.router, "chat", SPAN("key"), got_value, NULL));
    ck_assert_int_eq(B.error, 0);
    ck_assert_str_eq(value, "value");
    WAITED(router_state_get(B.router, "mail", SPAN("key"), got_value, NULL)); /* each channel has its own */
    ck_assert(B.error == 0 && is_absent);
    WAITED(router_state_set(B.router, "chat", SPAN("empty"), SPAN(""), 60000, bench_done, NULL));
    WAITED(router_state_get(B.router, "chat", SPAN("empty"), got_value, NULL));
    ck_assert(B.error == 0 && !is_absent && !*value);
    WAITED(router_state_del(B.router, "chat", SPAN("key"), bench_done, NULL));
    WAITED(router_state_get(B.router, "chat", SPAN("key"), got_value, NULL));
    ck_assert(B.error == 0 && is_absent);
}
END_TEST

START_TEST(test_state_limits) {
    char *large = xcalloc(1, 65537);
    WAITED(router_state_set(B.router, "chat", SPAN("k"), (struct span){large, 65536}, 0, bench_done, NULL));
    ck_assert_int_eq(B.error, 0);
    WAITED(router_state_set(B.router, "chat", SPAN("k"), (struct span){large, 65537}, 0, bench_done, NULL));
    ck_assert_int_eq(B.error, ERR_TOO_LARGE);
    WAITED(router_state_set(B.router, "chat", (struct span){large, 200}, SPAN("v"), 0, bench_done, NULL));
    ck_assert_int_eq(B.error, 0);
    WAITED(router_state_set(B.router, "chat", (struct span){large, 201}, SPAN("v"), 0, bench_done, NULL));
    ck_assert_int_eq(B.error, ERR_TOO_LARGE);
    free(large);
}
END_TEST

static int64_t counted;
static void got_count(void *arg, int error, int64_t n) {
    (void)arg;
    B.error = error;
    counted = n;
    B.is_done = true;
}

START_TEST(test_count) {
    for (int i = 1; i <= 3; i++) {
        WAITED(router_count(B.router, "login", 60000, got_count, NULL));
        ck_assert(B.error == 0 && counted == i);
    }
    WAITED(router_count(B.router, "other", 20, got_count, NULL));
    ck_assert_int_eq((int)counted, 1);
    do {
        WAITED(router_count(B.router, "short", 20, got_count, NULL)); /* the window ends */
    } while (counted != 2);
    do {
        WAITED(router_count(B.router, "short", 20, got_count, NULL));
    } while (counted != 1);
}
END_TEST

static int changes[2];
static bool holds[2];
static void lease_changed(void *arg, bool held) {
    int i = *(const int *)arg;
    changes[i]++;
    holds[i] = held;
}

/* One of two gateways holds a lease; the other gets it when the first lets go. */
START_TEST(test_lease) {
    static const int first = 0, second = 1;
    memset(changes, 0, sizeof changes);
    struct router_lease *a = router_lease(B.router, "imap:mail", lease_changed, (void *)(uintptr_t)&first);
    UNTIL(changes[0] == 1);
    ck_assert(holds[0]);
    struct router *one = B.router;
    char dir[96], command[128];
    snprintf(dir, sizeof dir, "%s/second", B.dir);
    snprintf(command, sizeof command, "mkdir '%s'", dir);
    ck_assert_int_eq(system(command), 0);
    B.config.state_dir = dir; /* a name of its own */
    bench_router();
    struct router_lease *b = router_lease(B.router, "imap:mail", lease_changed, (void *)(uintptr_t)&second);
    router_lease_drop(&a);
    ck_assert_ptr_null(a);
    UNTIL(changes[1] == 1);
    ck_assert(holds[1]);
    router_lease_drop(&b);
    bench_router_stop();
    B.router = one;
}
END_TEST

static void redis_cli(const char *words, char *out, size_t size) {
    char command[200];
    snprintf(command, sizeof command, "redis-cli -s %.90s %.60s", B.socket + 5, words);
    FILE *p = popen(command, "r");
    ck_assert_ptr_nonnull(p);
    out[fread(out, 1, size - 1, p)] = 0;
    ck_assert_int_eq(pclose(p), 0);
}

static int refusals(void) {
    char info[8192];
    redis_cli("info commandstats", info, sizeof info);
    const char *at = strstr(info, "cmdstat_xread:");
    at = at ? strstr(at, "rejected_calls=") : NULL;
    return at ? atoi(at + strlen("rejected_calls=")) : 0;
}

/* A feed that Redis refuses asks less and less often, and goes on where it was. */
START_TEST(test_feed_backs_off) {
    char said[64];
    struct inbound m = bench_mail("id-1", "eins"), n = bench_mail("id-2", "zwei");
    uint64_t before = uv_now(loop_uv(B.loop));
    redis_cli("acl setuser default -xread", said, sizeof said);
    ck_assert_int_eq(bench_accept(&m), 0); /* ends a read that waits */
    UNTIL(refusals() >= 4); /* at once, then after 100, 200 and 400 ms */
    ck_assert_uint_ge(uv_now(loop_uv(B.loop)) - before, 600);
    ck_assert_int_eq(bench_accept(&n), 0);
    redis_cli("acl setuser default +xread", said, sizeof said);
    UNTIL(B.events_n == 2);
}
END_TEST

int main(void) {
    Suite *s = suite_create("staff");
    TCase *t = tcase_create("staff");
    tcase_set_timeout(t, 40);
    tcase_add_checked_fixture(t, bench_start, bench_stop);
    tcase_add_test(t, test_accounts);
    tcase_add_test(t, test_sessions);
    tcase_add_test(t, test_rows_are_opened_once);
    tcase_add_test(t, test_memo);
    tcase_add_test(t, test_state);
    tcase_add_test(t, test_state_limits);
    tcase_add_test(t, test_count);
    tcase_add_test(t, test_lease);
    tcase_add_test(t, test_feed_backs_off);
    suite_add_tcase(s, t);
    return bench_main(s);
}
