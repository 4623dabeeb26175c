/* SPDX-License-Identifier: EUPL-1.2 */
/* registry: the built-in channels, listed once, in words. */
#ifndef DRAHT_CHANNELS_REGISTRY_H
#define DRAHT_CHANNELS_REGISTRY_H

#include "channels/abi/draht_channel.h"

/* NULL when there is no such type. */
const struct draht_channel_ops *registry_find(const char *type);
/* The i-th, or NULL behind the last. */
const struct draht_channel_ops *registry_at(int i);
/* Has the form of config_options_fn. */
const struct draht_option *registry_options(const char *type, int *rows_out);

#endif
