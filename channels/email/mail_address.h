/* SPDX-License-Identifier: EUPL-1.2 */
/* mail_address: mail addresses as bytes: valid enough for an envelope, plus tags, comparison. */
#ifndef DRAHT_EMAIL_MAIL_ADDRESS_H
#define DRAHT_EMAIL_MAIL_ADDRESS_H

#include "gateway/base/arena.h"
#include "gateway/base/span.h"

#define MAIL_LOCAL_BYTES_MAX 64
#define MAIL_DOMAIN_BYTES_MAX 255
#define MAIL_ADDRESS_BYTES_MAX 256

/* local@domain in UTF-8 without controls, spaces, quotes' tricks or angle brackets; within the
 * limits. Safe to put into an envelope or a header as it is. */
bool mail_address_is_valid(struct span a);
/* Borrowed parts of a valid address. tag has p NULL when there is no '+'. */
void mail_address_split(struct span a, struct span *local, struct span *tag, struct span *domain);
/* Same mailbox: both ASCII case-insensitive, the tag of a left out. */
bool mail_address_matches(struct span a, struct span mailbox);
/* Lower case of ASCII letters, in the arena. */
struct span mail_lower(struct arena *a, struct span s);
/* One of the mailboxes that robots write from or nobody reads: mailer-daemon, noreply, owner-x, ...
 */
bool mail_address_is_robot(struct span a);

#endif
