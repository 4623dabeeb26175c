/* SPDX-License-Identifier: EUPL-1.2 */
/* mx_normalize: an answer of /sync, one JSON object a line: what intake would see. No state is
 * touched; a timeline is taken as news. */
#include "channels/kit/normal.h"
#include "channels/matrix/matrix_private.h"

#define CHANNEL "matrix"

static void put(json_t *o, const char *key, struct span s) {
    json_object_set_new(o, key, s.n ? json_stringn(s.p, s.n) : json_null());
}

static void put_file(json_t *o, const struct mx_event *e) {
    if (!e->file.mxc.p)
        return;
    json_t *list = json_object_get(o, "attachments");
    kit_normal_file(o, e->file.name, e->file.type, e->file.bytes ? e->file.bytes : -1, SPAN_NONE);
    put(json_array_get(list, json_array_size(list) - 1), "url", e->file.mxc);
}

static void message(struct buf *b, const char *room, const struct mx_event *e) {
    struct span earlier = e->target.n ? e->target : e->reply_to;
    struct kit_normal m = {
        .channel = CHANNEL,
        .external_id = e->id,
        .sender = e->sender,
        .text = e->text,
        .in_reply_to = earlier,
        .has_html = e->html.n > 0,
        .is_automatic = e->is_automatic,
        .sent_ms = e->sent_ms,
        .had_controls = e->was_cleaned,
        .warnings = {e->kind == MX_ENCRYPTED ? "the message is encrypted and cannot be read" : NULL,
                     e->kind == MX_EDIT ? "a new wording of an earlier message" : NULL,
                     e->file.is_encrypted ? "the file is encrypted and cannot be opened" : NULL}};
    json_t *o = kit_normal_message(&m);
    if (earlier.n)
        json_array_append_new(json_object_get(o, "references"), json_stringn(earlier.p, earlier.n));
    put_file(o, e);
    json_puts(o, "thread", room);
    kit_normal_print(b, o);
}

static void ignored(struct buf *b, struct span id, const char *reason) {
    json_t *o = kit_normal_ignored(CHANNEL, reason);
    put(o, "external_id", id);
    kit_normal_print(b, o);
}

static void timeline(struct buf *b, const char *room, const json_t *events) {
    size_t i;
    const json_t *raw;
    json_array_foreach(events, i, raw) {
        struct arena *a = arena_new();
        struct mx_event e;
        mx_event_read(a, raw, SPAN_NONE, &e);
        if (e.kind == MX_IGNORED)
            ignored(b, e.id, e.reason);
        else if (e.kind == MX_REACTION || e.kind == MX_REDACTION)
            ignored(b, e.id,
                    e.kind == MX_REACTION ? "a reaction, kept as a note"
                                          : "a redaction, kept as a note");
        else
            message(b, room, &e);
        arena_free(&a);
    }
}

static void receipts(struct buf *b, const json_t *content) {
    const char *event, *user;
    json_t *kinds, *data;
    json_object_foreach((json_t *)(uintptr_t)content, event, kinds) {
        json_object_foreach(json_object_get(kinds, "m.read"), user, data) {
            json_t *o =
                kit_normal_receipt(CHANNEL, span_str(event), DRAHT_RECEIPT_READ, NULL, NULL);
            json_puts(o, "by", user);
            kit_normal_print(b, o);
        }
    }
}

static void ephemeral(struct buf *b, const json_t *events) {
    size_t i;
    const json_t *e;
    json_array_foreach(events, i, e) {
        if (span_eq(mx_str(e, "type"), "m.receipt"))
            receipts(b, json_object_get(e, "content"));
        else
            ignored(b, SPAN_NONE, "carries no message");
    }
}

int matrix_normalize(const char *raw, size_t n, char **out, char *err) {
    struct buf b = {0};
    json_t *root = mx_parse((struct span){raw, n}, MX_SYNC_BYTES_MAX);
    const json_t *rooms = json_object_get(root, "rooms");
    const char *id;
    json_t *data;
    if (!json_is_object(root) || mx_str(root, "next_batch").n == 0) {
        char why[160] = "";
        if (!root)
            json_decref(json_parse((struct span){raw, n}, MX_SYNC_BYTES_MAX, why));
        snprintf(err, 256, "The input is no answer of /sync: %s",
                 *why ? why : "it has no next_batch.");
        json_decref(root);
        return ERR_INVALID;
    }
    buf_adds(&b, "");
    json_object_foreach(json_object_get(rooms, "join"), id, data) {
        timeline(&b, id, json_object_get(json_object_get(data, "timeline"), "events"));
        ephemeral(&b, json_object_get(json_object_get(data, "ephemeral"), "events"));
    }
    json_object_foreach(json_object_get(rooms, "leave"), id, data) {
        timeline(&b, id, json_object_get(json_object_get(data, "timeline"), "events"));
    }
    json_object_foreach(json_object_get(rooms, "invite"), id, data) {
        ignored(&b, SPAN_NONE, "an invitation");
    }
    json_decref(root);
    *out = b.p ? buf_take(&b, NULL) : xstrdup("");
    return 0;
}
