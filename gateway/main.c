/* SPDX-License-Identifier: EUPL-1.2 */
/* main: the door. The helper for Outlook's attachments comes first: it runs confined and needs
 * nothing. */
#include <string.h>

#include "channels/email/email.h"
#include "gateway/cli.h"

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "--tnef-helper") == 0)
        return email_tnef_helper_main();
    return cli_main(argc, argv);
}
