/* SPDX-License-Identifier: EUPL-1.2 */
/* manifest: names, numbers and option rows of a stranger, each within limits before it is used. */
#include "channels/exec/manifest.h"

#include <stdio.h>

#include "gateway/base/buf.h"
#include "gateway/base/error.h"
#include "gateway/base/utf8.h"

#define NAME_BYTES_MAX 64
#define TEXT_BYTES_MAX 1000
#define SAY(...) (snprintf(err, MANIFEST_ERR_BYTES, __VA_ARGS__), ERR_INVALID)

static const char *text_of(struct arena *a, const json_t *o, const char *key) {
    const char *s = json_str(o, key, "");
    return utf8_clean(a, span_str(s), TEXT_BYTES_MAX, NULL).p;
}

static int read_caps(const json_t *list, uint32_t *out, char *err) {
    static const char *const names[] = {"attachments", "delivered", "read",
                                        "idempotent",  "history",   "typing",
                                        "subject",     "first",     "unthreaded"};
    size_t i;
    const json_t *v;
    if (list && !json_is_array(list))
        return SAY("caps is not a list");
    json_array_foreach((json_t *)(uintptr_t)list, i, v) {
        const char *s = json_is_string(v) ? json_string_value(v) : "";
        size_t k = 0, n = sizeof names / sizeof *names;
        while (k < n && strcmp(names[k], s) != 0)
            k++;
        if (k == n)
            return SAY("there is no cap \"%.40s\"", s);
        *out |= 1u << k;
    }
    return 0;
}

static int read_type(const char *s, enum draht_option_type *out) {
    static const char *const names[] = {"string", "int", "bool", "enum", "list"};
    for (int i = 0; i < 5; i++)
        if (strcmp(names[i], s) == 0) {
            *out = (enum draht_option_type)i;
            return 0;
        }
    return ERR_INVALID;
}

static const char *join(struct arena *a, const json_t *list) {
    struct buf b = {0};
    size_t i;
    const json_t *v;
    json_array_foreach((json_t *)(uintptr_t)list, i, v)
        buf_addf(&b, "%s%s", i ? "|" : "", json_is_string(v) ? json_string_value(v) : "");
    const char *kept = arena_strdup(a, b.p ? b.p : "");
    buf_free(&b);
    return kept;
}

static bool is_name(const char *s) {
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return n && n <= NAME_BYTES_MAX && !s[n];
}

static int read_row(struct arena *a, const json_t *o, struct draht_option *row, char *err) {
    const char *name = json_str(o, "name", "");
    if (!is_name(name))
        return SAY("an option has no name of a-z, 0-9 and underscore");
    *row = (struct draht_option){.name = arena_strdup(a, name),
                                 .fallback = text_of(a, o, "default"),
                                 .min = json_int(o, "min", 0),
                                 .max = json_int(o, "max", 0),
                                 .help = text_of(a, o, "help")};
    if (read_type(json_str(o, "type", ""), &row->type) < 0)
        return SAY("option %s: type must be string, int, bool, enum or list", name);
    if (row->type == DRAHT_OPT_ENUM) {
        row->values = join(a, json_object_get(o, "values"));
        if (!*row->values)
            return SAY("option %s: an enum needs values", name);
    }
    if (row->max < row->min && row->max)
        return SAY("option %s: max is below min", name);
    row->flags = (json_flag(o, "required", false) ? DRAHT_OPT_REQUIRED : 0) |
                 (json_flag(o, "secret", false) ? DRAHT_OPT_SECRET : 0);
    return 0;
}

static int read_rows(struct arena *a, const json_t *list, struct manifest *out, char *err) {
    size_t n = json_array_size(list), i;
    const json_t *v;
    if ((list && !json_is_array(list)) || n > MANIFEST_OPTIONS_MAX)
        return SAY("options is not a list of at most %d rows", MANIFEST_OPTIONS_MAX);
    out->options = arena_alloc(a, (n + 1) * sizeof *out->options);
    memset(out->options, 0, (n + 1) * sizeof *out->options);
    json_array_foreach((json_t *)(uintptr_t)list, i, v) {
        int rc = read_row(a, v, &out->options[i], err);
        if (rc < 0)
            return rc;
        for (size_t j = 0; j < i; j++)
            if (strcmp(out->options[j].name, out->options[i].name) == 0)
                return SAY("option %s is there twice", out->options[i].name);
    }
    return 0;
}

int manifest_offer(const json_t *o, struct manifest *m, char err[MANIFEST_ERR_BYTES]) {
    int64_t text_max = json_int(o, "text_max", m->text_max),
            sends = json_int(o, "concurrency", m->concurrency);
    const json_t *list = json_object_get(o, "caps");
    uint32_t caps = list ? 0 : m->caps;
    if (text_max < 0 || text_max > INT32_MAX)
        return SAY("text_max is not a length");
    if (sends < 1 || sends > MANIFEST_CONCURRENCY_MAX)
        return SAY("concurrency must be 1 to %d", MANIFEST_CONCURRENCY_MAX);
    if (read_caps(list, &caps, err) < 0)
        return ERR_INVALID;
    m->caps = caps;
    m->text_max = (uint32_t)text_max;
    m->concurrency = (uint32_t)sends;
    return 0;
}

int manifest_read(struct arena *a, const json_t *result, struct manifest *out,
                  char err[MANIFEST_ERR_BYTES]) {
    *out = (struct manifest){.concurrency = 1};
    if (!json_is_object(result))
        return SAY("it is not an object");
    if (json_int(result, "protocol", 0) != MANIFEST_PROTOCOL)
        return SAY("it speaks protocol %lld, this Draht speaks %d",
                   (long long)json_int(result, "protocol", 0), MANIFEST_PROTOCOL);
    out->name = text_of(a, result, "name");
    out->version = text_of(a, result, "version");
    if (!*out->name || strlen(out->name) > NAME_BYTES_MAX)
        return SAY("it has no name of at most %d bytes", NAME_BYTES_MAX);
    int rc = manifest_offer(result, out, err);
    return rc < 0 ? rc : read_rows(a, json_object_get(result, "options"), out, err);
}
