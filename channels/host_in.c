/* SPDX-License-Identifier: EUPL-1.2 */
/* host_in: what channels report: messages, receipts, typing; and the leases under which they may
 * poll. */
#include "channels/host_private.h"

#include <stdlib.h>

struct accepting {
    struct host_channel *c;
    draht_accept_fn done;
    void *arg;
    size_t thread_n;
    char thread[];
};

static uint64_t thread_hash(const char *channel, struct span thread) {
    uint64_t x = 1469598103934665603u;
    for (const char *p = channel; *p; p++)
        x = (x ^ (uint8_t)*p) * 1099511628211u;
    for (size_t i = 0; i < thread.n; i++)
        x = (x ^ (uint8_t)thread.p[i]) * 1099511628211u;
    return x ? x : 1;
}

void host_thread_learn(struct host *h, const char *channel, struct span thread,
                       struct span ticket) {
    if (thread.n == 0 || ticket.n == 0 || ticket.n >= sizeof h->threads->ticket)
        return;
    uint64_t hash = thread_hash(channel, thread);
    struct host_thread *slot = &h->threads[hash % HOST_THREADS];
    slot->hash = hash;
    memcpy(slot->ticket, ticket.p, ticket.n);
    slot->ticket[ticket.n] = 0;
}

const char *host_thread_ticket(const struct host *h, const char *channel, struct span thread) {
    uint64_t hash = thread_hash(channel, thread);
    const struct host_thread *slot = &h->threads[hash % HOST_THREADS];
    return slot->hash == hash ? slot->ticket : "";
}

static int accept_status(int error) {
    if (error >= 0)
        return 0;
    return error == ERR_TOO_LARGE || error == ERR_INVALID ? DRAHT_E_REJECTED : DRAHT_E_UNAVAILABLE;
}

static void on_accepted(void *arg, int error, const struct accepted *a) {
    struct accepting *p = arg;
    struct host_channel *c = p->c;
    if (error >= 0 && a && !c->host->is_dead)
        host_thread_learn(c->host, c->id, (struct span){p->thread, p->thread_n},
                          span_str(a->ticket));
    if (host_unpend(c)) {
        struct draht_accepted out = {.size = sizeof out};
        if (error >= 0 && a) {
            out.duplicate = a->is_duplicate;
            out.ticket = host_dspan(span_str(a->ticket));
            out.message = host_dspan(span_str(a->message));
            out.thread_seq = a->thread_seq;
            out.stored_ms = a->stored_ms;
        }
        int status = error >= 0 && !a ? DRAHT_E_UNAVAILABLE : accept_status(error);
        p->done(p->arg, status, status == 0 ? &out : NULL);
    }
    free(p);
}

static void reject_later(void *arg) {
    on_accepted(arg, ERR_INVALID, NULL);
}

/* The writer's own size is the stride of its array. */
static struct attachment *map_attachments(const struct draht_inbound *m) {
    struct attachment *out = xcalloc(m->attachments_n + 1, sizeof *out);
    const char *at = (const char *)m->attachments;
    for (size_t i = 0; i < m->attachments_n; i++) {
        struct draht_attachment a;
        host_extend(&a, sizeof a, at);
        uint32_t stride;
        memcpy(&stride, at, sizeof stride);
        at += stride;
        out[i] = (struct attachment){.name = host_span(a.name),
                                     .type = host_span(a.type),
                                     .blob = host_span(a.blob),
                                     .content_id = host_span(a.content_id),
                                     .bytes = host_span(a.bytes),
                                     .length = a.bytes.n ? a.bytes.n : a.length};
    }
    return out;
}

static struct thread_hint *map_hints(const struct draht_inbound *m) {
    struct thread_hint *out = xcalloc(m->hints_n + 1, sizeof *out);
    for (size_t i = 0; i < m->hints_n; i++)
        out[i] = (struct thread_hint){(enum thread_hint_kind)m->hints[i].kind,
                                      host_span(m->hints[i].value)};
    return out;
}

/* A sentence when the channel broke the contract, NULL when the message may go on. */
static const char *contract_fault(const struct draht_inbound *m) {
    if (!m->external_id.p || m->external_id.n == 0)
        return "accept without an external id";
    if (!m->sender.p || m->sender.n == 0)
        return "accept without a sender";
    if (m->external_id.n > HOST_EXTERNAL_ID_BYTES_MAX || m->sender.n > HOST_ADDRESS_BYTES_MAX)
        return "accept with an id beyond the limit";
    if (m->attachments_n > HOST_ATTACHMENTS_MAX || m->hints_n > HOST_HINTS_MAX)
        return "accept with too many attachments or hints";
    if ((m->attachments_n && !m->attachments) || (m->hints_n && !m->hints))
        return "accept with a count and no list";
    uint32_t size;
    if (m->attachments_n) {
        memcpy(&size, m->attachments, sizeof size);
        if (size < offsetof(struct draht_attachment, length))
            return "accept with an attachment of no size";
    }
    for (size_t i = 0; i < m->hints_n; i++)
        if (m->hints[i].kind < DRAHT_THREAD_TICKET ||
            m->hints[i].kind > DRAHT_THREAD_TICKET_IF_KNOWN)
            return "accept with an unknown kind of hint";
    return NULL;
}

