/* SPDX-License-Identifier: EUPL-1.2 */
/* gsm0338: tables as code points, national ones as differences. tests/channels compare them with
 * another implementation's. */
#include "channels/kit/gsm0338.h"

#define REPLACEMENT 0xfffdu

static const uint16_t basic[128] = {
    '@',   0xa3, '$',  0xa5,  0xe8, 0xe9,  0xf9,  0xec,  0xf2,  0xc7,  '\n',  0xd8,  0xf8,
    '\r',  0xc5, 0xe5, 0x394, '_',  0x3a6, 0x393, 0x39b, 0x3a9, 0x3a0, 0x3a8, 0x3a3, 0x398,
    0x39e, 0,    0xc6, 0xe6,  0xdf, 0xc9,  ' ',   '!',   '"',   '#',   0xa4,  '%',   '&',
    '\'',  '(',  ')',  '*',   '+',  ',',   '-',   '.',   '/',   '0',   '1',   '2',   '3',
    '4',   '5',  '6',  '7',   '8',  '9',   ':',   ';',   '<',   '=',   '>',   '?',   0xa1,
    'A',   'B',  'C',  'D',   'E',  'F',   'G',   'H',   'I',   'J',   'K',   'L',   'M',
    'N',   'O',  'P',  'Q',   'R',  'S',   'T',   'U',   'V',   'W',   'X',   'Y',   'Z',
    0xc4,  0xd6, 0xd1, 0xdc,  0xa7, 0xbf,  'a',   'b',   'c',   'd',   'e',   'f',   'g',
    'h',   'i',  'j',  'k',   'l',  'm',   'n',   'o',   'p',   'q',   'r',   's',   't',
    'u',   'v',  'w',  'x',   'y',  'z',   0xe4,  0xf6,  0xf1,  0xfc,  0xe0};

struct cell {
    uint8_t septet;
    uint16_t code_point;
};

static const struct cell extension[] = {{0x0a, '\f'}, {0x14, '^'},   {0x28, '{'}, {0x29, '}'},
                                        {0x2f, '\\'}, {0x3c, '['},   {0x3d, '~'}, {0x3e, ']'},
                                        {0x40, '|'},  {0x65, 0x20ac}};
static const struct cell turkish_single[] = {{0x47, 0x11e}, {0x49, 0x130}, {0x53, 0x15e},
                                             {0x63, 0xe7},  {0x67, 0x11f}, {0x69, 0x131},
                                             {0x73, 0x15f}};
static const struct cell spanish_single[] = {{0x09, 0xe7}, {0x41, 0xc1}, {0x49, 0xcd},
                                             {0x4f, 0xd3}, {0x55, 0xda}, {0x61, 0xe1},
                                             {0x69, 0xed}, {0x6f, 0xf3}, {0x75, 0xfa}};
static const struct cell portuguese_single[] = {
    {0x05, 0xea},  {0x09, 0xe7},  {0x0b, 0xd4},  {0x0c, 0xf4},  {0x0e, 0xc1},  {0x0f, 0xe1},
    {0x12, 0x3a6}, {0x13, 0x393}, {0x15, 0x3a9}, {0x16, 0x3a0}, {0x17, 0x3a8}, {0x18, 0x3a3},
    {0x19, 0x398}, {0x1f, 0xca},  {0x41, 0xc0},  {0x49, 0xcd},  {0x4f, 0xd3},  {0x55, 0xda},
    {0x5b, 0xc3},  {0x5c, 0xd5},  {0x61, 0xc2},  {0x69, 0xed},  {0x6f, 0xf3},  {0x75, 0xfa},
    {0x7b, 0xe3},  {0x7c, 0xf5},  {0x7f, 0xe2}};
static const struct cell turkish_locking[] = {{0x04, 0x20ac}, {0x07, 0x131}, {0x0b, 0x11e},
                                              {0x0c, 0x11f},  {0x1c, 0x15e}, {0x1d, 0x15f},
                                              {0x40, 0x130},  {0x60, 0xe7}};
static const struct cell portuguese_locking[] = {
    {0x04, 0xea},   {0x06, 0xfa}, {0x07, 0xed}, {0x08, 0xf3},   {0x09, 0xe7}, {0x0b, 0xd4},
    {0x0c, 0xf4},   {0x0e, 0xc1}, {0x0f, 0xe1}, {0x12, 0xaa},   {0x13, 0xc7}, {0x14, 0xc0},
    {0x15, 0x221e}, {0x16, '^'},  {0x17, '\\'}, {0x18, 0x20ac}, {0x19, 0xd3}, {0x1a, '|'},
    {0x1c, 0xc2},   {0x1d, 0xe2}, {0x1e, 0xca}, {0x1f, 0xc9},   {0x24, 0xba}, {0x40, 0xcd},
    {0x5b, 0xc3},   {0x5c, 0xd5}, {0x5d, 0xda}, {0x5e, 0xdc},   {0x5f, 0xa7}, {0x60, '~'},
    {0x7b, 0xe3},   {0x7c, 0xf5}, {0x7d, '`'},  {0x7e, 0xfc},   {0x7f, 0xe0}};

