/* SPDX-License-Identifier: EUPL-1.2 */
/* note: four fields of a form at the counter. */
#include "channels/desk/note.h"

#include <stdio.h>

#include "channels/kit/normal.h"
#include "gateway/base/error.h"
#include "gateway/base/utf8.h"

#define WHO_POINTS_MAX 120
#define REPLY_POINTS_MAX 250
#define SUBJECT_POINTS_MAX 80
#define NOTE_BYTES_MAX (1 << 20)

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* The first number of ours in the text: a letter that names it belongs to that ticket. */
static struct span number_in(struct span text) {
    for (size_t i = 0; i + 11 <= text.n; i++) {
        size_t n = 0;
        bool at_start = i == 0 || !is_digit(text.p[i - 1]);
        while (at_start && i + n < text.n &&
               (is_digit(text.p[i + n]) || (n == 4 && text.p[i + n] == '-')))
            n++;
        if (n >= 11 && n < DESK_NUMBER_BYTES && text.p[i + 4] == '-')
            return (struct span){text.p + i, n};
    }
    return SPAN_NONE;
}

static struct span first_line(struct arena *a, struct span text) {
    struct span rest = text, line = span_trim(span_cut(&rest, '\n'));
    size_t n = 0, points = 0;
    while (n < line.n && points < SUBJECT_POINTS_MAX) {
        for (n++; n < line.n && ((unsigned char)line.p[n] & 0xc0) == 0x80;)
            n++;
        points++;
    }
    return n < line.n ? span_str(arena_printf(a, "%.*s…", (int)n, line.p)) : line;
}

/* Lines of an address become one: an address is one line everywhere else. */
static struct span one_line(struct arena *a, struct span s) {
    struct buf b = {0};
    struct span rest = s;
    while (rest.p && rest.n) {
        struct span line = span_trim(span_cut(&rest, '\n'));
        if (line.n)
            buf_addf(&b, "%s%.*s", b.n ? ", " : "", (int)line.n, line.p);
    }
    struct span out = arena_dup(a, b.n ? buf_span(&b) : SPAN(""));
    buf_free(&b);
    return out;
}

static struct span field(struct arena *a, const json_t *o, const char *name, struct desk_note *x) {
    struct utf8_notes notes = {0};
    struct span s = span_str(json_str(o, name, ""));
    s = span_trim(utf8_clean(a, s, NOTE_BYTES_MAX, &notes));
    x->had_controls = x->had_controls || notes.had_controls;
    return s;
}

const char *desk_note_read(struct arena *a, const json_t *o, struct desk_note *out) {
    struct desk_note x = {.kind = arena_strdup(a, json_str(o, "kind", "")),
                          .client_id = arena_strdup(a, json_str(o, "client_id", ""))};
    struct span who = field(a, o, "who", &x), reply = field(a, o, "reply", &x);
    x.what = field(a, o, "what", &x);
    if (strcmp(x.kind, "counter") && strcmp(x.kind, "phone") && strcmp(x.kind, "letter"))
        return "kind must be counter, phone or letter.";
    if (!*x.client_id || strlen(x.client_id) > 64)
        return "client_id must be a text of 1 to 64 bytes that is new for each message.";
    if (x.what.n == 0)
        return "what is empty: write down what the person wants.";
    if (utf8_count(who) > WHO_POINTS_MAX || utf8_count(reply) > REPLY_POINTS_MAX)
        return "who may have 120 characters, reply 250.";
    x.who = one_line(a, who);
    x.reply = one_line(a, reply);
    x.subject = first_line(a, x.what);
    x.number = number_in(x.what);
    *out = x;
    return NULL;
}

/* ---- draht normalize desk ---- */

#define CHANNEL "desk"

static json_t *message(struct arena *a, const struct desk_note *x) {
    struct kit_normal m = {
        .channel = CHANNEL,
        .external_id = span_str(x->client_id),
        .sender = x->reply.n ? x->reply : span_str(arena_printf(a, "desk:%s", x->client_id)),
        .recipient = span_str(x->kind),
        .subject = x->subject,
        .text = x->what,
        .in_reply_to = x->number,
        .had_controls = x->had_controls};
    json_t *o = kit_normal_message(&m);
    json_put(json_object_get(o, "sender"), "name", x->who);
    return o;
}

int desk_normalize(const char *raw, size_t n, char **out, char *err) {
    char why[160] = "";
    json_t *v = json_parse((struct span){raw, n}, NOTE_BYTES_MAX, why);
    struct desk_note x;
    if (!json_is_object(v)) {
        snprintf(err, 256, "The input is not a note: %s",
                 *why ? why : "an object with kind, who, what, reply and client_id.");
        json_decref(v);
        return ERR_INVALID;
    }
    struct arena *a = arena_new();
    struct buf b = {0};
    const char *wrong = desk_note_read(a, v, &x);
    kit_normal_print(&b, wrong ? kit_normal_ignored(CHANNEL, wrong) : message(a, &x));
    json_decref(v);
    arena_free(&a);
    *out = buf_take(&b, NULL);
    return 0;
}
