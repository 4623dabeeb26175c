/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * sms_text: what a text message says, in both directions: data_coding to UTF-8, UTF-8 to parts that
 * fit, the header in front of the text. No I/O.
 *
 * Length rules (the composer counts by them): a text whose characters are all in the GSM basic or
 * extension table (those of the extension count twice) fits 160 in one part, else 153 a part (152
 * with 16-bit references). Every other text counts UTF-16 units: 70 in one part, else 67 (66).
 */
#ifndef DRAHT_SMPP_SMS_TEXT_H
#define DRAHT_SMPP_SMS_TEXT_H

#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/buf.h"

#define SMS_PARTS_MAX 255

/* What data_coding 0 means at this centre, and how texts are coded. */
enum sms_coding { SMS_GSM, SMS_PACKED, SMS_LATIN1, SMS_ASCII, SMS_UCS2, SMS_BINARY };
enum sms_concat { SMS_UDH8, SMS_UDH16, SMS_SAR, SMS_PAYLOAD };

/* SMPP 3.4, 5.2.19, and the groups of 3GPP TS 23.038. zero and one: what 0 and 1 mean here. */
enum sms_coding sms_coding_of(uint8_t data_coding, enum sms_coding zero, enum sms_coding one);

/* The user data header. ref, total, number: -1 when the text is whole. */
struct sms_head {
    int32_t ref, total, number;
    bool is_ref16, is_broken, has_ports, has_unknown_language;
    uint8_t single, locking;
    size_t n; /* octets of it, its length octet included */
};
/* A header that lies about its length is_broken and has n 0. */
void sms_head_read(struct span body, struct sms_head *out);

/* One run of octets behind its header, unpacked already. Appends UTF-8 (not yet cleaned). is_odd is
 * set, never cleared: an odd number of octets, a lone surrogate, an octet that the alphabet lacks.
 */
void sms_decode(enum sms_coding c, uint8_t single, uint8_t locking, struct span bytes,
                struct buf *out, bool *is_odd);
/* The octets behind the header as sms_decode wants them: packed septets get out of their pack. */
void sms_body(enum sms_coding c, struct span body, size_t head_n, struct buf *out);

/* A text cut into parts; the parts' bytes carry no header yet. */
struct sms_parts {
    enum sms_coding coding;
    size_t n;
    struct span *part;
};
/* text: valid UTF-8. zero: SMS_GSM, SMS_PACKED or SMS_LATIN1. false: more than SMS_PARTS_MAX parts.
 * In the arena. */
bool sms_split(struct arena *a, struct span text, enum sms_coding zero, enum sms_concat how,
               bool transliterate, struct sms_parts *out);
/* short_message of one part: the header (when how and total ask for one) and the text. */
void sms_put_part(struct buf *b, const struct sms_parts *p, size_t i, enum sms_concat how,
                  uint16_t ref);

#endif
