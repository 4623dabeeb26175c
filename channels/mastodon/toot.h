/* SPDX-License-Identifier: EUPL-1.2 */
/* toot: a notification or status of the Mastodon API in our own words. Pure: no state, no settings.
 * Everything lives in the arena; texts are clean UTF-8. */
#ifndef DRAHT_MASTODON_TOOT_H
#define DRAHT_MASTODON_TOOT_H

#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/json.h"

#define TOOT_ID_BYTES_MAX 100
#define TOOT_ACCT_BYTES_MAX 300
#define TOOT_FILES_MAX 16
#define TOOT_TEXT_BYTES_MAX 65536

struct toot_file {
    struct span url, name, type; /* type: the API's word, such as "image" */
};
struct toot {
    const char *ignored;      /* why it is no message for us, or NULL */
    struct span notification; /* id, or empty */
    struct span external_id;  /* id of the status; of an edit with "#" and its time */
    struct span status_id;
    struct span sender, sender_name; /* user@host */
    struct span subject, text, language;
    struct span in_reply_to;
    struct toot_file files[TOOT_FILES_MAX];
    size_t files_n;
    int64_t at_ms;
    bool is_edit, is_public; /* readable by others than the named */
    bool is_note;            /* about the citizen, not by the citizen */
    bool had_controls, had_bidi, was_cut;
};
/* own_id: account id of the city, or NULL when unknown. Always fills *t. */
void toot_read(struct arena *a, const json_t *notification, const char *own_id, struct toot *t);
/* A status as the stream tells it; is_edit: it is a new wording. */
void toot_read_status(struct arena *a, const json_t *status, const char *own_id, bool is_edit,
                      struct toot *t);
/* The words of a status' HTML. */
struct span toot_words(struct arena *a, struct span html);

#endif
