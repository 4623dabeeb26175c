/* SPDX-License-Identifier: EUPL-1.2 */
/* script: a channel's conformance.yaml as JSON, looked up and laid over each other. */
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

#include "channels/conformance/inner.h"
#include "config/tree.h"
#include "gateway/base/embed.h"

enum { SCRIPT_BYTES_MAX = 1 << 20 };

/* Plain words of YAML mean numbers and truths; everything else is text. */
static json_t *scalar(const struct tree_node *n) {
    char *end = NULL;
    const char *t = n->text ? n->text : "";
    if (n->is_null)
        return json_null();
    if (!strcmp(t, "true") || !strcmp(t, "false"))
        return json_boolean(*t == 't');
    long long v = strtoll(t, &end, 10);
    bool is_number = *t && !*end && strlen(t) < 18 && (*t != '0' || !t[1]) && *t != '+';
    return is_number && !strchr(" \t", *t) ? json_integer(v) : json_string(t);
}

static json_t *to_json(const struct tree_node *n) {
    json_t *v = n->kind == TREE_MAP ? json_object() : n->kind == TREE_LIST ? json_array() : NULL;
    if (!v)
        return scalar(n);
    for (const struct tree_node *c = n->first; c; c = c->next) {
        if (n->kind == TREE_MAP)
            json_object_set_new(v, c->key, to_json(c));
        else
            json_array_append_new(v, to_json(c));
    }
    return v;
}

json_t *conf_yaml(const char *path, struct span text, struct fault *f) {
    struct arena *a = arena_new();
    struct buf faults = {0};
    const struct tree_node *root = tree_parse(a, path, text, &faults);
    json_t *v = root ? to_json(root) : NULL;
    if (!v || !json_is_object(v)) {
        fault_set(f, ERR_INVALID, "%s", faults.n ? faults.p : "the script is a map of settings.");
        json_decref(v);
        v = NULL;
    }
    buf_free(&faults);
    arena_free(&a);
    return v;
}

static int read_file(const char *path, struct buf *out) {
    char part[8192];
    FILE *f = fopen(path, "re");
    if (!f)
        return -1;
    for (size_t n; out->n <= SCRIPT_BYTES_MAX && (n = fread(part, 1, sizeof part, f)) > 0;)
        buf_add(out, part, n);
    int bad = ferror(f) || out->n > SCRIPT_BYTES_MAX;
    fclose(f);
    return bad ? -1 : 0;
}

/* Where the script stands: named, beside the target, or carried by the binary. */
static int script_text(struct conf *k, struct buf *path, struct buf *text) {
    if (k->o->script) {
        buf_adds(path, k->o->script);
        return read_file(path->p, text);
    }
    buf_addf(path, "%s/conformance.yaml", k->here);
    if (read_file(path->p, text) == 0)
        return 0;
    char name[96];
    snprintf(name, sizeof name, "%.60s/conformance.yaml", k->ops.type ? k->ops.type : "");
    const struct embed_file *e = embed_find(embed_conformance, name);
    if (!e || k->library)
        return -1;
    buf_clear(path);
    buf_addf(path, "channels/%s", name);
    buf_add(text, e->bytes, e->n);
    return 0;
}

static json_t *options_file(struct conf *k, struct fault *f) {
    struct buf text = {0};
    json_t *v = NULL;
    if (read_file(k->o->options, &text) < 0)
        fault_set(f, ERR_NOT_FOUND, "%s cannot be read.", k->o->options);
    else
        v = conf_yaml(k->o->options, buf_span(&text), f);
    buf_free(&text);
    return v;
}

static int lay_options(struct conf *k, struct fault *f) {
    json_t *over = k->o->options ? options_file(k, f) : json_object();
    if (!over)
        return -1;
    const json_t *inner = json_object_get(over, "options");
    json_t *all = conf_merge(json_object_get(k->script, "options"), inner ? inner : over);
    json_object_set_new(k->script, "options", all);
    json_decref(over);
    return 0;
}

int conf_script_load(struct conf *k, struct fault *f) {
    struct buf path = {0}, text = {0};
    if (script_text(k, &path, &text) == 0)
        k->script = conf_yaml(path.p, buf_span(&text), f);
    else if (k->o->script)
        fault_set(f, ERR_NOT_FOUND, "%s cannot be read.", k->o->script);
    else
        k->script = json_object();
    int rc = k->script ? lay_options(k, f) : -1;
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)conf_get(k, "vars"), name, value) {
        char *text_of =
            json_is_string(value) ? xstrdup(json_string_value(value)) : json_text(value);
        conf_set(k, name, text_of);
        free(text_of);
    }
    buf_free(&path);
    buf_free(&text);
    return rc;
}

const json_t *conf_get(const struct conf *k, const char *dotted) {
    const json_t *v = k->script;
    struct span rest = span_str(dotted);
    while (v && rest.p) {
        struct span part = span_cut(&rest, '.');
        char key[64];
        snprintf(key, sizeof key, "%.*s", (int)part.n, part.p);
        v = json_object_get(v, key);
    }
    return v && !json_is_null(v) ? v : NULL;
}

json_t *conf_merge(const json_t *base, const json_t *over) {
    json_t *v = base ? json_deep_copy(base) : json_object();
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)over, name, value) {
        const json_t *old = json_object_get(v, name);
        bool deep = json_is_object(value) && json_is_object(old) && strcmp(name, "json") != 0 &&
                    strcmp(name, "form") != 0;
        if (json_is_null(value))
            json_object_del(v, name);
        else
            json_object_set_new(v, name, deep ? conf_merge(old, value) : json_deep_copy(value));
    }
    return v;
}

bool conf_regex(const char *pattern, struct span text, struct buf *group) {
    regex_t re;
    regmatch_t at[2];
    if (regcomp(&re, pattern, REG_EXTENDED) != 0)
        return false;
    struct buf copy = {0};
    buf_add(&copy, text.p ? text.p : "", text.n);
    for (size_t i = 0; i < copy.n; i++)
        if (!copy.p[i])
            copy.p[i] = ' ';
    bool hit = regexec(&re, copy.p ? copy.p : "", 2, at, 0) == 0;
    if (hit && group && at[1].rm_so >= 0)
        buf_add(group, copy.p + at[1].rm_so, (size_t)(at[1].rm_eo - at[1].rm_so));
    buf_free(&copy);
    regfree(&re);
    return hit;
}

static bool status_fits(const json_t *want, int status) {
    if (!want)
        return true;
    for (size_t i = 0; i < json_array_size(want); i++)
        if (status_fits(json_array_get(want, i), status))
            return true;
    if (json_is_integer(want))
        return json_integer_value(want) == status;
    const char *s = json_string_value(want);
    return s && strlen(s) == 3 && s[1] == 'x' && s[0] - '0' == status / 100;
}

bool conf_fits(const json_t *m, int status, struct span body) {
    const char *pattern = json_str(m, "body", NULL);
    return m && status_fits(json_object_get(m, "status"), status) &&
           (!pattern || conf_regex(pattern, body, NULL));
}
