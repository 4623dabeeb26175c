/* SPDX-License-Identifier: EUPL-1.2 */
/* whatsapp_in: entries of a WhatsApp Business account: messages of every type, and statuses. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/abi/draht_channel.h"
#include "channels/kit/kit.h"
#include "channels/meta/event.h"
#include "gateway/base/crypto.h"
#include "gateway/base/utf8.h"

enum { LIST_MAX = 50, NAME_BYTES_MAX = 200 };

/* The hash comes as hex from the API and as base64 in webhooks. */
static struct span hash_of(struct arena *a, struct span s) {
    uint8_t raw[48];
    if (s.n == 64) {
        char *hex = arena_strndup(a, s.p, s.n);
        for (size_t i = 0; i < 64; i++) {
            hex[i] = (char)(hex[i] | 0x20);
            if (!strchr("0123456789abcdef", hex[i]))
                return SPAN_NONE;
        }
        return (struct span){hex, 64};
    }
    char *url = arena_strndup(a, s.p ? s.p : "", s.n < 64 ? s.n : 0);
    for (char *p = url; *p; p++)
        *p = (char)(*p == '+' ? '-' : *p == '/' ? '_' : *p == '=' ? 0 : *p);
    if (crypto_b64url_decode(span_str(url), raw, sizeof raw) != 32)
        return SPAN_NONE;
    char *hex = arena_alloc(a, 65);
    crypto_hex(raw, 32, hex);
    return (struct span){hex, 64};
}

static void read_media(struct meta_reader *r, struct meta_event *e, const json_t *m,
                       const char *type, struct buf *b) {
    const json_t *o = json_object_get(m, type);
    kit_line(b, meta_str(o, "caption"));
    struct span id = meta_id(r->a, o, "id");
    struct meta_file *f = id.n ? meta_file_new(r, e) : NULL;
    if (!f) {
        e->warning = "A file came without an id and could not be fetched.";
        return;
    }
    f->id = id;
    f->type = utf8_clean(r->a, meta_str(o, "mime_type"), NAME_BYTES_MAX, NULL);
    f->name = meta_file_name(r->a, meta_str(o, "filename"), type, f->type);
    f->sha256 = hash_of(r->a, meta_str(o, "sha256"));
}

static void read_location(const json_t *o, struct buf *b) {
    kit_line(b, meta_str(o, "name"));
    kit_line(b, meta_str(o, "address"));
    meta_place(b, json_object_get(o, "latitude"), json_object_get(o, "longitude"));
    kit_line(b, meta_str(o, "url"));
}

static void read_list(struct buf *b, const json_t *list, const char *key) {
    for (size_t i = 0; i < json_array_size(list) && i < LIST_MAX; i++)
        kit_line(b, meta_str(json_array_get(list, i), key));
}

static void read_address(struct buf *b, const json_t *x) {
    struct buf line = {0};
    struct span zip = meta_str(x, "zip"), city = meta_str(x, "city");
    buf_add(&line, zip.p ? zip.p : "", zip.n);
    buf_adds(&line, zip.n ? " " : "");
    buf_add(&line, city.p ? city.p : "", city.n);
    kit_line(b, meta_str(x, "street"));
    kit_line(b, buf_span(&line));
    buf_free(&line);
}

static void read_contacts(const json_t *list, struct buf *b) {
    for (size_t i = 0; i < json_array_size(list) && i < LIST_MAX; i++) {
        const json_t *c = json_array_get(list, i);
        kit_line(b, meta_str(json_object_get(c, "name"), "formatted_name"));
        kit_line(b, meta_str(json_object_get(c, "org"), "company"));
        read_list(b, json_object_get(c, "phones"), "phone");
        read_list(b, json_object_get(c, "emails"), "email");
        read_list(b, json_object_get(c, "urls"), "url");
        const json_t *places = json_object_get(c, "addresses");
        for (size_t n = 0; n < json_array_size(places) && n < LIST_MAX; n++)
            read_address(b, json_array_get(places, n));
    }
}

/* A filled-in form: its answers, one a line. */
static void read_form(const json_t *o, struct buf *b) {
    kit_line(b, meta_str(o, "body"));
    json_t *answers = json_parse(meta_str(o, "response_json"), META_TEXT_BYTES_MAX, NULL);
    const char *key;
    json_t *v;
    json_object_foreach(answers, key, v) {
        if (strcmp(key, "flow_token") == 0)
            continue;
        char *text = json_is_string(v) ? NULL : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
        kit_line(b, span_str(key));
        buf_addf(b, ": %s", text ? text : json_string_value(v) ? json_string_value(v) : "");
        free(text);
    }
    json_decref(answers);
}

