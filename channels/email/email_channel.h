/* SPDX-License-Identifier: EUPL-1.2 */
/* email_channel: the inside of the email channel, shared by its parts that talk to the host:
 * settings, intake, LMTP listeners, sending, IMAP. */
#ifndef DRAHT_EMAIL_EMAIL_CHANNEL_H
#define DRAHT_EMAIL_EMAIL_CHANNEL_H

#include "channels/abi/draht_channel.h"
#include "channels/email/lmtp.h"
#include "channels/email/mail_thread.h"
#include "gateway/base/json.h"
#include "gateway/net/loop.h"
#include "gateway/net/transfer.h"

#define EMAIL_LISTEN_MAX 8
#define EMAIL_TROUBLE_BYTES 160
#define EMAIL_MAILBOXES_MAX 100
#define EMAIL_INLINE_PARSE_BYTES 8192 /* larger mails are parsed on the thread pool */
#define EMAIL_MEMORY_BYTES_MAX ((size_t)512 * 1024 * 1024)

extern const struct draht_option email_option_rows[];

enum relay_tls { RELAY_AUTO, RELAY_NONE, RELAY_STARTTLS, RELAY_TLS };
struct email_settings { /* strings borrowed from json */
    json_t *json;
    struct span mailboxes[EMAIL_MAILBOXES_MAX];
    size_t mailboxes_n;
    const char *listen[EMAIL_LISTEN_MAX];
    size_t listen_n;
    const char *relay, *relay_user, *relay_password, *relay_ca;
    enum relay_tls relay_tls;
    long relay_timeout_s;
    const char *from_name, *hostname, *outgoing_maildir;
    const char *imap_url, *imap_user, *imap_password, *imap_token, *imap_mailbox, *imap_archive,
        *imap_quarantine;
    const char *oauth_token_url, *oauth_client_id, *oauth_client_secret, *oauth_refresh_token,
        *oauth_scope;
    long imap_poll_s;
    size_t mail_bytes_max;
    int connections_max;
};
/* 0, or negative with a sentence in err (256 bytes). */
int email_settings_parse(struct email_settings *s, const char *json, char *err);
void email_settings_free(struct email_settings *s);
/* "127.0.0.1:25", "localhost:25", "[::1]:25": no wire is crossed. */
bool email_is_loopback(const char *host_port);

/* Whether this login goes by an access token. */
bool email_uses_oauth(const struct email_settings *s, const char *user, const char *password);
/* Whether going from a to b takes a restart. */
bool email_settings_need_restart(const struct email_settings *a, const struct email_settings *b);

struct lmtp_server;
struct imap;
struct oauth;
struct email_retired; /* settings of before a reload; sends under way still borrow from them */
struct email {
    const struct draht_host *h;
    void *host;
    struct email_settings set;
    struct loop *loop;
    struct transfers *transfers;
    struct lmtp_server *lmtp;
    struct imap *imap;
    struct oauth *oauth;
    struct email_retired *retired;
    struct mail_mac mac;
    struct smtp *sends;       /* under way */
    struct loop_timer *again; /* sending is in trouble: when to try it again */
    /* What ails each direction, "" when well. Trouble with reading must not hold replies back. */
    char reading_trouble[EMAIL_TROUBLE_BYTES], sending_trouble[EMAIL_TROUBLE_BYTES];
    struct loop_timer *stop_timer; /* patience while stopping */
    size_t under_way;              /* deliveries and sends */
    bool is_stopping;
    bool has_complaints; /* some recipient reported a mail of ours as unwanted, or we do not know */
    draht_done_fn stopped;
    void *stopped_arg;
};
/* NULL: leaves it as it is; "" well; else a sentence. Tells the host what follows: down when
 * nothing can be sent, up with a sentence when the mailbox cannot be read. */
void email_health(struct email *e, const char *reading, const char *sending);
void email_begin(struct email *e);
void email_end(struct email *e); /* one thing less under way; the last one lets a stop finish */

/* The mailbox of ours that an address belongs to, or an empty span. */
struct span email_mailbox(const struct email *e, struct span address);

/* ---- in (email_in.c) ---- */
enum email_outcome { EMAIL_STORED, EMAIL_DUPLICATE, EMAIL_LATER, EMAIL_NEVER };
typedef void (*email_delivered_fn)(void *arg, const enum email_outcome *outcomes, size_t n);
/* sender NULL: no envelope is known (IMAP); then Return-Path counts. An empty recipient: the
 * one of ours that To or Cc names. raw, sender and recipients are borrowed
 * until done, which runs exactly once and may run inside this call. */
void email_in_deliver(struct email *e, struct span raw, const char *sender,
                      const char *const *recipients, size_t n, email_delivered_fn done, void *arg);

/* ---- out (email_out.c) ---- */
int email_out_send(struct email *e, const struct draht_outbound *m, struct draht_token *t);

/* ---- LMTP listeners (lmtp_server.c) ---- */
struct lmtp_server *lmtp_server_start(struct email *e, char *err); /* NULL with err */
/* The port of the i-th listener (tests), or negative. */
int lmtp_server_port(const struct lmtp_server *s, size_t i);
void lmtp_server_drain(struct lmtp_server *s); /* no new sessions; open ones end after their mail */
void lmtp_server_stop(struct lmtp_server **s, void (*done)(void *arg), void *arg);

#endif
