/* SPDX-License-Identifier: EUPL-1.2 */
/* json: size and depth are checked on the bytes, before jansson builds anything from them. */
#include "gateway/base/json.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/utf8.h"

/* The deepest nesting of brackets outside of strings. */
static int depth_of(struct span text) {
    int depth = 0, deepest = 0;
    bool is_string = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (is_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                is_string = false;
        } else if (c == '"') {
            is_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > deepest)
                deepest = depth;
            if (deepest > JSON_DEPTH_MAX)
                break;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return deepest;
}

static json_t *refuse(char err[160], const char *sentence) {
    if (err)
        snprintf(err, 160, "%s", sentence);
    return NULL;
}

json_t *json_parse(struct span text, size_t max_bytes, char err[160]) {
    if (text.n > max_bytes)
        return refuse(err, "The JSON text is longer than the limit.");
    if (!text.n)
        return refuse(err, "The JSON text is empty.");
    if (depth_of(text) > JSON_DEPTH_MAX)
        return refuse(err, "The JSON text is nested too deeply.");
    json_error_t e;
    json_t *v =
        json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);
    if (!v && err)
        snprintf(err, 160, "Line %d, column %d: %.100s.", e.line, e.column, e.text);
    return v;
}

/* jansson looks at every character of a string; here whole runs are copied, which made a mail's
 * record cheaper by a quarter of all instructions of the gateway. */
static void write_string(struct buf *out, const char *p, size_t n) {
    static const char shorts[] = "btn?fr"; /* of \b (8) to \r (13) */
    buf_add(out, "\"", 1);
    size_t from = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_add(out, p + from, i - from);
        from = i + 1;
        if (c >= 0x20)
            buf_add(out, (char[]){'\\', (char)c}, 2);
        else if (c >= '\b' && c <= '\r' && c != '\v')
            buf_add(out, (char[]){'\\', shorts[c - '\b']}, 2);
        else
            buf_addf(out, "\\u%04X", c);
    }
    buf_add(out, p + from, n - from);
    buf_add(out, "\"", 1);
}

static void write_object(struct buf *out, json_t *v) {
    const char *key;
    size_t comma = 0;
    json_t *member;
    buf_add(out, "{", 1);
    json_object_foreach(v, key, member) {
        buf_add(out, ",", comma);
        write_string(out, key, strlen(key));
        buf_add(out, ":", 1);
        json_write(member, out);
        comma = 1;
    }
    buf_add(out, "}", 1);
}

/* The shortest digits that read back as the same number: 53.1, not 53.100000000000001. */
static void write_real(struct buf *out, double v) {
    char s[32];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(s, sizeof s, "%.*g", digits, v);
        if (strtod(s, NULL) == v)
            break;
    }
    buf_adds(out, s);
    if (!strpbrk(s, ".e"))
        buf_adds(out, ".0");
}

static void write_integer(struct buf *out, json_int_t v) {
    char s[24], *at = s + sizeof s;
    uint64_t left = v < 0 ? -(uint64_t)v : (uint64_t)v;
    do
        *--at = (char)('0' + left % 10);
    while (left /= 10);
    if (v < 0)
        *--at = '-';
    buf_add(out, at, (size_t)(s + sizeof s - at));
}

void json_write(const json_t *v, struct buf *out) {
    if (json_is_string(v)) {
        write_string(out, json_string_value(v), json_string_length(v));
    } else if (json_is_object(v)) {
        write_object(out, (json_t *)(uintptr_t)v); /* jansson's iterators only read */
    } else if (json_is_array(v)) {
        buf_add(out, "[", 1);
        for (size_t i = 0; i < json_array_size(v); i++) {
            if (i)
                buf_add(out, ",", 1);
            json_write(json_array_get(v, i), out);
        }
        buf_add(out, "]", 1);
    } else if (json_is_real(v)) {
        write_real(out, json_real_value(v));
    } else if (json_is_integer(v)) {
        write_integer(out, json_integer_value(v));
    } else {
        buf_adds(out, json_is_true(v) ? "true" : json_is_false(v) ? "false" : "null");
    }
}

char *json_text(const json_t *v) {
    struct buf b = {0};
    json_write(v, &b);
    return buf_take(&b, NULL);
}

const char *json_str(const json_t *obj, const char *key, const char *fallback) {
    const char *s = json_string_value(json_object_get(obj, key));
    return s ? s : fallback;
}

int64_t json_int(const json_t *obj, const char *key, int64_t fallback) {
    const json_t *v = json_object_get(obj, key);
    return json_is_integer(v) ? (int64_t)json_integer_value(v) : fallback;
}

bool json_flag(const json_t *obj, const char *key, bool fallback) {
    const json_t *v = json_object_get(obj, key);
    return json_is_boolean(v) ? json_is_true(v) : fallback;
}

void json_put(json_t *obj, const char *key, struct span s) {
    json_t *v = json_stringn(s.n ? s.p : "", s.n);
    if (!v) {
        struct arena *a = arena_new();
        struct span clean = utf8_clean(a, s, s.n * 3, NULL);
        v = json_stringn(clean.p, clean.n);
        arena_free(&a);
    }
    json_object_set_new(obj, key, v);
}

void json_puts(json_t *obj, const char *key, const char *s) {
    if (s)
        json_put(obj, key, span_str(s));
    else
        json_object_set_new(obj, key, json_null());
}

void json_puti(json_t *obj, const char *key, int64_t v) {
    json_object_set_new(obj, key, json_integer(v));
}
