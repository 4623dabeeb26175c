/* SPDX-License-Identifier: EUPL-1.2 */
/* intake: updates are worked off one after the other, so that a conversation keeps its order. Parts
 * of an album are kept aside first (album.c). */
#include <stdio.h>
#include <stdlib.h>

#include "channels/telegram/telegram_private.h"

#define FETCH_TIMEOUT_MS 60000
#define PATH_BYTES_MAX 400
#define PATIENCE_MS (15LL * 60 * 1000) /* how long a file is asked for again */
#define DECLINED_TTL_MS (24ull * 3600 * 1000)

struct tg_work {
    struct telegram *t;
    struct tg_work *next, **prev;
    json_t *updates;
    size_t at, used; /* the update under way; how many of them are one message with it */
    struct arena *a;
    struct tg_update u;
    struct tg_park park;
    bool is_album; /* all updates together are one message */
    struct tg_file wanted[TG_ALBUM_MAX];
    size_t wanted_n, fetched;
    struct draht_attachment files[TG_ALBUM_MAX];
    size_t files_n;
    const char *file_warning;
    tg_taken_fn done;
    void *arg;
};

static void begin(struct tg_work *w);
static void fetch_next(struct tg_work *w);

static void work_free(struct tg_work *w) {
    *w->prev = w->next;
    if (w->next)
        w->next->prev = w->prev;
    w->t->works_n--;
    arena_free(&w->a);
    json_decref(w->updates);
    free(w);
}

void tg_works_drop(struct telegram *t) {
    while (t->works)
        work_free(t->works);
}

static void end(struct tg_work *w) {
    struct telegram *t = w->t;
    size_t taken = w->at;
    tg_taken_fn done = w->done;
    void *arg = w->arg;
    work_free(w);
    done(arg, taken);
    tg_idle(t);
}

static void next(struct tg_work *w) {
    w->at += w->used;
    begin(w);
}

/* ---- the message ---- */
static void on_accepted(void *arg, int status, const struct draht_accepted *a) {
    struct tg_work *w = arg;
    (void)a;
    if (status == DRAHT_E_UNAVAILABLE) {
        end(w);
        return;
    }
    if (status < 0)
        tg_log(w->t, 2, "telegram.rejected", "a message is beyond the limits and was not taken in");
    next(w);
}

static struct draht_span warnings(struct tg_work *w) {
    const char *const all[] = {w->u.warning, w->file_warning};
    struct buf b = {0};
    for (size_t i = 0; i < 2; i++) {
        if (!all[i])
            continue;
        buf_adds(&b, b.n ? "," : "[");
        kit_json(&b, span_str(all[i]));
    }
    if (b.n)
        buf_adds(&b, "]");
    struct span s = arena_dup(w->a, buf_span(&b));
    buf_free(&b);
    return kit_out(s);
}

static void accept_now(struct tg_work *w) {
    const struct tg_update *u = &w->u;
    struct draht_thread_hint hints[2];
    size_t n = 0;
    if (u->quoted.n)
        hints[n++] = (struct draht_thread_hint){DRAHT_THREAD_KEY, kit_out(u->quoted)};
    hints[n++] = (struct draht_thread_hint){DRAHT_THREAD_KEY, kit_out(u->chat)};
    struct draht_inbound in = {.size = sizeof in,
                               .external_id = kit_out(u->external_id),
                               .sender = kit_out(u->chat),
                               .sender_name = kit_out(u->sender_name),
                               .text = kit_out(u->text),
                               .language = kit_out(u->language),
                               .thread = kit_out(u->chat),
                               .hints = hints,
                               .hints_n = n,
                               .attachments = w->files,
                               .attachments_n = w->files_n,
                               .sent_ms = u->at_ms,
                               .warnings = warnings(w)};
    w->t->h->accept(w->t->host, &in, on_accepted, w);
}

/* ---- files: getFile names a path that lives an hour ---- */
static const char gone[] = "A file could not be fetched from Telegram.";
static const char large[] = "A file is larger than Telegram hands to bots (20 MB).";

