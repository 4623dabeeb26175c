/* SPDX-License-Identifier: EUPL-1.2 */
/* session: one tick a second looks after every time limit; the stream brings the rest. */
#include "channels/smpp/session.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/arena.h"

enum { TICK_MS = 1000, BIND_MS = 20000, CONNECT_S = 15, UNBIND_MS = 3000 };
enum { AGAIN_MS_MAX = 60000, PENDING_BYTES_MAX = 4 << 20 };

enum phase { DOWN, CONNECTING, BINDING, BOUND, UNBINDING, FINAL };

#define LINE_BYTES 160 /* of the log */

struct request {
    uint32_t sequence;
    uint64_t due_ms;
    void *ctx;
};
struct session {
    struct loop *loop;
    struct transfers *transfers;
    struct session_options o;
    struct session_handlers h;
    void *arg;
    enum phase phase;
    struct stream_client *stream;
    struct buf in, out;
    uint32_t sequence, generation, bind_sequence, enquire_sequence, again_ms;
    struct request open[SESSION_WINDOW_MAX];
    size_t open_n, delivers_n;
    uint64_t heard_ms, due_ms; /* due: of the bind, the enquire_link or the unbind; 0: none */
    struct loop_timer *tick, *again;
    void (*stopped)(void *arg);
    void *stopped_arg;
    bool is_stopping;
};

static uint64_t now(const struct session *s) {
    return uv_now(loop_uv(s->loop));
}

static uint32_t next_sequence(struct session *s) {
    s->sequence = s->sequence >= PDU_SEQUENCE_MAX ? 1 : s->sequence + 1;
    return s->sequence;
}

static bool put(struct session *s, const struct pdu *p) {
    buf_clear(&s->out);
    if (!s->stream || pdu_write(&s->out, p) != 0)
        return false;
    stream_client_write(s->stream, buf_span(&s->out));
    return true;
}

/* "out submit_sm 7 -> 0x00 id=..."; answer NULL: none came. */
static void log_exchange(const struct session *s, bool is_ours, uint32_t command, uint32_t sequence,
                         const struct pdu *answer) {
    char line[LINE_BYTES];
    if (!s->h.on_exchange)
        return;
    int n = snprintf(line, sizeof line, "%s %s %u -> ", is_ours ? "out" : "in", pdu_name(command),
                     (unsigned)sequence);
    if (!answer)
        snprintf(line + n, sizeof line - (size_t)n, "no answer");
    else
        snprintf(line + n, sizeof line - (size_t)n, "0x%02x%s%s", (unsigned)answer->status,
                 *answer->message_id ? " id=" : "", answer->message_id);
    s->h.on_exchange(s->arg, line);
}

static void answer(struct session *s, uint32_t command, uint32_t sequence, uint32_t status) {
    struct pdu p;
    pdu_init(&p, command | PDU_RESP, sequence);
    p.status = status;
    if (command != PDU_ENQUIRE || status != PDU_OK)
        log_exchange(s, false, command, sequence, &p);
    put(s, &p);
}

/* ---- life ---- */

static void dial(struct session *s);

static void on_again(void *arg) {
    struct session *s = arg;
    loop_timer_stop(&s->again);
    dial(s);
}

static void plan_again(struct session *s) {
    uint32_t random = 0;
    s->o.random(&random, sizeof random);
    s->again_ms = s->again_ms == 0 ? s->o.again_ms : s->again_ms * 2;
    if (s->again_ms > AGAIN_MS_MAX)
        s->again_ms = AGAIN_MS_MAX;
    uint64_t wait = s->again_ms / 2 + random % (s->again_ms + 1);
    loop_timer_stop(&s->again);
    s->again = loop_timer(s->loop, wait, 0, on_again, s);
}

/* Their answers cannot come any more: the owner decides what that means. */
static void give_back(struct session *s) {
    while (s->open_n > 0) {
        void *ctx = s->open[--s->open_n].ctx;
        log_exchange(s, true, PDU_SUBMIT, s->open[s->open_n].sequence, NULL);
        s->h.on_answer(s->arg, ctx, NULL);
    }
}

static void finish_stop(struct session *s) {
    void (*done)(void *) = s->stopped;
    s->stopped = NULL;
    if (done)
        loop_soon(s->loop, done, s->stopped_arg);
}

