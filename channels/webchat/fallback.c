/* SPDX-License-Identifier: EUPL-1.2 */
/* fallback: replies that nobody reads in the chat go out by mail, to an address that the citizen
 * confirmed by the link of a first mail. */
#include "channels/webchat/webchat_private.h"

enum {
    CONFIRM_MS = 7 * 24 * 3600 * 1000,
    AGAIN_MS = 10 * 60 * 1000, /* one question to an address in that time, whoever asks */
    ASKED_MAX = 3,             /* questions of one window */
    ADDRESS_MAC_BYTES = 8,
    PAYLOAD_BYTES = CHAT_ID_BYTES + 4 + ADDRESS_MAC_BYTES
};

struct errand { /* one mail being prepared */
    struct webchat *wc;
    struct arena *arena;
    uint8_t id[CHAT_ID_BYTES];
    char thread[CHAT_THREAD_BYTES];
    const char *lang;
    struct span address, message, text, name, ticket;
    uint64_t after;
    struct draht_http *x;
};

static struct errand *errand_new(struct webchat *wc, const uint8_t id[CHAT_ID_BYTES],
                                 const char *lang) {
    struct errand *e = xcalloc(1, sizeof *e);
    e->wc = wc;
    e->arena = arena_new();
    memcpy(e->id, id, CHAT_ID_BYTES);
    crypto_b64url(id, CHAT_ID_BYTES, e->thread);
    const char *own = chat_fact(wc, e->arena, "language");
    e->lang = lang && *lang ? arena_strdup(e->arena, lang) : own ? own : "de";
    return e;
}

static void errand_free(struct errand *e) {
    arena_free(&e->arena);
    free(e);
}

static void key_of(struct webchat *wc, const uint8_t id[CHAT_ID_BYTES], char kind, char out[40]) {
    chat_state_key(wc, id, out);
    out[0] = kind;
}

static void address_mac(struct webchat *wc, struct span address, uint8_t out[32]) {
    struct arena *a = arena_new();
    wc->h->mac(wc->host,
               kit_str(arena_printf(a, "@%.*s", (int)address.n, address.p ? address.p : "")), out);
    arena_free(&a);
}

/* text with its {url} replaced. */
static const char *with_url(struct arena *a, const char *text, const char *url) {
    const char *at = strstr(text, "{url}");
    return at ? arena_printf(a, "%.*s%s%s", (int)(at - text), text, url, at + 5) : text;
}

static void sent(void *arg, int status) {
    struct errand *e = arg;
    if (status < 0)
        e->wc->h->log(e->wc->host, 2, "webchat.aside", "a mail beside a conversation was not sent");
    errand_free(e);
}

/* ---- asking for the address ---- */

static void ask(struct errand *e) {
    struct webchat *wc = e->wc;
    uint8_t mac[32];
    char key[40];
    struct buf payload = {0}, url = {0};
    const char *base = chat_fact(wc, e->arena, "public.url");
    address_mac(wc, e->address, mac);
    buf_add(&payload, e->id, CHAT_ID_BYTES);
    put_u32(&payload, (uint32_t)((chat_now(wc) + CONFIRM_MS) / 1000));
    buf_add(&payload, mac, ADDRESS_MAC_BYTES);
    buf_addf(&url, "%s/channels/%s/confirm/", base ? base : "", wc->id);
    ticket_make(wc, 'e', buf_span(&payload), &url);
    buf_addf(&url, "?lang=%s", e->lang);
    key_of(wc, e->id, 'p', key);
    wc->h->state_set(wc->host, kit_str(key), kit_out(e->address), CONFIRM_MS, NULL, NULL);
    const char *text = chat_text(wc, e->arena, e->lang, "webchat.mail_confirm", "{url}");
    char once[17];
    crypto_hex(mac, ADDRESS_MAC_BYTES, once);
    struct draht_aside m = {.size = sizeof m,
                            .ticket = kit_out(e->ticket),
                            .recipient = kit_out(e->address),
                            .text = kit_str(with_url(e->arena, text, url.p)),
                            .key = kit_str(arena_printf(e->arena, "confirm:%s", once))};
    wc->h->aside(wc->host, &m, sent, e);
    buf_free(&payload);
    buf_free(&url);
}

