/* SPDX-License-Identifier: EUPL-1.2 */
/* normalize: updates as intake would see them, one JSON object a line. */
#include <stdio.h>

#include "channels/kit/normal.h"
#include "channels/telegram/update.h"
#include "gateway/base/error.h"

static json_t *message(const struct tg_update *u) {
    struct kit_normal m = {.channel = "telegram",
                           .external_id = u->external_id,
                           .sender = u->chat,
                           .sender_name = u->sender_name,
                           .text = u->text,
                           .in_reply_to = u->quoted,
                           .sent_ms = u->at_ms,
                           .warnings = {u->warning},
                           .had_controls = u->had_controls,
                           .had_bidi = u->had_bidi,
                           .was_cut = u->was_cut};
    json_t *o = kit_normal_message(&m);
    if (u->file.id.n)
        kit_normal_file(o, u->file.name, u->file.type, u->file.bytes, SPAN_NONE);
    return o;
}

static void print(struct buf *b, const json_t *v) {
    struct arena *a = arena_new();
    struct tg_update u;
    tg_update_read(a, v, &u);
    kit_normal_print(b, u.kind == TG_MESSAGE ? message(&u)
                        : u.kind == TG_START ? kit_normal_ignored("telegram", "the chat was opened")
                                             : kit_normal_ignored("telegram", u.ignored));
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
        snprintf(err, 256, "The input is no update of Telegram: %s",
                 *why ? why : "it is no object.");
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
