/* SPDX-License-Identifier: EUPL-1.2 */
/* mastodon: an account on a Mastodon-compatible instance as a channel. Mentions come in, replies go
 * out as direct messages only. */
#ifndef DRAHT_MASTODON_H
#define DRAHT_MASTODON_H

#include "channels/abi/draht_channel.h"

extern const struct draht_channel_ops mastodon_ops;

#endif
