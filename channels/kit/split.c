/* SPDX-License-Identifier: EUPL-1.2 */
/* split: one walk forward that remembers the best place to cut. */
#include "channels/kit/split.h"

static size_t bytes_of(struct span rest) {
    unsigned char c = (unsigned char)rest.p[0];
    size_t n = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    return n < rest.n ? n : rest.n;
}

size_t kit_cost_bytes(const void *arg, struct span rest, size_t *bytes) {
    (void)arg;
    *bytes = bytes_of(rest);
    return *bytes;
}

size_t kit_cost_points(const void *arg, struct span rest, size_t *bytes) {
    (void)arg;
    *bytes = bytes_of(rest);
    return 1;
}

size_t kit_cost_utf16(const void *arg, struct span rest, size_t *bytes) {
    (void)arg;
    *bytes = bytes_of(rest);
    return *bytes == 4 ? 2 : 1;
}

/* How good it is to cut behind position i: 0 not at all. */
static int rank(struct span s, size_t i) {
    if (s.p[i] == '\n')
        return i > 0 && s.p[i - 1] == '\n' ? 4 : 3;
    if (s.p[i] != ' ')
        return 0;
    return i > 0 && strchr(".!?", s.p[i - 1]) ? 2 : 1;
}

struct span kit_split(struct span *rest, size_t max, kit_cost_fn cost, const void *arg) {
    struct span s = span_trim(*rest);
    size_t at = 0, used = 0, cut = 0;
    int best = 0;
    while (at < s.n) {
        size_t bytes = 1, more = cost(arg, (struct span){s.p + at, s.n - at}, &bytes);
        if (used + more > max && at > 0)
            break;
        int r = rank(s, at + bytes - 1);
        if (r && (r >= best || used < max / 2)) {
            best = used < max / 2 ? 0 : r;
            cut = at + bytes;
        }
        used += more;
        at += bytes;
    }
    /* The piece may end just before a blank. */
    if (at < s.n && (s.p[at] == ' ' || s.p[at] == '\n') && best < 2)
        cut = at;
    if (at == s.n || cut == 0 || (best == 0 && cut * 2 < at))
        cut = at;
    struct span piece = span_trim((struct span){s.p, cut});
    *rest = span_trim((struct span){s.p + cut, s.n - cut});
    return piece;
}
