/* SPDX-License-Identifier: EUPL-1.2 */
/* twilio_private: what the files of the Twilio channel share. */
#ifndef DRAHT_SMS_HTTP_TWILIO_PRIVATE_H
#define DRAHT_SMS_HTTP_TWILIO_PRIVATE_H

#include "channels/sms_http/sms_base.h"
#include "channels/sms_http/twilio.h"
#include "channels/sms_http/twilio_form.h"
#include "channels/sms_http/twilio_media.h"

#define TWILIO_TEXT_UNITS 1600
#define TWILIO_FILE_BYTES_MAX (5u << 20)
#define TWILIO_MEDIA_MS (4 * 3600 * 1000) /* how long an address of a file holds */
#define TWILIO_FETCHES_MAX 20             /* of one file: Twilio asks by HEAD and GET, and again */

struct twilio_media;
struct twilio {
    struct sms_base b;
    struct twilio_media *media; /* fetches under way, the oldest first */
    size_t media_n;
    bool takes_files;
};

void twilio_on_post(void *channel, struct draht_http *x);
int twilio_send(void *channel, const struct draht_outbound *m, struct draht_token *t);

/* Files of a reply become fetchable: done comes when that is durable, status negative when it is
 * not. s and m stay until then; the channel fills in w, done and arg. */
struct twilio_media_keep {
    struct twilio *w;
    char handle[TWILIO_HANDLE_BYTES];
    int64_t expires_ms;
    struct span thread;
    draht_done_fn done;
    void *arg;
};
void twilio_media_keep(struct twilio_media_keep *s, const struct draht_outbound *m);
/* Nobody fetches the files of this message any more. */
void twilio_media_forget(struct twilio *w, const char *handle);
void twilio_media_drop(struct twilio *w);
void twilio_on_fetch(void *channel, struct draht_http *x);
void twilio_notify(void *channel, struct draht_span thread, const char *what,
                   struct draht_span detail);

#endif
