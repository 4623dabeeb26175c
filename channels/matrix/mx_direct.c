/* SPDX-License-Identifier: EUPL-1.2 */
/* mx_direct: the account data m.direct says which rooms are conversations with one person. It is
 * one document for all clients of the account: read, merged, written, and read again, because
 * somebody else may have written in between. */
#include "channels/matrix/matrix_private.h"

enum { TRIES_MAX = 6, ROUNDS_MAX = 5, WAITING_MAX = 2 * MX_INVITES_MAX };

struct mx_direct {
    struct mx_direct *next;
    char *room, *user; /* user NULL: the room is gone */
    void (*done)(void *arg);
    void *arg;
    bool is_known; /* part of what is being written */
};
struct mx_directs {
    struct mx_direct *list;
    struct mx_call *call;
    struct draht_timer *timer;
    uint32_t tries, rounds;
    bool is_checking;
};

static void read_it(struct matrix *m);

static char *path_of(struct matrix *m) {
    return mx_path("/_matrix/client/v3/user/%s/account_data/m.direct", span_str(m->me), SPAN_NONE,
                   SPAN_NONE);
}

static void free_one(struct mx_direct *d) {
    free(d->room);
    free(d->user);
    free(d);
}

void mx_directs_free(struct matrix *m) {
    struct mx_directs *x = m->directs;
    if (!x)
        return;
    mx_cancel(&x->call);
    if (x->timer)
        m->h->timer_stop(x->timer);
    while (x->list) {
        struct mx_direct *d = x->list;
        x->list = d->next;
        free_one(d);
    }
    free(x);
    m->directs = NULL;
}

/* Those that are done leave the list, whether it went well or not; what came later goes on. */
static void settle(struct matrix *m, bool is_written) {
    struct mx_directs *x = m->directs;
    struct mx_direct **at = &x->list, *over = NULL;
    if (!is_written)
        m->h->log(m->host, 2, "matrix.direct", "m.direct could not be brought up to date.");
    while (*at) {
        struct mx_direct *d = *at;
        if (d->is_known) {
            *at = d->next;
            d->next = over;
            over = d;
        } else {
            at = &d->next;
        }
    }
    x->tries = x->rounds = 0;
    x->is_checking = false;
    bool goes_on = x->list != NULL;
    while (over) {
        struct mx_direct *d = over;
        over = d->next;
        if (d->done)
            d->done(d->arg);
        free_one(d);
    }
    if (goes_on && !x->call && !x->timer)
        read_it(m);
}

static bool holds(const json_t *list, const char *room, size_t *at) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *s = json_string_value(json_array_get(list, i));
        if (s && strcmp(s, room) == 0) {
            *at = i;
            return true;
        }
    }
    return false;
}

static bool take_out(json_t *all, const char *room, const char *but) {
    const char *user;
    json_t *list;
    void *next;
    bool is_changed = false;
    json_object_foreach_safe(all, next, user, list) {
        size_t at;
        if ((but && strcmp(user, but) == 0) || !holds(list, room, &at))
            continue;
        json_array_remove(list, at);
        is_changed = true;
        if (json_array_size(list) == 0)
            json_object_del(all, user);
    }
    return is_changed;
}

bool mx_direct_merge(json_t *all, const char *room, const char *user) {
    bool is_changed = take_out(all, room, user);
    size_t at;
    if (!user)
        return is_changed;
    json_t *list = json_object_get(all, user);
    if (!json_is_array(list)) {
        list = json_array();
        json_object_set_new(all, user, list);
    }
    if (holds(list, room, &at))
        return is_changed;
    json_array_append_new(list, json_string(room));
    return true;
}

static void on_due(void *arg) {
    struct matrix *m = arg;
    m->h->timer_stop(m->directs->timer);
    m->directs->timer = NULL;
    read_it(m);
}

/* True: it was no answer yet, and is asked again later. */
static bool again(struct matrix *m, const struct mx_answer *a) {
    struct mx_directs *x = m->directs;
    if (!mx_is_transient(a) || ++x->tries >= TRIES_MAX)
        return false;
    x->timer = m->h->timer(m->host, mx_wait_ms(a, x->tries + 1), 0, on_due, m);
    return true;
}

static void on_written(void *arg, const struct mx_answer *a) {
    struct matrix *m = arg;
    m->directs->call = NULL;
    if (again(m, a))
        return;
    if (a->status == 200) {
        m->directs->is_checking = true;
        read_it(m);
    } else {
        settle(m, false);
    }
}

static void write_it(struct matrix *m, const json_t *all) {
    char *path = path_of(m), *body = json_text(all);
    struct mx_request q = {.method = "PUT",
                           .path = path,
                           .what = "/user/-/account_data/m.direct",
                           .body = span_str(body),
                           .done = on_written,
                           .arg = m};
    m->directs->call = mx_call(m, &q);
    free(path);
    free(body);
}

static void merge(struct matrix *m, json_t *all) {
    struct mx_directs *x = m->directs;
    bool is_changed = false;
    for (struct mx_direct *d = x->list; d; d = d->next) {
        d->is_known = d->is_known || !x->is_checking;
        if (d->is_known)
            is_changed = mx_direct_merge(all, d->room, d->user) || is_changed;
    }
    if (!is_changed)
        settle(m, true);
    else if (++x->rounds > ROUNDS_MAX)
        settle(m, false);
    else
        write_it(m, all);
}

static void on_read(void *arg, const struct mx_answer *a) {
    struct matrix *m = arg;
    m->directs->call = NULL;
    if (again(m, a))
        return;
    if (a->status != 200 && a->status != 404) {
        for (struct mx_direct *d = m->directs->list; d; d = d->next)
            d->is_known = true;
        settle(m, false);
        return;
    }
    json_t *all =
        a->status == 200 && json_is_object(a->json) ? json_deep_copy(a->json) : json_object();
    merge(m, all);
    json_decref(all);
}

static void read_it(struct matrix *m) {
    char *path = path_of(m);
    struct mx_request q = {.method = "GET",
                           .path = path,
                           .what = "/user/-/account_data/m.direct",
                           .answer_max = MX_PAGE_BYTES_MAX,
                           .done = on_read,
                           .arg = m};
    m->directs->call = mx_call(m, &q);
    free(path);
}

void mx_direct_set(struct matrix *m, const char *room, const char *user, void (*done)(void *arg),
                   void *arg) {
    struct mx_directs *x = m->directs ? m->directs : xcalloc(1, sizeof *x);
    struct mx_direct *d = xcalloc(1, sizeof *d), **end = &x->list;
    size_t n = 0;
    m->directs = x;
    for (; *end; end = &(*end)->next)
        n++;
    *d = (struct mx_direct){
        .room = xstrdup(room), .user = user ? xstrdup(user) : NULL, .done = done, .arg = arg};
    if (n >= WAITING_MAX) { /* only goodbyes pile up so: a room too many in a list harms nobody */
        free_one(d);
        if (done)
            done(arg);
        return;
    }
    *end = d;
    if (!x->call && !x->timer)
        read_it(m);
}
