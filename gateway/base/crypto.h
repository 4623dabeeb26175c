/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * crypto: the only door to libsodium, and to libcrypto for SHA-256. One master key (32 bytes) per
 * installation; purpose keys are derived from it; each contact has a data key of its own, kept
 * wrapped by the master.
 */
#ifndef DRAHT_BASE_CRYPTO_H
#define DRAHT_BASE_CRYPTO_H

#include <stdint.h>

#include "gateway/base/buf.h"
#include "gateway/base/error.h"
#include "gateway/base/span.h"

#define CRYPTO_KEY_BYTES 32
#define CRYPTO_HASH_BYTES 16 /* keyed hash of an address or word */
#define CRYPTO_HASH_HEX (2 * CRYPTO_HASH_BYTES + 1)
#define CRYPTO_SEAL_OVERHEAD 41 /* version 1, nonce 24, tag 16 */
#define CRYPTO_WRAPPED_BYTES (CRYPTO_KEY_BYTES + CRYPTO_SEAL_OVERHEAD)
#define CRYPTO_PWHASH_BYTES 128

struct crypto; /* holds master and derived keys in guarded memory */

/* Once per process before anything else. 0 or ERR_CRYPTO. */
int crypto_init(void);
/* Reads the key file (64 hex digits, mode 0600 or stricter), or makes it when it does not exist
 * (made_out = true). Returned; crypto_free. NULL and fault on failure. */
struct crypto *crypto_open(const char *key_path, bool *made_out, struct fault *fault);
/* For tests: from 32 given bytes. */
struct crypto *crypto_from_key(const uint8_t key[CRYPTO_KEY_BYTES]);
void crypto_free(struct crypto **c);

void crypto_random(void *out, size_t n);
/* Keyed BLAKE2b of purpose and text (addresses, words, dedupe ids): lower-case hex in out. */
void crypto_keyed_hash(const struct crypto *c, const char *purpose, struct span text,
                       char out[CRYPTO_HASH_HEX]);
/* libsodium exports a crypto_hash of its own, so the symbol has another name than the call. */
#define crypto_hash crypto_keyed_hash
/* HMAC-SHA256 under a key derived for purpose: 32 bytes (tokens, plus-addresses, Message-IDs). */
void crypto_mac(const struct crypto *c, const char *purpose, struct span text, uint8_t out[32]);
/* HMAC-SHA256 with a foreign secret (webhook signatures). */
void crypto_hmac_sha256(struct span secret, struct span text, uint8_t out[32]);
void crypto_sha256_hex(struct span text, char out[65]);
bool crypto_equal(const void *a, const void *b, size_t n); /* constant time */

/* A fresh data key, plain and wrapped under the master. */
void crypto_new_data_key(const struct crypto *c, uint8_t key[CRYPTO_KEY_BYTES],
                         uint8_t wrapped[CRYPTO_WRAPPED_BYTES]);
/* 0 or ERR_CRYPTO; key untouched on failure. */
int crypto_unwrap(const struct crypto *c, struct span wrapped, uint8_t key[CRYPTO_KEY_BYTES]);
/* Appends the sealed bytes (XChaCha20-Poly1305-IETF, random nonce) to out. aad is authenticated. */
void crypto_seal(const uint8_t key[CRYPTO_KEY_BYTES], struct span aad, struct span plain,
                 struct buf *out);
/* Appends the plain bytes. 0 or ERR_CRYPTO; out untouched on failure. */
int crypto_unseal(const uint8_t key[CRYPTO_KEY_BYTES], struct span aad, struct span sealed,
                  struct buf *out);
/* The installation's own data key for what belongs to no citizen (derived for purpose). */
void crypto_purpose_key(const struct crypto *c, const char *purpose, uint8_t key[CRYPTO_KEY_BYTES]);

/* Argon2id with libsodium's interactive limits (2 passes over 64 MiB); BLOCKING (about 0.1 s):
 * thread pool only. 0 or ERR_CRYPTO. */
int crypto_pw_hash(const char *password, char out[CRYPTO_PWHASH_BYTES]);
bool crypto_pw_verify(const char *hash, const char *password);

/* Encodings; out is NUL-terminated. */
void crypto_hex(const void *p, size_t n, char *out);               /* 2n+1 */
void crypto_b64url(const void *p, size_t n, char *out);            /* 4*((n+2)/3)+1, no padding */
int crypto_b64url_decode(struct span s, uint8_t *out, size_t cap); /* length or ERR_INVALID */
void crypto_base32(const void *p, size_t n, char *out); /* RFC 4648 lower case, no padding */

#endif
