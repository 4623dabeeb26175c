/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * crypto: sealing, hashing, passwords and encodings on libsodium. Where the master key comes from
 * is in crypto_key.c. A purpose key is BLAKE2b(key = master, kind and purpose), so that keys for
 * different ends never meet.
 */
#include <openssl/sha.h> /* uses the processor's own SHA instructions, libsodium does not */
#include <sodium.h>      /* before ours: see crypto_hash there */

#include "gateway/base/crypto.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/crypto_key.h"

#define SEAL_VERSION 1
#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES crypto_aead_xchacha20poly1305_ietf_ABYTES
#define SEALED_TEXT_AT (1 + NONCE_BYTES)
_Static_assert(1 + NONCE_BYTES + TAG_BYTES == CRYPTO_SEAL_OVERHEAD, "overhead of a sealed text");
_Static_assert(crypto_pwhash_STRBYTES == CRYPTO_PWHASH_BYTES, "room for a password hash");

static const unsigned char *bytes(struct span s) {
    return (const unsigned char *)(s.n ? s.p : "");
}

int crypto_init(void) {
    return sodium_init() < 0 ? ERR_CRYPTO : 0;
}

void crypto_random(void *out, size_t n) {
    randombytes_buf(out, n);
}

static void derive(const struct crypto *c, const char *kind, const char *purpose,
                   uint8_t out[CRYPTO_KEY_BYTES]) {
    crypto_generichash_state s;
    crypto_generichash_init(&s, c->master, CRYPTO_KEY_BYTES, CRYPTO_KEY_BYTES);
    crypto_generichash_update(&s, (const unsigned char *)kind, strlen(kind) + 1);
    crypto_generichash_update(&s, (const unsigned char *)purpose, strlen(purpose) + 1);
    crypto_generichash_final(&s, out, CRYPTO_KEY_BYTES);
    sodium_memzero(&s, sizeof s);
}

void crypto_purpose_key(const struct crypto *c, const char *purpose,
                        uint8_t key[CRYPTO_KEY_BYTES]) {
    derive(c, "data", purpose, key);
}

void crypto_keyed_hash(const struct crypto *c, const char *purpose, struct span text,
                       char out[CRYPTO_HASH_HEX]) {
    uint8_t key[CRYPTO_KEY_BYTES], hash[CRYPTO_HASH_BYTES];
    derive(c, "hash", purpose, key);
    crypto_generichash(hash, sizeof hash, bytes(text), text.n, key, sizeof key);
    crypto_hex(hash, sizeof hash, out);
    sodium_memzero(key, sizeof key);
}

void crypto_hmac_sha256(struct span secret, struct span text, uint8_t out[32]) {
    crypto_auth_hmacsha256_state s;
    crypto_auth_hmacsha256_init(&s, bytes(secret), secret.n);
    crypto_auth_hmacsha256_update(&s, bytes(text), text.n);
    crypto_auth_hmacsha256_final(&s, out);
    sodium_memzero(&s, sizeof s);
}

void crypto_mac(const struct crypto *c, const char *purpose, struct span text, uint8_t out[32]) {
    uint8_t key[CRYPTO_KEY_BYTES];
    derive(c, "mac", purpose, key);
    crypto_hmac_sha256((struct span){(const char *)key, sizeof key}, text, out);
    sodium_memzero(key, sizeof key);
}

void crypto_sha256_hex(struct span text, char out[65]) {
    uint8_t hash[SHA256_DIGEST_LENGTH];
    SHA256(bytes(text), text.n, hash);
    crypto_hex(hash, sizeof hash, out);
}

bool crypto_equal(const void *a, const void *b, size_t n) {
    return sodium_memcmp(a, b, n) == 0;
}

void crypto_seal(const uint8_t key[CRYPTO_KEY_BYTES], struct span aad, struct span plain,
                 struct buf *out) {
    size_t n = plain.n + CRYPTO_SEAL_OVERHEAD;
    unsigned char *sealed = xcalloc(1, n);
    sealed[0] = SEAL_VERSION;
    randombytes_buf(sealed + 1, NONCE_BYTES);
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + SEALED_TEXT_AT, NULL, bytes(plain), plain.n,
                                               bytes(aad), aad.n, NULL, sealed + 1, key);
    buf_add(out, sealed, n);
    free(sealed);
}

