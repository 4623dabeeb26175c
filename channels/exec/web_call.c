/* SPDX-License-Identifier: EUPL-1.2 */
/* web_call: requests of programs through Draht's guarded client. A long answer goes into the spool
 * or comes in pieces, of which few may wait for the program. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/exec/exec_private.h"

#define HEADERS_MAX 20
#define TIMEOUT_MS_MAX 120000
#define STREAMS_MAX 8
#define STREAM_NAME_BYTES_MAX 64
#define PIECE_BYTES_MAX ((size_t)65536)
#define PIECES_MAX 16 /* waiting for the program */

static void on_file_written(void *arg, int status, const struct files_item *items, size_t n,
                            size_t which) {
    struct ask *k = arg;
    struct buf path = {0};
    (void)n, (void)which;
    k->job = NULL;
    json_t *o = json_object_get(k->params, "answered");
    exec_folder(k->x, "out/", &path);
    buf_adds(&path, items[0].name);
    json_put(o, "file", buf_span(&path));
    json_puti(o, "length", (int64_t)items[0].bytes.n);
    buf_free(&path);
    if (status < 0)
        ask_error(k, WIRE_NOT_NOW, "The spool cannot be written.");
    else
        ask_result(k, json_incref(o));
}

static void write_answer(struct ask *k, json_t *o, struct draht_span body) {
    struct files_item *items = xcalloc(1, sizeof *items);
    struct buf path = {0};
    snprintf(items->name, sizeof items->name, "answer-%llu", (unsigned long long)++k->x->sends_nr);
    if (body.n)
        buf_add(&items->bytes, body.p, body.n);
    json_object_set_new(k->params, "answered", o);
    exec_folder(k->x, "out", &path);
    k->job = files_write(k->x->loop, path.p, items, 1, on_file_written, k);
    buf_free(&path);
}

static void on_answer(void *arg, const struct draht_http_answer *a) {
    struct ask *k = arg;
    k->http = NULL;
    if (a->error) {
        ask_error(k, a->error == ERR_TOO_LARGE ? WIRE_NEVER : WIRE_NOT_NOW,
                  a->error == ERR_TOO_LARGE ? "The answer is too large." : "No answer came.");
        return;
    }
    json_t *o = json_object();
    json_puti(o, "status", a->status);
    json_puti(o, "retry_after_ms", a->retry_after_ms);
    json_put(o, "head", kit_in(a->head));
    if (k->wants_file) {
        write_answer(k, o, a->body);
        return;
    }
    wire_put_body(o, kit_in(a->body));
    ask_result(k, o);
}

static void stop_stream(struct ask *k, enum wire_code code, const char *why) {
    k->x->h->http_cancel(k->http);
    k->http = NULL;
    ask_error(k, code, why);
}

static struct ask *stream_nr(struct exec *x, uint64_t nr) {
    struct ask *k = x->asks;
    while (k && !(k->http && k->stream && k->nr == nr))
        k = k->next;
    return k;
}

static void on_piece_read(struct exec *x, void *arg, enum exec_outcome o,
                          const struct wire_message *m) {
    struct ask *k = stream_nr(x, (uint64_t)(uintptr_t)arg);
    (void)m;
    if (!k || o == EXEC_DIED)
        return;
    k->unread--;
    if (o == EXEC_LATE)
        stop_stream(k, WIRE_NOT_NOW, "The program did not answer to http.chunk.");
}

static void on_chunk(void *arg, struct draht_span bytes) {
    struct ask *k = arg;
    struct exec *x = k->x;
    uint64_t nr = k->nr;
    for (size_t at = 0; at < bytes.n;) {
        size_t n = bytes.n - at < PIECE_BYTES_MAX ? bytes.n - at : PIECE_BYTES_MAX;
        if (k->unread == PIECES_MAX) {
            stop_stream(k, WIRE_NOT_NOW, "The program does not keep up with the stream.");
            return;
        }
        json_t *p = json_pack("{s:s}", "stream", k->stream);
        wire_put_body(p, (struct span){bytes.p + at, n});
        int rc =
            talk_ask(k->run, "http.chunk", p, x->timeout_ms, on_piece_read, (void *)(uintptr_t)nr);
        if (!stream_nr(x, nr)) /* the program was ended for not reading, the stream with it */
            return;
        if (rc < 0) {
            stop_stream(k, WIRE_NOT_NOW, "The piece could not be written.");
            return;
        }
        k->unread++;
        at += n;
    }
}

/* scheme://host[:port] of an address. */
static struct span origin_of(const char *url) {
    const char *host = strstr(url, "://");
    size_t n = host ? (size_t)(host - url) + 3 : 0;
    return (struct span){url, n + strcspn(url + n, "/?#")};
}

/* The operator named the host in the program's settings, so it may be in the house. */
static bool is_operators(const struct exec *x, const char *url) {
    const char *key;
    json_t *v;
    json_object_foreach(x->settings, key, v) if (json_is_string(v) &&
                                                 strncmp(json_string_value(v), "http", 4) == 0 &&
                                                 span_is(origin_of(json_string_value(v)),
                                                         origin_of(url))) return true;
    return false;
}

static struct ask *stream_named(const struct ask *mine, const char *name) {
    struct ask *k = mine->x->asks;
    while (k && !(k != mine && k->run == mine->run && k->http && k->stream &&
                  strcmp(k->stream, name) == 0))
        k = k->next;
    return k;
}

