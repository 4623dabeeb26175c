/* SPDX-License-Identifier: EUPL-1.2 */
/* How long a program waits that fails again and again: twice as long each time, then it rests. */
#include <check.h>

#include "channels/exec/exec_private.h"

static const struct {
    int fails;
    uint64_t least, most;
} rows[] = {
    {1, 375, 625},         {2, 750, 1250},        {3, 1500, 2500},  {4, 3000, 5000},
    {5, 6000, 10000},      {6, 12000, 20000},     {7, 24000, 40000}, {8, 600000, 600000},
    {9, 600000, 600000},   {1000, 600000, 600000},
};

START_TEST(test_delays) {
    ck_assert_uint_eq(run_delay_ms(rows[_i].fails, 0), rows[_i].least);
    ck_assert_uint_eq(run_delay_ms(rows[_i].fails, 50), rows[_i].most);
    for (uint32_t dice = 0; dice < 1000; dice++) {
        uint64_t delay = run_delay_ms(rows[_i].fails, dice * 4294967u);
        ck_assert(delay >= rows[_i].least && delay <= rows[_i].most);
    }
}
END_TEST

int main(void) {
    Suite *s = suite_create("exec_run");
    TCase *c = tcase_create("all");
    tcase_add_loop_test(c, test_delays, 0, (int)(sizeof rows / sizeof *rows));
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
