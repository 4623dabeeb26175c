/* SPDX-License-Identifier: EUPL-1.2 */
/* dlr: what a delivery receipt says, by its TLVs or by its text (SMPP 3.4, appendix B). No I/O. */
#ifndef DRAHT_SMPP_DLR_H
#define DRAHT_SMPP_DLR_H

#include "channels/abi/draht_channel.h"
#include "channels/smpp/pdu.h"

/* How ids in receipts are written when the answers to submit_sm write them otherwise. */
enum dlr_ids { DLR_SAME, DLR_HEX, DLR_DECIMAL };

struct dlr {
    char id[66]; /* as the answer to submit_sm wrote it; empty: none */
    enum draht_receipt_state state;
    bool is_permanent;
    char code[9];     /* of a failure, as the network wrote it; empty: none was told */
    char reason[96];  /* of a failure: states and codes, no personal data */
    struct span stat; /* borrowed for ever */
};
/* Whether the message is a receipt: by esm_class, or by its TLVs. */
bool dlr_is(const struct pdu *p);
/* false: nothing can be made of it (no id). */
bool dlr_read(const struct pdu *p, enum dlr_ids ids, struct dlr *out);

#endif
