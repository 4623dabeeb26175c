/* SPDX-License-Identifier: EUPL-1.2 */
/* mail_intake: a parsed mail in the words of the channel ABI: as an inbound message or as receipts.
 */
#ifndef DRAHT_EMAIL_MAIL_INTAKE_H
#define DRAHT_EMAIL_MAIL_INTAKE_H

#include "channels/email/mail_thread.h"

struct mail_intake { /* valid as long as the mail and raw */
    struct draht_inbound inbound;
    struct draht_thread_hint hints[MAIL_THREAD_HINTS_MAX];
    struct draht_attachment attachments[MAIL_PARTS_MAX];
};
/* sender: of the envelope, or NULL. recipient: of the envelope. */
void mail_intake_make(struct mail_intake *out, const struct mail *m, const struct mail_mac *mac,
                      struct span raw, const char *sender, struct span recipient);
/* Key of deduplication: the Message-ID, or a hash of all bytes. In the mail's arena. */
struct span mail_intake_id(const struct mail *m, struct span raw);

struct mail_receipt {
    struct draht_receipt receipt;
};
/* How many receipts a report may give. */
size_t mail_receipt_rows(const struct mail *m);
/* False when the row says nothing (delayed is no failure) or nothing tells which mail it is about.
 */
bool mail_receipt_make(struct mail_receipt *out, const struct mail *m, const struct mail_mac *mac,
                       struct span recipient, size_t row);

#endif
