/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * outbox: claims due messages under a lease, hands them upwards, and settles each exactly once. A
 * verdict that the store does not take at once is kept here and tried again until it does; the
 * lease goes on meanwhile.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/log.h"
#include "router/outbox_private.h"

#define TICK_MS 1000
#define SETTLE_AGAIN_MS 500
#define EARLIER_MAX 16

struct slot {
    struct router_send *send;
    struct attachment *to;
};

static struct lane *lane_find(struct outbox *o, const char *id) {
    struct lane *l = o->lanes;
    while (l && strcmp(l->id, id) != 0)
        l = l->next;
    return l;
}

/* ---- settle ---- */
static void send_free(struct router_send *s) {
    struct outbox *o = s->outbox;
    struct router_send **at = &o->sends;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    loop_timer_stop(&s->again);
    buf_free(&s->reason);
    explicit_bzero(&s->contact, sizeof s->contact);
    arena_free(&s->arena);
    free(s);
}

static void settle(void *arg);

static void settled(void *arg, int error, const struct redis_value *v) {
    struct router_send *s = arg;
    struct outbox *o = s->outbox;
    if (error_is_retryable(error) || error == ERR_FORBIDDEN) {
        if (!s->again)
            s->again = loop_timer(o->r->loop, SETTLE_AGAIN_MS, 0, settle, s);
        else
            loop_timer_again(s->again, SETTLE_AGAIN_MS, 0);
        return;
    }
    if (error)
        log_error("outbox.settle", "message=%s error=%s", s->message, error_name(error));
    else if (span_eq(v->s, "STALE"))
        log_info("outbox.stale", "message=%s", s->message);
    struct lane *l = s->lane;
    send_free(s);
    l->busy--;
    outbox_claim(l);
}

static void settle(void *arg) {
    struct router_send *s = arg;
    struct router *r = s->outbox->r;
    struct args *a = args_new(r);
    args_i(a, now_of(r));
    args_z(a, s->ticket);
    args_z(a, s->n);
    args_i(a, s->m.attempt);
    args_z(a, r->instance);
    args_z(a, s->state);
    args_i(a, s->next_ms);
    args_s(a, buf_span(&s->reason));
    args_i(a, r->config->outbox_visible_after);
    args_i(a, s->part);
    for (size_t i = 0; i < s->hashes_n; i++)
        args_z(a, s->hashes[i]);
    store_call(r->store, "settle", a, settled, s);
    args_free(&a);
}

static void plan_retry(struct router_send *s, uint64_t retry_ms) {
    struct router *r = s->outbox->r;
    uint32_t random = 0;
    crypto_random(&random, sizeof random);
    uint64_t wait = backoff_ms(s->m.attempt, random);
    if (retry_ms > wait || (retry_ms && retry_ms < wait))
        wait = retry_ms;
    int64_t give_up = s->created_ms + (int64_t)r->config->outbox_give_up_hours * 3600000;
    s->next_ms = now_of(r) + (int64_t)wait;
    s->state = r->config->outbox_give_up_hours > 0 && s->next_ms > give_up ? "failed" : "retry";
}

void router_settle(struct router_send *s, enum verdict v, struct span reason, uint64_t retry_ms) {
    if (s->is_settled) {
        log_error("outbox.twice", "message=%s", s->message);
        return;
    }
    s->is_settled = true;
    if (*s->contact.id)
        reason_seal(&s->contact, reason, &s->reason);
    s->state = "sent";
    if (v == V_RETRY || (v == V_IN_DOUBT && (s->lane->is_idempotent || s->lane->resend)))
        plan_retry(s, retry_ms);
    else if (v == V_IN_DOUBT)
        s->state = "in_doubt";
    else if (v == V_NEEDLESS)
        s->state = "cancelled";
    else if (v == V_OPTED_OUT)
        s->state = "opted_out";
    else if (v != V_SENT)
        s->state = "failed";
    settle(s);
}

/* ---- claim ---- */
static void hand_over(struct router_send *s) {
    struct router *r = s->outbox->r;
    if (s->load_error) {
        bool is_gone = s->load_error == ERR_NOT_FOUND || s->load_error == ERR_CRYPTO;
        router_settle(s, is_gone ? V_REJECTED : V_RETRY, SPAN("An attachment cannot be read."), 0);
        return;
    }
    r->sender(r->sender_arg, &s->m, s);
}

static void loaded(void *arg, int error, struct span bytes) {
    struct slot *x = arg;
    struct router_send *s = x->send;
    if (error)
        s->load_error = error;
    else
        x->to->bytes = arena_dup(s->arena, bytes);
    if (--s->loading == 0)
        hand_over(s);
}

static void load(struct router_send *s) {
    for (size_t i = 0; i < s->m.attachments_n; i++) {
        if (!s->attachments[i].blob.n)
            continue;
        struct slot *x = arena_alloc(s->arena, sizeof *x);
        *x = (struct slot){s, &s->attachments[i]};
        s->loading++;
        blob_get(s->outbox->r, s->attachments[i].blob, loaded, x);
    }
    if (!s->loading)
        hand_over(s);
}

