/* SPDX-License-Identifier: EUPL-1.2 */
/* The stream of an instance in one piece and byte by byte, which must tell the same events, and a notification as normalize
 * reads it. */
#include <stdint.h>
#include <stdlib.h>

#include "channels/mastodon/mastodon.h"
#include "channels/mastodon/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void note(void *arg, const char *name, struct span data) {
    struct buf *b = arg;
    buf_addf(b, "%s=%zu:", name, data.n);
    if (data.n)
        buf_add(b, data.p, data.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    struct sse whole = {0}, bytes = {0};
    struct buf a = {0}, b = {0};
    struct span in = {(const char *)data, n};
    char err[256];
    char *out = NULL;
    sse_feed(&whole, in, note, &a);
    for (size_t i = 0; i < n; i++)
        sse_feed(&bytes, (struct span){in.p + i, 1}, note, &b);
    if (!span_is(buf_span(&a), buf_span(&b)))
        abort();
    buf_free(&a);
    buf_free(&b);
    sse_free(&whole);
    sse_free(&bytes);
    if (mastodon_ops.normalize(in.p, n, &out, err) == 0)
        free(out);
    return 0;
}
