/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * event: a webhook body of Meta as a list of events in our own words. Pure: no state, no settings.
 * Everything lives in the arena; texts are clean UTF-8, ids are printable ASCII.
 */
#ifndef DRAHT_META_EVENT_H
#define DRAHT_META_EVENT_H

#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/buf.h"
#include "gateway/base/json.h"

#define META_BODY_BYTES_MAX (3u << 20) /* Meta's own limit of a webhook body */
#define META_EVENTS_MAX 2000           /* Meta batches up to 1,000; more is cut and logged */
#define META_FILES_MAX 30
#define META_ID_BYTES_MAX 400
#define META_TEXT_BYTES_MAX 65536

enum meta_flavour { META_WHATSAPP, META_MESSENGER, META_INSTAGRAM };
enum meta_kind {
    META_IGNORED,
    META_MESSAGE,
    META_RECEIPT, /* of one message of ours: external_id */
    META_UP_TO    /* everything sent to sender until at_ms has reached the state */
};
struct meta_file {
    struct span id;     /* WhatsApp: asked for by id */
    struct span url;    /* the others: fetched from there */
    struct span name;   /* a safe base name */
    struct span type;   /* as claimed */
    struct span sha256; /* lower-case hex, or empty */
};
struct meta_event {
    enum meta_kind kind;
    struct span account; /* phone number id, page id or Instagram account id at the city's side */
    struct span external_id, sender, sender_name;
    struct span thread; /* the user's id that outlives a change of number */
    struct span text, quoted;
    struct meta_file *files;
    size_t files_n;
    int64_t at_ms; /* 0: unknown */
    uint32_t state;
    int code;            /* of a failed receipt or an error, -1: none is told */
    struct span title;   /* what the provider calls that error, for the log alone */
    bool is_error;       /* ignored, yet an operator should hear of it: the code says why */
    bool is_system;      /* a note about the citizen, not by the citizen */
    const char *warning; /* a sentence for staff, or NULL */
    const char *ignored; /* why */
    bool had_controls, had_bidi, was_cut;
};
struct meta_batch {
    struct meta_event *events;
    size_t n;
    bool was_cut;
};
/* 0; ERR_INVALID when the body is no JSON object. An object type that is not of the flavour gives
 * one ignored event. */
int meta_parse(struct arena *a, enum meta_flavour flavour, struct span body,
               struct meta_batch *out);

/* ---- between event.c and the two readers ---- */
struct meta_reader {
    struct arena *a;
    struct meta_batch *batch;
    size_t cap;
    struct span account;
};
/* A fresh event (ignored until a kind is set), or NULL beyond META_EVENTS_MAX. */
struct meta_event *meta_event_new(struct meta_reader *r);
void meta_event_ignore(struct meta_reader *r, const char *why);
/* A string or a whole number as an id; empty when it is neither, too long or not printable. */
struct span meta_id(struct arena *a, const json_t *object, const char *key);
struct span meta_str(const json_t *object, const char *key); /* borrowed from the object, raw */
/* Seconds or milliseconds, number or digits; 0 for anything else. */
int64_t meta_time(const json_t *object, const char *key);
/* latitude and longitude as two lines, the second a link to a map; nothing when either is absent */
void meta_place(struct buf *b, const json_t *latitude, const json_t *longitude);
/* Cleans the text into the event and settles whether it is a message; frees b. */
void meta_event_text(struct meta_reader *r, struct meta_event *e, struct buf *b);
struct meta_file *meta_file_new(struct meta_reader *r, struct meta_event *e);
/* A safe name, made from the claimed type when none is given. */
struct span meta_file_name(struct arena *a, struct span name, const char *kind, struct span type);
void meta_read_whatsapp(struct meta_reader *r, const json_t *entry);
void meta_read_messaging(struct meta_reader *r, const json_t *entry);

#endif
