/* SPDX-License-Identifier: EUPL-1.2 */
/* mail_intake: which piece of a mail goes where. Decides nothing about tickets; that is the
 * router's. */
#include "channels/email/mail_intake.h"

#include "channels/email/mail_address.h"
#include "channels/email/mail_auto.h"
#include "gateway/base/crypto.h"
#include "gateway/base/json.h"

#define UNREADABLE "[Diese E-Mail ist nicht lesbar. Das Original liegt bei.]"
#define UNKNOWN_SENDER "unbekannt@invalid"

static struct draht_span give(struct span s) {
    return (struct draht_span){s.p, s.n};
}

struct span mail_intake_id(const struct mail *m, struct span raw) {
    if (m->message_id.n)
        return m->message_id;
    char hex[65];
    crypto_sha256_hex(raw, hex);
    return span_str(arena_printf(m->arena, "sha256:%s", hex));
}

/* Without our tokens, so that rules and deduplication see the mailbox; other tags stay. */
static struct span plain_recipient(const struct mail *m, const struct mail_mac *mac,
                                   struct span r) {
    struct span lower = mail_lower(m->arena, r), local, tag, domain;
    bool is_ours =
        mail_thread_token(m->arena, mac, r, 't').n || mail_thread_token(m->arena, mac, r, 'b').n;
    if (!is_ours)
        return lower;
    mail_address_split(lower, &local, &tag, &domain);
    return span_str(
        arena_printf(m->arena, "%.*s@%.*s", (int)local.n, local.p, (int)domain.n, domain.p));
}

static struct span sender_of(const struct mail *m, const char *envelope) {
    if (m->from.address.n)
        return m->from.address;
    struct span s = span_str(envelope);
    return s.n && mail_address_is_valid(s) ? s : SPAN(UNKNOWN_SENDER);
}

static struct span warnings_json(const struct mail *m) {
    if (m->warnings_n == 0)
        return SPAN_NONE;
    const char *out = "[";
    for (size_t i = 0; i < m->warnings_n; i++)
        out = arena_printf(m->arena, "%s%s\"%s\"", out, i ? "," : "", m->warnings[i]);
    return span_str(arena_printf(m->arena, "%s]", out));
}

static void fill_attachments(struct mail_intake *out, const struct mail *m) {
    for (size_t i = 0; i < m->parts_n; i++) {
        const struct mail_part *p = &m->parts[i];
        out->attachments[i] = (struct draht_attachment){
            .size = sizeof(struct draht_attachment),
            .name = give(p->name),
            .type = give(p->type),
            .bytes = give(p->bytes),
            .length = p->bytes.n,
            .content_id = p->is_inline ? give(p->content_id) : (struct draht_span){0}};
    }
    out->inbound.attachments = out->attachments;
    out->inbound.attachments_n = m->parts_n;
}

void mail_intake_make(struct mail_intake *out, const struct mail *m, const struct mail_mac *mac,
                      struct span raw, const char *sender, struct span recipient) {
    struct span id = mail_intake_id(m, raw);
    out->inbound = (struct draht_inbound){
        .size = sizeof out->inbound,
        .external_id = give(id),
        .sender = give(mail_lower(m->arena, sender_of(m, sender))),
        .sender_name = give(m->from.name),
        .recipient = give(plain_recipient(m, mac, recipient)),
        .subject = give(m->subject),
        .text = give(m->was_unparsable ? SPAN(UNREADABLE) : m->text),
        .text_quoted = give(m->text_quoted),
        .html = give(m->html),
        .thread = give(id),
        .original = give(raw),
        .sent_ms = m->sent_ms,
        .warnings = give(warnings_json(m)),
    };
    bool is_own = m->message_id.n && mail_thread_own_id(mac, m->message_id).n;
    if (m->is_automatic || is_own || (sender && mail_auto_is_bcc(m, recipient)))
        out->inbound.flags |= DRAHT_IN_AUTOMATIC;
    if (m->from_n > 1)
        out->inbound.flags |= DRAHT_IN_SENDER_UNVERIFIED;
    out->inbound.hints = out->hints;
    out->inbound.hints_n = mail_thread_hints(m, mac, recipient, out->hints);
    fill_attachments(out, m);
}

size_t mail_receipt_rows(const struct mail *m) {
    return m->report == MAIL_READ ? 1 : m->rows_n;
}

bool mail_receipt_make(struct mail_receipt *out, const struct mail *m, const struct mail_mac *mac,
                       struct span recipient, size_t row) {
    struct span message = mail_thread_token(m->arena, mac, recipient, 'b');
    if (!message.n && m->reported_id.n)
        message = mail_thread_own_id(mac, m->reported_id);
    if (!message.n)
        return false;
    struct draht_receipt r = {.size = sizeof r, .message = give(message)};
    if (m->report == MAIL_READ) {
        r.state = DRAHT_RECEIPT_READ;
    } else if (m->report == MAIL_DSN && row < m->rows_n) {
        const struct mail_report_row *x = &m->rows[row];
        if (x->action == MAIL_FAILED)
            r.state = DRAHT_RECEIPT_FAILED;
        else if (x->action == MAIL_DELIVERED)
            r.state = DRAHT_RECEIPT_DELIVERED;
        else
            r.state = DRAHT_RECEIPT_SENT; /* delayed or relayed: under way */
        r.is_permanent = x->action == MAIL_FAILED && !(x->status.n && x->status.p[0] == '4');
        const char *text = arena_printf(
            m->arena, "%.*s%s%.*s", (int)x->status.n, x->status.p ? x->status.p : "",
            x->status.n && x->reason.n ? " " : "", (int)(x->reason.n > 300 ? 300 : x->reason.n),
            x->reason.p ? x->reason.p : "");
        if (x->action == MAIL_FAILED)
            r.reason = give(span_str(text));
    } else {
        return false;
    }
    out->receipt = r;
    return true;
}
