/* SPDX-License-Identifier: EUPL-1.2 */
/* mail_thread: how an answer finds its ticket: tokens in addresses and Message-IDs, each with a MAC
 * of 80 bits in base32, so nobody can write himself into a ticket; and the hints of an incoming
 * mail. */
#ifndef DRAHT_EMAIL_MAIL_THREAD_H
#define DRAHT_EMAIL_MAIL_THREAD_H

#include "channels/abi/draht_channel.h"
#include "channels/email/mail.h"

#define MAIL_THREAD_HINTS_MAX 24

struct mail_mac { /* 32 bytes of HMAC over text */
    void (*fn)(void *arg, struct span text, uint8_t out[32]);
    void *arg;
};

/* "office+t.<ticket>.<mac>@city": answers to it belong to the ticket. In the arena. */
struct span mail_thread_reply_address(struct arena *a, const struct mail_mac *mac,
                                      struct span mailbox, struct span ticket);
/* "office+b.<message>.<mac>@city": reports to it are about the message. In the arena. */
struct span mail_thread_bounce_address(struct arena *a, const struct mail_mac *mac,
                                       struct span mailbox, struct span message);
/* "<message>.<mac>@hostname", without <>. In the arena. */
struct span mail_thread_message_id(struct arena *a, const struct mail_mac *mac, struct span message,
                                   const char *hostname);
/* kind 't' or 'b': the ticket or message that a recipient address carries, in the arena; empty when
 * there is no token or its MAC is wrong. Letter case does not matter. */
struct span mail_thread_token(struct arena *a, const struct mail_mac *mac, struct span address,
                              char kind);
/* The message "<ticket>.<n>" of a Message-ID of ours, borrowed; empty when it is not. */
struct span mail_thread_own_id(const struct mail_mac *mac, struct span id);
/* The ticket number in "<ticket>.<n>". */
struct span mail_thread_ticket(struct span message);
/* Hints in the order of trust, spans in the mail's arena. Returns how many. */
size_t mail_thread_hints(const struct mail *m, const struct mail_mac *mac, struct span recipient,
                         struct draht_thread_hint out[MAIL_THREAD_HINTS_MAX]);

#endif
