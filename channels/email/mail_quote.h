/* SPDX-License-Identifier: EUPL-1.2 */
/* mail_quote: folds the quoted history and cuts the signature, so that staff see what is new.
 * Nothing is thrown away: the history travels beside the text, and the original is kept. */
#ifndef DRAHT_EMAIL_MAIL_QUOTE_H
#define DRAHT_EMAIL_MAIL_QUOTE_H

#include "gateway/base/span.h"

/* Line that our own mails carry; everything below it is history. */
#define MAIL_QUOTE_DELIMITER "## Bitte oberhalb dieser Zeile antworten ##"

/* Both borrowed from text (LF line ends). When nothing would be left, top is the whole text. */
void mail_quote_split(struct span text, struct span *top, struct span *quoted);

#endif
