/* SPDX-License-Identifier: EUPL-1.2 */
/* smpp: the operations of the SMS channel in the order of its life. The work is in the parts. */
#include "channels/smpp/smpp.h"

#include <stdio.h>
#include <stdlib.h>

#include "channels/smpp/smpp_channel.h"

enum { TICK_MS = 1000, STOP_PATIENCE_MS = 6000 };
#define TEXT_MAX (153u * SMPP_PARTS_DEFAULT)

static int smpp_open(const struct draht_host *h, void *host, const char *id,
                     const char *options_json, void **channel_out, char *err) {
    (void)id;
    struct smpp *c = xcalloc(1, sizeof *c);
    if (smpp_settings_parse(&c->set, options_json, err) != 0) {
        free(c);
        return -1;
    }
    c->h = h;
    c->host = host;
    c->seen = xcalloc(SMPP_SEEN_MAX, sizeof *c->seen);
    *channel_out = c;
    return 0;
}

static void tell_health(struct smpp *c) {
    bool is_up = session_is_bound(c->out) && session_is_bound(c->in);
    const char *why = *c->trouble[0] ? c->trouble[0] : c->trouble[1];
    c->h->health(c->host, is_up, is_up ? "" : *why ? why : "connecting to the message centre");
}

static void on_bound(void *arg, struct session *s) {
    struct smpp *c = arg;
    c->trouble[s == c->out ? 0 : 1][0] = 0;
    if (c->in == c->out)
        c->trouble[1][0] = 0;
    c->h->log(c->host, 1, "smpp.bound", s == c->out ? "out" : "in");
    tell_health(c);
    smpp_out_pump(c);
}

static void on_down(void *arg, struct session *s, const char *why, bool is_final) {
    struct smpp *c = arg;
    if (!c->out || c->is_stopping)
        return;
    snprintf(c->trouble[s == c->out ? 0 : 1], sizeof c->trouble[0], "%s", why);
    c->h->log(c->host, is_final ? 3 : 2, "smpp.down", why);
    tell_health(c);
}

static void on_odd(void *arg, const char *what) {
    struct smpp *c = arg;
    c->h->log(c->host, 2, "smpp.odd", what);
}

static void on_exchange(void *arg, const char *line) {
    struct smpp *c = arg;
    c->h->log(c->host, 0, "smpp.pdu", line);
}

static struct session *dial(struct smpp *c, uint32_t command) {
    static const struct session_handlers h = {on_bound, smpp_in_message, smpp_out_answer,
                                              on_down,  on_odd,          on_exchange};
    const struct smpp_settings *set = &c->set;
    struct session_options o = {.address = set->smsc,
                                .ca = set->ca,
                                .system_id = set->system_id,
                                .password = set->password,
                                .system_type = set->system_type,
                                .is_tls = set->is_tls,
                                .command = command,
                                .window = set->window,
                                .response_ms = set->response_ms,
                                .enquire_ms = set->enquire_ms,
                                .again_ms = (uint32_t)json_int(set->json, "again_s", 1) * 1000,
                                .random = c->h->random};
    return session_new(c->loop, c->transfers, &o, &h, c);
}

/* What is stored of long messages has to be known before more comes. */
static void connect_when_loaded(struct smpp *c) {
    if (c->out || !c->is_loaded || c->is_stopping)
        return;
    c->out = dial(c, c->set.is_pair ? PDU_BIND_TRANSMITTER : PDU_BIND_TRANSCEIVER);
    c->in = c->set.is_pair ? dial(c, PDU_BIND_RECEIVER) : c->out;
}

static void on_tick(void *arg) {
    struct smpp *c = arg;
    smpp_parts_tick(c);
    connect_when_loaded(c);
    smpp_receipts_tick(c);
    smpp_out_tick(c);
}

/* The centre cuts what goes out whole, by its own rules. */
static void offer_text(struct smpp *c) {
    const struct smpp_settings *set = &c->set;
    struct draht_text t = {.size = sizeof t,
                           .unit = DRAHT_TEXT_SMS,
                           .messages_max = set->concat == SMS_PAYLOAD ? 0 : set->parts_max,
                           .header_bytes = set->concat == SMS_UDH16 ? 7 : 6,
                           .flags = (set->transliterate ? DRAHT_TEXT_PLAIN : 0) |
                                    (set->zero == SMS_LATIN1 ? DRAHT_TEXT_LATIN1 : 0)};
    c->h->text(c->host, &t);
}

static int smpp_start(void *channel, char *err) {
    struct smpp *c = channel;
    if (!c->h->builtin) {
        snprintf(err, 256, "smpp is a built-in channel");
        return -1;
    }
    c->loop = c->h->builtin(c->host, "loop");
    c->transfers = c->h->builtin(c->host, "transfers");
    c->started_ms = c->h->now_ms(c->host);
    offer_text(c);
    c->h->health(c->host, 0, "connecting to the message centre");
    smpp_parts_load(c);
    c->tick = loop_timer(c->loop, 10, TICK_MS, on_tick, c);
    return 0;
}

/* ---- the end: what is open gets its answer, then unbind ---- */

static void unbound(void *arg) {
    struct smpp *c = arg;
    if (--c->stopping_n > 0)
        return;
    loop_timer_stop(&c->stop_timer);
    c->stopped(c->stopped_arg, 0);
}

static void unbind(struct smpp *c) {
    if (c->is_stopped)
        return;
    c->is_stopped = true;
    loop_timer_stop(&c->stop_timer);
    c->stopping_n = 1;
    if (c->out) {
        c->stopping_n += c->in != c->out ? 2 : 1;
        session_stop(c->out, unbound, c);
        if (c->in != c->out)
            session_stop(c->in, unbound, c);
    }
    loop_soon(c->loop, unbound, c);
}

static void drain(void *arg) {
    struct smpp *c = arg;
    int64_t over_ms = c->h->now_ms(c->host) - c->paused_until_ms;
    smpp_out_give_up(c);
    if (!c->jobs || over_ms > 0)
        unbind(c);
}

static void smpp_stop(void *channel, draht_done_fn done, void *arg) {
    struct smpp *c = channel;
    c->is_stopping = true;
    c->stopped = done;
    c->stopped_arg = arg;
    loop_timer_stop(&c->tick);
    /* Nothing new goes out from here on; the same mark says when patience ends. */
    c->paused_until_ms = c->h->now_ms(c->host) + STOP_PATIENCE_MS;
    c->stop_timer = loop_timer(c->loop, 0, 50, drain, c);
}

static void smpp_close(void *channel) {
    struct smpp *c = channel;
    loop_timer_stop(&c->tick);
    loop_timer_stop(&c->stop_timer);
    if (c->in != c->out)
        session_free(&c->in);
    session_free(&c->out);
    smpp_out_free(c);
    smpp_parts_free(c);
    smpp_receipts_free(c);
    smpp_settings_free(&c->set);
    free(c->seen);
    free(c);
}

static int smpp_send(void *channel, const struct draht_outbound *m, struct draht_token *t) {
    return smpp_out_send(channel, m, t);
}

const struct draht_channel_ops smpp_ops = {
    .size = sizeof(struct draht_channel_ops),
    .caps = DRAHT_CAP_DELIVERED | DRAHT_CAP_FIRST | DRAHT_CAP_UNTHREADED,
    .type = "smpp",
    .options = smpp_option_rows,
    .text_max = TEXT_MAX,
    .concurrency = SMPP_CONCURRENCY,
    .open = smpp_open,
    .start = smpp_start,
    .stop = smpp_stop,
    .close = smpp_close,
    .send = smpp_send,
    .normalize = smpp_normalize,
};
