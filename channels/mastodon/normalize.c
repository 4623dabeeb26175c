/* SPDX-License-Identifier: EUPL-1.2 */
/* normalize: a notification becomes what intake would see, one JSON object. */
#include <stdio.h>

#include "channels/kit/normal.h"
#include "channels/mastodon/mastodon_private.h"

static json_t *message(const struct toot *t) {
    struct kit_normal m = {.channel = "mastodon",
                           .external_id = t->external_id,
                           .sender = t->sender,
                           .sender_name = t->sender_name,
                           .subject = t->subject,
                           .text = t->text,
                           .in_reply_to = t->in_reply_to,
                           .has_html = true,
                           .sent_ms = t->at_ms,
                           .warnings = {t->is_public ? TOOT_WARN_PUBLIC : NULL},
                           .had_controls = t->had_controls,
                           .had_bidi = t->had_bidi,
                           .was_cut = t->was_cut};
    json_t *o = kit_normal_message(&m);
    for (size_t i = 0; i < t->files_n; i++) /* what an instance calls a type is a kind of media */
        kit_normal_file(o, t->files[i].name, SPAN_NONE, -1, SPAN_NONE);
    if (t->language.n)
        json_put(o, "language", t->language);
    else
        json_object_set_new(o, "language", json_null());
    return o;
}

int mastodon_normalize(const char *raw, size_t n, char **out, char *err) {
    char why[160] = "";
    json_t *v = json_parse((struct span){raw, n}, MASTODON_ANSWER_BYTES_MAX, why);
    if (!json_is_object(v)) {
        snprintf(err, 256, "The input is no notification: %s",
                 *why ? why : "it is no JSON object.");
        json_decref(v);
        return ERR_INVALID;
    }
    struct arena *a = arena_new();
    struct buf b = {0};
    struct toot t;
    toot_read(a, v, NULL, &t);
    kit_normal_print(&b, t.ignored ? kit_normal_ignored("mastodon", t.ignored) : message(&t));
    *out = buf_take(&b, NULL);
    json_decref(v);
    arena_free(&a);
    return 0;
}
