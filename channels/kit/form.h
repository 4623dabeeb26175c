/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * form: bodies of HTML forms, urlencoded and multipart/form-data, within named limits. Values are
 * decoded but not cleaned: they may hold any bytes.
 */
#ifndef DRAHT_CHANNELS_KIT_FORM_H
#define DRAHT_CHANNELS_KIT_FORM_H

#include "gateway/base/arena.h"
#include "gateway/base/error.h"
#include "gateway/base/span.h"

#define FORM_FIELDS_MAX 64
#define FORM_NAME_BYTES_MAX 100
#define FORM_BOUNDARY_BYTES_MAX 70
#define FORM_HEAD_BYTES_MAX 4096

struct form_field {
    struct span name, value;
    struct span file_name; /* p NULL: not a file */
};
struct form {
    struct form_field fields[FORM_FIELDS_MAX];
    size_t fields_n;
};
/* By content type. Fields borrow from body or live in the arena. 0, ERR_UNSUPPORTED (other type),
 * ERR_TOO_LARGE (limits) or ERR_INVALID; *out is untouched on failure. */
int form_parse(struct arena *a, struct span content_type, struct span body, struct form *out);
/* First field of that name that is no file; p NULL when absent. */
struct span form_value(const struct form *f, const char *name);

#endif
