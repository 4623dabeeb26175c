/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * mx_event: what one event of a room means for a ticket. Pure: no I/O, no state. Sources: Matrix
 * client-server API v1.11 to v1.15, "Room events", "Instant messaging", "Rich replies", "Event
 * replacements".
 */
#ifndef DRAHT_MATRIX_MX_EVENT_H
#define DRAHT_MATRIX_MX_EVENT_H

#include "gateway/base/arena.h"
#include "gateway/base/json.h"
#include "gateway/base/span.h"

#define MX_ID_BYTES_MAX 255 /* user, room and event ids */
#define MX_NAME_BYTES_MAX 256
#define MX_EVENT_BYTES_MAX 65536
#define MX_REACTION_BYTES_MAX 64

enum mx_kind {
    MX_IGNORED,
    MX_MESSAGE,
    MX_EDIT,      /* text is the new wording, target the message it replaces */
    MX_REACTION,  /* text is the sign, target the message */
    MX_REDACTION, /* target was withdrawn */
    MX_ENCRYPTED  /* cannot be read */
};
struct mx_file {
    struct span mxc, name, type;
    int64_t bytes;     /* as claimed, 0: unknown */
    bool is_encrypted; /* its key is not ours to use */
};
struct mx_event { /* spans live in the arena or borrow from the JSON value */
    enum mx_kind kind;
    const char *reason; /* MX_IGNORED: why, for people */
    struct span id, sender, text, html;
    struct span reply_to, target;
    struct mx_file file; /* mxc.p NULL: none */
    int64_t sent_ms;     /* 0: unknown or absurd */
    bool is_automatic;   /* m.notice, m.server_notice: said by a program, never answered by one */
    bool was_cleaned;    /* control characters were removed */
};
/* own is our user id; its events are ignored. */
void mx_event_read(struct arena *a, const json_t *event, struct span own, struct mx_event *out);

/* "@local:server" within the limit, without blanks and controls. */
bool mx_user_is_valid(struct span id);
/* Host of a user or room id: what follows the first colon; empty when there is none. */
struct span mx_server_of(struct span id);
/* mxc://server/media in its two parts. 0 or ERR_INVALID. */
int mx_mxc_split(struct span mxc, struct span *server, struct span *media);
/* The text without the "> <@user:server> ..." lines that old clients put before a reply. */
struct span mx_strip_fallback(struct span text);

/* Text of an answer of /sync or /messages that the parser refuses because of one hostile event: a
 * copy in which lone surrogates and NUL became U+FFFD, numbers beyond 15 digits 0, and what is
 * nested deeper than MX_MEND_DEPTH null. In the arena. */
#define MX_MEND_DEPTH 24
struct span mx_mend(struct arena *a, struct span text);
/* json_parse, and once more after mx_mend. Returned (json_decref) or NULL. */
json_t *mx_parse(struct span text, size_t max_bytes);

#endif
