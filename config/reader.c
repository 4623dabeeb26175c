/* SPDX-License-Identifier: EUPL-1.2 */
/* reader: one value function for settings and channel options alike. */
#include "config/reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/secret.h"
#include "gateway/base/utf8.h"

struct value {
    long long whole; /* INT, BOOL, place of an ENUM */
    const char *text;
    const char **items;
    int items_n;
    const struct tree_node *tree;
};

void reader_fault(struct reader *r, const struct tree_node *at, const char *fmt, ...) {
    char text[FAULT_TEXT_BYTES];
    if (++r->faults_n > READER_FAULTS_MAX)
        return;
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    buf_addf(r->faults, "%s:%d:%d: %s\n", r->file, at ? at->line : 1, at ? at->column : 1, text);
}

static bool is_id(const char *s) {
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return n >= 1 && n <= 32 && !s[n];
}

static bool is_url(const char *s) {
    if (!*s)
        return true;
    bool is_local =
        strncmp(s, "http://127.0.0.1", 16) == 0 || strncmp(s, "http://localhost", 16) == 0;
    return (is_local || (strncmp(s, "https://", 8) == 0 && s[8])) && !strpbrk(s, " \t\r\n\"<>");
}

static bool read_text(struct reader *r, const struct draht_option *row, const struct tree_node *v,
                      struct value *out) {
    struct fault fault = {0};
    const char *s = v->text;
    if (row->flags & DRAHT_OPT_SECRET && *s && !(s = secret_resolve(r->a, s, &fault))) {
        reader_fault(r, v, "%s: %s", row->name, fault.text);
        return false;
    }
    long long count = (long long)utf8_count(span_str(s));
    if (count < row->min || (row->max > 0 && count > row->max)) {
        reader_fault(r, v, "%s must have %lld to %lld characters, not %lld", row->name, row->min,
                     row->max, count);
    } else if (row->flags & SCHEMA_ID && !is_id(s)) {
        reader_fault(r, v, "%s must be 1 to 32 of a-z, 0-9 and hyphen", row->name);
    } else if (row->flags & SCHEMA_URL && !is_url(s)) {
        reader_fault(r, v, "%s must begin with https://", row->name);
    } else {
        size_t n = strlen(s);
        if (row->flags & SCHEMA_URL && n && s[n - 1] == '/')
            s = arena_strndup(r->a, s, n - 1);
        if (row->flags & SCHEMA_PATH && n && s[0] != '/')
            s = arena_printf(r->a, "%s/%s", r->folder, s);
        out->text = s;
        return true;
    }
    return false;
}

static bool read_whole(struct reader *r, const struct draht_option *row, const struct tree_node *v,
                       struct value *out) {
    char *end = NULL;
    size_t n = strlen(v->text);
    long long whole = n && n < 19 ? strtoll(v->text, &end, 10) : 0;
    if (!end || *end || strspn(v->text, "-0123456789") != n)
        reader_fault(r, v, "%s must be a whole number, not \"%.60s\"", row->name, v->text);
    else if (whole < row->min || whole > row->max)
        reader_fault(r, v, "%s must be %lld to %lld, not %lld", row->name, row->min, row->max,
                     whole);
    else {
        out->whole = whole;
        return true;
    }
    return false;
}

static bool read_flag(struct reader *r, const struct draht_option *row, const struct tree_node *v,
                      struct value *out) {
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
    for (int i = 0; i < 6; i++) {
        if (strcmp(v->text, words[i]) != 0)
            continue;
        out->whole = i % 2;
        return true;
    }
    reader_fault(r, v, "%s must be true or false, not \"%.60s\"", row->name, v->text);
    return false;
}

static bool read_enum(struct reader *r, const struct draht_option *row, const struct tree_node *v,
                      struct value *out) {
    struct span rest = span_str(row->values), word;
    for (long long i = 0; (word = span_cut(&rest, '|')).p; i++) {
        if (!span_eq(word, v->text))
            continue;
        out->whole = i;
        out->text = v->text;
        return true;
    }
    reader_fault(r, v, "%s must be one of %s, not \"%.60s\"", row->name, row->values, v->text);
    return false;
}

static bool read_list(struct reader *r, const struct draht_option *row, const struct tree_node *v,
                      struct value *out) {
    int n = 0;
    for (const struct tree_node *m = v->first; m; m = m->next, n++) {
        if (m->kind == TREE_SCALAR && !m->is_null)
            continue;
        reader_fault(r, m, "%s must hold plain values", row->name);
        return false;
    }
    if (n < row->min || (row->max > 0 && n > row->max)) {
        reader_fault(r, v, "%s must have %lld to %lld items, not %d", row->name, row->min, row->max,
                     n);
        return false;
    }
    out->items = arena_alloc(r->a, ((size_t)n + 1) * sizeof *out->items);
    for (const struct tree_node *m = v->first; m; m = m->next) {
        struct fault fault = {0};
        const char *s = m->text;
        if (row->flags & DRAHT_OPT_SECRET && !(s = secret_resolve(r->a, s, &fault))) {
            reader_fault(r, m, "%s: %s", row->name, fault.text);
            return false;
        }
        out->items[out->items_n++] = s;
    }
    return true;
}

