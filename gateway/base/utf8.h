/* SPDX-License-Identifier: EUPL-1.2 */
/* utf8: what citizens send becomes valid, bounded text. */
#ifndef DRAHT_BASE_UTF8_H
#define DRAHT_BASE_UTF8_H

#include "gateway/base/arena.h"
#include "gateway/base/span.h"

/* RFC 3629: no surrogates, no overlongs, at most U+10FFFF. */
bool utf8_is_valid(struct span s);
struct utf8_notes {
    bool was_invalid, had_controls, had_bidi, was_cut;
};
/* A clean copy in the arena: invalid sequences become U+FFFD, NUL and C0 except TAB and LF are
 * dropped, CRLF and CR become LF, bidi controls stay and are noted, cut after max_bytes at a code
 * point. notes may be NULL. */
struct span utf8_clean(struct arena *a, struct span s, size_t max_bytes, struct utf8_notes *notes);
/* Number of code points; invalid bytes count one each. */
size_t utf8_count(struct span s);
/* Lower case, German and Latin letters folded (ä -> ae, é -> e), for search words. In the arena. */
struct span utf8_fold(struct arena *a, struct span s);

#endif
