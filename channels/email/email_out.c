/* SPDX-License-Identifier: EUPL-1.2 */
/* email_out: one reply becomes one mail: tokens on the loop, composing on the thread pool, then the
 * relay or the Maildir, then the verdict. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "channels/email/complaint.h"
#include "channels/email/email_channel.h"
#include "channels/email/mail_address.h"
#include "channels/email/maildir.h"
#include "channels/email/mime_out.h"
#include "channels/email/smtp.h"
#include "gateway/base/utf8.h"

#define AGAIN_MS (5 * 60 * 1000) /* rarely enough for servers that lock out after failed logins */

struct sending {
    struct email *e;
    const struct draht_outbound *m;
    struct draht_token *token;
    struct arena *arena;
    struct mime_out mime;
    const char *envelope, *to, *file;
    struct buf mail;
    int rc; /* of the Maildir */
};

static struct span take(struct draht_span s) {
    return (struct span){s.p, s.n};
}

static const char *word_of(enum draht_verdict v) {
    switch (v) {
    case DRAHT_SENT:
        return "sent";
    case DRAHT_RETRY:
        return "not now";
    case DRAHT_IN_DOUBT:
        return "in doubt";
    case DRAHT_OPTED_OUT:
        return "opted out";
    case DRAHT_MISCONFIGURED:
        return "not possible as the channel is set up";
    default:
        return "rejected";
    }
}

/* One line a mail: its number, the verdict, and what the mail server answered. */
static void log_verdict(const struct sending *s, enum draht_verdict v, const char *reason) {
    struct email *e = s->e;
    const char *line = arena_printf(s->arena, "%.*s %s: %s", (int)s->m->message.n, s->m->message.p,
                                    word_of(v), reason);
    e->h->log(e->host, v == DRAHT_SENT ? 0 : 2, "email.out", line);
}

static void settle(struct sending *s, enum draht_verdict v, const char *reason) {
    struct email *e = s->e;
    struct draht_span why = {reason, strlen(reason)};
    log_verdict(s, v, reason);
    if (v == DRAHT_SENT)
        e->h->part_done(s->token, 0,
                        (struct draht_span){s->mime.message_id.p, s->mime.message_id.n});
    e->h->settle(s->token, v, why, 0);
    buf_free(&s->mail);
    arena_free(&s->arena);
    free(s);
    email_end(e);
}

static void try_again(void *arg) {
    struct email *e = arg;
    loop_timer_stop(&e->again);
    if (!e->is_stopping)
        email_health(e, NULL, "");
}

/* A channel that is down is given nothing to send, so it would never learn that it is well again.
 */
static void sending_health(struct email *e, bool is_well, const char *why) {
    loop_timer_stop(&e->again);
    if (!is_well && !e->is_stopping)
        e->again = loop_timer(e->loop, AGAIN_MS, 0, try_again, e);
    email_health(e, NULL, is_well ? "" : why);
}

static void on_smtp(void *arg, const struct smtp_verdict *v) {
    struct sending *s = arg;
    if (v->verdict == DRAHT_MISCONFIGURED || v->verdict == DRAHT_SENT)
        sending_health(s->e, v->verdict == DRAHT_SENT, v->verdict == DRAHT_SENT ? "" : v->reason);
    settle(s, v->verdict, v->reason);
}

static bool to_maildir(const struct email *e) {
    return !*e->set.relay;
}

static void compose_work(void *arg) {
    struct sending *s = arg;
    mime_out_write(&s->mime, &s->mail);
    if (to_maildir(s->e))
        s->rc = maildir_deliver(s->e->set.outgoing_maildir, s->file, buf_span(&s->mail));
}

static void compose_after(void *arg, int status) {
    struct sending *s = arg;
    if (status != 0) {
        settle(s, DRAHT_RETRY, "stopped");
    } else if (to_maildir(s->e)) {
        bool is_wrong =
            s->rc == -EACCES || s->rc == -ENOENT || s->rc == -ENOTDIR || s->rc == -EROFS;
        sending_health(s->e, s->rc == 0, s->rc == 0 ? "" : "outgoing_maildir cannot be written");
        if (s->rc == 0)
            settle(s, DRAHT_SENT, "put into the outgoing Maildir");
        else
            settle(s, is_wrong ? DRAHT_MISCONFIGURED : DRAHT_RETRY, strerror(-s->rc));
    } else {
        smtp_send(s->e, s->envelope, s->to, buf_span(&s->mail), on_smtp, s);
    }
}

