/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * span: a borrowed run of bytes. Text and bytes travel as spans; only library borders
 * see NUL-terminated strings. A span owns nothing.
 */
#ifndef DRAHT_BASE_SPAN_H
#define DRAHT_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct span {
    const char *p;
    size_t n;
};

#define SPAN(lit) ((struct span){(lit), sizeof(lit) - 1})
#define SPAN_NONE ((struct span){NULL, 0})

/* The span of a NUL-terminated string, borrowed; NULL gives the empty span. */
static inline struct span span_str(const char *s) {
    return (struct span){s, s ? strlen(s) : 0};
}

static inline bool span_is(struct span a, struct span b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Equality with a NUL-terminated string, byte for byte. */
static inline bool span_eq(struct span a, const char *s) {
    return span_is(a, span_str(s));
}

/* ASCII case-insensitive equality. */
bool span_ieq(struct span a, const char *s);
/* ASCII case-insensitive prefix test. */
bool span_istarts(struct span a, const char *prefix);
/* The span without leading and trailing ASCII white space, borrowed from the same bytes. */
struct span span_trim(struct span a);
/* Cuts up to the first delim off *rest and returns it; *rest becomes what follows the delim, or
 * {NULL,0} after the last piece. Returns {NULL,0} when *rest.p was NULL already. */
struct span span_cut(struct span *rest, char delim);
/* Decimal digits only, 0..max. 0 on success; -1 otherwise and *out is untouched. */
int span_u64(struct span a, unsigned long long max, unsigned long long *out);

#endif
