/* SPDX-License-Identifier: EUPL-1.2 */
/* event: what both readers need, and the walk over the entries of a body. */
#include "channels/meta/event.h"

#include <stdio.h>

#include "channels/kit/kit.h"
#include "gateway/base/error.h"
#include "gateway/base/utf8.h"

#define MS_FROM 100000000000LL   /* below: seconds (until the year 5138), above: milliseconds */
#define MS_UNTIL 4102444800000LL /* the year 2100 */

static const char *const objects[] = {[META_WHATSAPP] = "whatsapp_business_account",
                                      [META_MESSENGER] = "page",
                                      [META_INSTAGRAM] = "instagram"};

struct meta_event *meta_event_new(struct meta_reader *r) {
    struct meta_batch *b = r->batch;
    if (b->n >= META_EVENTS_MAX) {
        b->was_cut = true;
        return NULL;
    }
    if (b->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 8;
        struct meta_event *more = arena_alloc(r->a, cap * sizeof *more);
        if (b->n)
            memcpy(more, b->events, b->n * sizeof *more);
        b->events = more;
        r->cap = cap;
    }
    struct meta_event *e = &b->events[b->n++];
    *e = (struct meta_event){.account = r->account, .ignored = "carries no message"};
    return e;
}

void meta_event_ignore(struct meta_reader *r, const char *why) {
    struct meta_event *e = meta_event_new(r);
    if (e)
        e->ignored = why;
}

struct span meta_str(const json_t *object, const char *key) {
    const json_t *v = json_object_get(object, key);
    if (!json_is_string(v))
        return SPAN_NONE;
    return (struct span){json_string_value(v), json_string_length(v)};
}

struct span meta_id(struct arena *a, const json_t *object, const char *key) {
    const json_t *v = json_object_get(object, key);
    if (json_is_integer(v)) {
        const char *digits = arena_printf(a, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
        return json_integer_value(v) > 0 ? span_str(digits) : SPAN_NONE;
    }
    struct span s = meta_str(object, key);
    if (s.n > META_ID_BYTES_MAX)
        return SPAN_NONE;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= 0x20 || s.p[i] >= 0x7f)
            return SPAN_NONE;
    return arena_dup(a, s);
}

int64_t meta_time(const json_t *object, const char *key) {
    const json_t *v = json_object_get(object, key);
    unsigned long long n = 0;
    if (json_is_integer(v) && json_integer_value(v) > 0)
        n = (unsigned long long)json_integer_value(v);
    else if (span_u64(meta_str(object, key), INT64_MAX, &n) < 0)
        return 0;
    int64_t ms = (int64_t)n;
    if (ms < MS_FROM)
        ms *= 1000;
    return ms < MS_UNTIL ? ms : 0;
}

void meta_place(struct buf *b, const json_t *latitude, const json_t *longitude) {
    if (json_is_number(latitude) && json_is_number(longitude))
        kit_place(b, json_number_value(latitude), json_number_value(longitude));
}

void meta_event_text(struct meta_reader *r, struct meta_event *e, struct buf *b) {
    struct utf8_notes notes = {0};
    e->text = utf8_clean(r->a, buf_span(b), META_TEXT_BYTES_MAX, &notes);
    e->had_controls = notes.had_controls;
    e->had_bidi = notes.had_bidi;
    e->was_cut = notes.was_cut;
    buf_free(b);
    if (!e->external_id.n || !e->sender.n)
        e->ignored = "without an id or a sender";
    else if (span_trim(e->text).n == 0 && e->files_n == 0 && !e->warning)
        e->ignored = "empty message";
    else
        e->kind = META_MESSAGE;
}

struct meta_file *meta_file_new(struct meta_reader *r, struct meta_event *e) {
    if (e->files_n >= META_FILES_MAX) {
        e->warning = "The message has more files than are taken in.";
        return NULL;
    }
    struct meta_file *more = arena_alloc(r->a, (e->files_n + 1) * sizeof *more);
    if (e->files_n)
        memcpy(more, e->files, e->files_n * sizeof *more);
    e->files = more;
    return &e->files[e->files_n++];
}

struct span meta_file_name(struct arena *a, struct span name, const char *kind, struct span type) {
    static const char *const ends[][2] = {
        {"image/jpeg", ".jpg"}, {"image/png", ".png"},       {"image/webp", ".webp"},
        {"image/gif", ".gif"},  {"audio/ogg", ".ogg"},       {"audio/mpeg", ".mp3"},
        {"audio/mp4", ".m4a"},  {"video/mp4", ".mp4"},       {"audio/aac", ".aac"},
        {"video/3gpp", ".3gp"}, {"application/pdf", ".pdf"}, {"audio/amr", ".amr"}};
    if (span_trim(name).n)
        return kit_name(a, name);
    struct span bare = type;
    bare = span_trim(span_cut(&bare, ';'));
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (span_ieq(bare, ends[i][0]))
            return span_str(arena_printf(a, "%s%s", kind, ends[i][1]));
    return span_str(arena_strdup(a, kind));
}

static void walk(struct meta_reader *r, enum meta_flavour flavour, const json_t *entries) {
    size_t i;
    json_t *entry;
    json_array_foreach(entries, i, entry) {
        r->account = meta_id(r->a, entry, "id");
        if (flavour == META_WHATSAPP)
            meta_read_whatsapp(r, entry);
        else
            meta_read_messaging(r, entry);
    }
}

int meta_parse(struct arena *a, enum meta_flavour flavour, struct span body,
               struct meta_batch *out) {
    *out = (struct meta_batch){0};
    json_t *v = json_parse(body, META_BODY_BYTES_MAX, NULL);
    if (!json_is_object(v)) {
        json_decref(v);
        return ERR_INVALID;
    }
    struct meta_reader r = {.a = a, .batch = out};
    if (strcmp(json_str(v, "object", ""), objects[flavour]) == 0)
        walk(&r, flavour, json_object_get(v, "entry"));
    else
        meta_event_ignore(&r, "another kind of object");
    json_decref(v);
    return 0;
}
