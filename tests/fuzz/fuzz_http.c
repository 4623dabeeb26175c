/* SPDX-License-Identifier: EUPL-1.2 */
/* fuzz_http: the HTTP parsers that are ours: escapes, paths, cookies, forwarded addresses, chunked
 * bodies whole and in pieces. libFuzzer; the first byte chooses the piece size. */
#include <stdint.h>
#include <stdlib.h>

#include "gateway/net/http_text.h"

#define BODY_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int feed(struct span all, size_t step, struct buf *out) {
    struct http_chunks c = {0};
    int rc = 0;
    for (size_t i = 0; i < all.n && rc == 0; i += step)
        rc = http_chunks_feed(&c, (struct span){all.p + i, all.n - i < step ? all.n - i : step}, BODY_MAX, out);
    if (out->n > BODY_MAX) abort();
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (n < 1) return 0;
    struct span s = {(const char *)data + 1, n - 1}, out = SPAN_NONE;
    struct arena *a = arena_new();
    if (http_text_decode(a, s, data[0] & 1, &out) && memchr(out.p, '\0', out.n)) abort();
    http_text_is_safe_path(s);
    http_text_cookie(s, "sid");
    http_text_list_has(s, "close");
    char peer[64];
    http_text_forwarded(s, peer, sizeof peer);
    arena_free(&a);
    struct buf whole = {0}, pieces = {0};
    int one = feed(s, s.n + 1, &whole), many = feed(s, (size_t)data[0] % 7 + 1, &pieces);
    if (one != many || !span_is(buf_span(&whole), buf_span(&pieces))) abort();
    buf_free(&whole);
    buf_free(&pieces);
    return 0;
}
