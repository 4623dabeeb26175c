/* SPDX-License-Identifier: EUPL-1.2 */
/* letter: an answer as a page to print: DIN 5008 form B, address in the window of the envelope. Its
 * files are named as enclosures; pictures follow as pages, others are offered beside. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "channels/kit/kit.h"
#include "gateway/api/api_private.h"
#include "gateway/base/utf8.h"

#define ADDRESS_LINES_MAX 5  /* with the name: six lines, what the address zone has */
#define ADDRESS_WIDTH_MAX 36 /* characters of a line of usual size in the window */

static const char policy[] =
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

static void say(struct buf *b, const char *before, struct span text, const char *after) {
    buf_adds(b, before);
    kit_html(b, text);
    buf_adds(b, after);
}

static const char *word(struct api_call *c, const char *key) {
    const char *s = locale_text(c->api->o.config->default_language, key);
    return s ? s : "";
}

/* A line that the window is too narrow for goes on in the next, in smaller letters, rather than
 * lose its end. */
static void address_line(struct buf *b, struct span line) {
    bool is_wide = utf8_count(line) > ADDRESS_WIDTH_MAX;
    say(b, is_wide ? "<span class=\"wide\">" : "<span>", line, "</span>");
}

static void address(struct buf *b, const json_t *sender, const char *to) {
    struct span rest = span_str(to), name = span_str(json_str(sender, "name", ""));
    int lines = 0;
    if (name.n)
        address_line(b, name);
    while (rest.p && rest.n && lines++ < ADDRESS_LINES_MAX) {
        struct span one = lines == ADDRESS_LINES_MAX ? rest : span_cut(&rest, ',');
        if (!span_is(span_trim(one), name))
            address_line(b, span_trim(one));
    }
}

static void facts(struct api_call *c, struct buf *b, const json_t *ticket, const json_t *item) {
    const struct config *k = c->api->o.config;
    const struct config_queue *q = config_queue(k, json_str(ticket, "queue", ""));
    int64_t ms = clock_ms(&clock_system);
    clock_parse_rfc3339(json_str(item, "at", ""), &ms);
    time_t now = (time_t)(ms / 1000);
    struct tm tm;
    char date[32] = "";
    if (localtime_r(&now, &tm))
        strftime(date, sizeof date, "%d.%m.%Y", &tm);
    say(b, "<dl><div><dt>", span_str(word(c, "desk.reference")), "</dt>");
    say(b, "<dd>", span_str(json_str(ticket, "number", "")), "</dd></div>");
    if (q) {
        say(b, "<div><dt>", span_str(word(c, "desk.office")), "</dt>");
        say(b, "<dd>", span_str(q->name ? q->name : ""), "</dd>");
        say(b, "<dd>", span_str(q->contact ? q->contact : ""), "</dd></div>");
    }
    say(b, "<div><dt>", span_str(word(c, "desk.date")), "</dt>");
    say(b, "<dd>", span_str(date), "</dd></div></dl>");
}

/* What every browser shows as a picture, by the type that the content was found to be. */
static bool is_picture(const json_t *file) {
    static const char *const types[] = {"image/png", "image/jpeg", "image/gif", "image/webp"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strcmp(json_str(file, "type", ""), types[i]))
            return true;
    return false;
}

static void put_path(struct api_call *c, struct buf *b, size_t i) {
    buf_addf(b, "/api/v1/messages/%s/attachments/%zu", c->message, i);
}

/* On the screen alone: files that the browser cannot print as a part of this page. */
static void hints(struct api_call *c, const json_t *files, struct buf *b) {
    bool has_any = false;
    say(b, "<aside class=\"hint\"><p>", span_str(word(c, "desk.print")), "</p>");
    for (size_t i = 0; i < json_array_size(files); i++) {
        const json_t *f = json_array_get(files, i);
        if (is_picture(f))
            continue;
        if (!has_any)
            say(b, "<p>", span_str(word(c, "desk.beside")), "</p><ul>");
        has_any = true;
        buf_adds(b, "<li><a href=\"");
        put_path(c, b, i);
        say(b, "\">", span_str(json_str(f, "name", "")), "</a></li>");
    }
    buf_adds(b, has_any ? "</ul></aside>" : "</aside>");
}

