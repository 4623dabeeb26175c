/* SPDX-License-Identifier: EUPL-1.2 */
/* smpp_seen: SMPP gives messages no id. A centre repeats what it had no answer for, with the same
 * bytes; a citizen may write the same word twice. So the same bytes are the same message only when
 * our answer to the first may have been lost: not given yet, or given on an earlier connection. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/smpp/smpp_channel.h"

struct asking {
    struct smpp *c;
    const struct session *session;
    uint8_t hash[16];
    char key[48], id[80];
    bool is_answered;
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

static struct smpp_seen *add(struct asking *a) {
    struct smpp *c = a->c;
    struct smpp_seen *e = &c->seen[c->seen_at];
    c->seen_at = (c->seen_at + 1) % SMPP_SEEN_MAX;
    *e = (struct smpp_seen){.session = a->session, .generation = session_generation(a->session)};
    memcpy(e->hash, a->hash, sizeof e->hash);
    return e;
}

static void kept(void *arg, int status) {
    struct asking *a = arg;
    a->fn(a->arg, status < 0 ? NULL : a->id, a->is_answered);
    free(a);
}

/* The message may be stored only when its id is: when we end between the two, the repetition would
 * get another. The calls travel on connections of their own, so waiting is the only order. */
static void keep(struct asking *a) {
    struct smpp *c = a->c;
    c->h->state_set(c->host, kit_str(a->key), kit_str(a->id), SMPP_REPEAT_MS, kept, a);
}

static void is_new(struct asking *a) {
    struct smpp *c = a->c;
    struct smpp_seen *e = add(a);
    uint32_t random;
    c->h->random(&random, sizeof random);
    snprintf(e->id, sizeof e->id, "%s.%lld.%08x", a->key + 5, (long long)c->h->now_ms(c->host),
             random);
    memcpy(a->id, e->id, sizeof a->id);
    keep(a);
}

static void remembered(void *arg, int status, struct draht_span value) {
    struct asking *a = arg;
    if (status < 0) {
        a->fn(a->arg, NULL, false);
        free(a);
        return;
    }
    if (!value.p || value.n == 0 || value.n >= sizeof((struct smpp_seen *)0)->id) {
        is_new(a);
        return;
    }
    struct smpp_seen *e = add(a);
    memcpy(e->id, value.p, value.n);
    a->fn(a->arg, e->id, false);
    free(a);
}

bool smpp_seen_is_young(const struct smpp *c) {
    return c->h->now_ms(c->host) - c->started_ms < SMPP_REPEAT_MS;
}

void smpp_seen_ask(struct smpp *c, const struct session *s, const struct pdu *p, smpp_seen_fn fn,
                   void *arg) {
    uint8_t hash[32];
    struct asking *a = xcalloc(1, sizeof *a);
    *a = (struct asking){.c = c, .session = s, .fn = fn, .arg = arg};
    hash_of(c, p, hash);
    memcpy(a->hash, hash, sizeof a->hash);
    snprintf(a->key, sizeof a->key, "seen.");
    for (int i = 0; i < 16; i++)
        snprintf(a->key + 5 + 2 * i, 3, "%02x", hash[i]);
    struct smpp_seen *e = find(c, a->hash);
    bool is_elsewhere = e && (e->session != s || e->generation != session_generation(s)) &&
                        c->h->now_ms(c->host) - e->answered_ms < SMPP_REPEAT_MS;
    if (e && (e->answered_ms == 0 || is_elsewhere)) {
        memcpy(a->id, e->id, sizeof a->id);
        a->is_answered = e->answered_ms != 0;
        keep(a); /* the first attempt may have failed */
    } else if (!e && smpp_seen_is_young(c)) {
        c->h->state_get(c->host, kit_str(a->key), remembered, a);
    } else {
        is_new(a);
    }
}

void smpp_seen_answered(struct smpp *c, const char *id) {
    for (size_t i = 1; i <= SMPP_SEEN_MAX; i++) {
        struct smpp_seen *e = &c->seen[(c->seen_at + SMPP_SEEN_MAX - i) % SMPP_SEEN_MAX];
        if (strcmp(e->id, id) == 0) {
            e->answered_ms = c->h->now_ms(c->host);
            return;
        }
    }
}
