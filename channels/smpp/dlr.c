/* SPDX-License-Identifier: EUPL-1.2 */
/* dlr: the text form is a habit, not a standard: keys in any case and order, fields missing. */
#include "channels/smpp/dlr.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define ESM_KIND 0x3c
#define ESM_RECEIPT 0x04

static const struct {
    const char *stat;
    enum draht_receipt_state state;
    bool is_permanent;
    const char *reason;
} states[] = {
    /* by message_state, 1 to 8 */
    {"ENROUTE", DRAHT_RECEIPT_SENT, false, NULL},
    {"DELIVRD", DRAHT_RECEIPT_DELIVERED, false, NULL},
    {"EXPIRED", DRAHT_RECEIPT_FAILED, true, "the telephone could not be reached in time"},
    {"DELETED", DRAHT_RECEIPT_FAILED, true, "the message was deleted by the provider"},
    {"UNDELIV", DRAHT_RECEIPT_FAILED, true, "the message cannot be delivered"},
    {"ACCEPTD", DRAHT_RECEIPT_SENT, false, NULL},
    {"UNKNOWN", DRAHT_RECEIPT_SENT, false, NULL},
    {"REJECTD", DRAHT_RECEIPT_FAILED, true, "the message was rejected by the provider"},
};
#define STATES_N (sizeof states / sizeof *states)

bool dlr_is(const struct pdu *p) {
    return (p->esm_class & ESM_KIND) == ESM_RECEIPT || (p->receipted_id[0] && p->state >= 0);
}

/* The word behind "key:". "id" must not be found inside "uid:". */
static struct span word(struct span text, const char *key) {
    size_t n = strlen(key);
    for (size_t i = 0; i + n + 1 <= text.n; i++) {
        if (i > 0 && text.p[i - 1] != ' ')
            continue;
        struct span here = {text.p + i, text.n - i};
        if (!span_istarts(here, key) || here.p[n] != ':')
            continue;
        struct span v = {here.p + n + 1, 0};
        while (v.n < here.n - n - 1 && !isspace((unsigned char)v.p[v.n]))
            v.n++;
        return v;
    }
    return SPAN_NONE;
}

static void set_id(struct dlr *out, struct span id, enum dlr_ids ids) {
    char raw[66], *end;
    snprintf(raw, sizeof raw, "%.*s", (int)(id.n < 65 ? id.n : 65), id.n ? id.p : "");
    snprintf(out->id, sizeof out->id, "%s", raw);
    if (ids == DLR_SAME || !isxdigit((unsigned char)raw[0]) || strlen(raw) > 16)
        return;
    unsigned long long v = strtoull(raw, &end, ids == DLR_HEX ? 16 : 10);
    if (*end == 0)
        snprintf(out->id, sizeof out->id, ids == DLR_HEX ? "%llu" : "%llx", v);
}

static size_t state_of(const struct pdu *p) {
    if (p->state >= 1 && (size_t)p->state <= STATES_N)
        return (size_t)p->state - 1;
    struct span stat = word(p->text, "stat");
    for (size_t i = 0; i < STATES_N; i++)
        if (span_ieq(stat, states[i].stat))
            return i;
    return 6; /* UNKNOWN says nothing, as does what we do not know */
}

bool dlr_read(const struct pdu *p, enum dlr_ids ids, struct dlr *out) {
    struct span id = span_str(p->receipted_id), err = word(p->text, "err");
    size_t i = state_of(p);
    *out = (struct dlr){.state = states[i].state,
                        .is_permanent = states[i].is_permanent,
                        .stat = span_str(states[i].stat)};
    if (!id.n)
        id = word(p->text, "id");
    set_id(out, id, ids);
    for (size_t k = 0; k < err.n; k++)
        if (!isalnum((unsigned char)err.p[k]))
            err.n = k;
    if (states[i].reason) {
        snprintf(out->code, sizeof out->code, "%.*s", (int)(err.n < 8 ? err.n : 8),
                 err.n ? err.p : "");
        snprintf(out->reason, sizeof out->reason, "%s (%s, code %s)", states[i].reason,
                 states[i].stat, *out->code ? out->code : "-");
    }
    return out->id[0] != 0;
}
