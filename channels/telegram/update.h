/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * update: an Update object of the Bot API in our own words. Pure: no state, no settings. Everything
 * lives in the arena; texts are clean UTF-8.
 */
#ifndef DRAHT_TELEGRAM_UPDATE_H
#define DRAHT_TELEGRAM_UPDATE_H

#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/json.h"

#define TG_UPDATE_BYTES_MAX (1u << 20)
#define TG_TEXT_BYTES_MAX 65536
#define TG_FILE_ID_BYTES_MAX 400

enum tg_kind {
    TG_IGNORED,
    TG_MESSAGE,
    TG_START, /* "/start": a greeting is due, no ticket */
    TG_GROUP  /* written in a group: declined once */
};
struct tg_file {
    struct span id, name, type; /* type as claimed, or empty */
    int64_t bytes;              /* -1: not told */
};
struct tg_update {
    enum tg_kind kind;
    int64_t update_id;       /* -1: none */
    struct span external_id; /* "<chat>.<message>", with ".e<date>" behind it for an edit */
    struct span chat;        /* id as text; the conversation */
    struct span sender_name, language;
    struct span quoted; /* "<chat>.<message>" that is answered or edited, or empty */
    struct span album;  /* media_group_id, or empty; empty for an edit */
    struct span text;
    struct tg_file file; /* id empty: none */
    int64_t at_ms;
    const char *warning; /* a sentence for staff, or NULL */
    const char *ignored; /* why */
    bool had_controls, had_bidi, was_cut;
};
/* Never fails: what cannot be understood is an ignored update. v is borrowed. */
void tg_update_read(struct arena *a, const json_t *v, struct tg_update *out);
/* One normalised JSON line per update, appended to *out text (draht normalize). An update, an array
 * of them or an answer of getUpdates. */
int tg_normalize(const char *raw, size_t n, char **out, char *err);

#endif
