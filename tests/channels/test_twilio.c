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
                {"Stop All", KIT_WORD_STOP},   {"optout", KIT_WORD_STOP},   {"REVOKE", KIT_WORD_STOP},
                {"STOP,STOPP", KIT_WORD_NONE}, {"unstop", KIT_WORD_START},  {"all", KIT_WORD_NONE},
                {"Stop the noise", KIT_WORD_NONE}, {"start", KIT_WORD_START},   {"", KIT_WORD_NONE},
                {"!", KIT_WORD_NONE}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ck_assert_int_eq(kit_keyword(span_str(rows[i].text)), rows[i].word);
}
END_TEST

START_TEST(words_of_a_channel) {
    struct kit_words w = {0};
    char many[200] = "", long_word[KIT_WORD_BYTES_MAX + 2];
    for (char c = 'a'; c <= 'q'; c++) /* 17 of them */
        snprintf(many + strlen(many), sizeof many - strlen(many), "wort-%c, ", c);
    memset(long_word, 'x', sizeof long_word - 1);
    long_word[sizeof long_word - 1] = 0;
    json_t *o = json_pack("{s:[s,s,s],s:s}", "stop_words", "Aus", "", long_word, "start_words", many);
    kit_words_read(&w, KIT_WORD_STOP, o, "stop_words", "STOP");
    kit_words_read(&w, KIT_WORD_START, o, "start_words", "START");
    kit_words_read(&w, KIT_WORD_HELP, o, "help_words", "HILFE,INFO");
    const struct {
        const char *text;
        enum kit_keyword word;
    } rows[] = {{" aus!", KIT_WORD_STOP}, {"stop", KIT_WORD_NONE}, {"Wort-P", KIT_WORD_START}, {"wort-q", KIT_WORD_NONE}, {"hilfe...", KIT_WORD_HELP},
                {"Info", KIT_WORD_HELP},  {"", KIT_WORD_NONE},     {"!", KIT_WORD_NONE},       {long_word, KIT_WORD_NONE}, {long_word + 1, KIT_WORD_NONE}};
    ck_assert_uint_eq(w.n[KIT_WORD_START], KIT_WORDS_MAX);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ck_assert_msg(kit_words_find(&w, span_str(rows[i].text)) == rows[i].word, "%s", rows[i].text);
    w.of[KIT_WORD_STOP][0] = long_word + 1; /* of the limit */
    ck_assert_int_eq(kit_words_find(&w, span_str(long_word + 1)), KIT_WORD_STOP);
    ck_assert_int_eq(kit_keyword(SPAN("Hilfe")), KIT_WORD_NONE);
    json_decref(o);
}
END_TEST

static struct draht_span fact(void *host, const char *name) {
    static const char *const facts[][2] = {{"locale.en.sms.help", "{city}{city}: {phone} {other}{"}, {"city.name", "Trier"}};
    (void)host;
    for (size_t i = 0; i < 2; i++)
        if (strcmp(facts[i][0], name) == 0)
            return (struct draht_span){facts[i][1], strlen(facts[i][1])};
    return (struct draht_span){0};
}

START_TEST(answers_to_words) {
    const struct draht_host h = {.size = sizeof h, .fact = fact};
    struct buf out = {0};
    kit_words_answer(&h, NULL, "en", KIT_WORD_HELP, &out);
    ck_assert_msg(span_eq(buf_span(&out), "TrierTrier:  {other}{"), "%.*s", (int)out.n, out.p);
    buf_clear(&out);
    kit_words_answer(&h, NULL, "xx", KIT_WORD_STOP, &out);
    ck_assert_uint_eq(out.n, 0);
    buf_free(&out);
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
    ck_assert_int_eq(kind_of("MessageSid=S&From=a%20b&Body=x"), TWILIO_MESSAGE); /* the name of a company */
    ck_assert_int_eq(kind_of("MessageSid=S&From=a%0Ab&Body=x"), TWILIO_IGNORED);
    ck_assert_int_eq(kind_of("MessageSid=S&From=%20&Body=x"), TWILIO_IGNORED);
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
    tcase_add_test(t, words_of_a_channel);
    tcase_add_test(t, answers_to_words);
    tcase_add_test(t, meaning);
    tcase_add_test(t, signatures_of_other_lengths);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
