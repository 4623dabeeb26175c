/* SPDX-License-Identifier: EUPL-1.2 */
/* sms_base: a provider has its yes when everything is durable; a channel ends when nothing is under
 * way. */
#include "channels/sms_http/sms_base.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/error.h"

void *sms_base_new(size_t bytes, const struct draht_host *h, void *host, const char *name,
                   const char *id, json_t *o, char *authorization) {
    struct sms_base *b = xcalloc(1, bytes);
    b->h = h;
    b->host = host;
    b->name = name;
    b->id = xstrdup(id);
    b->o = o;
    b->authorization = authorization;
    return b;
}

static void work_free(struct sms_work *k) {
    *k->prev = k->next;
    if (k->next)
        k->next->prev = k->prev;
    k->b->works_n--;
    if (k->early)
        k->b->h->timer_stop(k->early);
    if (k->drop)
        k->drop(k);
    arena_free(&k->a);
    free(k);
}

void sms_base_free(struct sms_base *b) {
    while (b->works)
        work_free(b->works);
    json_decref(b->o);
    free(b->authorization);
    free(b->id);
    free(b);
}

void sms_idle(struct sms_base *b) {
    if (!b->stopped || b->works || b->busy)
        return;
    draht_done_fn done = b->stopped;
    b->stopped = NULL;
    done(b->stopped_arg, 0);
}

void sms_stop(void *channel, draht_done_fn done, void *arg) {
    struct sms_base *b = channel;
    b->is_stopping = true;
    b->stopped = done;
    b->stopped_arg = arg;
    sms_idle(b);
}

void sms_log(struct sms_base *b, int level, const char *event, const char *text) {
    char name[64];
    snprintf(name, sizeof name, "%s.%s", b->name, event);
    b->h->log(b->host, level, name, text);
}

bool sms_is_full(const struct sms_base *b) {
    return b->works_n >= SMS_WORKS_MAX || b->is_stopping;
}

void *sms_work_new(size_t bytes, struct sms_base *b, struct draht_http *x, struct arena *a) {
    struct sms_work *k = xcalloc(1, bytes);
    k->b = b;
    k->x = x;
    k->a = a;
    k->next = b->works;
    k->prev = &b->works;
    if (k->next)
        k->next->prev = &k->next;
    b->works = k;
    b->works_n++;
    return k;
}

void sms_work_end(struct sms_work *k) {
    struct sms_base *b = k->b;
    work_free(k);
    sms_idle(b);
}

void sms_refuse(struct sms_base *b, struct draht_http *x, int status, const char *why) {
    b->h->http_respond(x, status, "text/plain; charset=utf-8", kit_str(why));
}

/* ---- receipts ---- */

static void hand(struct sms_work *k);

static void again(void *arg) {
    struct sms_work *k = arg;
    k->b->h->timer_stop(k->early);
    k->early = NULL;
    hand(k);
}

static void on_receipt(void *arg, int status) {
    struct sms_work *k = arg;
    struct sms_base *b = k->b;
    if (status == ERR_NOT_FOUND && k->tries < SMS_EARLY_TRIES && !b->is_stopping) {
        k->tries++;
        k->early = b->h->timer(b->host, SMS_EARLY_WAIT_MS, 0, again, k);
    } else if (status == DRAHT_E_UNAVAILABLE || (status < 0 && error_is_retryable(status))) {
        k->done(k, DRAHT_E_UNAVAILABLE);
    } else {
        k->done(k, status < 0 ? ERR_NOT_FOUND : 0);
    }
}

static void hand(struct sms_work *k) {
    k->b->h->receipt(k->b->host, &k->receipt, on_receipt, k);
}

void sms_hand_receipt(struct sms_work *k, struct span id, uint32_t state, const char *reason,
                      sms_done_fn done) {
    k->done = done;
    k->receipt = (struct draht_receipt){.size = sizeof k->receipt,
                                        .external_id = kit_out(id),
                                        .state = state,
                                        .reason = kit_str(reason),
                                        .is_permanent = 1,
                                        .at_ms = k->b->h->now_ms(k->b->host)};
    hand(k);
}

/* ---- messages ---- */

static void on_word(void *arg, int status) {
    struct sms_work *k = arg;
    k->done(k, status < 0 ? DRAHT_E_UNAVAILABLE : 0);
}

void sms_keep_word(struct sms_work *k, struct span from, enum kit_keyword word, sms_done_fn done) {
    struct sms_base *b = k->b;
    struct draht_span key = sms_stop_key(b->h, b->host, k->a, from);
    k->done = done;
    if (word == KIT_WORD_STOP)
        b->h->state_set(b->host, key, kit_str("1"), 0, on_word, k);
    else if (word == KIT_WORD_START)
        b->h->state_del(b->host, key, on_word, k);
    else
        done(k, 0);
}

static void on_accepted(void *arg, int status, const struct draht_accepted *accepted) {
    struct sms_work *k = arg;
    (void)accepted;
    if (status == DRAHT_E_UNAVAILABLE) {
        k->done(k, DRAHT_E_UNAVAILABLE);
        return;
    }
    if (status < 0)
        sms_log(k->b, 2, "rejected", "a message is beyond the limits and was not taken in");
    sms_keep_word(k, k->from, k->word, k->done);
}

void sms_hand_message(struct sms_work *k, struct draht_inbound in, enum kit_keyword word,
                      const char *warning, sms_done_fn done) {
    struct draht_thread_hint hint = {DRAHT_THREAD_KEY, in.sender};
    k->done = done;
    k->from = kit_in(in.sender);
    k->word = word;
    in.size = sizeof in;
    in.thread = in.sender;
    in.hints = &hint;
    in.hints_n = 1;
    in.warnings =
        kit_str(word == KIT_WORD_STOP
                    ? "[\"The citizen wants no more text messages: answers are held back.\"]"
                    : warning);
    k->b->h->accept(k->b->host, &in, on_accepted, k);
}