int crypto_unseal(const uint8_t key[CRYPTO_KEY_BYTES], struct span aad, struct span sealed,
                  struct buf *out) {
    const unsigned char *s = bytes(sealed);
    if (sealed.n < CRYPTO_SEAL_OVERHEAD || s[0] != SEAL_VERSION)
        return ERR_CRYPTO;
    size_t n = sealed.n - CRYPTO_SEAL_OVERHEAD;
    unsigned char *plain = xcalloc(1, n);
    int rc = crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, s + SEALED_TEXT_AT,
                                                        sealed.n - SEALED_TEXT_AT, bytes(aad),
                                                        aad.n, s + 1, key);
    if (rc == 0)
        buf_add(out, plain, n);
    sodium_memzero(plain, n);
    free(plain);
    return rc == 0 ? 0 : ERR_CRYPTO;
}

void crypto_new_data_key(const struct crypto *c, uint8_t key[CRYPTO_KEY_BYTES],
                         uint8_t wrapped[CRYPTO_WRAPPED_BYTES]) {
    uint8_t wrapper[CRYPTO_KEY_BYTES];
    struct buf out = {0};
    randombytes_buf(key, CRYPTO_KEY_BYTES);
    derive(c, "wrap", "contact", wrapper);
    crypto_seal(wrapper, SPAN("wrap"), (struct span){(const char *)key, CRYPTO_KEY_BYTES}, &out);
    memcpy(wrapped, out.p, CRYPTO_WRAPPED_BYTES);
    buf_free(&out);
    sodium_memzero(wrapper, sizeof wrapper);
}

int crypto_unwrap(const struct crypto *c, struct span wrapped, uint8_t key[CRYPTO_KEY_BYTES]) {
    if (wrapped.n != CRYPTO_WRAPPED_BYTES)
        return ERR_CRYPTO;
    uint8_t wrapper[CRYPTO_KEY_BYTES];
    struct buf plain = {0};
    derive(c, "wrap", "contact", wrapper);
    int rc = crypto_unseal(wrapper, SPAN("wrap"), wrapped, &plain);
    if (rc == 0) {
        memcpy(key, plain.p, CRYPTO_KEY_BYTES);
        sodium_memzero(plain.p, plain.n);
    }
    buf_free(&plain);
    sodium_memzero(wrapper, sizeof wrapper);
    return rc;
}

int crypto_pw_hash(const char *password, char out[CRYPTO_PWHASH_BYTES]) {
    char hash[CRYPTO_PWHASH_BYTES];
    if (crypto_pwhash_str_alg(hash, password, strlen(password), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                              crypto_pwhash_MEMLIMIT_INTERACTIVE,
                              crypto_pwhash_ALG_ARGON2ID13) != 0)
        return ERR_CRYPTO;
    memcpy(out, hash, sizeof hash);
    return 0;
}

bool crypto_pw_verify(const char *hash, const char *password) {
    return crypto_pwhash_str_verify(hash, password, strlen(password)) == 0;
}

void crypto_hex(const void *p, size_t n, char *out) {
    sodium_bin2hex(out, 2 * n + 1, p, n);
}

void crypto_b64url(const void *p, size_t n, char *out) {
    sodium_bin2base64(out, sodium_base64_encoded_len(n, sodium_base64_VARIANT_URLSAFE_NO_PADDING),
                      p, n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

int crypto_b64url_decode(struct span s, uint8_t *out, size_t cap) {
    size_t n = 0;
    const char *end = NULL;
    if (s.n > INT32_MAX)
        return ERR_INVALID;
    if (!s.n)
        return 0;
    struct buf plain = {0};
    plain.p = xcalloc(1, s.n);
    int rc = sodium_base642bin((unsigned char *)plain.p, s.n, s.p, s.n, NULL, &n, &end,
                               sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    bool is_good = rc == 0 && end == s.p + s.n && n <= cap;
    if (is_good)
        memcpy(out, plain.p, n);
    buf_free(&plain);
    return is_good ? (int)n : ERR_INVALID;
}

void crypto_base32(const void *p, size_t n, char *out) {
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
    const uint8_t *in = p;
    unsigned acc = 0, bits = 0;
    for (size_t i = 0; i < n; i++) {
        acc = (acc << 8 | in[i]) & 0xffff;
        for (bits += 8; bits >= 5;) {
            bits -= 5;
            *out++ = digits[acc >> bits & 31];
        }
    }
    if (bits)
        *out++ = digits[acc << (5 - bits) & 31];
    *out = '\0';
}
