/* SPDX-License-Identifier: EUPL-1.2 */
/* session: from hello to a tab that is up to date: tokens, their rotation, replay; and the dispatch
 * of every later frame. Text of messages is message.c's business. */
#include "channels/webchat/webchat_private.h"

static void set_lang(struct client *t, struct span lang) {
    if (!chat_language_listed(t->wc, lang))
        return;
    snprintf(t->lang, sizeof t->lang, "%.*s", (int)lang.n, lang.p);
    if (t->chat)
        snprintf(t->chat->lang, sizeof t->chat->lang, "%s", t->lang);
}

static void ready(struct client *t) {
    struct chat *c = t->chat;
    t->is_ready = true;
    client_flush_held(t);
    if (t->is_gone)
        return;
    if (c->is_stored && c->said != 'c')
        place_wait(t->wc, c);
    place_show(t);
    if (!t->is_gone)
        news_known(t->wc, c);
}

static void begin(struct client *t) {
    struct webchat *wc = t->wc;
    int64_t wait =
        kit_peers_take(wc->forms, span_str(t->peer), chat_now(wc), wc->o.sockets_per_ip * 4, 100);
    if (wait > 0) {
        client_close(t, 4429, "rate");
        return;
    }
    uint8_t id[CHAT_ID_BYTES];
    wc->h->random(id, sizeof id);
    struct chat *c = chat_new(wc, id);
    client_join(t, c);
    chat_unref(wc, c);
    t->generation = chat_new_generation(c);
    t->is_confirmed = true;
    t->is_welcomed = true;
    snprintf(c->lang, sizeof c->lang, "%s", t->lang);
    out_welcome(t);
    ready(t);
}

/* Back from the host: was the tab closed meanwhile? Otherwise the ref is counted off. */
static bool still_there(struct client *t) {
    bool there = !t->is_gone && t->chat;
    client_unref(t);
    return there;
}

static void unavailable(struct client *t) {
    out_error(t, "unavailable", "The store cannot be reached right now.");
    client_close(t, 1012, "unavailable");
}

static const char *line_state(const struct draht_history_item *x) {
    if (x->from_citizen)
        return "sent";
    return x->state == DRAHT_RECEIPT_READ        ? "read"
           : x->state == DRAHT_RECEIPT_DELIVERED ? "delivered"
                                                 : "sent";
}

static struct span cid_of(const struct chat *c, struct span external_id) {
    size_t n = strlen(c->thread);
    if (external_id.n > n && memcmp(external_id.p, c->thread, n) == 0 && external_id.p[n] == ':')
        return (struct span){external_id.p + n + 1, external_id.n - n - 1};
    return SPAN_NONE;
}

struct chat_line session_line(struct chat *c, const struct draht_history_item *x) {
    if (x->thread_seq > c->head)
        c->head = x->thread_seq;
    chat_learn_number(c, kit_in(x->message));
    c->is_stored = true;
    if (x->from_citizen || !(x->flags & DRAHT_OUT_AUTOMATIC))
        c->is_answered = !x->from_citizen;
    if (!x->from_citizen && x->state != DRAHT_RECEIPT_READ)
        chat_sent_add(c, x->thread_seq, kit_in(x->message), x->state == DRAHT_RECEIPT_DELIVERED);
    return (struct chat_line){.seq = x->thread_seq,
                              .id = kit_in(x->message),
                              .name = kit_in(x->sender_name),
                              .text = kit_in(x->text),
                              .cid =
                                  x->from_citizen ? cid_of(c, kit_in(x->external_id)) : SPAN_NONE,
                              .from = x->from_citizen                  ? "me"
                                      : x->flags & DRAHT_OUT_AUTOMATIC ? "auto"
                                                                       : "agent",
                              .at_ms = x->at_ms,
                              .files = x->attachments,
                              .files_n = x->attachments_n,
                              .state = line_state(x)};
}

static void replay_item(struct client *t, const struct draht_history_item *x) {
    struct chat_line l = session_line(t->chat, x);
    if (!t->is_welcomed || x->thread_seq <= t->cursor)
        return;
    t->cursor = x->thread_seq;
    client_deliver(t, out_line(t->wc, t->chat, &l));
}

/* The first page says where the head is; only then the welcome may go. */
static void welcome(struct client *t, const struct draht_history_item *items, size_t n) {
    struct chat *c = t->chat;
    for (size_t i = 0; i < n; i++)
        if (items[i].thread_seq > c->head)
            c->head = items[i].thread_seq;
    if (n)
        chat_learn_number(c, kit_in(items[0].message));
    out_welcome(t);
    t->is_welcomed = true;
    t->cursor = t->last_seq;
    if (t->needs_resync) {
        client_deliver(t, SPAN("{\"t\":\"resync\"}"));
        t->cursor = 0;
    }
}

