/* SPDX-License-Identifier: EUPL-1.2 */
/* smpp_parts: long messages come in pieces, in any order, twice, or never whole. Each piece is
 * durable before the centre hears of it; a process that starts finds them again through an index.
 */
#include <stdio.h>
#include <stdlib.h>

#include "channels/smpp/smpp_channel.h"
#include "gateway/base/crypto.h"

enum { GROUPS_MAX = 500, GROUPS_PER_SENDER = 8, BYTES_MAX = 1 << 20, STATE_BYTES_MAX = 65536 };
#define INDEX "parts"

struct slot {
    char *bytes; /* NULL: missing */
    size_t n;
    enum sms_coding coding;
    uint8_t single, locking;
    bool is_stored;
};
struct smpp_group {
    struct smpp_group *next;
    struct smpp *c;
    char key[33], from[NUMBER_BYTES], to[NUMBER_BYTES], last_id[80];
    int64_t first_ms;
    uint8_t total, have, last;
    bool is_finishing;
    struct slot slots[];
};
/* One piece on its way into the store, or one question to it. */
struct errand {
    struct smpp *c;
    char key[33];
    uint8_t total, number;
    struct smpp_part part;
    char *bytes;
};

static int64_t now(const struct smpp *c) {
    return c->h->now_ms(c->host);
}

static struct smpp_group *find(struct smpp *c, const char *key) {
    for (struct smpp_group *g = c->groups; g; g = g->next)
        if (strcmp(g->key, key) == 0)
            return g;
    return NULL;
}

static void empty(struct smpp *c, struct smpp_group *g, size_t i) {
    struct slot *s = &g->slots[i];
    if (!s->bytes)
        return;
    c->group_bytes -= s->n;
    free(s->bytes);
    *s = (struct slot){0};
    g->have--;
}

static void forget(struct smpp *c, struct smpp_group *g) {
    struct smpp_group **at = &c->groups;
    while (*at != g)
        at = &(*at)->next;
    *at = g->next;
    c->groups_n--;
    for (size_t i = 0; i < g->total; i++)
        empty(c, g, i);
    free(g);
}

static void put(struct smpp_group *g, const struct smpp_part *p) {
    struct slot *s = &g->slots[p->number - 1];
    *s = (struct slot){.bytes = xcalloc(1, p->bytes.n + 1),
                       .n = p->bytes.n,
                       .coding = p->coding,
                       .single = p->single,
                       .locking = p->locking};
    if (p->bytes.n)
        memcpy(s->bytes, p->bytes.p, p->bytes.n);
    g->c->group_bytes += s->n;
    g->have++;
}

static struct smpp_group *open_group(struct smpp *c, const char *key, uint8_t total,
                                     const char *from, const char *to, int64_t first_ms) {
    struct smpp_group *g = xcalloc(1, sizeof *g + total * sizeof *g->slots);
    struct smpp_group **at = &c->groups;
    g->c = c;
    g->total = total;
    g->first_ms = first_ms;
    snprintf(g->key, sizeof g->key, "%s", key);
    snprintf(g->from, sizeof g->from, "%s", from);
    snprintf(g->to, sizeof g->to, "%s", to);
    while (*at)
        at = &(*at)->next;
    *at = g;
    c->groups_n++;
    return g;
}

/* ---- the store ---- */

static void part_key(const char *key, uint8_t number, char out[48]) {
    snprintf(out, 48, "part.%.32s.%u", key, number);
}

static void write_index(struct smpp *c) {
    struct buf b = {0};
    buf_adds(&b, "[");
    for (struct smpp_group *g = c->groups; g; g = g->next)
        buf_addf(&b, "%s[\"%s\",%u]", g == c->groups ? "" : ",", g->key, g->total);
    buf_adds(&b, "]");
    c->h->state_set(c->host, kit_str(INDEX), kit_out(buf_span(&b)), 0, NULL, NULL);
    buf_free(&b);
}

