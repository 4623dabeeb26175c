/* SPDX-License-Identifier: EUPL-1.2 */
/* memory: the little that is kept between messages, in the host's state and gone by itself: when a
 * citizen last wrote (for the reply window and the read mark), and what was sent to him lately
 * (Messenger's marks name a time, not a message). Keys are MACs, so they name nobody. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/meta/meta_private.h"

#define LAST_TTL_MS ((uint64_t)META_AGENT_WINDOW_MS)
#define SENT_TTL_MS (30ull * 24 * 3600 * 1000)

struct job {
    struct meta *m;
    struct span thread, mid;
    int64_t at_ms;
    uint32_t state;
    meta_last_fn on_last;
    draht_done_fn done;
    void *arg;
    size_t waiting;
    int status;
    char bytes[];
};

static struct job *job_new(struct meta *m, struct span thread, int64_t at_ms, struct span mid) {
    struct job *j = xcalloc(1, sizeof *j + thread.n + mid.n);
    j->m = m;
    j->at_ms = at_ms;
    if (thread.n)
        memcpy(j->bytes, thread.p, thread.n);
    if (mid.n)
        memcpy(j->bytes + thread.n, mid.p, mid.n);
    j->thread = (struct span){j->bytes, thread.n};
    j->mid = (struct span){j->bytes + thread.n, mid.n};
    return j;
}

static struct draht_span key_of(struct meta *m, const char *what, struct span thread,
                                char out[80]) {
    uint8_t mac[32];
    m->h->mac(m->host, kit_out(thread), mac);
    int n = snprintf(out, 80, "%s:", what);
    for (int i = 0; i < 16; i++)
        snprintf(out + n + 2 * i, 3, "%02x", mac[i]);
    return kit_str(out);
}

static void not_waited_for(void *arg, int status) {
    (void)arg, (void)status;
}

/* "milliseconds mid" */
static struct meta_last last_of(struct span s) {
    struct meta_last last = {0};
    unsigned long long ms;
    if (span_u64(span_cut(&s, ' '), INT64_MAX, &ms) == 0) {
        last.at_ms = (int64_t)ms;
        last.mid = s;
    }
    return last;
}

/* A late redelivery must not move the window back. */
static void last_compare(void *arg, int status, struct draht_span value) {
    struct job *j = arg;
    struct meta_last old = last_of(kit_in(value));
    if (status == 0 && old.at_ms < j->at_ms) {
        char key[80];
        struct buf b = {0};
        buf_addf(&b, "%lld %.*s", (long long)j->at_ms, (int)j->mid.n, j->mid.p);
        j->m->h->state_set(j->m->host, key_of(j->m, "in", j->thread, key), kit_out(buf_span(&b)),
                           LAST_TTL_MS, not_waited_for, NULL);
        buf_free(&b);
    }
    free(j);
}

void meta_last_put(struct meta *m, struct span thread, int64_t at_ms, struct span mid) {
    char key[80];
    m->h->state_get(m->host, key_of(m, "in", thread, key), last_compare,
                    job_new(m, thread, at_ms, mid));
}

static void last_got(void *arg, int status, struct draht_span value) {
    struct job *j = arg;
    struct meta_last last = {0};
    if (status == 0)
        last = last_of(kit_in(value));
    j->on_last(j->arg, &last);
    free(j);
}

void meta_last_get(struct meta *m, struct span thread, meta_last_fn done, void *arg) {
    char key[80];
    struct job *j = job_new(m, SPAN_NONE, 0, SPAN_NONE);
    j->on_last = done;
    j->arg = arg;
    m->h->state_get(m->host, key_of(m, "in", thread, key), last_got, j);
}

/* Lines of "milliseconds mid", newest first. */
static void sent_add(void *arg, int status, struct draht_span value) {
    struct job *j = arg;
    struct span rest = kit_in(value);
    struct buf b = {0};
    buf_addf(&b, "%lld %.*s\n", (long long)j->at_ms, (int)j->mid.n, j->mid.p);
    for (int i = 1; i < META_SENT_KEPT && status == 0 && rest.n; i++) {
        struct span line = span_cut(&rest, '\n');
        buf_add(&b, line.p, line.n);
        buf_adds(&b, "\n");
    }
    char key[80];
    j->m->h->state_set(j->m->host, key_of(j->m, "out", j->thread, key), kit_out(buf_span(&b)),
                       SENT_TTL_MS, not_waited_for, NULL);
    buf_free(&b);
    free(j);
}

void meta_sent_put(struct meta *m, struct span thread, int64_t at_ms, struct span mid) {
    char key[80];
    m->h->state_get(m->host, key_of(m, "out", thread, key), sent_add,
                    job_new(m, thread, at_ms, mid));
}

static void receipt_settled(struct job *j) {
    if (--j->waiting > 0)
        return;
    j->done(j->arg, j->status);
    free(j);
}

static void receipt_stored(void *arg, int status) {
    struct job *j = arg;
    if (status < 0 && error_is_retryable(status))
        j->status = status;
    receipt_settled(j);
}

static void receipts_of(void *arg, int status, struct draht_span value) {
    struct job *j = arg;
    struct span rest = kit_in(value);
    j->status = status;
    j->waiting = 1;
    while (status == 0 && rest.n) {
        struct meta_last sent = last_of(span_cut(&rest, '\n'));
        if (sent.at_ms == 0 || sent.at_ms > j->at_ms || sent.mid.n == 0)
            continue;
        struct draht_receipt r = {.size = sizeof r,
                                  .external_id = kit_out(sent.mid),
                                  .state = j->state,
                                  .at_ms = j->at_ms};
        j->waiting++;
        j->m->h->receipt(j->m->host, &r, receipt_stored, j);
    }
    receipt_settled(j);
}

void meta_sent_reached(struct meta *m, struct span thread, int64_t at_ms, uint32_t state,
                       draht_done_fn done, void *arg) {
    char key[80];
    struct job *j = job_new(m, SPAN_NONE, at_ms, SPAN_NONE);
    j->state = state;
    j->done = done;
    j->arg = arg;
    m->h->state_get(m->host, key_of(m, "out", thread, key), receipts_of, j);
}
