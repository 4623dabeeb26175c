/* SPDX-License-Identifier: EUPL-1.2 */
/* schema: one row for each setting, with where its value goes in struct config. Reading, defaults,
 * `draht explain` and the reload comparison all walk these rows; nothing else knows the keys. */
#ifndef DRAHT_CONFIG_SCHEMA_H
#define DRAHT_CONFIG_SCHEMA_H

#include "config/config.h"

/* More flags, above those of the ABI. */
#define SCHEMA_ID 256u     /* [a-z0-9-]{1,32} */
#define SCHEMA_URL 512u    /* empty or https:// (http:// on loopback), without trailing slash */
#define SCHEMA_PATH 1024u  /* relative paths start at the folder of the configuration file */
#define SCHEMA_INDEX 2048u /* ENUM kept as the int of its place in values */

struct schema_key {
    struct draht_option row; /* name is dotted: "listen.port" */
    size_t at;               /* of const char *, int, bool or the list pointer */
    size_t count_at;         /* LIST only: of its int */
};
struct schema_list { /* a list of entries, each with keys of its own */
    const char *name;
    const struct schema_key *keys;
    int keys_n;
    size_t entry_bytes, at, count_at; /* at, count_at: in struct config */
    int max;
    const char *help;
};

extern const struct schema_key schema_keys[];
extern const int schema_keys_n;
extern const struct schema_list schema_lists[];
extern const int schema_lists_n;
/* Lists when the file does not give them, as YAML. */
extern const char schema_default_lists[];

/* The row, or NULL. */
const struct schema_key *schema_find(const struct schema_key *keys, int n, const char *name);
const struct schema_list *schema_find_list(const char *name);
/* Editing distance of two names; above limit it may stop and return limit + 1. */
int schema_distance(const char *a, const char *b, int limit);

#endif
