/* SPDX-License-Identifier: EUPL-1.2 */
/* cli_channel_log: draht channel log, the log of one channel as its file holds it. */
#ifndef DRAHT_CLI_CHANNEL_LOG_H
#define DRAHT_CLI_CHANNEL_LOG_H

/* words: what follows "log". Exit status. With --follow it ends only by a signal. */
int cli_channel_log(int words_n, char **words);

#endif
