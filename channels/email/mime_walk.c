/* SPDX-License-Identifier: EUPL-1.2 */
/* mime_walk: the body of a mail, part by part. Recursion and part count are bounded here, because
 * GMime bounds only the depth. */
#include "channels/email/mime_walk.h"

#include <stdlib.h>

#include "channels/email/mail_calendar.h"
#include "channels/email/mail_text.h"
#include "gateway/base/utf8.h"

#define VISITS_MAX 2000

struct span mime_string(struct arena *a, const char *s, size_t max_bytes) {
    if (!s)
        return SPAN_NONE;
    bool guessed;
    struct span text = mail_text_decode(a, span_str(s), NULL, &guessed);
    text = utf8_clean(a, text, max_bytes, NULL);
    char *p = arena_strndup(a, text.p, text.n);
    for (size_t i = 0; i < text.n; i++)
        if (p[i] == '\n' || p[i] == '\t')
            p[i] = ' ';
    return span_trim((struct span){p, text.n});
}

static struct span copy_stream(struct arena *a, GMimeStream *stream) {
    GByteArray *bytes = g_mime_stream_mem_get_byte_array((GMimeStreamMem *)stream);
    struct span s = arena_dup(a, (struct span){(const char *)bytes->data, bytes->len});
    g_object_unref(stream);
    return s;
}

static struct span part_bytes(struct arena *a, GMimePart *part) {
    GMimeDataWrapper *content = g_mime_part_get_content(part);
    if (!content)
        return SPAN("");
    GMimeStream *mem = g_mime_stream_mem_new();
    g_mime_data_wrapper_write_to_stream(content, mem);
    return copy_stream(a, mem);
}

static struct span object_bytes(struct arena *a, GMimeObject *o) {
    GMimeStream *mem = g_mime_stream_mem_new();
    g_mime_object_write_to_stream(o, NULL, mem);
    return copy_stream(a, mem);
}

static bool is_type(GMimeObject *o, const char *type, const char *subtype) {
    GMimeContentType *t = g_mime_object_get_content_type(o);
    return t && g_mime_content_type_is_type(t, type, subtype);
}

static struct span type_of(struct arena *a, GMimeObject *o) {
    GMimeContentType *t = g_mime_object_get_content_type(o);
    char *s = t ? g_mime_content_type_get_mime_type(t) : NULL;
    struct span type = mime_string(a, s, 100);
    g_free(s);
    for (size_t i = 0; i < type.n; i++) {
        unsigned char c = (unsigned char)type.p[i];
        if (c <= 0x20 || c >= 0x7f || strchr("\"<>;,()", c))
            return SPAN("application/octet-stream");
    }
    return type.n ? type : SPAN("application/octet-stream");
}

static bool is_disposition(GMimeObject *o, const char *what) {
    const char *d = g_mime_object_get_disposition(o);
    return d && span_ieq(span_str(d), what);
}

static struct mail_part *attach(struct mime_walk *w, GMimeObject *o, struct span bytes,
                                const char *fallback) {
    struct arena *a = w->mail->arena;
    struct mail_part *p = mail_add_part(w->mail);
    if (!p)
        return NULL;
    const char *name = GMIME_IS_PART(o) ? g_mime_part_get_filename((GMimePart *)o) : NULL;
    p->name = mail_safe_name(a, mime_string(a, name, 4096), fallback);
    p->type = type_of(a, o);
    p->bytes = bytes;
    const char *cid = g_mime_object_get_content_id(o);
    struct span id = span_trim(mime_string(a, cid, MAIL_ID_BYTES_MAX));
    if (id.n > 2 && id.p[0] == '<')
        id = (struct span){id.p + 1, id.n - 2};
    p->content_id = id;
    p->is_inline = id.n > 0 && !is_disposition(o, "attachment");
    p->is_tnef = span_ieq(p->type, "application/ms-tnef") ||
                 span_ieq(p->type, "application/vnd.ms-tnef") || span_ieq(p->name, "winmail.dat");
    w->mail->has_tnef |= p->is_tnef;
    return p;
}

static struct span decode_text(struct mime_walk *w, GMimeObject *o, struct span bytes) {
    bool guessed;
    const char *charset = g_mime_object_get_content_type_parameter(o, "charset");
    struct span text = mail_text_decode(w->mail->arena, bytes, charset, &guessed);
    if (guessed)
        mail_warn(w->mail, "charset-guessed");
    const char *format = g_mime_object_get_content_type_parameter(o, "format");
    const char *delsp = g_mime_object_get_content_type_parameter(o, "delsp");
    if (format && span_ieq(span_str(format), "flowed"))
        text = mail_text_unflow(w->mail->arena, text, delsp && span_ieq(span_str(delsp), "yes"));
    return text;
}

static void append_text(struct buf *b, struct span text) {
    if (text.n == 0)
        return;
    if (b->n > 0 && b->p[b->n - 1] != '\n')
        buf_add(b, "\n", 1);
    buf_add(b, text.p, text.n);
}

static void add_text(struct mime_walk *w, GMimeObject *o, struct span bytes) {
    struct span text = decode_text(w, o, bytes);
    if (text.n > MAIL_TEXT_BYTES_MAX) {
        mail_warn(w->mail, "text-cut");
        attach(w, o, bytes, "nachricht.txt");
        text.n = MAIL_TEXT_BYTES_MAX;
    }
    if (w->text.n < MAIL_TEXT_BYTES_MAX)
        append_text(&w->text, text);
}

