/* SPDX-License-Identifier: EUPL-1.2 */
/* mx_event: whatever a homeserver says is data of a stranger; each field is looked at by itself. */
#include "channels/matrix/mx_event.h"

#include "channels/kit/kit.h"
#include "gateway/base/utf8.h"

/* Beyond the year 2100, or before 2000, a clock tells nothing. */
#define SENT_MS_MIN 946684800000LL
#define SENT_MS_MAX 4102444800000LL
#define POLL_ANSWERS_MAX 20 /* as the specification limits it */

static struct span text_of(const json_t *o, const char *key) {
    const json_t *v = json_object_get(o, key);
    return json_is_string(v) ? (struct span){json_string_value(v), json_string_length(v)}
                             : SPAN_NONE;
}

static struct span clean(struct arena *a, struct mx_event *e, struct span s, size_t max) {
    struct utf8_notes notes = {0};
    if (!s.p)
        return SPAN_NONE;
    struct span out = utf8_clean(a, s, max, &notes);
    e->was_cleaned = e->was_cleaned || notes.had_controls;
    return out;
}

static bool id_is_sound(struct span s) {
    if (s.n < 2 || s.n > MX_ID_BYTES_MAX)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f)
            return false;
    return utf8_is_valid(s);
}

struct span mx_server_of(struct span id) {
    const char *colon = id.n ? memchr(id.p, ':', id.n) : NULL;
    if (!colon)
        return SPAN_NONE;
    size_t skip = (size_t)(colon - id.p) + 1;
    return (struct span){id.p + skip, id.n - skip};
}

bool mx_user_is_valid(struct span id) {
    return id_is_sound(id) && id.p[0] == '@' && mx_server_of(id).n > 0;
}

static bool all_of(struct span s, const char *extra) {
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool is_alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_alnum && (!c || !strchr(extra, c)))
            return false;
    }
    return s.n > 0;
}

int mx_mxc_split(struct span mxc, struct span *server, struct span *media) {
    if (mxc.n > MX_ID_BYTES_MAX * 2 || !span_istarts(mxc, "mxc://"))
        return -1;
    struct span rest = {mxc.p + 6, mxc.n - 6};
    struct span host = span_cut(&rest, '/');
    if (!rest.p || !all_of(host, ".-:[]") || !all_of(rest, "_-"))
        return -1;
    *server = host;
    *media = rest;
    return 0;
}

struct span mx_strip_fallback(struct span text) {
    struct span rest = text;
    if (!(text.n > 3 && text.p[0] == '>' && text.p[1] == ' ' &&
          (text.p[2] == '<' || (text.p[2] == '*' && text.n > 4))))
        return text;
    while (rest.p && rest.n && rest.p[0] == '>')
        span_cut(&rest, '\n');
    if (rest.p && rest.n && rest.p[0] == '\n')
        rest = (struct span){rest.p + 1, rest.n - 1};
    return rest.p ? rest : (struct span){text.p, 0};
}

/* <mx-reply>...</mx-reply> is the same fallback in HTML. */
static struct span strip_html_fallback(struct span html) {
    static const char open[] = "<mx-reply>", close[] = "</mx-reply>";
    if (html.n < sizeof open - 1 || memcmp(html.p, open, sizeof open - 1) != 0)
        return html;
    const char *end = memmem(html.p, html.n, close, sizeof close - 1);
    if (!end)
        return SPAN_NONE;
    end += sizeof close - 1;
    return (struct span){end, html.n - (size_t)(end - html.p)};
}

static void ignore(struct mx_event *e, const char *reason) {
    e->kind = MX_IGNORED;
    e->reason = reason;
}

