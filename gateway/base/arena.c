/* SPDX-License-Identifier: EUPL-1.2 */
/* arena: blocks of memory that are released together, and the aborting heap wrappers. It does not
 * check outside sizes: callers hold a named limit against them first. */
#include "gateway/base/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCK_BYTES 4096
#define ALIGN_BYTES _Alignof(max_align_t)

struct block {
    struct block *next;
    size_t used, cap;
    _Alignas(max_align_t) unsigned char bytes[];
};

struct arena {
    struct block *head;
};

static _Noreturn void exhausted(void) {
    fputs("draht: out of memory\n", stderr);
    abort();
}

void *xcalloc(size_t count, size_t bytes) {
    void *p = calloc(count ? count : 1, bytes ? bytes : 1);
    if (!p)
        exhausted();
    return p;
}

void *xrealloc(void *p, size_t bytes) {
    void *q = realloc(p, bytes ? bytes : 1);
    if (!q)
        exhausted();
    return q;
}

char *xstrndup(const char *p, size_t n) {
    if (n == SIZE_MAX)
        exhausted();
    char *s = xcalloc(n + 1, 1);
    if (n)
        memcpy(s, p, n);
    return s;
}

char *xstrdup(const char *s) {
    return xstrndup(s, strlen(s));
}

struct arena *arena_new(void) {
    return xcalloc(1, sizeof(struct arena));
}

void arena_free(struct arena **a) {
    if (!a || !*a)
        return;
    for (struct block *b = (*a)->head; b;) {
        struct block *next = b->next;
        free(b);
        b = next;
    }
    free(*a);
    *a = NULL;
}

static size_t aligned(size_t bytes) {
    return (bytes + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
}

static struct block *block_new(size_t cap) {
    struct block *b = malloc(sizeof *b + cap);
    if (!b)
        exhausted();
    *b = (struct block){.cap = cap};
    return b;
}

void *arena_raw(struct arena *a, size_t bytes) {
    if (bytes > SIZE_MAX / 2)
        exhausted();
    bytes = aligned(bytes);
    struct block *b = a->head;
    if (!b || b->cap - b->used < bytes) {
        b = block_new(bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES);
        /* A large block goes behind the head, so that the head's room is not given away. */
        if (a->head && bytes > BLOCK_BYTES) {
            b->next = a->head->next;
            a->head->next = b;
        } else {
            b->next = a->head;
            a->head = b;
        }
    }
    void *p = b->bytes + b->used;
    b->used += bytes;
    return p;
}

void *arena_alloc(struct arena *a, size_t bytes) {
    return memset(arena_raw(a, bytes), 0, bytes);
}

char *arena_strndup(struct arena *a, const char *p, size_t n) {
    if (n > SIZE_MAX / 2)
        exhausted();
    char *s = arena_raw(a, n + 1);
    if (n)
        memcpy(s, p, n);
    s[n] = 0;
    return s;
}

char *arena_strdup(struct arena *a, const char *s) {
    return s ? arena_strndup(a, s, strlen(s)) : NULL;
}

struct span arena_dup(struct arena *a, struct span s) {
    return (struct span){arena_strndup(a, s.p, s.n), s.n};
}

/* Mostly what is printed fits into the head's room. */
char *arena_printf(struct arena *a, const char *fmt, ...) {
    va_list args, again;
    if (!fmt)
        abort();
    struct block *b = a->head;
    size_t room = b ? b->cap - b->used : 0;
    char *s = b ? (char *)b->bytes + b->used : NULL;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(s, room, fmt, args);
    va_end(args);
    if (n < 0)
        exhausted();
    bool fits = (size_t)n < room;
    s = arena_raw(a, (size_t)n + 1);
    if (!fits)
        vsnprintf(s, (size_t)n + 1, fmt, again);
    va_end(again);
    return s;
}
