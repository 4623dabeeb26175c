/* SPDX-License-Identifier: EUPL-1.2 */
/* sms_common: what every channel for text messages by HTTP needs. */
#ifndef DRAHT_SMS_HTTP_SMS_COMMON_H
#define DRAHT_SMS_HTTP_SMS_COMMON_H

#include "channels/kit/kit.h"

#define SMS_EARLY_WAIT_MS 1500 /* a receipt can be faster than the answer to our own send */
#define SMS_EARLY_TRIES 3
#define SMS_BUSY_MS 30000 /* how long to wait when a provider asks for it and says no time */

/* "Authorization: Basic ..." (RFC 7617), returned (free()). */
char *sms_basic(const char *user, const char *password);
/* Appends base64 with padding (RFC 4648). */
void sms_base64(const void *p, size_t n, struct buf *b);
/* Appends the value with everything but unreserved characters (RFC 3986) as %XX. */
void sms_percent(struct buf *b, struct span value);
/* Key of the small state that says that this person sent a stop word; in the arena. */
struct draht_span sms_stop_key(const struct draht_host *h, void *host, struct arena *a,
                               struct span address);

#endif
