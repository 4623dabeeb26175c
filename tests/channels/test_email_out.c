/* SPDX-License-Identifier: EUPL-1.2 */
/* What leaves: mails that we write, verdicts, tokens, the Maildir. */
#include <check.h>
#include <curl/curl.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "channels/email/imap_reader.h"
#include "channels/email/mail_address.h"
#include "channels/email/mail_intake.h"
#include "channels/email/maildir.h"
#include "channels/email/mime_in.h"
#include "channels/email/mime_out.h"
#include "channels/email/smtp.h"
#include "gateway/base/crypto.h"

static void test_mac(void *arg, struct span text, uint8_t out[32]) {
    crypto_hmac_sha256(span_str(arg), text, out);
}
static const struct mail_mac mac = {test_mac, "secret of the city"};
static const struct mail_mac other_mac = {test_mac, "secret of another city"};

static struct mime_out sample(void) {
    return (struct mime_out){
        .from = SPAN("amt@stadt.test"), .from_name = SPAN("B\xc3\xbcrgerb\xc3\xbcro, Amt"),
        .to = SPAN("j@buerger.test"), .to_name = SPAN("J"), .reply_to = SPAN("amt+t.x.y@stadt.test"),
        .message_id = SPAN("m1@stadt.test"), .in_reply_to = SPAN("1@x.test"),
        .subject = SPAN("Re: Gr\xc3\xbc\xc3\x9f" "e"), .text = SPAN("Guten Tag,\n\n.Punkt\nFrom hier\nEnde \xe2\x82\xac"),
        .date_ms = 1795425300000, .language = SPAN("de")};
}

static struct mail *round_trip(const struct mime_out *o, struct buf *raw) {
    mime_out_write(o, raw);
    return mime_in_parse(buf_span(raw));
}

START_TEST(reads_back_what_it_wrote) {
    struct mime_out o = sample();
    struct draht_attachment files[] = {
        {.size = sizeof *files, .name = {"Stra\xc3\x9f" "e \"1\".pdf", 15}, .type = {"application/pdf", 15}, .bytes = {"%PDF\0x", 6}},
        {.size = sizeof *files, .name = {"x", 1}, .type = {"bad\r\ntype/x", 11}, .bytes = {"y", 1}}};
    o.attachments = files;
    o.attachments_n = 2;
    struct span refs[30];
    for (int i = 0; i < 30; i++) refs[i] = SPAN("r@x.test");
    refs[0] = SPAN("first@x.test");
    o.references = refs;
    o.references_n = 30;
    struct buf raw = {0};
    struct mail *m = round_trip(&o, &raw);
    ck_assert(span_eq(m->subject, "Re: Gr\xc3\xbc\xc3\x9f" "e"));
    ck_assert(span_eq(m->from.name, "B\xc3\xbcrgerb\xc3\xbcro, Amt"));
    ck_assert(span_eq(m->text, "Guten Tag,\n\n.Punkt\nFrom hier\nEnde \xe2\x82\xac"));
    ck_assert_uint_gt(m->html.n, 0);
    ck_assert(span_eq(m->message_id, "m1@stadt.test"));
    ck_assert(span_eq(m->in_reply_to, "1@x.test"));
    ck_assert_uint_eq(m->references_n, 12);
    ck_assert(span_eq(m->references[0], "first@x.test"));
    ck_assert_int_eq(m->sent_ms, 1795425300000);
    ck_assert_uint_eq(m->parts_n, 2);
    ck_assert_msg(span_eq(m->parts[0].name, "Stra\xc3\x9f" "e _1_.pdf"), "%.*s", (int)m->parts[0].name.n, m->parts[0].name.p);
    ck_assert(span_is(m->parts[0].bytes, (struct span){"%PDF\0x", 6}));
    ck_assert(span_eq(m->parts[1].type, "application/octet-stream"));
    ck_assert(!m->is_automatic);
    mime_in_free(&m);
    struct span rest = buf_span(&raw);
    while (rest.p) { /* CRLF only, short lines */
        struct span line = span_cut(&rest, '\n');
        ck_assert(!rest.p || line.p[line.n - 1] == '\r');
        ck_assert_uint_le(line.n, 200);
    }
    buf_free(&raw);
}
END_TEST

