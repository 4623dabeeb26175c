/* SPDX-License-Identifier: EUPL-1.2 */
/* review: the stream tells of edits and deletions only while it is open. After it was away, the
 * instance is asked how the mentions of the last weeks look now: many at once where it can do
 * that, and one by one for what the list does not have. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/mastodon/mastodon_private.h"
#include "gateway/base/clock.h"

#define MENTIONS "mentions"
#define KEEP_MS (90LL * 24 * 3600 * 1000)
#define WINDOW_MS (30LL * 24 * 3600 * 1000)
#define KNOWN_MAX 200 /* newest mentions that are looked at */
#define LIST_MAX 20   /* statuses in one question, the limit of Mastodon */
#define SINGLES_MAX 40
#define AGAIN_MS 60000
#define PACE_MS 5000 /* a question: of the 300 in five minutes these take a fifth at most */

struct known {
    char id[TOOT_ID_BYTES_MAX + 1];
    int64_t edited_ms; /* of the wording that is here, 0: the first */
    bool is_single;
};
struct mast_review {
    struct mastodon *m;
    struct known list[KNOWN_MAX];
    size_t n, at, singles_n, asked_n;
    json_t *page; /* statuses of the last list */
    size_t from, to;
};

static void next(struct mast_review *r);

void mast_known_key(char out[TOOT_ID_BYTES_MAX + 8], struct span id) {
    snprintf(out, TOOT_ID_BYTES_MAX + 8, "from:%.*s", (int)id.n, id.p);
}

static void not_waited_for(void *arg, int status) {
    (void)arg, (void)status;
}

void mast_known(struct mastodon *m, struct span id, struct span sender, int64_t edited_ms) {
    char key[TOOT_ID_BYTES_MAX + 8];
    struct buf b = {0};
    int64_t now = m->h->now_ms(m->host);
    mast_known_key(key, id);
    buf_addf(&b, "%.*s %.*s %lld", (int)sender.n, sender.p, (int)id.n, id.p, (long long)edited_ms);
    m->h->state_set(m->host, kit_str(key), kit_out(buf_span(&b)), KEEP_MS, not_waited_for, NULL);
    m->h->state_rank(m->host, kit_str(MENTIONS), kit_str(key), now, now - KEEP_MS, not_waited_for,
                     NULL);
    buf_free(&b);
}

int64_t mast_edited_ms(const json_t *status) {
    int64_t ms = 0;
    clock_parse_rfc3339(json_str(status, "edited_at", ""), &ms);
    return ms;
}

void mast_review_drop(struct mastodon *m) {
    if (!m->review)
        return;
    json_decref(m->review->page);
    free(m->review);
    m->review = NULL;
}

static void end(struct mast_review *r, const struct draht_http_answer *a) {
    struct mastodon *m = r->m;
    uint64_t pause_ms = r->asked_n * PACE_MS, wait_ms = a ? mast_wait_ms(m, a) : 0;
    m->is_review_due = m->is_review_due || a;
    if (a && wait_ms < AGAIN_MS)
        wait_ms = AGAIN_MS;
    m->review_at_ms = m->h->now_ms(m->host) + (int64_t)(wait_ms > pause_ms ? wait_ms : pause_ms);
    mast_review_drop(m);
    mast_idle(m);
}

static void on_changed(void *arg) {
    next(arg);
}

/* True: something has changed, and next is called when that is stored. */
static bool compare(struct mast_review *r, const struct known *k, const json_t *status) {
    if (mast_edited_ms(status) <= k->edited_ms)
        return false;
    mast_change(r->m, json_incref((json_t *)(uintptr_t)status), span_str(k->id), on_changed, r);
    return true;
}

static const json_t *status_of(const json_t *list, const char *id) {
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_str(json_array_get(list, i), "id", ""), id) == 0)
            return json_array_get(list, i);
    return NULL;
}

