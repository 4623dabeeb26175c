/* SPDX-License-Identifier: EUPL-1.2 */
/* report: the parameters of POST requests, every fault of them named at once. */
#include "channels/open311/open311_private.h"

#include <math.h>

enum { DEGREE_DIGITS_MAX = 15 };

int geo_degrees(struct span s, double max, double *out) {
    char text[32];
    size_t i = s.n && s.p[0] == '-' ? 1 : 0, whole = 0, parts = 0;
    if (s.n >= sizeof text)
        return ERR_INVALID;
    for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
        whole++;
    if (i < s.n && s.p[i] == '.')
        for (i++; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
            parts++;
    if (i != s.n || whole == 0 || whole > 3 || parts > DEGREE_DIGITS_MAX)
        return ERR_INVALID;
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    double v = strtod(text, NULL);
    if (!(fabs(v) <= max))
        return ERR_INVALID;
    *out = v;
    return 0;
}

bool geo_url_sound(struct span s) {
    if (s.n > GEO_FIELD_BYTES_MAX || !utf8_is_valid(s) ||
        !(span_istarts(s, "https://") || span_istarts(s, "http://")))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= 0x20 || strchr("<>\"\\^`{}|", s.p[i]))
            return false;
    return true;
}

bool geo_email_sound(struct span s) {
    const char *at = memchr(s.p ? s.p : "", '@', s.n);
    if (!at || at == s.p || at == s.p + s.n - 1 || s.n > 254)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= 0x20 || (unsigned char)s.p[i] >= 0x7f ||
            strchr("<>\",;:\\()[]", s.p[i]))
            return false;
    return !memchr(at + 1, '@', (size_t)(s.p + s.n - at - 1));
}

/* ---- what the public may read ---- */

static bool is_word(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (unsigned char)c >= 0x80;
}
static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Length of a mail address or telephone number (7 digits or more) that begins at i, or 0. */
static size_t personal(struct span s, size_t i) {
    size_t n = 0, digits = 0, last = 0;
    while (i + n < s.n && (is_word(s.p[i + n]) || strchr(".+-_%", s.p[i + n])))
        n++;
    if (n && i + n + 1 < s.n && s.p[i + n] == '@' && is_word(s.p[i + n + 1])) {
        for (n++; i + n < s.n && (is_word(s.p[i + n]) || strchr(".-", s.p[i + n]));)
            n++;
        return n;
    }
    if (!is_digit(s.p[i]) && s.p[i] != '+')
        return 0;
    for (n = 0; i + n < s.n && (is_digit(s.p[i + n]) || strchr("+ -/()", s.p[i + n])); n++) {
        if (is_digit(s.p[i + n])) {
            digits++;
            last = n + 1;
        }
    }
    return digits >= 7 ? last : 0;
}

static size_t name_at(struct span s, size_t i, const struct span *names, size_t names_n) {
    for (size_t k = 0; k < names_n; k++) {
        struct span w = names[k];
        if (w.n >= 2 && i + w.n <= s.n && strncasecmp(s.p + i, w.p, w.n) == 0 &&
            (i + w.n == s.n || !is_word(s.p[i + w.n])))
            return w.n;
    }
    return 0;
}

struct span geo_redact(struct arena *a, struct span text, const struct span *names,
                       size_t names_n) {
    struct buf b = {0};
    for (size_t i = 0; i < text.n;) {
        bool at_start = i == 0 || !is_word(text.p[i - 1]);
        size_t n = at_start ? personal(text, i) : 0;
        if (n == 0 && at_start)
            n = name_at(text, i, names, names_n);
        if (n) {
            buf_adds(&b, "[…]");
            i += n;
        } else {
            buf_add(&b, text.p + i++, 1);
        }
    }
    struct span out = arena_dup(a, b.n ? buf_span(&b) : SPAN(""));
    buf_free(&b);
    return out;
}

/* ---- parameters ---- */

static struct span text_of(struct geo_call *c, struct span v) {
    return span_trim(utf8_clean(c->arena, v, GEO_FIELD_BYTES_MAX, NULL));
}

struct slot {
    const char *name;
    struct span *to;
};

/* Every plain parameter may stand there once; attributes and files are read elsewhere. */
static void plain(struct geo_call *c, const struct form *f, const struct slot *slots, size_t n) {
    for (size_t i = 0; i < f->fields_n; i++) {
        const struct form_field *x = &f->fields[i];
        for (size_t k = 0; !x->file_name.p && k < n; k++) {
            if (!span_eq(x->name, slots[k].name))
                continue;
            if (slots[k].to->p)
                geo_error(c, 400,
                          arena_printf(c->arena, "%s is given more than once", slots[k].name));
            *slots[k].to = x->value.p ? x->value : SPAN("");
        }
    }
}