/* Columns of a claimed row as 50_outbox.lua writes it. */
enum {
    C_TICKET,
    C_N,
    C_ATTEMPT,
    C_PART,
    C_SEQ,
    C_AUTO,
    C_LANGUAGE,
    C_QUEUE,
    C_CONTACT,
    C_WRAPPED,
    C_FACE,
    C_RECORD,
    C_EARLIER,
    C_CREATED,
    C_KEYS,
    C_ORIGIN
};

static void references(struct router_send *s, const struct redis_value *row) {
    const struct redis_value *earlier = cell_row(row, C_EARLIER), *keys = cell_row(row, C_KEYS);
    struct span *refs = arena_alloc(s->arena, sizeof *refs * EARLIER_MAX);
    size_t n = 0;
    for (size_t i = 0; i < earlier->n && n < EARLIER_MAX; i++) {
        json_t *v = envelope_open(s->outbox->r, cell(earlier, i),
                                  cell(keys, i).n ? cell(keys, i) : cell(row, C_WRAPPED));
        const char *id = json_str(v, "external_id", "");
        if (*id && strcmp(json_str(v, "channel", ""), s->lane->id) == 0)
            refs[n++] = span_str(arena_strdup(s->arena, id));
        json_decref(v);
    }
    s->m.references = refs;
    s->m.references_n = n;
    if (n)
        s->m.in_reply_to = refs[n - 1];
}

static struct span member(struct router_send *s, const json_t *v, const char *key) {
    return span_str(arena_strdup(s->arena, json_str(v, key, "")));
}

static void fill(struct router_send *s, const struct redis_value *row, const json_t *record,
                 const json_t *face) {
    struct outbound *m = &s->m;
    m->channel = s->lane->id;
    m->message = s->message;
    m->ticket = s->ticket;
    m->attempt = (uint32_t)cell_int(row, C_ATTEMPT);
    m->part = s->part = (uint32_t)cell_int(row, C_PART);
    m->thread_seq = (uint64_t)cell_int(row, C_SEQ);
    m->is_automatic = cell_int(row, C_AUTO) == 1;
    m->language = arena_dup(s->arena, cell(row, C_LANGUAGE));
    m->created_ms = json_int(record, "at", cell_int(row, C_CREATED));
    m->recipient = member(s, record, "to");
    if (!m->recipient.n) {
        m->recipient = member(s, face, "address");
        m->thread = member(s, face, "thread");
    }
    if (cell_int(row, C_AUTO) == 2) {
        m->stands_in = arena_strndup(s->arena, cell(row, C_ORIGIN).p, cell(row, C_ORIGIN).n);
        m->stands_in_thread = member(s, face, "thread");
        m->thread_seq = 0;
    }
    m->recipient_name = member(s, face, "name");
    m->subject = member(s, face, "subject");
    m->sender_name = member(s, record, "name");
    m->html = member(s, record, "html");
    struct buf text = {0};
    view_text(s->ticket, record, &text);
    m->text = arena_dup(s->arena, buf_span(&text));
    buf_free(&text);
    s->attachments =
        attachments_from(s->arena, json_object_get(record, "attachments"), &m->attachments_n);
    m->attachments = s->attachments;
    references(s, row);
}

static void begin(struct lane *l, const struct redis_value *row) {
    struct outbox *o = l->outbox;
    struct router_send *s = xcalloc(1, sizeof *s);
    s->outbox = o;
    s->lane = l;
    s->arena = arena_new();
    s->next = o->sends;
    o->sends = s;
    snprintf(s->ticket, sizeof s->ticket, "%.*s", (int)cell(row, C_TICKET).n,
             cell(row, C_TICKET).p);
    snprintf(s->n, sizeof s->n, "%u", (unsigned)cell_int(row, C_N));
    snprintf(s->message, sizeof s->message, "%s.%s", s->ticket, s->n);
    s->created_ms = cell_int(row, C_CREATED);
    contact_from(o->r, cell(row, C_CONTACT), cell(row, C_WRAPPED), &s->contact);
    struct span face, preview;
    face_split(cell(row, C_FACE), &face, &preview);
    json_t *record = envelope_open_as(&s->contact, cell(row, C_RECORD));
    json_t *f = envelope_open_as(&s->contact, face);
    fill(s, row, record, f);
    if (!record || !f)
        router_settle(s, V_REJECTED, SPAN("The message cannot be opened with this key."), 0);
    else
        load(s);
    json_decref(record);
    json_decref(f);
}

static void claim_soon(void *arg) {
    outbox_claim(arg);
}

static void wake_in(struct lane *l, uint64_t ms) {
    if (ms > TICK_MS)
        return; /* the tick looks anyway */
    if (l->timer)
        loop_timer_again(l->timer, ms, 0);
    else
        l->timer = loop_timer(l->outbox->r->loop, ms, 0, claim_soon, l);
}

