/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * assets: pages and files that the binary carries, with an ETag by content and a policy per page.
 * What citizens see of a conversation is the web chat channel's; here is only its script.
 */
#include "gateway/api/api_private.h"

#include <stdio.h>

#include "gateway/base/embed.h"
#include "gateway/base/log.h"

#define POLICY_TAIL "; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
static const char policy_inbox[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src "
    "'self'; "
    "connect-src 'self'; frame-src 'self' blob: data:; manifest-src 'self'" POLICY_TAIL;
static const char policy_demo[] = "default-src 'none'; script-src 'self'; style-src 'self'; "
                                  "img-src 'self' data:; font-src 'self'; "
                                  "connect-src 'self'; frame-src 'self'" POLICY_TAIL;
static const char policy_file[] =
    "default-src 'none'; style-src 'self'; frame-ancestors 'none'; sandbox";

static const struct {
    const char *end, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".woff2", "font/woff2"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".json", "application/json"},
    {".txt", "text/plain; charset=utf-8"},
    {".webmanifest", "application/manifest+json"},
};

static const char *type_of(const char *path) {
    const char *end = strrchr(path, '.');
    for (size_t i = 0; end && i < sizeof types / sizeof *types; i++)
        if (!strcmp(end, types[i].end))
            return types[i].type;
    return "application/octet-stream";
}

static void send_file(struct http_exchange *x, const struct embed_file *f, const char *policy,
                      const char *cache) {
    struct span bytes = {(const char *)f->bytes, f->n};
    char hash[65], tag[40];
    crypto_sha256_hex(bytes, hash);
    snprintf(tag, sizeof tag, "\"%.32s\"", hash);
    http_set_header(x, "etag", tag);
    http_set_header(x, "cache-control", cache);
    if (span_eq(http_header(x, "if-none-match"), tag)) {
        http_respond(x, 304, NULL, SPAN_NONE);
        return;
    }
    http_set_header(x, "content-security-policy", policy);
    http_set_header(x, "cross-origin-opener-policy", "same-origin");
    http_respond_static(x, 200, type_of(f->path), bytes);
}

static void not_found(struct http_exchange *x) {
    http_problem(x, 404, "not_found", "There is no such page.");
}

/* Below /assets/: any file but pages and the demonstration's data; each script and style is asked
 * for anew with its ETag, fonts rest for a week. */
static void send_path(struct http_exchange *x, const char *folder, struct span rest) {
    char path[256];
    if (rest.n == 0 || rest.n > 200 || memchr(rest.p, 0, rest.n)) {
        not_found(x);
        return;
    }
    snprintf(path, sizeof path, "%s%.*s", folder, (int)rest.n, rest.p);
    const struct embed_file *f = embed_find(embed_assets, path);
    if (!f || !strcmp(type_of(path), types[0].type) || strstr(path, ".jsonl")) {
        not_found(x);
        return;
    }
    bool is_font = strstr(path, ".woff2") != NULL || strstr(path, "/part-") != NULL;
    send_file(x, f, policy_file, is_font ? "public, max-age=604800" : "public, no-cache");
}

static void on_asset(void *arg, struct http_exchange *x) {
    (void)arg;
    send_path(x, "", http_rest(x));
}

static void on_widget(void *arg, struct http_exchange *x) {
    (void)arg;
    http_set_header(x, "cross-origin-resource-policy",
                    "cross-origin");                        /* pages of the city load it */
    http_set_header(x, "access-control-allow-origin", "*"); /* integrity checks need to read it */
    send_path(x, "widget/", http_rest(x));
}

static void send_page(struct http_exchange *x, const char *path, const char *policy) {
    const struct embed_file *f = embed_find(embed_assets, path);
    if (!f) {
        not_found(x);
        return;
    }
    http_set_header(x, "x-frame-options", "DENY");
    http_set_header(x, "permissions-policy",
                    "camera=(), microphone=(), geolocation=(), interest-cohort=()");
    send_file(x, f, policy, "no-cache");
}

static void on_inbox(void *arg, struct http_exchange *x) {
    (void)arg;
    send_page(x, "inbox/index.html", policy_inbox);
}

static void redirect(struct http_exchange *x, const char *where) {
    http_set_header(x, "location", where);
    http_respond(x, 302, NULL, SPAN_NONE);
}

static void on_root(void *arg, struct http_exchange *x) {
    (void)arg;
    redirect(x, "/inbox/");
}

static void on_demo(void *arg, struct http_exchange *x) {
    (void)arg;
    send_page(x, "demo/index.html", policy_demo);
}

static void on_demo_file(void *arg, struct http_exchange *x) {
    (void)arg;
    if (http_rest(x).n == 0)
        redirect(x, "/demo");
    else
        send_path(x, "demo/", http_rest(x));
}

static void on_robots(void *arg, struct http_exchange *x) {
    (void)arg;
    http_respond(x, 200, "text/plain; charset=utf-8", SPAN("User-agent: *\nDisallow: /\n"));
}

static void on_unknown(void *arg, struct http_exchange *x) {
    (void)arg;
    http_problem(x, 404, "not_found", "There is no such path. openapi.yaml lists all.");
}

void assets_routes(struct api *a) {
    api_route(a, "GET", "/", on_root);
    api_route(a, "GET", "/inbox", on_root);
    api_route(a, "GET", "/inbox/*", on_inbox);
    api_route(a, "GET", "/assets/*", on_asset);
    api_route(a, "GET", "/widget/*", on_widget);
    api_route(a, "GET", "/robots.txt", on_robots);
    api_route(a, "GET POST PUT PATCH DELETE", "/api/*", on_unknown);
    if (api_peer_is_loopback(a->o.config->listen_host) ||
        !strcmp(a->o.config->listen_host, "localhost")) {
        api_route(a, "GET", "/demo", on_demo);
        api_route(a, "GET", "/demo/*", on_demo_file);
    }
}
