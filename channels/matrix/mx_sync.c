/* SPDX-License-Identifier: EUPL-1.2 */
/* mx_sync: asks for news as long as it holds the lease. next_batch is kept only after all that the
 * answer said was stored; a crash in between shows it again, and the event ids find it known. */
#include "channels/matrix/matrix_private.h"

/* Messages, and of the state only what decides: whether we can read, who is there. */
#define TIMELINE                                                                                   \
    "\"types\":[\"m.room.message\",\"m.room.encrypted\",\"m.room.redaction\",\"m.reaction\","      \
    "\"m.sticker\",\"m.room.member\",\"m.room.encryption\"]"
#define FILTER(limit)                                                                              \
    "{\"presence\":{\"types\":[]},\"account_data\":{\"types\":[]},\"room\":{\"account_data\":"     \
    "{\"types\":[]},\"state\":{\"lazy_load_members\":true,\"types\":[\"m.room.member\","           \
    "\"m.room.encryption\"]},\"ephemeral\":{\"types\":[\"m.receipt\",\"m.typing\"]},"              \
    "\"timeline\":{\"limit\":" limit "," TIMELINE "}}}"

static void poll_again(struct matrix *m, uint64_t wait_ms);

char *mx_sync_path(const char *since, bool is_lean) {
    struct buf b = {0};
    bool is_first = !since;
    buf_addf(&b, "/_matrix/client/v3/sync?set_presence=offline&timeout=%d&filter=",
             is_first ? 0 : MX_POLL_MS);
    mx_enc(&b, span_str(is_first || is_lean ? FILTER("1") : FILTER("50")));
    if (since) {
        buf_adds(&b, "&since=");
        mx_enc(&b, span_str(since));
    }
    return buf_take(&b, NULL);
}

/* ---- a batch ---- */
void mx_batch_free(struct matrix *m) {
    struct mx_batch *b = m->batch;
    if (!b)
        return;
    if (b->is_saving)
        m->stale_saves++;
    while (b->rooms) {
        struct mx_room *r = b->rooms;
        b->rooms = r->next;
        mx_room_drop(r);
    }
    json_decref(b->root);
    free(b->next);
    free(b->since);
    free(b);
    m->batch = NULL;
}

/* A homeserver that does not wait must not keep us busy: what comes sooner is asked for later. */
static uint64_t pause_ms(struct matrix *m) {
    int64_t took = mx_now(m) - m->polled_ms;
    bool is_quiet = m->quiet_polls > MX_QUICK_POLLS;
    return is_quiet && took < MX_QUICK_MS ? MX_QUICK_MS : 0;
}

/* Calls of the store cannot be cancelled: those of a dropped batch are counted and passed over. */
static bool save_is_stale(struct matrix *m) {
    if (m->stale_saves == 0)
        return false;
    m->stale_saves--;
    m->accepts_n--;
    mx_drained(m);
    return true;
}

/* Not before the position is kept: a homeserver tells nothing more of a room that is forgotten. */
static void leave_rooms(const struct mx_batch *b) {
    for (const struct mx_room *r = b->rooms; r; r = r->next)
        if (mx_room_is_over(r))
            mx_leave(b->m, r->id, r->has_left);
}

static void on_saved(void *arg, int status) {
    struct matrix *m = arg;
    if (save_is_stale(m))
        return;
    m->accepts_n--;
    m->batch->is_saving = false;
    if (status == 0) {
        free(m->since);
        m->since = m->batch->next;
        m->batch->next = NULL;
        m->is_recovering = false;
        leave_rooms(m->batch);
    }
    mx_batch_free(m);
    if (!m->is_stopping)
        poll_again(m, status == 0 ? pause_ms(m) : mx_backoff_ms(m->poll_fails++));
    mx_drained(m);
}

static void on_joins_saved(void *arg, int status) {
    struct matrix *m = arg;
    if (status < 0)
        on_saved(m, status);
    else if (!save_is_stale(m))
        m->h->state_set(m->host, kit_str("since"), kit_str(m->batch->next), 0, on_saved, m);
}

static void batch_done(struct mx_batch *b) {
    struct matrix *m = b->m;
    if (b->is_saving || b->open || b->waiting)
        return;
    b->is_saving = true;
    m->accepts_n++;
    mx_joins_save(m, on_joins_saved, m);
}

static void batch_go_on(struct mx_batch *b) {
    while (b->open < MX_ROOMS_AT_ONCE && b->waiting && !b->m->is_stopping) {
        struct mx_room *r = b->waiting;
        b->waiting = r->next;
        if (mx_room_is_silent(r))
            continue;
        r->is_running = true;
        b->open++;
        mx_room_start(r);
    }
}

static void on_room_done(struct mx_batch *b) {
    batch_go_on(b);
    batch_done(b);
}

void mx_room_done(struct mx_batch *b, struct mx_room *r) {
    r->is_running = false;
    b->open--;
    on_room_done(b);
}

static void add_room(struct mx_batch *b, const char *id, const json_t *data, bool has_left,
                     struct mx_room ***tail) {
    size_t n = strlen(id);
    if (n < 2 || n > MX_ID_BYTES_MAX || *id != '!')
        return;
    struct mx_room *r = xcalloc(1, sizeof *r);
    r->m = b->m;
    r->batch = b;
    r->id = xstrdup(id);
    r->data = data;
    r->since = b->since;
    r->has_left = has_left;
    **tail = r;
    *tail = &r->next;
}

