/* SPDX-License-Identifier: EUPL-1.2 */
/* twilio_normalize: a posted form as intake would see it. */
#include <stdio.h>

#include "channels/kit/normal.h"
#include "channels/sms_http/twilio_form.h"

#define CHANNEL "twilio"

static json_t *message(const struct twilio_post *p) {
    struct kit_normal m = {.channel = CHANNEL,
                           .external_id = p->id,
                           .sender = p->from,
                           .sender_name = p->name,
                           .recipient = p->to,
                           .text = p->text,
                           .had_controls = p->had_controls,
                           .had_bidi = p->had_bidi,
                           .was_cut = p->was_cut};
    json_t *o = kit_normal_message(&m);
    for (size_t i = 0; i < p->media_n; i++)
        kit_normal_file(o, SPAN("anhang"), p->media_type[i], -1, SPAN_NONE);
    return o;
}

static json_t *receipt(struct arena *a, const struct twilio_post *p) {
    bool is_failure = p->state == DRAHT_RECEIPT_FAILED;
    return kit_normal_receipt(CHANNEL, p->id, p->state,
                              p->code ? json_integer((json_int_t)p->code) : NULL,
                              is_failure ? twilio_reason(a, p->code) : NULL);
}

static void say(int rc, bool is_json, struct span body, char *err) {
    char why[160] = "";
    if (!is_json) {
        kit_normal_form_fault(rc, body, err);
        return;
    }
    json_decref(json_parse(body, TWILIO_BODY_BYTES_MAX, why));
    snprintf(err, 256, "The input is no JSON object: %s", why);
}

int twilio_normalize(const char *raw, size_t n, char **out, char *err) {
    struct arena *a = arena_new();
    struct form f;
    struct twilio_post p;
    struct span body = span_trim((struct span){raw, n});
    bool is_json = body.n && body.p[0] == '{';
    struct span type =
        is_json ? SPAN("application/json") : SPAN("application/x-www-form-urlencoded");
    int rc = n > TWILIO_BODY_BYTES_MAX ? ERR_TOO_LARGE
             : !body.n                 ? ERR_INVALID
                                       : twilio_fields(a, type, body, &f);
    if (rc < 0) {
        say(rc, is_json, body, err);
    } else {
        struct buf b = {0};
        twilio_read(a, &f, &p);
        kit_normal_print(&b, p.kind == TWILIO_MESSAGE   ? message(&p)
                             : p.kind == TWILIO_RECEIPT ? receipt(a, &p)
                                                        : kit_normal_ignored(CHANNEL, p.ignored));
        *out = buf_take(&b, NULL);
    }
    arena_free(&a);
    return rc;
}
