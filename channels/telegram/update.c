/* SPDX-License-Identifier: EUPL-1.2 */
/* update: each kind of content becomes words, and at most one file. A venue carries a location as
 * well, so it is looked for first. */
#include "channels/telegram/update.h"

#include <inttypes.h>
#include <stdio.h>

#include "channels/kit/kit.h"
#include "gateway/base/utf8.h"

#define NAME_BYTES_MAX 256
#define LINE_BYTES_MAX 1000
#define SECONDS_MAX 32503680000 /* the year 3000 */
#define PIXELS_MAX 1000000
#define LINKS_MAX 50

static struct span str(const json_t *o, const char *key) {
    const json_t *v = json_object_get(o, key);
    return json_is_string(v) ? (struct span){json_string_value(v), json_string_length(v)}
                             : SPAN_NONE;
}

/* A number from 0 to max; 0 for anything else. */
static int64_t bounded(const json_t *o, const char *key, int64_t max) {
    int64_t n = json_int(o, key, 0);
    return n < 0 || n > max ? 0 : n;
}

static int64_t area(const json_t *size) {
    return bounded(size, "width", PIXELS_MAX) * bounded(size, "height", PIXELS_MAX);
}

static void line(struct buf *b, const char *label, struct span s) {
    s = span_trim(s);
    if (s.n == 0)
        return;
    if (b->n)
        buf_adds(b, "\n");
    buf_adds(b, label);
    buf_add(b, s.p, s.n < LINE_BYTES_MAX ? s.n : LINE_BYTES_MAX);
}

static void place(struct buf *b, const json_t *location) {
    const json_t *la = json_object_get(location, "latitude"),
                 *lo = json_object_get(location, "longitude");
    if (json_is_number(la) && json_is_number(lo))
        kit_place(b, json_number_value(la), json_number_value(lo));
}

/* ---- files ---- */
static void take_file(struct arena *a, struct tg_update *u, const json_t *f, const char *name) {
    struct span id = str(f, "file_id"), given = str(f, "file_name");
    if (id.n == 0 || id.n > TG_FILE_ID_BYTES_MAX)
        return;
    u->file.id = arena_dup(a, id);
    u->file.name = kit_name(a, given.n ? given : span_str(name));
    u->file.type = utf8_clean(a, str(f, "mime_type"), 100, NULL);
    u->file.bytes = json_int(f, "file_size", -1);
}

/* The sizes of a photo come in no promised order. */
static const json_t *largest(const json_t *sizes) {
    const json_t *best = NULL, *v;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)sizes, i, v) {
        if (!best || area(v) > area(best))
            best = v;
    }
    return best;
}

static void read_files(struct arena *a, struct tg_update *u, const json_t *m) {
    static const struct {
        const char *key, *name;
    } kinds[] = {{"document", "datei"},       {"voice", "sprachnachricht.ogg"},
                 {"audio", "audio.mp3"},      {"video", "video.mp4"},
                 {"video_note", "video.mp4"}, {"animation", "animation.mp4"}};
    if (json_is_array(json_object_get(m, "photo"))) {
        const json_t *best = largest(json_object_get(m, "photo"));
        if (best)
            take_file(a, u, best, "bild.jpg");
        return;
    }
    /* An animation comes with a document of the same file. */
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && !u->file.id.n; i++)
        if (json_is_object(json_object_get(m, kinds[i].key)))
            take_file(a, u, json_object_get(m, kinds[i].key), kinds[i].name);
}

/* ---- words ---- */
static void read_contact(struct buf *b, const json_t *c) {
    line(b, "", str(c, "first_name"));
    line(b, "", str(c, "last_name"));
    line(b, "", str(c, "phone_number"));
}

static void read_poll(struct buf *b, const json_t *p) {
    size_t i;
    json_t *o;
    line(b, "", str(p, "question"));
    json_array_foreach(json_object_get(p, "options"), i, o) line(b, "- ", str(o, "text"));
}

