/* SPDX-License-Identifier: EUPL-1.2 */
/* login: what auth.c and login.c share: tokens and how long a session may rest. */
#ifndef DRAHT_API_LOGIN_H
#define DRAHT_API_LOGIN_H

#include "gateway/api/api_private.h"

void login_token_new(const struct api *a, char token[API_TOKEN_BYTES]);
void login_csrf(const struct api *a, const char *token, char csrf[API_CSRF_BYTES]);
uint64_t login_idle_ms(const struct api *a);
/* Hashes the password on the thread pool; hash NULL on failure, else borrowed during done. 0 or
 * negative. */
typedef void (*login_hash_fn)(void *arg, const char *hash);
int login_hash(struct api *a, const char *password, login_hash_fn done, void *arg);

#endif
