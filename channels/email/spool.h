/* SPDX-License-Identifier: EUPL-1.2 */
/* spool: the bytes of one mail while it comes in: small ones in memory, larger ones in a nameless
 * file that the kernel may write out and that is gone with us. Either way they read as one piece.
 */
#ifndef DRAHT_EMAIL_SPOOL_H
#define DRAHT_EMAIL_SPOOL_H

#include "gateway/base/buf.h"

#define SPOOL_MEMORY_BYTES ((size_t)1024 * 1024)   /* larger mails go to the file */
#define SPOOL_STEP_BYTES ((size_t)4 * 1024 * 1024) /* the file grows by this much */

/* Zeroed: empty. Files are made in $TMPDIR, else /var/tmp; where no nameless file can be made, all
 * stays in memory. */
struct spool {
    struct buf memory;
    char *map;
    size_t n, cap; /* of the file */
    int fd;
};
/* 0, or ERR_UNAVAILABLE: the disk has no room (what is there stays). p is copied. */
int spool_add(struct spool *s, const void *p, size_t n);
/* Borrowed until the next call. */
struct span spool_span(const struct spool *s);
size_t spool_bytes(const struct spool *s);
/* How much of it lies in memory of ours. */
size_t spool_memory(const struct spool *s);
/* Empties; releases the file, and memory beyond 64 KiB. */
void spool_clear(struct spool *s);
void spool_free(struct spool *s);

#endif
