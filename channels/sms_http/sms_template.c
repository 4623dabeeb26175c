/* SPDX-License-Identifier: EUPL-1.2 */
/* sms_template: one pass; what was filled in is never looked at again. */
#include "channels/sms_http/sms_template.h"

#include "channels/sms_http/sms_common.h"

/* Length of the placeholder at p with its braces, or 0. */
static size_t placeholder(const char *p) {
    size_t n = *p == '{' ? strspn(p + 1, "abcdefghijklmnopqrstuvwxyz_") : 0;
    return n && p[n + 1] == '}' ? n + 2 : 0;
}

static const struct sms_value *find(struct span name, const struct sms_value *values, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (span_eq(name, values[i].name))
            return &values[i];
    return NULL;
}

const char *sms_template_stranger(const char *text, const struct sms_value *values, size_t values_n,
                                  size_t *n) {
    for (const char *p = strchr(text, '{'); p; p = strchr(p + 1, '{')) {
        *n = placeholder(p);
        if (*n && !find((struct span){p + 1, *n - 2}, values, values_n))
            return p;
    }
    return NULL;
}

/* XML 1.0 knows no control characters but three, not even escaped. */
static void add_xml(struct buf *out, struct span s) {
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x20 || strchr("\t\n\r", s.p[i] ? s.p[i] : 'x'))
            kit_html(out, (struct span){s.p + i, 1});
}

static void add_json(struct buf *out, struct span s) {
    struct buf quoted = {0};
    kit_json(&quoted, s);
    buf_add(out, quoted.p + 1, quoted.n - 2);
    buf_free(&quoted);
}

static void add_header(struct buf *out, struct span s) {
    for (size_t i = 0; i < s.n; i++) {
        bool is_control = (unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f;
        buf_add(out, is_control ? " " : s.p + i, 1);
    }
}

static void add(struct buf *out, enum sms_escape how, struct span s) {
    switch (how) {
    case SMS_RAW:
        buf_add(out, s.p ? s.p : "", s.n);
        break;
    case SMS_URL:
        sms_percent(out, s);
        break;
    case SMS_JSON:
        add_json(out, s);
        break;
    case SMS_XML:
        add_xml(out, s);
        break;
    case SMS_HEADER:
        add_header(out, s);
        break;
    }
}

void sms_template(const char *text, enum sms_escape how, const struct sms_value *values,
                  size_t values_n, struct buf *out) {
    for (const char *p = text; *p;) {
        size_t n = placeholder(p);
        const struct sms_value *v = n ? find((struct span){p + 1, n - 2}, values, values_n) : NULL;
        if (v)
            add(out, how, v->value);
        else
            buf_add(out, p, 1);
        p += v ? n : 1;
    }
}

json_t *sms_template_tree(const json_t *tree, const struct sms_value *values, size_t values_n) {
    const char *key;
    json_t *v;
    size_t i;
    if (json_is_string(tree)) {
        struct buf b = {0};
        sms_template(json_string_value(tree), SMS_RAW, values, values_n, &b);
        v = json_stringn(b.p ? b.p : "", b.n);
        buf_free(&b);
        return v;
    }
    json_t *out = json_is_array(tree) ? json_array() : json_object();
    if (json_is_array(tree))
        json_array_foreach(tree, i, v)
            json_array_append_new(out, sms_template_tree(v, values, values_n));
    else
        json_object_foreach((json_t *)(uintptr_t)tree, key, v)
            json_object_set_new(out, key, sms_template_tree(v, values, values_n));
    return out;
}
