/* SPDX-License-Identifier: EUPL-1.2 */
/* change: what staff do to a ticket and to the outbox, the search, and the list of what is
 * undelivered. */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/utf8.h"
#include "router/inner.h"

#define LIMIT_MAX 200
#define NAME_MAX_BYTES 64
#define SUBJECT_MAX_BYTES 512
#define TAGS_MAX 20
#define SEARCH_MAX_BYTES 200
#define SEARCH_WORDS_MAX 6

struct change {
    struct router *r;
    router_json_fn done;
    void *arg;
    json_t *changes;
    char *scope; /* of a search */
    char ticket[24], user[NAME_MAX_BYTES + 1], n[16];
    int error;
};

static struct change *change_new(struct router *r, router_json_fn done, void *arg) {
    struct change *x = xcalloc(1, sizeof *x);
    x->r = r;
    x->done = done;
    x->arg = arg;
    r->open++;
    return x;
}

static void finish(struct change *x, int error, json_t *v) {
    x->r->open--;
    x->done(x->arg, error, error ? NULL : v);
    json_decref(x->changes);
    free(x->scope);
    free(x);
}

static void refuse(void *arg) {
    struct change *x = arg;
    finish(x, x->error, NULL);
}

static void refuse_soon(struct change *x, int error) {
    x->error = error;
    loop_soon(x->r->loop, refuse, x);
}

/* ---- ticket_change ---- */
static void first_of(void *arg, int error, json_t *v) {
    if (!error && !json_array_size(v))
        error = ERR_NOT_FOUND;
    finish(arg, error, json_array_get(v, 0));
}

static void changed(void *arg, int error, const struct redis_value *v) {
    struct change *x = arg;
    (void)v;
    const char *one = x->ticket;
    if (error)
        finish(x, error, NULL);
    else
        ticket_summary(x->r, &one, 1, first_of, x);
}

static bool is_word(const char *s, const char *const *words) {
    for (; *words; words++)
        if (strcmp(s, *words) == 0)
            return true;
    return false;
}

static bool is_plain(const char *s, size_t max) {
    for (const char *p = s; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f || *p == ',')
            return false;
    return strlen(s) <= max;
}

static int args_tags(struct args *a, const json_t *tags) {
    char *joined = "";
    size_t i;
    json_t *t;
    if (!json_is_array(tags) || json_array_size(tags) > TAGS_MAX)
        return ERR_INVALID;
    json_array_foreach(tags, i, t) {
        if (!json_is_string(t) || !is_plain(json_string_value(t), NAME_MAX_BYTES))
            return ERR_INVALID;
        joined = arena_printf(a->arena, "%s%s%s", joined, i ? "," : "", json_string_value(t));
    }
    args_z(a, "tags");
    args_z(a, joined);
    return 0;
}

static int args_reminder(struct args *a, const json_t *v) {
    int64_t ms = 0;
    if (json_is_string(v) && clock_parse_rfc3339(json_string_value(v), &ms))
        return ERR_INVALID;
    if (!json_is_string(v) && !json_is_null(v))
        return ERR_INVALID;
    args_z(a, "reminder");
    args_i(a, ms);
    return 0;
}

static int args_plain(const struct router *r, struct args *a, const char *name, const json_t *v) {
    static const char *const states[] = {"new", "open", "waiting", "reminder", "closed", NULL};
    static const char *const priorities[] = {"low", "normal", "high", "urgent", NULL};
    const char *s = json_is_null(v) && strcmp(name, "assignee") == 0 ? "" : json_string_value(v);
    if (!s || !is_plain(s, NAME_MAX_BYTES) || strchr(s, ':'))
        return ERR_INVALID;
    if (strcmp(name, "state") == 0 && !is_word(s, states))
        return ERR_INVALID;
    if (strcmp(name, "priority") == 0 && !is_word(s, priorities))
        return ERR_INVALID;
    if (strcmp(name, "queue") == 0 && !config_queue(r->config, s))
        return ERR_INVALID;
    args_z(a, name);
    args_z(a, s);
    return 0;
}

static int args_changes(const struct router *r, struct args *a, const json_t *changes) {
    static const char *const plain[] = {"state", "queue", "assignee", "priority"};
    const json_t *v = json_object_get(changes, "reminder_at");
    int error = v ? args_reminder(a, v) : 0; /* before the state, which looks at it */
    for (size_t i = 0; i < 4 && !error; i++)
        if ((v = json_object_get(changes, plain[i])))
            error = args_plain(r, a, plain[i], v);
    if (!error && (v = json_object_get(changes, "tags")))
        error = args_tags(a, v);
    return error;
}

