/* SPDX-License-Identifier: EUPL-1.2 */
/* normalize: a webhook body becomes what intake would see, one JSON object a line. Accounts are not
 * compared, since there is no configuration. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/meta/meta_private.h"
#include "gateway/base/clock.h"

static json_t *or_null(struct span s) {
    return s.n ? json_stringn(s.p, s.n) : json_null();
}

static json_t *files_of(const struct meta_event *e) {
    json_t *list = json_array();
    for (size_t i = 0; i < e->files_n; i++) {
        json_t *f = json_object();
        json_put(f, "name", e->files[i].name);
        json_object_set_new(f, "type", or_null(e->files[i].type));
        json_object_set_new(f, "bytes", json_null());
        json_object_set_new(f, "sha256", or_null(e->files[i].sha256));
        json_array_append_new(list, f);
    }
    return list;
}

static json_t *warnings_of(const struct meta_event *e) {
    json_t *list = json_array();
    if (e->warning)
        json_array_append_new(list, json_string(e->warning));
    if (e->had_controls)
        json_array_append_new(list, json_string("control characters were removed"));
    if (e->had_bidi)
        json_array_append_new(list, json_string("the text changes its direction"));
    if (e->was_cut)
        json_array_append_new(list, json_string("the text was cut"));
    return list;
}

static void put_time(json_t *o, int64_t ms) {
    char text[CLOCK_RFC3339_BYTES];
    clock_rfc3339(ms, text);
    json_puts(o, "sent_at", ms ? text : NULL);
}

static void put_message(json_t *o, const struct meta_event *e) {
    json_t *sender = json_object(), *recipients = json_array();
    json_put(o, "external_id", e->external_id);
    json_put(sender, "address", e->sender);
    json_object_set_new(sender, "name", or_null(e->sender_name));
    json_object_set_new(o, "sender", sender);
    if (e->account.n)
        json_array_append_new(recipients, or_null(e->account));
    json_object_set_new(o, "recipients", recipients);
    json_object_set_new(o, "subject", json_null());
    json_put(o, "text", e->text);
    json_object_set_new(o, "html_present", json_false());
    json_object_set_new(o, "in_reply_to", or_null(e->quoted));
    json_object_set_new(o, "references", json_array());
    json_object_set_new(o, "attachments", files_of(e));
    json_object_set_new(o, "automatic", json_boolean(e->is_system));
    put_time(o, e->at_ms);
    json_object_set_new(o, "warnings", warnings_of(e));
}

static void put_receipt(json_t *o, const struct meta_event *e) {
    static const char *const states[] = {[DRAHT_RECEIPT_SENT] = "sent",
                                         [DRAHT_RECEIPT_DELIVERED] = "delivered",
                                         [DRAHT_RECEIPT_READ] = "read",
                                         [DRAHT_RECEIPT_FAILED] = "failed"};
    json_object_set_new(o, "external_id", or_null(e->external_id));
    json_puts(o, "state", e->kind == META_READ_UP_TO ? "read" : states[e->state]);
    if (e->kind == META_READ_UP_TO)
        json_puti(o, "up_to_ms", e->at_ms);
    if (e->kind == META_RECEIPT && e->state == DRAHT_RECEIPT_FAILED) {
        json_puti(o, "code", e->code);
        json_puts(o, "reason", meta_error_of(e->code, 0).reason);
    }
    put_time(o, e->at_ms);
}

static void print(struct buf *b, const char *channel, const struct meta_event *e) {
    json_t *o = json_object();
    bool is_message = e->kind == META_MESSAGE, is_ignored = e->kind == META_IGNORED;
    json_puts(o, "kind", is_message ? "message" : is_ignored ? "ignored" : "receipt");
    json_puts(o, "channel", channel);
    if (is_ignored)
        json_puts(o, "reason", e->ignored);
    else if (is_message)
        put_message(o, e);
    else
        put_receipt(o, e);
    char *text = json_text(o);
    buf_addf(b, "%s\n", text);
    free(text);
    json_decref(o);
}

static int normalize(enum meta_flavour f, const char *channel, const char *raw, size_t n,
                     char **out, char *err) {
    struct arena *a = arena_new();
    struct meta_batch batch;
    int rc = meta_parse(a, f, (struct span){raw, n}, &batch);
    if (rc < 0) {
        snprintf(err, 256, "The input is no webhook body: no JSON object, or too large or deep.");
    } else {
        struct buf b = {0};
        for (size_t i = 0; i < batch.n; i++)
            print(&b, channel, &batch.events[i]);
        buf_adds(&b, "");
        *out = buf_take(&b, NULL);
    }
    arena_free(&a);
    return rc;
}

int whatsapp_normalize(const char *raw, size_t n, char **out, char *err) {
    return normalize(META_WHATSAPP, "whatsapp", raw, n, out, err);
}
int messenger_normalize(const char *raw, size_t n, char **out, char *err) {
    return normalize(META_MESSENGER, "messenger", raw, n, out, err);
}
int instagram_normalize(const char *raw, size_t n, char **out, char *err) {
    return normalize(META_INSTAGRAM, "instagram", raw, n, out, err);
}
