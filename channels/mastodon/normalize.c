/* SPDX-License-Identifier: EUPL-1.2 */
/* normalize: a notification becomes what intake would see, one JSON object. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/kit/kit.h"
#include "channels/mastodon/mastodon_private.h"
#include "gateway/base/clock.h"

static json_t *or_null(struct span s) {
    return s.n ? json_stringn(s.p, s.n) : json_null();
}

static json_t *files_of(const struct toot *t) {
    json_t *list = json_array();
    for (size_t i = 0; i < t->files_n; i++) {
        json_t *f = json_object();
        json_put(f, "name", t->files[i].name);
        json_object_set_new(f, "type", or_null(t->files[i].type));
        json_object_set_new(f, "bytes", json_null());
        json_object_set_new(f, "sha256", json_null());
        json_array_append_new(list, f);
    }
    return list;
}

static json_t *warnings_of(const struct toot *t) {
    json_t *list = json_array();
    if (t->is_public)
        json_array_append_new(list, json_string(TOOT_WARN_PUBLIC));
    if (t->had_controls)
        json_array_append_new(list, json_string("control characters were removed"));
    if (t->had_bidi)
        json_array_append_new(list, json_string("the text changes its direction"));
    if (t->was_cut)
        json_array_append_new(list, json_string("the text was cut"));
    return list;
}

static void put_message(json_t *o, const struct toot *t) {
    char at[CLOCK_RFC3339_BYTES];
    json_t *sender = json_object();
    json_put(o, "external_id", t->external_id);
    json_put(sender, "address", t->sender);
    json_object_set_new(sender, "name", or_null(t->sender_name));
    json_object_set_new(o, "sender", sender);
    json_object_set_new(o, "recipients", json_array());
    json_object_set_new(o, "subject", or_null(t->subject));
    json_put(o, "text", t->text);
    json_object_set_new(o, "html_present", json_true());
    json_object_set_new(o, "in_reply_to", or_null(t->in_reply_to));
    json_object_set_new(o, "references", json_array());
    json_object_set_new(o, "attachments", files_of(t));
    json_object_set_new(o, "automatic", json_false());
    clock_rfc3339(t->at_ms, at);
    json_puts(o, "sent_at", t->at_ms ? at : NULL);
    json_object_set_new(o, "warnings", warnings_of(t));
    json_object_set_new(o, "language", or_null(t->language));
}

int mastodon_normalize(const char *raw, size_t n, char **out, char *err) {
    char why[160] = "";
    json_t *v = json_parse((struct span){raw, n}, MASTODON_ANSWER_BYTES_MAX, why);
    if (!json_is_object(v)) {
        snprintf(err, 256, "The input is no notification object. %s", why);
        json_decref(v);
        return ERR_INVALID;
    }
    struct arena *a = arena_new();
    struct toot t;
    toot_read(a, v, NULL, &t);
    json_t *o = json_object();
    json_puts(o, "kind", t.ignored ? "ignored" : "message");
    json_puts(o, "channel", "mastodon");
    if (t.ignored)
        json_puts(o, "reason", t.ignored);
    else
        put_message(o, &t);
    char *text = json_text(o);
    struct buf b = {0};
    buf_addf(&b, "%s\n", text);
    *out = buf_take(&b, NULL);
    free(text);
    json_decref(o);
    json_decref(v);
    arena_free(&a);
    return 0;
}
