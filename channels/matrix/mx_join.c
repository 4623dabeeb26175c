/* SPDX-License-Identifier: EUPL-1.2 */
/* mx_join: invitations are accepted by policy and up to a cap. The homeserver names each once, so
 * those that wait are kept in the channel's state before the position moves on. */
#include "channels/matrix/matrix_private.h"

enum { JOIN_MS = 90000 };

struct mx_join {
    struct mx_join *next;
    struct matrix *m;
    char *room, *by; /* by: who made it a conversation of two, or "" */
    struct mx_call *call;
    struct draht_timer *timer;
    uint32_t tries;
    bool is_in; /* joined, m.direct is still to say so */
};

static void try_join(struct mx_join *j);

static void join_free(struct mx_join *j) {
    struct mx_join **at = &j->m->joins;
    while (*at && *at != j)
        at = &(*at)->next;
    if (*at)
        *at = j->next;
    mx_cancel(&j->call);
    if (j->timer)
        j->m->h->timer_stop(j->timer);
    free(j->room);
    free(j->by);
    free(j);
}

void mx_joins_free(struct matrix *m) {
    while (m->joins)
        join_free(m->joins);
}

void mx_joins_save(struct matrix *m, draht_done_fn done, void *arg) {
    if (!m->joins_changed) {
        done(arg, 0);
        return;
    }
    json_t *list = json_array();
    for (const struct mx_join *j = m->joins; j; j = j->next) {
        json_t *o = json_object();
        json_puts(o, "room", j->room);
        json_puts(o, "by", j->by);
        json_array_append_new(list, o);
    }
    char *text = json_text(list);
    m->joins_changed = false;
    m->h->state_set(m->host, kit_str("invites"), kit_str(text), 0, done, arg);
    free(text);
    json_decref(list);
}

static void on_due(void *arg) {
    struct mx_join *j = arg;
    j->m->h->timer_stop(j->timer);
    j->timer = NULL;
    try_join(j);
}

static void over(void *arg) {
    struct mx_join *j = arg;
    j->m->joins_changed = true;
    join_free(j);
}

static void on_joined(void *arg, const struct mx_answer *a) {
    struct mx_join *j = arg;
    struct matrix *m = j->m;
    j->call = NULL;
    if (a->status == 200) {
        m->rooms_n++;
        j->is_in = true;
        if (*j->by)
            mx_direct_set(m, j->room, j->by, over, j);
        else
            over(j);
        return;
    }
    if (mx_is_transient(a) && ++j->tries < MX_JOIN_TRIES) {
        j->timer = m->h->timer(m->host, mx_wait_ms(a, j->tries + 2), 0, on_due, j);
        return;
    }
    m->h->log(m->host, 2, "matrix.join", "An invitation could not be accepted.");
    over(j);
}

static void try_join(struct mx_join *j) {
    char *path =
        mx_path("/_matrix/client/v3/rooms/%s/join", span_str(j->room), SPAN_NONE, SPAN_NONE);
    struct mx_request q = {.method = "POST",
                           .path = path,
                           .what = "/rooms/-/join",
                           .body = SPAN("{}"),
                           .timeout_ms = JOIN_MS,
                           .done = on_joined,
                           .arg = j};
    j->call = mx_call(j->m, &q);
    free(path);
}

/* Nothing in it that would grow when it is kept as JSON. */
static bool room_is_sound(const char *room) {
    size_t n = strlen(room);
    bool is_sound = n <= MX_ID_BYTES_MAX && *room == '!' && !strpbrk(room, "\"\\");
    for (size_t i = 0; i < n; i++)
        is_sound = is_sound && (unsigned char)room[i] > ' ';
    return is_sound;
}

static void add(struct matrix *m, const char *room, struct span by) {
    size_t n = 0;
    for (struct mx_join *j = m->joins; j; j = j->next, n++)
        if (strcmp(j->room, room) == 0)
            return;
    if (n >= MX_INVITES_MAX || !room_is_sound(room)) {
        m->h->log(m->host, 2, "matrix.invites",
                  "Too many invitations at once; one was passed over.");
        return;
    }
    struct mx_join *j = xcalloc(1, sizeof *j);
    j->m = m;
    j->room = xstrdup(room);
    j->by = by.n ? xstrndup(by.p, by.n) : xstrdup("");
    j->next = m->joins;
    m->joins = j;
    try_join(j);
}

bool mx_may_invite(const struct mx_options *o, struct span user) {
    struct span rest = span_str(o->invites_from), server = mx_server_of(user);
    if (!mx_user_is_valid(user))
        return false;
    while (rest.p && rest.n) {
        struct span one = span_cut(&rest, ' ');
        if (span_eq(one, "*") || (one.n && span_is(one, server)))
            return true;
    }
    return false;
}

static bool is_space(const json_t *event) {
    return span_eq(mx_str(event, "type"), "m.room.create") &&
           span_eq(mx_str(json_object_get(event, "content"), "type"), "m.space");
}

static size_t on_their_way(const struct matrix *m) {
    size_t n = 0;
    for (const struct mx_join *j = m->joins; j; j = j->next)
        n += !j->is_in;
    return n;
}

void mx_invited(struct matrix *m, const char *room, const json_t *data) {
    const json_t *events = json_object_get(json_object_get(data, "invite_state"), "events");
    struct span from = SPAN_NONE;
    bool is_declined = false, is_direct = false;
    size_t i;
    const json_t *e;
    json_array_foreach(events, i, e) {
        if (span_eq(mx_str(e, "type"), "m.room.member") && span_eq(mx_str(e, "state_key"), m->me)) {
            from = mx_str(e, "sender");
            is_direct = json_flag(json_object_get(e, "content"), "is_direct", false);
        }
        is_declined = is_declined || is_space(e);
    }
    bool is_full = m->rooms_n + on_their_way(m) >= (size_t)m->o.rooms_max;
    if (is_full)
        m->h->log(m->host, 3, "matrix.full", "rooms_max is reached; invitations are declined.");
    if (is_declined || is_full || !mx_may_invite(&m->o, from)) {
        mx_leave(m, room, false);
        return;
    }
    m->joins_changed = true;
    add(m, room, is_direct ? from : SPAN_NONE);
}

static void on_kept(void *arg, int status, struct draht_span value) {
    struct matrix *m = arg;
    json_t *list = status == 0 && value.p ? json_parse(kit_in(value), 1 << 18, NULL) : NULL;
    size_t i;
    const json_t *v;
    json_array_foreach(list, i, v) {
        if (json_is_string(v) && m->is_ready) /* as they were kept before m.direct was */
            add(m, json_string_value(v), SPAN_NONE);
        else if (m->is_ready)
            add(m, json_str(v, "room", ""), span_str(json_str(v, "by", "")));
    }
    json_decref(list);
}

void mx_joins_load(struct matrix *m) {
    m->h->state_get(m->host, kit_str("invites"), on_kept, m);
}
