/* SPDX-License-Identifier: EUPL-1.2 */
/* staff: accounts and sessions, sealed under the installation's key. Passwords are checked
 * elsewhere. */
#include <stdlib.h>

#include "router/inner.h"

#define ROW_MAX_BYTES 65536

struct ask {
    struct router *r;
    router_json_fn json;
    router_done_fn done;
    void *arg;
    bool is_new, is_list;
};

static struct ask *ask_new(struct router *r, void *arg) {
    struct ask *x = xcalloc(1, sizeof *x);
    x->r = r;
    x->arg = arg;
    return x;
}

/* ---- names ---- */
void names_set(struct router *r, const char *id, const char *name) {
    if (r->staff_names)
        json_object_set_new(r->staff_names, id, json_string(name));
}

const char *names_get(const struct router *r, const char *id) {
    return json_str(r->staff_names, id, NULL);
}

void names_free(struct router *r) {
    json_decref(r->staff_names);
    r->staff_names = NULL;
}

static void names_loaded(void *arg, int error, json_t *v) {
    (void)arg;
    (void)error;
    (void)v; /* reading the list remembers the names */
}

void names_load(struct router *r) {
    staff_list(r, names_loaded, r);
}

/* ---- rows ---- */
static json_t *row_open(struct router *r, struct span sealed) {
    struct buf plain = {0};
    json_t *v = memo_find(r->staff_rows, sealed);
    if (v)
        return v;
    if (crypto_unseal(r->house_key, SPAN("staff"), sealed, &plain) == 0)
        v = json_parse(buf_span(&plain), ROW_MAX_BYTES, NULL);
    buf_free(&plain);
    if (v)
        memo_keep(r->staff_rows, sealed, v);
    return v;
}

static void row_seal(const struct router *r, const json_t *v, struct buf *out) {
    char *text = json_text(v);
    crypto_seal(r->house_key, SPAN("staff"), span_str(text), out);
    free(text);
}

static json_t *list_open(struct router *r, const struct redis_value *v) {
    json_t *all = json_array();
    for (size_t i = 0; i + 1 < v->n; i += 2) {
        json_t *row = row_open(r, cell(v, i + 1));
        if (!row)
            continue;
        names_set(r, json_str(row, "id", ""), json_str(row, "name", ""));
        json_array_append_new(all, row);
    }
    return all;
}

static void got(void *arg, int error, const struct redis_value *v) {
    struct ask *x = arg;
    json_t *out = NULL;
    if (!error && x->is_list) {
        out = list_open(x->r, v);
    } else if (!error) {
        if (v->type != REDIS_STR)
            error = ERR_NOT_FOUND;
        else if (!(out = row_open(x->r, v->s)))
            error = ERR_CRYPTO;
    }
    x->json(x->arg, error, out);
    json_decref(out);
    free(x);
}

static void put(void *arg, int error, const struct redis_value *v) {
    struct ask *x = arg;
    if (!error && x->is_new && v->type == REDIS_INT && v->i == 0)
        error = ERR_CONFLICT;
    if (x->done)
        x->done(x->arg, error);
    free(x);
}

void staff_get(struct router *r, const char *id, router_json_fn done, void *arg) {
    struct ask *x = ask_new(r, arg);
    x->json = done;
    store_staff_get(r->store, span_str(id), got, x);
}

void staff_put(struct router *r, const char *id, const json_t *account, bool must_be_new,
               router_done_fn done, void *arg) {
    struct ask *x = ask_new(r, arg);
    struct buf sealed = {0};
    x->done = done;
    x->is_new = must_be_new;
    row_seal(r, account, &sealed);
    if (!must_be_new || !names_get(r, id))
        names_set(r, id, json_str(account, "name", id));
    store_staff_put(r->store, span_str(id), buf_span(&sealed), must_be_new, put, x);
    buf_free(&sealed);
}

void staff_list(struct router *r, router_json_fn done, void *arg) {
    struct ask *x = ask_new(r, arg);
    x->json = done;
    x->is_list = true;
    store_staff_all(r->store, got, x);
}

/* ---- sessions ---- */
void session_put(struct router *r, const char *hash, const json_t *v, uint64_t ttl_ms,
                 router_done_fn done, void *arg) {
    struct ask *x = ask_new(r, arg);
    struct buf sealed = {0};
    x->done = done;
    row_seal(r, v, &sealed);
    store_set(r->store, STORE_SESSION, span_str(hash), buf_span(&sealed), ttl_ms, put, x);
    buf_free(&sealed);
}

void session_get(struct router *r, const char *hash, router_json_fn done, void *arg) {
    struct ask *x = ask_new(r, arg);
    x->json = done;
    store_get(r->store, STORE_SESSION, span_str(hash), got, x);
}

void session_del(struct router *r, const char *hash, router_done_fn done, void *arg) {
    struct ask *x = ask_new(r, arg);
    x->done = done;
    store_del(r->store, STORE_SESSION, span_str(hash), put, x);
}
