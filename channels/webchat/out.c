/* SPDX-License-Identifier: EUPL-1.2 */
/* out: server frames, written straight into a buffer, and the ways to a tab: its socket, its poll,
 * or the queue of a tab that is still being replayed to. */
#include "channels/webchat/webchat_private.h"

void client_deliver(struct client *t, struct span frame) {
    if (t->is_gone)
        return;
    if (t->socket) {
        t->wc->h->socket_send(t->socket, kit_out(frame));
        return;
    }
    if (!t->poll)
        return;
    if (t->poll->queue.n + frame.n > CHAT_POLL_QUEUE_BYTES_MAX) {
        client_close(t, 1008, "queue");
        return;
    }
    if (t->poll->queue.n)
        buf_add(&t->poll->queue, ",", 1);
    buf_add(&t->poll->queue, frame.p, frame.n);
    poll_wake(t);
}

static void hold(struct client *t, uint64_t seq, struct span frame) {
    if (t->held_bytes + frame.n > CHAT_HELD_BYTES_MAX) {
        client_close(t, 1012, "slow");
        return;
    }
    struct held *x = xcalloc(1, sizeof *x + frame.n + 1);
    x->seq = seq;
    x->n = frame.n;
    memcpy(x->text, frame.p, frame.n);
    t->held_bytes += frame.n;
    if (t->held_last)
        t->held_last->next = x;
    else
        t->held_first = x;
    t->held_last = x;
}

void client_push(struct client *t, uint64_t seq, struct span frame) {
    if (t->is_gone || !t->said_hello)
        return;
    if (t->is_ready)
        client_deliver(t, frame);
    else
        hold(t, seq, frame);
}

void client_flush_held(struct client *t) {
    while (t->held_first) {
        struct held *x = t->held_first;
        t->held_first = x->next;
        if (x->seq == 0 || x->seq > t->cursor)
            client_deliver(t, (struct span){x->text, x->n});
        if (x->seq > t->cursor)
            t->cursor = x->seq;
        free(x);
    }
    t->held_last = NULL;
    t->held_bytes = 0;
}

void client_close(struct client *t, int code, const char *reason) {
    if (t->is_gone)
        return;
    if (t->socket) {
        t->wc->h->socket_close(t->socket, code, reason);
        return;
    }
    if (t->poll && t->poll->close_code == 0) {
        t->poll->close_code = code;
        poll_wake(t);
    }
}

void chat_broadcast(struct webchat *wc, struct chat *c, const struct client *except, uint64_t seq,
                    struct span frame) {
    (void)wc;
    struct client *next;
    c->refs++; /* a poll that is answered may leave */
    for (struct client *t = c->tabs; t; t = next) {
        next = t->next_tab;
        if (t == except || (seq && t->is_ready && seq <= t->cursor))
            continue;
        if (t->is_ready && seq)
            t->cursor = seq;
        client_push(t, seq, frame);
    }
    chat_unref(wc, c);
}

static struct buf *scratch(struct webchat *wc) {
    buf_clear(&wc->scratch);
    return &wc->scratch;
}

static void member(struct buf *b, const char *name, struct span v) {
    buf_addf(b, ",\"%s\":", name);
    kit_json(b, v);
}

void out_time(struct buf *b, int64_t ms) {
    char text[CLOCK_RFC3339_BYTES];
    clock_rfc3339(ms, text);
    buf_addf(b, "\"%s\"", text);
}

static void fact_member(struct webchat *wc, struct buf *b, const char *name, const char *fact) {
    struct draht_span v = wc->h->fact(wc->host, fact);
    if (v.p && v.n)
        member(b, name, kit_in(v));
    else
        buf_addf(b, ",\"%s\":null", name);
}

bool chat_is_open(struct webchat *wc) {
    struct draht_span open = wc->h->fact(wc->host, "hours.open");
    return open.n != 1 || open.p[0] != '0';
}

void out_hours(struct webchat *wc, struct buf *b) {
    bool is_open = chat_is_open(wc);
    buf_addf(b, ",\"open\":%s", is_open ? "true" : "false");
    if (is_open)
        buf_adds(b, ",\"next_open_at\":null");
    else
        fact_member(wc, b, "next_open_at", "hours.next");
}

void out_welcome(struct client *t) {
    struct webchat *wc = t->wc;
    struct chat *c = t->chat;
    struct buf *b = scratch(wc);
    buf_adds(b, "{\"t\":\"welcome\",\"token\":\"");
    token_make(wc, c, t->generation, b);
    buf_adds(b, "\",\"expires_at\":");
    out_time(b, chat_now(wc) + CHAT_TOKEN_MS);
    buf_addf(b, ",\"seq\":%llu", (unsigned long long)c->head);
    if (*c->number)
        member(b, "number", span_str(c->number));
    else
        buf_adds(b, ",\"number\":null");
    out_hours(wc, b);
    fact_member(wc, b, "answer_by", "answer.due");
    if (*c->agent) {
        buf_adds(b, ",\"agent\":{\"name\":");
        kit_json(b, span_str(c->agent));
        buf_adds(b, "}}");
    } else {
        buf_adds(b, ",\"agent\":null}");
    }
    client_deliver(t, buf_span(b));
}

void out_error(struct client *t, const char *code, const char *text) {
    struct buf *b = scratch(t->wc);
    buf_addf(b, "{\"t\":\"error\",\"code\":\"%s\",\"text\":\"%s\"}", code, text);
    client_deliver(t, buf_span(b));
}

void out_nack(struct client *t, struct span cid, const char *code, const char *text,
              int64_t retry_ms) {
    struct buf *b = scratch(t->wc);
    buf_adds(b, "{\"t\":\"nack\"");
    member(b, "cid", cid);
    buf_addf(b, ",\"code\":\"%s\"", code);
    member(b, "text", span_str(text));
    buf_addf(b, ",\"retry_ms\":%lld}", (long long)retry_ms);
    client_deliver(t, buf_span(b));
}

static void files(struct webchat *wc, struct buf *b, const struct chat *c,
                  const struct chat_line *l) {
    buf_adds(b, ",\"files\":[");
    for (size_t i = 0; i < l->files_n; i++) {
        const struct draht_attachment *x = &l->files[i];
        struct chat_file f = {kit_in(x->blob), kit_in(x->name), kit_in(x->type), x->length};
        buf_addf(b, "%s{\"i\":%zu", i ? "," : "", i);
        member(b, "name", f.name);
        member(b, "type", f.type);
        buf_addf(b, ",\"length\":%llu,\"token\":\"", (unsigned long long)f.length);
        file_ticket_make(wc, 'f', span_str(c->thread), &f, b);
        buf_adds(b, "\"}");
    }
    buf_adds(b, "]");
}

struct span out_line(struct webchat *wc, const struct chat *c, const struct chat_line *l) {
    struct buf *b = scratch(wc);
    buf_addf(b, "{\"t\":\"message\",\"seq\":%llu", (unsigned long long)l->seq);
    member(b, "id", l->id);
    member(b, "from", span_str(l->from));
    member(b, "name", l->name);
    member(b, "text", l->text);
    buf_adds(b, ",\"at\":");
    out_time(b, l->at_ms);
    if (l->cid.n)
        member(b, "cid", l->cid);
    files(wc, b, c, l);
    if (l->state)
        member(b, "state", span_str(l->state));
    buf_adds(b, "}");
    return buf_span(b);
}
