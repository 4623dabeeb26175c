/* SPDX-License-Identifier: EUPL-1.2 */
/* Which address makes a letter, which number a call, and which neither; a store that is away. */
#include <check.h>

#include "channels/desk/desk.h"
#include "tests/channels/fake_host.c"

static const struct {
    const char *to, *kind; /* NULL: refused */
} addresses[] = {
    {"0341 123 45-67", DESK_CALL},
    {"+49 (341) 1234567", DESK_CALL},
    {"11500", DESK_CALL},
    {"1150", DESK_LETTER},
    {"Am Wehr 3, 04109 Leipzig", DESK_LETTER},
    {"Haus @ See 4, 04109 Leipzig", DESK_LETTER},
    {"erika@buerger.test", NULL},
    {"desk:0341 1234567", NULL},
    {"", NULL},
};
START_TEST(test_addresses) {
    char err[256] = "";
    ck_assert_int_eq(fake_begin(&desk_ops, "{}", err), 0);
    struct draht_token t = {0};
    struct draht_outbound m = {.size = sizeof m,
                               .message = fake_span("2026-000001.2"),
                               .ticket = fake_span("2026-000001"),
                               .recipient = fake_span(addresses[_i].to)};
    desk_ops.send(fake.channel, &m, &t);
    fake_run();
    ck_assert_int_eq(t.settled_n, 1);
    ck_assert_int_eq(t.verdict, addresses[_i].kind ? DRAHT_SENT : DRAHT_REJECTED);
    ck_assert_uint_eq(fake.states_n, addresses[_i].kind ? 1 : 0);
    if (addresses[_i].kind) {
        ck_assert_str_eq(fake.states[0].key, DESK_TASK "2026-000001.2");
        ck_assert_ptr_nonnull(strstr(fake.states[0].value, addresses[_i].kind));
        ck_assert_ptr_null(strstr(fake.states[0].value, addresses[_i].to));
    }
    fake_end();
}
END_TEST

START_TEST(test_automatic) {
    char err[256] = "";
    ck_assert_int_eq(fake_begin(&desk_ops, "{}", err), 0);
    struct draht_token t = {0};
    struct draht_outbound m = {
        .size = sizeof m, .flags = DRAHT_OUT_AUTOMATIC, .recipient = fake_span("0341 1234567")};
    desk_ops.send(fake.channel, &m, &t);
    fake_run();
    ck_assert_int_eq(t.verdict, DRAHT_SENT);
    ck_assert_uint_eq(fake.states_n, 0);
    fake_end();
}
END_TEST

int main(void) {
    Suite *s = suite_create("desk");
    TCase *t = tcase_create("all");
    tcase_add_loop_test(t, test_addresses, 0, (int)(sizeof addresses / sizeof *addresses));
    tcase_add_test(t, test_automatic);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
