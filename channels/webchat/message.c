/* SPDX-License-Identifier: EUPL-1.2 */
/* message: what the citizen writes goes in and is acknowledged only when it is durable; what staff
 * write comes out to every tab of the conversation. */
#include "channels/webchat/webchat_private.h"

struct pending { /* a message on its way in */
    struct client *tab;
    struct webchat *wc;
    struct chat *chat;
    uint64_t seq;
    int64_t at_ms;
    char id[32];
    size_t cid_n, text_n, files_n;
    struct draht_attachment files[FRAME_FILES_MAX];
    struct arena *arena; /* NULL without files */
    char bytes[];        /* cid, text */
};

static struct span cid(const struct pending *p) {
    return (struct span){p->bytes, p->cid_n};
}
static struct span text(const struct pending *p) {
    return (struct span){p->bytes + p->cid_n, p->text_n};
}

static void done(struct pending *p) {
    if (p->tab)
        client_unref(p->tab);
    chat_unref(p->wc, p->chat);
    arena_free(&p->arena);
    free(p);
}

static void ack(struct pending *p) {
    struct buf *b = &p->wc->scratch;
    buf_clear(b);
    buf_adds(b, "{\"t\":\"ack\",\"cid\":");
    kit_json(b, cid(p));
    buf_addf(b, ",\"id\":\"%s\",\"seq\":%llu,\"ts\":", p->id, (unsigned long long)p->seq);
    out_time(b, p->at_ms);
    buf_addf(b, ",\"number\":\"%s\"}", p->chat->number);
    client_push(p->tab, p->seq, buf_span(b));
}

static void tell_tabs(struct pending *p) {
    if (!p->chat->tabs || (p->chat->tabs == p->tab && !p->tab->next_tab))
        return;
    struct chat_line l = {.seq = p->seq,
                          .id = span_str(p->id),
                          .text = text(p),
                          .cid = cid(p),
                          .from = "me",
                          .at_ms = p->at_ms,
                          .files = p->files,
                          .files_n = p->files_n,
                          .state = "sent"};
    chat_broadcast(p->wc, p->chat, p->tab, p->seq, out_line(p->wc, p->chat, &l));
}

/* The store knew the client id already: the same text is the same message, another one is a clash.
 */
static void on_earlier(void *arg, int status, const struct draht_history_item *items, size_t n) {
    struct pending *p = arg;
    bool known = status == 0 && n > 0 && items[0].thread_seq == p->seq;
    if (status < 0)
        out_nack(p->tab, cid(p), "unavailable", "", 2000);
    else if (known && !span_is(kit_in(items[0].text), text(p)))
        out_nack(p->tab, cid(p), "conflict", "", 0);
    else
        ack(p);
    done(p);
}

static void note_stored(struct pending *p, const struct draht_accepted *a) {
    struct chat *c = p->chat;
    c->said = 0; /* what was closed is open again */
    snprintf(p->id, sizeof p->id, "%.*s", (int)a->message.n, a->message.p ? a->message.p : "");
    p->seq = a->thread_seq;
    p->at_ms = a->stored_ms;
    bool is_first = !c->is_stored;
    bool is_other = a->ticket.n && !span_is(kit_in(a->ticket), span_str(c->number));
    if (a->ticket.n && a->ticket.n < sizeof c->number)
        snprintf(c->number, sizeof c->number, "%.*s", (int)a->ticket.n, a->ticket.p);
    if (a->thread_seq > c->head)
        c->head = a->thread_seq;
    c->is_stored = true;
    c->is_answered = false;
    place_wait(p->wc, c);
    if (is_first || is_other)
        chat_save(p->wc, c, NULL, NULL);
    if (is_first && c->email)
        chat_note_email(p->wc, c);
}

static void on_accepted(void *arg, int status, const struct draht_accepted *a) {
    struct pending *p = arg;
    p->chat->accepting--;
    if (status < 0) {
        bool never = status == DRAHT_E_REJECTED;
        out_nack(p->tab, cid(p), never ? "invalid" : "unavailable", "", never ? 0 : 2000);
        news_look(p->wc, p->chat);
        done(p);
        return;
    }
    note_stored(p, a);
    if (a->duplicate && p->seq > 0) {
        news_look(p->wc, p->chat);
        p->wc->h->history(p->wc->host, kit_str(p->chat->thread), p->seq - 1, 1, on_earlier, p);
        return;
    }
    ack(p);
    if (news_is_next(p->wc, p->chat, p->seq))
        tell_tabs(p);
    news_look(p->wc, p->chat);
    done(p);
}

