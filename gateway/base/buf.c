/* SPDX-License-Identifier: EUPL-1.2 */
/* buf: growth by doubling, always a NUL behind the last byte. It sets no limit of its own. */
#include "gateway/base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/arena.h"

static void reserve(struct buf *b, size_t more) {
    if (more > SIZE_MAX / 4 || b->n > SIZE_MAX / 4)
        abort();
    size_t need = b->n + more + 1;
    if (need <= b->cap)
        return;
    size_t cap = b->cap ? b->cap : 64;
    while (cap < need)
        cap *= 2;
    b->p = xrealloc(b->p, cap);
    b->cap = cap;
}

void buf_add(struct buf *b, const void *p, size_t n) {
    if (n >= b->cap - b->n) /* cap is 0, or greater than n */
        reserve(b, n);
    if (n)
        memcpy(b->p + b->n, p, n);
    b->n += n;
    b->p[b->n] = '\0';
}

void buf_adds(struct buf *b, const char *s) {
    buf_add(b, s, strlen(s));
}

void buf_addf(struct buf *b, const char *fmt, ...) {
    va_list args, again;
    if (!fmt)
        abort();
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0)
        abort();
    reserve(b, (size_t)n);
    vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again);
    va_end(again);
    b->n += (size_t)n;
}

void buf_drop(struct buf *b, size_t n) {
    if (!b->p)
        return;
    if (n > b->n)
        n = b->n;
    memmove(b->p, b->p + n, b->n - n + 1);
    b->n -= n;
}

void buf_clear(struct buf *b) {
    b->n = 0;
    if (b->p)
        b->p[0] = '\0';
}

void buf_free(struct buf *b) {
    free(b->p);
    *b = (struct buf){0};
}

char *buf_take(struct buf *b, size_t *n_out) {
    if (!b->p)
        buf_add(b, "", 0);
    char *p = b->p;
    if (n_out)
        *n_out = b->n;
    *b = (struct buf){0};
    return p;
}
