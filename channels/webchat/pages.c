/* SPDX-License-Identifier: EUPL-1.2 */
/* pages: what the window fetches over HTTP: its settings, its document, its files. */
#include "channels/webchat/webchat_private.h"

void problem(struct webchat *wc, struct draht_http *x, int status, const char *code,
             const char *detail) {
    struct buf b = {0};
    buf_addf(&b,
             "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"code\":\"%s\",\"detail\":"
             "\"%s\"}",
             code, status, code, detail);
    wc->h->http_respond(x, status, "application/problem+json", kit_out(buf_span(&b)));
    buf_free(&b);
}

void respond_json(struct webchat *wc, struct draht_http *x, int status, struct span body) {
    wc->h->http_respond(x, status, "application/json", kit_out(body));
}

static void member(struct webchat *wc, struct buf *b, const char *name, const char *fact) {
    struct draht_span v = wc->h->fact(wc->host, fact);
    buf_addf(b, ",\"%s\":", name);
    if (v.p && v.n)
        kit_json(b, kit_in(v));
    else
        buf_adds(b, "null");
}

static void list(struct buf *b, const char *words) {
    struct span rest = span_str(words);
    bool first = true;
    buf_adds(b, "[");
    while (rest.p && rest.n) {
        struct span one = span_cut(&rest, ' ');
        if (!one.n)
            continue;
        buf_adds(b, first ? "" : ",");
        kit_json(b, one);
        first = false;
    }
    buf_adds(b, "]");
}

/* Pages of the list may read it; nobody else, and never with cookies. */
static void allow_origin(struct webchat *wc, struct draht_http *x) {
    struct arena *a = arena_new();
    struct span origin = kit_in(wc->h->http_header(x, "origin"));
    wc->h->http_set_header(x, "vary", "Origin");
    if (origin.n && origin.n < 256 && chat_origin_ok(wc, origin))
        wc->h->http_set_header(x, "access-control-allow-origin",
                               arena_strndup(a, origin.p, origin.n));
    arena_free(&a);
}

static void on_config(void *channel, struct draht_http *x) {
    struct webchat *wc = channel;
    const struct chat_options *o = &wc->o;
    struct buf b = {0};
    buf_adds(&b, "{\"id\":");
    kit_json(&b, span_str(wc->id));
    member(wc, &b, "city", "city.name");
    member(wc, &b, "phone", "city.phone");
    member(wc, &b, "privacy_url", "privacy.url");
    member(wc, &b, "accessibility_url", "accessibility.url");
    buf_addf(&b,
             ",\"colors\":{\"action\":\"%s\",\"action_hover\":\"%s\",\"on_action\":\"%s\",\"action_"
             "soft\":\"%s\"}",
             o->color_action, o->color_action_hover, o->color_on_action, o->color_action_soft);
    struct draht_span open = wc->h->fact(wc->host, "hours.open");
    bool is_closed = open.n == 1 && open.p[0] == '0';
    buf_addf(&b, ",\"open\":%s", is_closed ? "false" : "true");
    if (is_closed)
        member(wc, &b, "next_open_at", "hours.next");
    else
        buf_adds(&b, ",\"next_open_at\":null");
    member(wc, &b, "answer_by", "answer.due");
    buf_addf(&b,
             ",\"text_max\":%d,\"upload\":{\"max_bytes\":%zu,\"count\":%d,\"types\":", o->text_max,
             o->upload_max_bytes, o->upload_max_bytes ? o->files_max : 0);
    list(&b, o->types);
    buf_adds(&b, "},\"languages\":");
    list(&b, o->languages);
    if (o->retention_days)
        buf_addf(&b, ",\"retention_days\":%d", o->retention_days);
    if (*o->sign_url) {
        buf_adds(&b, ",\"sign_url\":");
        kit_json(&b, span_str(o->sign_url));
    }
    buf_adds(&b, "}");
    allow_origin(wc, x);
    respond_json(wc, x, 200, buf_span(&b));
    buf_free(&b);
}

static void asset(struct webchat *wc, struct draht_http *x, const char *path, const char *type) {
    const struct embed_file *f = embed_find(embed_assets, path);
    if (!f) {
        problem(wc, x, 404, "not_found", "This build carries no such file.");
        return;
    }
    wc->h->http_respond(x, 200, type, (struct draht_span){(const char *)f->bytes, f->n});
}

