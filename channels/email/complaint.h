/* SPDX-License-Identifier: EUPL-1.2 */
/* complaint: who reported a mail of ours as unwanted (ARF, RFC 5965) gets no more of them until he
 * writes again. Only reports about a Message-ID that carries our MAC count. */
#ifndef DRAHT_EMAIL_COMPLAINT_H
#define DRAHT_EMAIL_COMPLAINT_H

#include "channels/email/email_channel.h"
#include "channels/email/mail.h"

/* Learns whether there are complaints at all: without any, nothing else here costs a call. */
void complaint_start(struct email *e);
/* Keeps what the report says; done with 0, or negative when the store cannot be reached. Runs
 * exactly once, perhaps inside this call. Not a report about a mail of ours: 0 and nothing kept. */
void complaint_note(struct email *e, const struct mail *m, draht_done_fn done, void *arg);
/* is_suppressed: no mail may go to address, nor for ticket. status negative: the store cannot be
 * reached. Runs exactly once, perhaps inside this call. */
typedef void (*complaint_fn)(void *arg, int status, bool is_suppressed);
void complaint_check(struct email *e, struct span address, struct span ticket, complaint_fn fn,
                     void *arg);
/* The citizen wrote again. */
void complaint_lift(struct email *e, struct span address, struct span ticket);

#endif
