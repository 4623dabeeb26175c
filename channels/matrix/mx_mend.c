/* SPDX-License-Identifier: EUPL-1.2 */
/* mx_mend: one hostile event in an answer must not hide all others behind a parse error. */
#include "channels/matrix/mx_event.h"
#include "gateway/base/buf.h"

#include <stdlib.h>

enum { DIGITS_MAX = 15 };

struct mend {
    struct span in;
    size_t at;
    int depth;
    struct buf out;
};

/* Four hex digits at i as a number, -1 without. */
static int hex4(struct span s, size_t i) {
    int v = 0;
    if (i + 4 > s.n)
        return -1;
    for (size_t k = i; k < i + 4; k++) {
        char c = s.p[k];
        int d = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
        if (d < 0)
            return -1;
        v = v * 16 + d;
    }
    return v;
}

/* At a backslash-u: copies the code point, or U+FFFD for half of one and for NUL. */
static void mend_unicode(struct mend *m, bool keep) {
    int v = hex4(m->in, m->at + 2);
    size_t n = v < 0 ? 2 : 6;
    bool is_bad = v == 0 || (v >= 0xdc00 && v <= 0xdfff);
    if (v >= 0xd800 && v <= 0xdbff) {
        int low = m->at + 8 < m->in.n && m->in.p[m->at + 6] == '\\' && m->in.p[m->at + 7] == 'u'
                      ? hex4(m->in, m->at + 8)
                      : -1;
        is_bad = low < 0xdc00 || low > 0xdfff;
        n = is_bad ? 6 : 12;
    }
    if (keep && is_bad)
        buf_adds(&m->out, "\\ufffd");
    else if (keep)
        buf_add(&m->out, m->in.p + m->at, n);
    m->at += n;
}

static void mend_string(struct mend *m, bool keep) {
    if (keep)
        buf_adds(&m->out, "\"");
    m->at++;
    while (m->at < m->in.n) {
        char c = m->in.p[m->at];
        size_t n = c == '\\' && m->at + 1 < m->in.n ? 2 : 1;
        if (n == 2 && m->in.p[m->at + 1] == 'u') {
            mend_unicode(m, keep);
            continue;
        }
        if (keep)
            buf_add(&m->out, m->in.p + m->at, n);
        m->at += n;
        if (c == '"')
            return;
    }
}

static void mend_number(struct mend *m, bool keep) {
    size_t from = m->at;
    bool is_plain = true;
    while (m->at < m->in.n && strchr("+-.eE0123456789", m->in.p[m->at]) && m->in.p[m->at]) {
        is_plain = is_plain && !strchr("+.eE", m->in.p[m->at]);
        m->at++;
    }
    size_t n = m->at - from;
    if (keep && is_plain && n <= DIGITS_MAX)
        buf_add(&m->out, m->in.p + from, n);
    else if (keep)
        buf_adds(&m->out, "0");
}

static void mend_bracket(struct mend *m, char c) {
    bool opens = c == '{' || c == '[';
    if (opens && ++m->depth == MX_MEND_DEPTH + 1)
        buf_adds(&m->out, "null");
    if (m->depth <= MX_MEND_DEPTH)
        buf_add(&m->out, &c, 1);
    if (!opens && m->depth > 0)
        m->depth--;
    m->at++;
}

struct span mx_mend(struct arena *a, struct span text) {
    struct mend m = {.in = text};
    while (m.at < text.n) {
        char c = text.p[m.at];
        bool keep = m.depth <= MX_MEND_DEPTH;
        if (c == '"') {
            mend_string(&m, keep);
        } else if (c == '-' || (c >= '0' && c <= '9')) {
            mend_number(&m, keep);
        } else if (c == '{' || c == '[' || c == '}' || c == ']') {
            mend_bracket(&m, c);
        } else {
            if (keep)
                buf_add(&m.out, &c, 1);
            m.at++;
        }
    }
    struct span s = arena_dup(a, buf_span(&m.out));
    buf_free(&m.out);
    return s;
}

json_t *mx_parse(struct span text, size_t max_bytes) {
    json_t *v = json_parse(text, max_bytes, NULL);
    if (v || text.n == 0 || text.n > max_bytes)
        return v;
    struct arena *a = arena_new();
    v = json_parse(mx_mend(a, text), max_bytes * 2, NULL);
    arena_free(&a);
    return v;
}
