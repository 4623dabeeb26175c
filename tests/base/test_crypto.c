/* SPDX-License-Identifier: EUPL-1.2 */
/* Crypto against published vectors, ids, clock, errors, log redaction and metrics. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "gateway/base/clock.h"
#include "gateway/base/crypto.h"
#include "gateway/base/id.h"
#include "gateway/base/log.h"
#include "gateway/base/metrics.h"

static const uint8_t key[CRYPTO_KEY_BYTES] = {1, 2, 3};

START_TEST(sealing) {
    struct crypto *c = crypto_from_key(key);
    uint8_t data[32], again[32], wrapped[CRYPTO_WRAPPED_BYTES];
    struct buf sealed = {0}, plain = {0};
    crypto_new_data_key(c, data, wrapped);
    ck_assert_int_eq(crypto_unwrap(c, (struct span){(char *)wrapped, sizeof wrapped}, again), 0);
    ck_assert(crypto_equal(data, again, 32));
    crypto_seal(data, SPAN("aad"), SPAN("hello"), &sealed);
    ck_assert_uint_eq(sealed.n, 5 + CRYPTO_SEAL_OVERHEAD);
    ck_assert_int_eq(crypto_unseal(data, SPAN("aad"), buf_span(&sealed), &plain), 0);
    ck_assert_str_eq(plain.p, "hello");
    ck_assert_int_eq(crypto_unseal(data, SPAN("other"), buf_span(&sealed), &plain), ERR_CRYPTO);
    ck_assert_int_eq(crypto_unseal(key, SPAN("aad"), buf_span(&sealed), &plain), ERR_CRYPTO);
    for (size_t i = 0; i < sealed.n; i++) { /* every single broken byte is noticed */
        sealed.p[i] ^= 1;
        ck_assert_int_eq(crypto_unseal(data, SPAN("aad"), buf_span(&sealed), &plain), ERR_CRYPTO);
        sealed.p[i] ^= 1;
        ck_assert_int_eq(crypto_unseal(data, SPAN("aad"), (struct span){sealed.p, i}, &plain),
                         ERR_CRYPTO);
    }
    ck_assert_uint_eq(plain.n, 5);
    buf_free(&sealed);
    buf_free(&plain);
    crypto_free(&c);
    ck_assert_ptr_null(c);
}
END_TEST

START_TEST(vectors) {
    uint8_t mac[32], raw[8];
    char hex[65], text[16];
    crypto_sha256_hex(SPAN("abc"), hex);
    ck_assert_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    crypto_hmac_sha256(SPAN("Jefe"), SPAN("what do ya want for nothing?"),
                       mac); /* RFC 4231, case 2 */
    crypto_hex(mac, 32, hex);
    ck_assert_str_eq(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    crypto_hex((const uint8_t[]){0, 9, 0x0a, 0x9f, 0xff}, 5, text);
    ck_assert_str_eq(text, "00090a9fff");
    crypto_hex(mac, 0, text);
    ck_assert_str_eq(text, "");
    crypto_base32("foobar", 6, text); /* RFC 4648 */
    ck_assert_str_eq(text, "mzxw6ytboi");
    crypto_b64url("\xfb\xff\xfe", 3, text);
    ck_assert_str_eq(text, "-__-");
    ck_assert_int_eq(crypto_b64url_decode(SPAN("-__-"), raw, 3), 3);
    ck_assert_int_eq(crypto_b64url_decode(SPAN("-__-"), raw, 2), ERR_INVALID);
    ck_assert_int_eq(crypto_b64url_decode(SPAN("-_+-"), raw, 8), ERR_INVALID);
    struct crypto *c = crypto_from_key(key);
    char h1[CRYPTO_HASH_HEX], h2[CRYPTO_HASH_HEX];
    crypto_hash(c, "address", SPAN("a@b.de"), h1);
    crypto_hash(c, "word", SPAN("a@b.de"), h2);
    ck_assert_uint_eq(strlen(h1), 32);
    ck_assert_str_ne(h1, h2);
    crypto_free(&c);
}
END_TEST

START_TEST(passwords) {
    char hash[CRYPTO_PWHASH_BYTES];
    ck_assert_int_eq(crypto_pw_hash("geheim", hash), 0);
    ck_assert(crypto_pw_verify(hash, "geheim") && !crypto_pw_verify(hash, "Geheim") &&
              !crypto_pw_verify("", "x"));
}
END_TEST

START_TEST(key_file) {
    char folder[] = "/tmp/draht-key-XXXXXX", path[64];
    struct fault fault = {0};
    bool is_made = false;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/k", folder);
    struct crypto *a = crypto_open(path, &is_made, &fault);
    ck_assert(a && is_made);
    struct crypto *b = crypto_open(path, &is_made, &fault);
    ck_assert(b && !is_made);
    uint8_t ka[32], kb[32];
    crypto_purpose_key(a, "x", ka);
    crypto_purpose_key(b, "x", kb);
    ck_assert_mem_eq(ka, kb, 32);
    ck_assert_int_eq(chmod(path, 0640), 0);
    ck_assert_ptr_null(crypto_open(path, NULL, &fault));
    ck_assert_ptr_nonnull(strstr(fault.text, "chmod 600"));
    ck_assert_int_eq(chmod(path, 0600), 0);
    ck_assert_int_eq(truncate(path, 63), 0);
    ck_assert_ptr_null(crypto_open(path, NULL, &fault));
    crypto_free(&a);
    crypto_free(&b);
    unlink(path);
    rmdir(folder);
}
END_TEST

START_TEST(ids) {
    char last[ID_BYTES] = "", id[ID_BYTES];
    for (int i = 0; i < 1000; i++) {
        id_new(1700000000000 - i / 500, id); /* also when the clock steps back */
        ck_assert_uint_eq(strlen(id), 26);
        ck_assert_int_gt(strcmp(id, last), 0);
        memcpy(last, id, sizeof last);
    }
    ck_assert_int_eq(strncmp(id, "01HF7YAT00", 10), 0);
}
END_TEST

START_TEST(times) {
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"2026-11-23T10:15:00Z", "2026-11-23T10:15:00.000Z"},
        {"2026-11-23T10:15:00.1239+01:00", "2026-11-23T09:15:00.123Z"},
        {"2024-02-29T00:00:00-00:30", "2024-02-29T00:30:00.000Z"},
        {"2023-02-29T00:00:00Z", NULL},
        {"2026-13-01T00:00:00Z", NULL},
        {"1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"},
        {"2026-11-23T24:00:00Z", NULL},
        {"2026-11-23", NULL},
        {"2026-11-23T10:15:00", NULL},
        {"2026-11-23T10:15:00.Z", NULL},
        {"2026-11-23T10:15:00Zx", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t ms = 77;
        char out[CLOCK_RFC3339_BYTES];
        ck_assert_msg(clock_parse_rfc3339(rows[i].in, &ms) == (rows[i].out ? 0 : ERR_INVALID), "%s",
                      rows[i].in);
        clock_rfc3339(ms, out);
        ck_assert_str_eq(out, rows[i].out ? rows[i].out : "1970-01-01T00:00:00.077Z");
    }
}
END_TEST

