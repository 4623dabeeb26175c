/* SPDX-License-Identifier: EUPL-1.2 */
/* twilio_form: what Twilio posts: its fields, its signature, and what they mean. Pure. */
#ifndef DRAHT_SMS_HTTP_TWILIO_FORM_H
#define DRAHT_SMS_HTTP_TWILIO_FORM_H

#include "channels/kit/form.h"
#include "channels/kit/keyword.h"

#define TWILIO_BODY_BYTES_MAX (64u << 10)
#define TWILIO_MEDIA_MAX 10
#define TWILIO_TEXT_BYTES_MAX 16384

enum twilio_kind { TWILIO_IGNORED, TWILIO_MESSAGE, TWILIO_RECEIPT };
struct twilio_post {
    enum twilio_kind kind;
    struct span id, account, from, to, name, text;
    struct span media[TWILIO_MEDIA_MAX], media_type[TWILIO_MEDIA_MAX]; /* the type as claimed */
    size_t media_n;
    enum kit_keyword word;   /* that the message is nothing but, as Twilio or our list has it */
    uint32_t state;          /* enum draht_receipt_state */
    unsigned long long code; /* 0: none */
    bool had_controls, had_bidi, was_cut;
    const char *ignored; /* why */
};

/* content_type application/json: the text members of the object are the fields. 0 or an error of
 * form_parse. Fields borrow from body or live in the arena. */
int twilio_fields(struct arena *a, struct span content_type, struct span body, struct form *out);
/* Whether given is the signature over url and fields (fields NULL: url alone, JSON bodies), also
 * when the provider added or left out the standard port. In constant time. */
bool twilio_is_signed(struct span token, struct span url, const struct form *fields,
                      struct span given);
/* What the fields mean; texts are clean UTF-8 in the arena. */
void twilio_read(struct arena *a, const struct form *f, struct twilio_post *out);
/* One sentence for staff about an error code of Twilio (0: none was told); in the arena. */
const char *twilio_reason(struct arena *a, unsigned long long code);
int twilio_normalize(const char *raw, size_t n, char **out, char *err);

#endif
