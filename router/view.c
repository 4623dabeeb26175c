/* SPDX-License-Identifier: EUPL-1.2 */
/* view: opened rows of the store as the JSON of the staff API (gateway/api/contract.md). */
#include <stdio.h>

#include "router/inner.h"

#define HOUR_MS 3600000

/* Columns of a summary row as 80_read.lua writes it. */
enum {
    C_NUMBER,
    C_STATE,
    C_QUEUE,
    C_ASSIGNEE,
    C_PRIORITY,
    C_TAGS,
    C_LANGUAGE,
    C_CHANNEL,
    C_TYPE,
    C_CREATED,
    C_UPDATED,
    C_IN,
    C_OUT,
    C_DUE,
    C_UNREAD,
    C_MESSAGES,
    C_ATTACHMENTS,
    C_DELIVERY,
    C_REV,
    C_CONTACT,
    C_REMINDER,
    C_ITEMS,
    C_THREAD,
    C_FACE,
    C_WRAPPED,
    C_CONTACT2,
    C_WRAPPED2
};

static void put_or_null(json_t *v, const char *key, struct span s) {
    if (s.n)
        json_put(v, key, s);
    else
        json_object_set_new(v, key, json_null());
}

static json_t *tags_json(struct span tags) {
    json_t *all = json_array();
    if (!tags.n)
        return all;
    for (struct span t = span_cut(&tags, ','); t.p; t = span_cut(&tags, ','))
        if (t.n)
            json_array_append_new(all, json_stringn(t.p, t.n));
    return all;
}

struct span view_wrapped(const struct redis_value *row) {
    return cell(row, C_WRAPPED);
}

void view_remember(struct router *r, const struct redis_value *row) {
    known_learn(r, cell(row, C_NUMBER), cell(row, C_CONTACT), cell(row, C_WRAPPED),
                cell(row, C_CHANNEL), cell(row, C_TYPE), NULL);
}

static void put_face(const struct router *r, json_t *v, const struct redis_value *row,
                     json_t **face_out) {
    struct span face, preview;
    face_split(cell(row, C_FACE), &face, &preview);
    json_t *f = envelope_open(r, face, cell(row, C_WRAPPED));
    json_t *p =
        envelope_open(r, preview, cell(row, cell(row, C_CONTACT2).n ? C_WRAPPED2 : C_WRAPPED));
    json_t *sender = json_object();
    json_puts(sender, "name", json_str(f, "name", ""));
    json_puts(sender, "address", json_str(f, "address", ""));
    json_object_set_new(v, "sender", sender);
    json_puts(v, "subject", json_str(f, "subject", ""));
    json_puts(v, "thread", json_str(f, "thread", ""));
    json_puts(v, "preview", json_str(p, "text", ""));
    json_object_set_new(v, "erased", json_boolean(!f));
    json_decref(p);
    if (face_out)
        *face_out = f;
    else
        json_decref(f);
}

/* As 25_index.lua has it: the last quarter of the time, at least an hour. */
static int64_t due_soon_ms(int64_t due, int64_t created) {
    int64_t part = (due - created) / 4;
    return due - (part > HOUR_MS ? part : HOUR_MS);
}

json_t *view_summary(const struct router *r, const struct redis_value *row, json_t **face_out) {
    json_t *v = json_object();
    json_put(v, "number", cell(row, C_NUMBER));
    json_put(v, "state", cell(row, C_STATE));
    json_put(v, "queue", cell(row, C_QUEUE));
    put_or_null(v, "assignee", cell(row, C_ASSIGNEE));
    char who[64];
    struct span as = cell(row, C_ASSIGNEE);
    snprintf(who, sizeof who, "%.*s", (int)(as.n > 63 ? 63 : as.n), as.p);
    const char *name = *who ? names_get(r, who) : NULL;
    if (name || *who)
        json_puts(v, "assignee_name", name ? name : who);
    else
        json_object_set_new(v, "assignee_name", json_null());
    struct span priority = cell(row, C_PRIORITY);
    json_put(v, "priority", priority.n ? priority : SPAN("normal"));
    json_object_set_new(v, "tags", tags_json(cell(row, C_TAGS)));
    json_put(v, "language", cell(row, C_LANGUAGE));
    json_put(v, "channel", cell(row, C_CHANNEL));
    json_put(v, "channel_type", cell(row, C_TYPE));
    put_time(v, "created_at", cell_int(row, C_CREATED));
    put_time(v, "updated_at", cell_int(row, C_UPDATED));
    put_time(v, "last_in_at", cell_int(row, C_IN));
    put_time(v, "last_out_at", cell_int(row, C_OUT));
    int64_t due = cell_int(row, C_OUT) ? 0 : cell_int(row, C_DUE);
    put_time(v, "due_at", due);
    put_time(v, "due_soon_at", due ? due_soon_ms(due, cell_int(row, C_CREATED)) : 0);
    put_time(v, "reminder_at",
             span_eq(cell(row, C_STATE), "reminder") ? cell_int(row, C_REMINDER) : 0);
    json_object_set_new(v, "unread", json_boolean(span_eq(cell(row, C_UNREAD), "1")));
    json_puti(v, "messages", cell_int(row, C_MESSAGES));
    json_puti(v, "attachments", cell_int(row, C_ATTACHMENTS));
    put_or_null(v, "delivery", cell(row, C_DELIVERY));
    json_puti(v, "rev", cell_int(row, C_REV));
    put_face(r, v, row, face_out);
    return v;
}

