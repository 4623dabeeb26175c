/* SPDX-License-Identifier: EUPL-1.2 */
/* message: sealed envelopes, hashes of addresses and words, and the stored form of attachments and
 * deliveries. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/utf8.h"
#include "router/inner.h"

#define RECORD_MAX_BYTES (8u << 20)
#define WORD_MIN_BYTES 3
#define WORD_MAX_BYTES 40
#define WORD_NAME_BYTES 10 /* as in 70_change.lua */
#define REASON_MAX_BYTES 500

struct args *args_new(struct router *r) {
    (void)r;
    struct args *a = malloc(sizeof *a);
    if (!a)
        abort();
    a->n = 0;
    a->arena = arena_new();
    return a;
}

void args_free(struct args **a) {
    arena_free(&(*a)->arena);
    free(*a);
    *a = NULL;
}

/* ---- envelopes ---- */
void envelope_seal(const struct contact *c, struct span plain, struct buf *out) {
    buf_add(out, "S", 1);
    buf_add(out, c->id, ENVELOPE_ID_BYTES);
    crypto_seal(c->key, (struct span){c->id, ENVELOPE_ID_BYTES}, plain, out);
}

void envelope_seal_json(const struct contact *c, const json_t *v, struct buf *out) {
    struct buf text = {0};
    json_write(v, &text);
    envelope_seal(c, buf_span(&text), out);
    buf_free(&text);
}

int contact_from(const struct router *r, struct span id, struct span wrapped, struct contact *out) {
    if (id.n != ENVELOPE_ID_BYTES || wrapped.n != CRYPTO_WRAPPED_BYTES)
        return ERR_CRYPTO;
    struct contact c = {0};
    int error = crypto_unwrap(r->crypto, wrapped, c.key);
    if (error)
        return error;
    memcpy(c.id, id.p, ENVELOPE_ID_BYTES);
    *out = c;
    return 0;
}

json_t *envelope_open_as(const struct contact *c, struct span e) {
    if (e.n < ENVELOPE_HEAD + CRYPTO_SEAL_OVERHEAD || e.p[0] != 'S' ||
        memcmp(e.p + 1, c->id, ENVELOPE_ID_BYTES))
        return NULL;
    struct buf plain = {0};
    struct span sealed = {e.p + ENVELOPE_HEAD, e.n - ENVELOPE_HEAD};
    json_t *v = NULL;
    if (crypto_unseal(c->key, (struct span){c->id, ENVELOPE_ID_BYTES}, sealed, &plain) == 0)
        v = json_parse(buf_span(&plain), RECORD_MAX_BYTES, NULL);
    buf_free(&plain);
    if (v && !json_is_object(v)) {
        json_decref(v);
        v = NULL;
    }
    return v;
}

json_t *envelope_open(const struct router *r, struct span e, struct span wrapped) {
    struct contact c;
    if (e.n < ENVELOPE_HEAD ||
        contact_from(r, (struct span){e.p + 1, ENVELOPE_ID_BYTES}, wrapped, &c))
        return NULL;
    json_t *v = envelope_open_as(&c, e);
    explicit_bzero(&c, sizeof c);
    return v;
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void face_split(struct span f, struct span *face, struct span *preview) {
    *face = *preview = SPAN("");
    size_t n = 0;
    if (f.n < 4)
        return;
    for (int i = 0; i < 4; i++) {
        int d = hex_digit(f.p[i]);
        if (d < 0)
            return;
        n = n * 16 + (size_t)d;
    }
    if (n > f.n - 4)
        return;
    *face = (struct span){f.p + 4, n};
    *preview = (struct span){f.p + 4 + n, f.n - 4 - n};
}

bool message_id_split(const char *id, char ticket[24], char n[16]) {
    const char *dot = strrchr(id, '.');
    if (!dot || dot == id || dot - id > 23 || !dot[1] || strlen(dot + 1) > 9)
        return false;
    for (const char *p = dot + 1; *p; p++)
        if (!isdigit((unsigned char)*p))
            return false;
    snprintf(ticket, 24, "%.*s", (int)(dot - id), id);
    snprintf(n, 16, "%s", dot + 1);
    return true;
}

void put_time(json_t *v, const char *key, int64_t ms) {
    char out[CLOCK_RFC3339_BYTES];
    if (ms <= 0) {
        json_object_set_new(v, key, json_null());
        return;
    }
    clock_rfc3339(ms, out);
    json_puts(v, key, out);
}

/* ---- hashes ---- */
static void hash_pair(const struct router *r, const char *purpose, const char *a, struct span b,
                      char out[CRYPTO_HASH_HEX]) {
    struct buf t = {0};
    buf_adds(&t, a);
    buf_add(&t, "\0", 1);
    buf_add(&t, b.p, b.n);
    crypto_hash(r->crypto, purpose, buf_span(&t), out);
    buf_free(&t);
}

void hash_address(const struct router *r, const char *type, struct span address,
                  char out[CRYPTO_HASH_HEX]) {
    char folded[512];
    size_t n = address.n < sizeof folded ? address.n : sizeof folded;
    for (size_t i = 0; i < n; i++)
        folded[i] = (char)tolower((unsigned char)address.p[i]);
    hash_pair(r, "address", type, (struct span){folded, n}, out);
}

void hash_external(const struct router *r, const char *channel, struct span id,
                   char out[CRYPTO_HASH_HEX]) {
    hash_pair(r, "external", channel, id, out);
}

void hash_word(const struct router *r, struct span folded, char out[CRYPTO_HASH_HEX]) {
    crypto_hash(r->crypto, "word", folded, out);
}

/* 60 bits are enough to find; the six of a ticket stay within the 64 bytes of a compact hash. */
static void word_name(char hash[CRYPTO_HASH_HEX]) {
    uint8_t raw[9];
    for (size_t i = 0; i < sizeof raw; i++)
        raw[i] =
            (uint8_t)((unsigned)hex_digit(hash[2 * i]) << 4 | (unsigned)hex_digit(hash[2 * i + 1]));
    crypto_b64url(raw, sizeof raw, hash);
    hash[WORD_NAME_BYTES] = 0;
}

void args_words(const struct router *r, struct args *a, struct span text, int max) {
    int first = a->n;
    struct span rest = utf8_fold(a->arena, text);
    for (size_t i = 0; i < rest.n && a->n - first < max;) {
        size_t from = i;
        while (i < rest.n &&
               (isalnum((unsigned char)rest.p[i]) || (unsigned char)rest.p[i] >= 0x80))
            i++;
        struct span w = {rest.p + from, i - from};
        if (i < rest.n)
            i++;
        if (w.n < WORD_MIN_BYTES || w.n > WORD_MAX_BYTES)
            continue;
        char hash[CRYPTO_HASH_HEX];
        hash_word(r, w, hash);
        word_name(hash);
        bool is_known = false;
        for (int k = first; k < a->n; k++)
            is_known = is_known || span_eq(a->v[k], hash);
        if (!is_known)
            args_z(a, arena_strdup(a->arena, hash));
    }
}

/* ---- attachments ---- */
json_t *attachments_json(const struct attachment *list, size_t n) {
    json_t *all = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *o = json_object();
        json_put(o, "name", list[i].name);
        json_put(o, "type", list[i].type);
        json_put(o, "sha256", list[i].sha256);
        json_put(o, "blob", list[i].blob);
        if (list[i].content_id.n)
            json_put(o, "cid", list[i].content_id);
        json_puti(o, "length", (int64_t)list[i].length);
        json_array_append_new(all, o);
    }
    return all;
}

