/* SPDX-License-Identifier: EUPL-1.2 */
/* settings: the free section of an operator's own channel, checked against the option table that
 * the channel itself brought. */
#ifndef DRAHT_CHANNELS_SETTINGS_H
#define DRAHT_CHANNELS_SETTINGS_H

#include "channels/abi/draht_channel.h"
#include "gateway/base/json.h"

#define SETTINGS_ERR_BYTES 256
/* given: object of texts and lists of texts (NULL: empty). Returned (json_decref): one member a
 * row, with its JSON type and defaults; secrets resolved and registered for redaction. NULL and a
 * sentence in err that never holds a value of a secret. rows end with a row without a name; may be
 * NULL. */
json_t *settings_check(const json_t *given, const struct draht_option *rows,
                       char err[SETTINGS_ERR_BYTES]);

#endif
