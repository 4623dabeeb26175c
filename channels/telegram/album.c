/* SPDX-License-Identifier: EUPL-1.2 */
/* album: the pictures of an album come as updates of their own, and by webhook Telegram sends the
 * next one of a chat only when the one before is acknowledged. So each is kept durably,
 * acknowledged, and they become one message when no further one has come for a moment. */
#include "channels/telegram/album.h"

#include "channels/telegram/telegram_private.h"

#define INDEX "albums"
#define TAKEN "-" /* in place of an update: it is in a message */
#define WINDOW_MS 2000
#define PATIENCE_MS 10000 /* an album that never ends */
#define AGAIN_MS 300
#define FAILED_MS 2000
#define OTHERS_MS 5000                  /* parts that another gateway was given */
#define MEMORY_MS (48ull * 3600 * 1000) /* Telegram repeats for a day */
#define PARKED_BYTES_MAX 60000          /* the host's state takes 64 KiB */
#define SCAN_MAX 200

/* ---- a part is kept ---- */
static void on_listed(void *arg, int status) {
    struct tg_park *p = arg;
    if (status >= 0)
        tg_album_wake(p->t, WINDOW_MS);
    p->done(p->arg, status);
}

static void on_kept(void *arg, int status) {
    struct tg_park *p = arg;
    struct telegram *t = p->t;
    if (status < 0)
        p->done(p->arg, status);
    else
        t->h->state_rank(t->host, kit_str(INDEX), kit_out(p->key), t->h->now_ms(t->host), 0,
                         on_listed, p);
}

/* What is there already may not be listed yet: a kill came between the two. */
static void on_known(void *arg, int status, struct draht_span v) {
    struct tg_park *p = arg;
    struct telegram *t = p->t;
    if (status < 0 || (v.p && span_is(kit_in(v), SPAN(TAKEN))))
        p->done(p->arg, status);
    else if (v.p)
        on_kept(p, 0);
    else
        t->h->state_set(t->host, kit_out(p->key), kit_out(p->value), MEMORY_MS, on_kept, p);
}

static struct span key_of(struct arena *a, struct span external_id) {
    return span_str(arena_printf(a, "album.%.*s", (int)external_id.n, external_id.p));
}

bool tg_album_park(struct tg_park *p, const json_t *update, const struct tg_update *u) {
    struct telegram *t = p->t;
    json_t *o = json_object();
    json_puti(o, "at", t->h->now_ms(t->host));
    json_object_set(o, "update", (json_t *)(uintptr_t)update);
    char *text = json_text(o);
    json_decref(o);
    p->value = arena_dup(p->a, span_str(text));
    free(text);
    if (p->value.n > PARKED_BYTES_MAX)
        return false;
    p->key = key_of(p->a, u->external_id);
    t->h->state_get(t->host, kit_out(p->key), on_known, p);
    return true;
}

/* ---- parts become a message ---- */
struct part {
    struct tg_update u;
    int64_t at_ms, message;
    json_t *update; /* owned by the list that was read */
};

static void scan(void *arg);

void tg_album_wake(struct telegram *t, uint64_t ms) {
    struct tg_albums *x = &t->albums;
    int64_t due = t->h->now_ms(t->host) + (int64_t)ms;
    if (t->is_stopping || !t->is_held || (x->timer && x->due_ms <= due))
        return;
    tg_album_stop(t);
    x->due_ms = due;
    x->timer = t->h->timer(t->host, ms, 0, scan, t);
}

void tg_album_stop(struct telegram *t) {
    if (t->albums.timer)
        t->h->timer_stop(t->albums.timer);
    t->albums.timer = NULL;
}

void tg_album_free(struct telegram *t) {
    arena_free(&t->albums.a);
}

static void finished(struct telegram *t, uint64_t wait_ms) {
    t->albums.is_busy = false;
    arena_free(&t->albums.a);
    tg_album_wake(t, wait_ms);
}

static void mark_next(void *arg, int status);

static void on_marked(void *arg, int status) {
    struct telegram *t = arg;
    struct tg_albums *x = &t->albums;
    if (status < 0)
        finished(t, FAILED_MS);
    else /* below the cut: out of the index */
        t->h->state_rank(t->host, kit_str(INDEX), kit_out(x->keys[x->keys_n]), 0, 1, mark_next, t);
}

/* The first part names the message, so it is marked last: after a kill in between, what is left is
 * still known as a repetition. */
