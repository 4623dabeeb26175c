/* SPDX-License-Identifier: EUPL-1.2 */
/* mime_in: limits first, then GMime for structure and head, mime_walk.c for the body, and our own
 * rules for what counts: which From, which Message-ID, which text. */
#include "channels/email/mime_in.h"

#include <strings.h>

#include "channels/email/dsn.h"
#include "channels/kit/html_text.h"
#include "channels/email/mail_address.h"
#include "channels/email/mail_auto.h"
#include "channels/email/mail_quote.h"
#include "channels/email/mime_walk.h"
#include "gateway/base/utf8.h"

#define HEADERS_MAX 1000
#define STUB_BYTES_MAX 200

void mime_in_init(void) {
    static bool is_done;
    if (!is_done)
        g_mime_init();
    is_done = true;
}

/* Cheap look at the raw bytes: would GMime have to build a monster? */
static const char *refuse(struct span raw) {
    struct span rest = raw;
    size_t boundaries = 0;
    bool in_head = true, has_field = false;
    while (rest.p) {
        struct span line = span_cut(&rest, '\n');
        size_t at = (size_t)(line.p - raw.p);
        if (in_head && at + line.n > MAIL_HEAD_BYTES_MAX)
            return "head-too-large";
        if (in_head && memchr(line.p, ':', line.n))
            has_field = true;
        if (in_head && (line.n == 0 || (line.n == 1 && line.p[0] == '\r')))
            in_head = false;
        if (line.n >= 2 && line.p[0] == '-' && line.p[1] == '-')
            boundaries++;
        if (boundaries > MAIL_BOUNDARY_LINES_MAX)
            return "too-many-parts";
    }
    return has_field ? NULL : "no-head";
}

static void add_addresses(struct mail *m, InternetAddressList *list, bool is_from) {
    int n = list ? internet_address_list_length(list) : 0;
    if (n > MAIL_RECIPIENTS_MAX)
        n = MAIL_RECIPIENTS_MAX;
    for (int i = 0; i < n; i++) {
        InternetAddress *ia = internet_address_list_get_address(list, i);
        if (!INTERNET_ADDRESS_IS_MAILBOX(ia))
            continue;
        const char *addr = internet_address_mailbox_get_addr((InternetAddressMailbox *)ia);
        struct span address = mime_string(m->arena, addr, MAIL_ADDRESS_BYTES_MAX + 1);
        if (!mail_address_is_valid(address))
            continue;
        struct mail_address one = {
            address, mime_string(m->arena, internet_address_get_name(ia), MAIL_NAME_BYTES_MAX)};
        if (is_from && m->from_n++ == 0)
            m->from = one;
        else if (!is_from && m->recipients_n < MAIL_RECIPIENTS_MAX)
            m->recipients[m->recipients_n++] = one;
    }
}

/* Every id between < and >, in order. */
static void add_references(struct mail *m, struct span v) {
    while (v.n > 0) {
        const char *open = memchr(v.p, '<', v.n);
        if (!open)
            return;
        struct span rest = {open, v.n - (size_t)(open - v.p)};
        const char *close = memchr(rest.p, '>', rest.n);
        if (!close)
            return;
        struct span id = mail_id((struct span){open, (size_t)(close - open) + 1});
        if (id.n &&
            m->references_n == MAIL_REFERENCES_MAX) { /* the newest matter: drop the second */
            memmove(&m->references[1], &m->references[2],
                    (MAIL_REFERENCES_MAX - 2) * sizeof *m->references);
            m->references_n--;
        }
        if (id.n)
            m->references[m->references_n++] = id;
        v = (struct span){close + 1, rest.n - (size_t)(close + 1 - rest.p)};
    }
}

static void take_header(struct mail *m, struct span name, struct span value) {
    mail_auto_header(m, name, value);
    if (span_ieq(name, "Message-ID")) {
        struct span id = mail_id(value);
        if (m->message_id.n && id.n && !span_is(m->message_id, id))
            mail_warn(m, "several-message-ids");
        if (!m->message_id.n)
            m->message_id = arena_dup(m->arena, id);
    } else if (span_ieq(name, "In-Reply-To") && !m->in_reply_to.n) {
        const char *open = memchr(value.p, '<', value.n), *close = memchr(value.p, '>', value.n);
        if (open && close > open)
            m->in_reply_to = mail_id((struct span){open, (size_t)(close - open) + 1});
    } else if (span_ieq(name, "References")) {
        add_references(m, value);
    }
}

static void take_headers(struct mail *m, GMimeMessage *msg) {
    GMimeHeaderList *list = g_mime_object_get_header_list((GMimeObject *)msg);
    int n = g_mime_header_list_get_count(list);
    if (n > HEADERS_MAX)
        n = HEADERS_MAX;
    for (int i = 0; i < n; i++) {
        GMimeHeader *h = g_mime_header_list_get_header_at(list, i);
        const char *name = g_mime_header_get_name(h), *raw = g_mime_header_get_raw_value(h);
        static const char *const wanted[] = {"Message-I", "In-Reply-", "References", "Auto-",
                                             "Return-P",  "Precedenc", "List-",      "X-Auto",
                                             "X-Loop",    "Content-T"};
        bool is_wanted = false;
        for (size_t k = 0; name && k < sizeof wanted / sizeof *wanted; k++)
            is_wanted |= span_istarts(span_str(name), wanted[k]);
        if (is_wanted && raw)
            take_header(m, span_str(name), mime_string(m->arena, raw, 16384));
    }
    add_addresses(m, g_mime_message_get_from(msg), true);
    add_addresses(m, g_mime_message_get_to(msg), false);
    add_addresses(m, g_mime_message_get_cc(msg), false);
    if (m->from_n > 1)
        mail_warn(m, "several-senders");
    m->subject = mime_string(m->arena, g_mime_message_get_subject(msg), MAIL_SUBJECT_BYTES_MAX);
    GDateTime *date = g_mime_message_get_date(msg);
    if (date)
        m->sent_ms = g_date_time_to_unix(date) * 1000;
    if (m->sent_ms < 0)
        m->sent_ms = 0;
}

