/* SPDX-License-Identifier: EUPL-1.2 */
/* sms_pick: what the settings want to know of an answer: "status", "json:/a/0/b" (RFC 6901), or
 * "text:OK id={} *". Pure, and linear in the answer. */
#ifndef DRAHT_SMS_HTTP_SMS_PICK_H
#define DRAHT_SMS_HTTP_SMS_PICK_H

#include "gateway/base/arena.h"
#include "gateway/base/json.h"
#include "gateway/base/span.h"

#define SMS_PICK_BYTES_MAX 4096 /* of a text answer; the rest is not looked at */

struct sms_answer {
    int status;
    struct span body;
    const json_t *json; /* the body read, or NULL */
};

bool sms_pick_is_valid(const char *pick);
/* In the arena or borrowed from the body; p NULL: not there, or no such text. A pattern is compared
 * from the beginning of the text: "*" and "{}" stand for anything up to the next letter of the
 * pattern, "{}" at the end for anything up to a blank; what {} stood for is picked, without it the
 * part that was matched. */
struct span sms_pick(struct arena *a, const char *pick, const struct sms_answer *answer);
/* RFC 6901; a name without a slash is a member of the outermost object. NULL: not there. */
const json_t *sms_pointer(const json_t *v, const char *pointer);
/* A text, a whole number or a truth as text in the arena; p NULL: anything else. */
struct span sms_scalar(struct arena *a, const json_t *v);

/* list: texts such as "200", "2xx" and "200-204". */
bool sms_statuses_are_valid(const json_t *list);
bool sms_status_is_in(const json_t *list, int status);

#endif