/* The default as a node; of a list the text is cut at commas. */
static struct tree_node *fallback(struct reader *r, const struct draht_option *row,
                                  const struct tree_node *at) {
    struct tree_node *v = arena_alloc(r->a, sizeof *v);
    *v = (struct tree_node){.kind = TREE_SCALAR,
                            .text = row->fallback ? row->fallback : "",
                            .line = at ? at->line : 1,
                            .column = at ? at->column : 1};
    if (row->type == DRAHT_OPT_INT && !*v->text)
        v->text = "0";
    if (row->type == DRAHT_OPT_BOOL && !*v->text)
        v->text = "false";
    if (row->type != DRAHT_OPT_LIST)
        return v;
    v->kind = TREE_LIST;
    struct tree_node **tail = &v->first;
    struct span rest = *v->text ? span_str(v->text) : SPAN_NONE, item;
    while ((item = span_cut(&rest, ',')).p) {
        *tail = arena_alloc(r->a, sizeof **tail);
        **tail =
            (struct tree_node){.kind = TREE_SCALAR, .text = arena_dup(r->a, span_trim(item)).p};
        tail = &(*tail)->next;
    }
    return v;
}

/* false: a fault was noted, out is zero or the empty text. */
static bool read_value(struct reader *r, const struct draht_option *row, const struct tree_node *v,
                       const struct tree_node *at, struct value *out) {
    *out = (struct value){.text = ""};
    if (!v || (v->kind == TREE_SCALAR && v->is_null)) {
        if (row->flags & DRAHT_OPT_REQUIRED) {
            reader_fault(r, v ? v : at, "%s is missing", row->name);
            return false;
        }
        /* A default is trusted: "" means not given, whatever the least length. */
        v = fallback(r, row, at);
        if (row->type == DRAHT_OPT_STRING && !*v->text)
            return true;
        if (row->type == DRAHT_OPT_ENUM && !*v->text)
            return true;
    } else if (row->type == DRAHT_OPT_LIST && v->kind == TREE_SCALAR) {
        struct tree_node *item = arena_alloc(r->a, sizeof *item),
                         *list = arena_alloc(r->a, sizeof *list);
        *item = *v;
        item->next = NULL;
        *list = *v;
        list->kind = TREE_LIST;
        list->first = item;
        v = list;
    }
    if (row->type == DRAHT_OPT_TREE) {
        out->tree = v;
        return true;
    }
    if (v->kind != (row->type == DRAHT_OPT_LIST ? TREE_LIST : TREE_SCALAR)) {
        reader_fault(
            r, v, row->type == DRAHT_OPT_LIST ? "%s must be a list" : "%s must be a single value",
            row->name);
        return false;
    }
    switch (row->type) {
    case DRAHT_OPT_STRING:
        return read_text(r, row, v, out);
    case DRAHT_OPT_INT:
        return read_whole(r, row, v, out);
    case DRAHT_OPT_BOOL:
        return read_flag(r, row, v, out);
    case DRAHT_OPT_ENUM:
        return read_enum(r, row, v, out);
    case DRAHT_OPT_LIST:
        return read_list(r, row, v, out);
    case DRAHT_OPT_TREE:
        break;
    }
    return false;
}

static void store(const struct schema_key *k, const struct value *v, char *base) {
    const int whole = (int)v->whole;
    const bool flag = v->whole != 0;
    switch (k->row.type) {
    case DRAHT_OPT_INT:
        memcpy(base + k->at, &whole, sizeof whole);
        break;
    case DRAHT_OPT_BOOL:
        memcpy(base + k->at, &flag, sizeof flag);
        break;
    case DRAHT_OPT_LIST:
        memcpy(base + k->at, &v->items, sizeof v->items);
        memcpy(base + k->count_at, &v->items_n, sizeof v->items_n);
        break;
    case DRAHT_OPT_ENUM:
    case DRAHT_OPT_STRING:
        if (k->row.flags & SCHEMA_INDEX)
            memcpy(base + k->at, &whole, sizeof whole);
        else
            memcpy(base + k->at, &v->text, sizeof v->text);
        break;
    case DRAHT_OPT_TREE: /* only channels have such options */
        break;
    }
}

static void unknown(struct reader *r, const struct tree_node *at, const char *name,
                    const char *nearest, int distance) {
    if (nearest && distance <= 3)
        reader_fault(r, at, "unknown key %.80s; did you mean %s?", name, nearest);
    else
        reader_fault(r, at, "unknown key %.80s", name);
}

