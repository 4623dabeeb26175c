/* SPDX-License-Identifier: EUPL-1.2 */
/* exec: channels that are programs in any language, over lines of JSON-RPC (docs/channel-wire.md).
 */
#ifndef DRAHT_CHANNELS_EXEC_EXEC_H
#define DRAHT_CHANNELS_EXEC_EXEC_H

#include "channels/abi/draht_channel.h"

#define EXEC_HELPER_ARG "--exec-helper"
extern const struct draht_channel_ops exec_ops;
/* main.c calls it when argv[1] is EXEC_HELPER_ARG; argv: self, that, memory in MiB, processes, the
 * program and its words. Returns only when it could not be started; the exit status. */
int exec_helper_main(int argc, char **argv);
/* Asks the program of such a channel for its manifest and checks the settings against it, within 10
 * seconds, on a loop of its own (draht check). 0, or negative with a sentence in err. */
int exec_check(const char *options_json, char err[256]);

#endif