/* Most texts are clean: they are not copied. */
static struct span clean(struct arena **a, struct span s) {
    bool ok = true;
    for (size_t i = 0; ok && i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        ok = (c >= 0x20 && c != 0x7f) || c == '\n' || c == '\t';
    }
    if (ok)
        return s;
    if (!*a)
        *a = arena_new();
    return utf8_clean(*a, s, FRAME_BYTES_MAX, NULL);
}

static bool open_files(struct client *t, const struct frame *f, struct pending *p) {
    for (size_t i = 0; i < f->files_n; i++) {
        struct chat_file x;
        if (!p->arena)
            p->arena = arena_new();
        if (file_ticket_read(t->wc, 'b', span_str(t->chat->thread), f->files[i], p->arena, &x) < 0)
            return false;
        p->files[p->files_n++] = (struct draht_attachment){.size = sizeof *p->files,
                                                           .name = kit_out(x.name),
                                                           .type = kit_out(x.type),
                                                           .blob = kit_out(x.blob),
                                                           .length = x.length};
    }
    return true;
}

static void hand_in(struct client *t, struct pending *p) {
    struct webchat *wc = t->wc;
    struct chat *c = t->chat;
    char external[CHAT_THREAD_BYTES + FRAME_CID_BYTES_MAX + 8], sender[CHAT_THREAD_BYTES + 8];
    int external_n =
        snprintf(external, sizeof external, "%s:%.*s", c->thread, (int)p->cid_n, p->bytes);
    int sender_n = snprintf(sender, sizeof sender, "chat:%s", c->thread);
    struct draht_thread_hint hint = {DRAHT_THREAD_KEY, kit_str(c->thread)};
    struct draht_inbound m = {.size = sizeof m,
                              .external_id = {external, (size_t)external_n},
                              .sender = {sender, (size_t)sender_n},
                              .text = kit_out(text(p)),
                              .language = kit_str(*t->lang ? t->lang : NULL),
                              .thread = hint.value,
                              .hints = &hint,
                              .hints_n = 1,
                              .attachments = p->files,
                              .attachments_n = p->files_n};
    struct buf url = {0};
    if (!c->is_stored) { /* only the first message is acknowledged with a text */
        status_url(wc, c, &url);
        m.status_url = kit_out(buf_span(&url));
    }
    c->accepting++;
    wc->h->accept(wc->host, &m, on_accepted, p);
    buf_free(&url);
}

int64_t chat_message_wait_ms(struct client *t) {
    int n = t->wc->o.messages_per_10s;
    return kit_bucket_take(&t->chat->messages, chat_now(t->wc), n, 10000 / n);
}

/* NULL when it may go in, or the code of the refusal. */
static const char *refusal(struct client *t, const struct frame *f, struct span said,
                           int64_t *retry_ms) {
    struct webchat *wc = t->wc;
    if (said.n == 0 && f->files_n == 0)
        return "invalid";
    if (utf8_count(said) > (size_t)wc->o.text_max)
        return "too_long";
    if (f->files_n > (size_t)wc->o.files_max)
        return "invalid";
    *retry_ms = chat_message_wait_ms(t);
    return *retry_ms > 0 ? "rate" : NULL;
}

void client_message(struct client *t, const struct frame *f) {
    struct arena *a = NULL;
    struct span said = clean(&a, f->text);
    int64_t retry_ms = 0;
    const char *code = span_trim(said).n || f->files_n ? refusal(t, f, said, &retry_ms) : "invalid";
    if (code) {
        out_nack(t, f->cid, code, "", retry_ms);
        arena_free(&a);
        return;
    }
    struct pending *p = xcalloc(1, sizeof *p + f->cid.n + said.n + 1);
    p->tab = t;
    p->wc = t->wc;
    p->chat = t->chat;
    t->refs++;
    t->chat->refs++;
    p->cid_n = f->cid.n;
    p->text_n = said.n;
    memcpy(p->bytes, f->cid.p, f->cid.n);
    if (said.n)
        memcpy(p->bytes + f->cid.n, said.p, said.n);
    arena_free(&a);
    if (!open_files(t, f, p)) {
        out_nack(t, f->cid, "invalid", "", 0);
        done(p);
        return;
    }
    if (t->chat->is_typing) {
        t->chat->is_typing = false;
        t->wc->h->typing(t->wc->host, kit_str(t->chat->thread), 0);
    }
    hand_in(t, p);
}

