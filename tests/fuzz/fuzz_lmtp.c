/* SPDX-License-Identifier: EUPL-1.2 */
/* Any bytes as an LMTP dialogue: whole and in pieces of seven, both must answer the same. */
#include <stdint.h>
#include <stdlib.h>

#include "channels/email/lmtp.h"

struct peer {
    struct lmtp *s;
};

static const char *on_recipient(void *arg, struct span a) {
    (void)arg;
    return a.n % 3 == 0 ? "550 5.1.1 no" : NULL;
}

static void on_mail(void *arg, const struct lmtp_mail *m) {
    struct peer *p = arg;
    const char *replies[LMTP_RECIPIENTS_MAX];
    for (size_t i = 0; i < m->recipients_n; i++) replies[i] = "250 2.0.0 ok";
    lmtp_answer(p->s, replies, m->recipients_n);
}

static struct buf talk(struct span in, size_t step) {
    static const struct lmtp_handlers h = {on_recipient, on_mail};
    struct lmtp_budget budget = {0, 1 << 16};
    struct peer p = {0};
    p.s = lmtp_new("fuzz.test", 4096, &budget, &h, &p);
    for (size_t i = 0; i < in.n; i += step)
        lmtp_feed(p.s, (struct span){in.p + i, in.n - i < step ? in.n - i : step});
    struct buf out = *lmtp_output(p.s);
    *lmtp_output(p.s) = (struct buf){0};
    lmtp_free(&p.s);
    if (budget.used_bytes != 0) abort();
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
    struct span in = {(const char *)p, n};
    struct buf whole = talk(in, n + 1), pieces = talk(in, 7);
    if (!span_is(buf_span(&whole), buf_span(&pieces))) abort();
    buf_free(&whole);
    buf_free(&pieces);
    return 0;
}
