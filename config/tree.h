/* SPDX-License-Identifier: EUPL-1.2 */
/* tree: a YAML text as plain nodes that know where they stand. It knows no settings. */
#ifndef DRAHT_CONFIG_TREE_H
#define DRAHT_CONFIG_TREE_H

#include "gateway/base/arena.h"
#include "gateway/base/buf.h"

#define TREE_MAX_BYTES (1u << 20)
#define TREE_DEPTH_MAX 16

enum tree_kind { TREE_SCALAR, TREE_MAP, TREE_LIST };
struct tree_node {
    enum tree_kind kind;
    const char *key;  /* as a member of a map, otherwise NULL */
    const char *text; /* SCALAR */
    bool is_null;     /* SCALAR: nothing, ~ or null, unquoted */
    int line, column; /* from 1; of a member: where its key stands */
    struct tree_node *first, *next;
};

/* The root, in the arena (an empty text gives an empty map); NULL when there is a fault, which is
 * appended to faults as "name:line:column: text\n". Aliases are refused. */
struct tree_node *tree_parse(struct arena *a, const char *name, struct span text,
                             struct buf *faults);
/* The member of a map, or NULL; node may be NULL. */
const struct tree_node *tree_get(const struct tree_node *node, const char *key);

#endif
