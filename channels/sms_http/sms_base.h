/* SPDX-License-Identifier: EUPL-1.2 */
/* sms_base: what the channels for text messages by HTTP share: their life, and the requests of the
 * provider that wait until what they hand over is durable. */
#ifndef DRAHT_SMS_HTTP_SMS_BASE_H
#define DRAHT_SMS_HTTP_SMS_BASE_H

#include "channels/kit/keyword.h"
#include "channels/sms_http/sms_common.h"
#include "gateway/base/json.h"

#define SMS_WORKS_MAX 64 /* requests of the provider at once; more are asked to come again */

struct sms_work;
/* A channel's state begins with it. */
struct sms_base {
    const struct draht_host *h;
    void *host;
    const char *name; /* how its events in the log begin */
    char *id;
    json_t *o;           /* options */
    char *authorization; /* header, or NULL */
    struct sms_work *works;
    size_t works_n, busy;   /* busy: what else is under way */
    struct kit_pause pause; /* the provider has asked to wait */
    bool is_stopping;
    draht_done_fn stopped;
    void *stopped_arg;
};

/* Zeroed state of the size, for ops->open. id: copied; o, authorization: taken. */
void *sms_base_new(size_t bytes, const struct draht_host *h, void *host, const char *name,
                   const char *id, json_t *o, char *authorization);
/* Drops the requests of the provider and frees the state. */
void sms_base_free(struct sms_base *b);
/* ops->stop: done when nothing is under way any more. */
void sms_stop(void *channel, draht_done_fn done, void *arg);
/* Tells the host when the channel stops and nothing is under way any more. */
void sms_idle(struct sms_base *b);
/* Writes the event "<name>.<event>" into the log of the channel. */
void sms_log(struct sms_base *b, int level, const char *event, const char *text);

/* status 0: durable; DRAHT_E_UNAVAILABLE: nothing is, the provider has to come again;
 * ERR_NOT_FOUND: a receipt for no message of ours. */
typedef void (*sms_done_fn)(struct sms_work *k, int status);
/* A request of the provider; each channel's own begins with it. */
struct sms_work {
    struct sms_base *b;
    struct sms_work *next, **prev;
    struct draht_http *x;
    struct arena *a;
    void (*drop)(struct sms_work *k); /* frees what is the channel's own, or NULL */
    struct draht_receipt receipt;     /* the one under way */
    struct draht_timer *early;
    int tries;
    struct span from; /* who wrote the message under way */
    enum kit_keyword word;
    sms_done_fn done;
};
/* Whether another one would be too many, or the channel stops. */
bool sms_is_full(const struct sms_base *b);
/* Zeroed, of the size; a: taken. */
void *sms_work_new(size_t bytes, struct sms_base *b, struct draht_http *x, struct arena *a);
/* After its request was answered. */
void sms_work_end(struct sms_work *k);
void sms_refuse(struct sms_base *b, struct draht_http *x, int status, const char *why);

/* Hands a receipt over; one that is faster than the answer to our own send is tried again. id and
 * reason stay until done. */
void sms_hand_receipt(struct sms_work *k, struct span id, uint32_t state, const char *reason,
                      sms_done_fn done);
/* Hands a message over as part of its sender's conversation, then keeps what the word asks for. in
 * without size, thread, hints and warnings; warning: a JSON list or NULL. Texts stay until done. */
void sms_hand_message(struct sms_work *k, struct draht_inbound in, enum kit_keyword word,
                      const char *warning, sms_done_fn done);
/* Keeps that this person wants no text messages any more, or wants them again. */
void sms_keep_word(struct sms_work *k, struct span from, enum kit_keyword word, sms_done_fn done);

#endif