static void claimed(void *arg, int error, const struct redis_value *v) {
    struct lane *l = arg;
    l->is_claiming = false;
    if (error) {
        if (error != ERR_UNAVAILABLE)
            l->lost = LOST_LOOKS;
        return;
    }
    const struct redis_value *rows = cell_row(v, 1);
    for (size_t i = 0; i < rows->n; i++) {
        l->busy++;
        if (l->per_minute)
            l->tokens -= 1;
        begin(l, &rows->a[i]);
    }
    int64_t next = v->n && v->a[0].type == REDIS_INT ? v->a[0].i : -1;
    if (rows->n || l->is_again)
        outbox_claim(l);
    else if (next >= 0)
        wake_in(l, next > now_of(l->outbox->r) ? (uint64_t)(next - now_of(l->outbox->r)) : 0);
}

static uint32_t room(struct lane *l) {
    if (l->busy >= l->concurrency)
        return 0;
    uint32_t free_n = l->concurrency - l->busy;
    if (!l->per_minute)
        return free_n;
    uint64_t now = uv_now(loop_uv(l->outbox->r->loop));
    double most = l->per_minute < 10 ? 1 : l->per_minute / 10.0;
    l->tokens += (double)(now - l->filled_ms) * l->per_minute / 60000.0;
    if (l->tokens > most)
        l->tokens = most;
    l->filled_ms = now;
    if (l->tokens < 1) {
        wake_in(l, (uint64_t)((1 - l->tokens) * 60000.0 / l->per_minute) + 1);
        return 0;
    }
    return l->tokens < free_n ? (uint32_t)l->tokens : free_n;
}

void outbox_claim(struct lane *l) {
    struct outbox *o = l->outbox;
    l->is_again = l->is_claiming;
    if (l->is_claiming || !l->is_up || !l->is_reclaimed || o->is_stopped ||
        !store_is_ready(o->r->store))
        return;
    uint32_t n = room(l);
    if (!n)
        return;
    l->is_claiming = true;
    struct args *a = args_new(o->r);
    int64_t now = now_of(o->r);
    args_i(a, now);
    args_z(a, l->id);
    args_z(a, o->r->instance);
    args_i(a, now + (int64_t)o->r->config->outbox_lease_s * 1000);
    args_i(a, n);
    args_z(a, l->has_history ? "1" : "0");
    args_z(a, l->is_unthreaded ? "0" : "1");
    store_call(o->r->store, "claim", a, claimed, l);
    args_free(&a);
}

/* ---- time ---- */
static void tick(void *arg) {
    struct outbox *o = arg;
    if (!store_is_ready(o->r->store))
        return;
    int64_t now = (int64_t)uv_now(loop_uv(o->r->loop));
    if (now - o->renewed_ms > (int64_t)o->r->config->outbox_lease_s * 1000 / 3) {
        o->renewed_ms = now;
        outbox_renew(o);
    }
    if (o->is_stopped)
        return;
    for (struct lane *l = o->lanes; l; l = l->next) {
        if (!l->is_up)
            continue;
        outbox_reclaim(l, "");
        outbox_look(l);
    }
}

/* ---- life ---- */
struct outbox *outbox_new(struct router *r) {
    struct outbox *o = xcalloc(1, sizeof *o);
    o->r = r;
    o->tick = loop_timer(r->loop, TICK_MS, TICK_MS, tick, o);
    return o;
}

void outbox_ready(struct outbox *o) {
    for (struct lane *l = o->lanes; l; l = l->next)
        if (l->is_up)
            outbox_look(l);
}

void outbox_wake(struct outbox *o, const char *channel) {
    struct lane *l = lane_find(o, channel);
    if (l)
        outbox_claim(l);
}

void outbox_stop(struct outbox *o) {
    o->is_stopped = true;
}

bool outbox_is_idle(const struct outbox *o) {
    return !o->sends;
}

void outbox_free(struct outbox **op) {
    struct outbox *o = *op;
    if (!o)
        return;
    while (o->sends)
        send_free(o->sends);
    for (struct lane *l = o->lanes, *next; l; l = next) {
        next = l->next;
        loop_timer_stop(&l->timer);
        free(l);
    }
    loop_timer_stop(&o->tick);
    loop_timer_stop(&o->parts);
    free(o);
    *op = NULL;
}

void router_channel_up(struct router *r, const struct outbox_channel *c) {
    struct lane *l = lane_find(r->outbox, c->id);
    if (!l) {
        l = xcalloc(1, sizeof *l);
        l->outbox = r->outbox;
        snprintf(l->id, sizeof l->id, "%s", c->id);
        l->next = r->outbox->lanes;
        r->outbox->lanes = l;
    }
    snprintf(l->type, sizeof l->type, "%s", c->type ? c->type : "");
    l->concurrency = c->concurrency ? c->concurrency : 1;
    l->per_minute = c->rate_per_minute;
    l->is_idempotent = c->is_idempotent;
    l->has_history = c->has_history;
    l->is_unthreaded = c->is_unthreaded;
    l->resend = c->resend_in_doubt;
    l->tokens = 1;
    l->filled_ms = uv_now(loop_uv(r->loop));
    l->is_up = true;
    if (store_is_ready(r->store))
        outbox_look(l);
}

void router_channel_down(struct router *r, const char *id) {
    struct lane *l = lane_find(r->outbox, id);
    if (l)
        l->is_up = false;
}