static void enclosures(struct api_call *c, const json_t *files, struct buf *b) {
    if (json_array_size(files) == 0)
        return;
    say(b, "<section class=\"enclosures\"><h2>", span_str(word(c, "desk.enclosures")), "</h2><ul>");
    for (size_t i = 0; i < json_array_size(files); i++)
        say(b, "<li>", span_str(json_str(json_array_get(files, i), "name", "")), "</li>");
    buf_adds(b, "</ul></section>");
}

static void pictures(struct api_call *c, const json_t *files, struct buf *b) {
    for (size_t i = 0; i < json_array_size(files); i++) {
        const json_t *f = json_array_get(files, i);
        if (!is_picture(f))
            continue;
        buf_adds(b, "<figure><img src=\"");
        put_path(c, b, i);
        say(b, "\" alt=\"", span_str(json_str(f, "name", "")), "\">");
        say(b, "<figcaption>", span_str(json_str(f, "name", "")), "</figcaption></figure>");
    }
}

static void page(struct api_call *c, const json_t *ticket, const json_t *item, struct buf *b) {
    const struct config *k = c->api->o.config;
    const json_t *sender = json_object_get(ticket, "sender"),
                 *files = json_object_get(item, "attachments");
    const char *to = json_str(item, "recipient", "");
    json_t *options = json_parse(span_str(c->work ? c->work : "{}"), 1 << 20, NULL);
    struct span city = span_str(k->city_name ? k->city_name : ""), rest;
    struct span number = span_str(json_str(ticket, "number", ""));
    say(b, "<!doctype html>\n<html lang=\"", span_str(k->default_language),
        "\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">");
    say(b, "<title>", number,
        "</title><link rel=\"stylesheet\" href=\"/assets/letter.css\"></head>");
    buf_adds(b, "<body>");
    hints(c, files, b);
    say(b, "<main><header><p class=\"city\">", city, "</p><address><small>");
    say(b, "", span_str(json_str(options, "return_address", "")), "</small>");
    address(b, sender, *to ? to : json_str(sender, "address", ""));
    buf_adds(b, "</address>");
    facts(c, b, ticket, item);
    say(b, "</header><h1>", span_str(json_str(ticket, "subject", "")), "</h1>");
    for (rest = span_str(json_str(item, "text", "")); rest.p;) {
        struct span line = span_cut(&rest, '\n');
        say(b, "<p>", line, "</p>\n");
    }
    const char *again = locale_format(http_arena(c->x), k->default_language, "desk.again", "number",
                                      json_str(ticket, "number", ""), NULL);
    enclosures(c, files, b);
    say(b, "<footer><p>", span_str(again ? again : ""), "</p></footer>");
    pictures(c, files, b);
    buf_adds(b, "</main></body></html>\n");
    json_decref(options);
}

static void on_read(void *arg, int error, json_t *v) {
    struct api_call *c = arg;
    const json_t *items = json_object_get(v, "items"), *item = NULL;
    for (size_t i = 0; error >= 0 && i < json_array_size(items); i++) {
        const json_t *one = json_array_get(items, i);
        if (!strcmp(json_str(one, "id", ""), c->message) &&
            !strcmp(json_str(one, "direction", ""), "out"))
            item = one;
    }
    if (error < 0) {
        api_fail(c, error);
        return;
    }
    if (!item) {
        api_problem(c, 404, "not_found", "There is no such answer.");
        return;
    }
    struct buf b = {0};
    page(c, v, item, &b);
    http_set_header(c->x, "content-security-policy", policy);
    http_set_header(c->x, "cache-control", "no-store");
    json_decref(c->body);
    json_decref(c->session);
    c->body = c->session = NULL;
    http_respond(c->x, 200, "text/html; charset=utf-8", buf_span(&b));
    buf_free(&b);
}

void letter_show(struct api_call *c, const struct config_channel *desk) {
    unsigned long long n = 0;
    if (span_u64(span_str(c->message + strlen(c->number) + 1), INT64_MAX - 1, &n) < 0) {
        api_problem(c, 404, "not_found", "There is no such answer.");
        return;
    }
    c->work = arena_strdup(http_arena(c->x), desk->options);
    ticket_read(c->api->o.router, c->number, (uint64_t)n + 1, 3, c->user.scope, on_read, c);
}