static void read_rooms(struct mx_batch *b) {
    struct matrix *m = b->m;
    json_t *rooms = json_object_get(b->root, "rooms");
    struct mx_room **tail = &b->rooms;
    const char *id;
    json_t *data;
    json_object_foreach(json_object_get(rooms, "invite"), id, data) {
        mx_invited(m, id, data);
    }
    if (!b->since && !b->is_recovery)
        return; /* what was said before the channel began stays where it is */
    json_object_foreach(json_object_get(rooms, "join"), id, data) {
        mx_ephemeral(m, span_str(id),
                     json_object_get(json_object_get(data, "ephemeral"), "events"));
        add_room(b, id, data, false, &tail);
    }
    json_object_foreach(json_object_get(rooms, "leave"), id, data) {
        add_room(b, id, data, true, &tail);
    }
}

static void batch_begin(struct matrix *m, const json_t *answer, struct span next) {
    struct mx_batch *b = xcalloc(1, sizeof *b);
    b->m = m;
    b->root = json_incref((json_t *)(uintptr_t)answer);
    b->next = xstrndup(next.p, next.n);
    b->since = m->since ? xstrdup(m->since) : NULL;
    b->is_recovery = m->is_recovering;
    m->batch = b;
    read_rooms(b);
    b->waiting = b->rooms;
    m->quiet_polls = b->rooms ? 0 : m->quiet_polls + 1;
    on_room_done(b);
}

/* ---- the poll ---- */
static void fail(struct matrix *m, const struct mx_answer *a, const char *sentence) {
    if (++m->poll_fails > 1)
        m->h->health(m->host, 0, sentence);
    poll_again(m, mx_wait_ms(a, m->poll_fails));
}

/* The homeserver was restored from an older copy: it does not know our position. */
static bool since_is_refused(const struct matrix *m, const struct mx_answer *a) {
    return m->since && a->status == 400 &&
           (strcmp(a->errcode, "M_INVALID_PARAM") == 0 || strcmp(a->errcode, "M_UNKNOWN") == 0 ||
            strcmp(a->errcode, "M_UNKNOWN_POS") == 0);
}

static void on_answer(void *arg, const struct mx_answer *a) {
    struct matrix *m = arg;
    m->poll = NULL;
    struct span next = mx_str(a->json, "next_batch");
    if (a->is_token_lost || m->is_stopping || !m->is_leader)
        return;
    if (a->error == ERR_TOO_LARGE) {
        m->is_lean = true;
        fail(m, a, "The homeserver's answer is larger than the limit.");
    } else if (since_is_refused(m, a)) {
        m->h->log(
            m->host, 3, "matrix.position",
            "The homeserver does not know our position; rooms are read back to what is known.");
        m->is_recovering = true;
        free(m->since);
        m->since = NULL;
        fail(m, a, "The homeserver does not know our position.");
    } else if (a->status != 200 || !next.n || next.n > 4096) {
        fail(m, a, "The homeserver does not answer to /sync.");
    } else {
        if (m->poll_fails > 1)
            m->h->health(m->host, 1, "");
        m->poll_fails = m->connect_fails = 0;
        m->is_lean = false;
        batch_begin(m, a->json, next);
    }
}

static void poll(struct matrix *m) {
    if (m->poll || m->batch || !m->knows_since || !m->is_ready || !m->is_leader || m->is_stopping)
        return;
    char *path = mx_sync_path(m->since, m->is_lean);
    m->polled_ms = mx_now(m);
    struct mx_request q = {.method = "GET",
                           .path = path,
                           .what = "/sync",
                           .timeout_ms = MX_POLL_MS * 2,
                           .answer_max = MX_SYNC_BYTES_MAX,
                           .done = on_answer,
                           .arg = m};
    m->poll = mx_call(m, &q);
    free(path);
}

static void on_poll_due(void *arg) {
    struct matrix *m = arg;
    m->h->timer_stop(m->poll_timer);
    m->poll_timer = NULL;
    if (m->knows_since)
        poll(m);
    else
        mx_sync_start(m);
}

static void poll_again(struct matrix *m, uint64_t wait_ms) {
    if (wait_ms == 0)
        poll(m);
    else if (!m->poll_timer)
        m->poll_timer = m->h->timer(m->host, wait_ms, 0, on_poll_due, m);
}

static void on_since(void *arg, int status, struct draht_span value) {
    struct matrix *m = arg;
    if (status < 0) {
        m->poll_fails++;
        if (!m->poll_timer && m->is_leader)
            m->poll_timer = m->h->timer(m->host, mx_backoff_ms(m->poll_fails), 0, on_poll_due, m);
        return;
    }
    if (!m->knows_since && value.p && value.n) {
        free(m->since);
        m->since = xstrndup(value.p, value.n);
    }
    m->knows_since = true;
    poll(m);
}

void mx_sync_start(struct matrix *m) {
    if (!m->is_ready || !m->is_leader || m->is_stopping)
        return;
    m->knows_since = false; /* another gateway may have gone on since we asked last */
    m->h->state_get(m->host, kit_str("since"), on_since, m);
}

void mx_sync_stop(struct matrix *m) {
    mx_cancel(&m->poll);
    if (m->poll_timer)
        m->h->timer_stop(m->poll_timer);
    m->poll_timer = NULL;
    mx_batch_free(m);
}
