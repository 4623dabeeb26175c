/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * redact: what may be written about a request without telling secrets or persons: addresses of
 * requests without their values, lines of text without secrets and mail or telephone addresses.
 * Pure.
 */
#ifndef DRAHT_CHANNELS_REDACT_H
#define DRAHT_CHANNELS_REDACT_H

#include "channels/abi/draht_channel.h"
#include "gateway/base/buf.h"

#define REDACT_MARK "[redacted]"
#define REDACT_SECRET_BYTES_MIN 4   /* shorter ones would blot out ordinary words */
#define REDACT_SEGMENT_BYTES_MAX 48 /* a longer piece of a path is a token */
#define REDACT_DIGITS_MIN 7         /* so many digits in a row are a number of a person or a key */
#define REDACT_TEXT_BYTES_MAX 1000

/* The secrets of one channel: every value of an option with DRAHT_OPT_SECRET, also those inside
 * lists and trees. */
struct redact;
/* options may be NULL, json too. Returned (redact_free). */
struct redact *redact_new(const struct draht_option *options, const char *json);
void redact_free(struct redact **r);
/* Appends the URL or path with every query value, user part, fragment and every piece of the path
 * that looks like an address or a key replaced; then the secrets. r may be NULL. */
void redact_url(const struct redact *r, struct span url, struct buf *out);
/* Appends the text, cut after REDACT_TEXT_BYTES_MAX, without secrets, without what follows
 * "Bearer", "Basic", "token=" and the like, mail addresses and telephone numbers. */
void redact_text(const struct redact *r, struct span text, struct buf *out);

#endif
