/* SPDX-License-Identifier: EUPL-1.2 */
/* main: the door. The helpers come first: they run confined and need nothing. */
#include <string.h>

#include "channels/email/email.h"
#include "channels/exec/exec.h"
#include "gateway/cli.h"

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "--tnef-helper") == 0)
        return email_tnef_helper_main();
    if (argc > 1 && strcmp(argv[1], EXEC_HELPER_ARG) == 0)
        return exec_helper_main(argc, argv);
    return cli_main(argc, argv);
}
