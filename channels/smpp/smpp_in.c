/* SPDX-License-Identifier: EUPL-1.2 */
/* smpp_in: from a message of the centre to intake; the centre gets its answer when it is durable.
 */
#include <stdio.h>
#include <stdlib.h>

#include "channels/smpp/smpp_channel.h"
#include "gateway/base/utf8.h"

#define ESM_KIND 0x3c
#define TEXT_BYTES_MAX (200 * 1024)

struct accepting {
    struct smpp *c;
    struct delivery d;
    char id[80];
    void (*done)(void *arg, int status);
    void *arg;
};
struct incoming {
    struct smpp *c;
    struct delivery d;
    struct pdu p;
    char *bytes;
};

void smpp_answer(const struct delivery *d, uint32_t status) {
    if (d->session)
        session_answer(d->session, d->generation, d->command, d->sequence, status);
}

void smpp_answer_stored(struct smpp *c, const char *id, const struct delivery *d) {
    smpp_seen_stored(c, id, d);
    smpp_answer(d, PDU_OK);
}

static void accepted(void *arg, int status, const struct draht_accepted *x) {
    struct accepting *a = arg;
    (void)x;
    if (status == 0)
        smpp_seen_stored(a->c, a->id, &a->d);
    if (a->done)
        a->done(a->arg, status);
    smpp_answer(&a->d, status == 0                  ? PDU_OK
                       : status == DRAHT_E_REJECTED ? PDU_RX_R_APPN
                                                    : PDU_RX_T_APPN);
    free(a);
}

static char *warnings_of(const struct smpp_text *t, const struct utf8_notes *notes) {
    json_t *list = json_array();
    for (size_t i = 0; i < t->warnings_n; i++)
        json_array_append_new(list, json_string(t->warnings[i]));
    if (notes->had_controls)
        json_array_append_new(list, json_string("control characters were removed"));
    if (notes->had_bidi)
        json_array_append_new(list, json_string("the text changes its direction"));
    if (notes->was_cut)
        json_array_append_new(list, json_string("the text was cut"));
    char *text = json_array_size(list) ? json_text(list) : NULL;
    json_decref(list);
    return text;
}

void smpp_in_accept(struct smpp *c, const struct smpp_text *t) {
    struct arena *arena = arena_new();
    struct utf8_notes notes = {0};
    struct span text = utf8_clean(arena, t->text, TEXT_BYTES_MAX, &notes);
    char *warnings = warnings_of(t, &notes);
    struct draht_thread_hint hint = {DRAHT_THREAD_KEY, kit_str(t->from)};
    struct accepting *a = xcalloc(1, sizeof *a);
    *a = (struct accepting){.c = c, .d = t->d, .done = t->done, .arg = t->arg};
    snprintf(a->id, sizeof a->id, "%s", t->external_id);
    struct draht_inbound in = {.size = sizeof in,
                               .external_id = kit_str(t->external_id),
                               .sender = kit_str(t->from),
                               .recipient = kit_str(t->to),
                               .text = text.n ? kit_out(text) : kit_str("[empty message]"),
                               .thread = kit_str(t->from),
                               .hints = &hint,
                               .hints_n = 1,
                               .warnings = kit_str(warnings)};
    c->h->accept(c->host, &in, accepted, a);
    free(warnings);
    arena_free(&arena);
}

static void whole(struct smpp *c, const struct incoming *x, const char *id, struct smpp_read *r) {
    struct buf text = {0};
    bool is_odd = false;
    sms_decode(r->coding, r->head.single, r->head.locking, buf_span(&r->body), &text, &is_odd);
    struct smpp_text t = {.d = x->d, .text = buf_span(&text), .warnings_n = r->warnings_n};
    memcpy(t.warnings, r->warnings, sizeof t.warnings);
    if (is_odd && t.warnings_n < 4)
        t.warnings[t.warnings_n++] = "some characters could not be read";
    snprintf(t.external_id, sizeof t.external_id, "%s", id);
    memcpy(t.from, r->from, sizeof t.from);
    memcpy(t.to, r->to, sizeof t.to);
    if (!smpp_words(c, &t))
        smpp_in_accept(c, &t);
    buf_free(&text);
}

static void part(struct smpp *c, const struct incoming *x, const char *id, bool is_stored,
                 struct smpp_read *r) {
    struct smpp_part p = {.d = x->d,
                          .ref = (uint32_t)r->head.ref,
                          .is_ref16 = r->head.is_ref16,
                          .is_sar = r->is_sar,
                          .is_repeated = is_stored,
                          .total = (uint8_t)r->head.total,
                          .number = (uint8_t)r->head.number,
                          .coding = r->coding,
                          .single = r->head.single,
                          .locking = r->head.locking,
                          .bytes = buf_span(&r->body)};
    snprintf(p.id, sizeof p.id, "%s", id);
    memcpy(p.from, r->from, sizeof p.from);
    memcpy(p.to, r->to, sizeof p.to);
    smpp_parts_add(c, &p);
}

static void known(void *arg, const char *id, bool is_stored) {
    struct incoming *x = arg;
    struct smpp *c = x->c;
    struct smpp_read r;
    if (!id) {
        smpp_answer(&x->d, PDU_RX_T_APPN);
    } else {
        smpp_read(&x->p, c->set.country, c->set.zero, c->set.one, &r);
        if (r.head.total < 0 && is_stored)
            smpp_answer_stored(c, id, &x->d);
        else if (r.head.total < 0)
            whole(c, x, id, &r);
        else
            part(c, x, id, is_stored, &r);
        buf_free(&r.body);
    }
    free(x->bytes);
    free(x);
}

void smpp_in_message(void *channel, struct session *s, const struct pdu *p) {
    struct smpp *c = channel;
    struct delivery d = {s, session_generation(s), p->command, p->sequence};
    struct dlr r;
    if (dlr_is(p)) {
        if (dlr_read(p, c->set.receipt_ids, &r))
            smpp_receipt(c, &d, &r);
        else
            smpp_answer(&d, PDU_OK);
    } else if (p->esm_class & ESM_KIND) { /* acknowledgements and notices between telephones */
        smpp_answer(&d, PDU_OK);
    } else {
        struct incoming *x = xcalloc(1, sizeof *x);
        *x = (struct incoming){.c = c, .d = d, .p = *p, .bytes = xcalloc(1, p->text.n + 1)};
        if (p->text.n)
            memcpy(x->bytes, p->text.p, p->text.n);
        x->p.text.p = x->bytes;
        smpp_seen_ask(c, s, &x->p, known, x);
    }
}
