/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * gsm0338: the alphabet of text messages (3GPP TS 23.038): basic and extension table, the national
 * tables of Turkish, Spanish and Portuguese, packed septets. One septet an octet unless packed.
 */
#ifndef DRAHT_CHANNELS_KIT_GSM0338_H
#define DRAHT_CHANNELS_KIT_GSM0338_H

#include <stdint.h>

#include "gateway/base/buf.h"

#define GSM_ESCAPE 0x1b

/* National language identifiers (TS 23.038, 6.2.1.2.4); others are read with the default tables. */
enum gsm_language { GSM_DEFAULT = 0, GSM_TURKISH = 1, GSM_SPANISH = 2, GSM_PORTUGUESE = 3 };
bool gsm_knows(uint8_t language);

/* Septets of one code point into out: 1 or 2, or 0 when the alphabet does not have it. */
int gsm_encode(uint32_t code_point, uint8_t out[2]);
/* Appends UTF-8. An octet above 127 becomes U+FFFD, an escape with nothing behind it a blank; both
 * set *is_odd (may be NULL). */
void gsm_decode(struct span septets, uint8_t single, uint8_t locking, struct buf *out,
                bool *is_odd);
/* Packs septets behind fill bits (0 to 6), and back: count septets at most. */
void gsm_pack(struct span septets, unsigned fill_bits, struct buf *out);
void gsm_unpack(struct span octets, unsigned fill_bits, size_t count, struct buf *out);

/* UTF-8 helpers that the text code shares. The next code point of valid UTF-8; *rest moves on. */
uint32_t gsm_next(struct span *rest);
void gsm_put(struct buf *b, uint32_t code_point);

#endif
