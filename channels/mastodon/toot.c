/* SPDX-License-Identifier: EUPL-1.2 */
/* toot: reads what the instance says about a mention. */
#include "channels/mastodon/toot.h"

#include "channels/kit/html_text.h"
#include "channels/kit/kit.h"
#include "gateway/base/clock.h"
#include "gateway/base/utf8.h"

#define LABEL_BYTES_MAX 500
#define DESCRIPTION_BYTES_MAX 1500
#define POLL_OPTIONS_MAX 50
#define ADDRESS_BYTES_MAX 2000

static struct span str(const json_t *o, const char *key) {
    const json_t *v = json_object_get(o, key);
    return json_is_string(v) ? (struct span){json_string_value(v), json_string_length(v)}
                             : SPAN_NONE;
}

/* Printable ASCII without what would change the meaning of a URL. */
static struct span id_of(struct arena *a, const json_t *o, const char *key) {
    struct span s = str(o, key);
    if (s.n > TOOT_ID_BYTES_MAX)
        return SPAN_NONE;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= 0x20 || s.p[i] >= 0x7f || strchr("/?#&%\\", s.p[i]))
            return SPAN_NONE;
    return arena_dup(a, s);
}

static struct span host_of(struct span url) {
    struct span rest = url;
    for (int i = 0; i < 2; i++)
        span_cut(&rest, '/');
    return span_cut(&rest, '/');
}

/* user@host; accounts of the instance itself come without the host. Empty when it is no name that
 * can be mentioned. */
static struct span acct_of(struct arena *a, const json_t *account) {
    struct span acct = str(account, "acct"), host = SPAN_NONE;
    if (!acct.n || acct.n > TOOT_ACCT_BYTES_MAX)
        return SPAN_NONE;
    if (!memchr(acct.p, '@', acct.n))
        host = host_of(str(account, "url"));
    for (size_t i = 0; i < acct.n; i++)
        if (acct.p[i] <= 0x20 || acct.p[i] == 0x7f)
            return SPAN_NONE;
    for (size_t i = 0; i < host.n; i++)
        if (host.p[i] <= 0x20 || host.p[i] >= 0x7f)
            return SPAN_NONE;
    if (!host.n || host.n > TOOT_ACCT_BYTES_MAX)
        return utf8_clean(a, acct, TOOT_ACCT_BYTES_MAX, NULL);
    return span_str(arena_printf(a, "%.*s@%.*s", (int)acct.n, acct.p, (int)host.n, host.p));
}

struct span toot_words(struct arena *a, struct span html) {
    struct utf8_notes notes = {0};
    return span_trim(html_text(a, utf8_clean(a, html, TOOT_TEXT_BYTES_MAX * 2, &notes), NULL));
}

static bool is_name(struct span word, const json_t *mention) {
    struct span user = str(mention, "username"), acct = str(mention, "acct");
    struct span bare = word;
    bare = span_cut(&bare, '@');
    return (user.n && span_is(word, user)) || (acct.n && span_is(word, acct)) ||
           (user.n && memchr(word.p, '@', word.n) && span_is(bare, user));
}

/* The city's name at the beginning is how it was addressed, not what was said. */
static struct span without_mention(struct span text, const json_t *mentions, const char *own_id) {
    if (text.n == 0 || text.p[0] != '@')
        return text;
    size_t n = 1;
    while (n < text.n && (unsigned char)text.p[n] > ' ' && !strchr(",:;!?", text.p[n]))
        n++;
    struct span word = {text.p + 1, n - 1};
    for (size_t i = 0; i < json_array_size(mentions); i++) {
        const json_t *m = json_array_get(mentions, i);
        if (is_name(word, m) && (!own_id || strcmp(json_str(m, "id", ""), own_id) == 0)) {
            struct span rest = {text.p + n, text.n - n};
            while (rest.n && strchr(" \n,:", rest.p[0]))
                rest = (struct span){rest.p + 1, rest.n - 1};
            return rest;
        }
    }
    return text;
}

static struct span name_of(struct arena *a, struct span url, const char *type) {
    struct span path = url;
    path = span_cut(&path, '?');
    size_t i = path.n;
    while (i > 0 && path.p[i - 1] != '/')
        i--;
    struct span base = kit_percent(a, (struct span){path.p + i, path.n - i}, false);
    return base.n ? kit_name(a, base) : span_str(arena_strdup(a, type));
}