static const char *const injections[] = {"x\r\nBcc: evil@x.test", "x\nBcc: evil@x.test", "x\rBcc: evil@x.test",
                                         "=?UTF-8?Q?x=0D=0ABcc:_evil@x.test?="};

START_TEST(no_header_injection) {
    struct mime_out o = sample();
    o.subject = o.from_name = o.to_name = o.language = span_str(injections[_i]);
    struct draht_attachment file = {.size = sizeof file, .name = {injections[_i], strlen(injections[_i])}, .bytes = {"y", 1}};
    o.attachments = &file;
    o.attachments_n = 1;
    struct buf raw = {0};
    struct mail *m = round_trip(&o, &raw);
    ck_assert_msg(!strstr(raw.p, "\nBcc:"), "%s", raw.p);
    ck_assert_ptr_null(strstr(raw.p, "\rBcc:"));
    ck_assert_uint_eq(m->recipients_n, 1);
    mime_in_free(&m);
    buf_free(&raw);
}
END_TEST

START_TEST(automatic_mails_say_so) {
    struct mime_out o = sample();
    o.is_automatic = true;
    struct buf raw = {0};
    struct mail *m = round_trip(&o, &raw);
    ck_assert(m->is_automatic);
    mime_in_free(&m);
    buf_free(&raw);
}
END_TEST

static const struct {
    int rc;
    long code;
    bool uploaded;
    enum draht_verdict verdict;
} verdicts[] = {
    {CURLE_OK, 250, true, DRAHT_SENT},
    {CURLE_COULDNT_CONNECT, 0, false, DRAHT_RETRY},
    {CURLE_COULDNT_RESOLVE_HOST, 0, false, DRAHT_RETRY},
    {CURLE_SEND_ERROR, 550, false, DRAHT_REJECTED},
    {CURLE_SEND_ERROR, 451, false, DRAHT_RETRY},
    {CURLE_WEIRD_SERVER_REPLY, 554, true, DRAHT_REJECTED},
    {CURLE_WEIRD_SERVER_REPLY, 421, true, DRAHT_RETRY},
    {CURLE_LOGIN_DENIED, 535, false, DRAHT_MISCONFIGURED},
    {CURLE_LOGIN_DENIED, 454, false, DRAHT_RETRY},
    {CURLE_SEND_ERROR, 530, false, DRAHT_MISCONFIGURED},
    {CURLE_USE_SSL_FAILED, 220, false, DRAHT_MISCONFIGURED},
    {CURLE_PEER_FAILED_VERIFICATION, 220, false, DRAHT_MISCONFIGURED},
    {CURLE_RECV_ERROR, 354, true, DRAHT_IN_DOUBT},
    {CURLE_OPERATION_TIMEDOUT, 354, true, DRAHT_IN_DOUBT},
    {CURLE_GOT_NOTHING, 0, true, DRAHT_IN_DOUBT},
    {CURLE_SEND_ERROR, 354, true, DRAHT_RETRY},
    {CURLE_RECV_ERROR, 354, false, DRAHT_RETRY},
};

START_TEST(judging) {
    struct smtp_verdict v;
    smtp_judge(verdicts[_i].rc, verdicts[_i].code, verdicts[_i].uploaded, &v);
    ck_assert_int_eq(v.verdict, verdicts[_i].verdict);
    ck_assert_uint_gt(strlen(v.reason), 0);
}
END_TEST

static struct span upper(struct arena *a, struct span s) {
    char *p = arena_strndup(a, s.p, s.n);
    for (size_t i = 0; i < s.n; i++)
        if (p[i] >= 'a' && p[i] <= 'z') p[i] = (char)(p[i] - 32);
    return (struct span){p, s.n};
}

