/* SPDX-License-Identifier: EUPL-1.2 */
/* SHA-1 by the RFCs' vectors, stop words, and the fields of a webhook at their limits. */
#include <check.h>
#include <stdlib.h>

#include "channels/kit/keyword.h"
#include "channels/kit/sha1.h"
#include "channels/sms_http/twilio_form.h"
#include "gateway/base/crypto.h"

static const char *hex_of(const uint8_t *p) {
    static char hex[2 * KIT_SHA1_BYTES + 1];
    crypto_hex(p, KIT_SHA1_BYTES, hex);
    return hex;
}

START_TEST(sums_of_the_rfcs) {
    uint8_t out[KIT_SHA1_BYTES];
    kit_sha1(SPAN("abc"), out);
    ck_assert_str_eq(hex_of(out), "a9993e364706816aba3e25717850c26c9cd0d89d");
    kit_sha1(SPAN("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), out);
    ck_assert_str_eq(hex_of(out), "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    kit_sha1(SPAN(""), out);
    ck_assert_str_eq(hex_of(out), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    kit_hmac_sha1(SPAN("Jefe"), SPAN("what do ya want for nothing?"), out);
    ck_assert_str_eq(hex_of(out), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    char key[80];
    memset(key, 0xaa, sizeof key);
    kit_hmac_sha1((struct span){key, sizeof key}, SPAN("Test Using Larger Than Block-Size Key - Hash Key First"), out);
    ck_assert_str_eq(hex_of(out), "aa4ae5e15272d00e95705637ce8a3b55ed402112");
}
END_TEST

START_TEST(words) {
    static const struct {
        const char *text;
        enum kit_keyword word;
    } rows[] = {{"STOP", KIT_WORD_STOP},       {" Stopp! ", KIT_WORD_STOP}, {"abmelden.", KIT_WORD_STOP},
                {"Stop the noise", KIT_WORD_NONE}, {"start", KIT_WORD_START},   {"", KIT_WORD_NONE},
                {"!", KIT_WORD_NONE}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ck_assert_int_eq(kit_keyword(span_str(rows[i].text)), rows[i].word);
}
END_TEST

static enum twilio_kind kind_of(const char *body) {
    struct arena *a = arena_new();
    struct form f;
    struct twilio_post p = {0};
    ck_assert_int_eq(twilio_fields(a, SPAN("application/x-www-form-urlencoded"), span_str(body), &f), 0);
    twilio_read(a, &f, &p);
    enum twilio_kind kind = p.kind;
    arena_free(&a);
    return kind;
}

START_TEST(meaning) {
    ck_assert_int_eq(kind_of(""), TWILIO_IGNORED);
    ck_assert_int_eq(kind_of("MessageSid=S&From=%2B49&Body=x"), TWILIO_MESSAGE);
    ck_assert_int_eq(kind_of("MessageSid=S&From=%2B49&Body="), TWILIO_IGNORED);
    ck_assert_int_eq(kind_of("MessageSid=S&From=a%20b&Body=x"), TWILIO_IGNORED);
    ck_assert_int_eq(kind_of("MessageSid=S&From=1&NumMedia=1&MediaUrl0=http%3A%2F%2Fh%2F"), TWILIO_MESSAGE);
    ck_assert_int_eq(kind_of("MessageSid=S&From=1&NumMedia=11&MediaUrl0=http%3A%2F%2Fh%2F"), TWILIO_IGNORED);
    ck_assert_int_eq(kind_of("MessageSid=S&MessageStatus=delivered"), TWILIO_RECEIPT);
    ck_assert_int_eq(kind_of("MessageSid=S&MessageStatus=queued"), TWILIO_IGNORED);
    ck_assert_int_eq(kind_of("Body=x&From=1"), TWILIO_IGNORED);
}
END_TEST

START_TEST(signatures_of_other_lengths) {
    struct form f = {.fields_n = 0};
    ck_assert(!twilio_is_signed(SPAN("token"), SPAN("https://h/"), &f, SPAN("")));
    ck_assert(!twilio_is_signed(SPAN("token"), SPAN("https://h/"), &f, SPAN("AAAAAAAAAAAAAAAAAAAAAAAAAAA=")));
    ck_assert(!twilio_is_signed(SPAN(""), SPAN("https://h/"), &f, SPAN("AAAAAAAAAAAAAAAAAAAAAAAAAAA=")));
}
END_TEST

int main(void) {
    Suite *s = suite_create("twilio");
    TCase *t = tcase_create("twilio");
    if (crypto_init() < 0)
        return EXIT_FAILURE;
    tcase_add_test(t, sums_of_the_rfcs);
    tcase_add_test(t, words);
    tcase_add_test(t, meaning);
    tcase_add_test(t, signatures_of_other_lengths);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