static void on_page(void *arg, int status, const struct draht_history_item *items, size_t n) {
    struct client *t = arg;
    if (!still_there(t))
        return;
    if (status < 0) {
        unavailable(t);
        return;
    }
    /* Beyond the head, or a gap too large to patch: the window starts anew. */
    if (!t->is_welcomed && t->last_seq > 0 && !t->needs_resync && (n == 0 || n >= CHAT_PAGE)) {
        t->needs_resync = true;
        client_replay(t);
        return;
    }
    if (!t->is_welcomed)
        welcome(t, items, n);
    for (size_t i = 0; i < n && !t->is_gone; i++)
        replay_item(t, &items[i]);
    if (t->is_gone)
        return;
    if (n >= CHAT_PAGE)
        client_replay(t);
    else
        ready(t);
}

/* One item that the client has is asked for as well: its absence tells of a client beyond the head.
 */
void client_replay(struct client *t) {
    uint64_t after = t->cursor;
    if (!t->is_welcomed)
        after = t->last_seq > 0 && !t->needs_resync ? t->last_seq - 1 : 0;
    t->refs++;
    t->wc->h->history(t->wc->host, kit_str(t->chat->thread), after, CHAT_PAGE, on_page, t);
}

static void on_rotated(void *arg, int status) {
    struct client *t = arg;
    if (!still_there(t))
        return;
    if (status < 0)
        unavailable(t);
    else
        client_replay(t);
}

static void on_state(void *arg, int status, struct draht_span value) {
    struct client *t = arg;
    if (!still_there(t))
        return;
    struct chat *c = t->chat;
    if (status < 0) {
        unavailable(t);
        return;
    }
    if (value.p)
        chat_load(c, kit_in(value));
    else if (!c->generations_n && c->generation_max <= t->replaces) {
        c->generation_max = t->replaces - 1;
        chat_new_generation(c);
    }
    if (!chat_knows_generation(c, t->replaces)) {
        client_close(t, 4401, "token");
        return;
    }
    t->generation = chat_new_generation(c);
    if (value.p || c->is_stored) {
        t->refs++;
        chat_save(t->wc, c, on_rotated, t);
    } else {
        client_replay(t);
    }
}

static void resume(struct client *t, struct span token, uint64_t last_seq) {
    struct webchat *wc = t->wc;
    uint8_t id[CHAT_ID_BYTES];
    uint32_t generation;
    if (token_read(wc, token, id, &generation) < 0 || generation == 0) {
        client_close(t, 4401, "token");
        return;
    }
    struct chat *c = chat_find(wc, id);
    if (c)
        c->refs++;
    else
        c = chat_new(wc, id);
    client_join(t, c);
    chat_unref(wc, c);
    t->replaces = generation;
    t->last_seq = last_seq;
    char key[40];
    chat_state_key(wc, id, key);
    t->refs++;
    wc->h->state_get(wc->host, kit_str(key), on_state, t);
}

static void hello(struct client *t, const struct frame *f) {
    if (t->said_hello) {
        out_error(t, "invalid", "There was a hello already.");
        return;
    }
    t->said_hello = true;
    set_lang(t, f->lang.p ? f->lang : SPAN("de"));
    if (f->token.n)
        resume(t, f->token, f->seq);
    else
        begin(t);
}

/* Any frame of the new session proves that its token arrived: the one before fails from now on. */
static void confirm(struct client *t) {
    t->is_confirmed = true;
    chat_drop_generation(t->chat, t->replaces);
    if (t->chat->is_stored)
        chat_save(t->wc, t->chat, NULL, NULL);
}

static void typing(struct client *t, bool on) {
    struct webchat *wc = t->wc;
    struct chat *c = t->chat;
    int64_t now = chat_now(wc);
    if (!on) {
        if (c->is_typing)
            wc->h->typing(wc->host, kit_str(c->thread), 0);
        c->is_typing = false;
        return;
    }
    c->typing_until_ms = now + CHAT_TYPING_OFF_MS;
    if (c->is_typing && now - c->typing_last_ms < CHAT_TYPING_EVERY_MS)
        return;
    if (now - c->typing_last_ms < CHAT_TYPING_EVERY_MS)
        return;
    c->typing_last_ms = now;
    c->is_typing = true;
    chat_activate(wc, c);
    wc->h->typing(wc->host, kit_str(c->thread), 1);
}

static void marks(struct client *t, const struct frame *f) {
    struct chat *c = t->chat;
    uint64_t seq = f->seq < c->head ? f->seq : c->head;
    bool is_read = f->kind == FRAME_READ;
    bool had_sent = c->sent && c->sent->seq <= seq;
    if (is_read && had_sent) {
        t->wc->h->read_mark(t->wc->host, kit_str(c->thread), seq);
        struct buf b = {0};
        for (const struct sent *s = c->sent; s && s->seq <= seq; s = s->next) {
            buf_clear(&b);
            buf_addf(&b, "{\"t\":\"state\",\"id\":\"%s\",\"seq\":%llu,\"state\":\"read\"}",
                     s->message, (unsigned long long)s->seq);
            chat_broadcast(t->wc, c, t, 0, buf_span(&b));
        }
        buf_free(&b);
    }
    chat_sent_up_to(t->wc, c, seq, is_read);
}

