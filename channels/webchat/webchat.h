/* SPDX-License-Identifier: EUPL-1.2 */
/* webchat: the chat window on the city's pages as a channel. protocol.md says what it speaks. */
#ifndef DRAHT_WEBCHAT_WEBCHAT_H
#define DRAHT_WEBCHAT_WEBCHAT_H

#include "channels/abi/draht_channel.h"

extern const struct draht_channel_ops webchat_ops;

#endif
