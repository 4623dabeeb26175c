/* SPDX-License-Identifier: EUPL-1.2 */
/* oauth: access tokens for the mailbox and the relay (RFC 6749: refresh token or client
 * credentials). One request at a time, renewed at 80 % of their life, once more after a refusal. */
#ifndef DRAHT_EMAIL_OAUTH_H
#define DRAHT_EMAIL_OAUTH_H

#include "channels/email/email_channel.h"

struct oauth;
/* NULL when the settings name no oauth_token_url. */
struct oauth *oauth_new(struct email *e);
/* Waiting callbacks do not run any more. Accepts NULL, sets NULL. */
void oauth_free(struct oauth **o);

/* token (borrowed) or NULL with a sentence; is_refused: the token server says no, an operator must
 * act. */
typedef void (*oauth_fn)(void *arg, const char *token, const char *why, bool is_refused);
/* Runs fn exactly once, perhaps inside this call. */
void oauth_get(struct oauth *o, oauth_fn fn, void *arg);
void oauth_forget(struct oauth *o, const void *arg); /* arg's callbacks do not run any more */
/* A mail server refused the current token. True: ask for another one, once; false: that one was
 * another one already. */
bool oauth_refused(struct oauth *o);

#endif