static void upload(struct client *t) {
    struct webchat *wc = t->wc;
    struct buf p = {0}, b = {0};
    uint8_t nonce[8];
    wc->h->random(nonce, sizeof nonce);
    buf_add(&p, t->chat->id, CHAT_ID_BYTES);
    put_u32(&p, (uint32_t)((chat_now(wc) + CHAT_UPLOAD_MS) / 1000));
    buf_add(&p, nonce, sizeof nonce);
    buf_adds(&b, "{\"t\":\"upload_ticket\",\"ticket\":\"");
    ticket_make(wc, 'u', buf_span(&p), &b);
    buf_addf(&b, "\",\"max_bytes\":%zu}", wc->o.upload_max_bytes);
    client_deliver(t, buf_span(&b));
    buf_free(&p);
    buf_free(&b);
}

void chat_end(struct webchat *wc, struct chat *c) {
    c->generations_n = 0;
    if (c->is_stored)
        chat_save(wc, c, NULL, NULL);
    c->refs++;
    struct client *next;
    for (struct client *tab = c->tabs; tab; tab = next) {
        next = tab->next_tab;
        client_close(tab, 1000, "ended");
    }
    chat_unref(wc, c);
}

/* The citizen ends it, perhaps on a shared computer: no window of it stays open, here or at another
 * gateway. */
static void end(struct client *t) {
    struct webchat *wc = t->wc;
    struct chat *c = t->chat;
    c->refs++;
    chat_end(wc, c);
    wc->h->tell(wc->host, kit_str(c->thread), kit_str("ended"));
    chat_unref(wc, c);
}

static void email(struct client *t, struct span address) {
    struct chat *c = t->chat;
    const char *at = memchr(address.p ? address.p : "", '@', address.n);
    bool sound =
        at && at > address.p && at < address.p + address.n - 1 && address.n <= CHAT_EMAIL_BYTES_MAX;
    for (size_t i = 0; sound && i < address.n; i++)
        sound = (unsigned char)address.p[i] > 0x20 && !strchr("<>\",;", address.p[i]);
    if (!sound) {
        out_error(t, "email", "That is not an e-mail address.");
        return;
    }
    free(c->email);
    c->email = xstrndup(address.p, address.n);
    if (c->is_stored)
        chat_note_email(t->wc, c);
}

static void dispatch(struct client *t, const struct frame *f) {
    switch (f->kind) {
    case FRAME_MESSAGE:
        client_message(t, f);
        break;
    case FRAME_TYPING:
        typing(t, f->is_on);
        break;
    case FRAME_GOT:
    case FRAME_READ:
        marks(t, f);
        break;
    case FRAME_UPLOAD:
        upload(t);
        break;
    case FRAME_LANG:
        set_lang(t, f->lang);
        break;
    case FRAME_EMAIL:
        email(t, f->address);
        break;
    case FRAME_END:
        end(t);
        break;
    case FRAME_FEEDBACK:
        client_note(t, "feedback", f->text.n ? f->text : f->answer);
        break;
    case FRAME_PERSON:
        client_note(t, "person", SPAN_NONE);
        break;
    case FRAME_PING:
        client_deliver(t, SPAN("{\"t\":\"pong\"}"));
        break;
    case FRAME_HELLO:
        hello(t, f);
        break;
    }
}

static void one_fault_more(struct client *t, int rc) {
    if (++t->faults > CHAT_FAULTS_MAX)
        client_close(t, 1008, "frames");
    else
        out_error(t, rc == ERR_TOO_LARGE ? "too_long" : "invalid", "The frame is not valid.");
}

void client_frame(struct client *t, struct span text) {
    struct webchat *wc = t->wc;
    struct frame f;
    t->last_ms = chat_now(wc);
    int frames = CHAT_FRAMES_PER_10S + wc->o.messages_per_10s;
    if (kit_bucket_take(&t->frames, t->last_ms, frames, 10000 / frames) > 0) {
        client_close(t, 4429, "rate");
        return;
    }
    int rc = frame_parse(text, &f);
    if (rc < 0) {
        one_fault_more(t, rc);
        return;
    }
    t->refs++;
    if (f.kind == FRAME_HELLO)
        hello(t, &f);
    else if (!t->said_hello)
        client_close(t, 1008, "hello first");
    else if (!t->is_ready && f.kind == FRAME_MESSAGE)
        out_nack(t, f.cid, "unavailable", "", 500);
    else if (t->is_ready && t->chat) {
        if (!t->is_confirmed)
            confirm(t);
        dispatch(t, &f);
    }
    frame_free(&f);
    client_unref(t);
}
