/* SPDX-License-Identifier: EUPL-1.2 */
/* mail_address: what may stand in an envelope. No DNS, no display names (mime_in.c has those). */
#include "channels/email/mail_address.h"

#include "gateway/base/utf8.h"

static bool is_plain(struct span s, const char *forbidden) {
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= 0x20 || c == 0x7f || strchr(forbidden, c))
            return false;
    }
    return true;
}

static size_t last_at(struct span a) {
    for (size_t i = a.n; i > 0; i--)
        if (a.p[i - 1] == '@')
            return i - 1;
    return a.n;
}

bool mail_address_is_valid(struct span a) {
    if (a.n == 0 || a.n > MAIL_ADDRESS_BYTES_MAX || !utf8_is_valid(a))
        return false;
    size_t at = last_at(a);
    if (at == a.n || at == 0 || at > MAIL_LOCAL_BYTES_MAX)
        return false;
    struct span local = {a.p, at}, domain = {a.p + at + 1, a.n - at - 1};
    if (domain.n == 0 || domain.n > MAIL_DOMAIN_BYTES_MAX)
        return false;
    if (domain.p[0] == '.' || domain.p[domain.n - 1] == '.')
        return false;
    if (!is_plain(domain, "@<>()\"\\,;:/"))
        return domain.p[0] == '[' && is_plain(domain, "@<>()\"\\,;/");
    if (local.n >= 2 && local.p[0] == '"' && local.p[local.n - 1] == '"') {
        struct span inner = {local.p + 1, local.n - 2};
        return is_plain(inner, "<>\"\\");
    }
    return is_plain(local, "@<>()\"\\,;:[]");
}

void mail_address_split(struct span a, struct span *local, struct span *tag, struct span *domain) {
    size_t at = last_at(a);
    struct span whole = {a.p, at};
    *domain = at < a.n ? (struct span){a.p + at + 1, a.n - at - 1} : SPAN_NONE;
    struct span rest = whole;
    *local = span_cut(&rest, '+');
    *tag = rest;
}

static bool same(struct span a, struct span b) {
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++) {
        char x = a.p[i], y = b.p[i];
        if (x >= 'A' && x <= 'Z')
            x = (char)(x + 32);
        if (y >= 'A' && y <= 'Z')
            y = (char)(y + 32);
        if (x != y)
            return false;
    }
    return true;
}

bool mail_address_matches(struct span a, struct span mailbox) {
    if (same(a, mailbox))
        return true;
    struct span local, tag, domain, local2, tag2, domain2;
    mail_address_split(a, &local, &tag, &domain);
    mail_address_split(mailbox, &local2, &tag2, &domain2);
    if (mailbox.n > 0 && mailbox.p[0] == '@')
        return same(domain, domain2);
    return !tag2.p && same(local, local2) && same(domain, domain2);
}

struct span mail_lower(struct arena *a, struct span s) {
    char *p = arena_strndup(a, s.p, s.n);
    for (size_t i = 0; i < s.n; i++)
        if (p[i] >= 'A' && p[i] <= 'Z')
            p[i] = (char)(p[i] + 32);
    return (struct span){p, s.n};
}

bool mail_address_is_robot(struct span a) {
    static const char *const names[] = {"mailer-daemon",   "postmaster", "noreply",
                                        "no-reply",        "donotreply", "do-not-reply",
                                        "nicht-antworten", "bounce",     "bounces"};
    struct span local, tag, domain;
    mail_address_split(a, &local, &tag, &domain);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (span_ieq(local, names[i]))
            return true;
    if (span_istarts(local, "owner-") || span_istarts(local, "noreply"))
        return true;
    struct span end = {local.p + (local.n > 8 ? local.n - 8 : 0), 8};
    return local.n > 8 && span_ieq(end, "-request");
}
