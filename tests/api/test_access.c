/* SPDX-License-Identifier: EUPL-1.2 */
/* Promise: what an account may see follows from its row and the settings, and whatever does not fit shows less, not more. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/api/api_private.h"

START_TEST(scope_of_an_account) {
    static const struct {
        const char *setting, *row, *scope;
    } rows[] = {
        {"all", "{\"role\":\"agent\",\"queues\":[\"bau\"]}", ""},
        {"own", "{\"role\":\"agent\",\"queues\":[\"bau\",\"amt\"]}", "ina,bau,amt"},
        {"own", "{\"queues\":[\"bau\"]}", "ina,bau"},
        {"own", "{\"role\":\"agent\"}", "ina"},
        {"own", "{\"role\":\"admin\",\"queues\":[\"bau\"]}", ""},
        {"own", "{\"role\":\"agent\",\"access\":\"all\",\"queues\":[\"bau\"]}", ""},
        {"all", "{\"role\":\"agent\",\"access\":\"own\",\"queues\":[\"bau\"]}", "ina,bau"},
        {"all", "{\"role\":\"admin\",\"access\":\"own\",\"queues\":[\"bau\"]}", ""},
        {"all", "{\"role\":\"agent\",\"access\":\"own\",\"queues\":[7,\"\",\"bau\"]}", "ina,bau"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct config k = {.staff_access = rows[i].setting};
        char scope[API_SCOPE_BYTES];
        json_t *row = json_parse(span_str(rows[i].row), 4096, NULL);
        ck_assert_ptr_nonnull(row);
        access_scope(&k, row, "ina", scope);
        ck_assert_msg(!strcmp(scope, rows[i].scope), "row %zu: %s", i, scope);
        json_decref(row);
    }
}
END_TEST

/* The longest names fit to the last; one more office is not seen. */
START_TEST(scope_has_bounds) {
    struct config k = {.staff_access = "own"};
    char scope[API_SCOPE_BYTES], id[API_USER_BYTES], office[33];
    memset(id, 'u', sizeof id - 1);
    id[sizeof id - 1] = 0;
    json_t *queues = json_array(), *row = json_pack("{s:o}", "queues", queues);
    for (int i = 0; i <= API_QUEUES_MAX; i++) {
        snprintf(office, sizeof office, "%032d", i);
        json_array_append_new(queues, json_string(office));
        access_scope(&k, row, id, scope);
        ck_assert(ticket_scope_sees(scope, office, "") == (i < API_QUEUES_MAX));
        ck_assert(ticket_scope_sees(scope, "00000000000000000000000000000000", ""));
        ck_assert(ticket_scope_sees(scope, "fremd", id));
    }
    json_decref(row);
}
END_TEST

START_TEST(one_dot_in_a_message) {
    static const struct {
        const char *id;
        bool is_valid;
    } rows[] = {{"2026-000001.1", true},    {"2026-000001", false},   {"2026-000001.", false},         {".1", false},
                {"2026-000001.1.2", false}, {"2026-000001.-1", false}, {"2026-000001..1", false},       {"2026-000001.1\n", false},
                {"2026-000001.123456789", true}, {"", false},          {"2026-00000000000000000001.1", false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ck_assert_msg(api_message_is_valid(span_str(rows[i].id)) == rows[i].is_valid, "%s", rows[i].id);
}
END_TEST

int main(void) {
    Suite *s = suite_create("access");
    TCase *t = tcase_create("access");
    tcase_add_test(t, scope_of_an_account);
    tcase_add_test(t, scope_has_bounds);
    tcase_add_test(t, one_dot_in_a_message);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
