/* SPDX-License-Identifier: EUPL-1.2 */
/* mime_out: head, text and HTML as alternatives, attachments. Boundaries begin with "=_", which no
 * encoded part can contain. */
#include "channels/email/mime_out.h"

#include <time.h>

#include "channels/email/mime_encode.h"
#include "channels/kit/kit.h"
#include "gateway/base/utf8.h"

#define NAME_BYTES_MAX 200

void mime_out_field(struct buf *out, const char *name, struct span value) {
    bool is_plain = strlen(name) + value.n <= 74;
    for (size_t i = 0; i < value.n && is_plain; i++) {
        unsigned char c = (unsigned char)value.p[i];
        is_plain = c >= 0x20 && c < 0x7f && !(c == '=' && i + 1 < value.n && value.p[i + 1] == '?');
    }
    buf_addf(out, "%s: ", name);
    if (is_plain)
        buf_add(out, value.p, value.n);
    else
        mime_encode_words(out, value);
    buf_adds(out, "\r\n");
}

static void address_field(struct buf *out, const char *field, struct span name, struct span addr) {
    buf_addf(out, "%s: ", field);
    if (name.n > NAME_BYTES_MAX)
        name.n = NAME_BYTES_MAX;
    if (name.n) {
        mime_encode_phrase(out, name);
        buf_adds(out, strlen(field) + name.n + addr.n > 60 ? "\r\n " : " ");
    }
    buf_addf(out, "<%.*s>\r\n", (int)addr.n, addr.p);
}

static void date_field(struct buf *out, int64_t ms) {
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t t = (time_t)(ms / 1000);
    struct tm tm;
    if (!gmtime_r(&t, &tm))
        return;
    buf_addf(out, "Date: %s, %02d %s %d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday % 7], tm.tm_mday,
             months[tm.tm_mon % 12], 1900 + tm.tm_year, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void references_field(struct buf *out, const struct mime_out *m) {
    size_t n = m->references_n;
    if (n == 0 && m->in_reply_to.n == 0)
        return;
    buf_adds(out, "References:");
    bool has_last = false;
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && n - i >= MIME_OUT_REFERENCES_MAX)
            continue;
        buf_addf(out, "%s<%.*s>", i ? "\r\n " : " ", (int)m->references[i].n, m->references[i].p);
        has_last = span_is(m->references[i], m->in_reply_to);
    }
    if (m->in_reply_to.n && !has_last)
        buf_addf(out, "%s<%.*s>", n ? "\r\n " : " ", (int)m->in_reply_to.n, m->in_reply_to.p);
    buf_adds(out, "\r\n");
}

/* "de-easy" is our name for easy German and no BCP 47 tag. */
static struct span language_of(const struct mime_out *m) {
    struct span l = m->language;
    for (size_t i = 0; i < l.n; i++) {
        char c = l.p[i];
        bool ok =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
        if (!ok)
            return SPAN("de");
    }
    return l.n == 0 || l.n > 35 || span_eq(l, "de-easy") ? SPAN("de") : l;
}

static void head(struct buf *out, const struct mime_out *m) {
    address_field(out, "From", m->from_name, m->from);
    address_field(out, "To", m->to_name, m->to);
    if (m->reply_to.n)
        address_field(out, "Reply-To", m->from_name, m->reply_to);
    mime_out_field(out, "Subject", m->subject);
    date_field(out, m->date_ms);
    buf_addf(out, "Message-ID: <%.*s>\r\n", (int)m->message_id.n, m->message_id.p);
    if (m->in_reply_to.n)
        buf_addf(out, "In-Reply-To: <%.*s>\r\n", (int)m->in_reply_to.n, m->in_reply_to.p);
    references_field(out, m);
    buf_adds(out, "MIME-Version: 1.0\r\n");
    if (m->is_automatic)
        buf_adds(out, "Auto-Submitted: auto-replied\r\nX-Auto-Response-Suppress: All\r\n");
    mime_out_field(out, "Content-Language", language_of(m));
}

static void add_paragraph(struct buf *b, struct span text) {
    while (text.p) {
        struct span line = span_cut(&text, '\n');
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        kit_html(b, line);
        if (text.p)
            buf_adds(b, "<br>\n");
    }
}

/* Readable in any client, at any size of type, without colours of ours. */
static void html_from_text(struct buf *b, const struct mime_out *m) {
    buf_adds(b, "<!DOCTYPE html>\n<html lang=\"");
    kit_html(b, language_of(m));
    buf_adds(b, "\"><head><meta charset=\"utf-8\"><title>");
    for (size_t i = 0; i < m->subject.n; i++) {
        char c = m->subject.p[i];
        kit_html(b, (unsigned char)c < 0x20 ? SPAN(" ") : (struct span){&m->subject.p[i], 1});
    }
    buf_adds(b, "</title></head>\n<body style=\"font-family:sans-serif;line-height:1.5\">\n<p>");
    add_paragraph(b, m->text);
    buf_adds(b, "</p>\n</body></html>\n");
}

static void text_part(struct buf *out, const char *subtype, struct span text) {
    buf_addf(out,
             "Content-Type: text/%s; charset=utf-8\r\nContent-Transfer-Encoding: "
             "quoted-printable\r\n\r\n",
             subtype);
    mime_encode_qp(out, text);
}

static void alternatives(struct buf *out, const struct mime_out *m) {
    struct buf html = {0};
    if (m->html.n)
        buf_add(&html, m->html.p, m->html.n);
    else
        html_from_text(&html, m);
    buf_adds(out,
             "Content-Type: multipart/alternative; boundary=\"=_draht_a\"\r\n\r\n--=_draht_a\r\n");
    text_part(out, "plain", m->text);
    buf_adds(out, "--=_draht_a\r\n");
    text_part(out, "html", buf_span(&html));
    buf_adds(out, "--=_draht_a--\r\n");
    buf_free(&html);
}

static bool is_media_type(struct span t) {
    if (t.n < 3 || t.n > 100 || !memchr(t.p, '/', t.n))
        return false;
    for (size_t i = 0; i < t.n; i++) {
        unsigned char c = (unsigned char)t.p[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  (c && strchr("/.+-_", c));
        if (!ok)
            return false;
    }
    return !span_istarts(t, "multipart/") && !span_istarts(t, "message/");
}

static void attachment(struct buf *out, const struct draht_attachment *a) {
    struct span type = {a->type.p, a->type.n}, name = {a->name.p, a->name.n};
    if (!is_media_type(type))
        type = SPAN("application/octet-stream");
    if (name.n == 0)
        name = SPAN("anhang");
    if (name.n > NAME_BYTES_MAX)
        name.n = NAME_BYTES_MAX;
    buf_addf(out, "--=_draht_m\r\nContent-Type: %.*s", (int)type.n, type.p);
    mime_encode_file_name(out, "name", name);
    buf_adds(out, "\r\nContent-Disposition: attachment");
    mime_encode_file_name(out, "filename", name);
    buf_adds(out, "\r\nContent-Transfer-Encoding: base64\r\n\r\n");
    mime_encode_base64(out, (struct span){a->bytes.p, a->bytes.n});
}

void mime_out_write(const struct mime_out *m, struct buf *out) {
    head(out, m);
    if (m->attachments_n == 0) {
        alternatives(out, m);
        return;
    }
    buf_adds(out, "Content-Type: multipart/mixed; boundary=\"=_draht_m\"\r\n\r\n--=_draht_m\r\n");
    alternatives(out, m);
    for (size_t i = 0; i < m->attachments_n; i++)
        attachment(out, &m->attachments[i]);
    buf_adds(out, "--=_draht_m--\r\n");
}
