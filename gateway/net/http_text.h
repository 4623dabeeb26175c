/* SPDX-License-Identifier: EUPL-1.2 */
/* http_text: the pure parts of HTTP that we read ourselves: percent-decoding, cookies, chunked
 * bodies, forwarded addresses. No I/O, so that it can be fuzzed. */
#ifndef DRAHT_NET_HTTP_TEXT_H
#define DRAHT_NET_HTTP_TEXT_H

#include <stdbool.h>

#include "gateway/base/arena.h"
#include "gateway/base/buf.h"

/* The decoded bytes in the arena (plus: '+' is a space); false for a broken escape or %00. */
bool http_text_decode(struct arena *a, struct span s, bool plus, struct span *out);
/* A path that starts with '/', holds no NUL, no backslash and no dot segment. */
bool http_text_is_safe_path(struct span path);
/* Value of the cookie, borrowed from the header; p NULL: absent. */
struct span http_text_cookie(struct span header, const char *name);
/* Whether the comma-separated list has this word (ASCII case-insensitive). */
bool http_text_list_has(struct span list, const char *word);
/* The right-most address of X-Forwarded-For, checked to be one; false otherwise. */
bool http_text_forwarded(struct span header, char *out, size_t out_bytes);
/* The standard reason phrase, "" for an unknown status. */
const char *http_text_reason(int status);

/* Decoder of a chunked body; zeroed is the start. */
struct http_chunks {
    int state;
    size_t left; /* of this chunk */
    size_t line; /* bytes of the line so far: extensions and trailers meet a limit */
    int digits;
};
/* Appends decoded bytes to out while out->n <= body_max. 1: the body is whole, 0: more is needed,
 * ERR_TOO_LARGE, ERR_PROTOCOL. */
int http_chunks_feed(struct http_chunks *c, struct span in, size_t body_max, struct buf *out);

#endif
