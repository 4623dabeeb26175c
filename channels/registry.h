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
/* Whether a channel would take these settings: a built-in one is opened and closed, an operator's
 * own is loaded or started far enough to be asked. Negative with a sentence in err. Blocks up to 10
 * seconds: for draht check, before anything runs. */
int registry_check(const char *type, const char *options_json, char err[256]);

#endif
