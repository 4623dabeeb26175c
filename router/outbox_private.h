/* SPDX-License-Identifier: EUPL-1.2 */
/* outbox_private: what outbox.c and outbox_lease.c share: lanes, sends under way. Nobody else
 * includes it. */
#ifndef DRAHT_ROUTER_OUTBOX_PRIVATE_H
#define DRAHT_ROUTER_OUTBOX_PRIVATE_H

#include "router/inner.h"

#define HASHES_MAX 64
#define LOST_LOOKS 2 /* the second one: Redis may have read the claim after the first */
struct lane {        /* one channel */
    struct lane *next;
    struct outbox *outbox;
    char id[64], type[64];
    uint32_t concurrency, per_minute, busy;
    bool is_idempotent, has_history, is_unthreaded, resend, is_up, is_claiming, is_again;
    bool is_reclaimed; /* what an earlier process left is decided */
    int lost;          /* looks still to be taken for claims whose answer never came */
    double tokens;
    uint64_t filled_ms;
    struct loop_timer *timer;
};
struct router_send {
    struct router_send *next;
    struct outbox *outbox;
    struct lane *lane;
    struct arena *arena;
    struct outbound m;
    struct attachment *attachments;
    size_t loading;
    int load_error;
    char ticket[24], n[16], message[48];
    struct contact contact; /* seals the reason */
    int64_t created_ms;
    uint32_t part;
    char hashes[HASHES_MAX][CRYPTO_HASH_HEX];
    size_t hashes_n, hashes_told; /* told: those that the store has been asked to keep */
    bool is_part_due, is_settled;
    const char *state;
    int64_t next_ms;
    struct buf reason;
    struct loop_timer *again;
};
struct outbox {
    struct router *r;
    struct lane *lanes;
    struct router_send *sends;
    struct loop_timer *tick, *parts;
    int64_t renewed_ms;
    bool is_stopped;
};

void outbox_claim(struct lane *l); /* as much as there is room for */
/* Decides what is left over from before, then claims. */
void outbox_look(struct lane *l);
/* What this owner ("": anybody) holds: requeued or in doubt, as the channel has it. */
void outbox_reclaim(struct lane *l, const char *owner);
void outbox_renew(struct outbox *o); /* the leases of all sends under way */
/* For calls whose failure changes nothing; it is logged. */
void outbox_ignore(void *arg, int error, const struct redis_value *v);

#endif
