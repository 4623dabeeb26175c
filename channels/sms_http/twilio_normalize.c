/* SPDX-License-Identifier: EUPL-1.2 */
/* twilio_normalize: a posted form as intake would see it. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/sms_http/twilio_form.h"
#include "gateway/base/json.h"

static json_t *or_null(struct span s) {
    return s.n ? json_stringn(s.p, s.n) : json_null();
}

static json_t *message(const struct twilio_post *p) {
    json_t *files = json_array();
    for (size_t i = 0; i < p->media_n; i++)
        json_array_append_new(
            files, json_pack("{s:s,s:n,s:n,s:n}", "name", "anhang", "type", "bytes", "sha256"));
    return json_pack("{s:o,s:{s:o,s:o},s:[o],s:n,s:o,s:b,s:n,s:[],s:o,s:b,s:n,s:[]}", "external_id",
                     or_null(p->id), "sender", "address", or_null(p->from), "name",
                     or_null(p->name), "recipients", or_null(p->to), "subject", "text",
                     json_stringn(p->text.n ? p->text.p : "", p->text.n), "html_present", 0,
                     "in_reply_to", "references", "attachments", files, "automatic", 0, "sent_at",
                     "warnings");
}

static json_t *receipt(const struct twilio_post *p) {
    static const char *const states[] = {[DRAHT_RECEIPT_SENT] = "sent",
                                         [DRAHT_RECEIPT_DELIVERED] = "delivered",
                                         [DRAHT_RECEIPT_READ] = "read",
                                         [DRAHT_RECEIPT_FAILED] = "failed"};
    json_t *o = json_pack("{s:o,s:s}", "external_id", or_null(p->id), "state", states[p->state]);
    if (p->state == DRAHT_RECEIPT_FAILED) {
        json_puti(o, "code", (int64_t)p->code);
        json_puts(o, "reason", twilio_reason(p->code));
    }
    return o;
}

int twilio_normalize(const char *raw, size_t n, char **out, char *err) {
    struct arena *a = arena_new();
    struct form f;
    struct twilio_post p;
    struct span body = span_trim((struct span){raw, n});
    bool is_json = body.n && body.p[0] == '{';
    int rc = n > TWILIO_BODY_BYTES_MAX
                 ? ERR_TOO_LARGE
                 : twilio_fields(a,
                                 is_json ? SPAN("application/json")
                                         : SPAN("application/x-www-form-urlencoded"),
                                 body, &f);
    if (rc < 0) {
        snprintf(err, 256, "The input is no form, or it is too large.");
    } else {
        twilio_read(a, &f, &p);
        json_t *o = p.kind == TWILIO_MESSAGE   ? message(&p)
                    : p.kind == TWILIO_RECEIPT ? receipt(&p)
                                               : json_pack("{s:s}", "reason", p.ignored);
        static const char *const kinds[] = {"ignored", "message", "receipt"};
        json_puts(o, "kind", kinds[p.kind]);
        json_puts(o, "channel", "twilio");
        struct buf b = {0};
        char *text = json_text(o);
        buf_addf(&b, "%s\n", text);
        free(text);
        json_decref(o);
        *out = buf_take(&b, NULL);
    }
    arena_free(&a);
    return rc;
}