static void asked_before(void *arg, int status, struct draht_span value) {
    struct errand *e = arg;
    uint8_t mac[32];
    char key[40] = "r";
    if (status < 0 || value.p) {
        errand_free(e);
        return;
    }
    address_mac(e->wc, e->address, mac);
    crypto_hex(mac, CHAT_ID_BYTES, key + 1);
    e->wc->h->state_set(e->wc->host, kit_str(key), kit_str("1"), AGAIN_MS, NULL, NULL);
    ask(e);
}

void fallback_ask(struct webchat *wc, struct chat *c) {
    uint8_t mac[32];
    char key[40] = "r";
    if (wc->o.fallback_minutes <= 0 || !*c->number || c->asked_n >= ASKED_MAX)
        return;
    c->asked_n++;
    struct errand *e = errand_new(wc, c->id, c->lang);
    e->address = span_str(arena_strdup(e->arena, c->email));
    e->ticket = span_str(arena_strdup(e->arena, c->number));
    address_mac(wc, e->address, mac);
    crypto_hex(mac, CHAT_ID_BYTES, key + 1);
    wc->h->state_get(wc->host, kit_str(key), asked_before, e);
}

/* ---- the page behind the link: opening it does nothing, for programs open links in mails ---- */

static void answer(struct errand *e, int status, const char *words, bool with_button) {
    struct buf b = {0};
    form_confirm_page(e->wc, e->arena, e->lang, words, with_button, &b);
    form_headers(e->wc, e->x);
    e->wc->h->http_respond(e->x, status, "text/html; charset=utf-8", kit_out(buf_span(&b)));
    buf_free(&b);
    errand_free(e);
}

static void confirmed(void *arg, int status) {
    answer(arg, status < 0 ? 503 : 200, status < 0 ? "form.unavailable" : "webchat.confirm_done",
           false);
}

static void on_pending(void *arg, int status, struct draht_span value) {
    struct errand *e = arg;
    struct webchat *wc = e->wc;
    uint8_t mac[32];
    char key[40];
    address_mac(wc, kit_in(value), mac);
    if (status < 0) {
        answer(e, 503, "form.unavailable", false);
    } else if (!value.p || !crypto_equal(mac, (const uint8_t *)e->message.p, ADDRESS_MAC_BYTES)) {
        answer(e, 410, "webchat.confirm_old", false);
    } else {
        key_of(wc, e->id, 'm', key);
        wc->h->state_set(wc->host, kit_str(key), value, CHAT_TOKEN_MS, confirmed, e);
    }
}

static void on_confirm(void *channel, struct draht_http *x) {
    struct webchat *wc = channel;
    struct arena *a = arena_new();
    struct span payload, lang = kit_in(wc->h->http_query(x, "lang"));
    bool ok = ticket_open(wc, 'e', kit_in(wc->h->http_rest(x)), a, &payload) == 0 &&
              payload.n == PAYLOAD_BYTES;
    uint8_t id[CHAT_ID_BYTES] = {0};
    if (ok)
        memcpy(id, payload.p, sizeof id);
    struct errand *e = errand_new(
        wc, id, chat_language_listed(wc, lang) ? arena_strndup(a, lang.p, lang.n) : NULL);
    e->x = x;
    if (!ok || (int64_t)get_u32(payload.p + CHAT_ID_BYTES) * 1000 < chat_now(wc)) {
        answer(e, 410, "webchat.confirm_old", false);
    } else if (!span_is(kit_in(wc->h->http_method(x)), SPAN("POST"))) {
        answer(e, 200, "webchat.confirm_ask", true);
    } else {
        char key[40];
        e->message =
            arena_dup(e->arena, (struct span){payload.p + CHAT_ID_BYTES + 4, ADDRESS_MAC_BYTES});
        key_of(wc, id, 'p', key);
        wc->h->state_get(wc->host, kit_str(key), on_pending, e);
    }
    arena_free(&a);
}

void fallback_route(struct webchat *wc) {
    wc->h->route(wc->host, "GET POST", "/confirm/*", 1024, on_confirm);
}

/* ---- replies that nobody has read ---- */

