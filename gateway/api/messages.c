/* SPDX-License-Identifier: EUPL-1.2 */
/* messages: bytes of messages, uploads for replies, and the outbox with its actions. */
#include "gateway/api/api_private.h"

#include <stdio.h>

#include "channels/kit/kit.h"
#include "gateway/base/utf8.h"

#define MIB (1024u * 1024u)

/* ---- bytes out: never run, never shown inline ---- */
static void disposition(struct api_call *c, const char *name) {
    struct arena *a = http_arena(c->x);
    struct span safe = kit_name(a, span_str(name));
    struct buf line = {0};
    buf_adds(&line, "attachment; filename*=UTF-8''");
    for (size_t i = 0; i < safe.n; i++) {
        unsigned char b = (unsigned char)safe.p[i];
        bool plain = (b >= '0' && b <= '9') || (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') ||
                     b == '.' || b == '-';
        if (plain)
            buf_add(&line, &b, 1);
        else
            buf_addf(&line, "%%%02X", b);
    }
    http_set_header(c->x, "content-disposition", line.p);
    buf_free(&line);
    http_set_header(c->x, "content-security-policy", "sandbox; default-src 'none'");
}

static void release(struct api_call *c) {
    json_decref(c->body);
    json_decref(c->session);
    c->body = c->session = NULL;
}

static void on_bytes(void *arg, int error, struct span bytes, const json_t *meta) {
    struct api_call *c = arg;
    if (error < 0) {
        api_fail(c, error);
        return;
    }
    disposition(c, json_str(meta, "name", "datei"));
    release(c);
    http_respond(c->x, 200, kit_download_type(kit_sniff(bytes)), bytes);
}

static void on_original(void *arg, int error, struct span bytes, const json_t *meta) {
    struct api_call *c = arg;
    (void)meta;
    if (error < 0) {
        api_fail(c, error);
        return;
    }
    disposition(c, arena_printf(http_arena(c->x), "%s.eml", c->message));
    release(c);
    http_respond(c->x, 200, "application/octet-stream", bytes);
}

static void on_html(void *arg, int error, json_t *v) {
    struct api_call *c = arg;
    if (error < 0) {
        api_fail(c, error);
        return;
    }
    const char *html = NULL;
    size_t i;
    json_t *item, *items = json_object_get(v, "items");
    json_array_foreach(items, i, item) if (!strcmp(json_str(item, "id", ""), c->message)) html =
        json_str(item, "html", NULL);
    if (!html) {
        api_problem(c, 404, "not_found", "This message has no HTML part.");
        return;
    }
    http_set_header(c->x, "content-security-policy", "sandbox; default-src 'none'");
    release(c);
    http_respond(c->x, 200, "text/plain; charset=utf-8", span_str(html));
}

static void read_html(struct api_call *c) {
    unsigned long long n = 0;
    if (span_u64(span_str(c->message + strlen(c->number) + 1), INT64_MAX - 1, &n) < 0) {
        api_problem(c, 404, "not_found", "There is no such message.");
        return;
    }
    ticket_read(c->api->o.router, c->number, (uint64_t)n + 1, 3, c->user.scope, on_html, c);
}

static void do_get(struct api_call *c) {
    unsigned long long i = 0;
    struct span rest = c->tail, what = span_cut(&rest, '/');
    if (span_eq(what, "attachments") && span_u64(rest, 9999, &i) == 0)
        ticket_attachment(c->api->o.router, c->message, (int)i, on_bytes, c);
    else if (span_eq(what, "original") && !rest.p)
        ticket_attachment(c->api->o.router, c->message, -1, on_original, c);
    else if (span_eq(what, "html") && !rest.p)
        read_html(c);
    else
        api_no_path(c);
}

/* Taking back a reply may have opened the ticket that it closed: the citizen's window follows. */
static void on_undone(void *arg, int error, json_t *v) {
    struct api_call *c = arg;
    if (error >= 0)
        api_tell_channel(c, "open", c->number);
    api_done_json(c, error, v);
}

static void do_act(struct api_call *c) {
    static const struct {
        const char *path, *action;
    } actions[] = {
        {"retry", "retry"}, {"cancel", "cancel"}, {"mark-sent", "mark_sent"}, {"undo", "undo"}};
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        if (span_eq(c->tail, actions[i].path)) {
            outbox_action(c->api->o.router, c->message, c->user.id, actions[i].action,
                          !strcmp(actions[i].action, "undo") ? on_undone : api_done_json, c);
            return;
        }
    api_problem(c, 404, "not_found", "There is no such action: retry, cancel, mark-sent or undo.");
}

/* ---- uploads ---- */
static void on_blob(void *arg, int error, struct span blob) {
    struct api_call *c = arg;
    if (error < 0) {
        api_fail(c, error);
        return;
    }
    struct span bytes = http_body(c->x);
    char sha[65];
    crypto_sha256_hex(bytes, sha);
    json_t *v = json_object();
    json_put(v, "blob", blob);
    struct span name = http_query(c->x, "name");
    json_put(v, "name", kit_name(http_arena(c->x), name));
    json_puts(v, "type", kit_sniff(bytes));
    json_puti(v, "length", (int64_t)bytes.n);
    json_puts(v, "sha256", sha);
    api_answer(c, 201, v);
}

static void do_upload(struct api_call *c) {
    struct span bytes = http_body(c->x);
    if (bytes.n == 0)
        api_problem(c, 400, "invalid", "The body is empty. Send the bytes of one file.");
    else
        blob_put(c->api->o.router, bytes, on_blob, c);
}

static void on_upload(void *arg, struct http_exchange *x) {
    auth_enter(arg, x, API_PLAIN, do_upload);
}

/* ---- outbox ---- */
static void do_outbox(struct api_call *c) {
    outbox_list(c->api->o.router, api_query(c, "state", NULL), c->user.scope,
                api_query(c, "cursor", NULL), api_query_int(c, "limit", 50, 1, 200), api_done_json,
                c);
}

void messages_routes(struct api *a) {
    static const struct api_row rows[] = {
        {"GET", "/api/v1/messages/*", API_MESSAGE, do_get},
        {"POST", "/api/v1/messages/*", API_MESSAGE | API_BODY, do_act},
        {"GET", "/api/v1/outbox", API_LIST, do_outbox},
    };
    api_rows(a, rows, sizeof rows / sizeof *rows);
    http_server_route(a->o.http,
                      &(struct http_route){.methods = "POST",
                                           .path = "/api/v1/uploads",
                                           .body_max = (size_t)a->o.config->attachment_max_mb * MIB,
                                           .handler = on_upload,
                                           .on_head = auth_on_head,
                                           .arg = a});
}
