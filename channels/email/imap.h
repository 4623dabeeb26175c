/* SPDX-License-Identifier: EUPL-1.2 */
/* imap: fetches mail from a mailbox (RFC 3501, IDLE) for operators whose server cannot deliver by
 * LMTP. One gateway at a time, by lease. The watermark (UIDVALIDITY, UID) moves only when a mail is
 * stored. */
#ifndef DRAHT_EMAIL_IMAP_H
#define DRAHT_EMAIL_IMAP_H

#include "channels/email/email_channel.h"

struct imap *imap_start(struct email *e);
/* Logs in anew with the settings of now. Accepts NULL. */
void imap_reconnect(struct imap *m);
/* Closes the connection; nothing runs afterwards. Accepts NULL, sets NULL. */
void imap_stop(struct imap **m);

#endif
