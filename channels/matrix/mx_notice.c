/* SPDX-License-Identifier: EUPL-1.2 */
/* mx_notice: what the channel says by itself, once a room; and the small signs of both sides: who
 * types, what was read. Signs are never repeated: a late one would be wrong. */
#include "channels/matrix/matrix_private.h"

enum { NOTICE_TRIES = 6, NOTICES_MAX = 500, TYPING_MS = 30000 };

struct mx_notice {
    struct mx_notice *next;
    struct matrix *m;
    char *room, *path, *body;
    struct mx_call *call;
    struct draht_timer *timer;
    uint32_t tries;
    bool leaves;
};

static void say(struct mx_notice *n);

static void notice_free(struct mx_notice *n) {
    struct mx_notice **at = &n->m->notices;
    while (*at && *at != n)
        at = &(*at)->next;
    if (*at)
        *at = n->next;
    mx_cancel(&n->call);
    if (n->timer)
        n->m->h->timer_stop(n->timer);
    free(n->room);
    free(n->path);
    free(n->body);
    free(n);
}

void mx_notices_free(struct matrix *m) {
    while (m->notices)
        notice_free(m->notices);
}

static void on_due(void *arg) {
    struct mx_notice *n = arg;
    n->m->h->timer_stop(n->timer);
    n->timer = NULL;
    say(n);
}

static void on_said(void *arg, const struct mx_answer *a) {
    struct mx_notice *n = arg;
    struct matrix *m = n->m;
    n->call = NULL;
    if (mx_is_transient(a) && ++n->tries < NOTICE_TRIES) {
        n->timer = m->h->timer(m->host, mx_wait_ms(a, n->tries + 2), 0, on_due, n);
        return;
    }
    if (n->leaves)
        mx_leave(m, n->room, false);
    notice_free(n);
}

static void say(struct mx_notice *n) {
    struct mx_request q = {.method = "PUT",
                           .path = n->path,
                           .what = "/rooms/-/send (notice)",
                           .body = span_str(n->body),
                           .done = on_said,
                           .arg = n};
    n->call = mx_call(n->m, &q);
}

void mx_notice(struct matrix *m, const char *room, const char *key, bool leave) {
    size_t count = 0;
    for (const struct mx_notice *x = m->notices; x; x = x->next)
        count++;
    if (count >= NOTICES_MAX)
        return;
    struct arena *a = arena_new();
    struct mx_notice *n = xcalloc(1, sizeof *n);
    n->m = m;
    n->room = xstrdup(room);
    n->leaves = leave;
    n->body = mx_content_text(span_str(mx_text(m, a, key)), SPAN_NONE, true);
    n->path = mx_path("/_matrix/client/v3/rooms/%s/send/m.room.message/draht-%s", span_str(room),
                      span_str(key), SPAN_NONE);
    n->next = m->notices;
    m->notices = n;
    arena_free(&a);
    say(n);
}

/* A request whose answer changes nothing. */
static void tell(struct matrix *m, const char *method, char *path, const char *what,
                 struct span body) {
    struct mx_request q = {.method = method, .path = path, .what = what, .body = body};
    if (m->is_ready && !m->is_stopping)
        mx_call(m, &q);
    free(path);
}

void matrix_typing(void *channel, struct draht_span thread, struct draht_span who, int is_typing) {
    struct matrix *m = channel;
    (void)who;
    struct buf body = {0};
    if (is_typing)
        buf_addf(&body, "{\"typing\":true,\"timeout\":%d}", TYPING_MS);
    else
        buf_adds(&body, "{\"typing\":false}");
    if (thread.n && m->me)
        tell(m, "PUT",
             mx_path("/_matrix/client/v3/rooms/%s/typing/%s", kit_in(thread), span_str(m->me),
                     SPAN_NONE),
             "/rooms/-/typing", buf_span(&body));
    buf_free(&body);
}

/* ---- staff have read: so has the office ---- */
struct mx_reading {
    struct mx_reading *next;
    struct matrix *m;
    char *room;
};

static void reading_free(struct mx_reading *x) {
    struct mx_reading **at = &x->m->readings;
    while (*at && *at != x)
        at = &(*at)->next;
    if (*at)
        *at = x->next;
    free(x->room);
    free(x);
}

void mx_readings_free(struct matrix *m) {
    while (m->readings)
        reading_free(m->readings);
}

