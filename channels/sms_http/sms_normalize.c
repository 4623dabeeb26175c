/* SPDX-License-Identifier: EUPL-1.2 */
/* sms_normalize: a form or a JSON object with the usual names, as intake would see it: with a state
 * it is a receipt. */
#include <stdio.h>

#include "channels/kit/normal.h"
#include "channels/sms_http/sms_fields.h"
#include "gateway/base/error.h"

#define CHANNEL "sms-http"

static json_t *message(const struct sms_message *x) {
    struct kit_normal m = {.channel = CHANNEL,
                           .external_id = x->id,
                           .sender = span_str(x->from),
                           .recipient = x->to,
                           .text = x->text,
                           .sent_ms = x->sent_ms,
                           .warnings = {x->is_odd ? "some characters could not be read" : NULL}};
    return kit_normal_message(&m);
}

static json_t *receipt(const struct sms_state *r) {
    return kit_normal_receipt(CHANNEL, r->id, r->state,
                              r->code.n ? json_stringn(r->code.p, r->code.n) : NULL, NULL);
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
    return fault ? kit_normal_ignored(CHANNEL, fault) : is_receipt ? receipt(&r) : message(&m);
}

/* What is wrong with a body that was refused with rc. */
static void say(int rc, bool is_json, struct span body, char *err) {
    char why[160] = "";
    if (!is_json) {
        kit_normal_form_fault(rc, body, err);
        return;
    }
    json_decref(json_parse(body, SMS_BODY_BYTES_MAX, why));
    snprintf(err, 256, "The input is no JSON object: %s", *why ? why : "it lists too many.");
}

int sms_http_normalize(const char *raw, size_t n, char **out, char *err) {
    struct arena *a = arena_new();
    struct form form;
    struct sms_source items[SMS_LIST_MAX] = {{&form, NULL}};
    json_t *json = NULL, *options = json_object();
    struct buf b = {0};
    struct span body = span_trim((struct span){raw, n});
    bool is_json = body.n && (body.p[0] == '{' || body.p[0] == '[');
    struct span type =
        is_json ? SPAN("application/json") : SPAN("application/x-www-form-urlencoded");
    int rc = n > SMS_BODY_BYTES_MAX ? ERR_TOO_LARGE
             : !body.n              ? ERR_INVALID
                                    : sms_read_body(a, type, body, &form, &json);
    int count = rc == 0 && json ? sms_items(options, "in", json, items) : 1;
    rc = rc < 0 ? rc : count < 0 ? count : 0;
    for (int i = 0; rc == 0 && i < count; i++)
        kit_normal_print(&b, item(a, options, &items[i]));
    if (rc < 0)
        say(rc, is_json, body, err);
    else
        *out = b.n ? buf_take(&b, NULL) : xstrdup("");
    json_decref(json);
    json_decref(options);
    arena_free(&a);
    return rc;
}
