/* SPDX-License-Identifier: EUPL-1.2 */
/* dsn: machine-readable reports about mails of ours: delivery status (RFC 3464, 6533), disposition
 * (RFC 8098), feedback (RFC 5965), and bounces that are only text. */
#ifndef DRAHT_EMAIL_DSN_H
#define DRAHT_EMAIL_DSN_H

#include "channels/email/mail.h"

/* content of the status part; kind by its media type. Fills m->report, rows, reported_id. */
void dsn_parse(struct mail *m, enum mail_report kind, struct span content);
/* A bounce without a report part: by sender, subject and status codes in the text. Sets m->report
 * when it is one. */
void dsn_guess(struct mail *m, struct span text);

#endif
