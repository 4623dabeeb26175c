/* SPDX-License-Identifier: EUPL-1.2 */
/* normalize: a form body, as a client posts it, becomes what intake would see. Without the
 * operator's services: attributes stay as they are. */
#include "channels/kit/normal.h"
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

static struct span name_of(struct arena *a, const struct form *f) {
    struct span first = cleaned(a, f, "first_name"), last = cleaned(a, f, "last_name");
    return span_str(arena_printf(a, "%.*s%s%.*s", (int)first.n, first.n ? first.p : "",
                                 first.n && last.n ? " " : "", (int)last.n, last.n ? last.p : ""));
}

static void put_files(struct arena *a, json_t *o, const struct form *f) {
    for (size_t i = 0; i < f->fields_n; i++) {
        const struct form_field *x = &f->fields[i];
        char sha[65];
        if (!x->file_name.p || x->value.n == 0)
            continue;
        crypto_sha256_hex(x->value, sha);
        kit_normal_file(o, kit_name(a, x->file_name), span_str(kit_sniff(x->value)),
                        (int64_t)x->value.n, span_str(sha));
    }
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

static json_t *place(struct arena *a, const struct form *f, json_t *message) {
    struct span lat = cleaned(a, f, "lat"), lng = cleaned(a, f, "long");
    struct span address = cleaned(a, f, "address_string"), id = cleaned(a, f, "address_id");
    double y, x;
    json_t *o = json_object();
    bool given = lat.n || lng.n,
         ok = given && geo_degrees(lat, 90, &y) == 0 && geo_degrees(lng, 180, &x) == 0;
    json_object_set_new(o, "lat", ok ? json_real(y) : json_null());
    json_object_set_new(o, "long", ok ? json_real(x) : json_null());
    json_object_set_new(o, "address", or_null(address));
    json_object_set_new(o, "address_id", or_null(id));
    if (given && !ok)
        kit_normal_warn(message, "lat and long are no place");
    else if (!given && !address.n && !id.n)
        kit_normal_warn(message, "names no place");
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
    crypto_sha256_hex(geo_report_same(a, &same), sha);
    struct span email = same.email, phone = cleaned(a, f, "phone");
    struct kit_normal m = {.channel = CHANNEL,
                           .external_id = {sha, 32},
                           .sender = email.n ? email : phone,
                           .sender_name = name_of(a, f),
                           .recipient = code,
                           .text = same.description,
                           .had_controls = notes.had_controls,
                           .had_bidi = notes.had_bidi,
                           .was_cut = notes.was_cut};
    json_t *o = kit_normal_message(&m);
    put_files(a, o, f);
    json_object_set_new(o, "place", place(a, f, o));
    json_object_set_new(o, "attributes", attributes(a, f));
    json_object_set_new(o, "media_url", or_null(cleaned(a, f, "media_url")));
    return o;
}

int open311_normalize(const char *raw, size_t n, char **out, char *err) {
    struct arena *a = arena_new();
    struct form *f = arena_alloc(a, sizeof *f);
    struct span body = {raw, n};
    struct span type = content_type(a, body);
    if (span_istarts(type, "application/")) /* a file ends in a line feed, a body does not */
        body = span_trim(body);
    int rc = body.n ? form_parse(a, type, body, f) : ERR_INVALID;
    if (rc < 0) {
        kit_normal_form_fault(rc, body, err);
    } else {
        struct buf b = {0};
        kit_normal_print(&b, form_value(f, "service_code").n == 0
                                 ? kit_normal_ignored(CHANNEL, "names no service")
                                 : message(a, f));
        *out = buf_take(&b, NULL);
    }
    arena_free(&a);
    return rc < 0 ? rc : 0;
}