#define TABLE(t)                                                                                   \
    { t, sizeof t / sizeof *t }
struct table {
    const struct cell *cells;
    size_t n;
};
static const struct table singles[] = {
    {NULL, 0}, TABLE(turkish_single), TABLE(spanish_single), TABLE(portuguese_single)};
static const struct table lockings[] = {
    {NULL, 0}, TABLE(turkish_locking), {NULL, 0}, TABLE(portuguese_locking)};

bool gsm_knows(uint8_t language) {
    return language <= GSM_PORTUGUESE;
}

static bool find(struct table t, uint8_t septet, uint32_t *out) {
    for (size_t i = 0; i < t.n; i++) {
        if (t.cells[i].septet == septet) {
            *out = t.cells[i].code_point;
            return true;
        }
    }
    return false;
}

int gsm_encode(uint32_t c, uint8_t out[2]) {
    if (c < 128 && c != GSM_ESCAPE &&
        basic[c] == c) { /* letters and digits stand where they stood */
        out[0] = (uint8_t)c;
        return 1;
    }
    for (uint8_t i = 0; i < 128; i++) {
        if (basic[i] == c && i != GSM_ESCAPE) {
            out[0] = i;
            return 1;
        }
    }
    for (size_t i = 0; i < sizeof extension / sizeof *extension; i++) {
        if (extension[i].code_point == c) {
            out[0] = GSM_ESCAPE;
            out[1] = extension[i].septet;
            return 2;
        }
    }
    return 0;
}

/* A septet that the extension table does not have is shown as the basic one (TS 23.038, 6.2.1.1).
 */
static uint32_t from_extension(uint8_t septet, uint8_t single) {
    uint32_t c;
    if (gsm_knows(single) && find(singles[single], septet, &c))
        return c;
    if (find((struct table)TABLE(extension), septet, &c))
        return c;
    return septet == GSM_ESCAPE ? ' ' : basic[septet];
}

void gsm_decode(struct span s, uint8_t single, uint8_t locking, struct buf *out, bool *is_odd) {
    bool odd = false;
    for (size_t i = 0; i < s.n; i++) {
        uint8_t septet = (uint8_t)s.p[i];
        uint32_t c;
        bool is_last = i + 1 == s.n;
        if (septet > 127) {
            c = REPLACEMENT;
            odd = true;
        } else if (septet != GSM_ESCAPE) {
            if (!gsm_knows(locking) || !find(lockings[locking], septet, &c))
                c = basic[septet];
        } else if (is_last || (uint8_t)s.p[i + 1] > 127) {
            c = ' ';
            odd = true;
        } else {
            c = from_extension((uint8_t)s.p[++i], single);
        }
        gsm_put(out, c);
    }
    if (odd && is_odd)
        *is_odd = true;
}

void gsm_pack(struct span s, unsigned fill_bits, struct buf *out) {
    uint32_t bits = 0;
    unsigned n = fill_bits;
    for (size_t i = 0; i < s.n; i++) {
        bits |= (uint32_t)((uint8_t)s.p[i] & 0x7f) << n;
        n += 7;
        while (n >= 8) {
            char c = (char)(bits & 0xff);
            buf_add(out, &c, 1);
            bits >>= 8;
            n -= 8;
        }
    }
    if (n > 0) {
        char c = (char)(bits & 0xff);
        buf_add(out, &c, 1);
    }
}

void gsm_unpack(struct span o, unsigned fill_bits, size_t count, struct buf *out) {
    size_t bits = o.n * 8;
    for (size_t i = 0; i < count; i++) {
        size_t at = fill_bits + i * 7;
        if (at + 7 > bits)
            return;
        uint32_t two = (uint8_t)o.p[at / 8];
        if (at / 8 + 1 < o.n)
            two |= (uint32_t)(uint8_t)o.p[at / 8 + 1] << 8;
        char c = (char)(two >> (at % 8) & 0x7f);
        buf_add(out, &c, 1);
    }
}

uint32_t gsm_next(struct span *rest) {
    const uint8_t *p = (const uint8_t *)rest->p;
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    uint32_t c = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));
    if (n > rest->n)
        n = rest->n;
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3f);
    *rest = (struct span){rest->p + n, rest->n - n};
    return c;
}

void gsm_put(struct buf *b, uint32_t c) {
    char out[4];
    size_t n = 0;
    if (c < 0x80) {
        out[n++] = (char)c;
    } else if (c < 0x800) {
        out[n++] = (char)(0xc0 | c >> 6);
    } else if (c < 0x10000) {
        out[n++] = (char)(0xe0 | c >> 12);
        out[n++] = (char)(0x80 | (c >> 6 & 0x3f));
    } else {
        out[n++] = (char)(0xf0 | c >> 18);
        out[n++] = (char)(0x80 | (c >> 12 & 0x3f));
        out[n++] = (char)(0x80 | (c >> 6 & 0x3f));
    }
    if (c >= 0x80)
        out[n++] = (char)(0x80 | (c & 0x3f));
    buf_add(b, out, n);
}
