/* SPDX-License-Identifier: EUPL-1.2 */
/* settings: texts of the configuration become typed values, row by row. */
#include "channels/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/schema.h"
#include "config/secret.h"
#include "gateway/base/utf8.h"

#define SAY(...) (snprintf(err, SETTINGS_ERR_BYTES, __VA_ARGS__), NULL)

static json_t *text_value(const struct draht_option *row, const char *s, char *err) {
    struct arena *a = arena_new();
    struct fault f = {0};
    json_t *out = NULL;
    if (row->flags & DRAHT_OPT_SECRET && *s)
        s = secret_resolve(a, s, &f);
    long long n = s ? (long long)utf8_count(span_str(s)) : 0;
    if (!s)
        snprintf(err, SETTINGS_ERR_BYTES, "%s: %.180s", row->name, f.text);
    else if (n < row->min || (row->max > 0 && n > row->max))
        snprintf(err, SETTINGS_ERR_BYTES, "%s must have %lld to %lld characters, not %lld",
                 row->name, row->min, row->max, n);
    else
        out = json_string(s);
    arena_free(&a);
    return out;
}

static json_t *whole_value(const struct draht_option *row, const char *s, char *err) {
    char *end;
    errno = 0;
    long long v = strtoll(s, &end, 10);
    if (!*s || *end || errno)
        return SAY("%s must be a whole number", row->name);
    if (row->max > row->min && (v < row->min || v > row->max))
        return SAY("%s must be %lld to %lld", row->name, row->min, row->max);
    return json_integer(v);
}

static json_t *flag_value(const struct draht_option *row, const char *s, char *err) {
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(s, words[i]) == 0)
            return json_boolean(i % 2);
    return SAY("%s must be true or false", row->name);
}

static json_t *enum_value(const struct draht_option *row, const char *s, char *err) {
    struct span rest = span_str(row->values);
    while (rest.p)
        if (span_eq(span_cut(&rest, '|'), s))
            return json_string(s);
    return SAY("%s must be one of %.120s", row->name, row->values ? row->values : "");
}

static json_t *list_value(const struct draht_option *row, const json_t *given, char *err) {
    json_t *out = json_is_array(given) ? json_copy((json_t *)(uintptr_t)given) : json_array();
    if (json_is_string(given) && *json_string_value(given))
        json_array_append(out, (json_t *)(uintptr_t)given);
    long long n = (long long)json_array_size(out);
    size_t i;
    const json_t *v;
    json_array_foreach(out, i, v) if (!json_is_string(v)) {
        json_decref(out);
        return SAY("%s may hold single values only", row->name);
    }
    if (n >= row->min && (row->max <= 0 || n <= row->max))
        return out;
    json_decref(out);
    return SAY("%s must have %lld to %lld items", row->name, row->min, row->max);
}

static json_t *list_fallback(const struct draht_option *row) {
    json_t *out = json_array();
    struct span rest = row->fallback && *row->fallback ? span_str(row->fallback) : SPAN_NONE;
    while (rest.p) {
        struct span item = span_trim(span_cut(&rest, ','));
        json_array_append_new(out, json_stringn(item.p, item.n));
    }
    return out;
}

static json_t *fallback_value(const struct draht_option *row, char *err) {
    const char *s = row->fallback ? row->fallback : "";
    if (row->type == DRAHT_OPT_LIST)
        return list_fallback(row);
    if (row->type == DRAHT_OPT_INT)
        return *s ? whole_value(row, s, err) : json_integer(0);
    if (row->type == DRAHT_OPT_BOOL)
        return *s ? flag_value(row, s, err) : json_false();
    return json_string(s);
}

static json_t *value_of(const struct draht_option *row, const json_t *given, char *err) {
    if (!given || json_is_null(given)) {
        if (row->flags & DRAHT_OPT_REQUIRED)
            return SAY("%s is missing", row->name);
        return fallback_value(row, err);
    }
    if (row->type == DRAHT_OPT_LIST)
        return list_value(row, given, err);
    if (!json_is_string(given))
        return SAY("%s must be a single value", row->name);
    const char *s = json_string_value(given);
    switch (row->type) {
    case DRAHT_OPT_STRING:
        return text_value(row, s, err);
    case DRAHT_OPT_INT:
        return whole_value(row, s, err);
    case DRAHT_OPT_BOOL:
        return flag_value(row, s, err);
    case DRAHT_OPT_ENUM:
        return enum_value(row, s, err);
    case DRAHT_OPT_LIST:
    case DRAHT_OPT_TREE:
        break;
    }
    return SAY("%s is of a kind that only built-in channels have", row->name);
}

/* The first name that no row has, or NULL; *nearest is what may have been meant. */
static const char *stranger(const json_t *given, const struct draht_option *rows,
                            const char **nearest) {
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)given, key, v) {
        int best = 4;
        *nearest = NULL;
        for (const struct draht_option *row = rows; row && row->name && best; row++) {
            int d = schema_distance(key, row->name, 3);
            if (d < best)
                best = d, *nearest = row->name;
        }
        if (best)
            return key;
    }
    return NULL;
}

json_t *settings_check(const json_t *given, const struct draht_option *rows,
                       char err[SETTINGS_ERR_BYTES]) {
    const char *nearest = NULL,
               *name = json_is_object(given) ? stranger(given, rows, &nearest) : NULL;
    if (given && !json_is_null(given) && !json_is_object(given) &&
        (!json_is_string(given) || json_string_length(given)))
        return SAY("settings must be a section with keys of its own");
    if (name && nearest)
        return SAY("unknown setting %.80s; did you mean %.80s?", name, nearest);
    if (name)
        return SAY("unknown setting %.80s", name);
    json_t *out = json_object();
    for (const struct draht_option *row = rows; row && row->name; row++) {
        json_t *v = value_of(row, json_object_get(given, row->name), err);
        if (!v) {
            json_decref(out);
            return NULL;
        }
        json_object_set_new(out, row->name, v);
    }
    return out;
}
