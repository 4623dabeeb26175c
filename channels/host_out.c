/* SPDX-License-Identifier: EUPL-1.2 */
/* host_out: replies on their way to a channel. A token stands for one send; it is settled once, and
 * a channel that does it again is taken down. Also what staff do that the citizen sees. */
#include "channels/host_private.h"

#include <stdlib.h>

static void copy_lists(struct draht_token *t, const struct outbound *m) {
    if (m->attachments_n) {
        t->attachments = xcalloc(m->attachments_n, sizeof *t->attachments);
        for (size_t i = 0; i < m->attachments_n; i++) {
            const struct attachment *a = &m->attachments[i];
            t->attachments[i] = (struct draht_attachment){.size = sizeof *t->attachments,
                                                          .name = host_dspan(a->name),
                                                          .type = host_dspan(a->type),
                                                          .bytes = host_dspan(a->bytes),
                                                          .blob = host_dspan(a->blob),
                                                          .length = a->length,
                                                          .content_id = host_dspan(a->content_id)};
        }
    }
    if (m->references_n) {
        t->references = xcalloc(m->references_n, sizeof *t->references);
        for (size_t i = 0; i < m->references_n; i++)
            t->references[i] = host_dspan(m->references[i]);
    }
}

static void fill(struct draht_token *t, const struct outbound *m) {
    copy_lists(t, m);
    t->out = (struct draht_outbound){.size = sizeof t->out,
                                     .message = host_dspan(span_str(m->message)),
                                     .ticket = host_dspan(span_str(m->ticket)),
                                     .attempt = m->attempt,
                                     .part = m->part,
                                     .recipient = host_dspan(m->recipient),
                                     .recipient_name = host_dspan(m->recipient_name),
                                     .thread = host_dspan(m->thread),
                                     .sender_name = host_dspan(m->sender_name),
                                     .subject = host_dspan(m->subject),
                                     .text = host_dspan(m->text),
                                     .html = host_dspan(m->html),
                                     .in_reply_to = host_dspan(m->in_reply_to),
                                     .references = t->references,
                                     .references_n = m->references_n,
                                     .attachments = t->attachments,
                                     .attachments_n = m->attachments_n,
                                     .thread_seq = m->thread_seq,
                                     .created_ms = m->created_ms,
                                     .flags = m->is_automatic ? DRAHT_OUT_AUTOMATIC : 0,
                                     .language = host_dspan(m->language)};
}

static bool release(struct draht_token *t) {
    struct host_channel *c = t->h.owner;
    if (!host_pool_give(&c->host->tokens, &t->h, "a send was settled twice"))
        return false;
    c->tokens_n--;
    free(t->attachments);
    free(t->references);
    t->attachments = NULL;
    t->references = NULL;
    return true;
}

static bool is_present(const struct host *h, const struct outbound *m) {
    const struct host_channel *c = host_find(h, m->stands_in);
    return c && c->is_open && c->ops.is_present &&
           c->ops.is_present(c->state, host_dspan(m->stands_in_thread)) == 1;
}

void host_send(void *host, const struct outbound *m, struct router_send *send) {
    struct host *h = host;
    struct host_channel *c = host_find(h, m->channel);
    if (!c || !c->is_up) {
        router_settle(send, V_RETRY, SPAN("The channel is down."), 0);
        return;
    }
    if (m->stands_in && is_present(h, m)) {
        router_settle(send, V_NEEDLESS, SPAN(""), 0);
        return;
    }
    struct draht_token *t = host_pool_take(&h->tokens, c, &c->tokens);
    t->send = send;
    c->tokens_n++;
    fill(t, m);
    host_thread_learn(h, c->id, m->thread, span_str(m->ticket));
    int rc = c->ops.send(c->state, &t->out, t);
    if (rc < 0 && t->h.is_live)
        host_settle(t, DRAHT_RETRY, (struct draht_span){0}, 0);
}

void host_part_done(struct draht_token *t, uint32_t part, struct draht_span external_id) {
    if (!t->h.is_live) {
        host_broken(t->h.owner, "a part of a settled send");
        return;
    }
    router_part_done(t->send, part, host_span(external_id));
}

