/* SPDX-License-Identifier: EUPL-1.2 */
/* sms_split: writing. A part ends only between code points, so that neither an escape pair nor a
 * surrogate pair is ever torn. */
#include "channels/kit/gsm0338.h"
#include "channels/smpp/sms_text.h"

#define LATIN1_LAST 0xffu

struct unit {
    uint8_t bytes[4];
    size_t n, cost;
};

/* What the alphabet lacks and plain signs say as well. */
static const char *plain(uint32_t c) {
    static const struct {
        uint16_t c;
        const char *text;
    } map[] = {{0xa0, " "},     {0xab, "\""},  {0xbb, "\""},   {0xe7, "\xc3\x87"}, {0x2010, "-"},
               {0x2011, "-"},   {0x2012, "-"}, {0x2013, "-"},  {0x2014, "-"},      {0x2018, "'"},
               {0x2019, "'"},   {0x201a, "'"}, {0x201c, "\""}, {0x201d, "\""},     {0x201e, "\""},
               {0x2026, "..."}, {0x202f, " "}, {0x2022, "-"},  {0x1e9e, "SS"},     {'`', "'"}};
    for (size_t i = 0; i < sizeof map / sizeof *map; i++)
        if (map[i].c == c)
            return map[i].text;
    return NULL;
}

static size_t gsm_unit(uint32_t c, struct unit *u) {
    uint8_t septets[2];
    int n = gsm_encode(c, septets);
    memcpy(u->bytes, septets, sizeof septets);
    u->n = u->cost = (size_t)n;
    return u->n;
}

static bool unit_of(uint32_t c, enum sms_coding coding, struct unit *u) {
    if (coding == SMS_UCS2) {
        bool is_pair = c > 0xffff;
        uint32_t hi = is_pair ? 0xd800 + ((c - 0x10000) >> 10) : c;
        uint32_t lo = 0xdc00 + ((c - 0x10000) & 0x3ff);
        *u = (struct unit){{(uint8_t)(hi >> 8), (uint8_t)hi, (uint8_t)(lo >> 8), (uint8_t)lo},
                           is_pair ? 4 : 2,
                           is_pair ? 2 : 1};
        return true;
    }
    if (!gsm_unit(c, u))
        return false;
    if (coding == SMS_LATIN1) { /* the centre makes GSM of it: that is what counts */
        if (c > LATIN1_LAST)
            return false;
        u->bytes[0] = (uint8_t)c;
        u->n = 1;
    }
    return true;
}

static struct span transliterated(struct arena *a, struct span text) {
    struct buf b = {0};
    for (struct span rest = text; rest.n;) {
        const char *from = rest.p;
        uint8_t septets[2];
        uint32_t c = gsm_next(&rest);
        const char *other = gsm_encode(c, septets) ? NULL : plain(c);
        if (other)
            buf_adds(&b, other);
        else
            buf_add(&b, from, (size_t)(rest.p - from));
    }
    struct span out = arena_dup(a, buf_span(&b));
    buf_free(&b);
    return out;
}

static size_t room(enum sms_coding coding, enum sms_concat how, bool is_alone) {
    bool is_wide = coding == SMS_UCS2;
    if (how == SMS_PAYLOAD)
        return SIZE_MAX;
    if (is_alone)
        return is_wide ? 70 : 160;
    size_t less = how == SMS_UDH16 ? 1 : 0;
    return (is_wide ? 67 : 153) - less;
}

/* Cuts at limit; the number of parts, SMS_PARTS_MAX + 1 when there are more, 0 when the coding
 * lacks a character. */
static size_t cut(struct span text, enum sms_coding coding, size_t limit, struct buf *bytes,
                  size_t ends[SMS_PARTS_MAX]) {
    size_t n = 0, cost = 0;
    while (text.n) {
        struct unit u;
        if (!unit_of(gsm_next(&text), coding, &u))
            return 0;
        if (cost + u.cost > limit) {
            ends[n++] = bytes->n;
            cost = 0;
            if (n >= SMS_PARTS_MAX)
                return SMS_PARTS_MAX + 1;
        }
        buf_add(bytes, u.bytes, u.n);
        cost += u.cost;
    }
    ends[n++] = bytes->n;
    return n;
}

bool sms_split(struct arena *a, struct span text, enum sms_coding zero, enum sms_concat how,
               bool transliterate, struct sms_parts *out) {
    size_t ends[SMS_PARTS_MAX];
    struct buf bytes = {0};
    if (transliterate)
        text = transliterated(a, text);
    out->coding = zero;
    out->n = cut(text, zero, room(zero, how, true), &bytes, ends);
    if (!out->n) {
        buf_clear(&bytes);
        out->coding = SMS_UCS2;
        out->n = cut(text, SMS_UCS2, room(SMS_UCS2, how, true), &bytes, ends);
    }
    if (out->n > 1) {
        buf_clear(&bytes);
        out->n = cut(text, out->coding, room(out->coding, how, false), &bytes, ends);
    }
    if (out->n <= SMS_PARTS_MAX) {
        struct span all = arena_dup(a, buf_span(&bytes));
        out->part = arena_alloc(a, out->n * sizeof *out->part);
        for (size_t i = 0, from = 0; i < out->n; from = ends[i++])
            out->part[i] = (struct span){all.p + from, ends[i] - from};
    }
    buf_free(&bytes);
    return out->n <= SMS_PARTS_MAX;
}

void sms_put_part(struct buf *b, const struct sms_parts *p, size_t i, enum sms_concat how,
                  uint16_t ref) {
    size_t from = b->n;
    if (p->n > 1 && how == SMS_UDH8) {
        uint8_t h[] = {5, 0, 3, (uint8_t)ref, (uint8_t)p->n, (uint8_t)(i + 1)};
        buf_add(b, h, sizeof h);
    } else if (p->n > 1 && how == SMS_UDH16) {
        uint8_t h[] = {6, 8, 4, (uint8_t)(ref >> 8), (uint8_t)ref, (uint8_t)p->n, (uint8_t)(i + 1)};
        buf_add(b, h, sizeof h);
    }
    if (p->coding == SMS_PACKED)
        gsm_pack(p->part[i], (unsigned)((7 - (b->n - from) * 8 % 7) % 7), b);
    else
        buf_add(b, p->part[i].p, p->part[i].n);
}