static void on_frame(void *channel, struct draht_http *x) {
    struct webchat *wc = channel;
    struct buf b = {0};
    buf_adds(
        &b,
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' "
        "data: blob:; "
        "connect-src 'self' ws: wss:; base-uri 'none'; form-action 'self'; frame-ancestors 'self'");
    if (*wc->o.origins)
        buf_addf(&b, " %s", wc->o.origins);
    wc->h->http_set_header(x, "content-security-policy", b.p);
    buf_free(&b);
    asset(wc, x, "widget/frame.html", "text/html; charset=utf-8");
}

static void on_script(void *channel, struct draht_http *x) {
    struct webchat *wc = channel;
    wc->h->http_set_header(x, "cache-control", "public, max-age=300");
    wc->h->http_set_header(x, "access-control-allow-origin", "*");
    asset(wc, x, "widget/draht.js", "text/javascript; charset=utf-8");
}
static void on_frame_script(void *channel, struct draht_http *x) {
    asset(channel, x, "widget/frame.js", "text/javascript; charset=utf-8");
}
static void on_frame_style(void *channel, struct draht_http *x) {
    asset(channel, x, "widget/frame.css", "text/css; charset=utf-8");
}

/* ---- uploads ---- */

struct uploading {
    struct webchat *wc;
    struct draht_http *x;
    struct arena *arena;
    struct span name, thread;
    const char *type;
    uint64_t length;
};

/* Each ticket opens the door once. */
static bool use_ticket(struct webchat *wc, struct span payload) {
    int64_t now = chat_now(wc);
    uint64_t nonce;
    if (payload.n != CHAT_ID_BYTES + 12 || (int64_t)get_u32(payload.p + CHAT_ID_BYTES) * 1000 < now)
        return false;
    memcpy(&nonce, payload.p + CHAT_ID_BYTES + 4, sizeof nonce);
    for (size_t i = 0; i < CHAT_USED_MAX; i++)
        if (wc->used[i].nonce == nonce && wc->used[i].until_ms > now)
            return false;
    wc->used[wc->used_at++ % CHAT_USED_MAX] =
        (struct used_ticket){nonce, now + CHAT_UPLOAD_MS + 1000};
    return true;
}

static void on_stored(void *arg, int status, struct draht_span blob) {
    struct uploading *u = arg;
    struct webchat *wc = u->wc;
    if (status < 0) {
        problem(wc, u->x, 503, "unavailable",
                "The file could not be stored. Try again in a moment.");
    } else {
        struct chat_file f = {kit_in(blob), u->name, span_str(u->type), u->length};
        struct buf b = {0};
        buf_adds(&b, "{\"file\":{\"blob\":\"");
        file_ticket_make(wc, 'b', u->thread, &f, &b);
        buf_adds(&b, "\",\"name\":");
        kit_json(&b, u->name);
        buf_addf(&b, ",\"type\":\"%s\",\"length\":%llu}}", u->type, (unsigned long long)u->length);
        respond_json(wc, u->x, 201, buf_span(&b));
        buf_free(&b);
    }
    arena_free(&u->arena);
    free(u);
}

static void refuse(struct uploading *u, int status, const char *code, const char *detail) {
    problem(u->wc, u->x, status, code, detail);
    arena_free(&u->arena);
    free(u);
}

static void on_scanned(void *arg, int status, struct draht_span finding) {
    struct uploading *u = arg;
    struct webchat *wc = u->wc;
    (void)finding;
    if (status < 0)
        refuse(u, 503, "unavailable",
               "The file cannot be checked for viruses right now. Your text is safe: send it "
               "without the file, or try again in a few minutes.");
    else if (status > 0)
        refuse(u, 422, "infected",
               "The virus scanner found something harmful in this file. It was not sent and not "
               "stored. Send the message without it, or check your device.");
    else
        wc->h->blob_put(wc->host, wc->h->http_body(u->x), on_stored, u);
}