static void down(struct session *s, const char *why, bool is_final) {
    if (s->phase == DOWN || s->phase == FINAL)
        return;
    s->phase = is_final ? FINAL : DOWN;
    s->due_ms = 0;
    s->generation++;
    s->delivers_n = 0;
    stream_client_close(&s->stream);
    buf_clear(&s->in);
    s->h.on_down(s->arg, s, why, is_final);
    give_back(s);
    if (s->is_stopping)
        finish_stop(s);
    else if (!is_final)
        plan_again(s);
}

/* ---- what comes ---- */

static void on_bind_answer(struct session *s, const struct pdu *p) {
    char why[120];
    log_exchange(s, true, s->o.command, p->sequence, p);
    if (p->status == PDU_OK) {
        s->phase = BOUND;
        s->due_ms = 0;
        s->again_ms = 0;
        s->h.on_bound(s->arg, s);
        return;
    }
    bool is_final = p->status == PDU_RINVPASWD || p->status == PDU_RINVSYSID;
    snprintf(why, sizeof why,
             is_final ? "the message centre refuses system_id or password (0x%02x)"
                      : "the message centre refuses the bind (0x%02x)",
             p->status);
    down(s, why, is_final);
}

static void on_response(struct session *s, const struct pdu *p) {
    if (s->phase == BINDING && p->sequence == s->bind_sequence) {
        on_bind_answer(s, p);
        return;
    }
    if (p->command == (PDU_UNBIND | PDU_RESP) && s->phase == UNBINDING) {
        down(s, "unbound", false);
        return;
    }
    if (p->sequence == s->enquire_sequence && s->enquire_sequence) {
        s->enquire_sequence = 0;
        s->due_ms = 0;
        return;
    }
    for (size_t i = 0; i < s->open_n; i++) {
        if (s->open[i].sequence != p->sequence)
            continue;
        void *ctx = s->open[i].ctx;
        log_exchange(s, true, PDU_SUBMIT, p->sequence, p);
        s->open[i] = s->open[--s->open_n];
        s->h.on_answer(s->arg, ctx, p);
        return;
    }
    s->h.on_odd(s->arg, "an answer to nothing");
}

static void on_request(struct session *s, const struct pdu *p, uint32_t fault) {
    switch (p->command) {
    case PDU_ENQUIRE:
        answer(s, p->command, p->sequence, PDU_OK);
        break;
    case PDU_UNBIND:
        answer(s, p->command, p->sequence, PDU_OK);
        down(s, "the message centre unbound", false);
        break;
    case PDU_DELIVER:
    case PDU_DATA:
        if (s->phase != BOUND && s->phase != UNBINDING) {
            answer(s, p->command, p->sequence, PDU_RINVBNDSTS);
        } else if (fault) {
            s->h.on_odd(s->arg, "a message that cannot be read was refused");
            answer(s, p->command, p->sequence, fault);
        } else if (s->is_stopping || s->delivers_n >= SESSION_OPEN_DELIVERS_MAX) {
            answer(s, p->command, p->sequence, PDU_RX_T_APPN);
        } else {
            s->delivers_n++;
            s->h.on_message(s->arg, s, p);
        }
        break;
    case PDU_ALERT: /* has no answer */
    case PDU_OUTBIND:
        break;
    default:
        s->h.on_odd(s->arg, "an unknown command");
        answer(s, PDU_NACK, p->sequence, PDU_RINVCMDID);
    }
}

static void take(struct session *s, struct span bytes) {
    struct pdu p;
    uint32_t fault = 0;
    pdu_read(bytes, &p, &fault);
    /* The answer is what counts: the centre has the message, even if it says so badly. */
    if (p.command & PDU_RESP)
        on_response(s, &p);
    else
        on_request(s, &p, fault);
}

static void on_data(void *arg, struct span bytes) {
    struct session *s = arg;
    uint32_t generation = s->generation;
    size_t at = 0;
    s->heard_ms = now(s);
    buf_add(&s->in, bytes.p, bytes.n);
    while (s->generation == generation && s->stream) {
        struct span rest = {s->in.p + at, s->in.n - at};
        int64_t n = pdu_length(rest);
        if (n < 0) {
            answer(s, PDU_NACK, 0, PDU_RINVCMDLEN);
            down(s, "the message centre sent what is no SMPP", false);
            return;
        }
        if (n == 0 || (size_t)n > rest.n)
            break;
        take(s, (struct span){rest.p, (size_t)n});
        at += (size_t)n;
    }
    if (s->generation == generation)
        buf_drop(&s->in, at);
    if (s->stream && stream_client_pending_bytes(s->stream) > PENDING_BYTES_MAX)
        down(s, "the message centre does not read", false);
}

