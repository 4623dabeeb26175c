/* SPDX-License-Identifier: EUPL-1.2 */
/* cli: the command line. Exit statuses: 0 done, 1 failed, 2 used wrongly. */
#ifndef DRAHT_CLI_H
#define DRAHT_CLI_H

#define CLI_OK 0
#define CLI_FAILED 1
#define CLI_USAGE 2

int cli_main(int argc, char **argv);

#endif
