/* SPDX-License-Identifier: EUPL-1.2 */
/* email_in: one mail for one or more of our mailboxes: parsed once, then for each recipient a
 * message, or a receipt when it is a report about a mail of ours. Nobody hears "stored" before the
 * host said so. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/email/complaint.h"
#include "channels/email/email_channel.h"
#include "channels/email/mail_address.h"
#include "channels/email/mail_auto.h"
#include "channels/email/mail_intake.h"
#include "channels/email/mime_in.h"
#include "channels/email/tnef.h"
#include "gateway/base/error.h"

#define LOG_BYTES 200

struct one { /* one recipient */
    struct delivery *d;
    struct span recipient;
    size_t index, row; /* row: of the report */
    bool was_matched;
};

struct delivery {
    struct email *e;
    struct span raw;
    const char *sender;
    const char *const *recipients;
    size_t n, left;
    struct mail *mail;
    enum email_outcome *outcomes;
    struct one *ones;
    email_delivered_fn done;
    void *arg;
};

/* One line a mail: how it came, its size and what became of it for each recipient. */
static void log_delivery(const struct delivery *d) {
    static const char *const words[] = {[EMAIL_STORED] = "stored",
                                        [EMAIL_DUPLICATE] = "known already",
                                        [EMAIL_LATER] = "not now",
                                        [EMAIL_NEVER] = "refused"};
    struct buf line = {0};
    bool is_worth_warning = false;
    buf_addf(&line, "%s, %zu bytes:", d->sender ? "by LMTP" : "from the mailbox", d->raw.n);
    for (size_t i = 0; i < d->n && line.n < LOG_BYTES; i++) {
        buf_addf(&line, "%s %s", i ? "," : "", words[d->outcomes[i]]);
        is_worth_warning |= d->outcomes[i] == EMAIL_LATER || d->outcomes[i] == EMAIL_NEVER;
    }
    d->e->h->log(d->e->host, is_worth_warning ? 2 : 0, "email.in", line.p);
    buf_free(&line);
}

static void finish(struct delivery *d) {
    struct email *e = d->e;
    log_delivery(d);
    d->done(d->arg, d->outcomes, d->n);
    mime_in_free(&d->mail);
    free(d->outcomes);
    free(d->ones);
    free(d);
    email_end(e);
}

static void settle(struct one *o, enum email_outcome outcome) {
    struct delivery *d = o->d;
    d->outcomes[o->index] = outcome;
    if (--d->left == 0)
        finish(d);
}

static void on_accepted(void *arg, int status, const struct draht_accepted *a) {
    struct one *o = arg;
    const struct mail *m = o->d->mail;
    if (status == 0 && a && !a->duplicate && !m->is_automatic && m->report == MAIL_NO_REPORT)
        complaint_lift(o->d->e, m->from.address, (struct span){a->ticket.p, a->ticket.n});
    if (status == 0)
        settle(o, a && a->duplicate ? EMAIL_DUPLICATE : EMAIL_STORED);
    else
        settle(o, status == DRAHT_E_REJECTED ? EMAIL_NEVER : EMAIL_LATER);
}

static void accept_one(struct one *o, uint32_t more_flags) {
    struct delivery *d = o->d;
    struct mail_intake in;
    mail_intake_make(&in, d->mail, &d->e->mac, d->raw, d->sender, o->recipient);
    in.inbound.flags |= more_flags;
    d->e->h->accept(d->e->host, &in.inbound, on_accepted, o);
}

static void next_receipt(struct one *o);

static void on_receipt(void *arg, int status) {
    struct one *o = arg;
    if (status == DRAHT_E_UNAVAILABLE || error_is_retryable(status)) {
        settle(o,
               EMAIL_LATER); /* the peer sends the whole report again; states never go backwards */
        return;
    }
    if (status == 0)
        o->was_matched = true;
    o->row++;
    next_receipt(o);
}

/* One receipt after the other; when none of them meant a mail of ours, staff shall see the report.
 */
