/* SPDX-License-Identifier: EUPL-1.2 */
/* mx_leave: rooms are left and forgotten: those that nobody else is in any more, those that put us
 * out, invitations that are declined, and, when an option says so, those whose tickets have been
 * closed for some days. What of it fails is tried a few times; a room that stays harms nobody. */
#include "channels/matrix/matrix_private.h"

enum { TRIES_MAX = 6, LEAVINGS_MAX = 500, SWEEP_MS = 3600000, SWEEP_ROOMS = 50 };
#define DAY_MS 86400000LL
#define QUIET "quiet" /* rooms by the time to look at them next, minus the days of the option */

struct mx_leaving {
    struct mx_leaving *next;
    struct matrix *m;
    char *room;
    struct mx_call *call;
    struct draht_timer *timer;
    uint32_t tries;
    bool has_left;
};

static void step(struct mx_leaving *l);

static void leaving_free(struct mx_leaving *l) {
    struct mx_leaving **at = &l->m->leavings;
    while (*at && *at != l)
        at = &(*at)->next;
    if (*at)
        *at = l->next;
    mx_cancel(&l->call);
    if (l->timer)
        l->m->h->timer_stop(l->timer);
    free(l->room);
    free(l);
}

void mx_leavings_free(struct matrix *m) {
    while (m->leavings)
        leaving_free(m->leavings);
}

static void on_due(void *arg) {
    struct mx_leaving *l = arg;
    l->m->h->timer_stop(l->timer);
    l->timer = NULL;
    step(l);
}

static void on_step(void *arg, const struct mx_answer *a) {
    struct mx_leaving *l = arg;
    struct matrix *m = l->m;
    l->call = NULL;
    if (mx_is_transient(a) && ++l->tries < TRIES_MAX) {
        l->timer = m->h->timer(m->host, mx_wait_ms(a, l->tries + 2), 0, on_due, l);
    } else if (!l->has_left) { /* refused: we are not in it, and may forget it all the same */
        l->has_left = true;
        l->tries = 0;
        step(l);
    } else {
        mx_direct_set(m, l->room, NULL, NULL, NULL);
        leaving_free(l);
        if (!m->leavings)
            mx_rooms_count(m);
    }
}

static void step(struct mx_leaving *l) {
    char *path = mx_path(l->has_left ? "/_matrix/client/v3/rooms/%s/forget"
                                     : "/_matrix/client/v3/rooms/%s/leave",
                         span_str(l->room), SPAN_NONE, SPAN_NONE);
    struct mx_request q = {.method = "POST",
                           .path = path,
                           .what = l->has_left ? "/rooms/-/forget" : "/rooms/-/leave",
                           .body = SPAN("{}"),
                           .done = on_step,
                           .arg = l};
    l->call = mx_call(l->m, &q);
    free(path);
}

void mx_leave(struct matrix *m, const char *room, bool has_left) {
    size_t n = 0;
    for (const struct mx_leaving *x = m->leavings; x; x = x->next, n++)
        if (strcmp(x->room, room) == 0)
            return;
    if (n >= LEAVINGS_MAX || !m->is_ready || m->is_stopping)
        return;
    struct mx_leaving *l = xcalloc(1, sizeof *l);
    l->m = m;
    l->room = xstrdup(room);
    l->has_left = has_left;
    l->next = m->leavings;
    m->leavings = l;
    step(l);
}

/* ---- rooms whose tickets are closed ---- */
struct mx_sweep {
    struct matrix *m;
    struct mx_memory rooms[SWEEP_ROOMS];
    size_t n, at;
};

static void next_room(struct mx_sweep *s);

static void nothing(void *arg, int status) {
    (void)arg, (void)status;
}

/* at_ms 0: the room need not be looked at any more. */
static void rank(struct matrix *m, struct span room, int64_t at_ms, draht_done_fn done, void *arg) {
    char key[40];
    mx_memory_key(m, room, key);
    m->h->state_rank(m->host, kit_str(QUIET), kit_str(key), at_ms ? at_ms : 1, at_ms ? 0 : 2, done,
                     arg);
}

void mx_room_spoke(struct matrix *m, struct span room, draht_done_fn done, void *arg) {
    if (m->o.leave_when_closed > 0)
        rank(m, room, mx_now(m), done, arg);
    else
        done(arg, 0);
}

void mx_sweep_free(struct matrix *m) {
    free(m->sweep);
    m->sweep = NULL;
}

/* An answer of the host is there: false when the sweep ends here. */
static bool goes_on(struct mx_sweep *s) {
    struct matrix *m = s->m;
    bool is_ours = m->is_leader && m->is_ready && !m->is_stopping;
    m->accepts_n--;
    if (!is_ours)
        mx_sweep_free(m);
    mx_drained(m);
    return is_ours;
}

static void on_tickets(void *arg, int status, const struct draht_ticket *tickets, size_t n) {
    struct mx_sweep *s = arg;
    struct matrix *m = s->m;
    const struct mx_memory *r = &s->rooms[s->at];
    int64_t days_ms = m->o.leave_when_closed * DAY_MS, now = mx_now(m);
    bool is_over = status == 0;
    if (!goes_on(s))
        return;
    for (size_t i = 0; i < n; i++)
        is_over = is_over && tickets[i].is_closed && tickets[i].updated_ms <= now - days_ms;
    if (is_over)
        mx_notice(m, r->room, "closed", true);
    rank(m, span_str(r->room), is_over ? 0 : now - days_ms + DAY_MS, nothing, NULL);
    s->at++;
    next_room(s);
}

static void next_room(struct mx_sweep *s) {
    struct matrix *m = s->m;
    for (; s->at < s->n; s->at++) {
        const struct mx_memory *r = &s->rooms[s->at];
        if (*r->room && *r->tickets && !r->is_gone)
            break;
        if (*r->room)
            rank(m, span_str(r->room), 0, nothing, NULL);
    }
    if (s->at >= s->n) {
        mx_sweep_free(m);
        return;
    }
    struct draht_span numbers[MX_TICKETS_MAX];
    struct span rest = span_str(s->rooms[s->at].tickets);
    size_t n = 0;
    while (rest.p && rest.n && n < MX_TICKETS_MAX)
        numbers[n++] = kit_out(span_cut(&rest, ','));
    m->accepts_n++;
    m->h->tickets(m->host, numbers, n, on_tickets, s);
}

static void on_quiet(void *arg, int status, const struct draht_span *values, size_t n) {
    struct mx_sweep *s = arg;
    if (!goes_on(s))
        return;
    for (size_t i = 0; status == 0 && i < n && i < SWEEP_ROOMS; i++)
        mx_memory_read(values[i], &s->rooms[s->n++]);
    next_room(s);
}

static void on_sweep_due(void *arg) {
    struct matrix *m = arg;
    if (m->sweep || m->o.leave_when_closed <= 0 || !m->is_leader || !m->is_ready)
        return;
    struct mx_sweep *s = xcalloc(1, sizeof *s);
    s->m = m;
    m->sweep = s;
    m->accepts_n++;
    m->h->state_ranked(m->host, kit_str(QUIET), 0, mx_now(m) - m->o.leave_when_closed * DAY_MS, 0,
                       SWEEP_ROOMS, on_quiet, s);
}

void mx_sweeps_begin(struct matrix *m) {
    m->sweep_timer = m->h->timer(m->host, SWEEP_MS, SWEEP_MS, on_sweep_due, m);
}
