/* SPDX-License-Identifier: EUPL-1.2 */
/* lmtp_session: the inside of struct lmtp, for lmtp.c and lmtp_data.c alone. */
#ifndef DRAHT_EMAIL_LMTP_SESSION_H
#define DRAHT_EMAIL_LMTP_SESSION_H

#include "channels/email/lmtp.h"
#include "channels/email/spool.h"

enum lmtp_state { LMTP_COMMAND, LMTP_DATA, LMTP_WAITING, LMTP_CLOSING };
/* Where we stand between CRLF and CRLF. */
enum lmtp_data_state { DATA_START, DATA_LINE, DATA_CR, DATA_DOT, DATA_DOT_CR };

struct lmtp {
    enum lmtp_state state;
    enum lmtp_data_state data_state;
    char *hostname, *sender, **rcpts;
    size_t rcpts_n, rcpts_cap, mail_bytes_max;
    struct lmtp_budget *budget;
    size_t budget_taken;
    struct buf line, held, out;
    struct spool data;
    const char *data_overflow; /* the reply when the content could not be kept */
    const char *close_reason;
    struct lmtp_handlers h;
    void *arg;
    int errors;
    bool greeted, line_too_long;
};

void lmtp_data_begin(struct lmtp *s);
/* Takes content up to and including the final dot; returns how many bytes it used (at least 1). */
size_t lmtp_data_take(struct lmtp *s, struct span in);
void lmtp_data_complete(struct lmtp *s); /* lmtp.c: the final dot was seen */
void lmtp_data_drop(struct lmtp *s);
/* "<local@domain> PARAMS": the address without source route (empty for <> when null_ok) and what
 * follows it, both borrowed. 0 or ERR_INVALID. */
int lmtp_path(struct span arg, bool null_ok, struct span *address_out, struct span *params_out);

#endif
