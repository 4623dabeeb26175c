/* SPDX-License-Identifier: EUPL-1.2 */
/* Answers of a homeserver: one to /sync on a channel at work, and what normalize makes of it. */
#include "channels/matrix/matrix_private.h"
#include "tests/channels/fake_matrix.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    char err[256], *out = NULL;
    char *text = xstrndup((const char *)data, n);
    if (!mx_begin())
        abort();
    mx_answer("since=s0", 200, text);
    for (int i = 0; i < 20 && mx.runs; i++)
        mx_answer("/", i % 3 ? 200 : 404, i % 2 ? text : "{\"chunk\":[],\"event_id\":\"$x\"}");
    fake_advance(1000);
    if (matrix_normalize((const char *)data, n, &out, err) == 0)
        free(out);
    free(text);
    mx_end();
    return 0;
}
