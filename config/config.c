/* SPDX-License-Identifier: EUPL-1.2 */
/* config: a file into one checked struct. All faults are collected before it gives up, because
 * nobody wants to find them one restart at a time. */
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/calendar.h"
#include "config/reader.h"

struct loaded { /* config first: config_free finds the arena behind it */
    struct config config;
    struct arena *a;
};

static const char *const weekdays[] = {"mo", "tu", "we", "th", "fr", "sa", "su"};
static const char *const german[] = {"mo", "di", "mi", "do", "fr", "sa", "so"};

static int weekday(const char *two) {
    for (int i = 0; i < 7; i++)
        if (strncmp(two, weekdays[i], 2) == 0 || strncmp(two, german[i], 2) == 0)
            return i;
    return -1;
}

/* "mo-fr 08:00-16:00" or "sa 09:00-12:00" into one row a day. Number of rows or -1. */
static int parse_hours(const char *s, struct config_hours out[7]) {
    int h1, m1, h2, m2, used = 0, first = weekday(s), last = first, n = 0;
    if (first < 0)
        return -1;
    s += 2;
    if (*s == '-') {
        last = weekday(s + 1);
        if (last < first)
            return -1;
        s += 3;
    }
    if (*s != ' ' || strspn(s, " 0123456789:-") != strlen(s) || strlen(s) != 12)
        return -1;
    if (sscanf(s, " %2d:%2d-%2d:%2d%n", &h1, &m1, &h2, &m2, &used) != 4 || s[used])
        return -1;
    int from = h1 * 60 + m1, to = h2 * 60 + m2;
    if (h1 < 0 || m1 < 0 || m1 > 59 || m2 < 0 || m2 > 59 || to > 1440 || from >= to)
        return -1;
    for (int d = first; d <= last; d++)
        out[n++] = (struct config_hours){d, from, to};
    return n;
}

static int by_time(const void *a, const void *b) {
    const struct config_hours *x = a, *y = b;
    return x->weekday != y->weekday ? x->weekday - y->weekday : x->from_minute - y->from_minute;
}

static void finish_calendar(struct reader *r, const struct tree_node *e,
                            struct config_calendar *c) {
    const char *const *lines =
        (const char *const *)(const void *)c->hours; /* as the reader left them */
    int lines_n = c->hours_n, n = 0;
    struct config_hours *rows = arena_alloc(r->a, ((size_t)lines_n * 7 + 1) * sizeof *rows);
    const struct tree_node *at = tree_get(e, "hours"), *where = at ? at : e;
    for (int i = 0; i < lines_n; i++) {
        int more = parse_hours(lines[i], rows + n);
        if (more < 0)
            reader_fault(r, where, "hours must look like mo-fr 08:00-16:00, not \"%.40s\"",
                         lines[i]);
        else
            n += more;
    }
    qsort(rows, (size_t)n, sizeof *rows, by_time);
    for (int i = 1; i < n; i++)
        if (rows[i].weekday == rows[i - 1].weekday && rows[i].from_minute < rows[i - 1].to_minute) {
            reader_fault(r, where, "hours overlap on %s", weekdays[rows[i].weekday]);
            break;
        }
    c->hours = rows;
    c->hours_n = n;
    for (int i = 0; i < c->holidays_n; i++)
        if (!calendar_knows_state(c->holidays[i]) && !calendar_is_date(c->holidays[i]))
            reader_fault(r, tree_get(e, "holidays"),
                         "\"%.40s\" is neither a date such as 2026-12-24 nor a state such as NW",
                         c->holidays[i]);
    if (!calendar_knows_zone(c->timezone))
        reader_fault(
            r, tree_get(e, "timezone"),
            "timezone \"%.60s\" is not known; European zones such as Europe/Berlin and UTC are",
            c->timezone);
}

static const struct tree_node *place(const struct tree_node *e, const char *key) {
    const struct tree_node *m = tree_get(e, key);
    return m ? m : e;
}

static const char *none_if_empty(const char *s) {
    return s && *s ? s : NULL;
}