static void read_place(struct geo_call *c, struct geo_report *r) {
    double lat = 0, lng = 0;
    const json_t *bounds = json_object_get(c->g->o, "bounds");
    bool has_address = r->address.n || r->address_id.n;
    if (!r->lat.n && !r->lng.n && !has_address) {
        geo_error(c, 400, "a location is required: lat and long, address_string or address_id");
        return;
    }
    if (!r->lat.n && !r->lng.n)
        return;
    if (geo_degrees(r->lat, 90, &lat) < 0 || geo_degrees(r->lng, 180, &lng) < 0) {
        geo_error(c, 400,
                  "lat and long must be WGS 84 decimal degrees with a point, such as 51.34 and "
                  "12.37; lat from -90 to 90");
        return;
    }
    if (lat == 0 && lng == 0) { /* what broken clients send when they know no place */
        if (!has_address)
            geo_error(c, 400, "lat 0 and long 0 is no place in this city");
        return;
    }
    if (json_array_size(bounds) == 4) {
        double v[4];
        for (size_t i = 0; i < 4; i++)
            v[i] = strtod(json_string_value(json_array_get(bounds, i)), NULL);
        bool inside = lat >= v[0] && lng >= v[1] && lat <= v[2] && lng <= v[3];
        bool swapped = lng >= v[0] && lat >= v[1] && lng <= v[2] && lat <= v[3];
        if (!inside) {
            geo_error(c, 400,
                      swapped ? "lat and long are swapped"
                              : "lat and long lie outside of the area that is served");
            return;
        }
    }
    r->has_place = true;
    r->latitude = lat;
    r->longitude = lng;
}

static const json_t *value_named(const json_t *attribute, struct span key) {
    const json_t *values = json_object_get(attribute, "values");
    for (size_t i = 0; i < json_array_size(values); i++)
        if (span_eq(key, json_str(json_array_get(values, i), "key", "")))
            return json_array_get(values, i);
    return NULL;
}

static bool number_sound(struct span s) {
    size_t i = s.n && (s.p[0] == '-' || s.p[0] == '+') ? 1 : 0, digits = 0, points = 0;
    for (; i < s.n; i++) {
        if (is_digit(s.p[i]))
            digits++;
        else if (s.p[i] != '.' || points++)
            return false;
    }
    return digits > 0 && digits <= 30;
}

/* Notes the value for staff, or the fault. */
static void attribute_value(struct geo_call *c, struct geo_report *r, const json_t *a,
                            struct span value) {
    const char *type = json_str(a, "datatype", "string"), *code = json_str(a, "code", "");
    int64_t ms;
    const char *fault = NULL;
    if (strstr(type, "valuelist")) {
        const json_t *v = value_named(a, value);
        if (v)
            value = span_str(json_str(v, "name", ""));
        else
            fault = "has a value that is not in its list";
    } else if (strcmp(type, "number") == 0 && !number_sound(value)) {
        fault = "must be a number with a point";
    } else if (strcmp(type, "datetime") == 0 &&
               clock_parse_rfc3339(arena_strndup(c->arena, value.p, value.n), &ms) < 0) {
        fault = "must be a date and time with its zone, such as 2026-11-25T09:30:00+01:00";
    }
    if (fault)
        geo_error(c, 400, arena_printf(c->arena, "attribute[%s] %s", code, fault));
    else
        buf_addf(&r->details, "%s %.*s\n", json_str(a, "description", ""), (int)value.n, value.p);
}

/* "attribute[CODE]" and "attribute[CODE][]": the code, or p NULL. */
static struct span attribute_code(struct span name, bool *is_many) {
    const size_t lead = sizeof "attribute[" - 1;
    if (name.n <= lead || memcmp(name.p, "attribute[", lead) != 0)
        return SPAN_NONE;
    struct span rest = {name.p + lead, name.n - lead};
    const char *end = memchr(rest.p, ']', rest.n);
    if (!end || end == rest.p)
        return SPAN_NONE;
    struct span tail = {end + 1, (size_t)(rest.p + rest.n - end - 1)};
    *is_many = span_eq(tail, "[]");
    if (tail.n && !*is_many)
        return SPAN_NONE;
    return (struct span){rest.p, (size_t)(end - rest.p)};
}

static size_t read_attribute(struct geo_call *c, const struct form *f, struct geo_report *r,
                             const json_t *a) {
    const char *code = json_str(a, "code", "");
    bool takes_many = strcmp(json_str(a, "datatype", ""), "multivaluelist") == 0;
    size_t found = 0, filled = 0;
    for (size_t i = 0; i < f->fields_n; i++) {
        bool is_many = false;
        struct span got = attribute_code(f->fields[i].name, &is_many);
        if (!got.p || !span_eq(got, code) || f->fields[i].file_name.p)
            continue;
        found++;
        struct span v = text_of(c, f->fields[i].value);
        if (!takes_many && (is_many || found > 1))
            geo_error(c, 400, arena_printf(c->arena, "attribute[%s] takes one value", code));
        else if (v.n && ++filled)
            attribute_value(c, r, a, v);
    }
    if (filled == 0 && strcmp(json_str(a, "required", "false"), "true") == 0)
        geo_error(c, 400, arena_printf(c->arena, "attribute[%s] is required", code));
    return found;
}

