/* SPDX-License-Identifier: EUPL-1.2 */
/* What a program writes, in two pieces (the first byte says where it is cut): lines, manifests, bodies. */
#include <stdint.h>
#include <stdlib.h>

#include "channels/exec/manifest.h"
#include "channels/exec/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (n == 0)
        return 0;
    size_t cut = data[0] < n - 1 ? data[0] : n - 1;
    const char *text = (const char *)data + 1;
    const struct span pieces[2] = {{text, cut}, {text + cut, n - 1 - cut}};
    struct wire w = {0};
    struct wire_message m;
    char why[WIRE_SENTENCE_BYTES], err[MANIFEST_ERR_BYTES];
    int rc = 0;
    for (int i = 0; i < 2 && rc >= 0; i++) {
        wire_feed(&w, pieces[i]);
        while ((rc = wire_next(&w, &m, why)) > 0) {
            struct arena *a = arena_new();
            struct manifest mf;
            struct buf out = {0};
            if ((m.kind == WIRE_RESPONSE) != (m.method == NULL) || (m.kind == WIRE_NOTE) != (m.id == NULL))
                abort();
            manifest_read(a, m.result, &mf, err);
            wire_get_body(m.params, &out);
            if (m.id)
                wire_result(&out, m.id, json_incref((json_t *)(uintptr_t)m.line));
            buf_free(&out);
            arena_free(&a);
            wire_message_free(&m);
        }
    }
    wire_free(&w);
    return 0;
}
