/* SPDX-License-Identifier: EUPL-1.2 */
/* sse: server-sent events (WHATWG HTML, section 9.2) from bytes in any pieces. */
#ifndef DRAHT_MASTODON_SSE_H
#define DRAHT_MASTODON_SSE_H

#include "gateway/base/buf.h"

#define SSE_EVENT_BYTES_MAX (1u << 20) /* a longer event is dropped whole */
#define SSE_NAME_BYTES_MAX 64

struct sse {
    struct buf line, data;
    char name[SSE_NAME_BYTES_MAX + 1];
    bool was_cr, has_data, is_too_large;
};
/* data is borrowed during the call; name is "message" when the event has none. */
typedef void (*sse_event_fn)(void *arg, const char *name, struct span data);
/* A zeroed struct is ready. Events that end within bytes are handed out at once. */
void sse_feed(struct sse *s, struct span bytes, sse_event_fn fn, void *arg);
void sse_free(struct sse *s); /* also makes it ready for the next stream */

#endif
