/* SPDX-License-Identifier: EUPL-1.2 */
/* mail_calendar: an invitation (iCalendar, RFC 5545) as a few lines of text. Never answered by us.
 */
#ifndef DRAHT_EMAIL_MAIL_CALENDAR_H
#define DRAHT_EMAIL_MAIL_CALENDAR_H

#include "gateway/base/arena.h"
#include "gateway/base/span.h"

/* In the arena; empty when there is no event in it. */
struct span mail_calendar_summary(struct arena *a, struct span ics);

#endif
