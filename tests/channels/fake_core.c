/* SPDX-License-Identifier: EUPL-1.2 */
/* fake_core: what the parts of the host in memory share: its state, answers that are still to come,
 * and a clock that stands still until the test moves it. Included by fake_host.c. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/abi/draht_channel.h"
#include "gateway/base/arena.h"
#include "gateway/base/buf.h"
#include "gateway/base/crypto.h"
#include "gateway/base/json.h"

enum { FAKE_MAX = 600 };

struct fake_message {
    char *external_id, *thread, *text, *sender;
    char message[32];
    bool from_citizen, is_system;
    uint64_t seq;
    uint32_t state, flags;
    size_t files_n;
};
struct fake_job { /* an answer that is still to come */
    struct fake_job *next;
    void (*run)(struct fake_job *j);
    union {
        draht_accept_fn accept;
        draht_done_fn done;
        draht_state_fn state;
        draht_blob_fn blob;
        draht_history_fn history;
        draht_scan_fn scan;
        draht_ranked_fn ranked;
        draht_tickets_fn tickets;
    } fn;
    void *arg;
    int status, duplicate;
    size_t at;
    struct buf bytes;
    bool has_bytes;
    uint64_t after;
    uint32_t limit;
};
struct draht_socket {
    const struct draht_socket_ops *ops;
    void *user;
    char *frames[FAKE_MAX];
    size_t frames_n;
    int close_code;
    bool is_open;
};
struct draht_http {
    const char *method, *path, *rest, *body, *peer;
    size_t body_n;
    const char *names[8], *values[8]; /* query with '?', headers plain */
    int status;
    char type[64];
    struct buf out, headers;
};
struct draht_timer {
    struct draht_timer *next;
    int64_t at_ms;
    uint64_t repeat_ms;
    void (*fn)(void *arg);
    void *arg;
    bool is_stopped;
};
struct draht_token {
    int verdict, settled_n;
};
static struct fake {
    void *channel;
    const struct draht_channel_ops *ops;
    const struct draht_socket_ops *socket_ops;
    struct {
        const char *methods, *path;
        draht_http_route_fn fn;
    } routes[32];
    size_t routes_n;
    struct fake_message messages[FAKE_MAX];
    size_t messages_n;
    struct {
        char *key, *value;
        int64_t score; /* in the index, 0: not in it */
    } states[FAKE_MAX];
    size_t states_n, state_sets;
    int64_t ranked_min, ranked_max; /* what was asked for last */
    int64_t updated_ms;             /* of all tickets, 0: now */
    struct buf blobs[32];
    size_t blobs_n;
    struct fake_job *jobs_first, *jobs_last;
    struct draht_timer *timers;
    int64_t now_ms;
    int accept_status, history_status, histories, scan_status, scans;
    bool is_open_hours, is_closed, is_erased;
    const char *tags;
    int typings, last_typing, receipts, read_marks;
    uint64_t last_read_mark;
    char files[400]; /* "<types>=<bytes>;" a kind, as the channel offered them last */
    struct draht_text text; /* as the channel told it last */
    int watches; /* conversations under watch now */
    int places;  /* of them those that want their place */
    int tells;
    char told[33]; /* the last word */
    uint32_t last_receipt;
    struct crypto *crypto;
} fake;

static struct fake_job *fake_later(void (*run)(struct fake_job *), void *arg) {
    struct fake_job *j = xcalloc(1, sizeof *j);
    j->run = run;
    j->arg = arg;
    if (fake.jobs_last)
        fake.jobs_last->next = j;
    else
        fake.jobs_first = j;
    fake.jobs_last = j;
    return j;
}

static void fake_run(void) {
    while (fake.jobs_first) {
        struct fake_job *j = fake.jobs_first;
        fake.jobs_first = j->next;
        if (!fake.jobs_first)
            fake.jobs_last = NULL;
        j->run(j);
        buf_free(&j->bytes);
        free(j);
    }
}

/* Moves the clock and lets what is due happen. */
__attribute__((unused)) static void fake_advance(int64_t ms) {
    int64_t until = fake.now_ms + ms;
    for (;;) {
        struct draht_timer *due = NULL;
        for (struct draht_timer *t = fake.timers; t; t = t->next)
            if (!t->is_stopped && t->at_ms <= until && (!due || t->at_ms < due->at_ms))
                due = t;
        if (!due)
            break;
        if (due->at_ms > fake.now_ms)
            fake.now_ms = due->at_ms;
        due->at_ms = due->repeat_ms ? fake.now_ms + (int64_t)due->repeat_ms : INT64_MAX;
        due->fn(due->arg);
        fake_run();
    }
    fake.now_ms = until;
}

static char *fake_dup(struct draht_span s) {
    return xstrndup(s.p ? s.p : "", s.n);
}
static struct draht_span fake_span(const char *s) {
    return (struct draht_span){s, s ? strlen(s) : 0};
}
