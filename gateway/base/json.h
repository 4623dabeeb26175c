/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * json: the only door to jansson. json_t is our JSON vocabulary; reference counts follow jansson's
 * rules. Parsing enforces size and depth before anyone walks the result.
 */
#ifndef DRAHT_BASE_JSON_H
#define DRAHT_BASE_JSON_H

#include <jansson.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/buf.h"
#include "gateway/base/span.h"

#define JSON_DEPTH_MAX 32

/* Returned (json_decref). NULL when longer than max_bytes, deeper than JSON_DEPTH_MAX, not UTF-8,
 * duplicate keys, or trailing bytes; err (may be NULL) receives a sentence of at most 160 bytes. */
json_t *json_parse(struct span text, size_t max_bytes, char err[160]);
/* Appends compact text, the same bytes as json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY) but for
 * numbers with a fraction, which get the fewest digits that read back the same; NULL gives null. */
void json_write(const json_t *v, struct buf *out);
/* Compact text, returned (free()). */
char *json_text(const json_t *v);
/* Borrowed string of a member, or fallback when absent or not a string. */
const char *json_str(const json_t *obj, const char *key, const char *fallback);
int64_t json_int(const json_t *obj, const char *key, int64_t fallback);
bool json_flag(const json_t *obj, const char *key, bool fallback);
/* Sets obj[key] to the span as a string (must be valid UTF-8; otherwise repaired), n = 0 gives "".
 */
void json_put(json_t *obj, const char *key, struct span s);
void json_puts(json_t *obj, const char *key, const char *s); /* NULL gives null */
void json_puti(json_t *obj, const char *key, int64_t v);

#endif
