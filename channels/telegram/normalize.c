/* SPDX-License-Identifier: EUPL-1.2 */
/* normalize: updates as intake would see them, one JSON object a line. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/telegram/update.h"
#include "gateway/base/buf.h"
#include "gateway/base/clock.h"
#include "gateway/base/error.h"

static json_t *or_null(struct span s) {
    return s.n ? json_stringn(s.p, s.n) : json_null();
}

static json_t *files_of(const struct tg_update *u) {
    json_t *list = json_array();
    if (!u->file.id.n)
        return list;
    json_t *f = json_object();
    json_put(f, "name", u->file.name);
    json_object_set_new(f, "type", or_null(u->file.type));
    json_object_set_new(f, "bytes", u->file.bytes < 0 ? json_null() : json_integer(u->file.bytes));
    json_object_set_new(f, "sha256", json_null());
    json_array_append_new(list, f);
    return list;
}

static json_t *warnings_of(const struct tg_update *u) {
    const char *const all[] = {u->warning,
                               u->had_controls ? "control characters were removed" : NULL,
                               u->had_bidi ? "the text changes its direction" : NULL,
                               u->was_cut ? "the text was cut" : NULL};
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i])
            json_array_append_new(list, json_string(all[i]));
    return list;
}

static void put_message(json_t *o, const struct tg_update *u) {
    char at[CLOCK_RFC3339_BYTES];
    json_t *sender = json_object();
    json_put(o, "external_id", u->external_id);
    json_put(sender, "address", u->chat);
    json_object_set_new(sender, "name", or_null(u->sender_name));
    json_object_set_new(o, "sender", sender);
    json_object_set_new(o, "recipients", json_array());
    json_object_set_new(o, "subject", json_null());
    json_put(o, "text", u->text);
    json_object_set_new(o, "html_present", json_false());
    json_object_set_new(o, "in_reply_to", or_null(u->quoted));
    json_object_set_new(o, "references", json_array());
    json_object_set_new(o, "attachments", files_of(u));
    json_object_set_new(o, "automatic", json_false());
    clock_rfc3339(u->at_ms, at);
    json_puts(o, "sent_at", u->at_ms ? at : NULL);
    json_object_set_new(o, "warnings", warnings_of(u));
}

static void print(struct buf *b, const json_t *v) {
    struct arena *a = arena_new();
    struct tg_update u;
    json_t *o = json_object();
    tg_update_read(a, v, &u);
    json_puts(o, "kind", u.kind == TG_MESSAGE ? "message" : "ignored");
    json_puts(o, "channel", "telegram");
    if (u.kind == TG_MESSAGE)
        put_message(o, &u);
    else
        json_puts(o, "reason", u.kind == TG_START ? "the chat was opened" : u.ignored);
    char *text = json_text(o);
    buf_addf(b, "%s\n", text);
    free(text);
    json_decref(o);
    arena_free(&a);
}

int tg_normalize(const char *raw, size_t n, char **out, char *err) {
    char why[160] = "";
    json_t *v = json_parse((struct span){raw, n}, TG_UPDATE_BYTES_MAX, why);
    json_t *list = json_is_array(v) ? v : json_object_get(v, "result");
    struct buf b = {0};
    size_t i;
    json_t *one;
    if (!json_is_array(v) && !json_is_object(v)) {
        json_decref(v);
        snprintf(err, 256, "The input is no update of Telegram: %s", *why ? why : "no object.");
        return ERR_INVALID;
    }
    if (json_is_array(list)) {
        json_array_foreach(list, i, one) print(&b, one);
    } else {
        print(&b, v);
    }
    buf_adds(&b, "");
    *out = buf_take(&b, NULL);
    json_decref(v);
    return 0;
}
