/* SPDX-License-Identifier: EUPL-1.2 */
/* frame: a client frame, read from JSON within limits. It knows neither sockets nor conversations.
 */
#ifndef DRAHT_WEBCHAT_FRAME_H
#define DRAHT_WEBCHAT_FRAME_H

#include "gateway/base/error.h"
#include "gateway/base/json.h"
#include "gateway/base/span.h"

#define FRAME_BYTES_MAX 65536
#define FRAME_CID_BYTES_MAX 64
#define FRAME_FILES_MAX 5

enum frame_kind {
    FRAME_HELLO = 1,
    FRAME_MESSAGE,
    FRAME_TYPING,
    FRAME_GOT,
    FRAME_READ,
    FRAME_UPLOAD,
    FRAME_LANG,
    FRAME_EMAIL,
    FRAME_END,
    FRAME_FEEDBACK,
    FRAME_PERSON,
    FRAME_PING
};
struct frame { /* spans borrow from root */
    json_t *root;
    enum frame_kind kind;
    struct span cid, text, token, lang, address, answer;
    struct span files[FRAME_FILES_MAX];
    size_t files_n;
    uint64_t seq; /* seq or last_seq */
    bool is_on;
};
/* 0, ERR_INVALID, ERR_TOO_LARGE (size, cid, files); *out is untouched on failure. Release with
 * frame_free. */
int frame_parse(struct span text, struct frame *out);
/* The same from a JSON value that is already there; takes its own reference. */
int frame_from_json(json_t *v, struct frame *out);
void frame_free(struct frame *f);

#endif
