/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * wire: lines of JSON-RPC 2.0, one object each, both directions (docs/channel-wire.md, 1). It knows
 * no methods. Memory is bounded by one line and one read.
 */
#ifndef DRAHT_CHANNELS_EXEC_WIRE_H
#define DRAHT_CHANNELS_EXEC_WIRE_H

#include "gateway/base/buf.h"
#include "gateway/base/json.h"

#define WIRE_LINE_BYTES_MAX ((size_t)1 << 20) /* without the LF */
#define WIRE_ID_BYTES_MAX 64
#define WIRE_METHOD_BYTES_MAX 64
#define WIRE_SENTENCE_BYTES 200

enum wire_code {
    WIRE_NO_METHOD = -32601,
    WIRE_BAD_PARAMS = -32602,
    WIRE_NOT_NOW = -32001,
    WIRE_NEVER = -32002,
    WIRE_NOT_FOUND = -32003
};
enum wire_kind { WIRE_REQUEST = 1, WIRE_NOTE, WIRE_RESPONSE };
struct wire_message { /* returned by wire_next; wire_message_free releases */
    enum wire_kind kind;
    json_t *line;                 /* owns all that follows */
    const char *method;           /* REQUEST, NOTE */
    const json_t *id;             /* REQUEST, RESPONSE */
    const json_t *params;         /* object, or NULL */
    const json_t *result, *error; /* RESPONSE: one of them */
};
struct wire { /* zeroed: empty */
    struct buf in;
    size_t looked; /* bytes in which no LF was */
};

/* Takes what was read; more than a line beyond the limit is refused by the next wire_next. */
void wire_feed(struct wire *w, struct span bytes);
/* 1: *out is the next message. 0: more bytes are needed. ERR_PROTOCOL: the peer broke the framing,
 * why (WIRE_SENTENCE_BYTES) says how, without citing it. */
int wire_next(struct wire *w, struct wire_message *out, char *why);
void wire_message_free(struct wire_message *m);
void wire_free(struct wire *w);

/* Lines to write, LF included, appended to out. params, result: taken. False: longer than the
 * limit, nothing was appended. id NULL: notification. */
bool wire_request(struct buf *out, int64_t id, const char *method, json_t *params);
bool wire_result(struct buf *out, const json_t *id, json_t *result);
void wire_error(struct buf *out, const json_t *id, enum wire_code code, const char *message);

/* Bodies: body when it is plain text, body_base64 otherwise. */
void wire_put_body(json_t *o, struct span body);
/* The bytes of o's body, appended to out. False when both or none-texts are there, or the base64 is
 * not valid. */
bool wire_get_body(const json_t *o, struct buf *out);

#endif