void host_settle(struct draht_token *t, enum draht_verdict v, struct draht_span reason,
                 uint64_t retry_ms) {
    struct host_channel *c = t->h.owner;
    struct router_send *send = t->send;
    if (!release(t))
        return;
    if (v < DRAHT_SENT || v > DRAHT_IN_DOUBT) {
        host_broken(c, "a verdict that does not exist");
        v = DRAHT_IN_DOUBT;
    }
    if (v == DRAHT_SENT)
        c->last_out_ms = host_now(c->host);
    router_settle(send, (enum verdict)v, host_span(reason), retry_ms);
}

/* The process ends: what was under way goes back undecided, unless sending twice is harmless. */
void host_tokens_drop(struct host_channel *c) {
    while (c->tokens) {
        struct draht_token *t = (struct draht_token *)c->tokens;
        bool harmless = c->outbox.is_idempotent;
        host_settle(t, harmless ? DRAHT_RETRY : DRAHT_IN_DOUBT, (struct draht_span){0}, 0);
    }
}

void host_typing(struct host *h, const char *channel, const char *thread, const char *who,
                 bool is_typing) {
    struct host_channel *c = host_find(h, channel);
    if (c && c->is_up && c->ops.typing)
        c->ops.typing(c->state, host_dspan(span_str(thread)), host_dspan(span_str(who)), is_typing);
}

void host_notify(struct host *h, const char *channel, const char *thread, const char *what,
                 const char *detail) {
    struct host_channel *c = host_find(h, channel);
    if (c && c->is_up && c->ops.notify)
        c->ops.notify(c->state, host_dspan(span_str(thread)), what, host_dspan(span_str(detail)));
}

/* ---- mails beside a conversation ---- */
struct waiting_aside {
    struct host_channel *c;
    draht_done_fn done;
    void *arg;
};

static void aside_end(struct waiting_aside *w, int error) {
    int status = error >= 0                  ? 0
                 : error_is_retryable(error) ? DRAHT_E_UNAVAILABLE
                                             : DRAHT_E_REJECTED;
    if (host_unpend(w->c))
        w->done(w->arg, status);
    free(w);
}

static void on_aside(void *arg, int error, json_t *v) {
    (void)v;
    aside_end(arg, error);
}

static void no_aside(void *arg) {
    aside_end(arg, ERR_UNSUPPORTED);
}

static const struct host_channel *mail_channel(const struct host *h) {
    for (int i = 0; i < h->channels_n; i++)
        if (strcmp(h->channels[i]->type, "email") == 0 &&
            h->channels[i]->ops.caps & DRAHT_CAP_FIRST)
            return h->channels[i];
    return NULL;
}

void host_aside(void *host, const struct draht_aside *given, draht_done_fn done, void *arg) {
    struct host_channel *c = host;
    struct draht_aside m;
    host_extend(&m, sizeof m, given);
    struct waiting_aside *w = xcalloc(1, sizeof *w);
    *w = (struct waiting_aside){c, done, arg};
    host_pend(c);
    const struct host_channel *mail = mail_channel(c->host);
    const char *dot = memchr(m.about.p ? m.about.p : "", '.', m.about.n);
    if (!mail || (m.about.n && !dot)) {
        loop_soon(c->host->o.loop, no_aside, w);
        return;
    }
    struct arena *a = arena_new();
    const char *city = c->host->config->city_name;
    struct span about =
        dot ? (struct span){dot + 1, (size_t)(m.about.p + m.about.n - dot - 1)} : SPAN("");
    struct reply_aside r = {.ticket = arena_strndup(a, m.ticket.p, m.ticket.n),
                            .channel = mail->id,
                            .channel_type = mail->type,
                            .recipient = arena_strndup(a, m.recipient.p, m.recipient.n),
                            .text = arena_strndup(a, m.text.p, m.text.n),
                            .name = m.sender_name.n
                                        ? arena_strndup(a, m.sender_name.p, m.sender_name.n)
                                    : city ? city
                                           : "",
                            .client = m.key.n ? arena_strndup(a, m.key.p, m.key.n) : "",
                            .about = arena_strndup(a, about.p, about.n),
                            .delay_ms = (int64_t)m.delay_ms};
    reply_aside(c->host->o.router, &r, on_aside, w);
    arena_free(&a);
}
