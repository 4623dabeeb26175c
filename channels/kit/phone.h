/* SPDX-License-Identifier: EUPL-1.2 */
/* phone: telephone numbers in one notation: "+49170..." for all that have a country, short codes
 * and names as they are. No I/O. */
#ifndef DRAHT_CHANNELS_KIT_PHONE_H
#define DRAHT_CHANNELS_KIT_PHONE_H

#include "gateway/base/span.h"

#define KIT_PHONE_BYTES 24

/* What the provider says about the number beside its text; ANY: nothing. */
enum kit_phone_kind {
    KIT_PHONE_ANY,
    KIT_PHONE_INTERNATIONAL,
    KIT_PHONE_NATIONAL,
    KIT_PHONE_SHORT,
    KIT_PHONE_NAME
};
/* country: digits of the default country, "49". out: valid UTF-8. false: empty. */
bool kit_phone(const char *text, enum kit_phone_kind kind, const char *country,
               char out[KIT_PHONE_BYTES]);
/* Whether it can be written to: a number or a short code, not a name. */
bool kit_phone_is_dialable(struct span canonical);

#endif
