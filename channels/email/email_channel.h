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
    long imap_poll_s;
    size_t mail_bytes_max;
    int connections_max;
};
/* 0, or negative with a sentence in err (256 bytes). */
int email_settings_parse(struct email_settings *s, const char *json, char *err);
void email_settings_free(struct email_settings *s);
/* "127.0.0.1:25", "localhost:25", "[::1]:25": no wire is crossed. */
bool email_is_loopback(const char *host_port);

struct lmtp_server;
struct imap;
struct email {
    const struct draht_host *h;
    void *host;
    struct email_settings set;
    struct loop *loop;
    struct transfers *transfers;
    struct lmtp_server *lmtp;
    struct imap *imap;
    struct mail_mac mac;
    struct smtp *sends;            /* under way */
    struct loop_timer *again;      /* sending is in trouble: when to try it again */
    bool is_reading_down;          /* the IMAP mailbox */
    struct loop_timer *stop_timer; /* patience while stopping */
    size_t under_way;              /* deliveries and sends */
    bool is_stopping;
    draht_done_fn stopped;
    void *stopped_arg;
};
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
