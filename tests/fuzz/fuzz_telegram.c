/* SPDX-License-Identifier: EUPL-1.2 */
/* Updates of Telegram, as normalize reads them. */
#include <stdint.h>
#include <stdlib.h>

#include "channels/telegram/telegram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    char err[256];
    char *out = NULL;
    if (telegram_ops.normalize((const char *)data, n, &out, err) == 0)
        free(out);
    return 0;
}
