/* SPDX-License-Identifier: EUPL-1.2 */
/* sha1: HMAC-SHA1 (RFC 2104, RFC 3174), for providers whose signatures know nothing newer. */
#ifndef DRAHT_CHANNELS_KIT_SHA1_H
#define DRAHT_CHANNELS_KIT_SHA1_H

#include <stdint.h>

#include "gateway/base/span.h"

#define KIT_SHA1_BYTES 20

void kit_sha1(struct span text, uint8_t out[KIT_SHA1_BYTES]);
void kit_hmac_sha1(struct span secret, struct span text, uint8_t out[KIT_SHA1_BYTES]);

#endif
