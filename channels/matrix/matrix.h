/* SPDX-License-Identifier: EUPL-1.2 */
/* matrix: rooms of the Matrix network as a channel, by the client-server API. */
#ifndef DRAHT_MATRIX_MATRIX_H
#define DRAHT_MATRIX_MATRIX_H

#include "channels/abi/draht_channel.h"

extern const struct draht_channel_ops matrix_ops;

#endif
