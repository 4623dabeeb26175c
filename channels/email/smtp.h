/* SPDX-License-Identifier: EUPL-1.2 */
/* smtp: one mail to one recipient through the relay, by libcurl; one call, one verdict. */
#ifndef DRAHT_EMAIL_SMTP_H
#define DRAHT_EMAIL_SMTP_H

#include "channels/email/email_channel.h"

struct smtp_verdict {
    enum draht_verdict verdict;
    char reason[160]; /* no personal data: codes and what they mean */
};
typedef void (*smtp_done_fn)(void *arg, const struct smtp_verdict *v);
/* mail, from and to are borrowed until done, which runs exactly once, perhaps inside this call.
 * from
 * "" is the null sender. */
struct smtp;
void smtp_send(struct email *e, const char *from, const char *to, struct span mail,
               smtp_done_fn done, void *arg);
/* The process is ending: every send under way gets its verdict now (in doubt when all of it went
 * out). */
void smtp_give_up(struct email *e);
/* The same for those that wait for an access token; the others go on. */
void smtp_give_up_waiting(struct email *e);

/* Pure: what an end means. uploaded: the last byte was handed to the connection. code: the last
 * reply. */
void smtp_judge(int curl_result, long code, bool uploaded, struct smtp_verdict *out);

#endif
