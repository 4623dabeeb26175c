/* SPDX-License-Identifier: EUPL-1.2 */
/* Reading of mails: one row a mail, hostile ones among them. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "channels/email/mail_intake.h"
#include "channels/email/mail_normalize.h"
#include "channels/email/mail_quote.h"
#include "channels/email/mail_text.h"
#include "channels/email/mime_in.h"
#include "gateway/base/buf.h"
#include "gateway/base/json.h"
#include "gateway/base/utf8.h"

#define HEAD "From: =?UTF-8?Q?J=C3=BCrgen?= <j@buerger.test>\r\nTo: amt@stadt.test\r\nMessage-ID: <1@x.test>\r\n"
#define PLAIN HEAD "Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"

struct row {
    const char *name, *mail;
    const char *expect; /* key=value;... of what matters */
};

static const struct row rows[] = {
    {"plain", PLAIN "Guten Tag\r\n", "from=j@buerger.test;name=J\xc3\xbcrgen;id=1@x.test;text=Guten Tag;auto=0"},
    {"no charset, Latin-1", HEAD "Subject: x\r\n\r\nGr\xfc\xdf" "e\r\n", "text=Gr\xc3\xbc\xc3\x9f" "e"},
    {"22 unknown charset", HEAD "Content-Type: text/plain; charset=x-unknown-9\r\n\r\n\x80 5\r\n",
     "text=\xe2\x82\xac 5;warn=charset-guessed"},
    {"22 utf-7", HEAD "Content-Type: text/plain; charset=utf-7\r\n\r\n+APw-ber\r\n", "text=\xc3\xbc" "ber"},
    {"22 declared UTF-8, is Latin-1", PLAIN "\xe4\r\n", "text=\xc3\xa4;warn=charset-guessed"},
    {"22 iso-8859-15", HEAD "Content-Type: text/plain; charset=iso-8859-15\r\n\r\n\xa4\r\n", "text=\xe2\x82\xac"},
    {"charset with a path", HEAD "Content-Type: text/plain; charset=\"../../x//\"\r\n\r\nhi\r\n", "text=hi"},
    {"raw Latin-1 subject", "From: a@b.test\r\nSubject: Gr\xfc\xdf" "e\r\n\r\nx\r\n",
     "subject=Gr\xc3\xbc\xc3\x9f" "e;text=x"},
    {"18 no headers", "just text\r\nand more\r\n", "bad=1;warn=no-head"},
    {"18 empty", "", "bad=1"},
    {"18 header without colon", "Garbage\r\nFrom: a@b.test\r\n\r\nx\r\n", "from=a@b.test"},
    {"24 NUL bytes", HEAD "Subject: x\r\n\r\na\x01" "b\r\n", "text=ab"},
    {"26 two From", "From: a@b.test\r\nFrom: c@d.test\r\nSubject: x\r\n\r\nx\r\n", "from_n=2;warn=several-senders"},
    {"26 two Message-ID", "From: a@b.test\r\nMessage-ID: <1@x.test>\r\nMessage-ID: <2@x.test>\r\n\r\nx\r\n",
     "id=1@x.test;warn=several-message-ids"},
    {"27 Message-ID with spaces", "From: a@b.test\r\nMessage-ID: not-an-id with spaces\r\n\r\nx\r\n", "id="},
    {"27 Message-ID with fold", "From: a@b.test\r\nMessage-ID: <a\r\n b@x>\r\n\r\nx\r\n", "id="},
    {"references", HEAD "In-Reply-To: <a@b>\r\nReferences: <a@b><c@d> garbage <e@f\r\n\r\nx\r\n",
     "reply=a@b;refs=2"},
    {"bad date", HEAD "Date: yesterday\r\n\r\nx\r\n", "date=0"},
    {"date", HEAD "Date: Mon, 23 Nov 2026 10:15:00 +0100\r\n\r\nx\r\n", "date=1795425300"},
    {"flowed", HEAD "Content-Type: text/plain; charset=utf-8; format=flowed\r\n\r\nein \r\nSatz\r\nzwei\r\n",
     "text=ein Satz\nzwei"},
    {"flowed delsp",
     HEAD "Content-Type: text/plain; charset=utf-8; format=flowed; delsp=yes\r\n\r\nDonau \r\ndampf\r\n",
     "text=Donaudampf"},
    {"html only", HEAD "Content-Type: text/html; charset=utf-8\r\n\r\n<p>Hallo&nbsp;<b>Amt</b></p><p>zwei &auml;&#x20ac;</p>"
                       "<script>alert(1)</script><style>p{}</style>",
     "text=Hallo Amt\n\nzwei \xc3\xa4\xe2\x82\xac;html=1"},
    {"36 img file", HEAD "Content-Type: text/html\r\n\r\n<img src=file:///etc/passwd alt=\"Bild\">x", "text=[Bild]x"},
    {"alternative",
     HEAD "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nA\r\n--b\r\n"
          "Content-Type: text/html\r\n\r\n<p>B</p>\r\n--b--\r\n",
     "text=A;html=1;parts=0"},
    {"stub",
     HEAD "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nKein HTML?\r\n"
          "--b\r\nContent-Type: text/html\r\n\r\n<p>Die eigentliche Nachricht steht hier drin.</p>\r\n--b--\r\n",
     "text=Die eigentliche Nachricht steht hier drin."},
    {"25 path in name",
     HEAD "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nA\r\n--b\r\nContent-Type: image/png\r\n"
          "Content-Disposition: attachment; filename=\"../../x\"\r\n\r\nPNG\r\n--b--\r\n",
     "text=A;parts=1;file=x"},
    {"25 RFC 2231 and RTL",
     HEAD "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: application/pdf\r\n"
          "Content-Disposition: attachment; filename*=UTF-8''a%E2%80%AEfdp.exe\r\n\r\nx\r\n--b--\r\n",
     "parts=1;file=afdp.exe"},
    {"23 bad base64",
     HEAD "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nSGFs\r\n!!bG8=\r\n", "text=Hallo"},
    {"23 uuencode stays text", PLAIN "begin 644 x\r\n#0V%T\r\n`\r\nend\r\n", "text=begin 644 x\n#0V%T\n`\nend"},
    {"21 no boundary", HEAD "Content-Type: multipart/mixed\r\n\r\n--x\r\n\r\nhi\r\n--x--\r\n", "from=j@buerger.test"},
    {"21 empty boundary", HEAD "Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n\r\nhi\r\n", "bad=0"},
    {"21 never closed", HEAD "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhi", "text=hi"},
    {"cid",
     HEAD "Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>x</p>\r\n--b\r\n"
          "Content-Type: image/jpeg\r\nContent-ID: <i@x>\r\n\r\nJJJ\r\n--b--\r\n",
     "text=x;parts=1;cid=i@x;file=bild"},
    {"rfc822",
     HEAD "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nA\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
          "Subject: inner\r\n\r\nB\r\n--b--\r\n",
     "text=A;parts=1;file=nachricht.eml"},
    {"calendar", HEAD "Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\n"
                      "BEGIN:VEVENT\r\nSUMMARY:Ter\r\n min\r\nDTSTART:20261201T090000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
     "text=[Termineinladung]\nBetreff: Termin\nBeginn: 01.12.2026 09:00 UTC;parts=1;file=termin.ics"},
    {"auto-submitted", HEAD "Auto-Submitted: auto-replied\r\n\r\nx\r\n", "auto=1"},
    {"auto-submitted no", HEAD "Auto-Submitted: no\r\n\r\nx\r\n", "auto=0"},
    {"precedence", HEAD "Precedence: Bulk\r\n\r\nx\r\n", "auto=1"},
    {"list", HEAD "List-Unsubscribe: <mailto:x@y>\r\n\r\nx\r\n", "auto=1"},
    {"suppress", HEAD "X-Auto-Response-Suppress: DR, OOF\r\n\r\nx\r\n", "auto=1"},
    {"suppress none", HEAD "X-Auto-Response-Suppress: None\r\n\r\nx\r\n", "auto=0"},
    {"autorespond", HEAD "X-Autorespond: yes\r\n\r\nx\r\n", "auto=1"},
    {"loop", HEAD "X-Loop: yes\r\n\r\nx\r\n", "auto=1"},
    {"return path", "Return-Path: <>\r\n" HEAD "\r\nx\r\n", "auto=1"},
    {"noreply", "From: noreply@shop.test\r\n\r\nx\r\n", "auto=1"},
    {"owner", "From: owner-liste@shop.test\r\n\r\nx\r\n", "auto=1"},
    {"dsn",
     "From: MAILER-DAEMON@mx.test\r\nSubject: Undelivered\r\nContent-Type: multipart/report; "
     "report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\nContent-Type: "
     "message/global-delivery-status\r\n\r\nReporting-MTA: dns; mx.test\r\n\r\nFinal-Recipient: utf-8; b@c.test\r\n"
     "Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 no\r\n such user\r\n\r\n--b\r\nContent-Type: "
     "message/rfc822\r\n\r\nMessage-ID: <our@stadt.test>\r\n\r\nx\r\n--b--\r\n",
     "report=1;rows=1;action=1;reason=550 no such user;reported=our@stadt.test;auto=1"},
    {"31 dsn without Final-Recipient",
     "From: MAILER-DAEMON@mx.test\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
     "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.test\r\n\r\nStatus: 4.4.1\r\n\r\n"
     "--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <our@stadt.test>\r\n--b--\r\n",
     "report=1;rows=1;action=2;reported=our@stadt.test"},
    {"31 text-only bounce",
     "From: MAILER-DAEMON@mx.test\r\nSubject: Mail delivery failed\r\n\r\nHi. #5.1.1 bad address\r\n\r\n"
     "Message-ID: <our@stadt.test>\r\n",
     "report=1;rows=1;action=1;reported=our@stadt.test"},
    {"mdn",
     HEAD "Content-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n\r\n--b\r\n\r\nread\r\n"
          "--b\r\nContent-Type: message/disposition-notification\r\n\r\nOriginal-Message-ID: <our@stadt.test>\r\n"
          "Disposition: manual-action/MDN-sent-manually; displayed\r\n\r\n--b--\r\n",
     "report=2;reported=our@stadt.test"},
    {"arf",
     HEAD "Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n--b\r\n\r\nspam\r\n--b\r\n"
          "Content-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n\r\n--b--\r\n",
     "report=3"},
    {"encrypted",
     HEAD "Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b\r\n\r\n--b\r\n"
          "Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--b\r\nContent-Type: application/octet-stream\r\n"
          "\r\nxx\r\n--b--\r\n",
     "parts=2;warn=encrypted"},
    {"history of Gmail", HEAD "Content-Type: text/html\r\n\r\n<div>Neu</div><div class=\"gmail_quote\">Am Montag schrieb Amt:<blockquote>alt</blockquote></div>",
     "text=Neu;html=1"},
    {"history of Outlook", HEAD "Content-Type: text/html\r\n\r\n<p>Neu</p><div id=\"divRplyFwdMsg\"><b>Von:</b> Amt</div><div>alt</div>", "text=Neu"},
    {"history of Apple", HEAD "Content-Type: text/html\r\n\r\n<p>Neu</p><blockquote type=\"cite\">alt</blockquote>", "text=Neu"},
    {"a pixel that counts", HEAD "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nA\r\n--b\r\nContent-Type: image/gif\r\n"
          "Content-Transfer-Encoding: base64\r\n\r\nR0lGODlhAQABAAAAAA==\r\n--b--\r\n", "text=A;parts=0"},
    {"a picture of two pixels", HEAD "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nA\r\n--b\r\nContent-Type: image/gif\r\n"
          "Content-Transfer-Encoding: base64\r\n\r\nR0lGODlhAgABAAAAAA==\r\n--b--\r\n", "text=A;parts=1"},
    {"signed",
     HEAD "Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; micalg=sha-256; boundary=b\r\n\r\n--b\r\n"
          "Content-Type: text/plain\r\n\r\nUnterschrieben\r\n--b\r\nContent-Type: application/pkcs7-signature; name=smime.p7s\r\n\r\nxx\r\n--b--\r\n",
     "text=Unterschrieben;parts=1;file=smime.p7s"},
};

