/* SPDX-License-Identifier: EUPL-1.2 */
/* dsn: groups of fields, one group a recipient. A report without a usable recipient group is still
 * a report: the message it is about is found by token or Message-ID. */
#include "channels/email/dsn.h"

#include "gateway/base/utf8.h"

#define FIELD_BYTES_MAX 2000

/* The next field with its continuation lines joined by a space; false at the end. An empty line
 * gives an empty name (a new group). */
static bool next_field(struct arena *a, struct span *rest, struct span *name, struct span *value) {
    if (!rest->p)
        return false;
    struct span line = span_cut(rest, '\n');
    if (span_trim(line).n == 0) {
        *name = SPAN_NONE;
        return true;
    }
    struct span v = line;
    *name = span_trim(span_cut(&v, ':'));
    v = span_trim(v);
    const char *joined =
        arena_strndup(a, v.p ? v.p : "", v.n < FIELD_BYTES_MAX ? v.n : FIELD_BYTES_MAX);
    int lines = 0;
    while (rest->p && rest->n && (rest->p[0] == ' ' || rest->p[0] == '\t') && lines++ < 20) {
        struct span more = span_trim(span_cut(rest, '\n'));
        if (strlen(joined) + more.n < FIELD_BYTES_MAX)
            joined = arena_printf(a, "%s %.*s", joined, (int)more.n, more.p);
    }
    *value = span_trim(utf8_clean(a, span_str(joined), FIELD_BYTES_MAX, NULL));
    return true;
}

/* "rfc822; amt@x" or "utf-8; ..." */
static struct span after_type(struct span v) {
    struct span rest = v;
    span_cut(&rest, ';');
    return rest.p ? span_trim(rest) : v;
}

static struct span without_brackets(struct span v) {
    return v.n >= 2 && v.p[0] == '<' && v.p[v.n - 1] == '>' ? (struct span){v.p + 1, v.n - 2} : v;
}

static void set_action(struct mail_report_row *row, struct span v) {
    if (span_ieq(v, "failed"))
        row->action = MAIL_FAILED;
    else if (span_ieq(v, "delayed"))
        row->action = MAIL_DELAYED;
    else if (span_ieq(v, "delivered"))
        row->action = MAIL_DELIVERED;
    else if (span_ieq(v, "relayed") || span_ieq(v, "expanded"))
        row->action = MAIL_RELAYED;
}

static void take_field(struct mail *m, struct mail_report_row *row, struct span name,
                       struct span v) {
    if (span_ieq(name, "Action"))
        set_action(row, v);
    else if (span_ieq(name, "Final-Recipient"))
        row->recipient = after_type(v);
    else if (span_ieq(name, "Status"))
        row->status = v;
    else if (span_ieq(name, "Diagnostic-Code"))
        row->reason = after_type(v);
    else if (span_ieq(name, "Original-Rcpt-To"))
        m->reported_to = without_brackets(v);
    else if (span_ieq(name, "Original-Message-ID"))
        m->reported_id = mail_id(v);
}

static void end_group(struct mail *m, struct mail_report_row *row) {
    bool is_known = row->action != 0 || row->status.n != 0;
    if (!row->action && row->status.n)
        row->action = row->status.p[0] == '5'   ? MAIL_FAILED
                      : row->status.p[0] == '4' ? MAIL_DELAYED
                                                : MAIL_DELIVERED;
    if (is_known && m->rows_n < MAIL_REPORT_ROWS_MAX)
        m->rows[m->rows_n++] = *row;
    *row = (struct mail_report_row){0};
}

void dsn_parse(struct mail *m, enum mail_report kind, struct span content) {
    m->report = kind;
    if (content.n > MAIL_HEAD_BYTES_MAX)
        content.n = MAIL_HEAD_BYTES_MAX;
    struct mail_report_row row = {0};
    struct span rest = content, name, value = SPAN_NONE;
    while (next_field(m->arena, &rest, &name, &value)) {
        if (name.n == 0)
            end_group(m, &row);
        else
            take_field(m, &row, name, value);
    }
    end_group(m, &row);
}

static bool contains(struct span s, const char *word) {
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= s.n; i++)
        if (span_istarts((struct span){s.p + i, s.n - i}, word))
            return true;
    return false;
}

/* " 550 5.1.1 " or "#5.1.1": the class digit tells permanent from temporary. */
static char status_class(struct span s) {
    for (size_t i = 1; i + 5 < s.n; i++) {
        const char *p = s.p + i;
        bool is_status = (p[0] == '4' || p[0] == '5') && p[1] == '.' && p[2] >= '0' &&
                         p[2] <= '7' && p[3] == '.' && p[4] >= '0' && p[4] <= '9';
        bool is_free =
            p[-1] == ' ' || p[-1] == '#' || p[-1] == '(' || p[-1] == '-' || p[-1] == '\n';
        if (is_status && is_free)
            return p[0];
    }
    return 0;
}

/* Bounces that are text only carry our headers below the text. */
static struct span quoted_message_id(struct span text) {
    while (text.p) {
        struct span line = span_trim(span_cut(&text, '\n'));
        while (line.n && (line.p[0] == '>' || line.p[0] == ' '))
            line = (struct span){line.p + 1, line.n - 1};
        if (span_istarts(line, "Message-ID:"))
            return mail_id((struct span){line.p + 11, line.n - 11});
    }
    return SPAN_NONE;
}

void dsn_guess(struct mail *m, struct span text) {
    if (m->report != MAIL_NO_REPORT)
        return;
    if (!span_istarts(m->from.address, "mailer-daemon@") &&
        !span_istarts(m->from.address, "postmaster@"))
        return;
    static const char *const subjects[] = {
        "undeliver",      "returned mail", "delivery status",  "delivery failure",
        "failure notice", "unzustellbar",  "nicht zugestellt", "mail delivery failed"};
    bool is_bounce = false;
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++)
        is_bounce |= contains(m->subject, subjects[i]);
    if (!is_bounce)
        return;
    m->report = MAIL_DSN;
    if (!m->reported_id.n)
        m->reported_id = quoted_message_id(text);
    m->rows[m->rows_n++] = (struct mail_report_row){
        .action = status_class(text) == '4' ? MAIL_DELAYED : MAIL_FAILED,
        .status = status_class(text) == '4' ? SPAN("4.0.0") : SPAN("5.0.0"),
    };
}
