/* SPDX-License-Identifier: EUPL-1.2 */
/* mail_thread: making and checking of tokens. Local parts are folded by some systems on their way,
 * so everything in them is lower case and compared so. */
#include "channels/email/mail_thread.h"

#include "channels/email/mail_address.h"
#include "gateway/base/crypto.h"

#define MAC_BYTES 10
#define MAC_CHARS 16

static void mac_text(struct arena *a, const struct mail_mac *mac, char kind, struct span id,
                     char out[MAC_CHARS + 1]) {
    const char *text = arena_printf(a, "%c|%.*s", kind, (int)id.n, id.p);
    uint8_t full[32];
    mac->fn(mac->arg, span_str(text), full);
    crypto_base32(full, MAC_BYTES, out);
}

static bool is_right(const struct mail_mac *mac, char kind, struct span id, struct span given) {
    if (given.n != MAC_CHARS)
        return false;
    struct arena *a = arena_new();
    char want[MAC_CHARS + 1];
    mac_text(a, mac, kind, id, want);
    bool ok = crypto_equal(want, mail_lower(a, given).p, MAC_CHARS);
    arena_free(&a);
    return ok;
}

static struct span tagged(struct arena *a, const struct mail_mac *mac, struct span mailbox,
                          char kind, struct span id) {
    struct span local, tag, domain;
    char m[MAC_CHARS + 1];
    struct span lower = mail_lower(a, id);
    mail_address_split(mailbox, &local, &tag, &domain);
    mac_text(a, mac, kind, lower, m);
    return span_str(arena_printf(a, "%.*s+%c.%.*s.%s@%.*s", (int)local.n, local.p, kind,
                                 (int)lower.n, lower.p, m, (int)domain.n, domain.p));
}

struct span mail_thread_reply_address(struct arena *a, const struct mail_mac *mac,
                                      struct span mailbox, struct span ticket) {
    return tagged(a, mac, mailbox, 't', ticket);
}

struct span mail_thread_bounce_address(struct arena *a, const struct mail_mac *mac,
                                       struct span mailbox, struct span message) {
    return tagged(a, mac, mailbox, 'b', message);
}

struct span mail_thread_message_id(struct arena *a, const struct mail_mac *mac, struct span message,
                                   const char *hostname) {
    char m[MAC_CHARS + 1];
    mac_text(a, mac, 'm', message, m);
    return span_str(arena_printf(a, "%.*s.%s@%s", (int)message.n, message.p, m, hostname));
}

/* "<id>.<mac>" cut at the last dot. */
static bool split_mac(struct span s, struct span *id, struct span *mac) {
    for (size_t i = s.n; i > 1; i--) {
        if (s.p[i - 1] != '.')
            continue;
        *id = (struct span){s.p, i - 1};
        *mac = (struct span){s.p + i, s.n - i};
        return true;
    }
    return false;
}

struct span mail_thread_token(struct arena *a, const struct mail_mac *mac, struct span address,
                              char kind) {
    struct span local, tag, domain, id, given;
    mail_address_split(mail_lower(a, address), &local, &tag, &domain);
    if (tag.n < 4 || tag.p[0] != kind || tag.p[1] != '.')
        return SPAN_NONE;
    if (!split_mac((struct span){tag.p + 2, tag.n - 2}, &id, &given))
        return SPAN_NONE;
    return is_right(mac, kind, id, given) ? id : SPAN_NONE;
}

struct span mail_thread_own_id(const struct mail_mac *mac, struct span id) {
    struct span rest = id, left = span_cut(&rest, '@'), message, given;
    if (!rest.p || !split_mac(left, &message, &given))
        return SPAN_NONE;
    return is_right(mac, 'm', message, given) ? message : SPAN_NONE;
}

struct span mail_thread_ticket(struct span message) {
    for (size_t i = message.n; i > 0; i--)
        if (message.p[i - 1] == '.')
            return (struct span){message.p, i - 1};
    return message;
}

/* "[#2026-000123]" in a subject; empty when there is none. */
static struct span subject_token(struct span subject) {
    for (size_t i = 0; i + 3 < subject.n; i++) {
        if (subject.p[i] != '[' || subject.p[i + 1] != '#')
            continue;
        size_t end = i + 2;
        while (end < subject.n && end - i < 26 &&
               (subject.p[end] == '-' || (subject.p[end] >= '0' && subject.p[end] <= '9') ||
                (subject.p[end] >= 'A' && subject.p[end] <= 'Z')))
            end++;
        if (end < subject.n && subject.p[end] == ']' && end > i + 2)
            return (struct span){subject.p + i + 2, end - i - 2};
    }
    return SPAN_NONE;
}

struct hints {
    struct draht_thread_hint *out;
    size_t n;
};

static void add(struct hints *h, uint32_t kind, struct span value) {
    if (value.n == 0 || h->n == MAIL_THREAD_HINTS_MAX)
        return;
    h->out[h->n++] = (struct draht_thread_hint){kind, {value.p, value.n}};
}

static void add_id(struct hints *h, const struct mail_mac *mac, struct span id) {
    struct span own = mail_thread_own_id(mac, id);
    if (own.n)
        add(h, DRAHT_THREAD_TICKET, mail_thread_ticket(own));
    else
        add(h, DRAHT_THREAD_KEY, id);
}

size_t mail_thread_hints(const struct mail *m, const struct mail_mac *mac, struct span recipient,
                         struct draht_thread_hint out[MAIL_THREAD_HINTS_MAX]) {
    struct hints h = {out, 0};
    struct arena *a = m->arena;
    add(&h, DRAHT_THREAD_TICKET, mail_thread_token(a, mac, recipient, 't'));
    struct span bounced = mail_thread_token(a, mac, recipient, 'b');
    if (bounced.n)
        add(&h, DRAHT_THREAD_TICKET, mail_thread_ticket(bounced));
    if (m->in_reply_to.n)
        add_id(&h, mac, m->in_reply_to);
    for (size_t i = m->references_n; i > 0 && h.n < MAIL_THREAD_HINTS_MAX - 2; i--)
        if (!span_is(m->references[i - 1], m->in_reply_to))
            add_id(&h, mac, m->references[i - 1]);
    /* Two senders: whoever it was, the subject alone opens no ticket for him. */
    if (m->from_n == 1)
        add(&h, DRAHT_THREAD_TICKET_IF_KNOWN, subject_token(m->subject));
    return h.n;
}
