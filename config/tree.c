/* SPDX-License-Identifier: EUPL-1.2 */
/* tree: the only file that includes libfyaml. Its nodes are copied, so that nothing of it stays. */
#include "config/tree.h"

#include <libfyaml.h>

#include "gateway/base/utf8.h"

struct copier {
    struct arena *a;
    const char *name;
    struct buf *faults;
    int line, column; /* of the last scalar seen, for nodes that are empty */
};

static struct tree_node *fail(struct copier *c, const char *text) {
    buf_addf(c->faults, "%s:%d:%d: %s\n", c->name, c->line, c->column, text);
    return NULL;
}

static void swallow(struct fy_diag *diag, void *user, const char *text, size_t n) {
    (void)diag, (void)user, (void)text, (void)n;
}

static void note_place(struct copier *c, struct fy_node *n) {
    struct fy_token *token =
        n && fy_node_get_type(n) == FYNT_SCALAR ? fy_node_get_scalar_token(n) : NULL;
    const struct fy_mark *mark = token ? fy_token_start_mark(token) : NULL;
    if (!mark)
        return;
    c->line = mark->line + 1;
    c->column = mark->column + 1;
}

static struct tree_node *copy(struct copier *c, struct fy_node *n, int depth);

static bool copy_children(struct copier *c, struct fy_node *n, struct tree_node *out, int depth) {
    struct tree_node **tail = &out->first;
    void *iter = NULL;
    struct fy_node *item;
    while (out->kind == TREE_LIST && (item = fy_node_sequence_iterate(n, &iter))) {
        if (!(*tail = copy(c, item, depth + 1)))
            return false;
        tail = &(*tail)->next;
    }
    struct fy_node_pair *pair;
    while (out->kind == TREE_MAP && (pair = fy_node_mapping_iterate(n, &iter))) {
        struct fy_node *key = fy_node_pair_key(pair);
        size_t key_bytes = 0;
        note_place(c, key);
        const char *text = key && fy_node_get_type(key) == FYNT_SCALAR
                               ? fy_node_get_scalar(key, &key_bytes)
                               : NULL;
        if (!text || fy_node_is_alias(key))
            return fail(c, "a key must be a plain word") != NULL;
        int line = c->line, column = c->column;
        if (!(*tail = copy(c, fy_node_pair_value(pair), depth + 1)))
            return false;
        (*tail)->key = arena_strndup(c->a, text, key_bytes);
        (*tail)->line = line;
        (*tail)->column = column;
        tail = &(*tail)->next;
    }
    return true;
}

static struct tree_node *copy(struct copier *c, struct fy_node *n, int depth) {
    struct tree_node *out = arena_alloc(c->a, sizeof *out);
    note_place(c, n);
    if (depth > TREE_DEPTH_MAX)
        return fail(c, "nested too deeply");
    if (n && fy_node_is_alias(n))
        return fail(c, "aliases (*name) are not supported; write the value again");
    *out = (struct tree_node){
        .kind = TREE_SCALAR, .text = "", .is_null = true, .line = c->line, .column = c->column};
    if (!n)
        return out;
    if (fy_node_get_type(n) == FYNT_SCALAR) {
        size_t bytes = 0;
        const char *text = fy_node_get_scalar(n, &bytes);
        if (text && memchr(text, '\0', bytes))
            return fail(c, "a NUL character is not allowed");
        out->text = arena_strndup(c->a, text, text ? bytes : 0);
        out->is_null =
            fy_node_get_style(n) == FYNS_PLAIN &&
            (!*out->text || strcmp(out->text, "~") == 0 || strcmp(out->text, "null") == 0);
        return out;
    }
    out->kind = fy_node_get_type(n) == FYNT_MAPPING ? TREE_MAP : TREE_LIST;
    if (!copy_children(c, n, out, depth))
        return NULL;
    if (out->first) {
        out->line = out->first->line;
        out->column = out->first->column;
    }
    return out;
}

static void report(struct copier *c, struct fy_diag *diag) {
    void *iter = NULL;
    struct fy_diag_error *e = fy_diag_errors_iterate(diag, &iter);
    if (e && e->line > 0)
        c->line = e->line;
    if (e && e->column > 0)
        c->column = e->column;
    fail(c, e && e->msg ? e->msg : "this is not valid YAML");
}

/* Nothing but comments: libfyaml makes no document of it. */
static bool is_blank(struct span text) {
    struct span line;
    while ((line = span_cut(&text, '\n')).p) {
        line = span_trim(line);
        if (line.n && line.p[0] != '#')
            return false;
    }
    return true;
}

struct tree_node *tree_parse(struct arena *a, const char *name, struct span text,
                             struct buf *faults) {
    struct copier c = {a, name, faults, 1, 1};
    if (text.n > TREE_MAX_BYTES)
        return fail(&c, "the file is larger than 1 MiB");
    if (!utf8_is_valid(text) || (text.n && memchr(text.p, '\0', text.n)))
        return fail(&c, "the file is not UTF-8 text");
    struct fy_diag_cfg diag_cfg;
    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.fp = NULL;
    diag_cfg.output_fn = swallow;
    diag_cfg.colorize = false;
    struct fy_diag *diag = fy_diag_create(&diag_cfg);
    if (!diag)
        return fail(&c, "out of memory");
    fy_diag_set_collect_errors(diag, true);
    struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET, .diag = diag};
    bool is_empty = is_blank(text);
    struct fy_document *doc =
        !is_empty ? fy_document_build_from_string(&cfg, text.p, text.n) : NULL;
    struct tree_node *root = NULL;
    if (is_empty || (doc && !fy_document_root(doc))) {
        root = arena_alloc(a, sizeof *root);
        *root = (struct tree_node){.kind = TREE_MAP, .line = 1, .column = 1};
    } else if (!doc) {
        report(&c, diag);
    } else {
        root = copy(&c, fy_document_root(doc), 0);
    }
    if (doc)
        fy_document_destroy(doc);
    fy_diag_destroy(diag);
    if (root && root->kind == TREE_SCALAR && root->is_null)
        root->kind = TREE_MAP;
    return root;
}

const struct tree_node *tree_get(const struct tree_node *node, const char *key) {
    for (const struct tree_node *m = node && node->kind == TREE_MAP ? node->first : NULL; m;
         m = m->next)
        if (strcmp(m->key, key) == 0)
            return m;
    return NULL;
}
