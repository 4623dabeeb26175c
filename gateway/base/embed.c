/* SPDX-License-Identifier: EUPL-1.2 */
/* embed: looks a file up in a table that tools/embed.js made; the table ends with a row without
 * path. */
#include "gateway/base/embed.h"

#include <string.h>

const struct embed_file *embed_find(const struct embed_file *table, const char *path) {
    for (; table->path; table++)
        if (strcmp(table->path, path) == 0)
            return table;
    return NULL;
}
