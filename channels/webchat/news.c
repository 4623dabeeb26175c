/* SPDX-License-Identifier: EUPL-1.2 */
/* news: what came into an open conversation by another gateway, the form or a mail is read from the
 * store and told to the tabs, in order and once. */
#include "channels/webchat/webchat_private.h"

struct looking {
    struct webchat *wc;
    struct chat *chat;
    uint64_t up_to; /* known to be there when the store was asked */
};

static void tell(struct webchat *wc, struct chat *c, const struct draht_history_item *x) {
    struct chat_line l = session_line(c, x);
    c->told = x->thread_seq;
    if (x->from_citizen)
        c->said = 0;
    else
        c->is_staff_typing = false;
    chat_broadcast(wc, c, NULL, x->thread_seq, out_line(wc, c, &l));
    if (c->is_answered)
        place_answered(wc, c);
    else
        place_wait(wc, c);
}

static void on_news(void *arg, int status, const struct draht_history_item *items, size_t n) {
    struct looking *l = arg;
    struct chat *c = l->chat;
    c->is_reading = false;
    for (size_t i = 0; status == 0 && i < n; i++)
        if (items[i].thread_seq > c->told)
            tell(l->wc, c, &items[i]);
    if (status < 0)
        chat_activate(l->wc, c); /* the sweep asks again */
    else if (n < CHAT_PAGE && c->news <= l->up_to)
        c->news = c->told;
    if (status == 0)
        news_look(l->wc, c);
    chat_unref(l->wc, c);
    free(l);
}

/* While a message of our own tabs is on its way, its place tells what is missing. */
void news_look(struct webchat *wc, struct chat *c) {
    if (!c->is_known || c->is_reading || c->accepting || !c->tabs || c->news <= c->told)
        return;
    struct looking *l = xcalloc(1, sizeof *l);
    *l = (struct looking){wc, c, c->news};
    c->refs++;
    c->is_reading = true;
    wc->h->history(wc->host, kit_str(c->thread), c->told, CHAT_PAGE, on_news, l);
}

void news_heard(struct webchat *wc, struct chat *c, uint64_t seq) {
    if (seq > c->news)
        c->news = seq;
    news_look(wc, c);
}

bool news_is_next(struct webchat *wc, struct chat *c, uint64_t seq) {
    if (!c->is_known || c->is_reading || seq != c->told + 1) {
        news_heard(wc, c, seq);
        return false;
    }
    c->told = seq;
    return true;
}

void news_known(struct webchat *wc, struct chat *c) {
    if (!c->is_known)
        c->told = c->head;
    c->is_known = true;
    news_heard(wc, c, c->head);
}

/* In another window, at another gateway. Those of our own are taken off the list before. */
void news_was_read(struct webchat *wc, struct chat *c, uint64_t seq) {
    for (struct sent **at = &c->sent; *at; at = &(*at)->next) {
        struct sent *s = *at;
        if (s->seq != seq)
            continue;
        struct buf b = {0};
        buf_addf(&b, "{\"t\":\"state\",\"id\":\"%s\",\"seq\":%llu,\"state\":\"read\"}", s->message,
                 (unsigned long long)s->seq);
        *at = s->next;
        c->sent_n--;
        free(s);
        chat_broadcast(wc, c, NULL, 0, buf_span(&b));
        buf_free(&b);
        return;
    }
}
