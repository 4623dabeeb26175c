/* SPDX-License-Identifier: EUPL-1.2 */
/* Webhook bodies of the three flavours, as normalize reads them. The first byte chooses the flavour. */
#include <stdint.h>
#include <stdlib.h>

#include "channels/meta/meta.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const struct draht_channel_ops *const flavours[] = {&whatsapp_ops, &messenger_ops, &instagram_ops};
    char err[256];
    char *out = NULL;
    if (n == 0)
        return 0;
    if (flavours[data[0] % 3]->normalize((const char *)data + 1, n - 1, &out, err) == 0)
        free(out);
    return 0;
}
