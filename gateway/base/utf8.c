/* SPDX-License-Identifier: EUPL-1.2 */
/* utf8: validity, cleaning, counting, and folding for search. No normalization forms: NFC input is
 * what clients send; combining marks simply fall away when folded. */
#include "gateway/base/utf8.h"

#include <stdint.h>

#include "gateway/base/buf.h"

#define REPLACEMENT 0xFFFDu

/* Decodes one code point; returns its length, or 0 when the bytes are not valid here. */
static size_t decode(const unsigned char *p, size_t n, uint32_t *cp) {
    unsigned char c = p[0];
    if (c < 0x80) {
        *cp = c;
        return 1;
    }
    size_t len = c >= 0xC2 && c <= 0xDF   ? 2
                 : c >= 0xE0 && c <= 0xEF ? 3
                 : c >= 0xF0 && c <= 0xF4 ? 4
                                          : 0;
    if (!len || n < len)
        return 0;
    uint32_t v = c & (0x7Fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
        v = v << 6 | (p[i] & 0x3Fu);
    }
    if ((len == 3 && v < 0x800) || (len == 4 && (v < 0x10000 || v > 0x10FFFF)) ||
        (v >= 0xD800 && v <= 0xDFFF))
        return 0;
    *cp = v;
    return len;
}

static size_t encode(uint32_t cp, char out[4]) {
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    size_t len = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    for (size_t i = len; i-- > 1; cp >>= 6)
        out[i] = (char)(0x80 | (cp & 0x3F));
    out[0] = (char)(cp | (len == 2 ? 0xC0u : len == 3 ? 0xE0u : 0xF0u));
    return len;
}

/* Most text is ASCII: eight bytes at a time. */
static size_t ascii_run(const unsigned char *p, size_t n) {
    size_t i = 0;
    for (uint64_t word; i + sizeof word <= n; i += sizeof word) {
        memcpy(&word, p + i, sizeof word);
        if (word & 0x8080808080808080u)
            break;
    }
    while (i < n && p[i] < 0x80)
        i++;
    return i;
}

bool utf8_is_valid(struct span s) {
    uint32_t cp;
    for (size_t i = 0; i < s.n;) {
        i += ascii_run((const unsigned char *)s.p + i, s.n - i);
        if (i == s.n)
            break;
        size_t len = decode((const unsigned char *)s.p + i, s.n - i, &cp);
        if (!len)
            return false;
        i += len;
    }
    return true;
}

size_t utf8_count(struct span s) {
    size_t count = 0;
    uint32_t cp;
    for (size_t i = 0; i < s.n; count++) {
        size_t run = ascii_run((const unsigned char *)s.p + i, s.n - i);
        if (run) {
            count += run - 1;
            i += run;
            continue;
        }
        size_t len = decode((const unsigned char *)s.p + i, s.n - i, &cp);
        i += len ? len : 1;
    }
    return count;
}

static bool is_bidi(uint32_t cp) {
    return (cp >= 0x202A && cp <= 0x202E) || (cp >= 0x2066 && cp <= 0x2069) || cp == 0x200E ||
           cp == 0x200F || cp == 0x061C;
}

static bool is_control(uint32_t cp) {
    return (cp < 0x20 && cp != '\t' && cp != '\n') || (cp >= 0x7F && cp < 0xA0);
}

/* Bytes that cleaning leaves as they are, up to max. */
static size_t plain_run(const unsigned char *p, size_t n, size_t max) {
    size_t i = 0;
    if (n > max)
        n = max;
    while (i < n && ((p[i] >= 0x20 && p[i] < 0x7F) || p[i] == '\n' || p[i] == '\t'))
        i++;
    return i;
}

