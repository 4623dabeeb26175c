/* SPDX-License-Identifier: EUPL-1.2 */
/* connect: whose token it is, and what the instance allows. */
#include <stdlib.h>

#include "channels/mastodon/mastodon_private.h"

#define TYPE_BYTES_MAX 100
#define TYPES_BYTES_MAX 2000

static void again(void *arg) {
    struct mastodon *m = arg;
    m->h->timer_stop(m->connect_timer);
    m->connect_timer = NULL;
    mast_connect(m);
}

void mast_say_down(struct mastodon *m, const struct draht_http_answer *a) {
    const char *why = "The instance does not answer. Draht goes on asking.";
    if (a->status == 401 || a->status == 403)
        why = "The instance refuses the access token. An operator must look.";
    else if (a->status)
        why = "The instance does not answer as Mastodon does. Draht goes on asking.";
    m->h->health(m->host, 0, why);
    mast_log(m, 2, "mastodon.connect", why);
}

static void failed(struct mastodon *m, const struct draht_http_answer *a) {
    mast_say_down(m, a);
    uint64_t wait_ms = mast_wait_ms(m, a), backoff_ms = mast_backoff_ms(m->connect_fails++);
    if (!m->is_stopping)
        m->connect_timer =
            m->h->timer(m->host, wait_ms > backoff_ms ? wait_ms : backoff_ms, 0, again, m);
    mast_idle(m);
}

static size_t number(const json_t *o, const char *key, size_t least, size_t fallback) {
    int64_t n = json_int(o, key, 0);
    return n >= (int64_t)least && n < 1000000 ? (size_t)n : fallback;
}

/* wss://host becomes https://host. Only HTTPS or the instance's own address gets the token. */
static void read_stream_url(struct mastodon *m, const char *said) {
    struct buf b = {0};
    if (strncmp(said, "wss://", 6) == 0)
        buf_addf(&b, "https://%s", said + 6);
    else if (strncmp(said, "ws://", 5) == 0)
        buf_addf(&b, "http://%s", said + 5);
    else
        buf_adds(&b, said);
    while (b.n && b.p[b.n - 1] == '/')
        b.p[--b.n] = 0;
    bool is_safe = kit_origin_is_valid(buf_span(&b)) &&
                   (span_istarts(buf_span(&b), "https://") || strcmp(b.p, m->url) == 0);
    free(m->stream_url);
    m->stream_url = xstrdup(is_safe ? b.p : m->url);
    buf_free(&b);
}

/* The kinds of one sort ("image/"), or all others. */
static void add_types(const json_t *list, bool is_image, struct buf *out) {
    size_t i;
    const json_t *v;
    json_array_foreach((json_t *)(uintptr_t)list, i, v) {
        struct span type = {json_string_value(v), json_string_length(v)};
        if (type.n == 0 || type.n > TYPE_BYTES_MAX || out->n > TYPES_BYTES_MAX ||
            memchr(type.p, ' ', type.n) || span_istarts(type, "image/") != is_image)
            continue;
        buf_adds(out, out->n ? " " : "");
        buf_add(out, type.p, type.n);
    }
}

static uint64_t size(const json_t *media, const char *key) {
    int64_t n = json_int(media, key, 0);
    return n > 0 ? (uint64_t)n : 0;
}

static void offer_files(struct mastodon *m, const json_t *media) {
    const json_t *list = json_object_get(media, "supported_mime_types");
    struct buf images = {0}, others = {0};
    struct draht_file_kind kinds[2];
    struct draht_files files = {.size = sizeof files, .kinds = kinds};
    add_types(list, true, &images);
    add_types(list, false, &others);
    if (images.n)
        kinds[files.kinds_n++] =
            (struct draht_file_kind){kit_out(buf_span(&images)), size(media, "image_size_limit")};
    if (others.n)
        kinds[files.kinds_n++] =
            (struct draht_file_kind){kit_out(buf_span(&others)), size(media, "video_size_limit")};
    m->h->files(m->host, &files);
    buf_free(&images);
    buf_free(&others);
}

/* Mastodon and what is made from it count a link as characters_reserved_per_url and a name without
 * its host; others (GoToSocial, Pleroma) say that number and count what they see. */
static bool counts_all(const char *source_url) {
    return *source_url && !strstr(source_url, "mastodon");
}

static void on_instance(void *arg, const struct draht_http_answer *a) {
    struct mastodon *m = arg;
    m->calls_n--;
    json_t *v = a->status == 200 && !a->error
                    ? json_parse(kit_in(a->body), MASTODON_ANSWER_BYTES_MAX, NULL)
                    : NULL;
    if (!json_is_object(v)) {
        json_decref(v);
        failed(m, a);
        return;
    }
    const json_t *c = json_object_get(v, "configuration");
    const json_t *s = json_object_get(c, "statuses");
    m->characters =
        number(s, "max_characters", MASTODON_CHARACTERS_MIN, MASTODON_CHARACTERS_DEFAULT);
    m->url_characters =
        number(s, "characters_reserved_per_url", 1, MASTODON_URL_CHARACTERS_DEFAULT);
    m->counts_all = counts_all(json_str(v, "source_url", ""));
    m->media_max = number(s, "max_media_attachments", 1, MASTODON_MEDIA_DEFAULT);
    if (m->media_max > MASTODON_MEDIA_MAX)
        m->media_max = MASTODON_MEDIA_MAX;
    offer_files(m, json_object_get(c, "media_attachments"));
    const struct draht_text text = {.size = sizeof text,
                                    .message_max = (uint32_t)m->characters,
                                    .messages_max = MASTODON_PIECES_MAX};
    m->h->text(m->host, &text);
    if (!m->has_own_stream_url)
        read_stream_url(m, json_str(json_object_get(c, "urls"), "streaming", m->url));
    json_decref(v);
    m->connect_fails = 0;
    m->is_known = true;
    m->is_said_down = false;
    if (!m->is_stopping) {
        m->h->health(m->host, 1, "");
        if (m->is_leased) {
            mast_stream_open(m);
            mast_wake(m, 0);
        }
    }
    mast_idle(m);
}

static void on_account(void *arg, const struct draht_http_answer *a) {
    struct mastodon *m = arg;
    m->calls_n--;
    json_t *v = a->status == 200 && !a->error
                    ? json_parse(kit_in(a->body), MASTODON_ANSWER_BYTES_MAX, NULL)
                    : NULL;
    const char *id = json_str(v, "id", "");
    if (*id) {
        free(m->own_id);
        m->own_id = xstrdup(id);
    }
    json_decref(v);
    if (!m->own_id || a->status != 200) {
        failed(m, a);
        return;
    }
    m->calls_n++;
    if (!mast_call(m, "GET", "/api/v2/instance", NULL, NULL, SPAN_NONE, on_instance, m))
        m->calls_n--;
}

void mast_connect(struct mastodon *m) {
    m->calls_n++;
    if (!mast_call(m, "GET", "/api/v1/accounts/verify_credentials", NULL, NULL, SPAN_NONE,
                   on_account, m))
        m->calls_n--;
}
