/* SPDX-License-Identifier: EUPL-1.2 */
/* sha1: libsodium has no SHA-1. As a MAC it still holds; for anything else it is not to be used. */
#include "channels/kit/sha1.h"

#include <string.h>

#include "gateway/base/buf.h"

enum { BLOCK = 64 };

static uint32_t turn(uint32_t v, int n) {
    return v << n | v >> (32 - n);
}

static uint32_t mix(int round, uint32_t b, uint32_t c, uint32_t d, uint32_t *k) {
    static const uint32_t constants[] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    *k = constants[round / 20];
    if (round < 20)
        return (b & c) | (~b & d);
    if (round >= 40 && round < 60)
        return (b & c) | (b & d) | (c & d);
    return b ^ c ^ d;
}

static void add_block(uint32_t state[5], const uint8_t *p) {
    uint32_t w[80], s[5];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 |
               (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
    for (int i = 16; i < 80; i++)
        w[i] = turn(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    memcpy(s, state, sizeof s);
    for (int i = 0; i < 80; i++) {
        uint32_t k, f = mix(i, s[1], s[2], s[3], &k);
        uint32_t next = turn(s[0], 5) + f + s[4] + k + w[i];
        s[4] = s[3];
        s[3] = s[2];
        s[2] = turn(s[1], 30);
        s[1] = s[0];
        s[0] = next;
    }
    for (int i = 0; i < 5; i++)
        state[i] += s[i];
}

void kit_sha1(struct span text, uint8_t out[KIT_SHA1_BYTES]) {
    uint32_t state[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    uint8_t last[2 * BLOCK] = {0x80};
    size_t whole = text.n / BLOCK, rest = text.n % BLOCK;
    for (size_t i = 0; i < whole; i++)
        add_block(state, (const uint8_t *)text.p + i * BLOCK);
    if (rest)
        memcpy(last, text.p + whole * BLOCK, rest);
    last[rest] = 0x80;
    size_t n = rest < BLOCK - 8 ? BLOCK : 2 * BLOCK;
    for (size_t i = 0; i < 8; i++)
        last[n - 1 - i] = (uint8_t)((uint64_t)text.n * 8 >> 8 * i);
    for (size_t at = 0; at < n; at += BLOCK)
        add_block(state, last + at);
    for (size_t i = 0; i < KIT_SHA1_BYTES; i++)
        out[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
}

static void keyed(const uint8_t key[BLOCK], uint8_t pad, struct span text,
                  uint8_t out[KIT_SHA1_BYTES]) {
    struct buf b = {0};
    uint8_t k[BLOCK];
    for (int i = 0; i < BLOCK; i++)
        k[i] = key[i] ^ pad;
    buf_add(&b, k, BLOCK);
    if (text.n)
        buf_add(&b, text.p, text.n);
    kit_sha1(buf_span(&b), out);
    buf_free(&b);
}

void kit_hmac_sha1(struct span secret, struct span text, uint8_t out[KIT_SHA1_BYTES]) {
    uint8_t key[BLOCK] = {0}, inner[KIT_SHA1_BYTES];
    if (secret.n > BLOCK)
        kit_sha1(secret, key);
    else if (secret.n)
        memcpy(key, secret.p, secret.n);
    keyed(key, 0x36, text, inner);
    keyed(key, 0x5c, (struct span){(const char *)inner, sizeof inner}, out);
}