struct span utf8_clean(struct arena *a, struct span s, size_t max_bytes, struct utf8_notes *notes) {
    struct utf8_notes seen = {0};
    struct buf out = {0};
    const unsigned char *p = (const unsigned char *)s.p;
    for (size_t i = 0; i < s.n;) {
        uint32_t cp;
        size_t run = plain_run(p + i, s.n - i, max_bytes - out.n);
        if (run) {
            buf_add(&out, p + i, run);
            i += run;
            continue;
        }
        size_t len = decode(p + i, s.n - i, &cp);
        if (!len) {
            seen.was_invalid = true;
            cp = REPLACEMENT;
            len = 1;
            /* One mark stands for the whole broken sequence, not one for each of its bytes. */
            while (i + len < s.n && len < 4 && p[i] >= 0xC0 && (p[i + len] & 0xC0) == 0x80)
                len++;
        }
        i += len;
        if (cp == '\r') {
            if (i < s.n && p[i] == '\n')
                i++;
            cp = '\n';
        } else if (is_control(cp)) {
            seen.had_controls = true;
            continue;
        }
        if (is_bidi(cp))
            seen.had_bidi = true;
        char bytes[4];
        size_t n = encode(cp, bytes);
        if (out.n + n > max_bytes) {
            seen.was_cut = true;
            break;
        }
        buf_add(&out, bytes, n);
    }
    struct span clean = arena_dup(a, buf_span(&out));
    buf_free(&out);
    if (notes)
        *notes = seen;
    return clean;
}

/* Latin-1 Supplement from U+00C0 and Latin Extended-A (to U+017F), lower case without marks. */
static const char *const latin[] = {
    "a", "a", "a",  "a",  "ae", "a", "ae", "c",  "e", "e", "e", "e", "i",  "i", "i",  "i",  /* C0 */
    "d", "n", "o",  "o",  "o",  "o", "oe", NULL, "o", "u", "u", "u", "ue", "y", "th", "ss", /* D0 */
    "a", "a", "a",  "a",  "ae", "a", "ae", "c",  "e", "e", "e", "e", "i",  "i", "i",  "i",  /* E0 */
    "d", "n", "o",  "o",  "o",  "o", "oe", NULL, "o", "u", "u", "u", "ue", "y", "th", "y",  /* F0 */
    "a", "a", "a",  "a",  "a",  "a", "c",  "c",  "c", "c", "c", "c", "c",  "c", "d",  "d", /* 100 */
    "d", "d", "e",  "e",  "e",  "e", "e",  "e",  "e", "e", "e", "e", "g",  "g", "g",  "g", /* 110 */
    "g", "g", "g",  "g",  "h",  "h", "h",  "h",  "i", "i", "i", "i", "i",  "i", "i",  "i", /* 120 */
    "i", "i", "ij", "ij", "j",  "j", "k",  "k",  "k", "l", "l", "l", "l",  "l", "l",  "l", /* 130 */
    "l", "l", "l",  "n",  "n",  "n", "n",  "n",  "n", "n", "n", "n", "o",  "o", "o",  "o", /* 140 */
    "o", "o", "oe", "oe", "r",  "r", "r",  "r",  "r", "r", "s", "s", "s",  "s", "s",  "s", /* 150 */
    "s", "s", "t",  "t",  "t",  "t", "t",  "t",  "u", "u", "u", "u", "u",  "u", "u",  "u", /* 160 */
    "u", "u", "u",  "u",  "w",  "w", "y",  "y",  "y", "z", "z", "z", "z",  "z", "z",  "s", /* 170 */
};

struct span utf8_fold(struct arena *a, struct span s) {
    struct buf out = {0};
    for (size_t i = 0; i < s.n;) {
        uint32_t cp;
        char bytes[4];
        size_t len = decode((const unsigned char *)s.p + i, s.n - i, &cp);
        if (!len) {
            len = 1;
            cp = REPLACEMENT;
        }
        i += len;
        if (cp >= 0x300 && cp <= 0x36F) {
            /* u and a combining diaeresis is ü, so it folds alike. */
            if (cp == 0x308 && out.n && memchr("aou", out.p[out.n - 1], 3))
                buf_add(&out, "e", 1);
            continue;
        }
        if (cp < 0x80)
            cp = cp >= 'A' && cp <= 'Z' ? cp + 32 : cp;
        else if (cp == 0x1E9E)
            cp = 0xDF;
        else if ((cp >= 0x391 && cp <= 0x3A9) || (cp >= 0x410 && cp <= 0x42F))
            cp += 32;
        else if (cp >= 0x400 && cp <= 0x40F)
            cp += 80;
        if (cp >= 0xC0 && cp <= 0x17F && latin[cp - 0xC0])
            buf_adds(&out, latin[cp - 0xC0]);
        else
            buf_add(&out, bytes, encode(cp, bytes));
    }
    struct span folded = arena_dup(a, buf_span(&out));
    buf_free(&out);
    return folded;
}
