/* SPDX-License-Identifier: EUPL-1.2 */
/* ticket: strings that clients keep for us and cannot make: resume tokens, uploads, files, pages.
 */
#include "channels/webchat/webchat_private.h"

enum { MAC_BYTES = 16, TICKET_BYTES_MAX = 1024 };

void put_u32(struct buf *b, uint32_t v) {
    uint8_t x[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    buf_add(b, x, sizeof x);
}

uint32_t get_u32(const char *p) {
    const uint8_t *x = (const uint8_t *)p;
    return (uint32_t)x[0] << 24 | (uint32_t)x[1] << 16 | (uint32_t)x[2] << 8 | x[3];
}

static void mac_of(struct webchat *wc, char purpose, struct span payload, uint8_t out[32]) {
    char bytes[TICKET_BYTES_MAX + 1];
    size_t n = payload.n < TICKET_BYTES_MAX ? payload.n : TICKET_BYTES_MAX;
    bytes[0] = purpose;
    memcpy(bytes + 1, payload.p, n);
    wc->h->mac(wc->host, (struct draht_span){bytes, n + 1}, out);
}

void ticket_make(struct webchat *wc, char purpose, struct span payload, struct buf *out) {
    uint8_t mac[32], bytes[TICKET_BYTES_MAX + MAC_BYTES];
    char text[4 * (TICKET_BYTES_MAX + MAC_BYTES + 2) / 3 + 8];
    size_t n = payload.n < TICKET_BYTES_MAX ? payload.n : TICKET_BYTES_MAX;
    mac_of(wc, purpose, payload, mac);
    memcpy(bytes, payload.p, n);
    memcpy(bytes + n, mac, MAC_BYTES);
    crypto_b64url(bytes, n + MAC_BYTES, text);
    buf_adds(out, text);
}

void status_path(struct webchat *wc, const struct chat *c, struct buf *out) {
    struct buf payload = {0};
    buf_add(&payload, c->id, CHAT_ID_BYTES);
    put_u32(&payload, (uint32_t)((chat_now(wc) + CHAT_TOKEN_MS) / 1000));
    buf_addf(out, "/channels/%s/form/status/", wc->id);
    ticket_make(wc, 's', buf_span(&payload), out);
    buf_free(&payload);
}

void status_url(struct webchat *wc, const struct chat *c, struct buf *out) {
    struct span own = kit_in(wc->h->fact(wc->host, "public.url"));
    if (own.n == 0)
        return;
    buf_add(out, own.p, own.p[own.n - 1] == '/' ? own.n - 1 : own.n);
    status_path(wc, c, out);
}

int ticket_open(struct webchat *wc, char purpose, struct span ticket, struct arena *a,
                struct span *payload) {
    uint8_t mac[32], bytes[TICKET_BYTES_MAX + MAC_BYTES];
    int n = crypto_b64url_decode(ticket, bytes, sizeof bytes);
    if (n < MAC_BYTES)
        return ERR_FORBIDDEN;
    struct span body = {(const char *)bytes, (size_t)n - MAC_BYTES};
    mac_of(wc, purpose, body, mac);
    if (!crypto_equal(mac, bytes + body.n, MAC_BYTES))
        return ERR_FORBIDDEN;
    *payload = arena_dup(a, body);
    return 0;
}

void token_make(struct webchat *wc, const struct chat *c, uint32_t generation, struct buf *out) {
    struct buf b = {0};
    buf_add(&b, c->id, CHAT_ID_BYTES);
    put_u32(&b, generation);
    put_u32(&b, (uint32_t)((chat_now(wc) + CHAT_TOKEN_MS) / 1000));
    ticket_make(wc, 't', buf_span(&b), out);
    buf_free(&b);
}

int token_read(struct webchat *wc, struct span token, uint8_t id[CHAT_ID_BYTES],
               uint32_t *generation) {
    struct arena *a = arena_new();
    struct span p;
    int rc = ticket_open(wc, 't', token, a, &p);
    if (rc == 0 && (p.n != CHAT_ID_BYTES + 8 ||
                    (int64_t)get_u32(p.p + CHAT_ID_BYTES + 4) * 1000 < chat_now(wc)))
        rc = ERR_FORBIDDEN;
    if (rc == 0) {
        memcpy(id, p.p, CHAT_ID_BYTES);
        *generation = get_u32(p.p + CHAT_ID_BYTES);
    }
    arena_free(&a);
    return rc;
}

/* Members end with NUL: none of them may hold one. */
void file_ticket_make(struct webchat *wc, char purpose, struct span thread,
                      const struct chat_file *f, struct buf *out) {
    struct buf b = {0};
    put_u32(&b, (uint32_t)((chat_now(wc) + CHAT_TOKEN_MS) / 1000));
    put_u32(&b, (uint32_t)f->length);
    const struct span members[] = {thread, f->blob, f->type, f->name};
    for (size_t i = 0; i < 4; i++) {
        size_t max = i == 3 ? KIT_NAME_BYTES_MAX : 128;
        buf_add(&b, members[i].p, members[i].n < max ? members[i].n : max);
        buf_add(&b, "", 1);
    }
    ticket_make(wc, purpose, buf_span(&b), out);
    buf_free(&b);
}

int file_ticket_read(struct webchat *wc, char purpose, struct span thread, struct span ticket,
                     struct arena *a, struct chat_file *f) {
    struct span p;
    int rc = ticket_open(wc, purpose, ticket, a, &p);
    if (rc < 0)
        return rc;
    if (p.n < 12 || (int64_t)get_u32(p.p) * 1000 < chat_now(wc))
        return ERR_FORBIDDEN;
    struct span rest = {p.p + 8, p.n - 8};
    struct span owner = span_cut(&rest, 0);
    if (thread.n && !span_is(owner, thread))
        return ERR_FORBIDDEN;
    f->length = get_u32(p.p + 4);
    f->blob = span_cut(&rest, 0);
    f->type = span_cut(&rest, 0);
    f->name = span_cut(&rest, 0);
    return f->blob.n ? 0 : ERR_FORBIDDEN;
}
