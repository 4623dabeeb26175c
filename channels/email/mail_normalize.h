/* SPDX-License-Identifier: EUPL-1.2 */
/* mail_normalize: a raw mail as one line of JSON, for `draht normalize` and for tests of mail
 * reading. No state, no keys: tokens are not checked here. */
#ifndef DRAHT_EMAIL_MAIL_NORMALIZE_H
#define DRAHT_EMAIL_MAIL_NORMALIZE_H

#include <stddef.h>

/* Returned malloc'd text in *out. 0, or negative with err (256 bytes). */
int mail_normalize(const char *raw, size_t n, char **out, char *err);

#endif
