/* SPDX-License-Identifier: EUPL-1.2 */
/* smpp_receipt: receipts are quicker than answers now and then. One that nobody knows yet is held
 * for a minute and tried again each second; the centre has its answer meanwhile. */
#include <stdlib.h>

#include "channels/smpp/smpp_channel.h"

enum { HELD_MAX = 2000, HOLD_MS = 60000 };

struct smpp_held {
    struct smpp_held *next;
    struct smpp *c;
    struct delivery d;
    struct dlr r;
    int64_t since_ms;
    bool is_under_way, is_held;
};

static void forget(struct smpp_held *x) {
    struct smpp *c = x->c;
    for (struct smpp_held **at = &c->held; *at; at = &(*at)->next) {
        if (*at == x) {
            *at = x->next;
            c->held_n--;
            break;
        }
    }
    free(x);
}

static void applied(void *arg, int status) {
    struct smpp_held *x = arg;
    struct smpp *c = x->c;
    bool is_late = c->h->now_ms(c->host) - x->since_ms > HOLD_MS;
    x->is_under_way = false;
    if (status == DRAHT_E_UNAVAILABLE && !x->is_held) {
        smpp_answer(&x->d, PDU_RX_T_APPN); /* the centre keeps it and comes again */
        forget(x);
        return;
    }
    if (!x->is_held)
        smpp_answer(&x->d, PDU_OK);
    x->is_held = true;
    if (status == 0 || is_late || c->held_n > HELD_MAX)
        forget(x);
}

static void apply(struct smpp_held *x) {
    struct smpp *c = x->c;
    struct draht_receipt r = {.size = sizeof r,
                              .external_id = kit_str(x->r.id),
                              .state = x->r.state,
                              .reason = kit_str(x->r.reason),
                              .is_permanent = x->r.is_permanent,
                              .at_ms = c->h->now_ms(c->host)};
    x->is_under_way = true;
    c->h->receipt(c->host, &r, applied, x);
}

void smpp_receipt(struct smpp *c, const struct delivery *d, const struct dlr *r) {
    struct smpp_held *x = xcalloc(1, sizeof *x);
    *x = (struct smpp_held){
        .next = c->held, .c = c, .d = *d, .r = *r, .since_ms = c->h->now_ms(c->host)};
    c->held = x;
    c->held_n++;
    apply(x);
}

void smpp_receipts_tick(struct smpp *c) {
    for (struct smpp_held *x = c->held, *next; x; x = next) {
        next = x->next;
        if (x->is_held && !x->is_under_way)
            apply(x);
    }
}

void smpp_receipts_free(struct smpp *c) {
    while (c->held)
        forget(c->held);
}
