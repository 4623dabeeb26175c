/* SPDX-License-Identifier: EUPL-1.2 */
/* email: the mail channel. In by LMTP or IMAP, out by SMTP or into a Maildir. It holds no queue of
 * its own: the mail server's queue is the spool on the way in, the outbox on the way out. */
#ifndef DRAHT_EMAIL_EMAIL_H
#define DRAHT_EMAIL_EMAIL_H

#include "channels/abi/draht_channel.h"

extern const struct draht_channel_ops email_ops;

/* main.c calls it, first of all, when argv[1] is "--tnef-helper"; the exit status. */
int email_tnef_helper_main(void);

#endif
