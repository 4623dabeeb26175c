/* SPDX-License-Identifier: EUPL-1.2 */
/* wire: answers as trees of JSON values, written in the notation that the caller asked for. */
#include "channels/open311/open311_private.h"

/* XML 1.0 has no way to write these, not even escaped. */
static bool xml_illegal(const char *p, size_t n) {
    unsigned char c = (unsigned char)p[0];
    if (c < 0x20)
        return c != '\n' && c != '\t';
    return n >= 3 && c == 0xef && (unsigned char)p[1] == 0xbf && (unsigned char)p[2] >= 0xbe;
}

static void xml_text(struct buf *b, const char *s) {
    for (size_t i = 0, n = strlen(s); i < n; i++) {
        if (xml_illegal(s + i, n - i)) {
            i += (unsigned char)s[i] == 0xef ? 2 : 0;
            continue;
        }
        switch (s[i]) {
        case '&':
            buf_adds(b, "&amp;");
            break;
        case '<':
            buf_adds(b, "&lt;");
            break;
        case '>':
            buf_adds(b, "&gt;");
            break;
        default:
            buf_add(b, s + i, 1);
        }
    }
}

static void number(struct buf *b, const json_t *v) {
    if (json_is_integer(v))
        buf_addf(b, "%lld", (long long)json_integer_value(v));
    else
        buf_addf(b, "%.10g", json_real_value(v));
}

/* "attributes" holds "attribute"s. */
static void singular(const char *plural, char out[64]) {
    size_t n = strlen(plural);
    snprintf(out, 64, "%.*s", (int)(n && plural[n - 1] == 's' ? n - 1 : n), plural);
}

static void element(struct buf *b, const char *name, const json_t *v) {
    const char *key;
    json_t *m;
    buf_addf(b, "<%s", name);
    if (json_is_null(v)) {
        buf_adds(b, "/>");
        return;
    }
    buf_adds(b, ">");
    if (json_is_string(v)) {
        xml_text(b, json_string_value(v));
    } else if (json_is_number(v)) {
        number(b, v);
    } else if (json_is_boolean(v)) {
        buf_adds(b, json_is_true(v) ? "true" : "false");
    } else if (json_is_array(v)) {
        char one[64];
        singular(name, one);
        for (size_t i = 0; i < json_array_size(v); i++)
            element(b, one, json_array_get(v, i));
    } else {
        json_object_foreach((json_t *)v, key, m) element(b, key, m);
    }
    buf_addf(b, "</%s>", name);
}

/* The list of requests is called service_requests, the list of one made request too; its items are
 * called request. */
void geo_xml(struct buf *b, const char *root, const json_t *v) {
    buf_adds(b, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
    if (json_is_array(v) && strcmp(root, "service_requests") == 0) {
        buf_adds(b, "<service_requests>");
        for (size_t i = 0; i < json_array_size(v); i++)
            element(b, "request", json_array_get(v, i));
        buf_adds(b, "</service_requests>");
    } else {
        element(b, root, v);
    }
    buf_adds(b, "\n");
}

void geo_json(struct buf *b, const json_t *v) {
    const char *key;
    json_t *m;
    bool first = true;
    if (json_is_null(v)) {
        buf_adds(b, "null");
    } else if (json_is_string(v)) {
        kit_json(b, span_str(json_string_value(v)));
    } else if (json_is_number(v)) {
        number(b, v);
    } else if (json_is_boolean(v)) {
        buf_adds(b, json_is_true(v) ? "true" : "false");
    } else if (json_is_array(v)) {
        buf_adds(b, "[");
        for (size_t i = 0; i < json_array_size(v); i++) {
            buf_adds(b, i ? "," : "");
            geo_json(b, json_array_get(v, i));
        }
        buf_adds(b, "]");
    } else {
        buf_adds(b, "{");
        json_object_foreach((json_t *)v, key, m) {
            buf_adds(b, first ? "" : ",");
            first = false;
            kit_json(b, span_str(key));
            buf_adds(b, ":");
            geo_json(b, m);
        }
        buf_adds(b, "}");
    }
}

void geo_answer(struct geo_call *c, int status, const char *root, json_t *v) {
    const struct draht_host *h = c->g->h;
    struct buf b = {0};
    if (c->is_xml)
        geo_xml(&b, root, v);
    else
        geo_json(&b, v);
    h->http_set_header(c->x, "access-control-allow-origin", "*");
    h->http_set_header(c->x, "x-content-type-options", "nosniff");
    h->http_set_header(c->x, "cache-control", "no-store");
    h->http_respond(c->x, status,
                    c->is_xml ? "text/xml; charset=utf-8" : "application/json; charset=utf-8",
                    kit_out(buf_span(&b)));
    buf_free(&b);
    json_decref(v);
    geo_call_free(c);
}

void geo_error(struct geo_call *c, int code, const char *description) {
    json_t *e = json_object();
    char text[8];
    snprintf(text, sizeof text, "%d", code);
    json_puts(e, "code", text);
    json_put(e, "description", utf8_clean(c->arena, span_str(description), 300, NULL));
    json_array_append_new(c->errors, e);
}

void geo_errors(struct geo_call *c) {
    int status = atoi(json_str(json_array_get(c->errors, 0), "code", "400"));
    geo_answer(c, status, "errors", json_incref(c->errors));
}

void geo_fail(struct geo_call *c, int code, const char *description) {
    geo_error(c, code, description);
    geo_errors(c);
}