static void next_receipt(struct one *o) {
    struct delivery *d = o->d;
    struct mail_receipt r;
    while (o->row < mail_receipt_rows(d->mail)) {
        if (mail_receipt_make(&r, d->mail, &d->e->mac, o->recipient, o->row)) {
            r.receipt.at_ms = d->e->h->now_ms(d->e->host);
            d->e->h->receipt(d->e->host, &r.receipt, on_receipt, o);
            return;
        }
        o->row++;
    }
    if (o->was_matched)
        settle(o, EMAIL_STORED);
    else
        accept_one(o, DRAHT_IN_SYSTEM | DRAHT_IN_AUTOMATIC);
}

static void on_complaint(void *arg, int status) {
    struct one *o = arg;
    if (status != 0)
        settle(o, EMAIL_LATER);
    else
        accept_one(o, DRAHT_IN_SYSTEM | DRAHT_IN_AUTOMATIC);
}

/* Fetched mails have no envelope: the address of ours in To or Cc, best one with a token. */
static struct span guess_recipient(const struct delivery *d) {
    struct span best = d->e->set.mailboxes[0];
    bool has_any = false;
    for (size_t i = 0; i < d->mail->recipients_n; i++) {
        struct span a = d->mail->recipients[i].address;
        if (!email_mailbox(d->e, a).n)
            continue;
        bool has_token = mail_thread_token(d->mail->arena, &d->e->mac, a, 't').n ||
                         mail_thread_token(d->mail->arena, &d->e->mac, a, 'b').n;
        if (has_token)
            return a;
        if (!has_any)
            best = a;
        has_any = true;
    }
    return best;
}

static void store(struct delivery *d) {
    if (d->sender)
        mail_auto_envelope(d->mail, span_str(d->sender));
    d->left = d->n;
    size_t n = d->n;
    for (size_t i = 0; i < n; i++) {
        struct one *o = &d->ones[i];
        *o = (struct one){.d = d, .recipient = span_str(d->recipients[i]), .index = i};
        if (!o->recipient.n)
            o->recipient = guess_recipient(d);
    }
    /* The last completion releases d: nothing of it may be read after the last call. */
    struct one *ones = d->ones;
    const struct mail *mail = d->mail;
    enum mail_report report = mail->report;
    struct email *e = d->e;
    for (size_t i = 0; i < n; i++) {
        if (report == MAIL_ABUSE)
            complaint_note(e, mail, on_complaint, &ones[i]);
        else if (report != MAIL_NO_REPORT)
            next_receipt(&ones[i]);
        else
            accept_one(&ones[i], 0);
    }
}

static void unpacked(void *arg) {
    store(arg);
}

static void parsed(struct delivery *d) {
    if (d->mail->has_tnef)
        tnef_unpack(d->e->loop, d->mail, unpacked, d);
    else
        store(d);
}

static void parse_work(void *arg) {
    struct delivery *d = arg;
    d->mail = mime_in_parse(d->raw);
}

static void parse_after(void *arg, int status) {
    struct delivery *d = arg;
    if (status == 0 && d->mail) {
        parsed(d);
        return;
    }
    for (size_t i = 0; i < d->n; i++)
        d->outcomes[i] = EMAIL_LATER;
    finish(d);
}

void email_in_deliver(struct email *e, struct span raw, const char *sender,
                      const char *const *recipients, size_t n, email_delivered_fn done, void *arg) {
    struct delivery *d = xcalloc(1, sizeof *d);
    *d = (struct delivery){.e = e,
                           .raw = raw,
                           .sender = sender,
                           .recipients = recipients,
                           .n = n,
                           .done = done,
                           .arg = arg};
    d->outcomes = xcalloc(n, sizeof *d->outcomes);
    d->ones = xcalloc(n, sizeof *d->ones);
    email_begin(e);
    if (raw.n <= EMAIL_INLINE_PARSE_BYTES) {
        parse_work(d);
        parsed(d);
    } else if (loop_work(e->loop, parse_work, parse_after, d) != 0) {
        parse_after(d, -1);
    }
}
