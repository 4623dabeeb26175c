/* SPDX-License-Identifier: EUPL-1.2 */
/* smpp_out: replies wait in a row; one part of each is under way at a time, and of each recipient
 * one message, so that nobody reads them in the wrong order. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/smpp/smpp_channel.h"
#include "gateway/base/crypto.h"

enum { PAUSE_MS = 1000, PAUSE_MS_MAX = 60000, PUT_OFF_MAX = 8 };
enum { RETRY_MS = 30000, UNBOUND_MS = 20000, REPLIES_MAX = 50 };

struct smpp_job {
    struct smpp *c;
    struct smpp_job *next;
    struct draht_token *token; /* NULL: a reply of our own */
    struct arena *arena;
    struct sms_parts parts;
    struct pdu_address to;
    size_t at; /* the part that goes next */
    uint16_t ref;
    uint32_t put_off;
    int64_t since_ms;
    bool is_ready, is_open;
};

void smpp_hash(struct smpp *c, const char *kind, struct span text, char out[33]) {
    struct buf b = {0};
    uint8_t mac[32];
    buf_addf(&b, "smpp.%s.", kind);
    buf_add(&b, text.p, text.n);
    c->h->mac(c->host, kit_out(buf_span(&b)), mac);
    buf_free(&b);
    crypto_hex(mac, 16, out);
}

static int64_t now(const struct smpp *c) {
    return c->h->now_ms(c->host);
}

/* ---- the row ---- */

static void append(struct smpp *c, struct smpp_job *j) {
    struct smpp_job **at = &c->jobs;
    while (*at)
        at = &(*at)->next;
    *at = j;
    c->jobs_n++;
}

static void drop(struct smpp_job *j) {
    struct smpp *c = j->c;
    struct smpp_job **at = &c->jobs;
    while (*at != j)
        at = &(*at)->next;
    *at = j->next;
    c->jobs_n--;
    if (!j->token)
        c->replies_n--;
    arena_free(&j->arena);
    free(j);
}

static void settle(struct smpp_job *j, enum draht_verdict v, const char *why, uint64_t retry_ms) {
    struct smpp *c = j->c;
    struct draht_token *t = j->token;
    drop(j);
    if (t)
        c->h->settle(t, v, kit_str(why), retry_ms);
}

/* ---- one part ---- */

static void fill(const struct smpp_job *j, struct pdu *p, struct buf *text) {
    const struct smpp_settings *set = &j->c->set;
    bool is_long = j->parts.n > 1, is_last = j->at + 1 == j->parts.n;
    pdu_init(p, PDU_SUBMIT, 0);
    p->from = set->source;
    p->to = j->to;
    p->data_coding = j->parts.coding == SMS_UCS2 ? 8 : 0;
    /* The last part tells of its delivery, those before only of a failure. */
    p->registered = set->wants_receipts ? (is_last ? 1 : 2) : 0;
    sms_put_part(text, &j->parts, j->at, set->concat, j->ref);
    p->text = buf_span(text);
    p->has_payload = set->concat == SMS_PAYLOAD;
    if (is_long && (set->concat == SMS_UDH8 || set->concat == SMS_UDH16))
        p->esm_class |= 0x40;
    if (is_long && set->concat == SMS_SAR) {
        p->sar_ref = j->ref;
        p->sar_total = (int32_t)j->parts.n;
        p->sar_seq = (int32_t)j->at + 1;
    }
}

static bool is_same_recipient(const struct smpp_job *a, const struct smpp_job *b) {
    return strcmp(a->to.text, b->to.text) == 0;
}

static bool may_go(const struct smpp *c, const struct smpp_job *j) {
    if (!j->is_ready || j->is_open)
        return false;
    for (const struct smpp_job *o = c->jobs; o != j; o = o->next)
        if (is_same_recipient(o, j))
            return false;
    return true;
}

static void pump_again(void *arg) {
    struct smpp *c = arg;
    loop_timer_stop(&c->pump_timer);
    smpp_out_pump(c);
}