static void show(struct buf *b, const struct mail *m) {
    bool guessed = false;
    (void)guessed;
    buf_addf(b, "\nfrom=%.*s\nname=%.*s\nid=%.*s\nauto=%d\nbad=%d\nfrom_n=%zu\nrefs=%zu\ndate=%lld\nhtml=%d\nparts=%zu\nreport=%d"
                "\nrows=%zu\n",
             (int)m->from.address.n, m->from.address.p ? m->from.address.p : "", (int)m->from.name.n,
             m->from.name.p ? m->from.name.p : "", (int)m->message_id.n, m->message_id.p ? m->message_id.p : "",
             m->is_automatic, m->was_unparsable, m->from_n, m->references_n, (long long)(m->sent_ms / 1000),
             m->html.n > 0, m->parts_n, (int)m->report, m->rows_n);
    buf_addf(b, "subject=%.*s\nreply=%.*s\nreported=%.*s\n", (int)m->subject.n, m->subject.p ? m->subject.p : "",
             (int)m->in_reply_to.n, m->in_reply_to.p ? m->in_reply_to.p : "", (int)m->reported_id.n,
             m->reported_id.p ? m->reported_id.p : "");
    for (size_t i = 0; i < m->parts_n; i++)
        buf_addf(b, "file=%.*s\ncid=%.*s\n", (int)m->parts[i].name.n, m->parts[i].name.p, (int)m->parts[i].content_id.n,
                 m->parts[i].content_id.p ? m->parts[i].content_id.p : "");
    for (size_t i = 0; i < m->rows_n; i++)
        buf_addf(b, "action=%d\nreason=%.*s\n", (int)m->rows[i].action, (int)m->rows[i].reason.n,
                 m->rows[i].reason.p ? m->rows[i].reason.p : "");
    for (size_t i = 0; i < m->warnings_n; i++) buf_addf(b, "warn=%s\n", m->warnings[i]);
    buf_addf(b, "text=%.*s\n", (int)m->text.n, m->text.p ? m->text.p : "");
}