struct attachment *attachments_from(struct arena *a, const json_t *list, size_t *n_out) {
    size_t n = json_array_size(list);
    struct attachment *out = arena_alloc(a, sizeof *out * (n + 1));
    for (size_t i = 0; i < n; i++) {
        const json_t *o = json_array_get(list, i);
        out[i].name = span_str(arena_strdup(a, json_str(o, "name", "")));
        out[i].type = span_str(arena_strdup(a, json_str(o, "type", "application/octet-stream")));
        out[i].sha256 = span_str(arena_strdup(a, json_str(o, "sha256", "")));
        out[i].blob = span_str(arena_strdup(a, json_str(o, "blob", "")));
        out[i].content_id = span_str(arena_strdup(a, json_str(o, "cid", "")));
        int64_t length = json_int(o, "length", 0);
        out[i].length = length > 0 ? (uint64_t)length : 0;
    }
    *n_out = n;
    return out;
}

/* ---- deliveries ---- */
void reason_seal(const struct contact *c, struct span text, struct buf *out) {
    struct arena *a = arena_new();
    json_t *v = json_object();
    json_put(v, "text", utf8_clean(a, text, REASON_MAX_BYTES, NULL));
    if (text.n)
        envelope_seal_json(c, v, out);
    json_decref(v);
    arena_free(&a);
}

static int64_t number(struct span s) {
    unsigned long long u = 0;
    return span_u64(s, INT64_MAX, &u) ? 0 : (int64_t)u;
}

bool delivery_parse(struct span row, struct delivery *out) {
    if (!row.n)
        return false;
    struct span f[12];
    for (int i = 0; i < 12; i++) {
        f[i] = span_cut(&row, '\t');
        if (!row.p)
            return false;
    }
    *out = (struct delivery){.state = f[0],
                             .attempt = number(f[1]),
                             .next_ms = number(f[2]),
                             .at_ms = number(f[3]),
                             .part = number(f[4]),
                             .channel = f[6],
                             .undo_ms = number(f[8]),
                             .seq = number(f[9]),
                             .is_automatic = span_eq(f[10], "1"),
                             .created_ms = number(f[11]),
                             .reason = row};
    return true;
}

json_t *delivery_json(const struct router *r, const struct delivery *d, struct span wrapped) {
    json_t *v = json_object();
    json_put(v, "state", d->state);
    json_puti(v, "attempt", d->attempt);
    json_object_set_new(v, "max_attempts",
                        json_null()); /* a time limit ends the attempts, not a count */
    bool is_waiting = span_eq(d->state, "queued") || span_eq(d->state, "retry");
    put_time(v, "next_at", is_waiting ? d->next_ms : 0);
    put_time(v, "at", d->at_ms);
    put_time(v, "undo_until", span_eq(d->state, "queued") && !d->attempt ? d->undo_ms : 0);
    json_t *why = envelope_open(r, d->reason, wrapped);
    const char *text = json_str(why, "text", "");
    json_object_set_new(v, "reason", *text ? json_string(text) : json_null());
    json_decref(why);
    return v;
}
