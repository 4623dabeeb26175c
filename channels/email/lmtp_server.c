/* SPDX-License-Identifier: EUPL-1.2 */
/* lmtp_server: ties LMTP sessions to streams. While a mail is being stored its stream is paused, so
 * what is pipelined behind it waits in the kernel and nothing overtakes. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/email/email_channel.h"
#include "gateway/base/log.h"
#include "gateway/net/stream.h"

#define COMMAND_TIMEOUT_MS (5 * 60 * 1000)
#define DATA_TIMEOUT_MS (10 * 60 * 1000)
#define STORED "250 2.0.0 Stored"
#define STORED_BEFORE "250 2.0.0 Stored before"
#define STORE_AWAY "451 4.3.0 The store cannot be reached, try again later"
#define NOT_ACCEPTED "554 5.6.0 The mail cannot be accepted"

struct session {
    struct lmtp_server *server;
    struct stream *stream; /* NULL: the peer is gone while its mail is being stored */
    struct lmtp *lmtp;
    struct session *next, *prev;
};

struct lmtp_server {
    struct email *e;
    struct stream_server *listeners[EMAIL_LISTEN_MAX];
    size_t listeners_n, open_n;
    struct session *sessions;
    struct lmtp_budget budget;
    bool is_draining;
    void (*stopped)(void *arg);
    void *arg;
};

static const char *on_recipient(void *arg, struct span address) {
    const struct email *e = ((struct session *)arg)->server->e;
    if (email_mailbox(e, address).n)
        return NULL;
    e->h->log(e->host, 0, "email.in", "by LMTP: refused, no such mailbox");
    return "550 5.1.1 There is no such mailbox here";
}

static void release(struct session *x) {
    if (x->prev)
        x->prev->next = x->next;
    else
        x->server->sessions = x->next;
    if (x->next)
        x->next->prev = x->prev;
    lmtp_free(&x->lmtp);
    free(x);
}

/* Writes what is due and adjusts time-out, flow and life of the connection to the session's state.
 */
static void flush(struct session *x) {
    struct buf *out = lmtp_output(x->lmtp);
    if (out->n)
        stream_write(x->stream, buf_span(out));
    buf_clear(out);
    if (lmtp_is_closing(x->lmtp)) {
        stream_close_after_write(x->stream);
        return;
    }
    stream_idle_ms(x->stream, lmtp_is_receiving(x->lmtp) ? DATA_TIMEOUT_MS : COMMAND_TIMEOUT_MS);
}

static const char *outcome_reply(enum email_outcome o) {
    switch (o) {
    case EMAIL_STORED:
        return STORED;
    case EMAIL_DUPLICATE:
        return STORED_BEFORE;
    case EMAIL_LATER:
        return STORE_AWAY;
    case EMAIL_NEVER:
        return NOT_ACCEPTED;
    }
    return STORE_AWAY;
}

static void on_delivered(void *arg, const enum email_outcome *outcomes, size_t n) {
    struct session *x = arg;
    if (!x->stream) { /* it will send the mail again, and hear "stored before" */
        release(x);
        return;
    }
    const char **replies = xcalloc(n, sizeof *replies);
    for (size_t i = 0; i < n; i++)
        replies[i] = outcome_reply(outcomes[i]);
    lmtp_answer(x->lmtp, replies, n);
    free(replies);
    flush(x);
    if (!lmtp_is_waiting(x->lmtp) && !lmtp_is_closing(x->lmtp))
        stream_resume(x->stream);
}

static void on_mail(void *arg, const struct lmtp_mail *m) {
    struct session *x = arg;
    stream_pause(x->stream);
    email_in_deliver(x->server->e, m->raw, m->sender, m->recipients, m->recipients_n, on_delivered,
                     x);
}

static void *on_open(void *arg, struct stream *s) {
    struct lmtp_server *l = arg;
    if (l->is_draining)
        return NULL;
    static const struct lmtp_handlers handlers = {on_recipient, on_mail};
    struct session *x = xcalloc(1, sizeof *x);
    x->server = l;
    x->stream = s;
    x->lmtp = lmtp_new(l->e->set.hostname, l->e->set.mail_bytes_max, &l->budget, &handlers, x);
    x->next = l->sessions;
    if (x->next)
        x->next->prev = x;
    l->sessions = x;
    flush(x);
    return x;
}

static void on_data(void *user, struct stream *s, struct span bytes) {
    struct session *x = user;
    (void)s;
    lmtp_feed(x->lmtp, bytes);
    flush(x);
}

static void on_idle(void *user, struct stream *s) {
    struct session *x = user;
    (void)s;
    if (lmtp_is_waiting(x->lmtp))
        return; /* it waits for us */
    lmtp_close(x->lmtp, "4.4.2 Idle for too long");
    flush(x);
}

static void on_close(void *user, struct stream *s) {
    struct session *x = user;
    (void)s;
    x->stream = NULL;
    if (!lmtp_is_waiting(x->lmtp))
        release(x);
}

static const struct stream_handlers handlers = {on_open, on_data, on_idle, on_close};

static void discard(void *arg) {
    struct lmtp_server *l = arg;
    if (--l->open_n > 0)
        return;
    while (l->sessions)
        release(l->sessions);
    if (l->stopped)
        l->stopped(l->arg);
    free(l);
}

struct lmtp_server *lmtp_server_start(struct email *e, char *err) {
    struct lmtp_server *l = xcalloc(1, sizeof *l);
    l->e = e;
    l->budget.max_bytes = EMAIL_MEMORY_BYTES_MAX;
    for (size_t i = 0; i < e->set.listen_n; i++) {
        struct stream_server_options o = {.address = e->set.listen[i],
                                          .connections_max = e->set.connections_max,
                                          .refuse_line = "421 4.3.2 Too many connections\r\n"};
        struct fault f = {0};
        struct stream_server *s = stream_server_new(e->loop, &o, &handlers, l, &f);
        if (!s) {
            snprintf(err, 256, "lmtp %s: %.200s", e->set.listen[i], f.text);
            lmtp_server_stop(&l, NULL, NULL);
            return NULL;
        }
        l->listeners[l->listeners_n++] = s;
    }
    return l;
}

int lmtp_server_port(const struct lmtp_server *s, size_t i) {
    return s && i < s->listeners_n ? stream_server_port(s->listeners[i]) : -1;
}

void lmtp_server_drain(struct lmtp_server *s) {
    s->is_draining = true;
    for (size_t i = 0; i < s->listeners_n; i++)
        stream_server_stop_accepting(s->listeners[i]);
    for (struct session *x = s->sessions; x; x = x->next) {
        if (!x->stream)
            continue;
        lmtp_close(x->lmtp, "4.3.2 Going down, try again later");
        flush(x);
    }
}

void lmtp_server_stop(struct lmtp_server **s, void (*done)(void *arg), void *arg) {
    struct lmtp_server *l = *s;
    *s = NULL;
    l->stopped = done;
    l->arg = arg;
    l->open_n = l->listeners_n;
    size_t n = l->listeners_n;
    if (n == 0) {
        l->open_n = 1;
        loop_soon(l->e->loop, discard, l);
        return;
    }
    for (size_t i = 0; i < n; i++)
        stream_server_close(&l->listeners[i], discard, l);
}