static size_t streams_open(const struct exec *x) {
    size_t n = 0;
    for (const struct ask *k = x->asks; k; k = k->next)
        n += k->http && k->stream;
    return n;
}

/* The header lines: their texts in lines, their places in at. How many, or negative. */
static int read_headers(const json_t *all, struct buf *lines, size_t at[HEADERS_MAX]) {
    const char *key;
    json_t *v;
    int n = 0;
    json_object_foreach((json_t *)(uintptr_t)all, key, v) {
        if (n == HEADERS_MAX || !json_is_string(v) || !web_is_header(key, json_string_value(v)))
            return ERR_INVALID;
        at[n++] = lines->n;
        buf_addf(lines, "%s: %s", key, json_string_value(v));
        buf_add(lines, "", 1);
    }
    return n;
}

static void begin(struct ask *k, struct span body) {
    struct exec *x = k->x;
    const json_t *p = k->params;
    struct buf lines = {0};
    const char *headers[HEADERS_MAX + 1] = {NULL}, *url = json_str(p, "url", "");
    size_t at[HEADERS_MAX];
    int n = read_headers(json_object_get(p, "headers"), &lines, at);
    for (int i = 0; i < n; i++)
        headers[i] = lines.p + at[i];
    struct draht_http_call call = {
        .size = sizeof call,
        .method = json_str(p, "method", "GET"),
        .url = url,
        .headers = headers,
        .body = kit_out(body),
        .timeout_ms = (uint32_t)json_int(p, "timeout_ms", 0),
        .answer_max = k->wants_file ? FILES_BYTES_MAX : EXEC_BODY_BYTES_MAX,
        .flags = (is_operators(x, url) ? DRAHT_HTTP_OPERATOR : 0) |
                 (json_flag(p, "redirect", false) ? DRAHT_HTTP_REDIRECT : 0) |
                 (json_flag(p, "once", false) ? DRAHT_HTTP_ONCE : 0),
        .on_chunk = k->stream ? on_chunk : NULL,
        .done = on_answer,
        .arg = k};
    k->http = n < 0 ? NULL : x->h->http_call(x->host, &call);
    buf_free(&lines);
    if (!k->http)
        ask_error(k, WIRE_BAD_PARAMS,
                  n < 0 ? "headers are at most 20 texts." : "The address is refused.");
}

static void on_body_read(void *arg, int status, const struct files_item *items, size_t n,
                         size_t which) {
    struct ask *k = arg;
    (void)n, (void)which;
    if (!ask_has_files(k, status))
        return;
    if (k->stream && !k->run)
        ask_error(k, WIRE_NOT_NOW, "The program is gone.");
    else
        begin(k, buf_span(&items[0].bytes));
}

static const char *request_fault(struct ask *k, const json_t *p) {
    int64_t timeout = json_int(p, "timeout_ms", 0);
    const char *answer = json_str(p, "answer", "body");
    if (!*json_str(p, "url", "") || timeout < 0 || timeout > TIMEOUT_MS_MAX)
        return "url is needed; timeout_ms is at most 120000.";
    k->wants_file = strcmp(answer, "file") == 0;
    if (!k->wants_file && strcmp(answer, "body") != 0 && strcmp(answer, "stream") != 0)
        return "answer is body, file or stream.";
    if (strcmp(answer, "stream") != 0)
        return NULL;
    const char *name = exec_name(p, "stream", STREAM_NAME_BYTES_MAX);
    if (!name || stream_named(k, name))
        return "stream is a name of 1 to 64 bytes that no other stream has.";
    if (streams_open(k->x) >= STREAMS_MAX)
        return "There are 8 streams already.";
    k->stream = name;
    return NULL;
}

void call_http_request(struct ask *k, const json_t *p) {
    const char *fault = request_fault(k, p), *file = json_str(p, "body_file", "");
    struct buf body = {0};
    k->nr = ++k->x->sends_nr;
    if (!fault && (!wire_get_body(p, &body) || body.n > EXEC_BODY_BYTES_MAX || (*file && body.n)))
        fault = "body is at most 256 KiB, or is a file of the spool.";
    if (fault)
        ask_error(k, WIRE_BAD_PARAMS, fault);
    else if (*file)
        ask_read_file(k, file, on_body_read);
    else
        begin(k, buf_span(&body));
    buf_free(&body);
}

void call_http_cancel(struct ask *k, const json_t *p) {
    const char *name = exec_name(p, "stream", STREAM_NAME_BYTES_MAX);
    struct ask *stream = name ? stream_named(k, name) : NULL;
    if (!stream) {
        ask_error(k, WIRE_NOT_FOUND, "There is no such stream.");
        return;
    }
    stop_stream(stream, WIRE_NOT_NOW, "Cancelled.");
    ask_result(k, NULL);
}

static struct ask *any_stream(const struct exec *x) {
    struct ask *k = x->asks;
    while (k && !(k->http && k->stream))
        k = k->next;
    return k;
}

void web_streams_end(struct exec *x) {
    for (struct ask *k; (k = any_stream(x));) /* one may end others */
        stop_stream(k, WIRE_NOT_NOW, "Draht ends, or the program does.");
}
