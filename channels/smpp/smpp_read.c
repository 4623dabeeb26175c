/* SPDX-License-Identifier: EUPL-1.2 */
/* smpp_read: one deliver_sm taken apart. What is wrong in it becomes a warning for staff. */
#include "channels/kit/gsm0338.h"
#include "channels/smpp/smpp_channel.h"

#define ESM_UDH 0x40
#define PART_BYTES_MAX 255u

static void warn(struct smpp_read *r, const char *text) {
    if (r->warnings_n < sizeof r->warnings / sizeof *r->warnings)
        r->warnings[r->warnings_n++] = text;
}

static void take_head(const struct pdu *p, struct smpp_read *r) {
    r->head = (struct sms_head){.ref = -1, .total = -1, .number = -1};
    if (p->esm_class & ESM_UDH) {
        sms_head_read(p->text, &r->head);
        if (r->head.is_broken)
            warn(r, "the header of the message is broken");
        if (r->head.has_unknown_language)
            warn(r, "the message is in a national alphabet that is not known");
        if (r->head.has_ports)
            warn(r, "the message was meant for a program");
    }
    if (r->head.total < 0 && p->sar_ref >= 0 && p->sar_total >= 0 && p->sar_seq >= 0) {
        r->is_sar = true;
        r->head.is_ref16 = true;
        r->head.ref = p->sar_ref;
        r->head.total = p->sar_total;
        r->head.number = p->sar_seq;
    }
    bool is_part = r->head.total > 1;
    if (is_part && (r->head.number < 1 || r->head.number > r->head.total)) {
        warn(r, "the message says it is a part that cannot be");
        is_part = false;
    }
    if (r->head.total == 0)
        warn(r, "the message says it has no parts");
    if (is_part && p->text.n > PART_BYTES_MAX) {
        warn(r, "a part is longer than a part can be");
        is_part = false;
    }
    if (!is_part)
        r->head.total = -1;
}

void smpp_read(const struct pdu *p, const char *country, enum sms_coding zero, enum sms_coding one,
               struct smpp_read *r) {
    struct pdu_address none = {.text = "unknown", .ton = 5};
    *r = (struct smpp_read){.coding = sms_coding_of(p->data_coding, zero, one)};
    if (!number_canonical(&p->from, country, r->from))
        number_canonical(&none, country, r->from);
    if (!number_canonical(&p->to, country, r->to))
        number_canonical(&none, country, r->to);
    take_head(p, r);
    if (p->text.n)
        sms_body(r->coding, p->text, r->head.n, &r->body);
    if (!kit_phone_is_dialable(span_str(r->from)))
        warn(r, "the sender is a name, it cannot be answered");
    if (r->coding == SMS_BINARY)
        warn(r, "the message is binary");
}
