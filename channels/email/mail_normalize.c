/* SPDX-License-Identifier: EUPL-1.2 */
/* mail_normalize: struct mail to JSON. Missing is empty or null, never absent. */
#include "channels/email/mail_normalize.h"

#include <stdio.h>
#include <stdlib.h>

#include "channels/email/mail_intake.h"
#include "channels/email/mime_in.h"
#include "gateway/base/clock.h"
#include "gateway/base/crypto.h"
#include "gateway/base/json.h"

static json_t *text(struct span s) {
    json_t *o = json_object();
    json_put(o, "v", s);
    json_t *v = json_incref(json_object_get(o, "v"));
    json_decref(o);
    return v;
}

static json_t *text_or_null(struct span s) {
    return s.n ? text(s) : json_null();
}

static json_t *person(const struct mail_address *a) {
    json_t *o = json_object();
    json_object_set_new(o, "address", text(a->address));
    json_object_set_new(o, "name", text(a->name));
    return o;
}

static json_t *attachments(const struct mail *m) {
    json_t *list = json_array();
    for (size_t i = 0; i < m->parts_n; i++) {
        const struct mail_part *p = &m->parts[i];
        char hex[65];
        crypto_sha256_hex(p->bytes, hex);
        json_t *o = json_object();
        json_object_set_new(o, "name", text(p->name));
        json_object_set_new(o, "type", text(p->type));
        json_object_set_new(o, "bytes", json_integer((json_int_t)p->bytes.n));
        json_object_set_new(o, "sha256", json_string(hex));
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *references(const struct mail *m) {
    json_t *list = json_array();
    for (size_t i = 0; i < m->references_n; i++)
        json_array_append_new(list, text(m->references[i]));
    return list;
}

static json_t *recipients(const struct mail *m) {
    json_t *list = json_array();
    for (size_t i = 0; i < m->recipients_n; i++)
        json_array_append_new(list, text(m->recipients[i].address));
    return list;
}

static json_t *warnings(const struct mail *m) {
    json_t *list = json_array();
    for (size_t i = 0; i < m->warnings_n; i++)
        json_array_append_new(list, json_string(m->warnings[i]));
    return list;
}

/* Of all rows the worst: a mail to one recipient has one row anyway. */
static const char *report_state(const struct mail *m) {
    if (m->report == MAIL_READ)
        return "read";
    const char *state = m->report == MAIL_DSN ? "sent" : "";
    for (size_t i = 0; i < m->rows_n; i++) {
        if (m->rows[i].action == MAIL_FAILED)
            return "failed";
        if (m->rows[i].action == MAIL_DELIVERED)
            state = "delivered";
    }
    return state;
}

static void put_kind(json_t *o, const struct mail *m) {
    bool is_receipt = m->report == MAIL_READ || (m->report == MAIL_DSN && m->rows_n > 0);
    json_object_set_new(o, "kind", json_string(is_receipt ? "receipt" : "message"));
    if (is_receipt)
        json_object_set_new(o, "state", json_string(report_state(m)));
}

static json_t *describe(const struct mail *m, struct span raw) {
    json_t *o = json_object();
    put_kind(o, m);
    bool is_receipt = json_object_get(o, "state") != NULL;
    char when[CLOCK_RFC3339_BYTES];
    clock_rfc3339(m->sent_ms, when);
    json_object_set_new(o, "channel", json_string("email"));
    json_object_set_new(o, "external_id",
                        text(is_receipt ? m->reported_id : mail_intake_id(m, raw)));
    json_object_set_new(o, "sender", person(&m->from));
    json_object_set_new(o, "recipients", recipients(m));
    json_object_set_new(o, "subject", text(m->subject));
    json_object_set_new(o, "text", text(m->text));
    json_object_set_new(o, "html_present", json_boolean(m->html.n > 0));
    json_object_set_new(o, "in_reply_to", text_or_null(m->in_reply_to));
    json_object_set_new(o, "references", references(m));
    json_object_set_new(o, "attachments", attachments(m));
    json_object_set_new(o, "automatic", json_boolean(m->is_automatic));
    json_object_set_new(o, "sent_at", m->sent_ms ? json_string(when) : json_null());
    json_object_set_new(o, "warnings", warnings(m));
    return o;
}

int mail_normalize(const char *raw, size_t n, char **out, char *err) {
    mime_in_init();
    struct span s = {raw, n};
    struct mail *m = mime_in_parse(s);
    json_t *o = describe(m, s);
    *out = json_text(o);
    json_decref(o);
    mime_in_free(&m);
    if (*out)
        return 0;
    snprintf(err, 256, "The mail could not be described.");
    return -1;
}
