/* SPDX-License-Identifier: EUPL-1.2 */
/* LMTP sessions: each row is a dialogue, fed whole and cut at every byte; both must give the same
 * replies and the same mails. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "channels/email/lmtp.h"
#include "gateway/base/arena.h"

#define HELLO "LHLO mx.test\r\n"
#define BEGIN HELLO "MAIL FROM:<a@b.test>\r\nRCPT TO:<amt@stadt.test>\r\nDATA\r\n"

struct seen {
    struct lmtp *s;
    struct buf mails; /* sender>recipients|raw; */
    int mails_n;
};

static const char *on_recipient(void *arg, struct span a) {
    (void)arg;
    return span_istarts(a, "nobody") ? "550 5.1.1 There is no such mailbox here" : NULL;
}

static void on_mail(void *arg, const struct lmtp_mail *m) {
    struct seen *x = arg;
    x->mails_n++;
    buf_addf(&x->mails, "%s>", m->sender);
    for (size_t i = 0; i < m->recipients_n; i++) buf_addf(&x->mails, "%s,", m->recipients[i]);
    buf_addf(&x->mails, "|%.*s;", (int)m->raw.n, m->raw.p);
    const char *replies[LMTP_RECIPIENTS_MAX];
    for (size_t i = 0; i < m->recipients_n; i++)
        replies[i] = span_istarts(span_str(m->recipients[i]), "later") ? "451 4.3.0 later" : "250 2.0.0 Stored";
    lmtp_answer(x->s, replies, m->recipients_n);
}

static const struct lmtp_handlers handlers = {on_recipient, on_mail};

struct row {
    const char *name, *in;
    const char *codes; /* first digits of all replies but greeting and LHLO lines */
    const char *mails;
};

static const struct row rows[] = {
    {"one mail", BEGIN "Subject: x\r\n\r\nhi\r\n.\r\nQUIT\r\n", "250 250 354 250 221",
     "a@b.test>amt@stadt.test,|Subject: x\r\n\r\nhi\r\n;"},
    {"reply per recipient",
     HELLO "MAIL FROM:<>\r\nRCPT TO:<amt@stadt.test>\r\nRCPT TO:<nobody@stadt.test>\r\nRCPT "
           "TO:<later@stadt.test>\r\nDATA\r\nx\r\n.\r\n",
     "250 250 550 250 354 250 451", ">amt@stadt.test,later@stadt.test,|x\r\n;"},
    {"dots", BEGIN "..a\r\n.b\r\na.\r\n...\r\n.\r\n", "250 250 354 250",
     "a@b.test>amt@stadt.test,|.a\r\nb\r\na.\r\n..\r\n;"},
    {"15 smuggling LF.LF", BEGIN "x\n.\nMAIL FROM:<evil@x.test>\r\n.\r\n", "250 250 354 250",
     "a@b.test>amt@stadt.test,|x\n.\nMAIL FROM:<evil@x.test>\r\n;"},
    {"15 smuggling CRLF.LF", BEGIN "x\r\n.\nRCPT TO:<evil@x.test>\r\n.\r\n", "250 250 354 250",
     "a@b.test>amt@stadt.test,|x\r\n\nRCPT TO:<evil@x.test>\r\n;"},
    {"15 smuggling LF.CRLF", BEGIN "x\n.\r\ny\r\n.\r\n", "250 250 354 250",
     "a@b.test>amt@stadt.test,|x\n.\r\ny\r\n;"},
    {"16 bare CR", BEGIN "x\r.\r\ry\r\n.\r\n", "250 250 354 250",
     "a@b.test>amt@stadt.test,|x\r.\r\ry\r\n;"},
    {"16 CRLF.CR", BEGIN "x\r\n.\ry\r\n.\r\n", "250 250 354 250",
     "a@b.test>amt@stadt.test,|x\r\n\ry\r\n;"},
    {"empty content", BEGIN ".\r\n", "250 250 354 250", "a@b.test>amt@stadt.test,|;"},
    {"two mails pipelined",
     BEGIN "1\r\n.\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<amt@stadt.test>\r\nDATA\r\n2\r\n.\r\nQUIT\r\n",
     "250 250 354 250 250 250 354 250 221", "a@b.test>amt@stadt.test,|1\r\n;a@b.test>amt@stadt.test,|2\r\n;"},
    {"33 DATA without RCPT", HELLO "MAIL FROM:<a@b.test>\r\nDATA\r\n", "250 503", ""},
    {"RCPT without MAIL", HELLO "RCPT TO:<amt@stadt.test>\r\n", "503", ""},
    {"MAIL without LHLO", "MAIL FROM:<a@b.test>\r\n", "503", ""},
    {"EHLO", "EHLO x\r\n", "500", ""},
    {"HELO", "HELO x\r\n", "500", ""},
    {"unknown", HELLO "BDAT 5 LAST\r\n", "502", ""},
    {"VRFY NOOP RSET", HELLO "VRFY x\r\nNOOP\r\nRSET\r\n", "252 250 250", ""},
    {"SIZE too large", HELLO "MAIL FROM:<a@b.test> SIZE=2000000\r\n", "552", ""},
    {"SIZE nonsense", HELLO "MAIL FROM:<a@b.test> SIZE=-1\r\n", "501", ""},
    {"BODY SMTPUTF8", HELLO "MAIL FROM:<b\xc3\xb6se@b.test> BODY=8BITMIME SMTPUTF8 SIZE=10\r\n", "250", ""},
    {"parameter not offered", HELLO "MAIL FROM:<a@b.test> RET=FULL\r\n", "555", ""},
    {"ORCPT not offered", HELLO "MAIL FROM:<a@b.test>\r\nRCPT TO:<amt@stadt.test> ORCPT=rfc822;x\r\n",
     "250 555", ""},
    {"invalid UTF-8 address", HELLO "MAIL FROM:<\xff@b.test>\r\n", "501", ""},
    {"address with space", HELLO "MAIL FROM:<a b@b.test>\r\n", "501", ""},
    {"source route", HELLO "MAIL FROM:<@x.test,@y.test:a@b.test>\r\n", "250", ""},
    {"bare LF in command", HELLO "NOOP\nQUIT\r\n", "500 221", ""},
    {"case", "lhlo mx\r\nmail from:<a@b.test>\r\nrcpt to:<AMT@stadt.test>\r\nquit\r\n", "250 250 221", ""},
    {"two senders", HELLO "MAIL FROM:<a@b.test>\r\nMAIL FROM:<c@b.test>\r\n", "250 503", ""},
};

