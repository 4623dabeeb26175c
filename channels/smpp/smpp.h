/* SPDX-License-Identifier: EUPL-1.2 */
/* smpp: the channel for text messages (SMS) by SMPP 3.4. */
#ifndef DRAHT_SMPP_SMPP_H
#define DRAHT_SMPP_SMPP_H

#include "channels/abi/draht_channel.h"

extern const struct draht_channel_ops smpp_ops;

#endif
