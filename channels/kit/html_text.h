/* SPDX-License-Identifier: EUPL-1.2 */
/* html_text: the words of HTML as plain text, in one pass without a tree, so nesting costs
 * nothing. It is no sanitiser: the HTML itself is sanitised where it is shown. */
#ifndef DRAHT_CHANNELS_KIT_HTML_TEXT_H
#define DRAHT_CHANNELS_KIT_HTML_TEXT_H

#include "gateway/base/arena.h"
#include "gateway/base/span.h"

/* In the arena, LF line ends. Quoted history (gmail_quote, blockquote, Outlook's reply block) goes
 * to *quoted when the mail says where it begins; quoted may be NULL. */
struct span html_text(struct arena *a, struct span html, struct span *quoted);

#endif