START_TEST(mails) {
    const struct row *r = &rows[_i];
    struct mail *m = mime_in_parse(span_str(r->mail));
    struct buf all = {0};
    show(&all, m);
    ck_assert(utf8_is_valid(buf_span(&all)));
    struct span rest = span_str(r->expect);
    while (rest.p) {
        struct span want = span_cut(&rest, ';');
        char line[500];
        snprintf(line, sizeof line, "\n%.*s\n", (int)want.n, want.p);
        ck_assert_msg(strstr(all.p, line) != NULL, "%s: wanted <%s> in <%s>", r->name, line + 1, all.p);
    }
    buf_free(&all);
    mime_in_free(&m);
}
END_TEST

static struct mail *parse_and_free(struct buf *b) {
    struct mail *m = mime_in_parse(buf_span(b));
    buf_free(b);
    return m;
}

START_TEST(monsters) {
    struct buf b = {0};
    buf_adds(&b, "From: a@b.test\r\nSubject: ");
    for (int i = 0; i < 5 * 1024 * 16; i++)
        buf_adds(&b, "0123456789012345678901234567890123456789012345678901234567890123");
    buf_adds(&b, "\r\n\r\nx\r\n");
    struct mail *m = parse_and_free(&b);
    ck_assert(m->was_unparsable);
    mime_in_free(&m);

    buf_adds(&b, HEAD);
    for (int i = 0; i < 20000; i++)
        buf_addf(&b, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i);
    m = parse_and_free(&b);
    ck_assert_uint_eq(m->parts_n, 0);
    mime_in_free(&m);

    buf_adds(&b, HEAD "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
    for (int i = 0; i < 100000; i++) buf_adds(&b, "--b\r\n\r\nx\r\n");
    m = parse_and_free(&b);
    ck_assert(m->was_unparsable);
    ck_assert_str_eq(m->warnings[0], "too-many-parts");
    mime_in_free(&m);

    buf_adds(&b, HEAD "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
    for (int i = 0; i < 5000; i++) buf_adds(&b, "--b\r\nContent-Type: image/png\r\n\r\nx\r\n");
    m = parse_and_free(&b);
    ck_assert_uint_eq(m->parts_n, MAIL_PARTS_MAX);
    mime_in_free(&m);

    buf_adds(&b, HEAD);
    for (int i = 0; i < 20000; i++) buf_adds(&b, "Content-Type: message/rfc822\r\n\r\n");
    m = parse_and_free(&b);
    ck_assert_uint_le(m->parts_n, 1);
    mime_in_free(&m);

    buf_adds(&b, HEAD "Content-Type: text/html\r\n\r\n");
    for (int i = 0; i < 40000; i++) buf_adds(&b, "<table><tr><td>");
    buf_adds(&b, "Hallo");
    m = parse_and_free(&b);
    ck_assert(span_eq(m->text, "Hallo"));
    mime_in_free(&m);
}
END_TEST

static const struct {
    const char *text, *top, *quoted;
} quotes[] = {
    {"Neu\n\n> alt\n> alt", "Neu", "> alt\n> alt"},
    {"Neu\n\nAm 12.11.2026 um 10:00 schrieb Amt <a@b>:\n> alt", "Neu",
     "Am 12.11.2026 um 10:00 schrieb Amt <a@b>:\n> alt"},
    {"Neu\n\nAm 12.11.2026 um 10:00 schrieb\nAmt <a@b>:\n\n> alt", "Neu",
     "Am 12.11.2026 um 10:00 schrieb\nAmt <a@b>:\n\n> alt"},
    {"New\n\nOn Thu, Amt wrote:\n> old", "New", "On Thu, Amt wrote:\n> old"},
    {"Neu\n\nVon: Amt\nGesendet: heute\nAn: mich\nBetreff: x\n\nalt", "Neu",
     "Von: Amt\nGesendet: heute\nAn: mich\nBetreff: x\n\nalt"},
    {"Neu\n-----Urspr\xc3\xbcngliche Nachricht-----\nalt", "Neu", "-----Urspr\xc3\xbcngliche Nachricht-----\nalt"},
    {"Neu\n## Bitte oberhalb dieser Zeile antworten ##\nalt", "Neu",
     "## Bitte oberhalb dieser Zeile antworten ##\nalt"},
    {"Neu\n-- \nMax Muster", "Neu", ""},
    {"Neu\n--\nkeine Signatur", "Neu\n--\nkeine Signatur", ""},
    {"> nur Zitat", "> nur Zitat", ""},
    {"Von: hier bis dort: weit", "Von: hier bis dort: weit", ""},
    {"Hallo\n> Frage?\nAntwort", "Hallo\n> Frage?\nAntwort", ""},
    {"Am Montag schrieb Amt:\n> Frage?\nAntwort", "Am Montag schrieb Amt:\n> Frage?\nAntwort", ""},
};

/* NUL bytes come as bytes, not as the end of a C string. */
START_TEST(nul_bytes) {
    static const char raw[] = "From: a@b.test\r\nSubject: a\0b\r\nMessage-ID: <1\0x@y.test>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
                              "vor\0 nach\r\n\0\0\r\nEnde\r\n";
    struct mail *m = mime_in_parse((struct span){raw, sizeof raw - 1});
    ck_assert(span_eq(m->from.address, "a@b.test"));
    ck_assert_ptr_null(memchr(m->text.p, 0, m->text.n));
    ck_assert_msg(span_istarts(m->text, "vor") && memmem(m->text.p, m->text.n, "Ende", 4), "%.*s", (int)m->text.n, m->text.p);
    ck_assert(span_istarts(m->subject, "a"));
    ck_assert(!m->subject.n || !memchr(m->subject.p, 0, m->subject.n));
    ck_assert(!m->message_id.n || !memchr(m->message_id.p, 0, m->message_id.n));
    mime_in_free(&m);
}
END_TEST

/* A long name is cut and keeps its ending, one without any measure is cut all the same. */
START_TEST(long_names) {
    static const size_t lengths[] = {20, MAIL_NAME_BYTES_MAX, MAIL_NAME_BYTES_MAX + 1, 10000};
    struct buf b = {0};
    buf_adds(&b, HEAD "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: image/png\r\n"
                      "Content-Disposition: attachment; filename=\"");
    for (size_t i = 4; i < lengths[_i]; i++) buf_adds(&b, "n");
    buf_adds(&b, ".png\"\r\n\r\nPNG\r\n--b--\r\n");
    struct mail *m = parse_and_free(&b);
    ck_assert_uint_eq(m->parts_n, 1);
    struct span name = m->parts[0].name;
    ck_assert_uint_le(name.n, MAIL_NAME_BYTES_MAX);
    ck_assert_msg(lengths[_i] > 4096 || memcmp(name.p + name.n - 4, ".png", 4) == 0, "%.*s", (int)name.n, name.p);
    ck_assert(lengths[_i] > MAIL_NAME_BYTES_MAX || name.n == lengths[_i]);
    mime_in_free(&m);
}
END_TEST

START_TEST(folding) {
    struct span top, quoted;
    mail_quote_split(span_str(quotes[_i].text), &top, &quoted);
    ck_assert_msg(span_eq(top, quotes[_i].top), "%d: %.*s", _i, (int)top.n, top.p);
    ck_assert_msg(span_eq(quoted, quotes[_i].quoted), "%d: %.*s", _i, (int)quoted.n, quoted.p ? quoted.p : "");
}
END_TEST

START_TEST(normalized) {
    char *line = NULL, err[256] = "";
    const char *mail = PLAIN "hi\r\n";
    ck_assert_int_eq(mail_normalize(mail, strlen(mail), &line, err), 0);
    json_t *o = json_parse(span_str(line), 1 << 20, NULL);
    static const char *const keys[] = {"kind", "channel", "external_id", "sender", "recipients", "subject", "text",
                                       "html_present", "in_reply_to", "references", "attachments", "automatic",
                                       "sent_at", "warnings"};
    ck_assert_uint_eq(json_object_size(o), sizeof keys / sizeof *keys);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) ck_assert_ptr_nonnull(json_object_get(o, keys[i]));
    ck_assert_str_eq(json_str(o, "external_id", ""), "1@x.test");
    ck_assert(json_is_null(json_object_get(o, "in_reply_to")));
    ck_assert_ptr_null(strchr(line, '\n'));
    json_decref(o);
    free(line);
}
END_TEST

int main(void) {
    mime_in_init();
    Suite *suite = suite_create("email.mime");
    TCase *t = tcase_create("read");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, mails, 0, sizeof rows / sizeof *rows);
    tcase_add_test(t, monsters);
    tcase_add_test(t, nul_bytes);
    tcase_add_loop_test(t, long_names, 0, 4);
    tcase_add_loop_test(t, folding, 0, sizeof quotes / sizeof *quotes);
    tcase_add_test(t, normalized);
    suite_add_tcase(suite, t);
    SRunner *r = srunner_create(suite);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
