/* SPDX-License-Identifier: EUPL-1.2 */
/* explain: the documentation of settings and the difference between two configurations, both made
 * from the rows alone, so that neither can be out of date. */
#include <stdio.h>

#include "config/schema.h"
#include "gateway/base/error.h"

#define NEAREST_MAX_DISTANCE 4

static const char *const types[] = {"webchat", "email",  "sms",          "telegram",
                                    "meta",    "matrix", "mastodon",     "open311",
                                    "desk",    "exec",   "shared-object"};

struct explain {
    const char *key; /* NULL: all */
    struct buf *out, nearest;
    int found;
};

static void row_text(struct buf *out, const char *name, const struct draht_option *row) {
    static const char *const kinds[] = {"text",    "whole number", "true or false",
                                        "one of ", "list",         "section"};
    buf_addf(out, "%s\n  %s%s", name, kinds[row->type],
             row->type == DRAHT_OPT_ENUM ? row->values : "");
    if (row->type == DRAHT_OPT_INT)
        buf_addf(out, ", %lld to %lld", row->min, row->max);
    if (row->type == DRAHT_OPT_STRING && row->max > 0)
        buf_addf(out, ", at most %lld characters", row->max);
    if (row->type == DRAHT_OPT_LIST && row->max > 0)
        buf_addf(out, ", at most %lld items", row->max);
    if (row->flags & DRAHT_OPT_REQUIRED)
        buf_adds(out, "; required");
    else
        buf_addf(out, "; default: %s", row->fallback && *row->fallback ? row->fallback : "empty");
    if (row->flags & DRAHT_OPT_SECRET)
        buf_adds(out, "; secret (file:/path or env:NAME)");
    if (row->flags & DRAHT_OPT_RELOAD)
        buf_adds(out, "; takes effect on reload");
    buf_addf(out, "\n  %s\n", row->help ? row->help : "");
}

static void visit(struct explain *e, const char *prefix, const struct draht_option *row) {
    char name[200];
    snprintf(name, sizeof name, "%s%s", prefix, row->name);
    if (!e->key || strcmp(e->key, name) == 0) {
        row_text(e->out, name, row);
        e->found++;
    } else if (schema_distance(e->key, name, NEAREST_MAX_DISTANCE) <= NEAREST_MAX_DISTANCE ||
               strstr(name, e->key)) {
        buf_addf(&e->nearest, "%s\n", name);
    }
}

static void visit_channel(struct explain *e, config_options_fn options, const char *type) {
    int n = 0;
    char prefix[100];
    const struct draht_option *rows = options ? options(type, &n) : NULL;
    snprintf(prefix, sizeof prefix, "channels[].%.60s.", type);
    for (int i = 0; rows && rows[i].name && (n == 0 || i < n); i++)
        visit(e, prefix, &rows[i]);
}

int config_explain(const char *key, config_options_fn options, struct buf *out) {
    struct explain e = {.key = key, .out = out};
    for (int i = 0; i < schema_keys_n; i++)
        visit(&e, "", &schema_keys[i].row);
    for (int i = 0; i < schema_lists_n; i++) {
        char prefix[64];
        snprintf(prefix, sizeof prefix, "%s[].", schema_lists[i].name);
        if (!key || strcmp(key, schema_lists[i].name) == 0) {
            buf_addf(out, "%s\n  list, at most %d entries\n  %s\n", schema_lists[i].name,
                     schema_lists[i].max, schema_lists[i].help);
            e.found++;
        }
        for (int j = 0; j < schema_lists[i].keys_n; j++)
            visit(&e, prefix, &schema_lists[i].keys[j].row);
    }
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        visit_channel(&e, options, types[i]);
    if (!e.found && e.nearest.n)
        buf_add(out, e.nearest.p, e.nearest.n);
    buf_free(&e.nearest);
    return e.found ? 0 : ERR_NOT_FOUND;
}

