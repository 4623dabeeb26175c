/* SPDX-License-Identifier: EUPL-1.2 */
/* memo: sealed rows that are asked for with each request (session, account) and hardly ever
 * change. The store is asked all the same; what is saved is opening and parsing. */
#include "router/memo.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS 512

struct slot {
    char *sealed; /* NULL: free */
    size_t n;
    json_t *row;
};

struct memo {
    struct slot slots[SLOTS];
};

struct memo *memo_new(void) {
    return xcalloc(1, sizeof(struct memo));
}

static void forget(struct slot *s) {
    free(s->sealed);
    json_decref(s->row);
    *s = (struct slot){0};
}

void memo_free(struct memo **m) {
    if (!*m)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        forget(&(*m)->slots[i]);
    free(*m);
    *m = NULL;
}

/* A sealed row ends with its authenticator: as good as random. */
static struct slot *slot_of(struct memo *m, struct span sealed) {
    uint32_t tag;
    memcpy(&tag, sealed.p + sealed.n - sizeof tag, sizeof tag);
    return &m->slots[tag % SLOTS];
}

static bool is_kept(struct span sealed) {
    return sealed.n >= sizeof(uint32_t) && sealed.n <= MEMO_ROW_BYTES_MAX;
}

json_t *memo_find(struct memo *m, struct span sealed) {
    if (!is_kept(sealed))
        return NULL;
    const struct slot *s = slot_of(m, sealed);
    bool is_same = s->n == sealed.n && memcmp(s->sealed, sealed.p, sealed.n) == 0;
    return is_same ? json_incref(s->row) : NULL;
}

void memo_keep(struct memo *m, struct span sealed, json_t *row) {
    if (!is_kept(sealed))
        return;
    struct slot *s = slot_of(m, sealed);
    forget(s);
    s->sealed = xcalloc(1, sealed.n);
    memcpy(s->sealed, sealed.p, sealed.n);
    s->n = sealed.n;
    s->row = json_incref(row);
}