static void finish_rule(struct reader *r, const struct tree_node *e, const struct config *c,
                        struct config_rule *x) {
    x->channel = none_if_empty(x->channel), x->recipient = none_if_empty(x->recipient);
    x->language = none_if_empty(x->language), x->time = none_if_empty(x->time);
    x->queue = none_if_empty(x->queue), x->priority = none_if_empty(x->priority);
    x->acknowledge = none_if_empty(x->acknowledge);
    if (x->time && strcmp(x->time, "open") != 0 && strcmp(x->time, "closed") != 0)
        reader_fault(r, place(e, "time"), "time must be open or closed, not \"%s\"", x->time);
    if (x->priority && strcmp(x->priority, "low") != 0 && strcmp(x->priority, "normal") != 0 &&
        strcmp(x->priority, "high") != 0 && strcmp(x->priority, "urgent") != 0)
        reader_fault(r, place(e, "priority"),
                     "priority must be low, normal, high or urgent, not \"%s\"", x->priority);
    if (x->queue && !config_queue(c, x->queue))
        reader_fault(r, place(e, "queue"), "there is no queue \"%s\"", x->queue);
}

static void finish_queue(struct reader *r, const struct tree_node *e, const struct config *c,
                         struct config_queue *q) {
    if (!*q->calendar && c->calendars_n)
        q->calendar = c->calendars[0].id;
    if (!config_calendar(c, q->calendar))
        reader_fault(r, place(e, "calendar"), "there is no calendar \"%s\"", q->calendar);
}

static void finish_block(struct reader *r, const struct tree_node *e, const struct config *c,
                         const struct config_block *b) {
    if (*b->queue && !config_queue(c, b->queue))
        reader_fault(r, place(e, "queue"), "there is no queue \"%s\"", b->queue);
}

static void finish_channel(struct reader *r, const struct tree_node *e, const struct config *c,
                           config_options_fn options, struct config_channel *x) {
    int rows_n = 0;
    const struct draht_option *rows = options && *x->type ? options(x->type, &rows_n) : NULL;
    const struct tree_node *given = tree_get(e, "options");
    x->line = e->line, x->column = e->column, x->options = "{}";
    if (!*x->queue && c->queues_n)
        x->queue = c->queues[0].id;
    if (!config_queue(c, x->queue))
        reader_fault(r, place(e, "queue"), "there is no queue \"%s\"", x->queue);
    if (given && given->kind != TREE_MAP && !given->is_null) {
        reader_fault(r, given, "options must be a section with keys of its own");
    } else if (rows) {
        while (rows_n == 0 && rows[rows_n].name)
            rows_n++;
        int n = 0;
        while (n < rows_n && rows[n].name)
            n++;
        x->options = reader_options(r, given, e, rows, n);
    } else if (options && *x->type) {
        reader_fault(r, place(e, "type"), "there is no channel type \"%s\"", x->type);
    }
}

/* Reads one list into an array of entries; each entry starts with its id or name, which is unique.
 */
static void read_list(struct reader *r, const struct tree_node *list, const struct schema_list *s,
                      struct config *c, config_options_fn options) {
    static const char *const channel_more[] = {"options", NULL};
    int n = 0, i = 0;
    if (list->kind != TREE_LIST && !list->is_null)
        reader_fault(r, list, "%s must be a list", s->name);
    for (const struct tree_node *e = list->kind == TREE_LIST ? list->first : NULL; e; e = e->next)
        n++;
    if (n > s->max) {
        reader_fault(r, list, "%s must have at most %d entries, not %d", s->name, s->max, n);
        return;
    }
    char *entries = arena_alloc(r->a, ((size_t)n + 1) * s->entry_bytes);
    memcpy((char *)c + s->at, &entries, sizeof entries);
    for (const struct tree_node *e = n ? list->first : NULL; e; e = e->next) {
        if (e->kind != TREE_MAP) {
            reader_fault(r, e, "each of %s must be a section with keys of its own", s->name);
            continue;
        }
        void *entry = entries + (size_t)i++ * s->entry_bytes;
        memcpy((char *)c + s->count_at, &i, sizeof i);
        bool is_channel = strcmp(s->name, "channels") == 0, is_rule = strcmp(s->name, "rules") == 0;
        reader_keys(r, e, s->keys, s->keys_n, is_channel ? channel_more : NULL, entry);
        if (is_channel)
            finish_channel(r, e, c, options, entry);
        else if (is_rule)
            finish_rule(r, e, c, entry);
        else if (strcmp(s->name, "queues") == 0)
            finish_queue(r, e, c, entry);
        else if (strcmp(s->name, "text_blocks") == 0)
            finish_block(r, e, c, entry);
        else
            finish_calendar(r, e, entry);
        const char *id, *other;
        memcpy(&id, entry, sizeof id);
        for (int j = 0; j < i - 1 && !is_rule; j++) {
            memcpy(&other, entries + (size_t)j * s->entry_bytes, sizeof other);
            if (*id && strcmp(id, other) == 0)
                reader_fault(r, place(e, "id"), "id \"%s\" is there twice", id);
        }
    }
}