static void on_up(void *arg) {
    struct session *s = arg;
    struct pdu p;
    pdu_init(&p, s->o.command, next_sequence(s));
    snprintf(p.system_id, sizeof p.system_id, "%s", s->o.system_id);
    snprintf(p.password, sizeof p.password, "%s", s->o.password);
    snprintf(p.system_type, sizeof p.system_type, "%s", s->o.system_type);
    p.interface_version = 0x34;
    s->bind_sequence = p.sequence;
    s->phase = BINDING;
    s->due_ms = now(s) + BIND_MS;
    put(s, &p);
    explicit_bzero(&p, sizeof p);
}

static void on_lost(void *arg, const char *why) {
    down(arg, why, false);
}

static void dial(struct session *s) {
    static const struct stream_client_handlers h = {on_up, on_data, on_lost};
    struct stream_client_options o = {.address = s->o.address,
                                      .ca = s->o.ca,
                                      .is_tls = s->o.is_tls,
                                      .connect_timeout_s = CONNECT_S};
    s->phase = CONNECTING;
    s->enquire_sequence = 0;
    s->stream = stream_client_open(s->loop, s->transfers, &o, &h, s);
    if (!s->stream)
        down(s, "too many connections at once", false);
}

/* ---- time ---- */

static void look_at_requests(struct session *s) {
    uint64_t t = now(s);
    for (size_t i = 0; i < s->open_n;) {
        if (s->open[i].due_ms > t) {
            i++;
            continue;
        }
        void *ctx = s->open[i].ctx;
        log_exchange(s, true, PDU_SUBMIT, s->open[i].sequence, NULL);
        s->open[i] = s->open[--s->open_n];
        s->h.on_answer(s->arg, ctx, NULL);
    }
}

static void on_tick(void *arg) {
    struct session *s = arg;
    uint64_t t = now(s);
    look_at_requests(s);
    if (s->due_ms && s->due_ms <= t) {
        down(s, "the message centre does not answer", false);
        return;
    }
    if (s->phase != BOUND || s->enquire_sequence || t - s->heard_ms < s->o.enquire_ms)
        return;
    struct pdu p;
    pdu_init(&p, PDU_ENQUIRE, next_sequence(s));
    s->enquire_sequence = p.sequence;
    s->due_ms = t + s->o.response_ms;
    put(s, &p);
}

struct session *session_new(struct loop *l, struct transfers *t, const struct session_options *o,
                            const struct session_handlers *h, void *arg) {
    struct session *s = xcalloc(1, sizeof *s);
    *s = (struct session){.loop = l, .transfers = t, .o = *o, .h = *h, .arg = arg};
    s->tick = loop_timer(l, TICK_MS, TICK_MS, on_tick, s);
    dial(s);
    return s;
}

bool session_is_bound(const struct session *s) {
    return s->phase == BOUND;
}

bool session_has_room(const struct session *s) {
    return s->phase == BOUND && s->open_n < s->o.window && s->open_n < SESSION_WINDOW_MAX;
}

bool session_submit(struct session *s, struct pdu *p, void *request) {
    if (!session_has_room(s))
        return false;
    p->sequence = next_sequence(s);
    if (!put(s, p))
        return false;
    s->open[s->open_n++] = (struct request){p->sequence, now(s) + s->o.response_ms, request};
    return true;
}

uint32_t session_generation(const struct session *s) {
    return s->generation;
}

void session_answer(struct session *s, uint32_t generation, uint32_t command, uint32_t sequence,
                    uint32_t status) {
    if (s->generation != generation || !s->stream)
        return;
    s->delivers_n--;
    answer(s, command, sequence, status);
}

void session_stop(struct session *s, void (*done)(void *arg), void *arg) {
    struct pdu p;
    s->is_stopping = true;
    s->stopped = done;
    s->stopped_arg = arg;
    loop_timer_stop(&s->again);
    if (s->phase == BOUND) {
        pdu_init(&p, PDU_UNBIND, next_sequence(s));
        s->phase = UNBINDING;
        s->due_ms = now(s) + UNBIND_MS;
        put(s, &p);
    } else if (s->phase == DOWN || s->phase == FINAL) {
        finish_stop(s);
    } else {
        down(s, "stopped", false);
    }
}

void session_free(struct session **session) {
    struct session *s = *session;
    if (!s)
        return;
    *session = NULL;
    loop_timer_stop(&s->tick);
    loop_timer_stop(&s->again);
    stream_client_close(&s->stream);
    buf_free(&s->in);
    buf_free(&s->out);
    free(s);
}