static bool is_allowed(const char *const *allowed, const char *name) {
    for (; allowed && *allowed; allowed++)
        if (strcmp(*allowed, name) == 0)
            return true;
    return false;
}

/* "listen" of "listen.port" */
static bool is_section(const struct schema_key *keys, int n, const char *name) {
    size_t len = strlen(name);
    for (int i = 0; i < n; i++)
        if (strncmp(keys[i].row.name, name, len) == 0 && keys[i].row.name[len] == '.')
            return true;
    return false;
}

static void check_names(struct reader *r, const struct tree_node *map, const char *prefix,
                        const struct schema_key *keys, int n, const char *const *allowed) {
    for (const struct tree_node *m = map->first; m; m = m->next) {
        const char *name = arena_printf(r->a, "%s%s", prefix, m->key), *nearest = NULL;
        int best = 4;
        if (schema_find(keys, n, name) || is_allowed(allowed, name))
            continue;
        if (!*prefix && is_section(keys, n, name)) {
            if (m->kind == TREE_MAP)
                check_names(r, m, arena_printf(r->a, "%s.", name), keys, n, NULL);
            else if (!m->is_null)
                reader_fault(r, m, "%s must be a section with keys of its own", name);
            continue;
        }
        for (int i = 0; i < n; i++) {
            int d = schema_distance(name, keys[i].row.name, 3);
            const char *last = strrchr(keys[i].row.name, '.');
            if (last && !*prefix && strcmp(last + 1, name) == 0)
                d = 1; /* right key, section forgotten */
            if (d < best)
                best = d, nearest = keys[i].row.name;
            const char *dot = *prefix ? NULL : strchr(keys[i].row.name, '.');
            const char *section =
                dot ? arena_strndup(r->a, keys[i].row.name, (size_t)(dot - keys[i].row.name))
                    : NULL;
            d = section ? schema_distance(name, section, 3) : 4;
            if (d < best)
                best = d, nearest = section;
        }
        for (const char *const *s = allowed; s && *s; s++) {
            int d = schema_distance(name, *s, 3);
            if (d < best)
                best = d, nearest = *s;
        }
        unknown(r, m, name, nearest, best);
    }
}

static const struct tree_node *member(struct arena *a, const struct tree_node *map,
                                      const char *dotted) {
    const char *dot = strchr(dotted, '.');
    if (!dot)
        return tree_get(map, dotted);
    return tree_get(tree_get(map, arena_strndup(a, dotted, (size_t)(dot - dotted))), dot + 1);
}

void reader_keys(struct reader *r, const struct tree_node *map, const struct schema_key *keys,
                 int n, const char *const *allowed, void *base) {
    check_names(r, map, "", keys, n, allowed);
    for (int i = 0; i < n; i++) {
        struct value v;
        read_value(r, &keys[i].row, member(r->a, map, keys[i].row.name), map, &v);
        store(&keys[i], &v, base);
    }
}

static json_t *tree_json(const struct tree_node *v) {
    if (v->kind == TREE_SCALAR)
        return v->is_null ? json_null() : json_string(v->text);
    json_t *out = v->kind == TREE_MAP ? json_object() : json_array();
    for (const struct tree_node *m = v->first; m; m = m->next) {
        if (v->kind == TREE_MAP)
            json_object_set_new(out, m->key, tree_json(m));
        else
            json_array_append_new(out, tree_json(m));
    }
    return out;
}

static json_t *to_json(const struct draht_option *row, const struct value *v) {
    if (row->type == DRAHT_OPT_INT)
        return json_integer(v->whole);
    if (row->type == DRAHT_OPT_BOOL)
        return json_boolean(v->whole);
    if (row->type == DRAHT_OPT_TREE)
        return v->tree ? tree_json(v->tree) : json_null();
    if (row->type != DRAHT_OPT_LIST)
        return json_string(v->text);
    json_t *list = json_array();
    for (int i = 0; i < v->items_n; i++)
        json_array_append_new(list, json_string(v->items[i]));
    return list;
}

const char *reader_options(struct reader *r, const struct tree_node *map,
                           const struct tree_node *at, const struct draht_option *rows, int n) {
    for (const struct tree_node *m = map ? map->first : NULL; m; m = m->next) {
        const char *nearest = NULL;
        int best = 4;
        for (int i = 0; i < n; i++) {
            int d = schema_distance(m->key, rows[i].name, 3);
            if (d < best)
                best = d, nearest = rows[i].name;
        }
        if (best)
            unknown(r, m, m->key, nearest, best);
    }
    json_t *obj = json_object();
    for (int i = 0; i < n; i++) {
        struct value v;
        read_value(r, &rows[i], tree_get(map, rows[i].name), map && map->first ? map : at, &v);
        json_object_set_new(obj, rows[i].name, to_json(&rows[i], &v));
    }
    char *text = json_text(obj);
    const char *kept = arena_strdup(r->a, text);
    free(text);
    json_decref(obj);
    return kept;
}