static void read_attributes(struct geo_call *c, const struct form *f, struct geo_report *r) {
    const json_t *all = json_object_get(r->service, "attributes");
    size_t known = 0, given = 0;
    for (size_t i = 0; i < f->fields_n; i++)
        given += span_istarts(f->fields[i].name, "attribute");
    for (size_t i = 0; i < json_array_size(all); i++)
        known += read_attribute(c, f, r, json_array_get(all, i));
    if (given > known)
        geo_error(
            c, 400,
            "an attribute does not belong to this service, or its name is no attribute[code]");
}

static void read_files(struct geo_call *c, const struct form *f, struct geo_report *r) {
    size_t max = (size_t)json_int(c->g->o, "upload_max_mb", 10) * 1024 * 1024;
    for (size_t i = 0; i < f->fields_n; i++) {
        const struct form_field *x = &f->fields[i];
        if (!x->file_name.p || x->value.n == 0)
            continue;
        const char *type = kit_sniff(x->value);
        if (strncmp(type, "image/", 6) != 0 || strcmp(type, "image/svg+xml") == 0) {
            geo_error(c, 400, "files must be pictures");
        } else if (r->files_n == GEO_FILES_MAX || x->value.n > max) {
            geo_error(c, 413, "a file is too large, or there are more than 5");
            return;
        } else {
            r->files[r->files_n++] = x;
        }
    }
}

static void read_service(struct geo_call *c, struct geo_report *r) {
    if (!r->service_code || !*r->service_code) {
        geo_error(c, 400, "service_code is required");
        return;
    }
    r->service = geo_service(c->g, r->service_code);
    if (!r->service)
        geo_error(c, 404, "service_code is none of this server's services");
}

static void check_texts(struct geo_call *c, struct geo_report *r, struct span description) {
    if (utf8_count(description) > GEO_DESCRIPTION_MAX)
        geo_error(c, 400, "description may have 4,000 characters");
    r->description = span_trim(utf8_clean(c->arena, description, GEO_DESCRIPTION_MAX * 4, NULL));
    if (r->media_url.n && !geo_url_sound(r->media_url))
        geo_error(c, 400, "media_url must be an address that begins with https:// or http://");
    if (r->email.n && !geo_email_sound(r->email))
        geo_error(c, 400, "email is not a mail address");
}

void geo_report_read(struct geo_call *c, const struct form *f, struct geo_report *r) {
    struct span code = {0}, description = {0}, account = {0};
    const struct slot slots[] = {{"api_key", &r->api_key},
                                 {"jurisdiction_id", &r->jurisdiction},
                                 {"service_code", &code},
                                 {"lat", &r->lat},
                                 {"long", &r->lng},
                                 {"address_string", &r->address},
                                 {"address_id", &r->address_id},
                                 {"email", &r->email},
                                 {"device_id", &r->device},
                                 {"account_id", &account},
                                 {"first_name", &r->first_name},
                                 {"last_name", &r->last_name},
                                 {"phone", &r->phone},
                                 {"description", &description},
                                 {"media_url", &r->media_url}};
    struct span *const cleaned[] = {&r->lat,   &r->lng,      &r->address,    &r->address_id,
                                    &r->email, &r->device,   &r->first_name, &r->last_name,
                                    &r->phone, &r->media_url};
    plain(c, f, slots, sizeof slots / sizeof *slots);
    for (size_t i = 0; i < sizeof cleaned / sizeof *cleaned; i++)
        *cleaned[i] = text_of(c, *cleaned[i]);
    code = text_of(c, code);
    r->service_code = arena_strndup(c->arena, code.n ? code.p : "", code.n);
    read_service(c, r);
    read_place(c, r);
    if (r->service)
        read_attributes(c, f, r);
    check_texts(c, r, description);
    read_files(c, f, r);
}

void geo_report_free(struct geo_report *r) {
    buf_free(&r->details);
}

struct span geo_report_same(struct arena *a, const struct geo_report *r) {
    const struct span members[] = {r->api_key,     r->device.n ? r->device : r->email,
                                   r->lat,         r->lng,
                                   r->address,     r->address_id,
                                   r->description, span_str(r->service_code)};
    struct buf b = {0};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        buf_add(&b, members[i].n ? members[i].p : "", members[i].n);
        buf_add(&b, "", 1);
    }
    struct span out = arena_dup(a, buf_span(&b));
    buf_free(&b);
    return out;
}
