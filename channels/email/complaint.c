/* SPDX-License-Identifier: EUPL-1.2 */
/* complaint: two marks in the channel's state, by a keyed hash of the address when the report names
 * it (many providers remove it) and by the ticket that the reported mail belonged to. */
#include "channels/email/complaint.h"

#include <stdio.h>
#include <stdlib.h>

#include "channels/email/mail_thread.h"
#include "gateway/base/crypto.h"
#include "gateway/base/log.h"

#define KEY_BYTES 64
static const char any[] = "complaint.any";

static struct draht_span words(const char *s) {
    return (struct draht_span){s, strlen(s)};
}

static void address_key(const struct email *e, struct span address, char out[KEY_BYTES]) {
    uint8_t mac[32];
    char hex[33], text[400];
    int n = snprintf(text, sizeof text, "complaint ");
    for (size_t i = 0; i < address.n && n < (int)sizeof text - 1; i++) {
        char c = address.p[i];
        text[n++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    e->h->mac(e->host, (struct draht_span){text, (size_t)n}, mac);
    crypto_hex(mac, 16, hex);
    snprintf(out, KEY_BYTES, "complaint.a.%s", hex);
}

static void ticket_key(struct span ticket, char out[KEY_BYTES]) {
    snprintf(out, KEY_BYTES, "complaint.t.%.*s", (int)(ticket.n < 40 ? ticket.n : 40),
             ticket.p ? ticket.p : "");
}

/* ---- start ---- */
static void any_came(void *arg, int status, struct draht_span v) {
    struct email *e = arg;
    e->has_complaints = status != 0 || v.p; /* unknown: better to ask each time */
    email_end(e);
}

void complaint_start(struct email *e) {
    e->has_complaints = true;
    email_begin(e);
    e->h->state_get(e->host, words(any), any_came, e);
}

/* ---- a report ---- */
struct note {
    struct email *e;
    char keys[3][KEY_BYTES];
    size_t n, at;
    draht_done_fn done;
    void *arg;
};

static void keep_next(void *arg, int status) {
    struct note *k = arg;
    if (status == 0 && k->at < k->n) {
        struct email *e = k->e;
        e->h->state_set(e->host, words(k->keys[k->at++]), words("1"), 0, keep_next, k);
        return;
    }
    k->done(k->arg, status);
    free(k);
}

void complaint_note(struct email *e, const struct mail *m, draht_done_fn done, void *arg) {
    struct span message = m->report == MAIL_ABUSE && m->reported_id.n
                              ? mail_thread_own_id(&e->mac, m->reported_id)
                              : SPAN_NONE;
    if (!message.n) {
        done(arg, 0);
        return;
    }
    struct note *k = xcalloc(1, sizeof *k);
    *k = (struct note){.e = e, .done = done, .arg = arg};
    snprintf(k->keys[k->n++], KEY_BYTES, "%s", any);
    struct span rest = message;
    ticket_key(span_cut(&rest, '.'), k->keys[k->n++]);
    if (m->reported_to.n)
        address_key(e, m->reported_to, k->keys[k->n++]);
    e->has_complaints = true;
    log_warn("email.complaint", "message=%.*s a recipient reported it as unwanted", (int)message.n,
             message.p);
    keep_next(k, 0);
}

/* ---- before a mail ---- */
struct check {
    struct email *e;
    char keys[2][KEY_BYTES];
    size_t at;
    complaint_fn fn;
    void *arg;
};

static void looked(void *arg, int status, struct draht_span v) {
    struct check *c = arg;
    if (status == 0 && !v.p && c->at < 2) {
        c->e->h->state_get(c->e->host, words(c->keys[c->at++]), looked, c);
        return;
    }
    c->fn(c->arg, status, status == 0 && v.p);
    free(c);
}

void complaint_check(struct email *e, struct span address, struct span ticket, complaint_fn fn,
                     void *arg) {
    if (!e->has_complaints) {
        fn(arg, 0, false);
        return;
    }
    struct check *c = xcalloc(1, sizeof *c);
    *c = (struct check){.e = e, .fn = fn, .arg = arg};
    address_key(e, address, c->keys[0]);
    ticket_key(ticket, c->keys[1]);
    looked(c, 0, (struct draht_span){0});
}

void complaint_lift(struct email *e, struct span address, struct span ticket) {
    char key[KEY_BYTES];
    if (!e->has_complaints)
        return;
    address_key(e, address, key);
    e->h->state_del(e->host, words(key), NULL, NULL);
    ticket_key(ticket, key);
    e->h->state_del(e->host, words(key), NULL, NULL);
}
