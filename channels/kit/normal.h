/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * normal: what draht normalize prints, the same members in the same order whatever the channel. One
 * object a line: a message, a receipt, or ignored with the reason. No I/O.
 */
#ifndef DRAHT_CHANNELS_KIT_NORMAL_H
#define DRAHT_CHANNELS_KIT_NORMAL_H

#include <stdint.h>

#include "gateway/base/buf.h"
#include "gateway/base/json.h"
#include "gateway/base/span.h"

#define KIT_NORMAL_WARNINGS_MAX 6

/* Empty spans are printed as null, an empty text as "". */
struct kit_normal {
    const char *channel;
    struct span external_id, sender, sender_name;
    struct span recipient; /* empty: no recipients */
    struct span subject, text, in_reply_to;
    bool has_html, is_automatic;
    int64_t sent_ms;                               /* 0: unknown */
    const char *warnings[KIT_NORMAL_WARNINGS_MAX]; /* NULL: left out */
    bool had_controls, had_bidi, was_cut;          /* become warnings, too */
};
/* All objects are returned (json_decref or kit_normal_print). */
json_t *kit_normal_message(const struct kit_normal *m);
/* Adds an attachment to a message; bytes negative: unknown. */
void kit_normal_file(json_t *message, struct span name, struct span type, int64_t bytes,
                     struct span sha256);
void kit_normal_warn(json_t *message, const char *warning);
/* state: enum draht_receipt_state. The provider's code (taken) and the reason may be NULL. */
json_t *kit_normal_receipt(const char *channel, struct span external_id, uint32_t state,
                           json_t *code, const char *reason);
json_t *kit_normal_ignored(const char *channel, const char *reason);
/* One sentence about a body that form_parse refused with rc. */
void kit_normal_form_fault(int rc, struct span body, char err[256]);
/* Appends the object and a line feed; o is taken. */
void kit_normal_print(struct buf *b, json_t *o);

#endif
