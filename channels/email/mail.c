/* SPDX-License-Identifier: EUPL-1.2 */
/* mail: small rules about a mail's pieces that need no MIME parser. */
#include "channels/email/mail.h"

#include "gateway/base/utf8.h"

void mail_warn(struct mail *m, const char *code) {
    for (size_t i = 0; i < m->warnings_n; i++)
        if (strcmp(m->warnings[i], code) == 0)
            return;
    if (m->warnings_n < MAIL_WARNINGS_MAX)
        m->warnings[m->warnings_n++] = code;
}

struct mail_part *mail_add_part(struct mail *m) {
    if (m->parts_n == MAIL_PARTS_MAX) {
        mail_warn(m, "too-many-parts");
        return NULL;
    }
    return &m->parts[m->parts_n++];
}

/* U+202A..202E, U+2066..2069, U+200E, U+200F, U+061C: they can turn "fdp.exe" into "exe.pdf". */
static size_t bidi_length(const unsigned char *p, size_t n) {
    if (n >= 2 && p[0] == 0xd8 && p[1] == 0x9c)
        return 2;
    if (n < 3 || p[0] != 0xe2)
        return 0;
    if (p[1] == 0x80 && (p[2] == 0x8e || p[2] == 0x8f || (p[2] >= 0xaa && p[2] <= 0xae)))
        return 3;
    return p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9 ? 3 : 0;
}

static struct span base_name(struct span s) {
    for (size_t i = s.n; i > 0; i--)
        if (s.p[i - 1] == '/' || s.p[i - 1] == '\\')
            return (struct span){s.p + i, s.n - i};
    return s;
}

/* Keeps the extension when the name has to be cut. */
static struct span shorten(struct arena *a, struct span s) {
    if (s.n <= MAIL_NAME_BYTES_MAX)
        return s;
    size_t dot = s.n;
    while (dot > 0 && s.n - dot < 12 && s.p[dot - 1] != '.')
        dot--;
    struct span ext =
        dot > 0 && s.p[dot - 1] == '.' ? (struct span){s.p + dot - 1, s.n - dot + 1} : SPAN_NONE;
    struct span head = utf8_clean(a, s, MAIL_NAME_BYTES_MAX - 16, NULL);
    const char *p =
        arena_printf(a, "%.*s%.*s", (int)head.n, head.p, (int)ext.n, ext.p ? ext.p : "");
    return utf8_clean(a, span_str(p), MAIL_NAME_BYTES_MAX, NULL);
}

struct span mail_safe_name(struct arena *a, struct span name, const char *fallback) {
    if (name.n > 4096)
        name.n = 4096;
    struct span in = base_name(utf8_clean(a, name, 4096, NULL));
    char *out = arena_alloc(a, in.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < in.n;) {
        size_t skip = bidi_length((const unsigned char *)in.p + i, in.n - i);
        if (skip) {
            i += skip;
            continue;
        }
        char c = in.p[i++];
        out[n++] = (unsigned char)c < 0x20 || c == 0x7f || strchr("<>:\"|?*", c) ? '_' : c;
    }
    struct span s = span_trim((struct span){out, n});
    while (s.n > 0 && s.p[0] == '.')
        s = (struct span){s.p + 1, s.n - 1};
    return s.n ? shorten(a, s) : span_str(fallback);
}

struct span mail_id(struct span raw) {
    struct span s = span_trim(raw);
    if (s.n >= 2 && s.p[0] == '<' && s.p[s.n - 1] == '>')
        s = (struct span){s.p + 1, s.n - 2};
    if (s.n < 3 || s.n > MAIL_ID_BYTES_MAX || !memchr(s.p, '@', s.n))
        return SPAN_NONE;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= 0x20 || c >= 0x7f || c == '<' || c == '>')
            return SPAN_NONE;
    }
    return s;
}
