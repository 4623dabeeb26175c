/* SPDX-License-Identifier: EUPL-1.2 */
/* template: placeholders of the script become values, in the notation that stands behind the colon.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "channels/conformance/inner.h"
#include "channels/kit/kit.h"

enum { NAME_BYTES_MAX = 40 };

void conf_set(struct conf *k, const char *name, const char *value) {
    json_put(k->vars, name, span_str(value ? value : ""));
}

void conf_setf(struct conf *k, const char *name, const char *fmt, ...) {
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    conf_set(k, name, text);
}

const char *conf_var(const struct conf *k, const char *name) {
    return json_str(k->vars, name, "");
}

static void write_form(struct span s, struct buf *out) {
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (isalnum(c) || (c && strchr("-._~", c)))
            buf_add(out, &s.p[i], 1);
        else
            buf_addf(out, "%%%02X", c);
    }
}

static void write_base64(struct span s, struct buf *out) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < s.n; i += 3) {
        unsigned v = (unsigned)(unsigned char)s.p[i] << 16;
        v |= i + 1 < s.n ? (unsigned)(unsigned char)s.p[i + 1] << 8 : 0;
        v |= i + 2 < s.n ? (unsigned)(unsigned char)s.p[i + 2] : 0;
        char four[4] = {digits[v >> 18], digits[(v >> 12) & 63],
                        i + 1 < s.n ? digits[(v >> 6) & 63] : '=',
                        i + 2 < s.n ? digits[v & 63] : '='};
        buf_add(out, four, 4);
    }
}

static void write_hex(struct span s, struct buf *out) {
    for (size_t i = 0; i < s.n; i++)
        buf_addf(out, "%02x", (unsigned)(unsigned char)s.p[i]);
}

void conf_encode(const char *how, struct span value, struct buf *out) {
    if (!strcmp(how, "base64"))
        write_base64(value, out);
    else
        write_hex(value, out);
}

static void write_json(struct span s, struct buf *out) {
    struct buf quoted = {0};
    kit_json(&quoted, s);
    buf_add(out, quoted.p + 1, quoted.n - 2);
    buf_free(&quoted);
}

static bool write_as(struct span how, struct span value, struct buf *out) {
    if (span_eq(how, "json"))
        write_json(value, out);
    else if (span_eq(how, "form"))
        write_form(value, out);
    else if (span_eq(how, "xml"))
        kit_html(out, value);
    else if (span_eq(how, "hex"))
        write_hex(value, out);
    else if (span_eq(how, "base64"))
        write_base64(value, out);
    else if (how.n == 0 || span_eq(how, "int"))
        buf_add(out, value.p, value.n);
    else
        return false;
    return true;
}

/* "{name}" or "{name:how}" at p: its length when it is a placeholder that we know, and written. */
static size_t placeholder(const struct conf *k, const char *p, struct buf *out) {
    const char *end = strchr(p, '}');
    if (!end || end - p > NAME_BYTES_MAX)
        return 0;
    struct span how = {p + 1, (size_t)(end - p - 1)};
    struct span word = span_cut(&how, ':');
    char name[NAME_BYTES_MAX + 1];
    snprintf(name, sizeof name, "%.*s", (int)word.n, word.p);
    const json_t *v = json_object_get(k->vars, name);
    struct span value = {json_string_value(v), json_string_length(v)};
    if (!strcmp(name, "file"))
        value = buf_span(&k->file);
    else if (!v)
        return 0;
    return write_as(how, value, out) ? (size_t)(end - p + 1) : 0;
}

void conf_expand(const struct conf *k, const char *text, struct buf *out) {
    for (const char *p = text; *p;) {
        size_t n = *p == '{' ? placeholder(k, p, out) : 0;
        if (!n) {
            buf_add(out, p, 1);
            n = 1;
        }
        p += n;
    }
}

static json_t *expand_text(const struct conf *k, const char *text) {
    struct buf b = {0};
    conf_expand(k, text, &b);
    size_t n = strlen(text);
    bool is_int =
        n > 6 && text[0] == '{' && strcmp(text + n - 5, ":int}") == 0 && !strchr(text + 1, '{');
    json_t *v = is_int ? json_integer(strtoll(b.p ? b.p : "0", NULL, 10))
                       : json_stringn_nocheck(b.p ? b.p : "", b.n);
    buf_free(&b);
    return v;
}

json_t *conf_expand_json(const struct conf *k, const json_t *v) {
    const char *name;
    json_t *value;
    if (json_is_string(v))
        return expand_text(k, json_string_value(v));
    if (json_is_object(v)) {
        json_t *o = json_object();
        json_object_foreach((json_t *)(uintptr_t)v, name, value)
            json_object_set_new(o, name, conf_expand_json(k, value));
        return o;
    }
    if (!json_is_array(v))
        return json_deep_copy(v);
    json_t *a = json_array();
    for (size_t i = 0; i < json_array_size(v); i++)
        json_array_append_new(a, conf_expand_json(k, json_array_get(v, i)));
    return a;
}

static void form_body(const struct conf *k, const json_t *form, struct buf *out) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)form, name, value) {
        json_t *v = conf_expand_json(k, value);
        char *text = json_is_string(v) ? xstrdup(json_string_value(v)) : json_text(v);
        buf_adds(out, out->n ? "&" : "");
        write_form(span_str(name), out);
        buf_adds(out, "=");
        write_form(span_str(text), out);
        free(text);
        json_decref(v);
    }
}

void conf_body(const struct conf *k, const json_t *r, struct buf *out, const char **type) {
    const json_t *json = json_object_get(r, "json"), *form = json_object_get(r, "form");
    *type = json ? "application/json" : form ? "application/x-www-form-urlencoded" : "text/plain";
    if (json) {
        json_t *v = conf_expand_json(k, json);
        char *text = json_text(v);
        buf_adds(out, text ? text : "");
        free(text);
        json_decref(v);
    } else if (form) {
        form_body(k, form, out);
    } else {
        conf_expand(k, json_str(r, "body", ""), out);
    }
    buf_add(out, "", 0);
}
