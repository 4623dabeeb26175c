/* SPDX-License-Identifier: EUPL-1.2 */
/* smpp_seen: SMPP gives messages no id. A centre repeats what it had no answer for, with the same
 * bytes; a citizen may write the same word twice. So the same bytes are the same message only when
 * our answer to the first may have been lost: not given yet, or given on an earlier connection. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/smpp/smpp_channel.h"
#include "gateway/base/crypto.h"

struct smpp_asking { /* one message, and who else brought the same bytes meanwhile */
    struct smpp_asking *next;
    struct smpp *c;
    const struct session *session; /* the latest that brought it, as it was then */
    uint32_t generation;
    uint8_t hash[16];
    char key[48], id[80];
    bool is_stored;
    struct asker *askers;
};
struct asker {
    struct asker *next;
    smpp_seen_fn fn;
    void *arg;
};

static void hash_of(struct smpp *c, const struct pdu *p, uint8_t out[32]) {
    struct buf b = {0};
    buf_addf(&b, "smpp.seen.%s.%s.%u.%u.%d.%d.%d.", p->from.text, p->to.text, p->esm_class,
             p->data_coding, p->sar_ref, p->sar_total, p->sar_seq);
    buf_add(&b, p->text.p, p->text.n);
    c->h->mac(c->host, kit_out(buf_span(&b)), out);
    buf_free(&b);
}

static struct smpp_seen *find(struct smpp *c, const uint8_t hash[16]) {
    for (size_t i = 1; i <= SMPP_SEEN_MAX; i++) { /* the latest first */
        struct smpp_seen *e = &c->seen[(c->seen_at + SMPP_SEEN_MAX - i) % SMPP_SEEN_MAX];
        if (e->id[0] && memcmp(e->hash, hash, sizeof e->hash) == 0)
            return e;
    }
    return NULL;
}

static struct smpp_asking *find_asking(struct smpp *c, const uint8_t hash[16]) {
    struct smpp_asking *a = c->asking;
    while (a && memcmp(a->hash, hash, sizeof a->hash) != 0)
        a = a->next;
    return a;
}

static void add(struct smpp_asking *a) {
    struct smpp *c = a->c;
    struct smpp_seen *e = &c->seen[c->seen_at];
    c->seen_at = (c->seen_at + 1) % SMPP_SEEN_MAX;
    *e = (struct smpp_seen){.session = a->session, .generation = a->generation};
    memcpy(e->hash, a->hash, sizeof e->hash);
    memcpy(e->id, a->id, sizeof e->id);
}

static void tell(struct smpp_asking *a, bool is_known) {
    struct smpp_asking **at = &a->c->asking;
    while (*at != a)
        at = &(*at)->next;
    *at = a->next;
    while (a->askers) {
        struct asker *x = a->askers;
        a->askers = x->next;
        x->fn(x->arg, is_known ? a->id : NULL, a->is_stored);
        free(x);
    }
    free(a);
}

static void kept(void *arg, int status) {
    tell(arg, status >= 0);
}

/* The message may be stored only when its id is: when we end between the two, the repetition would
 * get another. The calls travel on connections of their own, so waiting is the only order. */
static void keep(struct smpp_asking *a) {
    struct smpp *c = a->c;
    c->h->state_set(c->host, kit_str(a->key), kit_str(a->id), SMPP_REPEAT_MS, kept, a);
}

static void is_new(struct smpp_asking *a) {
    struct smpp *c = a->c;
    uint32_t random;
    c->h->random(&random, sizeof random);
    snprintf(a->id, sizeof a->id, "%s.%lld.%08x", a->key + 5, (long long)c->h->now_ms(c->host),
             random);
    add(a);
    keep(a);
}

static void remembered(void *arg, int status, struct draht_span value) {
    struct smpp_asking *a = arg;
    if (status < 0) {
        tell(a, false);
    } else if (!value.p || value.n == 0 || value.n >= sizeof a->id) {
        is_new(a);
    } else {
        memcpy(a->id, value.p, value.n);
        add(a);
        tell(a, true);
    }
}

bool smpp_seen_is_young(const struct smpp *c) {
    return c->h->now_ms(c->host) - c->started_ms < SMPP_REPEAT_MS;
}

static struct smpp_asking *ask(struct smpp *c, const uint8_t hash[16]) {
    struct smpp_asking *a = xcalloc(1, sizeof *a);
    *a = (struct smpp_asking){.next = c->asking, .c = c};
    c->asking = a;
    memcpy(a->hash, hash, sizeof a->hash);
    snprintf(a->key, sizeof a->key, "seen.");
    crypto_hex(hash, sizeof a->hash, a->key + 5);
    return a;
}

static bool is_of(const struct smpp_seen *e, const struct session *s, uint32_t generation) {
    return e->session == s && e->generation == generation;
}

/* What comes again on the connection that was told is new: a citizen says the same once more. */
static bool is_repeated(struct smpp *c, struct smpp_seen *e, const struct session *s) {
    bool is_latest = is_of(e, s, session_generation(s));
    bool is_old = c->h->now_ms(c->host) - e->stored_ms >= SMPP_REPEAT_MS;
    if (e->stored_ms != 0 && (is_old || (is_latest && e->is_told)))
        return false;
    e->session = s;
    e->generation = session_generation(s);
    e->is_told = e->is_told && is_latest;
    return true;
}

void smpp_seen_ask(struct smpp *c, const struct session *s, const struct pdu *p, smpp_seen_fn fn,
                   void *arg) {
    uint8_t hash[32];
    struct asker *x = xcalloc(1, sizeof *x);
    hash_of(c, p, hash);
    struct smpp_asking *a = find_asking(c, hash);
    struct smpp_seen *e = find(c, hash);
    bool is_under_way = a != NULL;
    if (!a)
        a = ask(c, hash);
    *x = (struct asker){a->askers, fn, arg};
    a->askers = x;
    a->session = s;
    a->generation = session_generation(s);
    if (e && is_repeated(c, e, s)) {
        memcpy(a->id, e->id, sizeof a->id);
        a->is_stored = e->stored_ms != 0;
    }
    if (is_under_way)
        return;
    if (a->id[0])
        keep(a); /* the first attempt may have failed */
    else if (!e && smpp_seen_is_young(c))
        c->h->state_get(c->host, kit_str(a->key), remembered, a);
    else
        is_new(a);
}

void smpp_seen_stored(struct smpp *c, const char *id, const struct delivery *d) {
    for (size_t i = 1; i <= SMPP_SEEN_MAX; i++) {
        struct smpp_seen *e = &c->seen[(c->seen_at + SMPP_SEEN_MAX - i) % SMPP_SEEN_MAX];
        if (strcmp(e->id, id) == 0) {
            e->stored_ms = c->h->now_ms(c->host);
            e->is_told = e->is_told || (d->session && is_of(e, d->session, d->generation));
            return;
        }
    }
}