/* ---- contents ---- */
static void read_file(struct arena *a, const json_t *c, struct mx_event *e) {
    const json_t *info = json_object_get(c, "info"), *sealed = json_object_get(c, "file");
    struct span name = text_of(c, "filename"), body = text_of(c, "body");
    bool has_caption = name.n > 0 && body.n > 0 && !span_is(name, body);
    e->file.is_encrypted = json_is_object(sealed);
    e->file.mxc = e->file.is_encrypted ? text_of(sealed, "url") : text_of(c, "url");
    e->file.name = clean(a, e, name.n ? name : body, MX_NAME_BYTES_MAX);
    e->file.type = clean(a, e, text_of(info, "mimetype"), MX_NAME_BYTES_MAX);
    e->file.bytes = json_int(info, "size", 0);
    if (e->file.bytes < 0)
        e->file.bytes = 0;
    e->text = has_caption ? clean(a, e, body, MX_EVENT_BYTES_MAX) : SPAN_NONE;
    if (!e->file.mxc.p)
        e->file.mxc = (struct span){"", 0}; /* there was one, and it cannot be had */
}

/* geo:latitude,longitude with what may follow: ",altitude", ";u=35" (RFC 5870). */
static bool read_geo(struct span geo, double *latitude, double *longitude) {
    char text[MX_NAME_BYTES_MAX + 1], *end;
    snprintf(text, sizeof text, "%.*s", (int)geo.n, geo.p ? geo.p : "");
    if (strncmp(text, "geo:", 4) != 0 || strspn(text + 4, "+-.0123456789") == 0)
        return false;
    *latitude = strtod(text + 4, &end);
    if (*end != ',' || strspn(end + 1, "+-.0123456789") == 0)
        return false;
    *longitude = strtod(end + 1, &end);
    return !*end || strchr(",;", *end);
}

/* A place that cannot be read stands there as it came. */
static void read_location(struct arena *a, const json_t *c, struct mx_event *e) {
    struct span body = clean(a, e, text_of(c, "body"), MX_EVENT_BYTES_MAX);
    struct span geo = clean(a, e, text_of(c, "geo_uri"), MX_NAME_BYTES_MAX);
    double latitude, longitude;
    struct buf b = {0};
    kit_line(&b, body);
    size_t before = b.n;
    if (read_geo(geo, &latitude, &longitude))
        kit_place(&b, latitude, longitude);
    if (b.n == before && !(body.n && geo.n && memmem(body.p, body.n, geo.p, geo.n)))
        kit_line(&b, geo);
    e->text = arena_dup(a, buf_span(&b));
    buf_free(&b);
}

/* What clients that know no polls are to show: the unstable form is a text, the stable a list. */
static struct span plain_of(const json_t *o) {
    const json_t *list = json_object_get(o, "m.text");
    struct span s = text_of(o, "org.matrix.msc1767.text");
    return s.n ? s : text_of(json_array_get(list, 0), "body");
}

static void read_poll(struct arena *a, const json_t *c, struct mx_event *e) {
    const json_t *poll = json_object_get(c, "org.matrix.msc3381.poll.start"), *answer;
    struct buf b = {0};
    size_t i;
    if (!poll)
        poll = json_object_get(c, "m.poll");
    kit_line(&b, plain_of(json_object_get(poll, "question")));
    json_array_foreach(json_object_get(poll, "answers"), i, answer) {
        struct span s = span_trim(plain_of(answer));
        if (s.n && i < POLL_ANSWERS_MAX)
            buf_addf(&b, "%s- %.*s", b.n ? "\n" : "", (int)s.n, s.p);
    }
    e->kind = MX_MESSAGE;
    e->text = clean(a, e, b.n ? buf_span(&b) : plain_of(c), MX_EVENT_BYTES_MAX);
    buf_free(&b);
    if (span_trim(e->text).n == 0)
        ignore(e, "a poll without text");
}

static void read_text(struct arena *a, const json_t *c, bool is_emote, struct mx_event *e) {
    struct span body = text_of(c, "body");
    if (e->reply_to.n)
        body = mx_strip_fallback(body);
    e->text = clean(a, e, body, MX_EVENT_BYTES_MAX);
    if (span_eq(text_of(c, "format"), "org.matrix.custom.html"))
        e->html =
            clean(a, e, strip_html_fallback(text_of(c, "formatted_body")), MX_EVENT_BYTES_MAX);
    if (is_emote && e->text.n)
        e->text = span_str(arena_printf(a, "* %.*s", (int)e->text.n, e->text.p));
}

