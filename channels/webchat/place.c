/* SPDX-License-Identifier: EUPL-1.2 */
/* place: how many wait before a citizen. He is told as long as he waits for an answer and looks at
 * the conversation; the host says when it changes. */
#include "channels/webchat/webchat_private.h"

static struct span frame(struct webchat *wc, const struct chat *c) {
    struct buf *b = &wc->scratch;
    buf_clear(b);
    if (c->before >= 0)
        buf_addf(b, "{\"t\":\"place\",\"before\":%lld", (long long)c->before);
    else
        buf_adds(b, "{\"t\":\"place\",\"before\":null");
    out_hours(wc, b);
    buf_adds(b, "}");
    return buf_span(b);
}

static void change(struct webchat *wc, struct chat *c, int64_t before) {
    if (c->before == before)
        return;
    c->before = before;
    chat_broadcast(wc, c, NULL, 0, frame(wc, c));
}

void place_wait(struct webchat *wc, struct chat *c) {
    if (c->wants_place || c->is_answered || !c->tabs || !wc->o.show_place)
        return;
    c->wants_place = true;
    wc->h->watch_place(wc->host, kit_str(c->thread), 1);
}

void place_answered(struct webchat *wc, struct chat *c) {
    if (!c->wants_place)
        return;
    c->wants_place = false;
    wc->h->watch_place(wc->host, kit_str(c->thread), 0);
    change(wc, c, -1);
}

void place_heard(struct webchat *wc, struct chat *c, struct span before) {
    unsigned long long n;
    if (c->wants_place)
        change(wc, c, span_u64(before, INT64_MAX, &n) == 0 ? (int64_t)n : -1);
}

void place_show(struct client *t) {
    if (t->chat->before >= 0)
        client_deliver(t, frame(t->wc, t->chat));
}

void place_left(struct chat *c) {
    c->wants_place = false;
    c->before = -1;
}

void place_sweep(struct webchat *wc) {
    if (wc->is_shut != chat_is_open(wc))
        return;
    wc->is_shut = !wc->is_shut;
    for (size_t i = 0; i < wc->slots_n; i++)
        for (struct chat *c = wc->slots[i], *next; c; c = next) {
            c->refs++; /* a poll that is answered may leave */
            if (c->before >= 0)
                chat_broadcast(wc, c, NULL, 0, frame(wc, c));
            next = c->next_in_slot;
            chat_unref(wc, c);
        }
}
