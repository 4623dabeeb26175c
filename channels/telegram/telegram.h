/* SPDX-License-Identifier: EUPL-1.2 */
/* telegram: a bot of the city at Telegram, by the Bot API (core.telegram.org/bots/api). */
#ifndef DRAHT_TELEGRAM_H
#define DRAHT_TELEGRAM_H

#include "channels/abi/draht_channel.h"

extern const struct draht_channel_ops telegram_ops;

#endif
