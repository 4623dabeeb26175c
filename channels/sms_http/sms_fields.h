/* SPDX-License-Identifier: EUPL-1.2 */
/* sms_fields: what a provider hands over, by the names that the settings give, in our own words.
 * Pure. */
#ifndef DRAHT_SMS_HTTP_SMS_FIELDS_H
#define DRAHT_SMS_HTTP_SMS_FIELDS_H

#include "channels/kit/form.h"
#include "channels/kit/kit.h"
#include "channels/kit/phone.h"
#include "gateway/base/json.h"

#define SMS_BODY_BYTES_MAX (256u << 10)
#define SMS_LIST_MAX 100 /* messages or receipts in one request */
#define SMS_TEXT_BYTES_MAX 16384
#define SMS_ID_BYTES_MAX 128

/* One message or receipt: a form, or a JSON object. */
struct sms_source {
    const struct form *form;
    const json_t *json;
};
struct sms_message {
    struct span id; /* empty: the provider names none */
    struct span to, text, original;
    char from[KIT_PHONE_BYTES];
    int64_t sent_ms;   /* 0: unknown */
    bool is_odd;       /* some of the text could not be read */
    const char *fault; /* given: no message, because */
};
struct sms_state {
    struct span id, code;
    uint32_t state;    /* enum draht_receipt_state */
    const char *fault; /* given: no receipt, because */
};

/* Names of fields and where they may be changed in the options "in" and "receipt"; ended by NULL.
 */
extern const char *const sms_in_names[];
extern const char *const sms_receipt_names[];
/* The name under which the provider hands over a field. kind: "in" or "receipt". */
const char *sms_name(const json_t *options, const char *kind, const char *field);
/* The members of the table "states" and what is known without it. 0: ignored; negative: unknown. */
int sms_state_of(const json_t *options, struct span value);

/* A body by its type: a form into *form, or JSON into *json (returned). 0 or an error of
 * form_parse. */
int sms_read_body(struct arena *a, struct span type, struct span body, struct form *form,
                  json_t **json);
/* The messages of a JSON body: the list that the option "list" of kind names, or the body itself;
 * out has room for SMS_LIST_MAX.
 * At most SMS_LIST_MAX; their number, or ERR_INVALID or ERR_TOO_LARGE. */
int sms_items(const json_t *options, const char *kind, const json_t *body, struct sms_source *out);
/* Texts are clean UTF-8 in the arena; original is borrowed. */
void sms_read_message(struct arena *a, const json_t *options, const struct sms_source *s,
                      struct sms_message *out);
void sms_read_state(struct arena *a, const json_t *options, const struct sms_source *s,
                    struct sms_state *out);
/* Unix seconds or milliseconds, RFC 3339, or "2026-11-23 10:15:00" in UTC; 0: none of them. */
int64_t sms_time(struct span s);

int sms_http_normalize(const char *raw, size_t n, char **out, char *err);

#endif
