/* SPDX-License-Identifier: EUPL-1.2 */
/* open311: GeoReport v2 as a channel: reports about the city's streets come in from other systems,
 * and how they are doing goes back out. */
#ifndef DRAHT_CHANNELS_OPEN311_OPEN311_H
#define DRAHT_CHANNELS_OPEN311_OPEN311_H

#include "channels/abi/draht_channel.h"

extern const struct draht_channel_ops open311_ops;

#endif
