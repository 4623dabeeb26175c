/* SPDX-License-Identifier: EUPL-1.2 */
/* twilio_private: what the files of the Twilio channel share. */
#ifndef DRAHT_SMS_HTTP_TWILIO_PRIVATE_H
#define DRAHT_SMS_HTTP_TWILIO_PRIVATE_H

#include "channels/sms_http/sms_common.h"
#include "channels/sms_http/twilio.h"
#include "channels/sms_http/twilio_form.h"
#include "gateway/base/json.h"

#define TWILIO_WORKS_MAX 64 /* webhooks at once; more are asked to come again */
#define TWILIO_TEXT_UNITS 1600
#define TWILIO_FILE_BYTES_MAX (5u << 20)

struct twilio_work;
struct twilio {
    const struct draht_host *h;
    void *host;
    char *id;
    json_t *o;           /* options */
    char *authorization; /* "Authorization: Basic ..." */
    struct twilio_work *works;
    size_t works_n, sends;
    bool is_stopping;
    draht_done_fn stopped;
    void *stopped_arg;
};

void twilio_log(struct twilio *w, int level, const char *event, const char *text);
/* Tells the host when it stops and nothing is under way any more. */
void twilio_idle(struct twilio *w);

void twilio_on_post(void *channel, struct draht_http *x);
void twilio_works_drop(struct twilio *w);
int twilio_send(void *channel, const struct draht_outbound *m, struct draht_token *t);

#endif
