/* SPDX-License-Identifier: EUPL-1.2 */
/* normalize: a form body, as a client posts it, becomes what intake would see. Without the
 * operator's services: attributes stay as they are. */
#include "channels/open311/open311_private.h"

#define CHANNEL "open311"

static json_t *or_null(struct span s) {
    return s.n ? json_stringn(s.p, s.n) : json_null();
}

static struct span cleaned(struct arena *a, const struct form *f, const char *name) {
    return span_trim(utf8_clean(a, form_value(f, name), GEO_DESCRIPTION_MAX * 4, NULL));
}

/* A multipart body names its boundary in its first line. */
static struct span content_type(struct arena *a, struct span raw) {
    struct span rest = raw, line = span_trim(span_cut(&rest, '\n'));
    if (line.n < 3 || line.n > FORM_BOUNDARY_BYTES_MAX || memcmp(line.p, "--", 2) != 0)
        return SPAN("application/x-www-form-urlencoded");
    return span_str(
        arena_printf(a, "multipart/form-data; boundary=%.*s", (int)line.n - 2, line.p + 2));
}

static json_t *ignored(const char *reason) {
    json_t *o = json_object();
    json_puts(o, "kind", "ignored");
    json_puts(o, "channel", CHANNEL);
    json_puts(o, "reason", reason);
    return o;
}

static json_t *sender(struct arena *a, const struct form *f) {
    struct span email = cleaned(a, f, "email"), phone = cleaned(a, f, "phone"),
                first = cleaned(a, f, "first_name"), last = cleaned(a, f, "last_name");
    const char *name =
        arena_printf(a, "%.*s%s%.*s", (int)first.n, first.n ? first.p : "",
                     first.n && last.n ? " " : "", (int)last.n, last.n ? last.p : "");
    json_t *o = json_object();
    json_object_set_new(o, "address", or_null(email.n ? email : phone));
    json_object_set_new(o, "name", or_null(span_str(name)));
    return o;
}

static json_t *files(struct arena *a, const struct form *f) {
    json_t *list = json_array();
    for (size_t i = 0; i < f->fields_n; i++) {
        const struct form_field *x = &f->fields[i];
        char sha[65];
        if (!x->file_name.p || x->value.n == 0)
            continue;
        json_t *o = json_object();
        json_put(o, "name", kit_name(a, x->file_name));
        json_puts(o, "type", kit_sniff(x->value));
        json_puti(o, "bytes", (int64_t)x->value.n);
        crypto_sha256_hex(x->value, sha);
        json_puts(o, "sha256", sha);
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *attributes(struct arena *a, const struct form *f) {
    json_t *o = json_object();
    for (size_t i = 0; i < f->fields_n; i++) {
        const struct form_field *x = &f->fields[i];
        if (x->file_name.p || !span_istarts(x->name, "attribute["))
            continue;
        struct span name = utf8_clean(a, x->name, FORM_NAME_BYTES_MAX, NULL);
        json_t *list = json_object_get(o, arena_strndup(a, name.p, name.n));
        if (!list) {
            list = json_array();
            json_object_set_new(o, arena_strndup(a, name.p, name.n), list);
        }
        struct span v = utf8_clean(a, x->value, GEO_FIELD_BYTES_MAX, NULL);
        json_array_append_new(list, json_stringn(v.n ? v.p : "", v.n));
    }
    return o;
}

static json_t *place(struct arena *a, const struct form *f, json_t *warnings) {
    struct span lat = cleaned(a, f, "lat"), lng = cleaned(a, f, "long");
    double y, x;
    json_t *o = json_object();
    bool given = lat.n || lng.n,
         ok = given && geo_degrees(lat, 90, &y) == 0 && geo_degrees(lng, 180, &x) == 0;
    json_object_set_new(o, "lat", ok ? json_real(y) : json_null());
    json_object_set_new(o, "long", ok ? json_real(x) : json_null());
    json_object_set_new(o, "address", or_null(cleaned(a, f, "address_string")));
    json_object_set_new(o, "address_id", or_null(cleaned(a, f, "address_id")));
    if (given && !ok)
        json_array_append_new(warnings, json_string("lat and long are no place"));
    return o;
}

static json_t *message(struct arena *a, const struct form *f) {
    struct utf8_notes notes = {0};
    struct span text = utf8_clean(a, form_value(f, "description"), GEO_DESCRIPTION_MAX * 4, &notes),
                code = cleaned(a, f, "service_code");
    struct geo_report same = {.device = cleaned(a, f, "device_id"),
                              .email = cleaned(a, f, "email"),
                              .lat = cleaned(a, f, "lat"),
                              .lng = cleaned(a, f, "long"),
                              .address = cleaned(a, f, "address_string"),
                              .address_id = cleaned(a, f, "address_id"),
                              .description = span_trim(text),
                              .service_code = arena_strndup(a, code.n ? code.p : "", code.n)};
    char sha[65];
    json_t *o = json_object(), *warnings = json_array(), *recipients = json_array();
    crypto_sha256_hex(geo_report_same(a, &same), sha);
    sha[32] = 0;
    json_puts(o, "kind", "message");
    json_puts(o, "channel", CHANNEL);
    json_puts(o, "external_id", sha);
    json_object_set_new(o, "sender", sender(a, f));
    json_array_append_new(recipients, json_stringn(code.n ? code.p : "", code.n));
    json_object_set_new(o, "recipients", recipients);
    json_object_set_new(o, "subject", json_null());
    json_put(o, "text", span_trim(text));
    json_object_set_new(o, "html_present", json_false());
    json_object_set_new(o, "in_reply_to", json_null());
    json_object_set_new(o, "references", json_array());
    json_object_set_new(o, "attachments", files(a, f));
    json_object_set_new(o, "automatic", json_false());
    json_object_set_new(o, "sent_at", json_null());
    json_object_set_new(o, "place", place(a, f, warnings));
    json_object_set_new(o, "attributes", attributes(a, f));
    json_object_set_new(o, "media_url", or_null(cleaned(a, f, "media_url")));
    if (notes.had_controls)
        json_array_append_new(warnings, json_string("control characters were removed"));
    if (notes.had_bidi)
        json_array_append_new(warnings, json_string("the text changes its direction"));
    if (notes.was_cut)
        json_array_append_new(warnings, json_string("the text was cut"));
    json_object_set_new(o, "warnings", warnings);
    return o;
}

int open311_normalize(const char *raw, size_t n, char **out, char *err) {
    struct arena *a = arena_new();
    struct form *f = arena_alloc(a, sizeof *f);
    struct span body = {raw, n};
    (void)err;
    struct span type = content_type(a, body);
    if (span_istarts(type, "application/")) /* a file ends in a line feed, a body does not */
        body = span_trim(body);
    int rc = form_parse(a, type, body, f);
    json_t *o;
    if (rc < 0)
        o = ignored(rc == ERR_TOO_LARGE ? "beyond a limit" : "not a form");
    else if (form_value(f, "service_code").n == 0)
        o = ignored("names no service");
    else
        o = message(a, f);
    char *text = json_text(o);
    struct buf b = {0};
    buf_addf(&b, "%s\n", text);
    free(text);
    json_decref(o);
    arena_free(&a);
    *out = buf_take(&b, NULL);
    return 0;
}
