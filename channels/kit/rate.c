/* SPDX-License-Identifier: EUPL-1.2 */
/* rate: how often and how many. Peers live in a fixed table of hashes, so that no address is kept
 * and nobody makes it grow; who finds no row is not counted and shares one bucket with the others.
 */
#include "channels/kit/kit.h"

#include <stdlib.h>

#define PAUSE_MS_MAX (3600ull * 1000)

enum { PROBES = 16 };

int64_t kit_bucket_take(struct kit_bucket *b, int64_t now_ms, int size, int interval_ms) {
    int64_t full = b->full_ms > now_ms ? b->full_ms : now_ms;
    int64_t after = full + interval_ms;
    int64_t allowed = now_ms + (int64_t)size * interval_ms;
    if (after > allowed)
        return after - allowed;
    b->full_ms = after;
    return 0;
}

void kit_pause_set(struct kit_pause *p, int64_t now_ms, uint64_t wait_ms) {
    int64_t until = now_ms + (int64_t)(wait_ms < PAUSE_MS_MAX ? wait_ms : PAUSE_MS_MAX);
    if (until > p->until_ms)
        p->until_ms = until;
}

uint64_t kit_pause_left(const struct kit_pause *p, int64_t now_ms) {
    return p->until_ms > now_ms ? (uint64_t)(p->until_ms - now_ms) : 0;
}

bool kit_told(struct kit_told *t, struct span what, bool is_on, int64_t now_ms, int64_t every_ms) {
    uint64_t hash = 1469598103934665603u; /* FNV-1a; 0 is left for "nothing yet" */
    for (size_t i = 0; i < what.n; i++)
        hash = (hash ^ (uint8_t)what.p[i]) * 1099511628211u;
    hash = (hash + is_on) | (hash + is_on == 0);
    if (hash == t->hash && now_ms - t->at_ms < every_ms)
        return true;
    *t = (struct kit_told){hash, now_ms};
    return false;
}

struct peer {
    uint64_t hash;
    int count;
    struct kit_bucket bucket;
};
struct kit_peers {
    size_t slots;
    uint64_t seed;
    struct kit_bucket crowd; /* of all that found no row */
    struct peer rows[];
};

struct kit_peers *kit_peers_new(size_t slots, uint64_t seed) {
    struct kit_peers *p = xcalloc(1, sizeof *p + slots * sizeof *p->rows);
    p->slots = slots;
    p->seed = seed;
    return p;
}

void kit_peers_free(struct kit_peers **p) {
    free(*p);
    *p = NULL;
}

static uint64_t hash_of(const struct kit_peers *p, struct span peer) {
    uint64_t x = p->seed ^ 1469598103934665603u;
    for (size_t i = 0; i < peer.n; i++)
        x = (x ^ (uint8_t)peer.p[i]) * 1099511628211u;
    x ^= x >> 29;
    return x ? x : 1;
}

/* The row of the peer, an idle one made its own, or NULL in a full stretch. */
static struct peer *row(struct kit_peers *p, struct span peer, int64_t now_ms) {
    uint64_t hash = hash_of(p, peer);
    struct peer *idle = NULL;
    for (size_t i = 0; i < PROBES; i++) {
        struct peer *r = &p->rows[(hash + i) % p->slots];
        if (r->hash == hash)
            return r;
        if (!idle && r->count == 0 && r->bucket.full_ms <= now_ms)
            idle = r;
    }
    if (idle)
        *idle = (struct peer){.hash = hash};
    return idle;
}

int kit_peers_add(struct kit_peers *p, struct span peer, int delta) {
    struct peer *r = row(p, peer, 0);
    if (!r)
        return 0;
    r->count += delta;
    if (r->count < 0)
        r->count = 0;
    return r->count;
}

int64_t kit_peers_take(struct kit_peers *p, struct span peer, int64_t now_ms, int size,
                       int interval_ms) {
    struct peer *r = row(p, peer, now_ms);
    return kit_bucket_take(r ? &r->bucket : &p->crowd, now_ms, size, interval_ms);
}