static void on_single(void *arg, const struct draht_http_answer *a) {
    struct mast_review *r = arg;
    const struct known *k = &r->list[r->at];
    json_t *v = a->error ? NULL : json_parse(kit_in(a->body), MASTODON_ANSWER_BYTES_MAX, NULL);
    bool is_there = a->status == 200 && strcmp(json_str(v, "id", ""), k->id) == 0;
    bool is_gone = (a->status == 404 || a->status == 410) && *json_str(v, "error", "");
    if (r->m->is_stopping || (!is_there && !is_gone)) {
        end(r, a); /* no word about this status: a proxy, a limit, a page about maintenance */
    } else {
        r->at++;
        if (is_gone)
            mast_change(r->m, NULL, span_str(k->id), on_changed, r);
        else if (!compare(r, k, v))
            next(r);
    }
    json_decref(v);
}

static void on_list(void *arg, const struct draht_http_answer *a) {
    struct mast_review *r = arg;
    json_t *v = a->status == 200 && !a->error
                    ? json_parse(kit_in(a->body), MASTODON_ANSWER_BYTES_MAX, NULL)
                    : NULL;
    bool has_no_list = a->status == 400 || a->status == 404 || a->status == 405 || a->status == 422;
    if (r->m->is_stopping || (!json_is_array(v) && !has_no_list)) {
        json_decref(v);
        end(r, a);
        return;
    }
    for (size_t i = r->from; i < r->to; i++)
        r->list[i].is_single = !status_of(v, r->list[i].id);
    json_decref(r->page);
    r->page = v;
    next(r);
}

static bool ask_list(struct mast_review *r) {
    struct buf path = {0};
    r->from = r->to;
    buf_adds(&path, "/api/v1/statuses");
    while (r->to < r->n && r->to - r->from < LIST_MAX) {
        buf_addf(&path, "%sid[]=%s", r->to == r->from ? "?" : "&", r->list[r->to].id);
        r->to++;
    }
    r->asked_n++;
    bool ok = mast_call(r->m, "GET", path.p, NULL, NULL, SPAN_NONE, on_list, r);
    buf_free(&path);
    return ok;
}

static bool ask_single(struct mast_review *r) {
    char path[TOOT_ID_BYTES_MAX + 24];
    r->asked_n++;
    snprintf(path, sizeof path, "/api/v1/statuses/%s", r->list[r->at].id);
    return mast_call(r->m, "GET", path, NULL, NULL, SPAN_NONE, on_single, r);
}

/* Newest first; what is beyond the number of single questions stays as it was. */
static void next(struct mast_review *r) {
    while (!r->m->is_stopping && r->at < r->to) {
        const struct known *k = &r->list[r->at];
        if (k->is_single && r->singles_n++ < SINGLES_MAX) {
            if (!ask_single(r))
                end(r, NULL);
            return;
        }
        r->at++;
        if (!k->is_single && compare(r, k, status_of(r->page, k->id)))
            return;
    }
    if (r->m->is_stopping || r->to >= r->n || !ask_list(r))
        end(r, NULL);
}

static void learn(struct mast_review *r, struct span value) {
    struct known *k = &r->list[r->n];
    struct span rest = value;
    unsigned long long ms = 0;
    span_cut(&rest, ' '); /* the sender; values of earlier versions have nothing behind */
    struct span id = span_cut(&rest, ' ');
    if (id.n == 0 || id.n > TOOT_ID_BYTES_MAX || span_u64(rest, INT64_MAX, &ms) < 0)
        return;
    memcpy(k->id, id.p, id.n);
    k->id[id.n] = 0;
    k->edited_ms = (int64_t)ms;
    r->n++;
}

static void on_known(void *arg, int status, const struct draht_span *values, size_t n) {
    struct mast_review *r = arg;
    struct draht_http_answer none = {.retry_after_ms = -1};
    for (size_t i = 0; status == 0 && i < n && i < KNOWN_MAX; i++)
        if (values[i].p)
            learn(r, kit_in(values[i]));
    if (status < 0)
        end(r, &none);
    else
        next(r);
}

void mast_review(struct mastodon *m) {
    int64_t now = m->h->now_ms(m->host);
    if (m->review || !m->is_review_due || now < m->review_at_ms || m->is_stopping || !m->is_leased)
        return;
    struct mast_review *r = m->review = xcalloc(1, sizeof *r);
    r->m = m;
    m->is_review_due = false;
    m->h->state_ranked(m->host, kit_str(MENTIONS), now - WINDOW_MS, now, 0, KNOWN_MAX, on_known, r);
}
