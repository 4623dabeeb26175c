/* SPDX-License-Identifier: EUPL-1.2 */
/* form: two encodings, one list of fields. Lengths are checked before anything is copied. */
#include "channels/kit/form.h"

#include "channels/kit/kit.h"

static int add(struct form *f, struct span name, struct span value, struct span file_name) {
    if (f->fields_n == FORM_FIELDS_MAX || name.n > FORM_NAME_BYTES_MAX)
        return ERR_TOO_LARGE;
    f->fields[f->fields_n++] = (struct form_field){name, value, file_name};
    return 0;
}

static int parse_urlencoded(struct arena *a, struct span body, struct form *f) {
    struct span rest = body;
    while (rest.p && rest.n) {
        struct span pair = span_cut(&rest, '&');
        if (pair.n == 0)
            continue;
        struct span name = span_cut(&pair, '=');
        struct span value = pair.p ? pair : SPAN("");
        int rc = add(f, kit_percent(a, name, true), kit_percent(a, value, true), SPAN_NONE);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Position of needle in s from at on; s.n when absent. */
static size_t find(struct span s, size_t at, struct span needle) {
    while (at + needle.n <= s.n) {
        const char *p = memchr(s.p + at, needle.p[0], s.n - at - needle.n + 1);
        if (!p)
            return s.n;
        at = (size_t)(p - s.p);
        if (memcmp(p, needle.p, needle.n) == 0)
            return at;
        at++;
    }
    return s.n;
}

/* A parameter of a header value: name="x" or name=x; p NULL when absent. */
static struct span parameter(struct span value, const char *name) {
    size_t name_n = strlen(name);
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] != ';')
            continue;
        size_t k = i + 1;
        while (k < value.n && (value.p[k] == ' ' || value.p[k] == '\t'))
            k++;
        struct span at = {value.p + k, value.n - k};
        if (at.n <= name_n || !span_istarts(at, name) || at.p[name_n] != '=')
            continue;
        at.p += name_n + 1;
        at.n -= name_n + 1;
        size_t n = 0;
        if (at.n && at.p[0] == '"') {
            at.p++;
            at.n--;
            while (n < at.n && at.p[n] != '"')
                n += at.p[n] == '\\' && n + 1 < at.n ? 2 : 1;
        } else {
            while (n < at.n && at.p[n] != ';' && at.p[n] != ' ' && at.p[n] != '\r')
                n++;
        }
        return (struct span){at.p, n < at.n ? n : at.n};
    }
    return SPAN_NONE;
}

static int parse_part(struct span head, struct span value, struct form *f) {
    struct span rest = head;
    while (rest.p) {
        struct span line = span_cut(&rest, '\n');
        if (!span_istarts(line, "content-disposition:"))
            continue;
        struct span name = parameter(line, "name");
        if (!name.p)
            return ERR_INVALID;
        return add(f, name, value, parameter(line, "filename"));
    }
    return ERR_INVALID;
}

static int parse_multipart(struct arena *a, struct span content_type, struct span body,
                           struct form *f) {
    struct span boundary = parameter(content_type, "boundary");
    if (boundary.n == 0 || boundary.n > FORM_BOUNDARY_BYTES_MAX)
        return ERR_INVALID;
    struct span mark = span_str(arena_printf(a, "\r\n--%.*s", (int)boundary.n, boundary.p));
    struct span first = {mark.p + 2, mark.n - 2};
    if (body.n < first.n || memcmp(body.p, first.p, first.n) != 0)
        return ERR_INVALID;
    size_t at = first.n;
    while (at + 2 <= body.n && memcmp(body.p + at, "--", 2) != 0) {
        if (memcmp(body.p + at, "\r\n", 2) != 0)
            return ERR_INVALID;
        size_t blank = find(body, at, SPAN("\r\n\r\n"));
        if (blank == body.n)
            return ERR_INVALID;
        if (blank - at > FORM_HEAD_BYTES_MAX)
            return ERR_TOO_LARGE;
        size_t end = find(body, blank + 2, mark);
        if (end == body.n)
            return ERR_INVALID;
        size_t from = blank + 4;
        struct span value = {body.p + from, end > from ? end - from : 0};
        int rc =
            parse_part((struct span){body.p + at + 2, blank - at - (blank > at ? 2 : 0)}, value, f);
        if (rc < 0)
            return rc;
        at = end + mark.n;
    }
    return at + 2 <= body.n ? 0 : ERR_INVALID;
}

int form_parse(struct arena *a, struct span content_type, struct span body, struct form *out) {
    struct form *f = arena_alloc(a, sizeof *f);
    int rc = ERR_UNSUPPORTED;
    if (span_istarts(content_type, "application/x-www-form-urlencoded"))
        rc = parse_urlencoded(a, body, f);
    else if (span_istarts(content_type, "multipart/form-data"))
        rc = parse_multipart(a, content_type, body, f);
    if (rc == 0)
        *out = *f;
    return rc;
}

struct span form_value(const struct form *f, const char *name) {
    for (size_t i = 0; i < f->fields_n; i++)
        if (!f->fields[i].file_name.p && span_eq(f->fields[i].name, name))
            return f->fields[i].value;
    return SPAN_NONE;
}
