/* SPDX-License-Identifier: EUPL-1.2 */
/* keyword: words by which a person ends or resumes text messages. Pure. */
#ifndef DRAHT_CHANNELS_KIT_KEYWORD_H
#define DRAHT_CHANNELS_KIT_KEYWORD_H

#include "gateway/base/span.h"

enum kit_keyword { KIT_WORD_NONE, KIT_WORD_STOP, KIT_WORD_START };
/* Only when the message is nothing but the word (case, blanks and a full stop do not count). */
enum kit_keyword kit_keyword(struct span text);

#endif