/* f: the face with the new subject, or NULL. */
static void args_subject(struct change *x, struct args *a, struct span sealed, const json_t *f) {
    struct args *words = args_new(x->r);
    char *joined = "";
    args_words(x->r, words,
               span_str(arena_printf(a->arena, "%s %s", json_str(f, "subject", ""),
                                     json_str(f, "name", ""))),
               INDEX_WORDS_MAX);
    for (int i = 0; i < words->n; i++)
        joined = arena_printf(a->arena, "%s%.*s", joined, (int)words->v[i].n, words->v[i].p);
    args_z(a, "subject");
    args_s(a, sealed);
    args_z(a, "words");
    args_z(a, joined);
    args_free(&words);
}

static void change_call(struct change *x, struct span subject, const json_t *f) {
    struct args *a = args_new(x->r);
    const json_t *rev = json_object_get(x->changes, "rev");
    args_i(a, now_of(x->r));
    args_z(a, x->ticket);
    args_z(a, x->user);
    if (json_is_integer(rev))
        args_i(a, json_integer_value(rev));
    else
        args_z(a, "");
    int error = args_changes(x->r, a, x->changes);
    if (subject.n)
        args_subject(x, a, subject, f);
    if (error)
        refuse_soon(x, error);
    else
        store_call_durable(x->r->store, "change", a, changed, x);
    args_free(&a);
}

/* The subject lies in the sealed face, so the face is opened, changed and sealed again. */
static void face_known(void *arg, int error, const struct redis_value *v) {
    struct change *x = arg;
    struct contact c;
    struct span face, preview;
    json_t *f = NULL;
    if (!error)
        error = cell(v, 0).n ? contact_from(x->r, cell(v, 0), cell(v, 1), &c) : ERR_CONFLICT;
    if (!error) {
        face_split(cell(v, 7), &face, &preview);
        f = envelope_open(x->r, face, cell(v, 1));
        if (!f)
            error = ERR_CRYPTO;
    }
    if (error) {
        finish(x, error, NULL);
        return;
    }
    struct buf sealed = {0};
    json_puts(f, "subject", json_str(x->changes, "subject", ""));
    envelope_seal_json(&c, f, &sealed);
    explicit_bzero(&c, sizeof c);
    change_call(x, buf_span(&sealed), f);
    buf_free(&sealed);
    json_decref(f);
}

void ticket_change(struct router *r, const char *ticket, const char *user, const json_t *changes,
                   router_json_fn done, void *arg) {
    struct change *x = change_new(r, done, arg);
    snprintf(x->ticket, sizeof x->ticket, "%.23s", ticket);
    snprintf(x->user, sizeof x->user, "%.64s", user ? user : "");
    const json_t *subject = json_object_get(changes, "subject");
    x->changes = json_deep_copy(changes);
    if (!json_is_object(changes) || (subject && !json_is_string(subject))) {
        refuse_soon(x, ERR_INVALID);
    } else if (!subject) {
        change_call(x, SPAN_NONE, NULL);
    } else if (json_string_length(subject) > SUBJECT_MAX_BYTES) {
        refuse_soon(x, ERR_TOO_LARGE);
    } else {
        struct args *a = args_new(r);
        args_z(a, x->ticket);
        store_call(r->store, "keyof", a, face_known, x);
        args_free(&a);
    }
}

/* ---- outbox ---- */
static void message_back(void *arg, int error, json_t *v) {
    finish(arg, error, v);
}

static void acted(void *arg, int error, const struct redis_value *v) {
    struct change *x = arg;
    (void)v;
    if (error)
        finish(x, error, NULL);
    else
        message_read(x->r, x->ticket, atoll(x->n), message_back, x);
}

void outbox_action(struct router *r, const char *message, const char *user, const char *action,
                   router_json_fn done, void *arg) {
    struct change *x = change_new(r, done, arg);
    if (!message_id_split(message, x->ticket, x->n)) {
        refuse_soon(x, ERR_NOT_FOUND);
        return;
    }
    struct args *a = args_new(r);
    args_i(a, now_of(r));
    args_z(a, x->ticket);
    args_z(a, x->n);
    args_z(a, user);
    args_z(a, action);
    store_call_durable(r->store, "action", a, acted, x);
    args_free(&a);
}

static json_t *undelivered(const struct router *r, const struct redis_value *row, int64_t now_ms) {
    struct delivery d;
    if (!delivery_parse(cell(row, 2), &d))
        return NULL;
    const struct redis_value *summary = cell_row(row, 3);
    json_t *s = view_summary(r, summary, NULL), *v = delivery_json(r, &d, view_wrapped(summary));
    char id[64];
    snprintf(id, sizeof id, "%.*s.%d", (int)cell(row, 0).n, cell(row, 0).p, (int)cell_int(row, 1));
    json_puts(v, "message", id);
    json_put(v, "ticket", cell(row, 0));
    json_put(v, "channel", d.channel);
    put_time(v, "created_at", d.created_ms);
    json_puti(v, "age_ms", now_ms > d.created_ms ? now_ms - d.created_ms : 0);
    json_object_set(v, "sender", json_object_get(s, "sender"));
    json_object_set(v, "subject", json_object_get(s, "subject"));
    json_decref(s);
    return v;
}