/* ---- notes for staff: wishes and addresses are part of the ticket, not of the conversation ----
 */

static void on_note(void *arg, int status, const struct draht_accepted *a) {
    struct pending *p = arg;
    (void)a;
    if (status < 0)
        p->wc->h->log(p->wc->host, 2, "webchat.note", "a note for staff was not stored");
    done(p);
}

static void note(struct webchat *wc, struct chat *c, const char *kind, struct span said) {
    struct pending *p = xcalloc(1, sizeof *p);
    p->wc = wc;
    p->chat = c;
    c->refs++;
    struct arena *a = arena_new();
    uint8_t random[8];
    char hex[17];
    wc->h->random(random, sizeof random);
    crypto_hex(random, sizeof random, hex);
    const char *lead = chat_text(wc, a, "de", arena_printf(a, "webchat.note_%s", kind), kind);
    char *line =
        arena_printf(a, "%s%s%.*s", lead, said.n ? ": " : "", (int)said.n, said.p ? said.p : "");
    struct draht_thread_hint hint = {DRAHT_THREAD_KEY, kit_str(c->thread)};
    struct draht_inbound m = {.size = sizeof m,
                              .external_id =
                                  kit_str(arena_printf(a, "%s:%s:%s", c->thread, kind, hex)),
                              .sender = kit_str(arena_printf(a, "chat:%s", c->thread)),
                              .text = kit_str(line),
                              .thread = hint.value,
                              .hints = &hint,
                              .hints_n = 1,
                              .flags = DRAHT_IN_SYSTEM};
    wc->h->accept(wc->host, &m, on_note, p);
    arena_free(&a);
}

void client_note(struct client *t, const char *kind, struct span said) {
    struct arena *a = NULL;
    int64_t wait = chat_message_wait_ms(t);
    if (!t->chat->is_stored)
        out_error(t, "empty", "There is no conversation yet.");
    else if (wait > 0)
        out_error(t, "rate", "Too many at once.");
    else if (utf8_count(said) > (size_t)t->wc->o.text_max)
        out_error(t, "too_long", "The text is too long.");
    else
        note(t->wc, t->chat, kind, clean(&a, said));
    arena_free(&a);
}

void chat_note_email(struct webchat *wc, struct chat *c) {
    note(wc, c, "email", span_str(c->email));
    fallback_ask(wc, c);
    free(c->email);
    c->email = NULL;
}

/* ---- out ---- */

int webchat_send(void *channel, const struct draht_outbound *m, struct draht_token *t) {
    struct webchat *wc = channel;
    struct span thread = kit_in(m->thread);
    if (thread.n == 0 && m->recipient.n > 5 && memcmp(m->recipient.p, "chat:", 5) == 0)
        thread = (struct span){m->recipient.p + 5, m->recipient.n - 5};
    if (thread.n == 0) {
        wc->h->settle(t, DRAHT_REJECTED, kit_str("The reply belongs to no conversation."), 0);
        return 1;
    }
    struct chat *c = chat_find_thread(wc, thread);
    if (c && news_is_next(wc, c, m->thread_seq)) {
        struct chat_line l = {.seq = m->thread_seq,
                              .id = kit_in(m->message),
                              .name = kit_in(m->sender_name),
                              .text = kit_in(m->text),
                              .from = m->flags & DRAHT_OUT_AUTOMATIC ? "auto" : "agent",
                              .at_ms = m->created_ms,
                              .files = m->attachments,
                              .files_n = m->attachments_n,
                              .state = "sent"};
        if (m->thread_seq > c->head)
            c->head = m->thread_seq;
        chat_sent_add(c, m->thread_seq, l.id, false);
        c->is_staff_typing = false;
        c->refs++; /* a poll that is answered may leave */
        chat_broadcast(wc, c, NULL, m->thread_seq, out_line(wc, c, &l));
        if (!(m->flags & DRAHT_OUT_AUTOMATIC)) {
            c->is_answered = true;
            place_answered(wc, c);
        }
        chat_unref(wc, c);
    }
    fallback_reply(wc, thread, m);
    /* The conversation itself is the mailbox: it is kept and shown at the next visit. */
    wc->h->settle(t, DRAHT_SENT, (struct draht_span){0}, 0);
    return 1;
}