static void part_text(const struct smpp_group *g, uint8_t number, struct buf *out) {
    const struct slot *s = &g->slots[number - 1];
    buf_addf(out, "[\"%s\",\"%s\",%lld,%d,%u,%u,\"", g->from, g->to, (long long)g->first_ms,
             (int)s->coding, s->single, s->locking);
    for (size_t i = 0; i < s->n; i++) {
        char hex[3];
        crypto_hex(s->bytes + i, 1, hex);
        buf_add(out, hex, 2);
    }
    buf_adds(out, "\"]");
}

static void stored(void *arg, int status) {
    struct errand *e = arg;
    struct smpp *c = e->c;
    struct smpp_group *g = find(c, e->key);
    if (g && status == 0)
        g->slots[e->number - 1].is_stored = true;
    if (g && status != 0 && !g->is_finishing) {
        empty(c, g, e->number - 1u);
        if (g->have == 0)
            forget(c, g);
    }
    if (status == 0)
        smpp_answer_stored(c, e->part.id, &e->part.d);
    else
        smpp_answer(&e->part.d, PDU_RX_T_APPN);
    free(e);
}

static void store(struct smpp_group *g, const struct smpp_part *p) {
    struct smpp *c = g->c;
    struct errand *e = xcalloc(1, sizeof *e);
    struct buf b = {0};
    char key[48];
    *e = (struct errand){.c = c, .total = g->total, .number = p->number, .part = *p};
    memcpy(e->key, g->key, sizeof e->key);
    part_key(g->key, p->number, key);
    part_text(g, p->number, &b);
    c->h->state_set(c->host, kit_str(key), kit_out(buf_span(&b)), 0, stored, e);
    buf_free(&b);
}

/* ---- the end of a group ---- */

static void done_key(const char *key, char out[48]) {
    snprintf(out, 48, "done.%s", key);
}

static void finished(void *arg, int status) {
    struct errand *e = arg;
    struct smpp *c = e->c;
    struct smpp_group *g = find(c, e->key);
    char key[48];
    if (g && status == DRAHT_E_UNAVAILABLE) {
        g->is_finishing = false;
        if (e->number)
            empty(c, g, e->number - 1u); /* the centre sends it again */
    } else if (g) {
        if (e->number)
            smpp_seen_stored(c, g->last_id, &e->part.d);
        done_key(g->key, key);
        c->h->state_set(c->host, kit_str(key), kit_str("1"), SMPP_REPEAT_MS, NULL, NULL);
        for (uint8_t i = 0; i < g->total; i++) {
            part_key(g->key, (uint8_t)(i + 1), key);
            c->h->state_del(c->host, kit_str(key), NULL, NULL);
        }
        forget(c, g);
        write_index(c);
    }
    free(e);
}

/* Neighbours in one alphabet are read as one: a pair may be torn between them. */
static void text_of(const struct smpp_group *g, struct buf *text, bool *is_odd) {
    struct buf run = {0};
    for (size_t i = 0; i < g->total; i++) {
        const struct slot *s = &g->slots[i], *next = i + 1u < g->total ? s + 1 : NULL;
        if (!s->bytes) {
            buf_addf(text, "[part %zu/%u missing]", i + 1, g->total);
            continue;
        }
        buf_add(&run, s->bytes, s->n);
        if (next && next->bytes && next->coding == s->coding && next->single == s->single &&
            next->locking == s->locking)
            continue;
        sms_decode(s->coding, s->single, s->locking, buf_span(&run), text, is_odd);
        buf_clear(&run);
    }
    buf_free(&run);
}

/* last: the piece that makes it whole and is not stored; NULL: it goes as it is. */
static void finish(struct smpp_group *g, const struct smpp_part *last) {
    struct errand *e = xcalloc(1, sizeof *e);
    struct buf text = {0};
    bool is_odd = false;
    *e = (struct errand){.c = g->c, .number = last ? last->number : 0};
    memcpy(e->key, g->key, sizeof e->key);
    g->is_finishing = true;
    text_of(g, &text, &is_odd);
    struct smpp_text t = {.text = buf_span(&text), .done = finished, .arg = e};
    if (last) {
        t.d = e->part.d = last->d;
        memcpy(g->last_id, last->id, sizeof g->last_id);
    } else {
        t.warnings[t.warnings_n++] = "parts of this message are missing";
    }
    if (is_odd)
        t.warnings[t.warnings_n++] = "some characters could not be read";
    snprintf(t.external_id, sizeof t.external_id, "long.%s.%lld", g->key, (long long)g->first_ms);
    memcpy(t.from, g->from, sizeof t.from);
    memcpy(t.to, g->to, sizeof t.to);
    smpp_in_accept(g->c, &t);
    buf_free(&text);
}

