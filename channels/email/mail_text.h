/* SPDX-License-Identifier: EUPL-1.2 */
/* mail_text: bytes of a text part become UTF-8; format=flowed becomes paragraphs. */
#ifndef DRAHT_EMAIL_MAIL_TEXT_H
#define DRAHT_EMAIL_MAIL_TEXT_H

#include "gateway/base/arena.h"
#include "gateway/base/span.h"

/* Declared charset, then BOM, then UTF-8 if valid, then windows-1252. Always valid UTF-8, in the
 * arena or borrowed from bytes. *guessed is set when the declaration was missing or wrong. */
struct span mail_text_decode(struct arena *a, struct span bytes, const char *charset,
                             bool *guessed);
/* RFC 3676, in the arena. */
struct span mail_text_unflow(struct arena *a, struct span text, bool delsp);

#endif