static void read_checklist(struct buf *b, const json_t *list) {
    size_t i;
    json_t *o;
    line(b, "", str(list, "title"));
    json_array_foreach(json_object_get(list, "tasks"), i, o) line(b, "- ", str(o, "text"));
}

/* A word can carry an address that the text does not show. */
static void read_links(struct buf *b, const json_t *entities) {
    for (size_t i = 0; i < json_array_size(entities) && i < LINKS_MAX; i++) {
        const json_t *x = json_array_get(entities, i);
        struct span url = str(x, "url");
        if (strcmp(json_str(x, "type", ""), "text_link") == 0 && url.n &&
            !(b->n && memmem(b->p, b->n, url.p, url.n)))
            line(b, "", url);
    }
}

static void read_text(struct buf *b, const json_t *m) {
    const json_t *quote = json_object_get(m, "quote");
    bool has_text = str(m, "text").n > 0;
    struct span text = str(m, has_text ? "text" : "caption");
    if (json_flag(quote, "is_manual", false)) {
        line(b, "> ", str(quote, "text"));
        buf_adds(b, b->n ? "\n" : "");
    }
    buf_add(b, text.p ? text.p : "", text.n);
    read_links(b, json_object_get(m, has_text ? "entities" : "caption_entities"));
}

static bool read_words(struct buf *b, const json_t *m) {
    const json_t *venue = json_object_get(m, "venue"), *dice = json_object_get(m, "dice");
    read_text(b, m);
    if (venue) {
        line(b, "", str(venue, "title"));
        line(b, "", str(venue, "address"));
        place(b, json_object_get(venue, "location"));
    } else if (json_object_get(m, "location")) {
        place(b, json_object_get(m, "location"));
    }
    if (json_object_get(m, "contact"))
        read_contact(b, json_object_get(m, "contact"));
    if (json_object_get(m, "poll"))
        read_poll(b, json_object_get(m, "poll"));
    read_checklist(b, json_object_get(m, "checklist"));
    line(b, "", str(json_object_get(m, "sticker"), "emoji"));
    line(b, "", str(json_object_get(m, "web_app_data"), "data"));
    if (dice) {
        char value[40];
        line(b, "", str(dice, "emoji"));
        snprintf(value, sizeof value, "%" PRId64, json_int(dice, "value", 0));
        line(b, "", span_str(value));
    }
    return b->n > 0;
}

static struct span id_text(struct arena *a, const json_t *o, const char *key) {
    const json_t *v = json_object_get(o, key);
    return json_is_integer(v) ? span_str(arena_printf(a, "%lld", (long long)json_integer_value(v)))
                              : SPAN_NONE;
}

static struct span pair(struct arena *a, struct span chat, struct span message) {
    if (!chat.n || !message.n)
        return SPAN_NONE;
    return span_str(arena_printf(a, "%.*s.%.*s", (int)chat.n, chat.p, (int)message.n, message.p));
}

static void read_sender(struct arena *a, struct tg_update *u, const json_t *from) {
    struct span first = str(from, "first_name"), last = str(from, "last_name");
    const char *both = arena_printf(a, "%.*s %.*s", (int)first.n, first.p ? first.p : "",
                                    (int)last.n, last.p ? last.p : "");
    u->sender_name = span_trim(utf8_clean(a, span_str(both), NAME_BYTES_MAX, NULL));
    u->language = utf8_clean(a, str(from, "language_code"), 35, NULL);
}

static void ignore(struct tg_update *u, const char *why) {
    u->kind = TG_IGNORED;
    u->ignored = why;
}

static void finish_text(struct arena *a, struct tg_update *u, struct buf *b) {
    struct utf8_notes notes = {0};
    u->text = utf8_clean(a, buf_span(b), TG_TEXT_BYTES_MAX, &notes);
    u->had_controls = notes.had_controls;
    u->had_bidi = notes.had_bidi;
    u->was_cut = notes.was_cut;
}