static void add_html(struct mime_walk *w, GMimeObject *o, struct span bytes) {
    struct span html = decode_text(w, o, bytes);
    if (w->html.n + html.n > MAIL_HTML_BYTES_MAX) {
        mail_warn(w->mail, "html-too-large");
        attach(w, o, bytes, "nachricht.html");
        return;
    }
    append_text(&w->html, html);
}

static void add_calendar(struct mime_walk *w, GMimeObject *o, struct span bytes) {
    struct span text = mail_calendar_summary(w->mail->arena, decode_text(w, o, bytes));
    if (text.n)
        append_text(&w->text, text);
    attach(w, o, bytes, "termin.ics");
}

/* Counting and spying images: one pixel that says nothing to staff. */
static bool is_pixel(GMimeObject *o, struct span b) {
    if (is_type(o, "image", "gif") && b.n >= 10 && memcmp(b.p, "GIF8", 4) == 0)
        return b.p[6] == 1 && b.p[7] == 0 && b.p[8] == 1 && b.p[9] == 0;
    if (is_type(o, "image", "png") && b.n >= 24 && memcmp(b.p + 1, "PNG", 3) == 0)
        return memcmp(b.p + 16, "\0\0\0\1\0\0\0\1", 8) == 0;
    return false;
}

static void visit_part(struct mime_walk *w, GMimeObject *o, bool is_report) {
    bool is_file = is_disposition(o, "attachment") || g_mime_part_get_filename((GMimePart *)o);
    struct span bytes = part_bytes(w->mail->arena, (GMimePart *)o);
    if (is_report && (is_type(o, "message", "delivery-status") ||
                      is_type(o, "message", "global-delivery-status") ||
                      is_type(o, "message", "disposition-notification") ||
                      is_type(o, "message", "global-disposition-notification") ||
                      is_type(o, "message", "feedback-report"))) {
        if (!w->status.p)
            w->status = bytes;
    } else if (is_report &&
               (is_type(o, "text", "rfc822-headers") || is_type(o, "message", "global-headers"))) {
        if (!w->mail->reported_id.n) {
            GMimeStream *mem = g_mime_stream_mem_new_with_buffer(bytes.p, bytes.n);
            GMimeParser *parser = g_mime_parser_new_with_stream(mem);
            GMimeMessage *m = g_mime_parser_construct_message(parser, NULL);
            if (m) {
                const char *id = g_mime_message_get_message_id(m);
                w->mail->reported_id = mail_id(mime_string(w->mail->arena, id, 1000));
                g_object_unref(m);
            }
            g_object_unref(parser);
            g_object_unref(mem);
        }
    } else if (!is_file && is_type(o, "text", "plain")) {
        add_text(w, o, bytes);
    } else if (!is_file && is_type(o, "text", "html")) {
        add_html(w, o, bytes);
    } else if (is_type(o, "text", "calendar")) {
        add_calendar(w, o, bytes);
    } else if (!is_pixel(o, bytes)) {
        attach(w, o, bytes, is_type(o, "image", "*") ? "bild" : "anhang");
    }
}

/* A forwarded mail stays one attachment; it is not looked into, except by a report for its id. */
static void visit_message(struct mime_walk *w, GMimeObject *o, bool is_report) {
    GMimeMessage *inner = g_mime_message_part_get_message((GMimeMessagePart *)o);
    if (!inner)
        return;
    if (is_report && !w->mail->reported_id.n) {
        const char *id = g_mime_message_get_message_id(inner);
        w->mail->reported_id = mail_id(mime_string(w->mail->arena, id, 1000));
    }
    attach(w, o, object_bytes(w->mail->arena, (GMimeObject *)inner), "nachricht.eml");
}

static void visit(struct mime_walk *w, GMimeObject *o, int depth, bool is_report);

static void visit_children(struct mime_walk *w, GMimeObject *o, int depth, bool is_report) {
    int n = g_mime_multipart_get_count((GMimeMultipart *)o);
    for (int i = 0; i < n; i++) {
        if (w->parts >= VISITS_MAX) {
            mail_warn(w->mail, "too-many-parts");
            return;
        }
        visit(w, g_mime_multipart_get_part((GMimeMultipart *)o, i), depth + 1, is_report);
    }
}

static void visit(struct mime_walk *w, GMimeObject *o, int depth, bool is_report) {
    w->parts++;
    if (!o)
        return;
    if (depth > MAIL_DEPTH_MAX) {
        mail_warn(w->mail, "nested-too-deep");
    } else if (GMIME_IS_MULTIPART(o)) {
        if (is_type(o, "multipart", "encrypted"))
            mail_warn(w->mail, "encrypted");
        visit_children(w, o, depth, is_report || is_type(o, "multipart", "report"));
    } else if (GMIME_IS_MESSAGE_PART(o)) {
        visit_message(w, o, is_report);
    } else if (GMIME_IS_PART(o)) {
        if (is_type(o, "application", "pkcs7-mime") || is_type(o, "application", "x-pkcs7-mime"))
            mail_warn(w->mail, "encrypted");
        visit_part(w, o, is_report);
    }
}

void mime_walk(struct mime_walk *w, GMimeObject *root) {
    visit(w, root, 0, false);
}
