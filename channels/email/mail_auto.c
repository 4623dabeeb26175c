/* SPDX-License-Identifier: EUPL-1.2 */
/* mail_auto: the signs of RFC 3834 and of practice. One sign is enough: a person who is not greeted
 * by a robot loses nothing, two robots greeting each other lose everything. */
#include "channels/email/mail_auto.h"

#include <strings.h>

#include "channels/email/mail_address.h"

static void set(struct mail *m, const char *reason) {
    if (!m->is_automatic)
        m->automatic_reason = reason;
    m->is_automatic = true;
}

static bool contains(struct span s, const char *word) {
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= s.n; i++)
        if (span_istarts((struct span){s.p + i, s.n - i}, word))
            return true;
    return false;
}

static bool is_suppress_word(struct span value) {
    static const char *const words[] = {"All", "OOF", "AutoReply", "DR", "NDR", "RN", "NRN"};
    while (value.p) {
        struct span one = span_trim(span_cut(&value, ','));
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            if (span_ieq(one, words[i]))
                return true;
    }
    return false;
}

static bool is_bulk(struct span v) {
    return span_ieq(v, "bulk") || span_ieq(v, "junk") || span_ieq(v, "list") ||
           span_ieq(v, "auto_reply");
}

void mail_auto_header(struct mail *m, struct span name, struct span value) {
    value = span_trim(value);
    if (span_ieq(name, "Auto-Submitted")) {
        struct span word = value;
        if (!span_ieq(span_trim(span_cut(&word, ';')), "no"))
            set(m, "auto-submitted");
    } else if (span_ieq(name, "Return-Path")) {
        if (span_eq(value, "<>"))
            set(m, "null-sender");
    } else if (span_ieq(name, "Precedence")) {
        if (is_bulk(value))
            set(m, "precedence");
    } else if (span_istarts(name, "List-")) {
        set(m, "mailing-list");
    } else if (span_ieq(name, "X-Auto-Response-Suppress")) {
        if (is_suppress_word(value))
            set(m, "response-suppressed");
    } else if (span_ieq(name, "X-Autoreply") || span_ieq(name, "X-Autorespond") ||
               span_ieq(name, "X-Auto-Reply-From")) {
        set(m, "autoreply");
    } else if (span_ieq(name, "X-Loop")) {
        set(m, "loop");
    } else if (span_ieq(name, "Content-Type") && contains(value, "multipart/report")) {
        set(m, "report");
    }
}

void mail_auto_finish(struct mail *m) {
    if (m->report != MAIL_NO_REPORT)
        set(m, "report");
    if (m->from.address.n && mail_address_is_robot(m->from.address))
        set(m, "robot-address");
}

void mail_auto_envelope(struct mail *m, struct span sender) {
    if (sender.n == 0)
        set(m, "null-sender");
    else if (mail_address_is_robot(sender))
        set(m, "robot-address");
}

bool mail_auto_is_bcc(const struct mail *m, struct span recipient) {
    struct span local, tag, domain;
    mail_address_split(recipient, &local, &tag, &domain);
    for (size_t i = 0; i < m->recipients_n; i++) {
        struct span l2, t2, d2;
        mail_address_split(m->recipients[i].address, &l2, &t2, &d2);
        if (l2.n == local.n && d2.n == domain.n && strncasecmp(l2.p, local.p, local.n) == 0 &&
            strncasecmp(d2.p, domain.p, domain.n) == 0)
            return false;
    }
    return true;
}