/* What Telegram notes in a private chat without that anybody has written. */
static bool is_note(const json_t *m) {
    static const char *const notes[] = {
        "pinned_message",        "message_auto_delete_timer_changed",
        "chat_background_set",   "write_access_allowed",
        "connected_website",     "proximity_alert_triggered",
        "boost_added",           "checklist_tasks_done",
        "checklist_tasks_added", "users_shared",
        "chat_shared",           "successful_payment",
        "refunded_payment",      "gift",
        "unique_gift",           "gift_upgrade_sent"};
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++)
        if (json_object_get(m, notes[i]))
            return true;
    return false;
}

static const char *reason_to_ignore(const json_t *m, bool is_edit) {
    if (json_flag(json_object_get(m, "from"), "is_bot", false))
        return "written by a bot";
    if (json_object_get(m, "migrate_to_chat_id") || json_object_get(m, "migrate_from_chat_id"))
        return "a group got another id";
    if (is_edit && json_object_get(m, "location")) /* every few seconds, for hours */
        return "a place that moves";
    return NULL;
}

static void read_message(struct arena *a, struct tg_update *u, const json_t *m, bool is_edit) {
    const json_t *chat = json_object_get(m, "chat"), *from = json_object_get(m, "from");
    const char *kind = json_str(chat, "type", "");
    struct span id = id_text(a, m, "message_id");
    u->chat = id_text(a, chat, "id");
    u->external_id = pair(a, u->chat, id);
    if (!u->external_id.n) {
        ignore(u, "without a chat or a message id");
        return;
    }
    u->at_ms = bounded(m, is_edit ? "edit_date" : "date", SECONDS_MAX) * 1000;
    u->album = arena_dup(a, str(m, "media_group_id"));
    u->quoted = pair(a, u->chat, id_text(a, json_object_get(m, "reply_to_message"), "message_id"));
    read_sender(a, u, from);
    const char *why = reason_to_ignore(m, is_edit);
    if (why) {
        ignore(u, why);
        return;
    }
    if (strcmp(kind, "private") != 0) {
        u->kind = TG_GROUP;
        u->ignored = "not a private chat";
        return;
    }
    if (is_note(m)) {
        ignore(u, "a note of Telegram's");
        return;
    }
    struct buf b = {0};
    bool has_words = read_words(&b, m);
    read_files(a, u, m);
    finish_text(a, u, &b);
    buf_free(&b);
    u->kind = TG_MESSAGE;
    if (is_edit) {
        u->quoted = u->external_id;
        u->album = SPAN_NONE;
        u->external_id = span_str(arena_printf(a, "%.*s.e%" PRId64, (int)u->external_id.n,
                                               u->external_id.p, u->at_ms / 1000));
        u->warning = "The citizen changed an earlier message; this is its new text.";
    } else if (span_eq(u->text, "/start") || span_istarts(u->text, "/start ")) {
        u->kind = TG_START;
    } else if (!has_words && !u->file.id.n) {
        u->warning = "The message is of a kind that cannot be shown here.";
    }
}

void tg_update_read(struct arena *a, const json_t *v, struct tg_update *out) {
    *out = (struct tg_update){.update_id = json_int(v, "update_id", -1), .file.bytes = -1};
    const json_t *message = json_object_get(v, "message"),
                 *edited = json_object_get(v, "edited_message"),
                 *member = json_object_get(v, "my_chat_member");
    if (json_is_object(message))
        read_message(a, out, message, false);
    else if (json_is_object(edited))
        read_message(a, out, edited, true);
    else if (json_is_object(member))
        ignore(out, strcmp(json_str(json_object_get(member, "new_chat_member"), "status", ""),
                           "kicked") == 0
                        ? "the bot was blocked"
                        : "the bot's membership changed");
    else if (json_object_get(v, "message_reaction"))
        ignore(out, "a reaction");
    else
        ignore(out, "a kind of update that is not served");
}
