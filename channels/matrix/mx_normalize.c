/* SPDX-License-Identifier: EUPL-1.2 */
/* mx_normalize: an answer of /sync, one JSON object a line: what intake would see. No state is
 * touched; a timeline is taken as news. */
#include "channels/matrix/matrix_private.h"

#define CHANNEL "matrix"

static json_t *or_null(struct span s) {
    return s.n ? json_stringn(s.p, s.n) : json_null();
}

static void print(struct buf *b, json_t *o) {
    char *text = json_text(o);
    buf_addf(b, "%s\n", text);
    free(text);
    json_decref(o);
}

static json_t *begin(const char *kind) {
    json_t *o = json_object();
    json_puts(o, "kind", kind);
    json_puts(o, "channel", CHANNEL);
    return o;
}

static json_t *files(const struct mx_event *e) {
    json_t *list = json_array();
    if (!e->file.mxc.p)
        return list;
    json_t *o = json_object();
    json_object_set_new(o, "name", or_null(e->file.name));
    json_object_set_new(o, "type", or_null(e->file.type));
    json_object_set_new(o, "bytes", e->file.bytes ? json_integer(e->file.bytes) : json_null());
    json_object_set_new(o, "sha256", json_null());
    json_object_set_new(o, "url", or_null(e->file.mxc));
    json_array_append_new(list, o);
    return list;
}

static json_t *warnings(const struct mx_event *e) {
    json_t *list = json_array();
    if (e->was_cleaned)
        json_array_append_new(list, json_string("control characters were removed"));
    if (e->kind == MX_ENCRYPTED)
        json_array_append_new(list, json_string("the message is encrypted and cannot be read"));
    if (e->kind == MX_EDIT)
        json_array_append_new(list, json_string("a new wording of an earlier message"));
    if (e->file.is_encrypted)
        json_array_append_new(list, json_string("the file is encrypted and cannot be opened"));
    return list;
}

static void message(struct buf *b, const char *room, const struct mx_event *e) {
    char when[CLOCK_RFC3339_BYTES];
    json_t *o = begin("message"), *sender = json_object(), *references = json_array();
    struct span earlier = e->target.n ? e->target : e->reply_to;
    clock_rfc3339(e->sent_ms, when);
    json_put(o, "external_id", e->id);
    json_put(sender, "address", e->sender);
    json_object_set_new(sender, "name", json_null());
    json_object_set_new(o, "sender", sender);
    json_object_set_new(o, "recipients", json_array());
    json_object_set_new(o, "subject", json_null());
    json_put(o, "text", e->text);
    json_object_set_new(o, "html_present", json_boolean(e->html.n > 0));
    json_object_set_new(o, "in_reply_to", or_null(earlier));
    if (earlier.n)
        json_array_append_new(references, or_null(earlier));
    json_object_set_new(o, "references", references);
    json_object_set_new(o, "attachments", files(e));
    json_object_set_new(o, "automatic", json_boolean(e->is_automatic));
    json_object_set_new(o, "sent_at", e->sent_ms ? json_string(when) : json_null());
    json_object_set_new(o, "warnings", warnings(e));
    json_puts(o, "thread", room);
    print(b, o);
}

static void ignored(struct buf *b, struct span id, const char *reason) {
    json_t *o = begin("ignored");
    json_object_set_new(o, "external_id", or_null(id));
    json_puts(o, "reason", reason);
    print(b, o);
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
            json_t *o = begin("receipt");
            json_puts(o, "external_id", event);
            json_puts(o, "state", "read");
            json_puts(o, "by", user);
            print(b, o);
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
        snprintf(err, 256, "This is no answer of /sync.");
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