/* ---- one piece ---- */

/* Where room is short, the oldest goes as it is: late text is better than none. */
static bool make_room(struct smpp *c, const char *from) {
    size_t same = 0;
    struct smpp_group *oldest = NULL;
    for (struct smpp_group *g = c->groups; g; g = g->next) {
        if (strcmp(g->from, from) != 0)
            continue;
        same++;
        if (!oldest)
            oldest = g;
    }
    if (same < GROUPS_PER_SENDER && c->groups_n < GROUPS_MAX && c->group_bytes < BYTES_MAX)
        return true;
    struct smpp_group *victim = same >= GROUPS_PER_SENDER ? oldest : c->groups;
    if (!victim->is_finishing)
        finish(victim, NULL);
    return false;
}

static void fill(struct smpp *c, struct smpp_group *g, const struct smpp_part *p) {
    struct slot *s = &g->slots[p->number - 1];
    bool is_same = s->bytes && s->n == p->bytes.n && memcmp(s->bytes, p->bytes.p, s->n) == 0;
    if (g->is_finishing) {
        smpp_answer(&p->d, PDU_RX_T_APPN);
    } else if (s->bytes) {
        if (is_same && s->is_stored)
            smpp_answer_stored(c, p->id, &p->d);
        else
            smpp_answer(&p->d, PDU_RX_T_APPN);
        if (!is_same) /* the number of the message was used again */
            finish(g, NULL);
    } else {
        put(g, p);
        if (g->have == g->total)
            finish(g, p);
        else
            store(g, p);
    }
}

static void open_with(struct smpp *c, const char *key, const struct smpp_part *p) {
    if (!make_room(c, p->from)) {
        smpp_answer(&p->d, PDU_RX_T_APPN);
        return;
    }
    struct smpp_group *g = open_group(c, key, p->total, p->from, p->to, now(c));
    write_index(c);
    fill(c, g, p);
}

static void done_known(void *arg, int status, struct draht_span value) {
    struct errand *e = arg;
    struct smpp *c = e->c;
    struct smpp_group *g = find(c, e->key);
    if (status < 0)
        smpp_answer(&e->part.d, PDU_RX_T_APPN);
    else if (value.p)
        smpp_answer_stored(c, e->part.id, &e->part.d); /* repeated from before this process */
    else if (g)
        fill(c, g, &e->part);
    else
        open_with(c, e->key, &e->part);
    free(e->bytes);
    free(e);
}

static void ask_done(struct smpp *c, const char *key, const struct smpp_part *p) {
    struct errand *e = xcalloc(1, sizeof *e);
    char name[48];
    *e = (struct errand){.c = c, .part = *p, .bytes = xcalloc(1, p->bytes.n + 1)};
    if (p->bytes.n)
        memcpy(e->bytes, p->bytes.p, p->bytes.n);
    e->part.bytes.p = e->bytes;
    snprintf(e->key, sizeof e->key, "%s", key);
    done_key(key, name);
    c->h->state_get(c->host, kit_str(name), done_known, e);
}

void smpp_parts_add(struct smpp *c, const struct smpp_part *p) {
    char what[120], key[33];
    snprintf(what, sizeof what, "%s|%s|%u|%u|%d|%d", p->from, p->to, p->ref, p->total, p->is_ref16,
             p->is_sar);
    smpp_hash(c, "group", span_str(what), key);
    struct smpp_group *g = find(c, key);
    if (g)
        fill(c, g, p);
    else if (p->is_repeated)
        smpp_answer_stored(c, p->id, &p->d);
    else if (smpp_seen_is_young(c))
        ask_done(c, key, p);
    else
        open_with(c, key, p);
}

