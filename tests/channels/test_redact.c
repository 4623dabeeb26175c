/* SPDX-License-Identifier: EUPL-1.2 */
/* What a channel's log may say: tables of what goes in and what stands there. */
#include <check.h>
#include <stdlib.h>

#include "channels/redact.h"

static const struct draht_option options[] = {{"token", DRAHT_OPT_STRING, "", 0, 0, NULL, DRAHT_OPT_SECRET, ""},
                                              {"keys", DRAHT_OPT_TREE, "", 0, 0, NULL, DRAHT_OPT_SECRET, ""},
                                              {"url", DRAHT_OPT_STRING, "", 0, 0, NULL, 0, ""},
                                              {0}};
static const char json[] = "{\"token\":\"taube\",\"keys\":{\"a\":[\"taubenschlag\",\"abc\"]},\"url\":\"plain-word\"}";

struct row {
    const char *in, *out;
};
static const struct row urls[] = {
    {"https://api.example/v1/messages", "https://api.example/v1/messages"},
    {"https://u:p@api.example/v1?to=%2B4930123&x", "https://api.example/v1?to=[redacted]&[redacted]"},
    {"https://api.example/bot12345678:AAxyz/sendMessage", "https://api.example/[redacted]/sendMessage"},
    {"/a/@erika:stadt.example/b", "/a/[redacted]/b"},
    {"/a/%40erika/b#frag", "/a/[redacted]/b"},
    {"/x/taubenschlag/taube/plain-word", "/x/[redacted]/[redacted]/plain-word"},
    {"/n/123456/1234567", "/n/123456/[redacted]"},
    {"", ""},
};
static const struct row texts[] = {
    {"the taube flies", "the [redacted] flies"},
    {"taubenschlag", "[redacted]"},
    {"abc is too short", "abc is too short"},
    {"to +49 30 123-45, 67 of 3", "to [redacted] [redacted] [redacted], [redacted] of 3"},
    {"1 + 2 is 3", "1 + 2 is 3"},
    {"Authorization: Bearer geheim123 ok", "Authorization: Bearer [redacted] ok"},
    {"from erika@example.org, +4930123456", "from [redacted], [redacted]"},
    {"access_token=x1 next", "[redacted] next"},
    {"GET https://h/p?api_key=1 failed", "GET https://h/p?api_key=[redacted] failed"},
    {"", ""},
};

static void check(const struct row *rows, size_t n, void (*fn)(const struct redact *, struct span, struct buf *)) {
    struct redact *r = redact_new(options, json);
    for (size_t i = 0; i < n; i++) {
        struct buf b = {0};
        fn(r, span_str(rows[i].in), &b);
        ck_assert_str_eq(b.p ? b.p : "", rows[i].out);
        buf_free(&b);
    }
    redact_free(&r);
}

START_TEST(addresses_of_requests) {
    check(urls, sizeof urls / sizeof *urls, redact_url);
}
END_TEST
START_TEST(lines_of_text) {
    check(texts, sizeof texts / sizeof *texts, redact_text);
}
END_TEST

START_TEST(bounds) {
    char piece[REDACT_SEGMENT_BYTES_MAX + 2] = "/";
    memset(piece + 1, 'a', REDACT_SEGMENT_BYTES_MAX);
    struct buf b = {0};
    redact_url(NULL, span_str(piece), &b);
    ck_assert_str_eq(b.p, piece);
    buf_clear(&b);
    char longer[REDACT_SEGMENT_BYTES_MAX + 3] = "/";
    memset(longer + 1, 'a', REDACT_SEGMENT_BYTES_MAX + 1);
    redact_url(NULL, span_str(longer), &b);
    ck_assert_str_eq(b.p, "/" REDACT_MARK);
    buf_clear(&b);
    char words[REDACT_TEXT_BYTES_MAX + 100];
    for (size_t i = 0; i < sizeof words; i++)
        words[i] = i % 2 ? ' ' : 'a';
    redact_text(NULL, (struct span){words, sizeof words}, &b);
    ck_assert_uint_eq(b.n, REDACT_TEXT_BYTES_MAX);
    buf_free(&b);
    struct redact *none = NULL;
    redact_free(&none);
}
END_TEST

int main(void) {
    Suite *s = suite_create("redact");
    TCase *t = tcase_create("redact");
    tcase_add_test(t, addresses_of_requests);
    tcase_add_test(t, lines_of_text);
    tcase_add_test(t, bounds);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