static void read_content(struct arena *a, const json_t *c, struct mx_event *e) {
    static const char *const files[] = {"m.image", "m.file", "m.audio", "m.video"};
    struct span type = text_of(c, "msgtype");
    e->kind = MX_MESSAGE;
    e->is_automatic = span_eq(type, "m.notice") || span_eq(type, "m.server_notice");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (span_eq(type, files[i])) {
            read_file(a, c, e);
            return;
        }
    }
    if (span_eq(type, "m.location"))
        read_location(a, c, e);
    else if (span_eq(type, "m.key.verification.request"))
        ignore(e, "a request to compare keys");
    else
        read_text(a, c, span_eq(type, "m.emote"), e);
    if (e->kind == MX_MESSAGE && span_trim(e->text).n == 0)
        ignore(e, "without text");
}

static void read_message(struct arena *a, const json_t *content, struct mx_event *e) {
    const json_t *relates = json_object_get(content, "m.relates_to");
    const json_t *fresh = json_object_get(content, "m.new_content");
    struct span reply = text_of(json_object_get(relates, "m.in_reply_to"), "event_id");
    struct span target = text_of(relates, "event_id");
    bool is_edit = span_eq(text_of(relates, "rel_type"), "m.replace") && json_is_object(fresh);
    if (id_is_sound(reply))
        e->reply_to = reply;
    read_content(a, is_edit ? fresh : content, e);
    if (is_edit && e->kind == MX_MESSAGE && id_is_sound(target)) {
        e->kind = MX_EDIT;
        e->target = target;
    }
}

static void read_reaction(struct arena *a, const json_t *content, struct mx_event *e) {
    const json_t *relates = json_object_get(content, "m.relates_to");
    e->kind = MX_REACTION;
    e->text = clean(a, e, text_of(relates, "key"), MX_REACTION_BYTES_MAX);
    e->target = text_of(relates, "event_id");
    if (e->text.n == 0 || !id_is_sound(e->target))
        ignore(e, "a reaction to nothing");
}

static void read_redaction(const json_t *event, const json_t *content, struct mx_event *e) {
    e->kind = MX_REDACTION;
    e->target = text_of(content, "redacts"); /* since room version 11 */
    if (!e->target.n)
        e->target = text_of(event, "redacts");
    if (!id_is_sound(e->target))
        ignore(e, "a redaction of nothing");
}

static void read_kind(struct arena *a, const json_t *event, struct mx_event *e) {
    const json_t *content = json_object_get(event, "content");
    struct span type = text_of(event, "type");
    if (json_object_get(event, "state_key"))
        ignore(e, "a state of the room");
    else if (span_eq(type, "m.room.redaction"))
        read_redaction(event, content, e);
    else if (!json_is_object(content) || json_object_size(content) == 0)
        ignore(e, "withdrawn before it was read");
    else if (span_eq(type, "m.room.encrypted"))
        e->kind = MX_ENCRYPTED;
    else if (span_eq(type, "m.room.message"))
        read_message(a, content, e);
    else if (span_eq(type, "m.reaction"))
        read_reaction(a, content, e);
    else if (span_eq(type, "m.sticker")) {
        e->kind = MX_MESSAGE;
        read_file(a, content, e);
    } else if (span_eq(type, "org.matrix.msc3381.poll.start") || span_eq(type, "m.poll.start"))
        read_poll(a, content, e);
    else
        ignore(e, "carries no message");
}

void mx_event_read(struct arena *a, const json_t *event, struct span own, struct mx_event *out) {
    struct mx_event e = {0};
    e.id = text_of(event, "event_id");
    e.sender = text_of(event, "sender");
    e.sent_ms = json_int(event, "origin_server_ts", 0);
    if (e.sent_ms < SENT_MS_MIN || e.sent_ms > SENT_MS_MAX)
        e.sent_ms = 0;
    if (!json_is_object(event) || !id_is_sound(e.id) || !mx_user_is_valid(e.sender))
        ignore(&e, "not an event");
    else if (own.n && span_is(e.sender, own))
        ignore(&e, "our own");
    else
        read_kind(a, event, &e);
    *out = e;
}
