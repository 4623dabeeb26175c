/* SPDX-License-Identifier: EUPL-1.2 */
/* host_watch: which conversations channels want to hear of, and what the ticket stream says of
 * them, by whichever gateway it was done. */
#include "channels/host_private.h"

#include <stdio.h>
#include <stdlib.h>

enum { SLOTS_FIRST = 256, WATCHES_MAX = 100000, WORD_BYTES_MAX = 32 };

static struct host_watch **slot_of(const struct host *h, const char *name) {
    uint32_t x = 2166136261u;
    for (const char *p = name; *p; p++)
        x = (x ^ (uint8_t)*p) * 16777619u;
    return &h->watches[x & (h->watches_slots - 1)];
}

static void grow(struct host *h) {
    size_t old_n = h->watches_slots;
    struct host_watch **old = h->watches;
    h->watches_slots = old_n ? old_n * 2 : SLOTS_FIRST;
    h->watches = xcalloc(h->watches_slots, sizeof(struct host_watch *));
    for (size_t i = 0; i < old_n; i++) {
        while (old[i]) {
            struct host_watch *w = old[i], **at = slot_of(h, w->name);
            old[i] = w->next;
            w->next = *at;
            *at = w;
        }
    }
    free(old);
}

static struct host_watch **find(const struct host *h, const char *name) {
    struct host_watch **at = slot_of(h, name);
    while (*at && strcmp((*at)->name, name) != 0)
        at = &(*at)->next;
    return at;
}

struct host_watch *host_watched(const struct host *h, const char *name) {
    return h->watches_slots ? *find(h, name) : NULL;
}

static void drop(struct host *h, struct host_watch **at) {
    struct host_watch *w = *at;
    *at = w->next;
    h->watches_n--;
    h->places_n -= w->wants_place;
    free(w);
}

void host_watch(void *host, struct draht_span thread, int is_on) {
    struct host_channel *c = host;
    struct host *h = c->host;
    char name[THREAD_NAME_BYTES];
    if (!thread.p || thread.n == 0 || thread.n > HOST_EXTERNAL_ID_BYTES_MAX)
        return;
    if (is_on ? c->is_stopping || h->watches_n >= WATCHES_MAX : !h->watches)
        return;
    thread_name(h->o.router, c->id, host_span(thread), name);
    if (h->watches_n >= h->watches_slots)
        grow(h);
    struct host_watch **at = find(h, name);
    if (!is_on && *at)
        drop(h, at);
    if (!is_on || *at)
        return;
    struct host_watch *w = xcalloc(1, sizeof *w + thread.n);
    w->owner = c;
    w->thread_n = thread.n;
    memcpy(w->name, name, sizeof name);
    memcpy(w->thread, thread.p, thread.n);
    *at = w;
    h->watches_n++;
}

void host_watches_drop(struct host_channel *c) {
    struct host *h = c->host;
    for (size_t i = 0; i < h->watches_slots; i++)
        for (struct host_watch **at = &h->watches[i]; *at;) {
            if ((*at)->owner == c)
                drop(h, at);
            else
                at = &(*at)->next;
        }
    if (h->watches_n)
        return;
    free(h->watches);
    h->watches = NULL;
    h->watches_slots = 0;
}

void host_tell(void *host, struct draht_span thread, struct draht_span word) {
    struct host_channel *c = host;
    bool ok = thread.p && thread.n && thread.n <= HOST_EXTERNAL_ID_BYTES_MAX && word.p && word.n &&
              word.n <= WORD_BYTES_MAX;
    for (size_t i = 0; ok && i < word.n; i++)
        ok = word.p[i] == '_' || (word.p[i] >= 'a' && word.p[i] <= 'z');
    if (ok && !c->is_stopping)
        thread_tell(c->host->o.router, c->id, host_span(thread), host_span(word));
}

static bool has_word(const char *list, const char *word) {
    struct span rest = span_str(list);
    while (rest.p)
        if (span_eq(span_cut(&rest, ','), word))
            return true;
    return false;
}

/* NULL: nothing that a conversation shows. */
static const char *what_of(const struct feed_event *e) {
    bool closes = has_word(e->info, "closed");
    if (strcmp(e->type, "ticket.seen") == 0)
        return e->seq ? "read" : NULL;
    if (strcmp(e->type, "ticket.changed") == 0)
        return closes ? "closed" : has_word(e->info, "state") ? "open" : NULL;
    if (strcmp(e->type, "message.queued") == 0)
        return closes ? "closed" : NULL;
    if (strcmp(e->type, "thread.told") == 0)
        return "told";
    if (e->seq == 0)
        return NULL;
    return strcmp(e->type, "message.read") == 0 ? "was_read" : "items";
}

void host_feed(struct host *h, const struct feed_event *e) {
    host_places_feed(h, e);
    const char *what = h->watches_n && *e->thread ? what_of(e) : NULL;
    struct host_watch *w =
        what && strlen(e->thread) == THREAD_NAME_BYTES - 1 ? *find(h, e->thread) : NULL;
    if (!w || !w->owner->is_up || !w->owner->ops.notify)
        return;
    char at[24] = "";
    if (e->seq)
        snprintf(at, sizeof at, "%llu", (unsigned long long)e->seq);
    const char *detail = e->seq ? at : strcmp(what, "told") == 0 ? e->info : e->ticket;
    struct draht_span thread = {w->thread, w->thread_n};
    w->owner->ops.notify(w->owner->state, thread, what, host_dspan(span_str(detail)));
}
