/* SPDX-License-Identifier: EUPL-1.2 */
/* redis_reader: replies live in a chain of blocks that is rewound between replies, so that the
 * usual small reply costs no allocation at all. */
#include "gateway/net/redis_reader.h"

#include <hiredis/read.h>
#include <stdalign.h>
#include <stdlib.h>

#include "gateway/base/arena.h"
#include "gateway/base/error.h"

#define BLOCK_BYTES 16384
#define ARRAY_ITEMS_MAX (1 << 20)

struct block {
    struct block *next;
    size_t used, cap;
    alignas(max_align_t) char bytes[];
};

struct redis_reader {
    redisReader *parser;
    struct block *first, *now;
    bool has_reply;
};

static struct block *block_new(size_t cap) {
    struct block *b = xcalloc(1, sizeof *b + cap);
    b->cap = cap;
    return b;
}

static void *take(struct redis_reader *r, size_t n) {
    n = (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (r->now->cap - r->now->used < n) {
        r->now->next = block_new(n > BLOCK_BYTES ? n : BLOCK_BYTES);
        r->now = r->now->next;
    }
    void *p = r->now->bytes + r->now->used;
    r->now->used += n;
    return p;
}

static void rewind_blocks(struct redis_reader *r) {
    struct block *b = r->first->next;
    while (b) {
        struct block *next = b->next;
        free(b);
        b = next;
    }
    r->first->next = NULL;
    r->first->used = 0;
    r->now = r->first;
}

/* hiredis asks for one object per item; ours lie in the parent's array already. */
static struct redis_value *slot(const redisReadTask *t) {
    struct redis_value *v;
    if (t->parent) {
        struct redis_value *up = t->parent->obj;
        v = (struct redis_value *)(up->a + t->idx);
    } else {
        v = take(t->privdata, sizeof *v);
    }
    *v = (struct redis_value){.type = REDIS_NIL};
    return v;
}

static void *make_string(const redisReadTask *t, char *p, size_t n) {
    struct redis_value *v = slot(t);
    v->type = REDIS_STR;
    if (t->type == REDIS_REPLY_ERROR)
        v->type = REDIS_ERROR;
    if (t->type == REDIS_REPLY_STATUS)
        v->type = REDIS_STATUS;
    char *copy = take(t->privdata, n + 1);
    memcpy(copy, p, n);
    copy[n] = '\0';
    v->s = (struct span){copy, n};
    return v;
}

static void *make_array(const redisReadTask *t, int n) {
    if (n < 0 || n > ARRAY_ITEMS_MAX)
        return NULL;
    struct redis_value *v = slot(t);
    v->type = REDIS_ARRAY;
    v->n = (size_t)n;
    if (n > 0)
        v->a = take(t->privdata, (size_t)n * sizeof *v);
    return v;
}

static void *make_integer(const redisReadTask *t, long long i) {
    struct redis_value *v = slot(t);
    v->type = REDIS_INT;
    v->i = i;
    return v;
}

static void *make_nil(const redisReadTask *t) {
    return slot(t);
}

/* Blocks are rewound as a whole. */
static void free_nothing(void *v) {
    (void)v;
}

static redisReplyObjectFunctions makers = {make_string, make_array, make_integer, make_nil,
                                           free_nothing};

struct redis_reader *redis_reader_new(void) {
    struct redis_reader *r = xcalloc(1, sizeof *r);
    r->parser = redisReaderCreateWithFunctions(&makers);
    if (!r->parser)
        abort();
    r->parser->privdata = r;
    r->first = r->now = block_new(BLOCK_BYTES);
    return r;
}

void redis_reader_free(struct redis_reader **r) {
    if (!*r)
        return;
    redisReaderFree((*r)->parser);
    rewind_blocks(*r);
    free((*r)->first);
    free(*r);
    *r = NULL;
}

int redis_reader_feed(struct redis_reader *r, const char *p, size_t n) {
    return redisReaderFeed(r->parser, p, n) == REDIS_OK ? 0 : ERR_PROTOCOL;
}

int redis_reader_next(struct redis_reader *r, const struct redis_value **out) {
    if (r->has_reply)
        rewind_blocks(r);
    r->has_reply = false;
    void *reply = NULL;
    if (redisReaderGetReply(r->parser, &reply) != REDIS_OK)
        return ERR_PROTOCOL;
    if (!reply)
        return 0;
    r->has_reply = true;
    *out = reply;
    return 1;
}

/* Writes the decimal digits by hand: printf was the largest cost of a command. */
static void add_head(struct buf *out, char kind, size_t n) {
    char text[24];
    char *p = text + sizeof text;
    *--p = '\n';
    *--p = '\r';
    do {
        *--p = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    *--p = kind;
    buf_add(out, p, (size_t)(text + sizeof text - p));
}

void redis_reader_format(struct buf *out, int argc, const struct span *argv) {
    add_head(out, '*', (size_t)argc);
    for (int i = 0; i < argc; i++) {
        add_head(out, '$', argv[i].n);
        buf_add(out, argv[i].p, argv[i].n);
        buf_add(out, "\r\n", 2);
    }
}