static void file_failed(struct tg_work *w, const struct draht_http_answer *a) {
    struct telegram *t = w->t;
    bool is_passing = a && tg_error(a, false).verdict == DRAHT_RETRY;
    if (is_passing && t->h->now_ms(t->host) - w->u.at_ms < PATIENCE_MS) {
        end(w);
        return;
    }
    w->file_warning = a && a->error == ERR_TOO_LARGE ? large : gone;
    w->fetched++;
    fetch_next(w);
}

static void on_bytes(void *arg, const struct draht_http_answer *a) {
    struct tg_work *w = arg;
    if (a->error || a->status != 200) {
        file_failed(w, a);
        return;
    }
    const struct tg_file *f = &w->wanted[w->fetched++];
    struct span bytes = arena_dup(w->a, kit_in(a->body));
    w->files[w->files_n++] = (struct draht_attachment){.size = sizeof *w->files,
                                                       .name = kit_out(f->name),
                                                       .type = kit_str(kit_sniff(bytes)),
                                                       .bytes = kit_out(bytes),
                                                       .length = bytes.n};
    fetch_next(w);
}

static bool is_path(const char *s) {
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/";
    return *s && strlen(s) <= PATH_BYTES_MAX && !s[strspn(s, allowed)] && !strstr(s, "..");
}

static void on_path(void *arg, const struct draht_http_answer *a) {
    struct tg_work *w = arg;
    struct telegram *t = w->t;
    json_t *v = a->error || a->status != 200
                    ? NULL
                    : json_parse(kit_in(a->body), TG_UPDATE_BYTES_MAX, NULL);
    const char *path = json_str(json_object_get(v, "result"), "file_path", "");
    bool is_sent = false;
    if (is_path(path)) {
        struct buf url = {0};
        buf_addf(&url, "%s/file/bot%s/%s", t->s.api, t->s.token, path);
        struct draht_http_call call = {.size = sizeof call,
                                       .method = "GET",
                                       .url = url.p,
                                       .timeout_ms = FETCH_TIMEOUT_MS,
                                       .answer_max = (uint64_t)TG_DOWNLOAD_BYTES_MAX,
                                       .flags = DRAHT_HTTP_OPERATOR,
                                       .done = on_bytes,
                                       .arg = w};
        is_sent = t->h->http_call(t->host, &call) != NULL;
        buf_free(&url);
    }
    json_decref(v);
    if (!is_sent)
        file_failed(w, a);
}

static void fetch_next(struct tg_work *w) {
    while (w->fetched < w->wanted_n && w->wanted[w->fetched].bytes > TG_DOWNLOAD_BYTES_MAX) {
        w->file_warning = large;
        w->fetched++;
    }
    if (w->fetched >= w->wanted_n) {
        accept_now(w);
        return;
    }
    struct buf b = {0};
    buf_adds(&b, "{\"file_id\":");
    kit_json(&b, w->wanted[w->fetched].id);
    buf_adds(&b, "}");
    if (!tg_call(w->t, "getFile", NULL, buf_span(&b), FETCH_TIMEOUT_MS, 0, on_path, w, NULL))
        file_failed(w, NULL);
    buf_free(&b);
}

/* ---- what needs no ticket ---- */
static struct span words(struct telegram *t, struct arena *a, struct span language,
                         const char *key) {
    struct draht_span v = {0};
    if (language.n >= 2)
        v = t->h->fact(t->host, arena_printf(a, "locale.%.2s.telegram.%s", language.p, key));
    if (!v.p || !v.n)
        v = t->h->fact(t->host, arena_printf(a, "locale.de.telegram.%s", key));
    return kit_in(v);
}

static void say_words(struct tg_work *w, const char *key) {
    struct span text = words(w->t, w->a, w->u.language, key);
    struct buf b = {0};
    buf_addf(&b, "{\"chat_id\":%.*s,\"text\":", (int)w->u.chat.n, w->u.chat.p);
    kit_json(&b, text);
    buf_adds(&b, "}");
    if (text.n)
        tg_say(w->t, "sendMessage", buf_span(&b));
    buf_free(&b);
}

