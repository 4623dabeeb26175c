/* SPDX-License-Identifier: EUPL-1.2 */
/* crypto_key: the inside of struct crypto, for crypto.c and crypto_key.c alone. */
#ifndef DRAHT_BASE_CRYPTO_KEY_H
#define DRAHT_BASE_CRYPTO_KEY_H

#include "gateway/base/crypto.h"

struct crypto {
    uint8_t *master; /* sodium_malloc: guarded, locked, read-only */
};

#endif
