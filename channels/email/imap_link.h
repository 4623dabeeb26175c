/* SPDX-License-Identifier: EUPL-1.2 */
/* imap_link: an authenticated stream to an IMAP server. libcurl does DNS, TLS and login
 * (CURLOPT_CONNECT_ONLY); from then on lines go both ways here. */
#ifndef DRAHT_EMAIL_IMAP_LINK_H
#define DRAHT_EMAIL_IMAP_LINK_H

#include "channels/email/email_channel.h"
#include "channels/email/imap_reader.h"

struct imap_link;
struct imap_link_handlers {
    void (*on_up)(void *arg);
    imap_line_fn on_line;
    /* The last call; the link must then be freed with imap_link_close. is_login: the server refuses
     * us. */
    void (*on_down)(void *arg, const char *why, bool is_login);
};
/* token (copied): an access token to log in with, "" to use the password. NULL when no transfer can
 * be started. */
struct imap_link *imap_link_open(struct email *e, const char *token,
                                 const struct imap_link_handlers *h, void *arg);
void imap_link_send(struct imap_link *l, const char *line); /* CRLF is added; copied */
/* Nothing runs afterwards; safe inside the handlers. Accepts NULL, sets NULL. */
void imap_link_close(struct imap_link **l);

#endif