static void hand_over(struct host_channel *c, const struct draht_inbound *m, struct accepting *p) {
    struct attachment *attachments = m->attachments_n ? map_attachments(m) : NULL;
    struct thread_hint *hints = m->hints_n ? map_hints(m) : NULL;
    json_t *warnings =
        m->warnings.n ? json_parse(host_span(m->warnings), HOST_WARNINGS_BYTES_MAX, NULL) : NULL;
    struct inbound in = {.channel = c->id,
                         .channel_type = c->type,
                         .external_id = host_span(m->external_id),
                         .sender = host_span(m->sender),
                         .sender_name = host_span(m->sender_name),
                         .recipient = host_span(m->recipient),
                         .subject = host_span(m->subject),
                         .text = host_span(m->text),
                         .text_quoted = host_span(m->text_quoted),
                         .html = host_span(m->html),
                         .language = host_span(m->language),
                         .thread = host_span(m->thread),
                         .status_url = host_span(m->status_url),
                         .hints = hints,
                         .hints_n = m->hints_n,
                         .attachments = attachments,
                         .attachments_n = m->attachments_n,
                         .original = host_span(m->original),
                         .sent_ms = m->sent_ms,
                         .is_automatic = (m->flags & DRAHT_IN_AUTOMATIC) != 0,
                         .is_unverified = (m->flags & DRAHT_IN_SENDER_UNVERIFIED) != 0,
                         .is_system = (m->flags & DRAHT_IN_SYSTEM) != 0,
                         .has_history = c->outbox.has_history && !(m->flags & DRAHT_IN_SYSTEM),
                         .warnings = json_is_array(warnings) ? warnings : NULL};
    intake_accept(c->host->o.router, &in, on_accepted, p);
    json_decref(warnings);
    free(attachments);
    free(hints);
}

void host_accept(void *host, const struct draht_inbound *given, draht_accept_fn done, void *arg) {
    struct host_channel *c = host;
    struct draht_inbound m;
    host_extend(&m, sizeof m, given);
    size_t thread_n = m.thread.p ? m.thread.n : 0;
    struct accepting *p = xcalloc(1, sizeof *p + thread_n + 1);
    p->c = c;
    p->done = done;
    p->arg = arg;
    p->thread_n = thread_n;
    if (thread_n)
        memcpy(p->thread, m.thread.p, thread_n);
    host_pend(c);
    const char *fault = contract_fault(&m);
    if (fault || c->is_broken) {
        if (fault)
            host_broken(c, fault);
        loop_soon(c->host->o.loop, reject_later, p);
        return;
    }
    c->last_in_ms = host_now(c->host);
    hand_over(c, &m, p);
}

struct waiting_done {
    struct host_channel *c;
    draht_done_fn done;
    void *arg;
};

static void on_receipt(void *arg, int error) {
    struct waiting_done *p = arg;
    if (host_unpend(p->c) && p->done)
        p->done(p->arg, error);
    free(p);
}

void host_receipt(void *host, const struct draht_receipt *given, draht_done_fn done, void *arg) {
    struct host_channel *c = host;
    struct draht_receipt r;
    host_extend(&r, sizeof r, given);
    struct waiting_done *p = xcalloc(1, sizeof *p);
    *p = (struct waiting_done){c, done, arg};
    host_pend(c);
    if ((r.external_id.n == 0 && r.message.n == 0) || r.state < DRAHT_RECEIPT_SENT ||
        r.state > DRAHT_RECEIPT_FAILED) {
        host_broken(c, "a receipt without id or state");
        on_receipt(p, ERR_INVALID);
        return;
    }
    struct receipt x = {.channel = c->id,
                        .external_id = host_span(r.external_id),
                        .message = host_span(r.message),
                        .reason = host_span(r.reason),
                        .state = (enum receipt_state)r.state,
                        .is_permanent = r.is_permanent != 0,
                        .at_ms = r.at_ms ? r.at_ms : host_now(c->host)};
    receipt_apply(c->host->o.router, &x, on_receipt, p);
}

void host_typing_in(void *host, struct draht_span thread, int is_typing) {
    struct host_channel *c = host;
    struct host *h = c->host;
    const char *ticket = host_thread_ticket(h, c->id, host_span(thread));
    if (*ticket && h->o.on_typing)
        h->o.on_typing(h->o.arg, ticket, is_typing != 0);
}

static void on_lease(void *arg, bool held) {
    struct host_lease *l = arg;
    if (l->owner->is_open && !l->owner->is_stopped)
        l->on_change(l->owner->state, held);
}

int host_lease(void *host, struct draht_span name, void (*on_change)(void *channel, int held)) {
    struct host_channel *c = host;
    if (!name.p || name.n == 0 || name.n > 64 || !on_change)
        return ERR_INVALID;
    char full[160];
    snprintf(full, sizeof full, "channel:%s:%.*s", c->id, (int)name.n, name.p);
    struct host_lease *l = xcalloc(1, sizeof *l);
    l->owner = c;
    l->on_change = on_change;
    l->next = c->leases;
    c->leases = l;
    l->lease = router_lease(c->host->o.router, full, on_lease, l);
    return 0;
}

void host_lease_drop_all(struct host_channel *c) {
    while (c->leases) {
        struct host_lease *l = c->leases;
        c->leases = l->next;
        router_lease_drop(&l->lease);
        free(l);
    }
}