static char *codes_of(struct span out) {
    struct buf b = {0};
    while (out.n > 0) {
        struct span line = span_cut(&out, '\n');
        bool is_hello = line.n > 3 && (line.p[3] == '-' || span_istarts(line, "250 ENHANCED"));
        if (line.n > 3 && !is_hello && !span_istarts(line, "220 "))
            buf_addf(&b, "%s%.3s", b.n ? " " : "", line.p);
    }
    buf_add(&b, "", 0);
    char *s = xstrndup(b.p ? b.p : "", b.n);
    buf_free(&b);
    return s;
}

static void run(const struct row *r, size_t cut) {
    struct lmtp_budget budget = {0, 1 << 20};
    struct seen x = {0};
    x.s = lmtp_new("draht.test", 1000000, &budget, &handlers, &x);
    struct span in = span_str(r->in);
    if (cut == 0) {
        for (size_t i = 0; i < in.n; i++) lmtp_feed(x.s, (struct span){in.p + i, 1});
    } else {
        size_t n = cut < in.n ? cut : in.n;
        lmtp_feed(x.s, (struct span){in.p, n});
        lmtp_feed(x.s, (struct span){in.p + n, in.n - n});
    }
    char *codes = codes_of(buf_span(lmtp_output(x.s)));
    ck_assert_msg(strcmp(codes, r->codes) == 0, "%s (cut %zu): %s", r->name, cut, codes);
    buf_add(&x.mails, "", 0);
    ck_assert_msg(span_eq(buf_span(&x.mails), r->mails), "%s (cut %zu): %.*s", r->name, cut,
                  (int)x.mails.n, x.mails.p ? x.mails.p : "");
    free(codes);
    buf_free(&x.mails);
    lmtp_free(&x.s);
    ck_assert_uint_eq(budget.used_bytes, 0);
}

START_TEST(dialogues) {
    for (size_t cut = 0; cut <= strlen(rows[_i].in); cut++) run(&rows[_i], cut);
}
END_TEST

START_TEST(what_is_offered) {
    struct lmtp_budget budget = {0, 1 << 20};
    struct seen x = {0};
    x.s = lmtp_new("draht.test", 1000000, &budget, &handlers, &x);
    lmtp_feed(x.s, SPAN(HELLO));
    buf_adds(lmtp_output(x.s), "");
    ck_assert_str_eq(lmtp_output(x.s)->p, "220 draht.test LMTP Draht\r\n250-draht.test\r\n250-PIPELINING\r\n250-SIZE 1000000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 "
                                          "ENHANCEDSTATUSCODES\r\n");
    lmtp_free(&x.s);
}
END_TEST

static char *feed(const char *in, size_t n, size_t max, size_t budget_max, int *mails) {
    struct lmtp_budget budget = {0, budget_max};
    struct seen x = {0};
    x.s = lmtp_new("draht.test", max, &budget, &handlers, &x);
    lmtp_feed(x.s, (struct span){in, n});
    char *codes = codes_of(buf_span(lmtp_output(x.s)));
    *mails = x.mails_n;
    buf_free(&x.mails);
    lmtp_free(&x.s);
    return codes;
}

