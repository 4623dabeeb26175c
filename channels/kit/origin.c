/* SPDX-License-Identifier: EUPL-1.2 */
/* origin: who may put our window on their page. Compared whole, never by prefix or suffix of bytes.
 */
#include "channels/kit/kit.h"

struct origin {
    struct span scheme, host, port;
};

/* False when it is not scheme://host[:port]. */
static bool split(struct span s, struct origin *out) {
    size_t i = 0;
    while (i + 3 <= s.n && memcmp(s.p + i, "://", 3) != 0)
        i++;
    if (i == 0 || i + 3 >= s.n)
        return false;
    struct span rest = {s.p + i + 3, s.n - i - 3};
    for (size_t k = 0; k < rest.n; k++)
        if ((unsigned char)rest.p[k] <= 0x20 || strchr("/?#@\\\"'<>,;", rest.p[k]))
            return false;
    out->scheme = (struct span){s.p, i};
    out->host = rest;
    out->port = SPAN_NONE;
    for (size_t k = rest.n; k > 0 && rest.p[k - 1] != ']'; k--) {
        if (rest.p[k - 1] == ':') {
            out->host = (struct span){rest.p, k - 1};
            out->port = (struct span){rest.p + k, rest.n - k};
            break;
        }
    }
    if (out->port.n == 0)
        out->port = span_ieq(out->scheme, "https") ? SPAN("443") : SPAN("80");
    unsigned long long port;
    return out->host.n > 0 && span_u64(out->port, 65535, &port) == 0 &&
           (span_ieq(out->scheme, "https") || span_ieq(out->scheme, "http"));
}

static bool ieq(struct span a, struct span b) {
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++) {
        char x = a.p[i], y = b.p[i];
        x = x >= 'A' && x <= 'Z' ? (char)(x + 32) : x;
        y = y >= 'A' && y <= 'Z' ? (char)(y + 32) : y;
        if (x != y)
            return false;
    }
    return true;
}

static bool is_loopback(struct span host) {
    return span_ieq(host, "localhost") || span_eq(host, "127.0.0.1") || span_eq(host, "[::1]");
}

bool kit_origin_is_valid(struct span s) {
    struct origin o;
    return split(s, &o);
}

bool kit_origin_same(struct span url, struct span origin) {
    struct origin a, b;
    if (!split(url, &a) || !split(origin, &b) || !ieq(a.scheme, b.scheme) ||
        !span_is(a.port, b.port))
        return false;
    return ieq(a.host, b.host) || (is_loopback(a.host) && is_loopback(b.host));
}

static bool matches(struct span pattern, const struct origin *o) {
    struct origin p;
    if (!split(pattern, &p) || !ieq(p.scheme, o->scheme) || !span_is(p.port, o->port))
        return false;
    if (p.host.n < 3 || p.host.p[0] != '*' || p.host.p[1] != '.')
        return ieq(p.host, o->host);
    struct span tail = {p.host.p + 1, p.host.n - 1};
    if (o->host.n <= tail.n)
        return false;
    return ieq(tail, (struct span){o->host.p + o->host.n - tail.n, tail.n});
}

bool kit_origin_listed(struct span list, struct span origin) {
    struct origin o;
    if (!split(origin, &o))
        return false;
    struct span rest = list;
    while (rest.p && rest.n) {
        struct span one = span_cut(&rest, ' ');
        if (one.n && matches(one, &o))
            return true;
    }
    return false;
}

bool kit_clamd_is_valid(const char *s) {
    const char *colon = strrchr(s, ':');
    unsigned long long port;
    if (strncmp(s, "unix:/", 6) == 0)
        return true;
    return colon && colon != s && span_u64(span_str(colon + 1), 65535, &port) == 0 && port > 0;
}