/* What a blind person would be told about a picture is part of the message. */
static void read_files(struct arena *a, const json_t *list, struct toot *t, struct buf *text) {
    for (size_t i = 0; i < json_array_size(list) && t->files_n < TOOT_FILES_MAX; i++) {
        const json_t *x = json_array_get(list, i);
        struct span url = str(x, "url");
        if (!url.n)
            url = str(x, "remote_url");
        if (!url.n || url.n > 4096 || memchr(url.p, 0, url.n))
            continue;
        struct toot_file *f = &t->files[t->files_n++];
        f->url = arena_dup(a, url);
        f->type = utf8_clean(a, str(x, "type"), LABEL_BYTES_MAX, NULL);
        f->name = name_of(a, f->url, "file");
        struct span about = utf8_clean(a, str(x, "description"), DESCRIPTION_BYTES_MAX, NULL);
        if (span_trim(about).n) {
            buf_addf(text, "%s[%.*s: ", text->n ? "\n" : "", (int)f->name.n, f->name.p);
            buf_add(text, about.p, about.n);
            buf_adds(text, "]");
        }
    }
}

static void read_poll(const json_t *poll, struct buf *text) {
    size_t i;
    json_t *o;
    json_array_foreach(json_object_get(poll, "options"), i, o) {
        struct span s = span_trim(str(o, "title"));
        if (s.n && i < POLL_OPTIONS_MAX)
            buf_addf(text, "%s- %.*s", text->n ? "\n" : "", (int)s.n, s.p);
    }
}

/* Whoever asks "what is this?" about another message means that one: its address belongs to it. */
static void read_quote(const json_t *quote, struct buf *text) {
    struct span url = str(json_object_get(quote, "quoted_status"), "url");
    bool is_address = span_istarts(url, "https://") || span_istarts(url, "http://");
    bool is_there = text->n && url.n && memmem(text->p, text->n, url.p, url.n);
    if (is_address && !is_there && url.n <= ADDRESS_BYTES_MAX)
        kit_line(text, url);
}

static void read_text(struct arena *a, const json_t *s, const char *own_id, struct toot *t) {
    struct utf8_notes notes = {0};
    struct span html = utf8_clean(a, str(s, "content"), TOOT_TEXT_BYTES_MAX * 2, &notes);
    struct span words = span_trim(html_text(a, html, NULL));
    words = without_mention(words, json_object_get(s, "mentions"), own_id);
    struct buf b = {0};
    buf_add(&b, words.n ? words.p : "", words.n);
    read_poll(json_object_get(s, "poll"), &b);
    read_quote(json_object_get(s, "quote"), &b);
    read_files(a, json_object_get(s, "media_attachments"), t, &b);
    struct utf8_notes cut = {0};
    t->text = utf8_clean(a, buf_span(&b), TOOT_TEXT_BYTES_MAX, &cut);
    t->had_controls = notes.had_controls;
    t->had_bidi = notes.had_bidi;
    t->was_cut = notes.was_cut || cut.was_cut;
    buf_free(&b);
}

static bool is_own(const json_t *account, const char *own_id) {
    return own_id && strcmp(json_str(account, "id", ""), own_id) == 0;
}

void toot_read_status(struct arena *a, const json_t *s, const char *own_id, bool is_edit,
                      struct toot *t) {
    const json_t *account = json_object_get(s, "account");
    const char *seen_by = json_str(s, "visibility", "public");
    t->status_id = t->external_id = id_of(a, s, "id");
    t->sender = acct_of(a, account);
    t->sender_name = utf8_clean(a, str(account, "display_name"), LABEL_BYTES_MAX, NULL);
    t->subject = utf8_clean(a, str(s, "spoiler_text"), LABEL_BYTES_MAX, NULL);
    t->language = id_of(a, s, "language");
    t->in_reply_to = id_of(a, s, "in_reply_to_id");
    t->is_public = strcmp(seen_by, "direct") != 0;
    t->is_edit = is_edit;
    clock_parse_rfc3339(json_str(s, is_edit ? "edited_at" : "created_at", ""), &t->at_ms);
    if (is_edit && t->status_id.n)
        t->external_id = span_str(
            arena_printf(a, "%.*s#%lld", (int)t->status_id.n, t->status_id.p, (long long)t->at_ms));
    read_text(a, s, own_id, t);
    if (!t->status_id.n || !t->sender.n)
        t->ignored = "without an id or a sender";
    else if (is_own(account, own_id))
        t->ignored = "an own message";
    else if (json_flag(account, "bot", false))
        t->ignored = "written by a bot";
    else if (!t->text.n && !t->files_n && !t->subject.n)
        t->ignored = "empty message";
}

void toot_read(struct arena *a, const json_t *n, const char *own_id, struct toot *t) {
    *t = (struct toot){0};
    t->notification = id_of(a, n, "id");
    if (strcmp(json_str(n, "type", ""), "mention") != 0)
        t->ignored = "no mention";
    else if (!json_is_object(json_object_get(n, "status")))
        t->ignored = "a mention without its message";
    else
        toot_read_status(a, json_object_get(n, "status"), own_id, false, t);
}
