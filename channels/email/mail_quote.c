/* SPDX-License-Identifier: EUPL-1.2 */
/* mail_quote: finds the first line where history begins, by the marks of common mail programs. */
#include "channels/email/mail_quote.h"

static bool has(struct span s, const char *word) {
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= s.n; i++)
        if (memcmp(s.p + i, word, n) == 0)
            return true;
    return false;
}

static bool ends_with(struct span s, const char *word) {
    size_t n = strlen(word);
    return s.n >= n && memcmp(s.p + s.n - n, word, n) == 0;
}

/* "Am 12.11.2026 um 10:00 schrieb Amt:" and its English and French sisters, often over two lines.
 */
static bool is_attribution(struct span line, struct span next) {
    line = span_trim(line);
    next = span_trim(next);
    bool two = !ends_with(line, ":") && ends_with(next, ":") && line.n < 200 && next.n < 200;
    struct span end = two ? next : line;
    if (!ends_with(end, ":") || end.n > 300)
        return false;
    if (span_istarts(line, "Am "))
        return has(line, "schrieb") || (two && has(next, "schrieb"));
    if (span_istarts(line, "On "))
        return ends_with(end, "wrote:");
    if (span_istarts(line, "Le "))
        return has(end, "crit");
    return false;
}

static struct span next_line(struct span rest) {
    struct span line;
    do
        line = span_cut(&rest, '\n');
    while (line.p && span_trim(line).n == 0 && rest.p);
    return line;
}

/* Outlook: Von:/Gesendet:/An:/Betreff: one under the other. */
static bool is_outlook_block(struct span line, struct span rest) {
    line = span_trim(line);
    bool de = span_istarts(line, "Von:") || span_istarts(line, "*Von:*");
    bool en = span_istarts(line, "From:") || span_istarts(line, "*From:*");
    if (!de && !en)
        return false;
    int seen = 0;
    for (int i = 0; i < 5 && rest.p; i++) {
        struct span l = span_trim(span_cut(&rest, '\n'));
        while (l.n && l.p[0] == '*')
            l = (struct span){l.p + 1, l.n - 1};
        static const char *const keys[] = {
            "Gesendet:", "Datum:", "An:", "Betreff:", "Sent:", "Date:", "To:", "Subject:"};
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            seen += span_istarts(l, keys[k]);
    }
    return seen >= 2;
}

static bool is_separator(struct span line) {
    line = span_trim(line);
    if (has(line, MAIL_QUOTE_DELIMITER))
        return true;
    if (!span_istarts(line, "---"))
        return false;
    return has(line, "Ursprüngliche Nachricht") || has(line, "Urspruengliche Nachricht") ||
           has(line, "Originalnachricht") || has(line, "Original-Nachricht") ||
           has(line, "Weitergeleitete Nachricht") || has(line, "Original Message") ||
           has(line, "Forwarded message");
}

/* A run of quoted lines counts as history only when nothing new follows it: answers between the
 * lines are kept whole. */
static bool is_quoted_to_end(struct span line, struct span rest) {
    if (line.n == 0 || line.p[0] != '>')
        return false;
    while (rest.p) {
        struct span l = span_cut(&rest, '\n');
        if (span_eq(l, "-- "))
            return true;
        if (span_trim(l).n && l.p[0] != '>')
            return false;
    }
    return true;
}

static bool begins_history(struct span line, struct span rest) {
    return is_separator(line) || is_attribution(line, next_line(rest)) ||
           is_outlook_block(line, rest);
}

/* Answers between quoted lines: behind an attribution, some line is neither quoted nor empty. */
static bool is_answered_inline(struct span rest) {
    bool saw_quote = false;
    while (rest.p) {
        struct span l = span_cut(&rest, '\n');
        if (span_eq(l, "-- "))
            return false;
        if (l.n && l.p[0] == '>')
            saw_quote = true;
        else if (span_trim(l).n && saw_quote)
            return true;
    }
    return false;
}

void mail_quote_split(struct span text, struct span *top, struct span *quoted) {
    struct span rest = text;
    size_t cut = text.n, quote = text.n;
    int tail_checks = 0;
    while (rest.p) {
        struct span line = span_cut(&rest, '\n');
        size_t at = (size_t)(line.p - text.p);
        if (span_eq(line, "-- ") || span_eq(line, "-- \r")) {
            if (cut == text.n)
                cut = at; /* signature: cut, the history may follow it */
            continue;
        }
        bool is_mark = begins_history(line, rest);
        if (is_mark && !is_separator(line) && is_answered_inline(rest))
            break;
        bool is_tail = !is_mark && line.n && line.p[0] == '>' && tail_checks++ < 50 &&
                       is_quoted_to_end(line, rest);
        if (is_mark || is_tail) {
            quote = at;
            break;
        }
    }
    size_t end = cut < quote ? cut : quote;
    struct span above = span_trim((struct span){text.p, end});
    if (above.n == 0) {
        *top = text;
        *quoted = SPAN_NONE;
        return;
    }
    *top = above;
    *quoted = span_trim((struct span){text.p + quote, text.n - quote});
    if (quoted->n == 0)
        *quoted = SPAN_NONE;
}