static void mark_next(void *arg, int status) {
    struct telegram *t = arg;
    struct tg_albums *x = &t->albums;
    if (status < 0 || x->keys_n == 0) {
        finished(t, status < 0 ? FAILED_MS : 0);
        return;
    }
    x->keys_n--;
    t->h->state_set(t->host, kit_out(x->keys[x->keys_n]), kit_str(TAKEN), MEMORY_MS, on_marked, t);
}

static void on_taken(void *arg, size_t taken) {
    struct telegram *t = arg;
    if (taken < t->albums.keys_n) { /* kept; the next time another one is tried first */
        t->albums.turn++;
        finished(t, FAILED_MS);
        return;
    }
    mark_next(t, 0);
}

static size_t read_parts(struct arena *a, const struct draht_span *values, size_t n,
                         struct part *out, json_t *owner) {
    size_t found = 0;
    for (size_t i = 0; i < n; i++) {
        json_t *o = values[i].p ? json_parse(kit_in(values[i]), PARKED_BYTES_MAX, NULL) : NULL;
        struct part *p = &out[found];
        if (!o)
            continue;
        json_array_append_new(owner, o);
        p->update = json_object_get(o, "update");
        p->at_ms = json_int(o, "at", 0);
        p->message = json_int(json_object_get(p->update, "message"), "message_id", 0);
        tg_update_read(a, p->update, &p->u);
        found += p->u.album.n > 0;
    }
    return found;
}

static bool is_same(const struct part *a, const struct part *b) {
    return span_is(a->u.album, b->u.album) && span_is(a->u.chat, b->u.chat);
}

/* Whether the album of all[first] is complete as far as one can tell, and first its first mention.
 */
static bool is_due(const struct part *all, size_t n, size_t first, int64_t now) {
    int64_t newest = 0, oldest = INT64_MAX;
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_same(&all[i], &all[first]))
            continue;
        if (i < first)
            return false;
        count++;
        newest = all[i].at_ms > newest ? all[i].at_ms : newest;
        oldest = all[i].at_ms < oldest ? all[i].at_ms : oldest;
    }
    return count >= TG_ALBUM_MAX || now - newest >= WINDOW_MS || now - oldest >= PATIENCE_MS;
}

/* The parts in the order in which they were written. */
static json_t *gather(struct telegram *t, const struct part *all, size_t n, size_t first) {
    struct tg_albums *x = &t->albums;
    const struct part *in[TG_ALBUM_MAX];
    size_t count = 0;
    for (size_t i = 0; i < n && count < TG_ALBUM_MAX; i++) {
        if (!is_same(&all[i], &all[first]))
            continue;
        size_t at = count++;
        for (; at > 0 && in[at - 1]->message > all[i].message; at--)
            in[at] = in[at - 1];
        in[at] = &all[i];
    }
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append(list, in[i]->update);
        x->keys[i] = key_of(x->a, in[i]->u.external_id);
    }
    x->keys_n = count;
    return list;
}

static void take_one(struct telegram *t, const struct part *all, size_t n) {
    size_t due[SCAN_MAX], due_n = 0;
    for (size_t i = 0; i < n; i++)
        if (is_due(all, n, i, t->h->now_ms(t->host)))
            due[due_n++] = i;
    if (due_n == 0)
        finished(t, n ? AGAIN_MS : OTHERS_MS);
    else
        tg_take_album(t, gather(t, all, n, due[t->albums.turn % due_n]), on_taken, t);
}

static void on_scanned(void *arg, int status, const struct draht_span *values, size_t n) {
    struct telegram *t = arg;
    if (status < 0 || t->is_stopping) {
        finished(t, FAILED_MS);
        return;
    }
    t->albums.a = arena_new();
    struct part *all = xcalloc(SCAN_MAX, sizeof *all);
    json_t *owner = json_array();
    n = read_parts(t->albums.a, values, n < SCAN_MAX ? n : SCAN_MAX, all, owner);
    take_one(t, all, n);
    json_decref(owner);
    free(all);
}

static void scan(void *arg) {
    struct telegram *t = arg;
    tg_album_stop(t);
    if (t->albums.is_busy || !t->is_held || t->is_stopping)
        return;
    t->albums.is_busy = true;
    t->h->state_ranked(t->host, kit_str(INDEX), 0, INT64_MAX, 0, SCAN_MAX, on_scanned, t);
}