static void store(struct webchat *wc, struct draht_http *x, struct arena *a, struct span payload) {
    struct span body = kit_in(wc->h->http_body(x));
    const char *type = kit_sniff(body);
    if (body.n == 0 || !kit_type_listed(wc->o.types, type)) {
        problem(wc, x, 415, "type", "Files of this kind cannot be sent here.");
        arena_free(&a);
        return;
    }
    char thread[CHAT_THREAD_BYTES];
    crypto_b64url(payload.p, CHAT_ID_BYTES, thread);
    struct uploading *u = xcalloc(1, sizeof *u);
    u->wc = wc;
    u->x = x;
    u->arena = a;
    u->name = kit_name(a, kit_percent(a, kit_in(wc->h->http_header(x, "x-file-name")), false));
    u->thread = span_str(arena_strdup(a, thread));
    u->type = type;
    u->length = body.n;
    if (*wc->o.clamd)
        wc->h->scan(wc->host, kit_out(body), on_scanned, u);
    else
        wc->h->blob_put(wc->host, kit_out(body), on_stored, u);
}

static void on_upload(void *channel, struct draht_http *x) {
    struct webchat *wc = channel;
    struct arena *a = arena_new();
    struct span payload;
    if (ticket_open(wc, 'u', kit_in(wc->h->http_rest(x)), a, &payload) < 0 ||
        !use_ticket(wc, payload)) {
        problem(wc, x, 403, "ticket", "Ask the chat for a new upload ticket.");
        arena_free(&a);
        return;
    }
    store(wc, x, a, payload);
}

/* ---- downloads ---- */

struct downloading {
    struct webchat *wc;
    struct draht_http *x;
    struct arena *arena;
    struct chat_file file;
};

static void set_download_headers(struct downloading *d) {
    struct buf b = {0};
    buf_adds(&b, "attachment; filename*=UTF-8''");
    for (size_t i = 0; i < d->file.name.n; i++) {
        unsigned char c = (unsigned char)d->file.name.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '.' || c == '-';
        buf_addf(&b, plain ? "%c" : "%%%02X", c);
    }
    d->wc->h->http_set_header(d->x, "content-disposition", b.p);
    d->wc->h->http_set_header(d->x, "content-security-policy", "sandbox; default-src 'none'");
    buf_free(&b);
}

static void on_loaded(void *arg, int status, struct draht_span bytes) {
    struct downloading *d = arg;
    if (status == DRAHT_E_UNAVAILABLE) {
        problem(d->wc, d->x, 503, "unavailable",
                "The file cannot be read right now. Try again in a moment.");
    } else if (status < 0) {
        problem(d->wc, d->x, 404, "not_found", "This file does not exist any more.");
    } else {
        set_download_headers(d);
        const char *type = arena_strndup(d->arena, d->file.type.p, d->file.type.n);
        bool has_type = d->file.type.n > 0 && !strpbrk(type, "\r\n");
        d->wc->h->http_respond(
            d->x, 200, has_type ? kit_download_type(type) : "application/octet-stream", bytes);
    }
    arena_free(&d->arena);
    free(d);
}

static void on_file(void *channel, struct draht_http *x) {
    struct webchat *wc = channel;
    struct downloading *d = xcalloc(1, sizeof *d);
    d->wc = wc;
    d->x = x;
    d->arena = arena_new();
    struct span ticket = kit_in(wc->h->http_query(x, "t"));
    if (file_ticket_read(wc, 'f', SPAN_NONE, ticket, d->arena, &d->file) < 0) {
        problem(wc, x, 403, "token", "This link is not valid any more. Open the chat again.");
        arena_free(&d->arena);
        free(d);
        return;
    }
    wc->h->blob_get(wc->host, kit_out(d->file.blob), on_loaded, d);
}

void pages_route(struct webchat *wc) {
    const struct draht_host *h = wc->h;
    h->route(wc->host, "GET", "/config", 0, on_config);
    h->route(wc->host, "GET", "/frame", 0, on_frame);
    h->route(wc->host, "GET", "/draht.js", 0, on_script);
    h->route(wc->host, "GET", "/frame.js", 0, on_frame_script);
    h->route(wc->host, "GET", "/frame.css", 0, on_frame_style);
    h->route(wc->host, "GET", "/file/*", 0, on_file);
    if (wc->o.upload_max_bytes)
        h->route(wc->host, "PUT", "/upload/*", wc->o.upload_max_bytes, on_upload);
}
