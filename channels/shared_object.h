/* SPDX-License-Identifier: EUPL-1.2 */
/* shared_object: channels in an operator's own .so (type "shared-object"). */
#ifndef DRAHT_CHANNELS_SHARED_OBJECT_H
#define DRAHT_CHANNELS_SHARED_OBJECT_H

#include "channels/abi/draht_channel.h"

/* Carries the options path and settings; it is resolved before a channel is opened. */
extern const struct draht_channel_ops shared_object_ops;
/* Loads the object at path and asks it for its table, which lives as long as *object_out (dlclose).
 * NULL and a sentence in err (256 bytes), *object_out untouched: not there, not loadable, no
 * draht_channel_plugin, another major version. What the table says is not looked at. */
const struct draht_channel_ops *shared_object_open(const char *path, void **object_out, char *err);
/* Loads what options_json names and checks the settings against its option table. The object's
 * table, valid for the life of the process (it is never unloaded), and *settings_out returned
 * (free). NULL and a sentence in err (256 bytes): not there, no draht_channel_plugin, another major
 * version, a size that cannot be, a missing function, a fault in the settings. */
const struct draht_channel_ops *shared_object_load(const char *options_json, char **settings_out,
                                                   char *err);

#endif