static bool is_stub(struct span text, struct span from_html) {
    text = span_trim(text);
    if (text.n == 0)
        return true;
    if (text.n >= STUB_BYTES_MAX || from_html.n < 2 * text.n)
        return false;
    for (size_t i = 0; i + 4 <= text.n; i++)
        if (strncasecmp(text.p + i, "html", 4) == 0)
            return true;
    return false;
}

static void choose_text(struct mail *m, struct mime_walk *w) {
    struct utf8_notes notes = {0};
    struct span plain = utf8_clean(m->arena, buf_span(&w->text), MAIL_TEXT_BYTES_MAX, &notes);
    m->html = utf8_clean(m->arena, buf_span(&w->html), MAIL_HTML_BYTES_MAX, NULL);
    struct span quoted = SPAN_NONE, top = plain;
    if (m->html.n && plain.n < STUB_BYTES_MAX) {
        struct span from_html = html_text(m->arena, m->html, &quoted);
        if (is_stub(plain, from_html))
            top = utf8_clean(m->arena, from_html, MAIL_TEXT_BYTES_MAX, &notes);
        else
            quoted = SPAN_NONE;
    }
    if (notes.was_cut)
        mail_warn(m, "text-cut");
    if (notes.had_bidi)
        mail_warn(m, "bidi-controls");
    m->text_quoted = utf8_clean(m->arena, quoted, MAIL_TEXT_BYTES_MAX, NULL);
    m->text = span_trim(top);
    if (m->report == MAIL_NO_REPORT)
        dsn_guess(m, top);
    if (quoted.n == 0 && m->report == MAIL_NO_REPORT)
        mail_quote_split(top, &m->text, &m->text_quoted);
}

static void take_report(struct mail *m, GMimeObject *root, struct span status) {
    GMimeContentType *t = g_mime_object_get_content_type(root);
    if (!status.p || !t || !g_mime_content_type_is_type(t, "multipart", "report"))
        return;
    const char *kind = g_mime_content_type_get_parameter(t, "report-type");
    struct span k = span_str(kind);
    if (span_ieq(k, "delivery-status"))
        dsn_parse(m, MAIL_DSN, status);
    else if (span_ieq(k, "disposition-notification"))
        dsn_parse(m, MAIL_READ, status);
    else if (span_ieq(k, "feedback-report"))
        dsn_parse(m, MAIL_ABUSE, status);
}

static void take_message(struct mail *m, GMimeMessage *msg) {
    take_headers(m, msg);
    struct mime_walk w = {.mail = m};
    GMimeObject *root = g_mime_message_get_mime_part(msg);
    if (root) {
        mime_walk(&w, root);
        take_report(m, root, w.status);
    }
    choose_text(m, &w);
    mail_auto_finish(m);
    buf_free(&w.text);
    buf_free(&w.html);
}

static struct mail *new_mail(void) {
    struct arena *a = arena_new();
    struct mail *m = arena_alloc(a, sizeof *m);
    m->arena = a;
    return m;
}

static GMimeMessage *construct(struct span raw) {
    GMimeStream *stream = g_mime_stream_mem_new_with_buffer(raw.p, raw.n);
    GMimeParser *parser = g_mime_parser_new_with_stream(stream);
    GMimeMessage *msg = g_mime_parser_construct_message(parser, NULL);
    g_object_unref(parser);
    g_object_unref(stream);
    return msg;
}

/* GMime gives up on a head that begins with rubbish: what follows the first line that is no field.
 */
static struct span skip_rubbish(struct span raw) {
    struct span rest = raw;
    while (rest.p) {
        struct span before = rest, line = span_cut(&rest, '\n');
        const char *colon = memchr(line.p, ':', line.n);
        bool is_field = colon && colon > line.p && !memchr(line.p, ' ', (size_t)(colon - line.p));
        if (is_field || span_trim(line).n == 0)
            return before;
    }
    return SPAN("");
}

struct mail *mime_in_parse(struct span raw) {
    struct mail *m = new_mail();
    const char *why = refuse(raw);
    GMimeMessage *msg = why ? NULL : construct(raw);
    if (!why && !msg) {
        msg = construct(skip_rubbish(raw));
        if (msg)
            mail_warn(m, "broken-head");
    }
    if (msg) {
        take_message(m, msg);
        g_object_unref(msg);
    } else {
        m->was_unparsable = true;
        mail_warn(m, why ? why : "unreadable");
    }
    if (!m->from.address.n && !m->was_unparsable)
        mail_warn(m, "no-sender");
    return m;
}

void mime_in_free(struct mail **m) {
    if (!*m)
        return;
    struct arena *a = (*m)->arena;
    *m = NULL;
    arena_free(&a);
}