/* Our own subject line: with the ticket's token, so that clients which drop headers still find
 * home. */
static struct span subject(struct sending *s) {
    struct span given = utf8_clean(s->arena, take(s->m->subject), 400, NULL),
                ticket = take(s->m->ticket);
    const char *token = arena_printf(s->arena, "[#%.*s]", (int)ticket.n, ticket.p);
    if (given.n && strstr(arena_strndup(s->arena, given.p, given.n), token))
        return given;
    if (given.n == 0)
        given = SPAN("Ihre Anfrage");
    bool is_reply = span_istarts(given, "Re:") || span_istarts(given, "AW:");
    return span_str(
        arena_printf(s->arena, "%s%.*s %s", is_reply ? "" : "Re: ", (int)given.n, given.p, token));
}

static void set_references(struct sending *s) {
    struct span *list = arena_alloc(s->arena, (s->m->references_n + 1) * sizeof *list);
    size_t n = 0;
    for (size_t i = 0; i < s->m->references_n; i++) {
        struct span id = mail_id(take(s->m->references[i]));
        if (id.n)
            list[n++] = id;
    }
    s->mime.references = list;
    s->mime.references_n = n;
    s->mime.in_reply_to = mail_id(take(s->m->in_reply_to));
}

/* A message id "<ticket>.<n>" as a file name. */
static const char *file_name(struct sending *s) {
    struct span id = s->mime.message_id;
    char *p = arena_strndup(s->arena, id.p, id.n);
    for (char *c = p; *c; c++) {
        bool ok = (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') ||
                  (*c >= 'A' && *c <= 'Z') || *c == '.' || *c == '-';
        if (!ok)
            *c = '-';
    }
    return p;
}

static void prepare(struct sending *s) {
    struct email *e = s->e;
    const struct draht_outbound *m = s->m;
    struct span mailbox = e->set.mailboxes[0], message = take(m->message);
    bool is_automatic = m->flags & DRAHT_OUT_AUTOMATIC;
    struct span name = utf8_clean(s->arena, take(m->sender_name), 200, NULL);
    s->mime = (struct mime_out){
        .from = mailbox,
        .from_name = name.n ? name : span_str(e->set.from_name),
        .to = take(m->recipient),
        .to_name = utf8_clean(s->arena, take(m->recipient_name), 200, NULL),
        .reply_to = mail_thread_reply_address(s->arena, &e->mac, mailbox, take(m->ticket)),
        .message_id = mail_thread_message_id(s->arena, &e->mac, message, e->set.hostname),
        .subject = subject(s),
        .text = take(m->text),
        .html = take(m->html),
        .language = take(m->language),
        .attachments = m->attachments,
        .attachments_n = m->attachments_n,
        .date_ms = m->created_ms ? m->created_ms : e->h->now_ms(e->host),
        .is_automatic = is_automatic,
    };
    set_references(s);
    struct span bounce = mail_thread_bounce_address(s->arena, &e->mac, mailbox, message);
    s->envelope = is_automatic ? "" : bounce.p;
    s->to = arena_strndup(s->arena, m->recipient.p, m->recipient.n);
    s->file = file_name(s);
}

static void checked(void *arg, int status, bool is_suppressed) {
    struct sending *s = arg;
    if (is_suppressed)
        settle(s, DRAHT_OPTED_OUT,
               "the recipient reported our mail as unwanted; use another way until they write");
    else if (status != 0)
        settle(s, DRAHT_RETRY, "the store cannot be reached");
    else if (loop_work(s->e->loop, compose_work, compose_after, s) != 0)
        compose_after(s, -1);
}

int email_out_send(struct email *e, const struct draht_outbound *m, struct draht_token *t) {
    if (!mail_address_is_valid(take(m->recipient))) {
        const char *why = "the recipient's address is not valid";
        e->h->settle(t, DRAHT_REJECTED, (struct draht_span){why, strlen(why)}, 0);
        return 1;
    }
    struct sending *s = xcalloc(1, sizeof *s);
    *s = (struct sending){.e = e, .m = m, .token = t, .arena = arena_new()};
    prepare(s);
    email_begin(e);
    complaint_check(e, take(m->recipient), take(m->ticket), checked, s);
    return 0;
}