static void read_interactive(const json_t *o, struct buf *b) {
    static const char *const kinds[] = {"button_reply", "list_reply"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const json_t *reply = json_object_get(o, kinds[i]);
        kit_line(b, meta_str(reply, "title"));
        kit_line(b, meta_str(reply, "description"));
    }
    const json_t *form = json_object_get(o, "nfm_reply");
    if (form)
        read_form(form, b);
}

/* Meta's own samples have the numbers as text. */
static double number_of(const json_t *o, const char *key) {
    const json_t *v = json_object_get(o, key);
    return json_is_string(v) ? strtod(json_string_value(v), NULL) : json_number_value(v);
}

static void read_order(const json_t *o, struct buf *b) {
    const json_t *items = json_object_get(o, "product_items");
    kit_line(b, meta_str(o, "text"));
    for (size_t i = 0; i < json_array_size(items) && i < LIST_MAX; i++) {
        const json_t *item = json_array_get(items, i);
        struct span name = meta_str(item, "product_retailer_id");
        struct span currency = meta_str(item, "currency");
        struct buf line = {0};
        buf_addf(&line, "%.0f x ", number_of(item, "quantity"));
        buf_add(&line, name.p, name.n);
        buf_addf(&line, " (%.2f ", number_of(item, "item_price"));
        buf_add(&line, currency.p, currency.n);
        buf_adds(&line, ")");
        kit_line(b, buf_span(&line));
        buf_free(&line);
    }
}

static bool is_media(const char *type) {
    static const char *const types[] = {"image", "audio", "voice", "video", "document", "sticker"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(type, types[i]) == 0)
            return true;
    return false;
}

static void read_content(struct meta_reader *r, struct meta_event *e, const json_t *m,
                         struct buf *b) {
    const char *type = json_str(m, "type", "");
    const json_t *o = json_object_get(m, type);
    if (strcmp(type, "text") == 0 || strcmp(type, "system") == 0)
        kit_line(b, meta_str(o, "body"));
    else if (strcmp(type, "button") == 0)
        kit_line(b, meta_str(o, "text"));
    else if (is_media(type))
        read_media(r, e, m, type, b);
    else if (strcmp(type, "location") == 0)
        read_location(o, b);
    else if (strcmp(type, "contacts") == 0)
        read_contacts(o, b);
    else if (strcmp(type, "interactive") == 0)
        read_interactive(o, b);
    else if (strcmp(type, "order") == 0)
        read_order(o, b);
    else
        e->warning = "The citizen sent something that WhatsApp does not hand over or that is new.";
    e->is_system = strcmp(type, "system") == 0;
}

/* Name and stable id of the sender stand beside the messages. */
static void read_profile(struct meta_reader *r, struct meta_event *e, const json_t *contacts) {
    for (size_t i = 0; i < json_array_size(contacts); i++) {
        const json_t *c = json_array_get(contacts, i);
        struct span number = meta_id(r->a, c, "wa_id"), user = meta_id(r->a, c, "user_id");
        if (!(number.n && span_is(number, e->sender)) && !(user.n && span_is(user, e->thread)) &&
            !(e->sender.n == 0 && e->thread.n == 0))
            continue;
        if (!e->thread.n)
            e->thread = user;
        if (!e->sender.n)
            e->sender = number;
        e->sender_name =
            utf8_clean(r->a, meta_str(json_object_get(c, "profile"), "name"), NAME_BYTES_MAX, NULL);
        return;
    }
}

static const char *reason_to_ignore(const json_t *m) {
    const char *type = json_str(m, "type", "");
    if (json_object_get(m, "group_id"))
        return "a group message";
    if (strcmp(type, "reaction") == 0)
        return "a reaction";
    if (strcmp(type, "request_welcome") == 0)
        return "the chat was opened";
    return strcmp(type, "revoke") == 0 ? "the citizen took a message back" : NULL;
}