static void value_text(const struct schema_key *k, const char *base, struct buf *out) {
    int whole, n;
    bool flag;
    const char *text, *const *items;
    if (k->row.type == DRAHT_OPT_INT || k->row.flags & SCHEMA_INDEX) {
        memcpy(&whole, base + k->at, sizeof whole);
        buf_addf(out, "%d", whole);
    } else if (k->row.type == DRAHT_OPT_BOOL) {
        memcpy(&flag, base + k->at, sizeof flag);
        buf_adds(out, flag ? "true" : "false");
    } else if (k->row.type == DRAHT_OPT_LIST) {
        memcpy(&items, base + k->at, sizeof items);
        memcpy(&n, base + k->count_at, sizeof n);
        bool is_hours = strcmp(k->row.name, "hours") == 0;
        const struct config_hours *h = (const struct config_hours *)(const void *)items;
        for (int i = 0; i < n; i++) {
            if (is_hours)
                buf_addf(out, "%d %d-%d,", h[i].weekday, h[i].from_minute, h[i].to_minute);
            else
                buf_addf(out, "%s,", items[i]);
        }
    } else {
        memcpy(&text, base + k->at, sizeof text);
        buf_adds(out, text ? text : "");
    }
}

/* 1 when it differs and needs a restart. */
static int compare(const struct schema_key *k, const char *name, const void *a, const void *b,
                   bool is_live, struct buf *out) {
    struct buf x = {0}, y = {0};
    value_text(k, a, &x);
    value_text(k, b, &y);
    bool differs = !span_is(buf_span(&x), buf_span(&y)),
         needs_restart = differs && !is_live && !(k->row.flags & DRAHT_OPT_RELOAD);
    if (differs && k->row.flags & DRAHT_OPT_SECRET)
        buf_addf(out, "%s: changed", name);
    else if (differs)
        buf_addf(out, "%s: \"%s\" -> \"%s\"", name, x.n ? x.p : "", y.n ? y.p : "");
    if (differs)
        buf_adds(out, needs_restart ? " (needs a restart)\n" : "\n");
    buf_free(&x);
    buf_free(&y);
    return needs_restart;
}

static int compare_list(const struct schema_list *s, const struct config *a, const struct config *b,
                        struct buf *out) {
    const char *x, *y;
    int xn, yn, restarts = 0;
    char name[200];
    memcpy(&x, (const char *)a + s->at, sizeof x), memcpy(&y, (const char *)b + s->at, sizeof y);
    memcpy(&xn, (const char *)a + s->count_at, sizeof xn),
        memcpy(&yn, (const char *)b + s->count_at, sizeof yn);
    bool is_channels = strcmp(s->name, "channels") == 0;
    if (xn != yn) {
        buf_addf(out, "%s: %d -> %d entries%s\n", s->name, xn, yn,
                 is_channels ? " (needs a restart)" : "");
        return is_channels;
    }
    for (int i = 0; i < xn; i++) {
        const char *ex = x + (size_t)i * s->entry_bytes, *ey = y + (size_t)i * s->entry_bytes;
        for (int j = 0; j < s->keys_n; j++) {
            snprintf(name, sizeof name, "%s[%d].%s", s->name, i, s->keys[j].row.name);
            restarts += compare(&s->keys[j], name, ex, ey, !is_channels, out);
        }
        if (!is_channels || strcmp(a->channels[i].options, b->channels[i].options) == 0)
            continue;
        /* Options may hold secrets, and whether they apply at once the channel itself decides. */
        buf_addf(out, "channels[%d].options: changed\n", i);
    }
    return restarts;
}

int config_diff(const struct config *a, const struct config *b, struct buf *out) {
    int restarts = 0;
    for (int i = 0; i < schema_keys_n; i++)
        restarts += compare(&schema_keys[i], schema_keys[i].row.name, a, b, false, out);
    for (int i = 0; i < schema_lists_n; i++)
        restarts += compare_list(&schema_lists[i], a, b, out);
    return restarts;
}
