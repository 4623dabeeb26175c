/* SPDX-License-Identifier: EUPL-1.2 */
/* embed: files that the binary carries, made at build time by tools/embed.js. Borrowed forever. */
#ifndef DRAHT_BASE_EMBED_H
#define DRAHT_BASE_EMBED_H

#include <stddef.h>

struct embed_file {
    const char *path;
    const unsigned char *bytes; /* a NUL follows */
    size_t n;
};
extern const struct embed_file embed_functions[]; /* router/functions */
extern const struct embed_file embed_locales[];   /* config/locales */
extern const struct embed_file
    embed_assets[]; /* built web files: inbox, widget, status, fonts, icons */

extern const struct embed_file embed_conformance[]; /* channels/TYPE/conformance.yaml */
extern const struct embed_file embed_skeletons[];   /* channels/skeleton */

/* The row with this path, or NULL. */
const struct embed_file *embed_find(const struct embed_file *table, const char *path);

#endif
