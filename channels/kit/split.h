/* SPDX-License-Identifier: EUPL-1.2 */
/* split: a long text as pieces of what a provider takes, cut where a reader would pause. */
#ifndef DRAHT_CHANNELS_KIT_SPLIT_H
#define DRAHT_CHANNELS_KIT_SPLIT_H

#include "gateway/base/span.h"

/* What the unit at the beginning of rest (never empty) counts; *bytes receives its length, which
 * is not cut. arg is what kit_split was given. */
typedef size_t (*kit_cost_fn)(const void *arg, struct span rest, size_t *bytes);
size_t kit_cost_bytes(const void *arg, struct span rest, size_t *bytes);  /* a code point's bytes */
size_t kit_cost_utf16(const void *arg, struct span rest, size_t *bytes);  /* its UTF-16 units */
size_t kit_cost_points(const void *arg, struct span rest, size_t *bytes); /* 1 */

/* Cuts the next piece off *rest, of at most max by cost: at the end of a paragraph, line, sentence
 * or word in the second half, else anywhere between units. Both without blanks at the cut. A unit
 * larger than max is a piece of its own. Borrowed from *rest; empty when nothing is left. */
struct span kit_split(struct span *rest, size_t max, kit_cost_fn cost, const void *arg);

#endif
