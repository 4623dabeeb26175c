/* SPDX-License-Identifier: EUPL-1.2 */
/* mime_in: raw mail to struct mail, by GMime. Any thread after mime_in_init. Never fails: what
 * cannot be read becomes a mail with a placeholder and a warning; the original is the caller's to
 * keep. */
#ifndef DRAHT_EMAIL_MIME_IN_H
#define DRAHT_EMAIL_MIME_IN_H

#include "channels/email/mail.h"

/* Once, on the main thread, before anything else; again is harmless. */
void mime_in_init(void);
/* Returned mail lives in its own arena; mime_in_free. raw is borrowed during the call. */
struct mail *mime_in_parse(struct span raw);
void mime_in_free(struct mail **m);

#endif
