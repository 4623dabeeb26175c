/* SPDX-License-Identifier: EUPL-1.2 */
/* redis_link: one TCP or unix-socket client connection as a libuv stream, from address to bytes.
 * Private to gateway/net/redis.c; does not reconnect and knows no RESP. */
#ifndef DRAHT_NET_REDIS_LINK_H
#define DRAHT_NET_REDIS_LINK_H

#include "gateway/base/buf.h"
#include "gateway/net/loop.h"

struct redis_link;

struct redis_link_events { /* none of them is called inside redis_link_open or after close */
    void (*connected)(void *arg);
    void (*read)(void *arg, const char *p, size_t n); /* borrowed */
    void (*drained)(void *arg);                       /* redis_link_is_writing is false again */
    void (*gone)(void *arg, int status);              /* close follows by the owner */
};
/* 0, or an error when the address is nonsense. */
int redis_link_open(struct loop *l, const char *address, const struct redis_link_events *e,
                    void *arg, struct redis_link **out);
bool redis_link_is_writing(const struct redis_link *k);
/* Takes the bytes; the buffer is empty afterwards. 0 or an error of libuv. */
int redis_link_write(struct redis_link *k, struct buf *bytes);
void redis_link_close(struct redis_link **k); /* accepts NULL, sets NULL */

#endif
