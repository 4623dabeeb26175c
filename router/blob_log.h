/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * blob_log: where small blobs lie: append-only segment files. A record's place is its name, so
 * there is no index, and a batch of records costs one sync. One thread appends; any thread reads.
 */
#ifndef DRAHT_ROUTER_BLOB_LOG_H
#define DRAHT_ROUTER_BLOB_LOG_H

#include <stdint.h>

#include "gateway/base/buf.h"
#include "gateway/base/error.h"
#include "gateway/base/span.h"

#define BLOB_LOG_NAME_BYTES 32                 /* hex: segment 8, offset 8, tag 16 */
#define BLOB_LOG_SEGMENT_BYTES (256u << 20)    /* then the next segment begins */
#define BLOB_LOG_AHEAD_BYTES ((size_t)4 << 20) /* written as zeros in advance: see blob_log.c */
#define BLOB_LOG_RECORD_BYTES_MAX (1u << 20)

struct blob_log;
/* Goes on behind the last whole record of the folder dir (which exists). segment_bytes 0:
 * BLOB_LOG_SEGMENT_BYTES. NULL with fault. Returned. */
struct blob_log *blob_log_open(const char *dir, uint32_t segment_bytes, struct fault *f);
void blob_log_close(struct blob_log **l); /* gives the space in advance back */
/* Names the record that blob_log_add will take next. */
void blob_log_name(const struct blob_log *l, char name_out[BLOB_LOG_NAME_BYTES + 1]);
/* Takes that record into the batch; bytes are copied. At most BLOB_LOG_RECORD_BYTES_MAX. */
void blob_log_add(struct blob_log *l, const char *name, struct span bytes);
/* Makes the batch durable: 0. Else an errno: nothing of the batch counts, its names are void. */
int blob_log_commit(struct blob_log *l);
/* Whether a name of 32 hex digits lies here (and not in a file of its own). */
bool blob_log_has(const char *name);
/* Appends the record's bytes to out. 0, ENOENT when there is none of this name, or an errno. */
int blob_log_read(const struct blob_log *l, const char *name, struct buf *out);

#endif
