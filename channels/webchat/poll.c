/* SPDX-License-Identifier: EUPL-1.2 */
/* poll: the same conversation for browsers whose network lets no WebSocket pass. A polling tab is
 * found again by the token that its welcome gave it. */
#include "channels/webchat/webchat_private.h"

enum {
    FRAMES_A_POLL_MAX = 20,
    HELLO_WAIT_MS = 10000 /* an answer without the token would lose the tab */
};

/* Hands out what is queued. The tab may be gone afterwards. */
static void answer(struct client *t) {
    struct webchat *wc = t->wc;
    struct poll *p = t->poll;
    struct draht_http *x = p->waiting;
    struct buf b = {0};
    p->waiting = NULL;
    buf_adds(&b, "{\"frames\":[");
    buf_add(&b, p->queue.p ? p->queue.p : "", p->queue.n);
    buf_adds(&b, "],\"token\":");
    if (t->chat && t->generation && (!p->close_code || p->close_code == 1012)) {
        buf_adds(&b, "\"");
        token_make(wc, t->chat, t->generation, &b);
        buf_adds(&b, "\"");
    } else {
        buf_adds(&b, "null");
    }
    if (p->close_code)
        buf_addf(&b, ",\"close\":%d", p->close_code);
    buf_adds(&b, "}");
    buf_clear(&p->queue);
    t->last_ms = chat_now(wc);
    bool is_closed = p->close_code != 0;
    respond_json(wc, x, 200, buf_span(&b));
    buf_free(&b);
    if (is_closed)
        client_gone(t);
}

/* A little later, so that what follows in the same moment travels along. */
static void on_wake(void *arg) {
    struct client *t = arg;
    t->wc->h->timer_stop(t->poll->wake);
    t->poll->wake = NULL;
    if (!t->is_gone && t->poll->waiting)
        answer(t);
    client_unref(t);
}

void poll_wake(struct client *t) {
    if (t->poll->wake || !t->poll->waiting)
        return;
    t->refs++;
    t->poll->wake = t->wc->h->timer(t->wc->host, 5, 0, on_wake, t);
}

void poll_unwake(struct client *t) {
    if (!t->poll || !t->poll->wake)
        return;
    t->wc->h->timer_stop(t->poll->wake);
    t->poll->wake = NULL;
    client_unref(t);
}

void poll_stop(struct client *t) {
    t->poll->close_code = 1012;
    if (t->poll->waiting)
        answer(t);
    else
        client_gone(t);
}

void poll_sweep(struct client *t, int64_t now_ms) {
    if (t->poll->waiting && t->poll->until_ms <= now_ms)
        answer(t);
    else if (!t->poll->waiting && now_ms - t->last_ms > CHAT_POLL_LIFE_MS)
        client_gone(t);
}

static struct client *find(struct webchat *wc, struct span token) {
    uint8_t id[CHAT_ID_BYTES];
    uint32_t generation;
    if (token_read(wc, token, id, &generation) < 0)
        return NULL;
    struct chat *c = chat_find(wc, id);
    for (struct client *t = c ? c->tabs : NULL; t; t = t->next_tab)
        if (t->poll && t->generation == generation)
            return t;
    return NULL;
}

static bool is_hello(const json_t *frames) {
    return strcmp(json_str(json_array_get(frames, 0), "t", ""), "hello") == 0;
}

/* A hello begins a tab; everything else belongs to the tab of the token. NULL: answered already. */
static struct client *tab_of(struct webchat *wc, struct draht_http *x, const json_t *body,
                             const json_t *frames) {
    const char *token = json_str(body, "token", "");
    if (!is_hello(frames)) {
        struct client *t = find(wc, span_str(token));
        if (!t)
            problem(wc, x, 401, "token_invalid", "Say hello again with the last token.");
        return t;
    }
    struct span peer = kit_in(wc->h->http_peer(x));
    if (kit_peers_take(wc->forms, peer, chat_now(wc), wc->o.sockets_per_ip, 500) > 0) {
        problem(wc, x, 429, "rate", "Too many conversations at once. Try again in a moment.");
        return NULL;
    }
    struct client *t = client_new(wc, peer);
    t->poll = xcalloc(1, sizeof *t->poll);
    return t;
}

static void take_frames(struct client *t, const json_t *frames) {
    for (size_t i = 0; i < json_array_size(frames) && !t->is_gone; i++) {
        char *text = json_text(json_array_get(frames, i));
        client_frame(t, span_str(text));
        free(text);
    }
}

static void serve(struct webchat *wc, struct draht_http *x, const json_t *body) {
    const json_t *frames = json_object_get(body, "frames");
    int64_t wait_ms = json_int(body, "wait_ms", 0);
    struct client *t = tab_of(wc, x, body, frames);
    if (!t)
        return;
    t->refs++;
    if (t->poll->waiting)
        answer(t); /* one poll at a time: the older one ends */
    if (t->is_gone) {
        problem(wc, x, 401, "token_invalid", "Say hello again with the last token.");
        client_unref(t);
        return;
    }
    wait_ms = wait_ms < 0 ? 0 : wait_ms > CHAT_POLL_WAIT_MS_MAX ? CHAT_POLL_WAIT_MS_MAX : wait_ms;
    t->poll->waiting = x;
    t->poll->until_ms = chat_now(wc) + (t->said_hello ? wait_ms : HELLO_WAIT_MS);
    t->last_ms = chat_now(wc);
    take_frames(t, frames);
    if (t->poll->queue.n || t->poll->close_code || (wait_ms == 0 && t->is_welcomed))
        poll_wake(t);
    client_unref(t);
}

void poll_route(void *channel, struct draht_http *x) {
    struct webchat *wc = channel;
    struct span origin = kit_in(wc->h->http_header(x, "origin"));
    if (origin.p && !chat_origin_ok(wc, origin)) {
        problem(wc, x, 403, "origin", "This page may not show the chat.");
        return;
    }
    if (wc->is_stopping) {
        problem(wc, x, 503, "stopping", "The gateway is stopping. Try again in a moment.");
        return;
    }
    json_t *body = json_parse(kit_in(wc->h->http_body(x)), FRAME_BYTES_MAX * 2, NULL);
    const json_t *frames = json_object_get(body, "frames");
    if (!json_is_array(frames) || json_array_size(frames) > FRAMES_A_POLL_MAX)
        problem(wc, x, 400, "invalid",
                "The body is {token, frames, wait_ms} with at most 20 frames.");
    else
        serve(wc, x, body);
    json_decref(body);
}
