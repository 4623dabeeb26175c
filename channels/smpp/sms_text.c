/* SPDX-License-Identifier: EUPL-1.2 */
/* sms_text: reading. What is odd is shown as well as possible and noted: staff want to see what
 * came.
 */
#include "channels/smpp/sms_text.h"

#include "channels/kit/gsm0338.h"

enum { IE_CONCAT8 = 0x00, IE_PORT8 = 0x04, IE_PORT16 = 0x05, IE_CONCAT16 = 0x08 };
enum { IE_SINGLE = 0x24, IE_LOCKING = 0x25 };

enum sms_coding sms_coding_of(uint8_t dc, enum sms_coding zero, enum sms_coding one) {
    static const enum sms_coding by_bits[] = {SMS_GSM, SMS_BINARY, SMS_UCS2, SMS_BINARY};
    if (dc == 0)
        return zero;
    if (dc == 1)
        return one;
    if (dc == 3)
        return SMS_LATIN1;
    if (dc == 8)
        return SMS_UCS2;
    if (dc < 0x10)
        return SMS_BINARY;
    enum sms_coding c = SMS_BINARY;
    if (dc < 0x40) /* general group with a message class, uncompressed */
        c = dc & 0x20 ? SMS_BINARY : by_bits[dc >> 2 & 3];
    else if (dc >= 0xc0 && dc < 0xe0)
        c = SMS_GSM;
    else if (dc >= 0xe0 && dc < 0xf0)
        c = SMS_UCS2;
    else if (dc >= 0xf0)
        c = dc & 4 ? SMS_BINARY : SMS_GSM;
    return c == SMS_GSM && zero == SMS_PACKED ? SMS_PACKED : c;
}

static void element(struct sms_head *h, uint8_t kind, const uint8_t *v, size_t n) {
    if ((kind == IE_CONCAT8 && n == 3) || (kind == IE_CONCAT16 && n == 4)) {
        h->is_ref16 = kind == IE_CONCAT16;
        h->ref = h->is_ref16 ? v[0] << 8 | v[1] : v[0];
        h->total = v[n - 2];
        h->number = v[n - 1];
    } else if (kind == IE_PORT8 || kind == IE_PORT16) {
        h->has_ports = true;
    } else if ((kind == IE_SINGLE || kind == IE_LOCKING) && n == 1) {
        *(kind == IE_SINGLE ? &h->single : &h->locking) = v[0];
        h->has_unknown_language = h->has_unknown_language || !gsm_knows(v[0]);
    }
}

void sms_head_read(struct span body, struct sms_head *h) {
    const uint8_t *p = (const uint8_t *)body.p;
    *h = (struct sms_head){.ref = -1, .total = -1, .number = -1};
    if (body.n == 0 || (size_t)p[0] + 1 > body.n) {
        h->is_broken = true;
        return;
    }
    size_t end = (size_t)p[0] + 1, at = 1;
    while (at + 2 <= end && at + 2 + p[at + 1] <= end) {
        element(h, p[at], p + at + 2, p[at + 1]);
        at += 2u + p[at + 1];
    }
    h->is_broken = at != end;
    h->n = end;
}

static void ucs2(struct span s, struct buf *out, bool *is_odd) {
    const uint8_t *p = (const uint8_t *)s.p;
    if (s.n % 2)
        *is_odd = true;
    for (size_t i = 0; i + 1 < s.n; i += 2) {
        uint32_t c = (uint32_t)(p[i] << 8 | p[i + 1]);
        if (c >= 0xd800 && c < 0xdc00 && i + 3 < s.n && (p[i + 2] & 0xfc) == 0xdc) {
            c = 0x10000 + ((c & 0x3ff) << 10) + (uint32_t)((p[i + 2] & 3) << 8 | p[i + 3]);
            i += 2;
        } else if (c >= 0xd800 && c < 0xe000) {
            c = 0xfffd;
            *is_odd = true;
        }
        gsm_put(out, c);
    }
}

void sms_decode(enum sms_coding c, uint8_t single, uint8_t locking, struct span s, struct buf *out,
                bool *is_odd) {
    if (c == SMS_GSM || c == SMS_PACKED)
        gsm_decode(s, single, locking, out, is_odd);
    else if (c == SMS_UCS2)
        ucs2(s, out, is_odd);
    else if (c == SMS_BINARY)
        buf_addf(out, "[%zu bytes]", s.n);
    else
        for (size_t i = 0; i < s.n; i++)
            gsm_put(out, (uint8_t)s.p[i]);
}

void sms_body(enum sms_coding c, struct span body, size_t head_n, struct buf *out) {
    struct span rest = {body.p + head_n, body.n - head_n};
    if (c != SMS_PACKED) {
        buf_add(out, rest.p, rest.n);
        return;
    }
    unsigned fill = (unsigned)((7 - head_n * 8 % 7) % 7);
    size_t bits = rest.n * 8, count = bits > fill ? (bits - fill) / 7 : 0, from = out->n;
    gsm_unpack(rest, fill, count, out);
    /* Seven bits of padding look like an "@" that nobody wrote. */
    if (count && bits - fill - count * 7 == 0 && out->n > from && out->p[out->n - 1] == 0)
        out->n--;
}