static void outbox_got(void *arg, int error, const struct redis_value *v) {
    struct change *x = arg;
    if (error) {
        finish(x, error, NULL);
        return;
    }
    json_t *out = json_object(), *items = json_array();
    const struct redis_value *rows = cell_row(v, 1);
    for (size_t i = 0; i < rows->n; i++) {
        json_t *o = undelivered(x->r, cell_row(rows, i), now_of(x->r));
        if (o)
            json_array_append_new(items, o);
    }
    json_object_set_new(out, "items", items);
    if (cell(v, 0).n)
        json_put(out, "next", cell(v, 0));
    else
        json_object_set_new(out, "next", json_null());
    finish(x, 0, out);
    json_decref(out);
}

void outbox_list(struct router *r, const char *state, const char *scope, const char *cursor,
                 int limit, router_json_fn done, void *arg) {
    static const char *const states[] = {"queued", "sending", "retry", "failed", "in_doubt", NULL};
    struct change *x = change_new(r, done, arg);
    if (state && *state && !is_word(state, states)) {
        refuse_soon(x, ERR_INVALID);
        return;
    }
    struct args *a = args_new(r);
    args_z(a, state && *state ? state : "queued,sending,retry,failed,in_doubt");
    args_cursor(a, cursor);
    args_i(a, limit < 1 || limit > LIMIT_MAX ? LIMIT_MAX : limit);
    args_z(a, scope ? scope : "");
    store_call(r->store, "outbox_2", a, outbox_got, x);
    args_free(&a);
}

/* ---- search ---- */
static void found(void *arg, int error, const struct redis_value *v) {
    struct change *x = arg;
    if (error) {
        finish(x, error, NULL);
        return;
    }
    bool is_page = v->n == 2 && v->a[1].type == REDIS_ARRAY && v->a[0].type != REDIS_ARRAY;
    const struct redis_value *rows = is_page ? cell_row(v, 1) : v;
    json_t *out = json_object(), *all = json_array();
    for (size_t i = 0; i < rows->n; i++) {
        json_t *s = view_summary(x->r, cell_row(rows, i), NULL);
        if (ticket_scope_sees(x->scope, json_str(s, "queue", ""), json_str(s, "assignee", "")))
            json_array_append(all, s);
        json_decref(s);
    }
    json_object_set_new(out, "tickets", all);
    if (is_page && cell(v, 0).n)
        json_put(out, "next", cell(v, 0));
    else
        json_object_set_new(out, "next", json_null());
    finish(x, 0, out);
    json_decref(out);
}

static bool is_number(struct span s) {
    if (s.n < 6 || s.n > 20 || s.p[4] != '-')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (i != 4 && (s.p[i] < '0' || s.p[i] > '9'))
            return false;
    return true;
}

/* An address is looked for under every kind of channel that is configured. */
static void args_addresses(const struct router *r, struct args *a, struct span text) {
    for (int i = 0; i < r->config->channels_n; i++) {
        char hash[CRYPTO_HASH_HEX];
        hash_address(r, r->config->channels[i].type, text, hash);
        bool is_known = false;
        for (int k = 0; k < a->n; k++)
            is_known = is_known || span_eq(a->v[k], hash);
        if (!is_known)
            args_z(a, arena_strdup(a->arena, hash));
    }
}

void ticket_search(struct router *r, const char *text, const char *scope, const char *cursor,
                   int limit, router_json_fn done, void *arg) {
    struct change *x = change_new(r, done, arg);
    x->scope = scope ? xstrdup(scope) : NULL;
    struct span s = span_trim(span_str(text));
    if (!s.n || s.n > SEARCH_MAX_BYTES) {
        refuse_soon(x, s.n ? ERR_TOO_LARGE : ERR_INVALID);
        return;
    }
    struct args *a = args_new(r);
    if (is_number(s)) {
        args_s(a, s);
        store_call(r->store, "summaries", a, found, x);
    } else if (memchr(s.p, '@', s.n) || s.p[0] == '+') {
        args_z(a, scope ? scope : "");
        args_addresses(r, a, s);
        store_call(r->store, "by_address_2", a, found, x);
    } else {
        args_z(a, scope ? scope : "");
        args_cursor(a, cursor);
        args_i(a, limit < 1 || limit > LIMIT_MAX ? LIMIT_MAX : limit);
        args_words(r, a, s, SEARCH_WORDS_MAX);
        if (a->n == 4)
            refuse_soon(x, ERR_INVALID);
        else
            store_call(r->store, "search_2", a, found, x);
    }
    args_free(&a);
}
