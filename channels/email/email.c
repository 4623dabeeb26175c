/* SPDX-License-Identifier: EUPL-1.2 */
/* email: the operations of the mail channel in the order of its life. The work is in the parts. */
#include "channels/email/email.h"

#include <stdio.h>
#include <stdlib.h>

#include "channels/email/complaint.h"
#include "channels/email/email_channel.h"
#include "channels/email/imap.h"
#include "channels/email/mail_address.h"
#include "channels/email/mail_normalize.h"
#include "channels/email/mime_in.h"
#include "channels/email/oauth.h"
#include "channels/email/smtp.h"

#define STOP_PATIENCE_MS 8000 /* below the host's own, so that every send gets its verdict */

static void host_mac(void *arg, struct span text, uint8_t out[32]) {
    struct email *e = arg;
    e->h->mac(e->host, (struct draht_span){text.p, text.n}, out);
}

struct span email_mailbox(const struct email *e, struct span address) {
    for (size_t i = 0; i < e->set.mailboxes_n; i++)
        if (mail_address_matches(address, e->set.mailboxes[i]))
            return e->set.mailboxes[i];
    return SPAN_NONE;
}

static int email_open(const struct draht_host *h, void *host, const char *id,
                      const char *options_json, void **channel_out, char *err) {
    (void)id;
    struct email *e = xcalloc(1, sizeof *e);
    if (email_settings_parse(&e->set, options_json, err) != 0) {
        free(e);
        return -1;
    }
    e->h = h;
    e->host = host;
    e->mac = (struct mail_mac){host_mac, e};
    *channel_out = e;
    return 0;
}

static int email_start(void *channel, char *err) {
    struct email *e = channel;
    if (!e->h->builtin) {
        snprintf(err, 256, "email is a built-in channel");
        return -1;
    }
    e->loop = e->h->builtin(e->host, "loop");
    e->transfers = e->h->builtin(e->host, "transfers");
    mime_in_init();
    if (!*e->set.relay && !*e->set.outgoing_maildir) {
        snprintf(err, 256, "outgoing_maildir: without a relay a folder is needed");
        return -1;
    }
    e->lmtp = lmtp_server_start(e, err);
    if (!e->lmtp)
        return -1;
    e->oauth = oauth_new(e);
    complaint_start(e);
    e->h->health(e->host, 1, "");
    if (*e->set.imap_url)
        e->imap = imap_start(e);
    return 0;
}

void email_health(struct email *e, const char *reading, const char *sending) {
    if (reading)
        snprintf(e->reading_trouble, sizeof e->reading_trouble, "%s", reading);
    if (sending)
        snprintf(e->sending_trouble, sizeof e->sending_trouble, "%s", sending);
    bool is_up = !*e->sending_trouble;
    e->h->health(e->host, is_up, is_up ? e->reading_trouble : e->sending_trouble);
}

void email_begin(struct email *e) {
    e->under_way++;
}

static void lmtp_stopped(void *arg) {
    struct email *e = arg;
    e->stopped(e->stopped_arg, 0);
}

static void stop_lmtp(struct email *e) {
    loop_timer_stop(&e->stop_timer);
    if (e->lmtp)
        lmtp_server_stop(&e->lmtp, lmtp_stopped, e);
}

static void finish_stop(void *arg) {
    struct email *e = arg;
    if (e->under_way == 0)
        stop_lmtp(e);
}

static void lose_patience(void *arg) {
    struct email *e = arg;
    smtp_give_up(e);
    stop_lmtp(e);
}

void email_end(struct email *e) {
    e->under_way--;
    if (e->is_stopping && e->under_way == 0)
        loop_soon(e->loop, finish_stop, e);
}

static void email_stop(void *channel, draht_done_fn done, void *arg) {
    struct email *e = channel;
    e->is_stopping = true;
    e->stopped = done;
    e->stopped_arg = arg;
    if (!e->lmtp) {
        done(arg, 0);
        return;
    }
    imap_stop(&e->imap);
    loop_timer_stop(&e->again);
    lmtp_server_drain(e->lmtp);
    e->stop_timer = loop_timer(e->loop, STOP_PATIENCE_MS, 0, lose_patience, e);
    if (e->under_way == 0)
        loop_soon(e->loop, finish_stop, e);
}

struct email_retired {
    struct email_retired *next;
    struct email_settings set;
};

static int email_reload(void *channel, const char *options_json) {
    struct email *e = channel;
    struct email_settings next;
    char err[256] = "";
    if (email_settings_parse(&next, options_json, err) != 0)
        return 1; /* the configuration was checked: it takes effect with the next start */
    if (e->is_stopping || email_settings_need_restart(&e->set, &next)) {
        email_settings_free(&next);
        return 1;
    }
    struct email_retired *r = xcalloc(1, sizeof *r);
    *r = (struct email_retired){e->retired, e->set};
    e->retired = r;
    e->set = next;
    smtp_give_up_waiting(e);
    oauth_free(&e->oauth);
    e->oauth = oauth_new(e);
    imap_reconnect(e->imap);
    loop_timer_stop(&e->again);
    email_health(e, NULL, "");
    return 0;
}

static void email_close(void *channel) {
    struct email *e = channel;
    oauth_free(&e->oauth);
    while (e->retired) {
        struct email_retired *r = e->retired;
        e->retired = r->next;
        email_settings_free(&r->set);
        free(r);
    }
    email_settings_free(&e->set);
    free(e);
}

static int email_send(void *channel, const struct draht_outbound *m, struct draht_token *t) {
    return email_out_send(channel, m, t);
}

const struct draht_channel_ops email_ops = {
    .size = sizeof(struct draht_channel_ops),
    .caps = DRAHT_CAP_ATTACHMENTS | DRAHT_CAP_DELIVERED | DRAHT_CAP_READ | DRAHT_CAP_SUBJECT |
            DRAHT_CAP_FIRST,
    .type = "email",
    .options = email_option_rows,
    .concurrency = 8,
    .open = email_open,
    .start = email_start,
    .stop = email_stop,
    .close = email_close,
    .send = email_send,
    .normalize = mail_normalize,
    .reload = email_reload,
};