void webchat_typing(void *channel, struct draht_span thread, struct draht_span who, int is_typing) {
    struct webchat *wc = channel;
    struct chat *c = chat_find_thread(wc, kit_in(thread));
    if (!c)
        return;
    c->is_staff_typing = is_typing != 0;
    c->staff_typing_until_ms = chat_now(wc) + CHAT_TYPING_OFF_MS;
    if (is_typing)
        chat_activate(wc, c);
    struct buf *b = &wc->scratch;
    buf_clear(b);
    buf_addf(b, "{\"t\":\"typing\",\"on\":%s,\"name\":", is_typing ? "true" : "false");
    kit_json(b, kit_in(who));
    buf_adds(b, "}");
    chat_broadcast(wc, c, NULL, 0, buf_span(b));
}

static void closed_or_open(struct webchat *wc, struct chat *c, char what) {
    if (c->said == what) /* another gateway, or the stream, said it before */
        return;
    c->said = what;
    if (what == 'c')
        place_answered(wc, c);
    struct buf *b = &wc->scratch;
    buf_clear(b);
    if (what == 'c')
        buf_addf(b, "{\"t\":\"closed\",\"number\":\"%s\"}", c->number);
    else
        buf_adds(b, "{\"t\":\"reopened\"}");
    chat_broadcast(wc, c, NULL, 0, buf_span(b));
}

static void agent(struct webchat *wc, struct chat *c, struct span name) {
    struct buf *b = &wc->scratch;
    snprintf(c->agent, sizeof c->agent, "%.*s", (int)(name.n < 60 ? name.n : 0),
             name.p ? name.p : "");
    buf_clear(b);
    buf_adds(b, "{\"t\":\"agent\",\"name\":");
    kit_json(b, name);
    buf_adds(b, "}");
    chat_broadcast(wc, c, NULL, 0, buf_span(b));
}

/* Without a position: all that there is. */
static void staff_read(struct webchat *wc, struct chat *c, struct span position) {
    struct buf *b = &wc->scratch;
    unsigned long long seq = 0;
    if (position.n == 0 || span_u64(position, UINT64_MAX, &seq) < 0)
        seq = c->head;
    if (seq <= c->staff_read)
        return;
    c->staff_read = seq;
    buf_clear(b);
    buf_addf(b, "{\"t\":\"read\",\"seq\":%llu}", seq);
    chat_broadcast(wc, c, NULL, 0, buf_span(b));
}

static void hear(struct webchat *wc, struct chat *c, const char *what, struct span d) {
    unsigned long long seq = 0;
    bool is_items = strcmp(what, "items") == 0;
    if (is_items || strcmp(what, "was_read") == 0) {
        if (span_u64(d, UINT64_MAX, &seq) < 0)
            return;
        if (is_items)
            news_heard(wc, c, seq);
        else
            news_was_read(wc, c, seq);
    } else if (strcmp(what, "place") == 0) {
        place_heard(wc, c, d);
    } else if (strcmp(what, "told") == 0) {
        if (span_eq(d, "ended") && c->generations_n) /* 0: it was ended here */
            chat_end(wc, c);
    } else if (strcmp(what, "closed") == 0 || strcmp(what, "open") == 0) {
        closed_or_open(wc, c, *what);
    } else if (strcmp(what, "agent") == 0) {
        agent(wc, c, d);
    } else if (strcmp(what, "read") == 0) {
        staff_read(wc, c, d);
    }
}

void webchat_notify(void *channel, struct draht_span thread, const char *what,
                    struct draht_span detail) {
    struct webchat *wc = channel;
    struct chat *c = chat_find_thread(wc, kit_in(thread));
    if (strcmp(what, "erased") == 0)
        fallback_forget(wc, kit_in(thread));
    if (!c)
        return;
    c->refs++; /* a poll that is answered may leave */
    hear(wc, c, what, kit_in(detail));
    chat_unref(wc, c);
}
