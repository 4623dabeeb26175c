/* SPDX-License-Identifier: EUPL-1.2 */
/* Promise: a forged or foreign cookie is refused without asking the store; names and numbers from
 * outside have bounds; times leave as RFC 3339. The calls over HTTP are in
 * tests/system/staff.test.js. */
#include <check.h>
#include <stdlib.h>

#include "gateway/api/login.h"

static struct api *make(const uint8_t first) {
    uint8_t key[CRYPTO_KEY_BYTES] = {first};
    struct api *a = xcalloc(1, sizeof *a);
    ck_assert_int_eq(crypto_init(), 0);
    a->o.crypto = crypto_from_key(key);
    return a;
}

static void drop(struct api *a) {
    crypto_free(&a->o.crypto);
    free(a);
}

START_TEST(cookie_is_found_and_verified) {
    struct api *a = make(1), *other = make(2);
    char token[API_TOKEN_BYTES], got[API_TOKEN_BYTES], line[256];
    login_token_new(a, token);
    snprintf(line, sizeof line, "x=1; draht=%s; y=2", token);
    ck_assert(auth_cookie_token(a, span_str(line), got));
    ck_assert_str_eq(got, token);
    ck_assert(!auth_cookie_token(other, span_str(line), got));
    snprintf(line, sizeof line, "__Host-draht=%s", token);
    ck_assert(auth_cookie_token(a, span_str(line), got));
    snprintf(line, sizeof line, "other=%s", token);
    ck_assert(!auth_cookie_token(a, span_str(line), got));
    drop(a);
    drop(other);
}
END_TEST

START_TEST(changed_cookie_is_refused) {
    struct api *a = make(1);
    char token[API_TOKEN_BYTES], got[API_TOKEN_BYTES], line[256];
    login_token_new(a, token);
    for (size_t i = 0; i + 1 < strlen(token); i++) {
        char kept = token[i];
        token[i] = kept == 'A' ? 'B' : 'A';
        snprintf(line, sizeof line, "draht=%s", token);
        ck_assert_msg(!auth_cookie_token(a, span_str(line), got), "byte %zu", i);
        token[i] = kept;
    }
    ck_assert(!auth_cookie_token(a, SPAN("draht="), got));
    ck_assert(!auth_cookie_token(a, SPAN("draht"), got));
    ck_assert(!auth_cookie_token(a, SPAN(";;;=;"), got));
    ck_assert(!auth_cookie_token(a, SPAN_NONE, got));
    drop(a);
}
END_TEST

START_TEST(csrf_belongs_to_the_token) {
    struct api *a = make(1);
    char one[API_TOKEN_BYTES], two[API_TOKEN_BYTES], x[API_CSRF_BYTES], y[API_CSRF_BYTES];
    login_token_new(a, one);
    login_token_new(a, two);
    login_csrf(a, one, x);
    login_csrf(a, two, y);
    ck_assert_str_ne(x, y);
    login_csrf(a, one, y);
    ck_assert_str_eq(x, y);
    drop(a);
}
END_TEST

START_TEST(names_and_numbers_have_bounds) {
    ck_assert(api_user_id_is_valid(SPAN("anna.seidel-2")));
    ck_assert(!api_user_id_is_valid(SPAN("")));
    ck_assert(!api_user_id_is_valid(SPAN("-anna")));
    ck_assert(!api_user_id_is_valid(SPAN("Anna")));
    ck_assert(!api_user_id_is_valid(SPAN("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")));
    ck_assert(!api_user_id_is_valid(SPAN("a\0b")));
    ck_assert(api_number_is_valid(SPAN("2026-000123")));
    ck_assert(!api_number_is_valid(SPAN("2026-000123.1")));
    ck_assert(!api_number_is_valid(SPAN("")));
    ck_assert(!api_number_is_valid(SPAN("2026\0")));
    ck_assert(api_message_is_valid(SPAN("2026-000123.1")));
    ck_assert(!api_message_is_valid(SPAN("../2026")));
}
END_TEST

START_TEST(random_passwords_are_long_and_differ) {
    char a[API_PASSWORD_RANDOM_BYTES], b[API_PASSWORD_RANDOM_BYTES];
    ck_assert_int_eq(crypto_init(), 0);
    api_password_random(a);
    api_password_random(b);
    ck_assert_uint_eq(strlen(a), API_PASSWORD_RANDOM_BYTES - 1);
    ck_assert_str_ne(a, b);
}
END_TEST

START_TEST(times_leave_as_rfc3339) {
    json_t *v =
        json_pack("{s:I,s:n,s:I,s:[{s:I}],s:s}", "sent_ms", (json_int_t)1795434245000, "read_ms",
                  "age_ms", (json_int_t)5, "list", "at_ms", (json_int_t)0, "name_ms", "text");
    api_times(v);
    ck_assert_str_eq(json_str(v, "sent_at", ""), "2026-11-23T11:44:05.000Z");
    ck_assert(json_is_null(json_object_get(v, "read_at")));
    ck_assert_ptr_null(json_object_get(v, "sent_ms"));
    ck_assert_ptr_null(json_object_get(v, "age_ms"));
    ck_assert_ptr_null(json_object_get(v, "age_at"));
    ck_assert_str_eq(json_str(v, "name_ms", ""), "text");
    ck_assert(
        json_is_null(json_object_get(json_array_get(json_object_get(v, "list"), 0), "at_at")));
    json_decref(v);
}
END_TEST

START_TEST(loopback_is_recognised) {
    ck_assert(api_peer_is_loopback("127.0.0.1"));
    ck_assert(api_peer_is_loopback("::1"));
    ck_assert(api_peer_is_loopback("::ffff:127.0.0.1"));
    ck_assert(!api_peer_is_loopback("12.7.0.1"));
    ck_assert(!api_peer_is_loopback("10.0.0.1"));
    ck_assert(!api_peer_is_loopback(NULL));
}
END_TEST

int main(void) {
    Suite *s = suite_create("auth");
    TCase *t = tcase_create("all");
    tcase_add_test(t, cookie_is_found_and_verified);
    tcase_add_test(t, changed_cookie_is_refused);
    tcase_add_test(t, csrf_belongs_to_the_token);
    tcase_add_test(t, names_and_numbers_have_bounds);
    tcase_add_test(t, random_passwords_are_long_and_differ);
    tcase_add_test(t, times_leave_as_rfc3339);
    tcase_add_test(t, loopback_is_recognised);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
