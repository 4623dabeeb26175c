/* SPDX-License-Identifier: EUPL-1.2 */
/* known: what a reply needs to know of its ticket, remembered from the last reading, so that it
 * costs one round trip. The store checks it again. */
#include <stdio.h>
#include <stdlib.h>

#include "router/inner.h"

#define KNOWN_SLOTS 1024 /* numbers that follow each other do not meet */

struct known_table {
    struct known slots[KNOWN_SLOTS];
};

struct known_table *known_new(void) {
    return xcalloc(1, sizeof(struct known_table));
}

void known_free(struct known_table **t) {
    if (!*t)
        return;
    explicit_bzero(*t, sizeof **t);
    free(*t);
    *t = NULL;
}

static struct known *slot_of(struct known_table *t, const char *ticket) {
    const char *dash = strchr(ticket, '-');
    return &t->slots[dash ? strtoul(dash + 1, NULL, 10) % KNOWN_SLOTS : 0];
}

const struct known *known_find(struct known_table *t, const char *ticket) {
    const struct known *k = slot_of(t, ticket);
    return *k->ticket && strcmp(k->ticket, ticket) == 0 ? k : NULL;
}

void known_keep(struct known_table *t, const struct known *k) {
    *slot_of(t, k->ticket) = *k;
}

static void copy(char *to, size_t bytes, struct span from) {
    snprintf(to, bytes, "%.*s", (int)from.n, from.p);
}

int known_learn(struct router *r, struct span ticket, struct span contact, struct span wrapped,
                struct span channel, struct span channel_type, struct known *out) {
    struct known k = {0};
    int error = contact_from(r, contact, wrapped, &k.contact);
    if (error)
        return error;
    copy(k.ticket, sizeof k.ticket, ticket);
    copy(k.channel, sizeof k.channel, channel);
    copy(k.channel_type, sizeof k.channel_type, channel_type);
    known_keep(r->known, &k);
    if (out)
        *out = k;
    explicit_bzero(&k.contact, sizeof k.contact);
    return 0;
}

void known_forget(struct known_table *t, const char *ticket) {
    struct known *k = slot_of(t, ticket);
    if (strcmp(k->ticket, ticket) == 0)
        explicit_bzero(k, sizeof *k);
}

void known_forget_contact(struct known_table *t, const char *id) {
    for (size_t i = 0; i < KNOWN_SLOTS; i++)
        if (*t->slots[i].ticket && strcmp(t->slots[i].contact.id, id) == 0)
            explicit_bzero(&t->slots[i], sizeof t->slots[i]);
}
