/* SPDX-License-Identifier: EUPL-1.2 */
/* buf: a growing byte buffer, owned by its holder; always NUL-terminated behind n. */
#ifndef DRAHT_BASE_BUF_H
#define DRAHT_BASE_BUF_H

#include <stddef.h>

#include "gateway/base/span.h"

struct buf {
    char *p;
    size_t n, cap;
};

/* A zeroed struct buf is a valid empty buffer. */
void buf_add(struct buf *b, const void *p, size_t n);
void buf_adds(struct buf *b, const char *s);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Drops the first n bytes. */
void buf_drop(struct buf *b, size_t n);
void buf_clear(struct buf *b); /* n = 0, keeps the memory */
void buf_free(struct buf *b);  /* releases, zeroes */
/* The heap memory, taken by the caller (free()); the buffer is empty afterwards. */
char *buf_take(struct buf *b, size_t *n_out);
static inline struct span buf_span(const struct buf *b) {
    return (struct span){b->p, b->n};
}

#endif