START_TEST(large_mail_is_drained) {
    struct buf b = {0};
    buf_adds(&b, BEGIN);
    for (int i = 0; i < 5000; i++) buf_adds(&b, "0123456789\r\n");
    buf_adds(&b, ".\r\nQUIT\r\n");
    int mails;
    char *codes = feed(b.p, b.n, 1000, 1 << 20, &mails);
    ck_assert_str_eq(codes, "250 250 354 552 221");
    ck_assert_int_eq(mails, 0);
    free(codes);
    codes = feed(b.p, b.n, 1000000, 1000, &mails);
    ck_assert_str_eq(codes, "250 250 354 452 221");
    free(codes);
    buf_free(&b);
}
END_TEST

START_TEST(many_recipients) {
    struct buf b = {0};
    buf_adds(&b, HELLO "MAIL FROM:<a@b.test>\r\n");
    for (int i = 0; i < 1000; i++) buf_addf(&b, "RCPT TO:<amt%d@stadt.test>\r\n", i);
    buf_adds(&b, "DATA\r\nx\r\n.\r\n");
    int mails;
    char *codes = feed(b.p, b.n, 1000, 1 << 20, &mails);
    ck_assert_int_eq(mails, 1);
    ck_assert_ptr_nonnull(strstr(codes, "250 452"));
    free(codes);
    buf_free(&b);
}
END_TEST

START_TEST(long_line_and_endless_errors) {
    struct buf b = {0};
    buf_adds(&b, HELLO "NOOP ");
    for (int i = 0; i < 10000; i++) buf_adds(&b, "x");
    buf_adds(&b, "\r\nNOOP\r\n");
    int mails;
    char *codes = feed(b.p, b.n, 1000, 1 << 20, &mails);
    ck_assert_str_eq(codes, "500 250");
    free(codes);
    buf_clear(&b);
    buf_adds(&b, BEGIN); /* in a mail lines may be longer than any rule */
    for (int i = 0; i < 10000; i++) buf_adds(&b, "x");
    buf_adds(&b, "\r\n.\r\n");
    codes = feed(b.p, b.n, 100000, 1 << 20, &mails);
    ck_assert_str_eq(codes, "250 250 354 250");
    ck_assert_int_eq(mails, 1);
    free(codes);
    buf_clear(&b);
    for (int i = 0; i < 50; i++) buf_adds(&b, "NONSENSE\r\n");
    codes = feed(b.p, b.n, 1000, 1 << 20, &mails);
    ck_assert_ptr_nonnull(strstr(codes, "502 421"));
    ck_assert_uint_eq(strlen(codes), LMTP_ERRORS_MAX * 4 - 1);
    free(codes);
    buf_free(&b);
}
END_TEST

static void keep_waiting(void *arg, const struct lmtp_mail *m) {
    (void)m;
    (*(int *)arg)++;
}

START_TEST(nothing_overtakes_a_mail_that_is_being_stored) {
    static const struct lmtp_handlers slow = {on_recipient, keep_waiting};
    struct lmtp_budget budget = {0, 1 << 20};
    int mails = 0;
    struct lmtp *s = lmtp_new("draht.test", 1000, &budget, &slow, &mails);
    lmtp_feed(s, SPAN(BEGIN "1\r\n.\r\nMAIL FROM:<c@b.test>\r\nRCPT TO:<amt@stadt.test>\r\nDATA\r\n2\r\n.\r\nQUIT\r\n"));
    ck_assert_int_eq(mails, 1);
    ck_assert(lmtp_is_waiting(s));
    lmtp_feed(s, SPAN("NOOP\r\n"));
    buf_clear(lmtp_output(s));
    const char *replies[] = {"451 4.3.0 later"};
    lmtp_answer(s, replies, 1);
    ck_assert_int_eq(mails, 2);
    char *codes = codes_of(buf_span(lmtp_output(s)));
    ck_assert_str_eq(codes, "451 250 250 354");
    free(codes);
    lmtp_close(s, "4.3.2 Going down");
    lmtp_answer(s, replies, 1);
    ck_assert(lmtp_is_closing(s));
    lmtp_free(&s);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("email.lmtp");
    TCase *t = tcase_create("session");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, dialogues, 0, sizeof rows / sizeof *rows);
    tcase_add_test(t, what_is_offered);
    tcase_add_test(t, large_mail_is_drained);
    tcase_add_test(t, many_recipients);
    tcase_add_test(t, long_line_and_endless_errors);
    tcase_add_test(t, nothing_overtakes_a_mail_that_is_being_stored);
    suite_add_tcase(suite, t);
    SRunner *r = srunner_create(suite);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