static void on_declined(void *arg, int status, struct draht_span v) {
    struct tg_work *w = arg;
    struct telegram *t = w->t;
    const char *key = arena_printf(w->a, "declined.%.*s", (int)w->u.chat.n, w->u.chat.p);
    if (status == 0 && !v.p) {
        say_words(w, "group");
        t->h->state_set(t->host, kit_str(key), kit_str("1"), DECLINED_TTL_MS, NULL, NULL);
    }
    next(w);
}

static void decline(struct tg_work *w) {
    const char *key = arena_printf(w->a, "declined.%.*s", (int)w->u.chat.n, w->u.chat.p);
    w->t->h->state_get(w->t->host, kit_str(key), on_declined, w);
}

/* ---- one after the other ---- */
static void add_words(struct tg_work *w, struct span text) {
    struct span so_far = w->u.text;
    w->u.text = !so_far.n ? text
                          : span_str(arena_printf(w->a, "%.*s\n\n%.*s", (int)so_far.n, so_far.p,
                                                  (int)text.n, text.p));
}

static void gather(struct tg_work *w) {
    const json_t *v;
    if (w->u.file.id.n)
        w->wanted[w->wanted_n++] = w->u.file;
    for (; w->is_album && (v = json_array_get(w->updates, w->at + w->used)); w->used++) {
        struct tg_update more;
        tg_update_read(w->a, v, &more);
        if (more.text.n)
            add_words(w, more.text);
        if (more.file.id.n && w->wanted_n < TG_ALBUM_MAX)
            w->wanted[w->wanted_n++] = more.file;
    }
}

static void on_parked(void *arg, int status) {
    struct tg_work *w = arg;
    if (status < 0)
        end(w);
    else
        next(w);
}

static bool park(struct tg_work *w, const json_t *v) {
    if (w->is_album || !w->u.album.n)
        return false;
    w->park = (struct tg_park){.t = w->t, .a = w->a, .done = on_parked, .arg = w};
    return tg_album_park(&w->park, v, &w->u);
}

static void begin(struct tg_work *w) {
    struct telegram *t = w->t;
    for (;;) {
        const json_t *v = json_array_get(w->updates, w->at);
        if (!v || t->is_stopping) {
            end(w);
            return;
        }
        arena_free(&w->a);
        w->a = arena_new();
        w->used = 1;
        w->wanted_n = w->fetched = w->files_n = 0;
        w->file_warning = NULL;
        tg_update_read(w->a, v, &w->u);
        if (w->u.kind != TG_IGNORED)
            break;
        tg_log(t, 0, "telegram.ignored", w->u.ignored);
        w->at++;
    }
    if (w->u.kind == TG_MESSAGE && park(w, json_array_get(w->updates, w->at)))
        return;
    if (w->u.kind == TG_MESSAGE) {
        gather(w);
        fetch_next(w);
    } else if (w->u.kind == TG_GROUP) {
        decline(w);
    } else {
        say_words(w, "start");
        next(w);
    }
}

static void take(struct telegram *t, json_t *updates, bool is_album, tg_taken_fn done, void *arg) {
    struct tg_work *w = xcalloc(1, sizeof *w);
    w->t = t;
    w->is_album = is_album;
    w->updates = updates;
    w->done = done;
    w->arg = arg;
    w->a = arena_new();
    w->next = t->works;
    w->prev = &t->works;
    if (w->next)
        w->next->prev = &w->next;
    t->works = w;
    t->works_n++;
    begin(w);
}

void tg_take(struct telegram *t, json_t *updates, tg_taken_fn done, void *arg) {
    take(t, updates, false, done, arg);
}

void tg_take_album(struct telegram *t, json_t *updates, tg_taken_fn done, void *arg) {
    take(t, updates, true, done, arg);
}
