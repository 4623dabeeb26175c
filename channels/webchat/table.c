/* SPDX-License-Identifier: EUPL-1.2 */
/* table: the conversations that somebody looks at right now, and their tabs. A conversation without
 * tabs is forgotten here; what matters of it lies behind the host. */
#include "channels/webchat/webchat_private.h"

enum { SLOTS_FIRST = 256 };

static size_t slot_of(const struct webchat *wc, const uint8_t *id) {
    size_t x;
    memcpy(&x, id, sizeof x); /* ids are random already */
    return x & (wc->slots_n - 1);
}

static void grow(struct webchat *wc) {
    size_t old_n = wc->slots_n;
    struct chat **old = wc->slots;
    wc->slots_n = old_n ? old_n * 2 : SLOTS_FIRST;
    wc->slots = xcalloc(wc->slots_n, sizeof(struct chat *));
    for (size_t i = 0; i < old_n; i++) {
        while (old[i]) {
            struct chat *c = old[i];
            old[i] = c->next_in_slot;
            size_t s = slot_of(wc, c->id);
            c->next_in_slot = wc->slots[s];
            wc->slots[s] = c;
        }
    }
    free(old);
}

struct chat *chat_find(struct webchat *wc, const uint8_t id[CHAT_ID_BYTES]) {
    if (!wc->slots_n)
        return NULL;
    for (struct chat *c = wc->slots[slot_of(wc, id)]; c; c = c->next_in_slot)
        if (memcmp(c->id, id, CHAT_ID_BYTES) == 0)
            return c;
    return NULL;
}

struct chat *chat_find_thread(struct webchat *wc, struct span thread) {
    uint8_t id[CHAT_ID_BYTES + 4];
    return crypto_b64url_decode(thread, id, sizeof id) == CHAT_ID_BYTES ? chat_find(wc, id) : NULL;
}

struct chat *chat_new(struct webchat *wc, const uint8_t id[CHAT_ID_BYTES]) {
    if (wc->chats_n >= wc->slots_n)
        grow(wc);
    struct chat *c = xcalloc(1, sizeof *c);
    memcpy(c->id, id, CHAT_ID_BYTES);
    crypto_b64url(id, CHAT_ID_BYTES, c->thread);
    size_t s = slot_of(wc, id);
    c->next_in_slot = wc->slots[s];
    wc->slots[s] = c;
    wc->chats_n++;
    c->refs = 1;
    c->before = -1;
    return c;
}

void chat_unref(struct webchat *wc, struct chat *c) {
    if (--c->refs > 0)
        return;
    struct chat **at = &wc->slots[slot_of(wc, c->id)];
    while (*at != c)
        at = &(*at)->next_in_slot;
    *at = c->next_in_slot;
    wc->chats_n--;
    while (c->sent) {
        struct sent *s = c->sent;
        c->sent = s->next;
        free(s);
    }
    free(c->email);
    free(c);
}

void chat_activate(struct webchat *wc, struct chat *c) {
    if (c->is_active)
        return;
    c->is_active = true;
    c->refs++;
    c->next_active = wc->active;
    wc->active = c;
}

struct client *client_new(struct webchat *wc, struct span peer) {
    struct client *t = xcalloc(1, sizeof *t);
    t->wc = wc;
    t->refs = 1;
    t->last_ms = chat_now(wc);
    snprintf(t->peer, sizeof t->peer, "%.*s", (int)(peer.n < 47 ? peer.n : 47),
             peer.p ? peer.p : "");
    t->next = wc->clients;
    t->prev = &wc->clients;
    if (t->next)
        t->next->prev = &t->next;
    wc->clients = t;
    return t;
}

void client_join(struct client *t, struct chat *c) {
    c->refs++;
    if (!c->tabs)
        t->wc->h->watch(t->wc->host, kit_str(c->thread), 1);
    t->chat = c;
    t->next_tab = c->tabs;
    c->tabs = t;
}

static void leave(struct client *t) {
    struct chat *c = t->chat;
    if (!c)
        return;
    t->chat = NULL;
    struct client **at = &c->tabs;
    while (*at != t)
        at = &(*at)->next_tab;
    *at = t->next_tab;
    if (!c->tabs) {
        t->wc->h->watch(t->wc->host, kit_str(c->thread), 0);
        place_left(c);
        fallback_left(t->wc, c);
    }
    chat_unref(t->wc, c);
}

void client_gone(struct client *t) {
    if (t->is_gone)
        return;
    t->is_gone = true;
    t->socket = NULL;
    poll_unwake(t);
    leave(t);
    *t->prev = t->next;
    if (t->next)
        t->next->prev = t->prev;
    client_unref(t);
}

