/* SPDX-License-Identifier: EUPL-1.2 */
/* contact: remembers the data keys of the latest correspondents, so that most messages cost one
 * round trip. */
#include <stdlib.h>

#include "router/inner.h"

struct entry {
    struct entry *next, *newer, *older;
    char hash[CRYPTO_HASH_HEX];
    struct contact contact;
};
struct contacts {
    struct entry **buckets, *newest, *oldest;
    size_t n, max, mask;
};

struct contacts *contacts_new(size_t max) {
    struct contacts *c = xcalloc(1, sizeof *c);
    size_t size = 64;
    while (size < max)
        size *= 2;
    c->max = max;
    c->mask = size - 1;
    c->buckets = xcalloc(size, sizeof(struct entry *));
    return c;
}

static void release(struct entry *e) {
    explicit_bzero(e, sizeof *e);
    free(e);
}

void contacts_free(struct contacts **cp) {
    struct contacts *c = *cp;
    if (!c)
        return;
    for (struct entry *e = c->newest, *o; e; e = o) {
        o = e->older;
        release(e);
    }
    free(c->buckets);
    free(c);
    *cp = NULL;
}

/* The hash is keyed already, so its first digits spread well. */
static struct entry **bucket(struct contacts *c, const char *hash) {
    size_t h = 0;
    for (int i = 0; i < 8 && hash[i]; i++)
        h = h * 31 + (unsigned char)hash[i];
    return &c->buckets[h & c->mask];
}

static void detach(struct contacts *c, struct entry *e) {
    if (e->newer)
        e->newer->older = e->older;
    else
        c->newest = e->older;
    if (e->older)
        e->older->newer = e->newer;
    else
        c->oldest = e->newer;
    e->newer = e->older = NULL;
}

static void attach(struct contacts *c, struct entry *e) {
    e->older = c->newest;
    if (c->newest)
        c->newest->newer = e;
    c->newest = e;
    if (!c->oldest)
        c->oldest = e;
}

static struct entry *find(struct contacts *c, const char *hash) {
    struct entry *e = *bucket(c, hash);
    while (e && strcmp(e->hash, hash) != 0)
        e = e->next;
    return e;
}

bool contacts_find(struct contacts *c, const char *hash, struct contact *out) {
    struct entry *e = find(c, hash);
    if (!e)
        return false;
    detach(c, e);
    attach(c, e);
    *out = e->contact;
    return true;
}

static void drop(struct contacts *c, struct entry *e) {
    struct entry **at = bucket(c, e->hash);
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    detach(c, e);
    release(e);
    c->n--;
}

void contacts_keep(struct contacts *c, const char *hash, const struct contact *k) {
    struct entry *e = find(c, hash);
    if (e) {
        e->contact = *k;
        return;
    }
    if (c->n >= c->max)
        drop(c, c->oldest);
    e = xcalloc(1, sizeof *e);
    memcpy(e->hash, hash, CRYPTO_HASH_HEX);
    e->contact = *k;
    struct entry **at = bucket(c, hash);
    e->next = *at;
    *at = e;
    attach(c, e);
    c->n++;
}

/* Erasures are rare; the list is looked through. */
void contacts_forget(struct contacts *c, const char *id) {
    for (struct entry *e = c->newest, *o; e; e = o) {
        o = e->older;
        if (strcmp(e->contact.id, id) == 0)
            drop(c, e);
    }
}
