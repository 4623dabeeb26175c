/* SPDX-License-Identifier: EUPL-1.2 */
/* reader: nodes into members by the rows of the schema, every fault collected. Cross-checks between
 * settings are in config.c. */
#ifndef DRAHT_CONFIG_READER_H
#define DRAHT_CONFIG_READER_H

#include "config/schema.h"
#include "config/tree.h"

#define READER_FAULTS_MAX 100

struct reader {
    struct arena *a;
    struct buf *faults;
    const char *file, *folder; /* relative paths start at folder */
    int faults_n;
};

void reader_fault(struct reader *r, const struct tree_node *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Fills base from the members of map by the rows, defaults where there is none. A key that is
 * neither a row nor in allowed (NULL-terminated, may be NULL) is a fault that names the nearest. */
void reader_keys(struct reader *r, const struct tree_node *map, const struct schema_key *keys,
                 int n, const char *const *allowed, void *base);
/* Channel options as JSON text with defaults, in the arena. map may be NULL. */
const char *reader_options(struct reader *r, const struct tree_node *map,
                           const struct tree_node *at, const struct draht_option *rows, int n);

#endif
