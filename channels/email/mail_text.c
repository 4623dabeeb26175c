/* SPDX-License-Identifier: EUPL-1.2 */
/* mail_text: charsets by iconv, and windows-1252 by table as what is left when nothing else fits.
 */
#include "channels/email/mail_text.h"

#include <iconv.h>
#include <stdint.h>

#include "gateway/base/buf.h"
#include "gateway/base/utf8.h"

static const uint16_t upper_half_80[32] = {
    0x20ac, 0xfffd, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0xfffd, 0x017d, 0xfffd, 0xfffd, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0xfffd, 0x017e, 0x0178};

static struct span from_1252(struct arena *a, struct span s) {
    char *out = arena_alloc(a, 3 * s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned c = (unsigned char)s.p[i];
        if (c >= 0x80 && c < 0xa0)
            c = upper_half_80[c - 0x80];
        if (c < 0x80) {
            out[n++] = (char)c;
        } else if (c < 0x800) {
            out[n++] = (char)(0xc0 | (c >> 6));
            out[n++] = (char)(0x80 | (c & 0x3f));
        } else {
            out[n++] = (char)(0xe0 | (c >> 12));
            out[n++] = (char)(0x80 | ((c >> 6) & 0x3f));
            out[n++] = (char)(0x80 | (c & 0x3f));
        }
    }
    return (struct span){out, n};
}

/* glibc reads modifiers and paths out of a name: only plain names get there. */
static bool is_charset_name(const char *s) {
    size_t n = strlen(s);
    return n > 0 && n < 40 &&
           strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:") == n;
}

/* Faulty bytes become '?'. p NULL when the charset is not known. */
static struct span by_iconv(struct arena *a, struct span s, const char *charset) {
    if (!is_charset_name(charset))
        return SPAN_NONE;
    iconv_t cd = iconv_open("UTF-8", charset);
    if ((intptr_t)cd == -1)
        return SPAN_NONE;
    struct buf out = {0};
    char chunk[4096];
    char *in = (char *)(uintptr_t)s.p;
    size_t left = s.n;
    while (left > 0) {
        char *o = chunk;
        size_t room = sizeof chunk, before = left;
        size_t rc = iconv(cd, &in, &left, &o, &room);
        buf_add(&out, chunk, (size_t)(o - chunk));
        if (rc != (size_t)-1 || left == 0 || (left < before && room < 16))
            continue;
        if (o != chunk)
            continue; /* the buffer was full, or the fault comes again */
        buf_add(&out, "?", 1);
        in++;
        left--;
    }
    iconv_close(cd);
    struct span text = arena_dup(a, buf_span(&out));
    buf_free(&out);
    return text;
}

static const char *bom_charset(struct span *s) {
    if (s->n >= 3 && memcmp(s->p, "\xef\xbb\xbf", 3) == 0) {
        *s = (struct span){s->p + 3, s->n - 3};
        return "utf-8";
    }
    if (s->n >= 2 && (memcmp(s->p, "\xff\xfe", 2) == 0 || memcmp(s->p, "\xfe\xff", 2) == 0))
        return "utf-16";
    return NULL;
}

struct span mail_text_decode(struct arena *a, struct span bytes, const char *charset,
                             bool *guessed) {
    *guessed = false;
    const char *bom = bom_charset(&bytes);
    struct span name = span_str(bom ? bom : charset);
    bool is_utf8 = span_ieq(name, "utf-8") || span_ieq(name, "utf8") || span_ieq(name, "us-ascii");
    if (name.n > 0 && !is_utf8) {
        struct span text = by_iconv(a, bytes, name.p);
        if (text.p && utf8_is_valid(text))
            return text;
    }
    if (utf8_is_valid(bytes)) {
        *guessed = !is_utf8 && name.n > 0;
        return bytes;
    }
    *guessed = true;
    return from_1252(a, bytes);
}

struct span mail_text_unflow(struct arena *a, struct span text, bool delsp) {
    char *out = arena_alloc(a, 2 * text.n + 2); /* a space may be added after each quote mark */
    size_t n = 0, depth_before = 0;
    bool is_open = false; /* the last line was flowed */
    while (text.p) {
        struct span line = span_cut(&text, '\n');
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        if (!text.p && line.n == 0)
            break;
        size_t depth = 0;
        while (depth < line.n && line.p[depth] == '>')
            depth++;
        struct span body = {line.p + depth, line.n - depth};
        if (body.n && body.p[0] == ' ')
            body = (struct span){body.p + 1, body.n - 1};
        bool is_signature = span_eq(body, "-- ");
        bool joins = is_open && depth == depth_before && !is_signature;
        if (is_open && !joins)
            out[n++] = '\n';
        if (!joins && depth) {
            memcpy(out + n, line.p, depth);
            n += depth;
            if (body.n)
                out[n++] = ' ';
        }
        is_open = body.n > 0 && body.p[body.n - 1] == ' ' && !is_signature;
        size_t take = is_open && delsp ? body.n - 1 : body.n;
        if (take)
            memcpy(out + n, body.p, take);
        n += take;
        if (!is_open)
            out[n++] = '\n';
        depth_before = depth;
    }
    return (struct span){out, n};
}