static void finish(struct reader *r, const struct tree_node *root, struct config *c) {
    unsigned long long replicas;
    if (!c->queues_n)
        reader_fault(r, place(root, "queues"), "queues must have at least one entry");
    if (!c->calendars_n)
        reader_fault(r, place(root, "calendars"), "calendars must have at least one entry");
    if (!*c->tls_cert != !*c->tls_key)
        reader_fault(r, place(root, "listen"),
                     "listen.tls_cert and listen.tls_key belong together");
    bool is_replicas = strncmp(c->durability, "replicas:", 9) == 0 &&
                       span_u64(span_str(c->durability + 9), 9, &replicas) == 0 && replicas;
    if (strcmp(c->durability, "disk") != 0 && !is_replicas)
        reader_fault(r, place(tree_get(root, "redis"), "durability"),
                     "redis.durability must be disk or replicas:1 to replicas:9");
    if (!*c->master_key)
        c->master_key = arena_printf(r->a, "%s/master.key", c->state_dir);
    bool is_v6 = strchr(c->listen_host, ':') != NULL;
    if (!*c->public_url)
        c->public_url =
            arena_printf(r->a, is_v6 ? "%s://[%s]:%d" : "%s://%s:%d",
                         *c->tls_cert ? "https" : "http", c->listen_host, c->listen_port);
}

/* The file's text in the arena, or a fault. */
static bool read_file(struct reader *r, const char *path, struct span *out) {
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        reader_fault(r, NULL, "cannot be read: %s", strerror(errno));
        return false;
    }
    bool is_good = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= TREE_MAX_BYTES;
    char *text = arena_alloc(r->a, is_good ? (size_t)st.st_size + 1 : 1);
    ssize_t n = is_good ? read(fd, text, (size_t)st.st_size) : -1;
    close(fd);
    if (n < 0)
        reader_fault(r, NULL, "is not a file of at most 1 MiB");
    else
        *out = (struct span){text, (size_t)n};
    return n >= 0;
}

static const char *folder_of(struct arena *a, const char *path) {
    char *full = realpath(path ? path : ".", NULL),
         *slash = full && path ? strrchr(full, '/') : NULL;
    if (slash)
        *(slash == full ? slash + 1 : slash) = '\0';
    const char *folder = arena_strdup(a, full && strcmp(full, "/") != 0 ? full : "");
    free(full);
    return folder;
}

struct config *config_load(const char *path, config_options_fn options, struct buf *faults) {
    static const char *const lists[] = {"calendars", "queues",      "rules",
                                        "channels",  "text_blocks", NULL};
    struct loaded *l = xcalloc(1, sizeof *l);
    struct config *c = &l->config;
    l->a = arena_new();
    struct reader r = {.a = l->a,
                       .faults = faults,
                       .file = path ? path : "defaults",
                       .folder = folder_of(l->a, path)};
    struct span text = SPAN_NONE;
    struct tree_node *root = NULL;
    if (!path || read_file(&r, path, &text))
        root = tree_parse(l->a, r.file, text, faults);
    struct tree_node *standard =
        tree_parse(l->a, "defaults", span_str(schema_default_lists), faults);
    if (root && root->kind != TREE_MAP)
        reader_fault(&r, root, "the file must hold keys and values");
    if (!root || !standard || root->kind != TREE_MAP) {
        config_free(&c);
        return NULL;
    }
    c->path = arena_strdup(l->a, path);
    reader_keys(&r, root, schema_keys, schema_keys_n, lists, c);
    for (int i = 0; i < schema_lists_n; i++) {
        const struct schema_list *s = &schema_lists[i];
        const struct tree_node *given = tree_get(root, s->name);
        read_list(&r, given ? given : tree_get(standard, s->name), s, c, options);
    }
    finish(&r, root, c);
    if (r.faults_n)
        config_free(&c);
    return c;
}

void config_free(struct config **c) {
    if (!c || !*c)
        return;
    struct loaded *l = (struct loaded *)(void *)*c;
    arena_free(&l->a);
    free(l);
    *c = NULL;
}

const struct config_queue *config_queue(const struct config *c, const char *id) {
    for (int i = 0; id && i < c->queues_n; i++)
        if (strcmp(c->queues[i].id, id) == 0)
            return &c->queues[i];
    return NULL;
}

const struct config_calendar *config_calendar(const struct config *c, const char *id) {
    for (int i = 0; id && i < c->calendars_n; i++)
        if (strcmp(c->calendars[i].id, id) == 0)
            return &c->calendars[i];
    return NULL;
}
