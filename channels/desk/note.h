/* SPDX-License-Identifier: EUPL-1.2 */
/* note: what staff write down in four fields, read and checked. Pure; the staff API and draht
 * normalize read the same. */
#ifndef DRAHT_CHANNELS_DESK_NOTE_H
#define DRAHT_CHANNELS_DESK_NOTE_H

#include "gateway/base/arena.h"
#include "gateway/base/json.h"

#define DESK_NUMBER_BYTES 24

struct desk_note {    /* in the arena, clean UTF-8 */
    const char *kind; /* "counter", "phone" or "letter" */
    const char *client_id;
    struct span who, what;
    struct span reply;   /* address or number in one line, or empty */
    struct span subject; /* the first line of what, 80 characters at most */
    struct span number;  /* the first number of a ticket that what names, or empty */
    bool had_controls;
};
/* o: {kind, who, what, reply, client_id}. NULL, or a sentence about the first fault; *out is
 * untouched then. */
const char *desk_note_read(struct arena *a, const json_t *o, struct desk_note *out);

int desk_normalize(const char *raw, size_t n, char **out, char *err);

#endif
