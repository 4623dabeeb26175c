/* SPDX-License-Identifier: EUPL-1.2 */
/* arena: memory that dies together, one for a message or a request. Allocation zeroes and aborts
 * on exhaustion; sizes that come from outside are checked by the caller first. */
#ifndef DRAHT_BASE_ARENA_H
#define DRAHT_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "gateway/base/span.h"

struct arena;

/* Returned; release with arena_free. */
struct arena *arena_new(void);
/* Releases all and sets the pointer to NULL; accepts NULL. */
void arena_free(struct arena **a);
/* Zeroed, aligned for any type, lives as long as the arena. */
void *arena_alloc(struct arena *a, size_t bytes);
void *arena_raw(struct arena *a, size_t bytes); /* as arena_alloc, but not zeroed */
/* A copy of the bytes with a NUL behind it (not counted). */
char *arena_strndup(struct arena *a, const char *p, size_t n);
char *arena_strdup(struct arena *a, const char *s); /* NULL gives NULL */
struct span arena_dup(struct arena *a, struct span s);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Heap wrappers: zeroed, abort on exhaustion, free with free(). */
void *xcalloc(size_t count, size_t bytes);
void *xrealloc(void *p, size_t bytes);
char *xstrdup(const char *s);
char *xstrndup(const char *p, size_t n);

#endif
