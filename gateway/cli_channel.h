/* SPDX-License-Identifier: EUPL-1.2 */
/* cli_channel: draht channel list|options|new|test. */
#ifndef DRAHT_CLI_CHANNEL_H
#define DRAHT_CLI_CHANNEL_H

extern const char cli_channel_help[];
/* The words after "draht channel"; an exit status. */
int cli_channel(int words_n, char **words);
/* Writes the folder of a new channel. 0, or negative with a sentence on stderr. lang: c, python or
 * sh. */
int cli_channel_new(const char *name, const char *lang, const char *folder);

#endif