static void on_last(void *arg, int status, struct draht_span value) {
    struct mx_reading *x = arg;
    struct matrix *m = x->m;
    struct mx_memory memory;
    mx_memory_read(value, &memory);
    if (status == 0 && *memory.last)
        tell(m, "POST",
             mx_path("/_matrix/client/v3/rooms/%s/receipt/m.read/%s", span_str(x->room),
                     span_str(memory.last), SPAN_NONE),
             "/rooms/-/receipt", SPAN("{}"));
    reading_free(x);
}

void matrix_notify(void *channel, struct draht_span thread, const char *what,
                   struct draht_span detail) {
    struct matrix *m = channel;
    char key[40];
    (void)detail;
    if (strcmp(what, "read") != 0 || thread.n == 0 || !m->is_ready || m->is_stopping)
        return;
    struct mx_reading *x = xcalloc(1, sizeof *x);
    x->m = m;
    x->room = xstrndup(thread.p, thread.n);
    x->next = m->readings;
    m->readings = x;
    mx_memory_key(m, kit_in(thread), key);
    m->h->state_get(m->host, kit_str(key), on_last, x);
}

/* ---- the citizen's signs ---- */
static uint64_t room_hash(struct span room) {
    uint64_t x = 1469598103934665603u;
    for (size_t i = 0; i < room.n; i++)
        x = (x ^ (uint8_t)room.p[i]) * 1099511628211u;
    return x ? x : 1;
}

void mx_sent_note(struct matrix *m, struct span room, struct span event) {
    if (event.n > MX_ID_BYTES_MAX)
        return;
    struct mx_sent *s = &m->sent[m->sent_at++ % MX_SENT_MAX];
    s->room = room_hash(room);
    s->at_ms = mx_now(m);
    memcpy(s->id, event.p, event.n);
    s->id[event.n] = 0;
}

static void receipt(struct matrix *m, const char *id, int64_t at_ms) {
    struct draht_receipt r = {
        .size = sizeof r, .external_id = kit_str(id), .state = DRAHT_RECEIPT_READ, .at_ms = at_ms};
    m->h->receipt(m->host, &r, NULL, NULL);
}

/* A mark at one event says that all before it was read too. One at an event that is not ours (the
 * citizen's own latest) counts for what we had sent by then. */
static void read_up_to(struct matrix *m, struct span room, const char *event, int64_t at_ms) {
    uint64_t hash = room_hash(room);
    const struct mx_sent *hit = NULL;
    size_t first = m->sent_at > MX_SENT_MAX ? m->sent_at - MX_SENT_MAX : 0, end = m->sent_at;
    for (size_t i = first; i < m->sent_at; i++) {
        const struct mx_sent *s = &m->sent[i % MX_SENT_MAX];
        if (s->room == hash && strcmp(s->id, event) == 0) {
            hit = s;
            end = i + 1;
        }
    }
    if (!hit)
        receipt(m, event, at_ms);
    for (size_t i = first; i < end; i++) {
        struct mx_sent *s = &m->sent[i % MX_SENT_MAX];
        if (s->room != hash || (!hit && s->at_ms > at_ms))
            continue;
        receipt(m, s->id, at_ms);
        s->room = 0;
    }
}

static void receipts(struct matrix *m, struct span room, const json_t *content) {
    const char *event, *user;
    json_t *kinds, *data;
    json_object_foreach((json_t *)(uintptr_t)content, event, kinds) {
        size_t n = strlen(event);
        if (n < 2 || n > MX_ID_BYTES_MAX)
            continue;
        json_object_foreach(json_object_get(kinds, "m.read"), user, data) {
            int64_t at = json_int(data, "ts", 0);
            if (strcmp(user, m->me) != 0)
                read_up_to(m, room, event, at > 0 && at <= mx_now(m) ? at : mx_now(m));
        }
    }
}

static void typing(struct matrix *m, struct span room, const json_t *content) {
    const json_t *users = json_object_get(content, "user_ids"), *v;
    bool is_typing = false;
    size_t i;
    json_array_foreach(users, i, v) {
        is_typing = is_typing || (json_is_string(v) && strcmp(json_string_value(v), m->me) != 0);
    }
    m->h->typing(m->host, kit_out(room), is_typing);
}

void mx_ephemeral(struct matrix *m, struct span room, const json_t *events) {
    size_t i;
    const json_t *e;
    json_array_foreach(events, i, e) {
        const json_t *content = json_object_get(e, "content");
        if (span_eq(mx_str(e, "type"), "m.receipt"))
            receipts(m, room, content);
        else if (span_eq(mx_str(e, "type"), "m.typing"))
            typing(m, room, content);
    }
}
