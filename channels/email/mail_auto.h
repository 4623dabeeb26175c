/* SPDX-License-Identifier: EUPL-1.2 */
/* mail_auto: is a mail the work of a robot? Such mails are kept and never answered automatically.
 */
#ifndef DRAHT_EMAIL_MAIL_AUTO_H
#define DRAHT_EMAIL_MAIL_AUTO_H

#include "channels/email/mail.h"

/* One header field, name and value. Sets m->is_automatic and the reason. */
void mail_auto_header(struct mail *m, struct span name, struct span value);
/* What the sender's address and the report kind say, after all fields were seen. */
void mail_auto_finish(struct mail *m);
/* What only the envelope knows: null sender; recipient that stands neither in To nor in Cc. */
void mail_auto_envelope(struct mail *m, struct span sender);
/* A mail to a mailbox that To and Cc do not name is answered by a person, not by us. */
bool mail_auto_is_bcc(const struct mail *m, struct span recipient);

#endif
