/* SPDX-License-Identifier: EUPL-1.2 */
/* normal: one place for the members, so that no channel prints them differently. */
#include "channels/kit/normal.h"

#include <stdio.h>

#include "channels/abi/draht_channel.h"
#include "channels/kit/form.h"
#include "gateway/base/clock.h"

static void put(json_t *o, const char *key, struct span s) {
    if (s.n)
        json_put(o, key, s);
    else
        json_object_set_new(o, key, json_null());
}

static json_t *begin(const char *kind, const char *channel) {
    json_t *o = json_object();
    json_puts(o, "kind", kind);
    json_puts(o, "channel", channel);
    return o;
}

static void put_people(json_t *o, const struct kit_normal *m) {
    json_t *sender = json_object(), *recipients = json_array();
    put(sender, "address", m->sender);
    put(sender, "name", m->sender_name);
    json_object_set_new(o, "sender", sender);
    if (m->recipient.n)
        json_array_append_new(recipients, json_stringn(m->recipient.p, m->recipient.n));
    json_object_set_new(o, "recipients", recipients);
}

json_t *kit_normal_message(const struct kit_normal *m) {
    char at[CLOCK_RFC3339_BYTES];
    json_t *o = begin("message", m->channel);
    clock_rfc3339(m->sent_ms, at);
    put(o, "external_id", m->external_id);
    put_people(o, m);
    put(o, "subject", m->subject);
    json_put(o, "text", m->text);
    json_object_set_new(o, "html_present", json_boolean(m->has_html));
    put(o, "in_reply_to", m->in_reply_to);
    json_object_set_new(o, "references", json_array());
    json_object_set_new(o, "attachments", json_array());
    json_object_set_new(o, "automatic", json_boolean(m->is_automatic));
    json_puts(o, "sent_at", m->sent_ms ? at : NULL);
    json_object_set_new(o, "warnings", json_array());
    for (size_t i = 0; i < KIT_NORMAL_WARNINGS_MAX; i++)
        kit_normal_warn(o, m->warnings[i]);
    kit_normal_warn(o, m->had_controls ? "control characters were removed" : NULL);
    kit_normal_warn(o, m->had_bidi ? "the text changes its direction" : NULL);
    kit_normal_warn(o, m->was_cut ? "the text was cut" : NULL);
    return o;
}

void kit_normal_file(json_t *message, struct span name, struct span type, int64_t bytes,
                     struct span sha256) {
    json_t *f = json_object();
    put(f, "name", name);
    put(f, "type", type);
    json_object_set_new(f, "bytes", bytes < 0 ? json_null() : json_integer(bytes));
    put(f, "sha256", sha256);
    json_array_append_new(json_object_get(message, "attachments"), f);
}

void kit_normal_warn(json_t *message, const char *warning) {
    if (warning)
        json_array_append_new(json_object_get(message, "warnings"), json_string(warning));
}

json_t *kit_normal_receipt(const char *channel, struct span external_id, uint32_t state,
                           json_t *code, const char *reason) {
    static const char *const names[] = {[DRAHT_RECEIPT_SENT] = "sent",
                                        [DRAHT_RECEIPT_DELIVERED] = "delivered",
                                        [DRAHT_RECEIPT_READ] = "read",
                                        [DRAHT_RECEIPT_FAILED] = "failed"};
    json_t *o = begin("receipt", channel);
    put(o, "external_id", external_id);
    json_puts(o, "state", names[state]);
    json_object_set_new(o, "code", code ? code : json_null());
    json_puts(o, "reason", reason);
    return o;
}

json_t *kit_normal_ignored(const char *channel, const char *reason) {
    json_t *o = begin("ignored", channel);
    json_puts(o, "reason", reason);
    return o;
}

void kit_normal_form_fault(int rc, struct span body, char err[256]) {
    if (!body.n)
        snprintf(err, 256, "The input is no form: it is empty.");
    else if (rc == ERR_TOO_LARGE)
        snprintf(err, 256,
                 "The input is no form within the limits: %zu bytes; at most %d fields, names of "
                 "at most %d bytes.",
                 body.n, FORM_FIELDS_MAX, FORM_NAME_BYTES_MAX);
    else
        snprintf(err, 256, "The input is no form: its parts cannot be told apart.");
}

void kit_normal_print(struct buf *b, json_t *o) {
    json_write(o, b);
    buf_adds(b, "\n");
    json_decref(o);
}
