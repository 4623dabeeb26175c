/* SPDX-License-Identifier: EUPL-1.2 */
/* id: identifiers. ULIDs (26 chars, sortable) inside, short check codes outside. */
#ifndef DRAHT_BASE_ID_H
#define DRAHT_BASE_ID_H

#include <stddef.h>
#include <stdint.h>

#define ID_BYTES 27 /* 26 characters of Crockford base32 and a NUL */

/* A new ULID for the given time; random part from libsodium, monotonic within a process. */
void id_new(int64_t now_ms, char out[ID_BYTES]);

#endif
