/* SPDX-License-Identifier: EUPL-1.2 */
/* media: files of citizens. WhatsApp names an id, which the API turns into an address that lives
 * for minutes; the others name the address. The token goes to Meta's own hosts only. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/meta/meta_private.h"
#include "gateway/base/crypto.h"

#define ABOUT_BYTES_MAX 65536
#define URL_BYTES_MAX 4096
#define FETCH_TIMEOUT_MS 60000

struct fetch {
    struct meta *m;
    struct arena *a;
    struct span sha256;
    meta_fetched_fn done;
    void *arg;
};

static const char gone[] = "A file could not be fetched from the provider any more.";
static const char large[] = "A file is larger than the limit and was not fetched.";

static void finish(struct fetch *f, struct span bytes, const char *why, bool is_passing) {
    struct meta_fetched out = {.bytes = bytes, .why = why, .is_passing = is_passing};
    f->done(f->arg, &out);
    free(f);
}

static uint64_t bytes_max(const struct meta *m) {
    unsigned long long n;
    if (span_u64(kit_in(m->h->fact(m->host, "attachment.max_bytes")), META_FILE_BYTES_MAX, &n) < 0)
        return META_FILE_BYTES_MAX;
    return n;
}

/* scheme://host[:port] of a URL, with the slash behind it cut off. */
static struct span origin_of(struct span url) {
    size_t i = 0, slashes = 0;
    while (i < url.n && slashes < 3)
        slashes += url.p[i++] == '/';
    return slashes == 3 ? (struct span){url.p, i - 1} : url;
}

static bool is_api(const struct meta *m, struct span url) {
    return span_is(origin_of(url), origin_of(span_str(m->s.api)));
}

static bool ends_with(struct span s, const char *end) {
    size_t n = strlen(end);
    return s.n > n && span_ieq((struct span){s.p + s.n - n, n}, end);
}

/* Who may see the token. */
static bool is_meta_host(const struct meta *m, struct span url) {
    struct span o = origin_of(url);
    return is_api(m, url) || (span_istarts(o, "https://") && !memchr(o.p, '@', o.n) &&
                              (ends_with(o, ".fbsbx.com") || ends_with(o, ".facebook.com") ||
                               ends_with(o, ".whatsapp.net")));
}

static void on_bytes(void *arg, const struct draht_http_answer *a) {
    struct fetch *f = arg;
    struct span body = kit_in(a->body);
    char hex[65];
    if (a->error == ERR_TOO_LARGE) {
        finish(f, SPAN_NONE, large, false);
        return;
    }
    if (a->error || a->status != 200) {
        bool is_gone = a->error == ERR_FORBIDDEN || (a->status >= 400 && a->status < 429);
        finish(f, SPAN_NONE, gone, !is_gone);
        return;
    }
    crypto_sha256_hex(body, hex);
    if (f->sha256.n && !span_eq(f->sha256, hex))
        finish(f, SPAN_NONE, "A file arrived damaged and was left out.", true);
    else
        finish(f, arena_dup(f->a, body.p ? body : SPAN("")), NULL, false);
}

/* False: refused at once. */
static bool get(struct fetch *f, struct span url, uint64_t max, draht_http_answer_fn done) {
    struct meta *m = f->m;
    struct buf bearer = {0};
    buf_addf(&bearer, "Authorization: Bearer %s", m->s.access_token);
    const char *headers[] = {bearer.p, NULL};
    bool with_token = m->flavour == META_WHATSAPP;
    struct draht_http_call call = {.size = sizeof call,
                                   .method = "GET",
                                   .url = arena_strndup(f->a, url.p, url.n),
                                   .headers = with_token ? headers : NULL,
                                   .timeout_ms = FETCH_TIMEOUT_MS,
                                   .answer_max = max,
                                   .flags = (is_api(m, url) ? DRAHT_HTTP_OPERATOR : 0) |
                                            (with_token ? 0 : DRAHT_HTTP_REDIRECT),
                                   .done = done,
                                   .arg = f};
    bool ok = (!with_token || is_meta_host(m, url)) && m->h->http_call(m->host, &call) != NULL;
    buf_free(&bearer);
    return ok;
}

static void on_about(void *arg, const struct draht_http_answer *a) {
    struct fetch *f = arg;
    int code;
    if (a->error || a->status != 200) {
        struct meta_verdict v = meta_error_answer(a, false, &code);
        bool is_passing = v.verdict == DRAHT_RETRY || v.verdict == DRAHT_MISCONFIGURED;
        finish(f, SPAN_NONE, gone, is_passing && a->status != 404);
        return;
    }
    json_t *v = json_parse(kit_in(a->body), ABOUT_BYTES_MAX, NULL);
    struct span raw = meta_str(v, "url");
    struct span url = raw.n < URL_BYTES_MAX ? arena_dup(f->a, raw) : SPAN_NONE;
    struct span hash = meta_id(f->a, v, "sha256");
    int64_t size = json_int(v, "file_size", 0);
    json_decref(v);
    if (!f->sha256.n && hash.n == 64)
        f->sha256 = hash;
    if (size > 0 && (uint64_t)size > bytes_max(f->m))
        finish(f, SPAN_NONE, large, false);
    else if (!url.n || memchr(url.p, 0, url.n) || !get(f, url, bytes_max(f->m), on_bytes))
        finish(f, SPAN_NONE, gone, false);
}

void meta_fetch(struct meta *m, struct arena *a, const struct meta_file *file, meta_fetched_fn done,
                void *arg) {
    struct fetch *f = xcalloc(1, sizeof *f);
    *f = (struct fetch){.m = m, .a = a, .sha256 = file->sha256, .done = done, .arg = arg};
    struct buf url = {0};
    if (file->id.n) {
        struct span id = file->id;
        bool is_plain = true;
        for (size_t i = 0; i < id.n; i++)
            is_plain = is_plain && !strchr("/?#%&\\", id.p[i]);
        if (is_plain)
            buf_addf(&url, "%s/%.*s?phone_number_id=%s", m->s.api, (int)id.n, id.p, m->s.node);
    } else if (!memchr(file->url.p, 0, file->url.n)) {
        buf_add(&url, file->url.p, file->url.n);
    }
    bool ok = url.n && get(f, buf_span(&url), file->id.n ? ABOUT_BYTES_MAX : bytes_max(m),
                           file->id.n ? on_about : on_bytes);
    buf_free(&url);
    if (!ok)
        finish(f, SPAN_NONE, gone, false);
}