START_TEST(tokens) {
    struct arena *a = arena_new();
    struct span box = SPAN("amt@stadt.test");
    struct span t = mail_thread_reply_address(a, &mac, box, SPAN("2026-000123"));
    struct span b = mail_thread_bounce_address(a, &mac, box, SPAN("2026-000123.4"));
    struct span id = mail_thread_message_id(a, &mac, SPAN("2026-000123.4"), "stadt.test");
    ck_assert(mail_address_is_valid(t) && mail_address_is_valid(b));
    ck_assert(mail_address_matches(t, box) && mail_address_matches(b, box));
    ck_assert(span_eq(mail_thread_token(a, &mac, t, 't'), "2026-000123"));
    ck_assert(span_eq(mail_thread_token(a, &mac, upper(a, t), 't'), "2026-000123"));
    ck_assert(span_eq(mail_thread_token(a, &mac, b, 'b'), "2026-000123.4"));
    ck_assert_uint_eq(mail_thread_token(a, &mac, t, 'b').n, 0);
    ck_assert_uint_eq(mail_thread_token(a, &other_mac, t, 't').n, 0);
    ck_assert_uint_eq(mail_thread_token(a, &mac, SPAN("amt+t.2026-000124.aaaaaaaaaaaaaaaa@stadt.test"), 't').n, 0);
    ck_assert_uint_eq(mail_thread_token(a, &mac, SPAN("amt+t.@stadt.test"), 't').n, 0);
    ck_assert(span_eq(mail_thread_own_id(&mac, id), "2026-000123.4"));
    ck_assert_uint_eq(mail_thread_own_id(&other_mac, id).n, 0);
    ck_assert_uint_eq(mail_thread_own_id(&mac, SPAN("x@stadt.test")).n, 0);
    arena_free(&a);
}
END_TEST

START_TEST(hints_in_order) {
    struct arena *a = arena_new();
    struct span own = mail_thread_message_id(a, &mac, SPAN("2026-000007.2"), "stadt.test");
    struct span box = mail_thread_reply_address(a, &mac, SPAN("amt@stadt.test"), SPAN("2026-000009"));
    const char *raw = arena_printf(a, "From: c@d.test\r\nSubject: AW: x [#2026-000001]\r\nIn-Reply-To: <p@q.test>\r\n"
                                      "References: <o@q.test> <%.*s>\r\n\r\nx\r\n", (int)own.n, own.p);
    struct mail *m = mime_in_parse(span_str(raw));
    struct draht_thread_hint h[MAIL_THREAD_HINTS_MAX];
    size_t n = mail_thread_hints(m, &mac, box, h);
    static const struct {
        uint32_t kind;
        const char *value;
    } want[] = {{DRAHT_THREAD_TICKET, "2026-000009"}, {DRAHT_THREAD_KEY, "p@q.test"}, {DRAHT_THREAD_TICKET, "2026-000007"},
                {DRAHT_THREAD_KEY, "o@q.test"}, {DRAHT_THREAD_TICKET_IF_KNOWN, "2026-000001"}};
    ck_assert_uint_eq(n, 5);
    for (size_t i = 0; i < n; i++) {
        ck_assert_uint_eq(h[i].kind, want[i].kind);
        ck_assert(span_eq((struct span){h[i].value.p, h[i].value.n}, want[i].value));
    }
    struct mail_intake in;
    mail_intake_make(&in, m, &mac, span_str(raw), "c@d.test", box);
    ck_assert(span_eq((struct span){in.inbound.recipient.p, in.inbound.recipient.n}, "amt@stadt.test"));
    ck_assert(span_istarts((struct span){in.inbound.external_id.p, in.inbound.external_id.n}, "sha256:"));
    mime_in_free(&m);
    arena_free(&a);
}
END_TEST

static int count(const char *dir) {
    DIR *d = opendir(dir);
    int n = 0;
    for (struct dirent *e; d && (e = readdir(d));) n += e->d_name[0] != '.';
    if (d) closedir(d);
    return n;
}

