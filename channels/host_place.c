/* SPDX-License-Identifier: EUPL-1.2 */
/* host_place: how many wait before the conversations whose citizens look on; asked for together, at
 * most every three seconds, and only after something happened that may have moved them. */
#include "channels/host_private.h"

#include <stdio.h>
#include <stdlib.h>

enum { EVERY_MS = 3000 };

struct asking { /* some of them, on their way to the store */
    struct host *h;
    size_t n;
    char names[PLACES_MAX][THREAD_NAME_BYTES];
};

static void plan(struct host *h);

static void tell(struct host_watch *w, int64_t before) {
    struct host_channel *c = w->owner;
    if (!w->wants_place || w->place == before || !c->is_up || !c->ops.notify)
        return;
    char detail[24] = "";
    w->place = before;
    if (before >= 0)
        snprintf(detail, sizeof detail, "%lld", (long long)before);
    struct draht_span thread = {w->thread, w->thread_n};
    c->ops.notify(c->state, thread, "place", host_dspan(span_str(detail)));
}

static void on_places(void *arg, int error, const int64_t *before, size_t n) {
    struct asking *a = arg;
    struct host *h = a->h;
    h->places_asked_n--;
    /* Looked up one by one: whoever hears of a place may end any watch. */
    for (size_t i = 0; !h->is_dead && i < n; i++) {
        struct host_watch *w = host_watched(h, a->names[i]);
        if (w)
            tell(w, before[i]);
    }
    free(a);
    if (error)
        h->is_place_stale = true;
    if (!h->is_dead)
        plan(h);
    host_unref(h);
}

static void ask(struct host *h, struct asking *a) {
    host_ref(h);
    h->places_asked_n++;
    thread_places(h->o.router, (const char(*)[THREAD_NAME_BYTES])a->names, a->n, on_places, a);
}

static void look(void *arg) {
    struct host *h = arg;
    struct asking *a = NULL;
    loop_timer_stop(&h->places);
    h->is_place_stale = false;
    h->places_ms = (int64_t)uv_now(loop_uv(h->o.loop));
    for (size_t i = 0; i < h->watches_slots; i++)
        for (const struct host_watch *w = h->watches[i]; w; w = w->next) {
            if (!w->wants_place)
                continue;
            if (!a) {
                a = xcalloc(1, sizeof *a);
                a->h = h;
            }
            memcpy(a->names[a->n++], w->name, sizeof w->name);
            if (a->n == PLACES_MAX) {
                ask(h, a);
                a = NULL;
            }
        }
    if (a)
        ask(h, a);
}

static void plan(struct host *h) {
    if (!h->is_place_stale || !h->places_n || h->places || h->places_asked_n)
        return;
    int64_t wait = h->places_ms + EVERY_MS - (int64_t)uv_now(loop_uv(h->o.loop));
    bool is_first = h->places_ms == 0;
    h->places = loop_timer(h->o.loop, is_first || wait < 0 ? 0 : (uint64_t)wait, 0, look, h);
}

void host_watch_place(void *host, struct draht_span thread, int is_on) {
    struct host_channel *c = host;
    struct host *h = c->host;
    char name[THREAD_NAME_BYTES];
    if (!thread.p || thread.n == 0 || thread.n > HOST_EXTERNAL_ID_BYTES_MAX)
        return;
    thread_name(h->o.router, c->id, host_span(thread), name);
    struct host_watch *w = host_watched(h, name);
    if (!w || w->wants_place == (is_on != 0))
        return;
    w->wants_place = is_on != 0;
    w->place = -2;
    if (is_on)
        h->places_n++;
    else
        h->places_n--;
    h->is_place_stale = h->is_place_stale || is_on;
    plan(h);
}

/* A message that comes in, an answer, one taken back, another office, the end. */
static bool moves_places(const char *type) {
    static const char *const types[] = {"message.received", "message.queued", "message.cancelled",
                                        "ticket.changed", "contact.erased"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(type, types[i]) == 0)
            return true;
    return false;
}

void host_places_feed(struct host *h, const struct feed_event *e) {
    if (!h->places_n || h->is_place_stale || !moves_places(e->type))
        return;
    h->is_place_stale = true;
    plan(h);
}

void host_places_end(struct host *h) {
    loop_timer_stop(&h->places);
}