/* ---- time and life ---- */

void smpp_parts_tick(struct smpp *c) {
    int64_t t = now(c);
    if (!c->is_loaded && c->loading == 0)
        smpp_parts_load(c);
    for (struct smpp_group *g = c->groups; g && c->is_loaded; g = g->next)
        if (!g->is_finishing && t - g->first_ms > c->set.part_ms)
            finish(g, NULL);
}

static void loaded_one(struct smpp *c) {
    if (--c->loading > 0)
        return;
    if (c->has_load_failed)
        while (c->groups)
            forget(c, c->groups);
    c->is_loaded = !c->has_load_failed;
    for (struct smpp_group *g = c->groups, *next; g; g = next) {
        next = g->next;
        if (g->have == 0)
            forget(c, g);
    }
}

static uint8_t hex(const char *p) {
    char two[3] = {p[0], p[1], 0};
    return (uint8_t)strtoul(two, NULL, 16);
}

static void restore(struct errand *e, const json_t *v) {
    struct smpp *c = e->c;
    const char *from = json_string_value(json_array_get(v, 0)),
               *to = json_string_value(json_array_get(v, 1)),
               *bytes = json_string_value(json_array_get(v, 6));
    if (!from || !to || !bytes)
        return;
    struct buf b = {0};
    for (const char *p = bytes; p[0] && p[1]; p += 2) {
        uint8_t octet = hex(p);
        buf_add(&b, &octet, 1);
    }
    struct smpp_part p = {.number = e->number,
                          .coding = (enum sms_coding)json_integer_value(json_array_get(v, 3)),
                          .single = (uint8_t)json_integer_value(json_array_get(v, 4)),
                          .locking = (uint8_t)json_integer_value(json_array_get(v, 5)),
                          .bytes = buf_span(&b)};
    struct smpp_group *g = find(c, e->key);
    if (!g)
        g = open_group(c, e->key, e->total, from, to, json_integer_value(json_array_get(v, 2)));
    put(g, &p);
    g->slots[e->number - 1].is_stored = true;
    buf_free(&b);
}

static void on_part(void *arg, int status, struct draht_span value) {
    struct errand *e = arg;
    struct smpp *c = e->c;
    json_t *v = value.p ? json_parse(kit_in(value), STATE_BYTES_MAX, NULL) : NULL;
    if (status < 0)
        c->has_load_failed = true;
    if (v)
        restore(e, v);
    json_decref(v);
    free(e);
    loaded_one(c);
}

static void on_index(void *arg, int status, struct draht_span value) {
    struct smpp *c = arg;
    json_t *v = value.p ? json_parse(kit_in(value), STATE_BYTES_MAX, NULL) : NULL;
    if (status < 0)
        c->has_load_failed = true;
    for (size_t i = 0; i < json_array_size(v) && i < GROUPS_MAX; i++) {
        const json_t *row = json_array_get(v, i);
        const char *key = json_string_value(json_array_get(row, 0));
        json_int_t total = json_integer_value(json_array_get(row, 1));
        for (uint8_t n = 1; key && total <= UINT8_MAX && n <= total; n++) {
            struct errand *e = xcalloc(1, sizeof *e);
            char name[48];
            *e = (struct errand){.c = c, .total = (uint8_t)total, .number = n};
            snprintf(e->key, sizeof e->key, "%s", key);
            part_key(e->key, n, name);
            c->loading++;
            c->h->state_get(c->host, kit_str(name), on_part, e);
            if (n == UINT8_MAX)
                break;
        }
    }
    json_decref(v);
    loaded_one(c);
}

void smpp_parts_load(struct smpp *c) {
    c->loading = 1;
    c->has_load_failed = false;
    c->h->state_get(c->host, kit_str(INDEX), on_index, c);
}

void smpp_parts_free(struct smpp *c) {
    while (c->groups)
        forget(c, c->groups);
}
