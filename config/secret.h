/* SPDX-License-Identifier: EUPL-1.2 */
/* secret: passwords that stand elsewhere: file:/path or env:NAME. */
#ifndef DRAHT_CONFIG_SECRET_H
#define DRAHT_CONFIG_SECRET_H

#include "gateway/base/arena.h"
#include "gateway/base/error.h"

#define SECRET_MAX_BYTES 8192
/* The secret that value points to, or value itself; in the arena, registered for redaction in the
 * log. NULL and fault when it cannot be read. The fault never holds the secret. */
const char *secret_resolve(struct arena *a, const char *value, struct fault *fault);

#endif