void view_text(const char *ticket, const json_t *record, struct buf *out) {
    const char *text = json_str(record, "text", "");
    const char *at = json_flag(record, "template", false) ? strstr(text, "{ticket}") : NULL;
    while (at) {
        buf_add(out, text, (size_t)(at - text));
        buf_adds(out, ticket);
        text = at + strlen("{ticket}");
        at = strstr(text, "{ticket}");
    }
    buf_adds(out, text);
}

static void put_text(json_t *v, const char *ticket, const json_t *record) {
    struct buf b = {0};
    view_text(ticket, record, &b);
    json_put(v, "text", buf_span(&b));
    buf_free(&b);
}

static json_t *attachment_views(const json_t *list) {
    json_t *all = json_array();
    size_t i;
    json_t *a;
    json_array_foreach(list, i, a) {
        json_t *o = json_object();
        json_puti(o, "i", (int64_t)i);
        json_puts(o, "name", json_str(a, "name", ""));
        json_puts(o, "type", json_str(a, "type", ""));
        json_puti(o, "length", json_int(a, "length", 0));
        json_puts(o, "sha256", json_str(a, "sha256", ""));
        json_object_set_new(o, "inline", json_boolean(*json_str(a, "cid", "")));
        json_array_append_new(all, o);
    }
    return all;
}

json_t *view_message(const struct router *r, const char *ticket, int64_t n, const json_t *record,
                     const struct delivery *d, struct span wrapped) {
    json_t *v = json_object();
    char id[48];
    snprintf(id, sizeof id, "%s.%lld", ticket, (long long)n);
    json_puts(v, "type", "message");
    json_puti(v, "n", n);
    json_puts(v, "id", id);
    json_puts(v, "direction", json_str(record, "direction", "in"));
    json_t *author = json_object();
    json_puts(author, "id", json_str(record, "by", ""));
    json_puts(author, "name", json_str(record, "name", ""));
    json_object_set_new(v, "author", author);
    json_puts(v, "channel", json_str(record, "channel", ""));
    json_puts(v, "channel_type", json_str(record, "channel_type", ""));
    json_puts(v, "address", json_str(record, "address", ""));
    json_puts(v, "recipient", json_str(record, "to", ""));
    put_time(v, "at", json_int(record, "at", 0));
    put_text(v, ticket, record);
    json_puts(v, "quoted", json_str(record, "quoted", ""));
    const char *html = json_str(record, "html", "");
    json_object_set_new(v, "has_html", json_boolean(*html));
    json_object_set_new(v, "automatic", json_boolean(json_flag(record, "automatic", false)));
    json_object_set_new(v, "unverified", json_boolean(json_flag(record, "unverified", false)));
    json_t *warnings = json_object_get(record, "warnings");
    json_object_set_new(v, "warnings",
                        json_is_array(warnings) ? json_deep_copy(warnings) : json_array());
    json_object_set_new(v, "attachments", attachment_views(json_object_get(record, "attachments")));
    const json_t *original = json_object_get(record, "original");
    json_t *o = json_null();
    if (json_is_object(original)) {
        o = json_object();
        json_puti(o, "length", json_int(original, "length", 0));
        json_puts(o, "sha256", json_str(original, "sha256", ""));
    }
    json_object_set_new(v, "original", o);
    json_object_set_new(v, "delivery", d ? delivery_json(r, d, wrapped) : json_null());
    return v;
}

/* "score:number" from the page before; a foreign text starts at the beginning. */
void args_cursor(struct args *a, const char *cursor) {
    const char *colon = cursor ? strchr(cursor, ':') : NULL;
    bool is_plain = colon && colon != cursor && colon - cursor < 20;
    for (const char *p = cursor; is_plain && p < colon; p++)
        is_plain = *p >= '0' && *p <= '9';
    args_s(a, is_plain ? (struct span){cursor, (size_t)(colon - cursor)} : SPAN("+inf"));
    args_z(a, is_plain ? colon + 1 : "");
}
