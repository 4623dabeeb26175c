/* SPDX-License-Identifier: EUPL-1.2 */
/* keep: what the pretended host keeps for a channel: blobs and small state, across its restarts. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/conformance/inner.h"
#include "gateway/base/arena.h"

enum { STATE_KEY_MAX = 200, STATE_VALUE_MAX = 65536 };

static void run_done(struct conf_job *j) {
    if (j->fn.done)
        j->fn.done(j->arg, j->status);
}

void conf_later_done(struct conf *k, draht_done_fn done, void *arg, int status) {
    struct conf_job *j = conf_later(k, run_done, arg, 1);
    j->fn.done = done;
    j->status = status;
}

static char *dup_span(struct draht_span s) {
    return xstrndup(s.p ? s.p : "", s.p ? s.n : 0);
}

static struct conf_entry *entry_find(struct conf_entry *e, struct span key) {
    while (e && !span_eq(key, e->key))
        e = e->next;
    return e;
}

struct conf_entry *conf_entry_new(struct conf_entry **list, const char *key) {
    struct conf_entry *e = xcalloc(1, sizeof *e);
    e->key = xstrdup(key);
    e->next = *list;
    *list = e;
    return e;
}

static void run_blob(struct conf_job *j) {
    j->fn.blob(j->arg, j->status, (struct draht_span){j->bytes.p, j->bytes.n});
}

void conf_blob_put(void *host, struct draht_span bytes, draht_blob_fn done, void *arg) {
    struct conf *k = conf_check(host, "blob_put");
    char key[32];
    snprintf(key, sizeof key, "blob-%u", ++k->ids);
    buf_add(&conf_entry_new(&k->blobs, key)->value, bytes.p, bytes.n);
    conf_crash_note(k);
    struct conf_job *j = conf_later(k, run_blob, arg, 1);
    j->fn.blob = done;
    buf_adds(&j->bytes, key);
}

void conf_blob_get(void *host, struct draht_span blob, draht_blob_fn done, void *arg) {
    struct conf *k = conf_check(host, "blob_get");
    const struct conf_entry *e = entry_find(k->blobs, conf_own(blob));
    struct conf_job *j = conf_later(k, run_blob, arg, 1);
    j->fn.blob = done;
    j->status = e ? 0 : DRAHT_E_REJECTED;
    if (e)
        buf_add(&j->bytes, e->value.p, e->value.n);
}

void conf_state_set(void *host, struct draht_span key, struct draht_span value, uint64_t ttl_ms,
                    draht_done_fn done, void *arg) {
    struct conf *k = conf_check(host, "state_set");
    (void)ttl_ms;
    if (!key.n || key.n > STATE_KEY_MAX || value.n > STATE_VALUE_MAX) {
        conf_violation(k,
                       "state_set with a key of %zu and a value of %zu bytes (at most 200 and "
                       "65536)",
                       key.n, value.n);
        conf_later_done(k, done, arg, DRAHT_E_REJECTED);
        return;
    }
    struct conf_entry *e = entry_find(k->states, conf_own(key));
    if (!e) {
        char *name = dup_span(key);
        e = conf_entry_new(&k->states, name);
        free(name);
    }
    buf_clear(&e->value);
    buf_add(&e->value, value.p, value.n);
    conf_crash_note(k);
    conf_later_done(k, done, arg, 0);
}

static void run_state(struct conf_job *j) {
    j->fn.state(j->arg, 0,
                j->has_bytes ? (struct draht_span){j->bytes.p, j->bytes.n}
                             : (struct draht_span){0});
}

void conf_state_get(void *host, struct draht_span key, draht_state_fn done, void *arg) {
    struct conf *k = conf_check(host, "state_get");
    const struct conf_entry *e = entry_find(k->states, conf_own(key));
    struct conf_job *j = conf_later(k, run_state, arg, 1);
    j->fn.state = done;
    j->has_bytes = e != NULL;
    if (e)
        buf_add(&j->bytes, e->value.p ? e->value.p : "", e->value.n);
}

void conf_state_del(void *host, struct draht_span key, draht_done_fn done, void *arg) {
    struct conf *k = conf_check(host, "state_del");
    struct conf_entry **at = &k->states;
    while (*at && !span_eq(conf_own(key), (*at)->key))
        at = &(*at)->next;
    struct conf_entry *e = *at;
    if (e) {
        *at = e->next;
        free(e->key);
        buf_free(&e->value);
        free(e);
        conf_crash_note(k);
    }
    conf_later_done(k, done, arg, 0);
}

/* No case asks for lists: an index takes everything and holds nothing. */
void conf_state_rank(void *host, struct draht_span index, struct draht_span key, int64_t score,
                     int64_t cut, draht_done_fn done, void *arg) {
    struct conf *k = conf_check(host, "state_rank");
    (void)score, (void)cut;
    if (!index.n || !key.n || index.n > STATE_KEY_MAX || key.n > STATE_KEY_MAX)
        conf_violation(k, "state_rank with an index or key of no or more than 200 bytes");
    conf_later_done(k, done, arg, 0);
}

static void run_ranked(struct conf_job *j) {
    j->fn.ranked(j->arg, 0, NULL, 0);
}

void conf_state_ranked(void *host, struct draht_span index, int64_t min, int64_t max, uint32_t skip,
                       uint32_t limit, draht_ranked_fn done, void *arg) {
    (void)index, (void)min, (void)max, (void)skip, (void)limit;
    conf_later(conf_check(host, "state_ranked"), run_ranked, arg, 1)->fn.ranked = done;
}

static void run_tickets(struct conf_job *j) {
    j->fn.tickets(j->arg, 0, NULL, 0);
}

void conf_tickets(void *host, const struct draht_span *numbers, size_t n, draht_tickets_fn done,
                  void *arg) {
    (void)numbers, (void)n;
    conf_later(conf_check(host, "tickets"), run_tickets, arg, 1)->fn.tickets = done;
}

static void entries_free(struct conf_entry **list) {
    while (*list) {
        struct conf_entry *e = *list;
        *list = e->next;
        free(e->key);
        buf_free(&e->value);
        free(e);
    }
}

void conf_keep_free(struct conf *k) {
    entries_free(&k->states);
    entries_free(&k->blobs);
}
