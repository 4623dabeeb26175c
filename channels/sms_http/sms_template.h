/* SPDX-License-Identifier: EUPL-1.2 */
/* sms_template: texts of the settings with {words} in them, filled in for the place where they go.
 * Pure. */
#ifndef DRAHT_SMS_HTTP_SMS_TEMPLATE_H
#define DRAHT_SMS_HTTP_SMS_TEMPLATE_H

#include "channels/kit/kit.h"
#include "gateway/base/json.h"

enum sms_escape {
    SMS_RAW,
    SMS_URL,
    SMS_JSON, /* inside the quotes of a string */
    SMS_XML,
    SMS_HEADER /* control characters become blanks */
};
struct sms_value {
    const char *name;
    struct span value; /* valid UTF-8 */
};
/* A placeholder is a brace, small letters or underscores, a brace; other braces are text. NULL, or
 * the first one that is not among the values: borrowed from text, *n its length. */
const char *sms_template_stranger(const char *text, const struct sms_value *values, size_t values_n,
                                  size_t *n);
/* Appends text; only the values are escaped. */
void sms_template(const char *text, enum sms_escape how, const struct sms_value *values,
                  size_t values_n, struct buf *out);
/* The same for every text in a tree. Returned (json_decref). */
json_t *sms_template_tree(const json_t *tree, const struct sms_value *values, size_t values_n);

#endif