static void read_message(struct meta_reader *r, const json_t *m, const json_t *contacts) {
    struct meta_event *e = meta_event_new(r);
    if (!e)
        return;
    e->ignored = reason_to_ignore(m);
    if (e->ignored)
        return;
    e->external_id = meta_id(r->a, m, "id");
    e->sender = meta_id(r->a, m, "from");
    e->thread = meta_id(r->a, m, "from_user_id");
    read_profile(r, e, contacts);
    if (!e->sender.n)
        e->sender = e->thread;
    if (!e->thread.n)
        e->thread = e->sender;
    e->at_ms = meta_time(m, "timestamp");
    e->quoted = meta_id(r->a, json_object_get(m, "context"), "id");
    struct buf b = {0};
    const json_t *edit = json_object_get(m, "edit");
    read_content(r, e, edit ? json_object_get(edit, "message") : m, &b);
    if (edit) {
        e->quoted = meta_id(r->a, edit, "original_message_id");
        e->warning = "The citizen has changed an earlier message to this.";
    }
    if (json_array_size(json_object_get(m, "errors")))
        e->warning = "The citizen sent something that WhatsApp does not hand over.";
    meta_event_text(r, e, &b);
}

static void read_code(struct meta_reader *r, struct meta_event *e, const json_t *error) {
    e->code = (int)json_int(error, "code", -1);
    e->title = utf8_clean(r->a, meta_str(error, "title"), NAME_BYTES_MAX, NULL);
}

/* An error of the number or of the account. One that names a message is that message's failure. */
static void read_error(struct meta_reader *r, const json_t *error) {
    struct meta_event *e = meta_event_new(r);
    if (!e)
        return;
    e->ignored = "an error that names no message";
    e->is_error = json_is_object(error);
    read_code(r, e, error);
    e->external_id = meta_id(r->a, error, "message_id");
    if (!e->external_id.n)
        e->external_id = meta_id(r->a, json_object_get(error, "error_data"), "message_id");
    if (e->external_id.n) {
        e->kind = META_RECEIPT;
        e->state = DRAHT_RECEIPT_FAILED;
    }
}

static void read_status(struct meta_reader *r, const json_t *s, const json_t *errors) {
    static const struct {
        const char *name;
        uint32_t state;
    } states[] = {{"sent", DRAHT_RECEIPT_SENT},
                  {"delivered", DRAHT_RECEIPT_DELIVERED},
                  {"read", DRAHT_RECEIPT_READ},
                  {"played", DRAHT_RECEIPT_READ},
                  {"failed", DRAHT_RECEIPT_FAILED}};
    struct meta_event *e = meta_event_new(r);
    if (!e)
        return;
    e->ignored = "a status without meaning for us";
    e->external_id = meta_id(r->a, s, "id");
    e->sender = meta_id(r->a, s, "recipient_id");
    e->at_ms = meta_time(s, "timestamp");
    const json_t *own = json_object_get(s, "errors");
    read_code(r, e, json_array_get(json_array_size(own) ? own : errors, 0));
    for (size_t i = 0; i < sizeof states / sizeof *states && e->external_id.n; i++) {
        if (strcmp(json_str(s, "status", ""), states[i].name) == 0) {
            e->kind = META_RECEIPT;
            e->state = states[i].state;
        }
    }
}

static void read_change(struct meta_reader *r, const json_t *value) {
    const json_t *messages = json_object_get(value, "messages");
    const json_t *statuses = json_object_get(value, "statuses");
    const json_t *errors = json_object_get(value, "errors");
    r->account = meta_id(r->a, json_object_get(value, "metadata"), "phone_number_id");
    for (size_t i = 0; i < json_array_size(messages); i++)
        read_message(r, json_array_get(messages, i), json_object_get(value, "contacts"));
    for (size_t i = 0; i < json_array_size(statuses); i++)
        read_status(r, json_array_get(statuses, i), errors);
    for (size_t i = 0; i < json_array_size(errors); i++)
        read_error(r, json_array_get(errors, i));
    if (!json_array_size(messages) && !json_array_size(statuses) && !json_array_size(errors))
        meta_event_ignore(r, "a change without messages");
}

void meta_read_whatsapp(struct meta_reader *r, const json_t *entry) {
    const json_t *changes = json_object_get(entry, "changes");
    for (size_t i = 0; i < json_array_size(changes); i++) {
        const json_t *change = json_array_get(changes, i);
        if (strcmp(json_str(change, "field", ""), "messages") == 0)
            read_change(r, json_object_get(change, "value"));
        else
            meta_event_ignore(r, "another field");
    }
}