static void pump_later(struct smpp *c, int64_t wait_ms) {
    if (!c->pump_timer)
        c->pump_timer = loop_timer(c->loop, (uint64_t)wait_ms, 0, pump_again, c);
}

/* 0: one may go now. */
static int64_t wait_ms(struct smpp *c) {
    int64_t t = now(c);
    if (t < c->paused_until_ms)
        return c->paused_until_ms - t;
    if (c->set.rate == 0)
        return 0;
    int interval = c->set.rate > 1000 ? 1 : (int)(1000 / c->set.rate);
    return kit_bucket_take(&c->bucket, t, 1, interval);
}

void smpp_out_pump(struct smpp *c) {
    struct buf text = {0};
    struct smpp_job *j = c->jobs;
    while (j && c->out && session_has_room(c->out)) {
        if (!may_go(c, j)) {
            j = j->next;
            continue;
        }
        int64_t wait = wait_ms(c);
        if (wait > 0) {
            pump_later(c, wait);
            break;
        }
        struct pdu p;
        buf_clear(&text);
        fill(j, &p, &text);
        struct smpp_job *next = j->next;
        if (session_submit(c->out, &p, j))
            j->is_open = true;
        else if (session_has_room(c->out))
            settle(j, DRAHT_REJECTED, "the text is too long for one message", 0);
        j = next;
    }
    buf_free(&text);
}

/* ---- what the centre says ---- */

static void slow_down(struct smpp_job *j) {
    struct smpp *c = j->c;
    c->pause_ms = c->pause_ms ? c->pause_ms * 2 : PAUSE_MS;
    if (c->pause_ms > PAUSE_MS_MAX)
        c->pause_ms = PAUSE_MS_MAX;
    c->paused_until_ms = now(c) + c->pause_ms;
    if (++j->put_off > PUT_OFF_MAX)
        settle(j, DRAHT_RETRY, "the message centre is busy", (uint64_t)c->pause_ms);
}

static enum draht_verdict judge(const struct smpp *c, uint32_t status) {
    switch (status) {
    case PDU_RINVMSGLEN:
    case PDU_RINVDSTADR:
    case PDU_RINVDSTTON:
    case PDU_RINVDSTNPI:
    case PDU_RINVESMCLASS:
    case PDU_RX_P_APPN:
    case PDU_RX_R_APPN:
        return DRAHT_REJECTED;
    case PDU_RINVSRCADR:
    case PDU_RINVSRCTON:
    case PDU_RINVSRCNPI:
    case PDU_RINVCMDID:
    case PDU_RINVCMDLEN:
    case PDU_ROPTPARNOTALLWD:
        return DRAHT_MISCONFIGURED;
    default:
        if (status >= PDU_VENDOR_FIRST)
            return c->set.retries_unknown ? DRAHT_RETRY : DRAHT_REJECTED;
        return DRAHT_RETRY;
    }
}

static void refused(struct smpp_job *j, uint32_t status) {
    char why[96];
    enum draht_verdict v = judge(j->c, status);
    if (status == PDU_RTHROTTLED || status == PDU_RMSGQFUL) {
        slow_down(j);
        return;
    }
    snprintf(why, sizeof why, "the message centre refused it (0x%02x)", status);
    settle(j, v, why, v == DRAHT_RETRY ? RETRY_MS : 0);
}

static void accepted(struct smpp_job *j, const struct pdu *p) {
    struct smpp *c = j->c;
    c->pause_ms = 0;
    j->put_off = 0;
    if (j->token)
        c->h->part_done(j->token, (uint32_t)j->at, kit_str(p->message_id));
    if (++j->at == j->parts.n)
        settle(j, DRAHT_SENT, "", 0);
}

void smpp_out_answer(void *channel, void *request, const struct pdu *p) {
    struct smpp *c = channel;
    struct smpp_job *j = request;
    j->is_open = false;
    if (!p)
        settle(j, DRAHT_IN_DOUBT, "the message went out, its answer did not come", 0);
    else if (p->status)
        refused(j, p->status);
    else
        accepted(j, p);
    smpp_out_pump(c);
}

/* ---- one reply ---- */

