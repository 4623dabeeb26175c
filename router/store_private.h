/* SPDX-License-Identifier: EUPL-1.2 */
/* store_private: what the files of the store in Redis share; nobody else includes it. */
#ifndef DRAHT_ROUTER_STORE_PRIVATE_H
#define DRAHT_ROUTER_STORE_PRIVATE_H

#include "router/store.h"

#define STORE_PREFIX "draht:{0}:" /* the only shard there is so far */

/* One command on the connection for calls; words are copied. fn hears the answer as store_call's
 * does. */
void store_ask(struct store *s, int n, const struct span *words, store_fn fn, void *arg);

/* store_library.c: the functions of this release (borrowed forever), and whether an answer of
 * draht_library_1 is of a newer one. */
struct span library_text(void);
bool library_is_newer(const struct redis_value *answer);

#endif
