/* SPDX-License-Identifier: EUPL-1.2 */
/* sms_normalize: a form or a JSON object with the usual names, as intake would see it: with a state
 * it is a receipt. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/sms_http/sms_fields.h"
#include "gateway/base/clock.h"
#include "gateway/base/error.h"

static json_t *or_null(struct span s) {
    return s.n ? json_stringn(s.p, s.n) : json_null();
}

static json_t *message(const struct sms_message *m) {
    char time[CLOCK_RFC3339_BYTES] = "";
    clock_rfc3339(m->sent_ms, time);
    json_t *warnings = json_array();
    if (m->is_odd)
        json_array_append_new(
            warnings, json_string("Some characters of the text message could not be read."));
    return json_pack("{s:s,s:o,s:{s:s,s:n},s:[o],s:n,s:o,s:b,s:n,s:[],s:[],s:b,s:o,s:o}", "kind",
                     "message", "external_id", or_null(m->id), "sender", "address", m->from, "name",
                     "recipients", or_null(m->to), "subject", "text",
                     json_stringn(m->text.p, m->text.n), "html_present", 0, "in_reply_to",
                     "references", "attachments", "automatic", 0, "sent_at",
                     m->sent_ms ? json_string(time) : json_null(), "warnings", warnings);
}

static json_t *receipt(const struct sms_state *r) {
    static const char *const states[] = {[DRAHT_RECEIPT_SENT] = "sent",
                                         [DRAHT_RECEIPT_DELIVERED] = "delivered",
                                         [DRAHT_RECEIPT_READ] = "read",
                                         [DRAHT_RECEIPT_FAILED] = "failed"};
    return json_pack("{s:s,s:o,s:s,s:o}", "kind", "receipt", "external_id", or_null(r->id), "state",
                     states[r->state], "code", or_null(r->code));
}

static json_t *item(struct arena *a, const json_t *options, const struct sms_source *s) {
    struct sms_message m;
    struct sms_state r;
    bool is_receipt = s->form ? form_value(s->form, "state").p != NULL
                              : json_object_get(s->json, "state") != NULL;
    const char *fault;
    if (is_receipt) {
        sms_read_state(a, options, s, &r);
        fault = r.fault;
    } else {
        sms_read_message(a, options, s, &m);
        fault = m.fault;
    }
    json_t *o = fault        ? json_pack("{s:s,s:s}", "kind", "ignored", "reason", fault)
                : is_receipt ? receipt(&r)
                             : message(&m);
    json_puts(o, "channel", "sms-http");
    return o;
}

int sms_http_normalize(const char *raw, size_t n, char **out, char *err) {
    struct arena *a = arena_new();
    struct form form;
    struct sms_source items[SMS_LIST_MAX] = {{&form, NULL}};
    json_t *json = NULL, *options = json_object();
    struct buf b = {0};
    struct span body = span_trim((struct span){raw, n});
    bool is_json = body.n && strchr("{[", body.p[0]);
    struct span type =
        is_json ? SPAN("application/json") : SPAN("application/x-www-form-urlencoded");
    int rc = n > SMS_BODY_BYTES_MAX ? ERR_TOO_LARGE : sms_read_body(a, type, body, &form, &json);
    int count = rc == 0 && json ? sms_items(options, "in", json, items) : 1;
    rc = rc < 0 ? rc : count < 0 ? count : 0;
    for (int i = 0; rc == 0 && i < count; i++) {
        json_t *o = item(a, options, &items[i]);
        char *text = json_text(o);
        buf_addf(&b, "%s\n", text);
        free(text);
        json_decref(o);
    }
    if (rc < 0)
        snprintf(err, 256, "The input is no form and no JSON object, or it is too large.");
    else
        *out = b.n ? buf_take(&b, NULL) : xstrdup("");
    json_decref(json);
    json_decref(options);
    arena_free(&a);
    return rc;
}
