/* SPDX-License-Identifier: EUPL-1.2 */
/* normalize: a webhook body becomes what intake would see, one JSON object a line. Accounts are not
 * compared, since there is no configuration. */
#include <stdio.h>

#include "channels/kit/normal.h"
#include "channels/meta/meta_private.h"
#include "gateway/base/clock.h"

static json_t *message(const char *channel, const struct meta_event *e) {
    struct kit_normal m = {.channel = channel,
                           .external_id = e->external_id,
                           .sender = e->sender,
                           .sender_name = e->sender_name,
                           .recipient = e->account,
                           .text = e->text,
                           .in_reply_to = e->quoted,
                           .is_automatic = e->is_system,
                           .sent_ms = e->at_ms,
                           .warnings = {e->warning},
                           .had_controls = e->had_controls,
                           .had_bidi = e->had_bidi,
                           .was_cut = e->was_cut};
    json_t *o = kit_normal_message(&m);
    for (size_t i = 0; i < e->files_n; i++)
        kit_normal_file(o, e->files[i].name, e->files[i].type, -1, e->files[i].sha256);
    return o;
}

static json_t *receipt(const char *channel, const struct meta_event *e) {
    char at[CLOCK_RFC3339_BYTES];
    bool is_failure = e->kind == META_RECEIPT && e->state == DRAHT_RECEIPT_FAILED;
    json_t *o = kit_normal_receipt(channel, e->external_id, e->state,
                                   is_failure && e->code >= 0 ? json_integer(e->code) : NULL,
                                   is_failure ? meta_error_of(e->code, 0).reason : NULL);
    clock_rfc3339(e->at_ms, at);
    if (e->kind == META_UP_TO)
        json_puti(o, "up_to_ms", e->at_ms);
    json_puts(o, "sent_at", e->at_ms ? at : NULL);
    return o;
}

static int normalize(enum meta_flavour f, const char *channel, const char *raw, size_t n,
                     char **out, char *err) {
    struct arena *a = arena_new();
    struct meta_batch batch;
    struct span body = {raw, n};
    int rc = meta_parse(a, f, body, &batch);
    if (rc < 0) {
        char why[160] = "";
        json_decref(json_parse(body, META_BODY_BYTES_MAX, why));
        snprintf(err, 256, "The input is no webhook body: %s", *why ? why : "it is no object.");
    } else {
        struct buf b = {0};
        for (size_t i = 0; i < batch.n; i++) {
            const struct meta_event *e = &batch.events[i];
            kit_normal_print(&b, e->kind == META_MESSAGE   ? message(channel, e)
                                 : e->kind == META_IGNORED ? kit_normal_ignored(channel, e->ignored)
                                                           : receipt(channel, e));
        }
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
