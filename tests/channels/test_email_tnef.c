/* SPDX-License-Identifier: EUPL-1.2 */
/* winmail.dat through the real helper: this program started again, as Draht does with itself. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "channels/email/email.h"
#include "channels/email/mime_in.h"
#include "channels/email/tnef.h"
#include "gateway/base/buf.h"
#include "gateway/base/crypto.h"
#include "gateway/net/loop.h"

static void put_le(struct buf *b, unsigned long v, int bytes) {
    for (int i = 0; i < bytes; i++) {
        char c = (char)(v >> (8 * i));
        buf_add(b, &c, 1);
    }
}

static void attribute(struct buf *b, int level, unsigned long id, const char *p, size_t n) {
    unsigned sum = 0;
    for (size_t i = 0; i < n; i++) sum += (unsigned char)p[i];
    put_le(b, (unsigned long)level, 1);
    put_le(b, id, 4);
    put_le(b, n, 4);
    buf_add(b, p, n);
    put_le(b, sum & 0xffff, 2);
}

static struct buf winmail(void) {
    struct buf b = {0};
    put_le(&b, 0x223e9f78, 4);
    put_le(&b, 1, 2);
    attribute(&b, 1, 0x00089006, "\0\0\1\0", 4);
    attribute(&b, 2, 0x00069002, "\1\0\xff\xff\xff\xff\0\0\0\0\0\0\0\0", 14);
    attribute(&b, 2, 0x0006800f, "Inhalt der Datei", 16);
    attribute(&b, 2, 0x00018010, "../plan.txt", 12);
    return b;
}

static struct loop *loop;
static int done_n;

static void done(void *arg) {
    (void)arg;
    done_n++;
    loop_stop(loop);
}

static struct mail *unpack(const struct buf *tnef, size_t cut) {
    struct buf raw = {0};
    buf_adds(&raw, "From: a@b.test\r\nContent-Type: application/ms-tnef; name=winmail.dat\r\n"
                   "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
    for (size_t i = 0; i + cut < tnef->n; i++) buf_addf(&raw, "=%02X%s", (unsigned char)tnef->p[i], i % 20 == 19 ? "=\r\n" : "");
    struct mail *m = mime_in_parse(buf_span(&raw));
    ck_assert(m->has_tnef);
    done_n = 0;
    loop = loop_new();
    tnef_unpack(loop, m, done, NULL);
    loop_run(loop);
    loop_free(&loop);
    ck_assert_int_eq(done_n, 1);
    buf_free(&raw);
    return m;
}

START_TEST(files_come_out) {
    struct buf b = winmail();
    struct mail *m = unpack(&b, 0);
    ck_assert_msg(m->parts_n == 2, "%zu parts, %s, %zu bytes", m->parts_n, m->warnings_n ? m->warnings[0] : "", m->parts[0].bytes.n);
    ck_assert_msg(span_eq(m->parts[1].name, "plan.txt"), "%.*s", (int)m->parts[1].name.n, m->parts[1].name.p);
    ck_assert(span_eq(m->parts[1].bytes, "Inhalt der Datei"));
    mime_in_free(&m);
    buf_free(&b);
}
END_TEST

START_TEST(truncated_ones_end_well) { /* 28 */
    struct buf b = winmail();
    for (size_t cut = 1; cut < b.n - 1; cut += 9) {
        struct mail *m = unpack(&b, cut);
        ck_assert_uint_ge(m->parts_n, 1);
        mime_in_free(&m);
    }
    buf_free(&b);
}
END_TEST

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], TNEF_HELPER_ARG) == 0) return email_tnef_helper_main();
    mime_in_init();
    if (crypto_init() != 0) return 1;
    Suite *suite = suite_create("email.tnef");
    TCase *t = tcase_create("tnef");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, files_come_out);
    tcase_add_test(t, truncated_ones_end_well);
    suite_add_tcase(suite, t);
    SRunner *r = srunner_create(suite);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
