/* SPDX-License-Identifier: EUPL-1.2 */
/* wire: what is not exactly a JSON-RPC line ends the conversation, so every check stands in one
 * place, before anyone walks the object. */
#include "channels/exec/wire.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/crypto.h"
#include "gateway/base/error.h"
#include "gateway/base/utf8.h"

#define ID_MAX ((json_int_t)1 << 53)

static int broken(char *why, const char *sentence) {
    snprintf(why, WIRE_SENTENCE_BYTES, "%s", sentence);
    return ERR_PROTOCOL;
}

void wire_feed(struct wire *w, struct span bytes) {
    buf_add(&w->in, bytes.p, bytes.n);
}

static bool is_id(const json_t *id) {
    if (json_is_integer(id))
        return json_integer_value(id) >= -ID_MAX && json_integer_value(id) <= ID_MAX;
    return json_is_string(id) && json_string_length(id) <= WIRE_ID_BYTES_MAX &&
           strlen(json_string_value(id)) == json_string_length(id);
}

static int read_call(struct wire_message *m, const json_t *method, char *why) {
    m->method = json_string_value(method);
    size_t n = json_string_length(method);
    if (!m->method || !n || n > WIRE_METHOD_BYTES_MAX || strlen(m->method) != n)
        return broken(why, "a method is not a name");
    if (m->result || m->error)
        return broken(why, "a line is a request and a response at once");
    if (m->params && !json_is_object(m->params))
        return broken(why, "the parameters are not an object");
    m->kind = m->id ? WIRE_REQUEST : WIRE_NOTE;
    return 1;
}

static int read_line(struct span text, struct wire_message *m, char *why) {
    *m = (struct wire_message){0};
    if (!utf8_is_valid(text))
        return broken(why, "a line is not valid UTF-8");
    m->line = json_parse(text, WIRE_LINE_BYTES_MAX, NULL);
    if (!json_is_object(m->line))
        return broken(why, "a line is not one JSON object (or nested too deeply)");
    if (strcmp(json_str(m->line, "jsonrpc", ""), "2.0") != 0)
        return broken(why, "a line has no jsonrpc 2.0");
    const json_t *method = json_object_get(m->line, "method");
    m->id = json_object_get(m->line, "id");
    m->params = json_object_get(m->line, "params");
    m->result = json_object_get(m->line, "result");
    m->error = json_object_get(m->line, "error");
    if (m->error && json_is_null(m->error))
        m->error = NULL;
    if (m->id && !is_id(m->id))
        return broken(why, "an id is neither a whole number nor a short text");
    if (method)
        return read_call(m, method, why);
    if (!m->id)
        return broken(why, "a line has neither a method nor an id");
    if (m->error ? !json_is_object(m->error) : !m->result)
        return broken(why, "a response has neither a result nor an error");
    m->kind = WIRE_RESPONSE;
    return 1;
}

int wire_next(struct wire *w, struct wire_message *out, char *why) {
    *out = (struct wire_message){0};
    for (;;) {
        const char *from = w->in.p ? w->in.p : "";
        const char *lf = memchr(from + w->looked, '\n', w->in.n - w->looked);
        if (!lf) {
            w->looked = w->in.n;
            return w->in.n > WIRE_LINE_BYTES_MAX + 1 ? broken(why, "a line is longer than 1 MiB")
                                                     : 0;
        }
        size_t n = (size_t)(lf - from), used = n + 1;
        w->looked = 0;
        if (n && from[n - 1] == '\r')
            n--;
        if (n > WIRE_LINE_BYTES_MAX)
            return broken(why, "a line is longer than 1 MiB");
        int rc = read_line((struct span){from, n}, out, why);
        buf_drop(&w->in, used);
        if (rc < 0)
            wire_message_free(out);
        return rc;
    }
}

void wire_message_free(struct wire_message *m) {
    json_decref(m->line);
    *m = (struct wire_message){0};
}

void wire_free(struct wire *w) {
    buf_free(&w->in);
    w->looked = 0;
}

static bool put_line(struct buf *out, json_t *line) {
    char *text = json_text(line);
    size_t n = strlen(text);
    json_decref(line);
    if (n <= WIRE_LINE_BYTES_MAX) {
        buf_add(out, text, n);
        buf_adds(out, "\n");
    }
    free(text);
    return n <= WIRE_LINE_BYTES_MAX;
}

bool wire_request(struct buf *out, int64_t id, const char *method, json_t *params) {
    json_t *line = json_object();
    json_puts(line, "jsonrpc", "2.0");
    if (id)
        json_puti(line, "id", id);
    json_puts(line, "method", method);
    json_object_set_new(line, "params", params ? params : json_object());
    return put_line(out, line);
}

static json_t *response(const json_t *id) {
    json_t *line = json_object();
    json_puts(line, "jsonrpc", "2.0");
    json_object_set(line, "id", (json_t *)(uintptr_t)id);
    return line;
}

bool wire_result(struct buf *out, const json_t *id, json_t *result) {
    json_t *line = response(id);
    json_object_set_new(line, "result", result ? result : json_object());
    return put_line(out, line);
}

void wire_error(struct buf *out, const json_t *id, enum wire_code code, const char *message) {
    json_t *line = response(id), *e = json_object();
    json_puti(e, "code", code);
    json_puts(e, "message", message);
    json_object_set_new(line, "error", e);
    put_line(out, line);
}

static bool is_plain(struct span s) {
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
            return false;
    }
    return utf8_is_valid(s);
}

void wire_put_body(json_t *o, struct span body) {
    if (is_plain(body)) {
        json_put(o, "body", body);
        return;
    }
    char *text = xcalloc(4 * ((body.n + 2) / 3) + 4, 1);
    crypto_b64url(body.p, body.n, text);
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i++)
        text[i] = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
    while (n % 4)
        text[n++] = '=';
    json_put(o, "body_base64", (struct span){text, n});
    free(text);
}

static bool decode(const char *p, size_t n, struct buf *out) {
    while (n && p[n - 1] == '=')
        n--;
    char *text = xcalloc(n + 1, 1);
    uint8_t *bytes = xcalloc(n + 1, 1);
    for (size_t i = 0; i < n; i++)
        text[i] = p[i] == '+' ? '-' : p[i] == '/' ? '_' : p[i];
    int got = n ? crypto_b64url_decode((struct span){text, n}, bytes, n) : 0;
    if (got > 0)
        buf_add(out, bytes, (size_t)got);
    free(text);
    free(bytes);
    return got >= 0;
}

bool wire_get_body(const json_t *o, struct buf *out) {
    const json_t *text = json_object_get(o, "body"), *coded = json_object_get(o, "body_base64");
    if ((text && coded) || (text && !json_is_string(text)) || (coded && !json_is_string(coded)))
        return false;
    if (coded)
        return decode(json_string_value(coded), json_string_length(coded), out);
    if (text)
        buf_add(out, json_string_value(text), json_string_length(text));
    return true;
}