void client_unref(struct client *t) {
    if (--t->refs > 0)
        return;
    while (t->held_first) {
        struct held *x = t->held_first;
        t->held_first = x->next;
        free(x);
    }
    if (t->poll)
        buf_free(&t->poll->queue);
    free(t->poll);
    free(t);
}

bool chat_knows_generation(const struct chat *c, uint32_t generation) {
    for (int i = 0; i < c->generations_n; i++)
        if (c->generations[i] == generation)
            return true;
    return false;
}

void chat_drop_generation(struct chat *c, uint32_t generation) {
    uint8_t n = 0;
    for (int i = 0; i < c->generations_n; i++)
        if (c->generations[i] != generation)
            c->generations[n++] = c->generations[i];
    c->generations_n = n;
}

uint32_t chat_new_generation(struct chat *c) {
    if (c->generations_n == CHAT_GENERATIONS_MAX)
        chat_drop_generation(c, c->generations[0]);
    c->generations[c->generations_n++] = ++c->generation_max;
    return c->generation_max;
}

/* The conversation's id stands nowhere in the state, only its MAC. */
void chat_state_key(struct webchat *wc, const uint8_t id[CHAT_ID_BYTES], char out[40]) {
    uint8_t mac[32];
    char text[CHAT_ID_BYTES + 1];
    text[0] = 'k';
    memcpy(text + 1, id, CHAT_ID_BYTES);
    wc->h->mac(wc->host, (struct draht_span){text, sizeof text}, mac);
    out[0] = 'c';
    crypto_hex(mac, CHAT_ID_BYTES, out + 1);
}

void chat_save(struct webchat *wc, struct chat *c, draht_done_fn done, void *arg) {
    struct buf b = {0};
    char key[40];
    chat_state_key(wc, c->id, key);
    buf_addf(&b, "%u %s", c->generation_max, *c->number ? c->number : "-");
    for (int i = 0; i < c->generations_n; i++)
        buf_addf(&b, " %u", c->generations[i]);
    wc->h->state_set(wc->host, kit_str(key), kit_out(buf_span(&b)), CHAT_TOKEN_MS, done, arg);
    buf_free(&b);
}

void chat_load(struct chat *c, struct span state) {
    struct span rest = state;
    unsigned long long v;
    if (span_u64(span_cut(&rest, ' '), UINT32_MAX, &v) < 0)
        return;
    c->is_stored = true;
    if (v > c->generation_max)
        c->generation_max = (uint32_t)v;
    struct span number = span_cut(&rest, ' ');
    if (number.n > 1 && number.n < CHAT_NUMBER_BYTES) {
        memcpy(c->number, number.p, number.n);
        c->number[number.n] = 0;
    }
    c->generations_n = 0;
    while (rest.p && c->generations_n < CHAT_GENERATIONS_MAX)
        if (span_u64(span_cut(&rest, ' '), UINT32_MAX, &v) == 0)
            c->generations[c->generations_n++] = (uint32_t)v;
}

void chat_sent_add(struct chat *c, uint64_t seq, struct span message, bool is_delivered) {
    if (message.n >= sizeof c->sent->message)
        return;
    struct sent **at = &c->sent;
    while (*at && (*at)->seq < seq)
        at = &(*at)->next;
    if (*at && (*at)->seq == seq)
        return;
    struct sent *s = xcalloc(1, sizeof *s);
    s->seq = seq;
    s->is_delivered = is_delivered;
    memcpy(s->message, message.p, message.n);
    s->next = *at;
    *at = s;
    if (++c->sent_n > CHAT_SENT_MAX) {
        s = c->sent;
        c->sent = s->next;
        c->sent_n--;
        free(s);
    }
}

static void report(struct webchat *wc, const struct sent *s, enum draht_receipt_state state) {
    struct draht_receipt r = {.size = sizeof r,
                              .message = kit_str(s->message),
                              .state = (uint32_t)state,
                              .at_ms = chat_now(wc)};
    wc->h->receipt(wc->host, &r, NULL, NULL);
}

void chat_sent_up_to(struct webchat *wc, struct chat *c, uint64_t seq, bool is_read) {
    for (struct sent *s = c->sent; s && s->seq <= seq; s = s->next) {
        if (!is_read && !s->is_delivered)
            report(wc, s, DRAHT_RECEIPT_DELIVERED);
        s->is_delivered = true;
    }
    while (is_read && c->sent && c->sent->seq <= seq) {
        struct sent *s = c->sent;
        report(wc, s, DRAHT_RECEIPT_READ);
        c->sent = s->next;
        c->sent_n--;
        free(s);
    }
}

void chat_learn_number(struct chat *c, struct span message) {
    const char *dot = memchr(message.p ? message.p : "", '.', message.n);
    size_t n = dot ? (size_t)(dot - message.p) : 0;
    if (n == 0 || n >= sizeof c->number)
        return;
    memcpy(c->number, message.p, n);
    c->number[n] = 0;
}
