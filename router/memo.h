/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * memo: opened rows by their sealed bytes. Each sealing has a nonce of its own, so that the same
 * bytes are the same row; a row that was changed or deleted in the store is never found with old
 * bytes, because nobody comes with them. Fixed size: a new row takes the place of another.
 */
#ifndef DRAHT_ROUTER_MEMO_H
#define DRAHT_ROUTER_MEMO_H

#include "gateway/base/json.h"
#include "gateway/base/span.h"

#define MEMO_ROW_BYTES_MAX 4096 /* longer ones are opened each time */

struct memo;
struct memo *memo_new(void);     /* returned (memo_free) */
void memo_free(struct memo **m); /* accepts NULL, sets NULL */
/* The row of these bytes, returned (json_decref) and shared: whoever changes it copies it first.
 * NULL: not known. */
json_t *memo_find(struct memo *m, struct span sealed);
void memo_keep(struct memo *m, struct span sealed, json_t *row); /* both copied or shared */

#endif