START_TEST(maildir_is_idempotent) {
    char dir[] = "/tmp/draht-maildir-XXXXXX", path[300], moved[300];
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(maildir_deliver(dir, "2026-000001.2", SPAN("mail")), 0);
    ck_assert_int_eq(maildir_deliver(dir, "2026-000001.2", SPAN("mail")), 0);
    snprintf(path, sizeof path, "%s/new", dir);
    ck_assert_int_eq(count(path), 1);
    snprintf(path, sizeof path, "%s/new/2026-000001.2", dir);
    snprintf(moved, sizeof moved, "%s/cur/2026-000001.2:2,S", dir);
    ck_assert_int_eq(rename(path, moved), 0);
    ck_assert_int_eq(maildir_deliver(dir, "2026-000001.2", SPAN("mail")), 0);
    ck_assert_int_eq(access(path, F_OK), -1);
    ck_assert_int_lt(maildir_deliver("/proc/nowhere", "x", SPAN("mail")), 0);
    unlink(moved);
    static const char *const subs[] = {"new", "cur", "tmp", ""};
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, subs[i]);
        rmdir(path);
    }
}
END_TEST

static const struct {
    const char *in;
    int rc;
    const char *lines;
} imap_rows[] = {
    {"* OK hi\r\nD1 OK done\r\n", 0, "* OK hi|;D1 OK done|;"},
    {"* 1 FETCH (UID 7 BODY[] {5}\r\na\r\nb\n)\r\nD2 OK\r\n", 0, "* 1 FETCH (UID 7 BODY[] {5})|a\r\nb\n;D2 OK|;"},
    {"* 1 FETCH (BODY[] {0}\r\n)\r\n", 0, "* 1 FETCH (BODY[] {0})|;"},
    {"* 1 FETCH (BODY[] {99999999}\r\n", -1, ""},
    {"* 1 FETCH (BODY[] {x}\r\n", 0, "* 1 FETCH (BODY[] {x}|;"},
    {"* 1 FETCH (BODY[] {50}\r\nshort\r\n* BYE\r\n", 0, ""},
};

static bool on_imap_line(void *arg, struct span line, struct span literal) {
    buf_addf(arg, "%.*s|%.*s;", (int)line.n, line.p ? line.p : "", (int)literal.n, literal.p ? literal.p : "");
    return true;
}

START_TEST(imap_lines_and_literals) {
    for (int whole = 0; whole < 2; whole++) {
        struct imap_reader r = {.literal_max = 1000};
        struct buf seen = {0};
        struct span in = span_str(imap_rows[_i].in);
        int rc = whole ? imap_reader_feed(&r, in, on_imap_line, &seen) : 0;
        for (size_t i = 0; !whole && rc == 0 && i < in.n; i++)
            rc = imap_reader_feed(&r, (struct span){in.p + i, 1}, on_imap_line, &seen);
        ck_assert_int_eq(rc < 0, imap_rows[_i].rc < 0);
        ck_assert_msg(span_eq(buf_span(&seen), imap_rows[_i].lines), "%.*s", (int)seen.n, seen.p ? seen.p : "");
        buf_free(&seen);
        imap_reader_reset(&r);
    }
}
END_TEST

int main(void) {
    mime_in_init();
    if (crypto_init() != 0) return 1;
    Suite *suite = suite_create("email.out");
    TCase *t = tcase_create("out");
    tcase_add_test(t, reads_back_what_it_wrote);
    tcase_add_loop_test(t, no_header_injection, 0, 4);
    tcase_add_test(t, automatic_mails_say_so);
    tcase_add_loop_test(t, judging, 0, sizeof verdicts / sizeof *verdicts);
    tcase_add_test(t, tokens);
    tcase_add_test(t, hints_in_order);
    tcase_add_test(t, maildir_is_idempotent);
    tcase_add_loop_test(t, imap_lines_and_literals, 0, sizeof imap_rows / sizeof *imap_rows);
    suite_add_tcase(suite, t);
    SRunner *r = srunner_create(suite);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
