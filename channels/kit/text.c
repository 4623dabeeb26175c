/* SPDX-License-Identifier: EUPL-1.2 */
/* text: bytes from outside become JSON, HTML, file names. It knows no channel. */
#include "channels/kit/kit.h"
#include "gateway/base/utf8.h"

void kit_json(struct buf *b, struct span s) {
    buf_add(b, "\"", 1);
    size_t from = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_add(b, s.p + from, i - from);
        from = i + 1;
        if (c == '\n')
            buf_add(b, "\\n", 2);
        else if (c == '"' || c == '\\')
            buf_addf(b, "\\%c", c);
        else
            buf_addf(b, "\\u%04x", c);
    }
    if (s.n > from)
        buf_add(b, s.p + from, s.n - from);
    buf_add(b, "\"", 1);
}

void kit_html(struct buf *b, struct span s) {
    for (size_t i = 0; i < s.n; i++) {
        switch (s.p[i]) {
        case '<':
            buf_adds(b, "&lt;");
            break;
        case '>':
            buf_adds(b, "&gt;");
            break;
        case '&':
            buf_adds(b, "&amp;");
            break;
        case '"':
            buf_adds(b, "&quot;");
            break;
        case '\'':
            buf_adds(b, "&#39;");
            break;
        default:
            buf_add(b, s.p + i, 1);
        }
    }
}

void kit_line(struct buf *b, struct span s) {
    s = span_trim(s);
    if (s.n == 0)
        return;
    if (b->n)
        buf_adds(b, "\n");
    buf_add(b, s.p, s.n);
}

void kit_place(struct buf *b, double latitude, double longitude) {
    if (!(latitude >= -90 && latitude <= 90 && longitude >= -180 && longitude <= 180))
        return;
    buf_addf(b, "%s%.6f, %.6f\nhttps://www.openstreetmap.org/?mlat=%.6f&mlon=%.6f",
             b->n ? "\n" : "", latitude, longitude, latitude, longitude);
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct span kit_percent(struct arena *a, struct span s, bool plus) {
    char *out = arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        int hi = s.p[i] == '%' && i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
        int lo = hi >= 0 ? hex_digit(s.p[i + 2]) : -1;
        if (lo >= 0) {
            out[n++] = (char)(hi * 16 + lo);
            i += 2;
        } else {
            out[n++] = plus && s.p[i] == '+' ? ' ' : s.p[i];
        }
    }
    return (struct span){out, n};
}

/* U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069: "\u202egnp.exe" looks like exe.png. The text
 * is valid UTF-8 here. */
static bool is_bidi_control(struct span s) {
    const unsigned char *p = (const unsigned char *)s.p;
    if (s.n < 3 || p[0] != 0xe2)
        return false;
    if (p[1] == 0x80)
        return p[2] == 0x8e || p[2] == 0x8f || (p[2] >= 0xaa && p[2] <= 0xae);
    return p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9;
}

struct span kit_name(struct arena *a, struct span s) {
    for (size_t i = s.n; i > 0; i--) {
        if (s.p[i - 1] == '/' || s.p[i - 1] == '\\') {
            s.p += i;
            s.n -= i;
            break;
        }
    }
    struct span clean = utf8_clean(a, s, KIT_NAME_BYTES_MAX, NULL);
    char *out = arena_alloc(a, clean.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < clean.n; i++) {
        char c = clean.p[i];
        if (is_bidi_control((struct span){clean.p + i, clean.n - i})) {
            i += 2;
            continue;
        }
        bool bad = (unsigned char)c < 0x20 || c == 0x7f || strchr("\"<>|:*?;", c) != NULL;
        if (n == 0 && (c == '.' || c == ' '))
            continue;
        out[n++] = bad ? '_' : c;
    }
    while (n > 0 && (out[n - 1] == ' ' || out[n - 1] == '.'))
        n--;
    return n ? (struct span){out, n} : SPAN("datei");
}
