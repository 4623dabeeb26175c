/* SPDX-License-Identifier: EUPL-1.2 */
/* store_library: the function library that this release brings, and whether the store has that of a
 * newer one already. */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/embed.h"
#include "router/store_private.h"

struct span library_text(void) {
    const struct embed_file *f = embed_find(embed_functions, "draht.lua");
    return (struct span){(const char *)f->bytes, f->n};
}

bool library_is_newer(const struct redis_value *answer) {
    static const char name[] = "LIBRARY_VERSION = ";
    struct span text = library_text();
    const char *at = memmem(text.p, text.n, name, sizeof name - 1);
    return at && answer->type == REDIS_INT && answer->i > strtoll(at + sizeof name - 1, NULL, 10);
}