START_TEST(errors) {
    ck_assert_str_eq(error_name(ERR_TIMEOUT), "ERR_TIMEOUT");
    ck_assert_str_eq(error_name(UV_ECONNREFUSED), "ECONNREFUSED");
    ck_assert_str_eq(error_name(-31337), "ERR_UNKNOWN");
    ck_assert(error_is_retryable(ERR_UNAVAILABLE) && !error_is_retryable(ERR_INVALID) &&
              error_is_retryable(UV_ECONNRESET));
}
END_TEST

START_TEST(log_lines) {
    int ends[2], kept = dup(2);
    char text[600] = "";
    ck_assert_int_eq(pipe(ends), 0);
    dup2(ends[1], 2);
    log_redact("short");
    log_redact("sesame-open");
    log_debug("test.hidden", "not seen");
    log_info("test.line", "a=%s\nb=sesame-open short", "1\x1b");
    dup2(kept, 2);
    ck_assert_int_gt(read(ends[0], text, sizeof text - 1), 0);
    ck_assert_ptr_nonnull(strstr(text, " info test.line a=1\\x1b\\nb=[redacted] short\n"));
    ck_assert_ptr_null(strstr(text, "hidden"));
    close(ends[0]), close(ends[1]), close(kept);
}
END_TEST

START_TEST(metric_text) {
    struct buf out = {0};
    struct metric *m = metrics_counter("draht_x_total", "Help.", "channel=\"mail\"");
    ck_assert_ptr_eq(m, metrics_counter("draht_x_total", "Help.", "channel=\"mail\""));
    metric_add(m, 2);
    metric_add(m, -1);
    metric_observe(metrics_histogram("draht_s", "Help.", ""), 0.001);
    metric_observe(metrics_histogram("draht_s", "Help.", ""), 99);
    metric_set(metrics_counter("draht_x_total", "Help.", "channel=\"chat\""), 3);
    metrics_render(&out);
    ck_assert_ptr_nonnull(
        strstr(out.p, "# TYPE draht_x_total counter\ndraht_x_total{channel=\"mail\"} "
                      "2\ndraht_x_total{channel=\"chat\"} 3\n"));
    ck_assert_ptr_nonnull(strstr(out.p, "draht_s_bucket{le=\"0.001\"} 1\n"));
    ck_assert_ptr_nonnull(
        strstr(out.p, "draht_s_bucket{le=\"60\"} 1\ndraht_s_bucket{le=\"+Inf\"} 2\n"));
    buf_free(&out);
    metrics_reset();
}
END_TEST

int main(void) {
    if (crypto_init() != 0)
        return 1;
    Suite *s = suite_create("base/crypto");
    TCase *t = tcase_create("all");
    tcase_add_test(t, sealing);
    tcase_add_test(t, vectors);
    tcase_add_test(t, passwords);
    tcase_add_test(t, key_file);
    tcase_add_test(t, ids);
    tcase_add_test(t, times);
    tcase_add_test(t, errors);
    tcase_add_test(t, log_lines);
    tcase_add_test(t, metric_text);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
