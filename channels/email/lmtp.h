/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * lmtp: one LMTP session (RFC 2033) as a state machine over bytes: commands in, replies out. It
 * owns no socket and no clock; lmtp_server.c ties it to a stream, the tests feed it byte by byte.
 */
#ifndef DRAHT_EMAIL_LMTP_H
#define DRAHT_EMAIL_LMTP_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/buf.h"
#include "gateway/base/span.h"

#define LMTP_COMMAND_BYTES_MAX 4096
#define LMTP_RECIPIENTS_MAX 200
#define LMTP_ERRORS_MAX 20
#define LMTP_HELD_BYTES_MAX (1024 * 1024) /* pipelined input kept while a mail is being stored */

struct lmtp;

/* Memory for mails under way, shared by all sessions. */
struct lmtp_budget {
    size_t used_bytes, max_bytes;
};

struct lmtp_mail {      /* lives until lmtp_answer */
    const char *sender; /* "" is the null sender */
    const char *const *recipients;
    size_t recipients_n;
    struct span raw; /* without dot stuffing, CRLF as received */
};

struct lmtp_handlers {
    /* NULL accepts the recipient; otherwise a whole reply line without CRLF, borrowed. */
    const char *(*on_recipient)(void *arg, struct span address);
    /* A mail is complete. lmtp_answer must follow exactly once, now or later; until then the
     * session processes nothing. */
    void (*on_mail)(void *arg, const struct lmtp_mail *m);
};

/* Returned; lmtp_free. The greeting is in the output at once. hostname is copied. */
struct lmtp *lmtp_new(const char *hostname, size_t mail_bytes_max, struct lmtp_budget *budget,
                      const struct lmtp_handlers *h, void *arg);
void lmtp_free(struct lmtp **s);
/* Bytes of the peer, any cut. */
void lmtp_feed(struct lmtp *s, struct span bytes);
/* One reply line (without CRLF, borrowed) per recipient of the mail, in their order. Goes on with
 * what was pipelined behind it. */
void lmtp_answer(struct lmtp *s, const char *const *replies, size_t n);
/* Replies waiting to be written; the caller clears it. */
struct buf *lmtp_output(struct lmtp *s);
/* After the output is written, the connection shall be closed. */
bool lmtp_is_closing(const struct lmtp *s);
/* A mail is being stored. */
bool lmtp_is_waiting(const struct lmtp *s);
/* Mail content is being received (another time-out applies). */
bool lmtp_is_receiving(const struct lmtp *s);
/* "421 ..." and no more commands: idle, or going down. Harmless while a mail is being stored. */
void lmtp_close(struct lmtp *s, const char *reason);

#endif