static void checked(void *arg, int status, struct draht_span value) {
    struct smpp_job *j = arg;
    if (status < 0) {
        settle(j, DRAHT_RETRY, "the store cannot be reached", RETRY_MS);
    } else if (value.p) {
        settle(j, DRAHT_OPTED_OUT, "the recipient asked for no more messages (STOP)", 0);
    } else {
        j->is_ready = true;
        smpp_out_pump(j->c);
    }
}

static struct smpp_job *job_new(struct smpp *c, struct span number, struct span text) {
    struct smpp_job *j = xcalloc(1, sizeof *j);
    *j = (struct smpp_job){.c = c, .arena = arena_new(), .since_ms = now(c)};
    bool fits =
        number_to_address(number, &j->to) &&
        sms_split(j->arena, text, c->set.zero, c->set.concat, c->set.transliterate, &j->parts) &&
        j->parts.n <= c->set.parts_max;
    if (fits)
        return j;
    arena_free(&j->arena);
    free(j);
    return NULL;
}

/* The same in every attempt, and not the same for two messages of one ticket in a row. */
static uint16_t reference(struct span message) {
    uint32_t hash = 2166136261u, number = 0;
    for (size_t i = 0; i < message.n; i++) {
        if (message.p[i] == '.')
            number = 0;
        else if (message.p[i] >= '0' && message.p[i] <= '9')
            number = number * 10 + (uint32_t)(message.p[i] - '0');
    }
    for (size_t i = 0; i < message.n && message.p[i] != '.'; i++)
        hash = (hash ^ (uint8_t)message.p[i]) * 16777619u;
    return (uint16_t)((hash >> 8) + number);
}

static int refuse(struct smpp *c, struct draht_token *t, const char *why) {
    c->h->settle(t, DRAHT_REJECTED, kit_str(why), 0);
    return 1;
}

int smpp_out_send(struct smpp *c, const struct draht_outbound *m, struct draht_token *t) {
    char key[40];
    struct span number = kit_in(m->recipient);
    if (!kit_phone_is_dialable(number))
        return refuse(c, t, "the sender has no number that can be answered");
    if (m->text.n == 0)
        return refuse(c, t, "an SMS needs text");
    struct smpp_job *j = job_new(c, number, kit_in(m->text));
    if (!j)
        return refuse(c, t, "the text needs more parts than the channel may send");
    j->token = t;
    j->at = m->part < j->parts.n ? m->part : 0;
    j->ref = reference(kit_in(m->message));
    append(c, j);
    smpp_stop_key(c, number, key);
    c->h->state_get(c->host, kit_str(key), checked, j);
    return 0;
}

void smpp_out_reply(struct smpp *c, const char *number, struct span text) {
    if (c->replies_n >= REPLIES_MAX || !kit_phone_is_dialable(span_str(number)))
        return;
    struct smpp_job *j = job_new(c, span_str(number), text);
    if (!j)
        return;
    c->h->random(&j->ref, sizeof j->ref);
    j->is_ready = true;
    c->replies_n++;
    append(c, j);
    smpp_out_pump(c);
}

/* ---- time ---- */

void smpp_out_give_up(struct smpp *c) {
    for (struct smpp_job *j = c->jobs, *next; j; j = next) {
        next = j->next;
        if (j->is_ready && !j->is_open)
            settle(j, DRAHT_RETRY, "the message centre cannot be reached", RETRY_MS);
    }
}

void smpp_out_tick(struct smpp *c) {
    int64_t t = now(c);
    bool is_bound = c->out && session_is_bound(c->out);
    for (struct smpp_job *j = c->jobs, *next; j; j = next) {
        next = j->next;
        if (j->is_ready && !j->is_open && !is_bound && t - j->since_ms > UNBOUND_MS)
            settle(j, DRAHT_RETRY, "the message centre cannot be reached", RETRY_MS);
    }
    smpp_out_pump(c);
}

void smpp_out_free(struct smpp *c) {
    loop_timer_stop(&c->pump_timer);
    while (c->jobs)
        drop(c->jobs);
}