static void mail(struct webchat *wc, struct span address, struct span message, struct span text,
                 struct span name, const char *lang, draht_done_fn done, void *arg) {
    struct arena *a = arena_new();
    const char *dot = memchr(message.p, '.', message.n);
    const char *foot = chat_text(wc, a, lang, "webchat.mail_unread", "");
    struct draht_aside m = {
        .size = sizeof m,
        .ticket = {message.p, dot ? (size_t)(dot - message.p) : 0},
        .recipient = kit_out(address),
        .text = kit_str(arena_printf(a, "%.*s\n\n%s", (int)text.n, text.p ? text.p : "", foot)),
        .sender_name = kit_out(name),
        .about = kit_out(message),
        .delay_ms = (uint64_t)wc->o.fallback_minutes * 60000};
    wc->h->aside(wc->host, &m, done, arg);
    arena_free(&a);
}

static void address_known(void *arg, int status, struct draht_span value) {
    struct errand *e = arg;
    if (status < 0 || !value.p)
        errand_free(e);
    else
        mail(e->wc, kit_in(value), e->message, e->text, e->name, e->lang, sent, e);
}

void fallback_reply(struct webchat *wc, struct span thread, const struct draht_outbound *m) {
    uint8_t id[CHAT_ID_BYTES + 4];
    char key[40];
    if (wc->o.fallback_minutes <= 0 || m->flags & DRAHT_OUT_AUTOMATIC ||
        crypto_b64url_decode(thread, id, sizeof id) != CHAT_ID_BYTES)
        return;
    struct arena *a = arena_new();
    struct errand *e = errand_new(wc, id, arena_strndup(a, m->language.p, m->language.n));
    e->message = arena_dup(e->arena, kit_in(m->message));
    e->text = arena_dup(e->arena, kit_in(m->text));
    e->name = arena_dup(e->arena, kit_in(m->sender_name));
    key_of(wc, id, 'm', key);
    wc->h->state_get(wc->host, kit_str(key), address_known, e);
    arena_free(&a);
}

static void one_sent(void *arg, int status) {
    (void)arg;
    (void)status; /* it is planned already, or read meanwhile */
}

static void unread(void *arg, int status, const struct draht_history_item *items, size_t n) {
    struct errand *e = arg;
    for (size_t i = 0; status >= 0 && i < n; i++) {
        const struct draht_history_item *x = &items[i];
        if (!x->from_citizen && x->state != DRAHT_RECEIPT_READ && !(x->flags & DRAHT_OUT_AUTOMATIC))
            mail(e->wc, e->address, kit_in(x->message), kit_in(x->text), kit_in(x->sender_name),
                 e->lang, one_sent, e->wc);
    }
    errand_free(e);
}

static void left_with_address(void *arg, int status, struct draht_span value) {
    struct errand *e = arg;
    if (status < 0 || !value.p) {
        errand_free(e);
        return;
    }
    e->address = arena_dup(e->arena, kit_in(value));
    e->wc->h->history(e->wc->host, kit_str(e->thread), e->after, CHAT_SENT_MAX, unread, e);
}

void fallback_left(struct webchat *wc, struct chat *c) {
    char key[40];
    if (wc->o.fallback_minutes <= 0 || wc->is_stopping || !c->sent)
        return;
    struct errand *e = errand_new(wc, c->id, c->lang);
    e->after = c->sent->seq > 0 ? c->sent->seq - 1 : 0;
    key_of(wc, c->id, 'm', key);
    wc->h->state_get(wc->host, kit_str(key), left_with_address, e);
}

static void forgotten(void *arg, int status) {
    struct webchat *wc = arg;
    if (status < 0)
        wc->h->log(wc->host, 2, "webchat.forget",
                   "a mail address of an erased conversation was not dropped; it ends by itself");
}

void fallback_forget(struct webchat *wc, struct span thread) {
    uint8_t id[CHAT_ID_BYTES + 4];
    char key[40];
    if (crypto_b64url_decode(thread, id, sizeof id) != CHAT_ID_BYTES)
        return;
    for (const char *kind = "pm"; *kind; kind++) {
        key_of(wc, id, *kind, key);
        wc->h->state_del(wc->host, kit_str(key), forgotten, wc);
    }
}

int webchat_is_present(void *channel, struct draht_span thread) {
    struct webchat *wc = channel;
    const struct chat *c = chat_find_thread(wc, kit_in(thread));
    return c && c->tabs;
}
