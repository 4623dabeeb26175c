/* SPDX-License-Identifier: EUPL-1.2 */
/* redis_reader: hiredis' parser building struct redis_value in memory that is reused for every
 * reply. Private to gateway/net/redis.c; no I/O. */
#ifndef DRAHT_NET_REDIS_READER_H
#define DRAHT_NET_REDIS_READER_H

#include "gateway/base/buf.h"
#include "gateway/net/redis.h"

struct redis_reader;

struct redis_reader *redis_reader_new(void);
void redis_reader_free(struct redis_reader **r);
/* 0 or ERR_PROTOCOL. Bytes are copied. */
int redis_reader_feed(struct redis_reader *r, const char *p, size_t n);
/* 1: *out is a whole reply, borrowed until the next call; 0: more bytes are needed; ERR_PROTOCOL.
 */
int redis_reader_next(struct redis_reader *r, const struct redis_value **out);
/* Appends one command in RESP2; any bytes may be in argv. */
void redis_reader_format(struct buf *out, int argc, const struct span *argv);

#endif
