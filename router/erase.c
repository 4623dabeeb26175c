/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * erase: a citizen's right to be forgotten. The store destroys the wrapped key; this file finds the
 * address hash that leads to it. It does not touch blobs: their keys lie in what becomes
 * unreadable.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/log.h"
#include "router/inner.h"

#define USER_MAX_BYTES 64

struct erasure {
    struct router *r;
    router_done_fn done;
    void *arg;
    char ticket[24], user[USER_MAX_BYTES + 1], contact[ENVELOPE_ID_BYTES + 1];
};

static void finish(struct erasure *x, int error) {
    x->r->open--;
    if (!error && *x->contact) {
        contacts_forget(x->r->contacts, x->contact);
        known_forget_contact(x->r->known, x->contact);
    }
    x->done(x->arg, error);
    free(x);
}

static void erased(void *arg, int error, const struct redis_value *v) {
    struct erasure *x = arg;
    if (!error)
        log_info("contact.erased", "ticket=%s actor=%s tickets=%lld", x->ticket,
                 *x->user ? x->user : "-", v->type == REDIS_INT ? v->i : 0);
    finish(x, error);
}

/* Under another master key the face stays closed: then the address keeps leading to a key that is
 * gone, and its next message makes a new contact all the same. */
static void address_of(const struct erasure *x, const struct redis_value *v,
                       char hash[CRYPTO_HASH_HEX]) {
    struct span face, preview;
    face_split(cell(v, 7), &face, &preview);
    json_t *f = envelope_open(x->r, face, cell(v, 1));
    char type[64];
    snprintf(type, sizeof type, "%.*s", (int)cell(v, 3).n, cell(v, 3).p);
    hash[0] = 0;
    if (f)
        hash_address(x->r, type, span_str(json_str(f, "address", "")), hash);
    json_decref(f);
}

static void known(void *arg, int error, const struct redis_value *v) {
    struct erasure *x = arg;
    struct span id = error ? SPAN("") : cell(v, 0);
    if (error || !id.n) {
        finish(x, error);
        return;
    }
    char hash[CRYPTO_HASH_HEX];
    snprintf(x->contact, sizeof x->contact, "%.*s", (int)id.n, id.p);
    address_of(x, v, hash);
    struct args *a = args_new(x->r);
    args_i(a, now_of(x->r));
    args_z(a, x->ticket);
    args_z(a, x->user);
    args_z(a, hash);
    store_call_durable(x->r->store, "erase", a, erased, x);
    args_free(&a);
}

void contact_erase(struct router *r, const char *ticket, const char *user, router_done_fn done,
                   void *arg) {
    struct erasure *x = xcalloc(1, sizeof *x);
    x->r = r;
    x->done = done;
    x->arg = arg;
    snprintf(x->ticket, sizeof x->ticket, "%.23s", ticket);
    snprintf(x->user, sizeof x->user, "%.64s", user ? user : "");
    r->open++;
    struct args *a = args_new(r);
    args_z(a, x->ticket);
    store_call(r->store, "keyof", a, known, x);
    args_free(&a);
}
