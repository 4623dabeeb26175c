/* SPDX-License-Identifier: EUPL-1.2 */
/* span: the few comparisons and cuts that are too long for the header. No allocation here. */
#include "gateway/base/span.h"

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f';
}

bool span_istarts(struct span a, const char *prefix) {
    size_t n = strlen(prefix);
    if (a.n < n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (lower(a.p[i]) != lower(prefix[i]))
            return false;
    return true;
}

bool span_ieq(struct span a, const char *s) {
    return a.n == (s ? strlen(s) : 0) && (a.n == 0 || span_istarts(a, s));
}

struct span span_trim(struct span a) {
    while (a.n && is_space(a.p[0]))
        a.p++, a.n--;
    while (a.n && is_space(a.p[a.n - 1]))
        a.n--;
    return a;
}

struct span span_cut(struct span *rest, char delim) {
    if (!rest->p)
        return SPAN_NONE;
    const char *hit = rest->n ? memchr(rest->p, delim, rest->n) : NULL;
    struct span piece = *rest;
    if (!hit) {
        *rest = SPAN_NONE;
        return piece;
    }
    piece.n = (size_t)(hit - rest->p);
    rest->p += piece.n + 1;
    rest->n -= piece.n + 1;
    return piece;
}

int span_u64(struct span a, unsigned long long max, unsigned long long *out) {
    unsigned long long v = 0;
    if (!a.n)
        return -1;
    for (size_t i = 0; i < a.n; i++) {
        if (a.p[i] < '0' || a.p[i] > '9')
            return -1;
        unsigned digit = (unsigned)(a.p[i] - '0');
        if (digit > max || v > (max - digit) / 10)
            return -1;
        v = v * 10 + digit;
    }
    *out = v;
    return 0;
}
