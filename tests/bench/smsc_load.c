/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * smsc_load: a small, quick message centre for the measurements, the same for everybody who is measured. Listens on loopback,
 * takes binds, answers each submit_sm at once with an id, and does what the lines on its standard input say:
 *
 *   in N WINDOW SENDERS   hands in N messages, WINDOW of them unanswered at most; one line when all are answered
 *   out N                 one line as soon as N further submit_sm have been answered
 *
 * The texts it hands in are all different; lines are JSON. Usage: smsc_load PORT
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "channels/smpp/pdu.h"

enum { READ_BYTES = 65536, TEXT_BYTES = 120, LINE_BYTES = 200 };

struct peer {
    uv_tcp_t tcp;
    struct buf in, out;
    bool is_bound, is_writing;
};

static struct {
    uv_loop_t *loop;
    uv_tcp_t server;
    uv_pipe_t input;
    struct buf line;
    struct peer *receiver; /* takes what is handed in */
    uint64_t in_n, in_sent, in_answered, in_refused, senders, window, in_began_ns, serial;
    uint64_t out_n, out_answered, out_began_ns;
    uint32_t sequence;
} g;

static double seconds_since(uint64_t ns) {
    return (double)(uv_hrtime() - ns) / 1e9;
}

static void say(const char *what, uint64_t n, uint64_t refused, double seconds) {
    printf("{\"%s\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"seconds\":%.4f}\n", what, n, refused, seconds);
    fflush(stdout);
}

/* ---- bytes out: gathered in a turn of the loop, written at its end ---- */

struct writing {
    uv_write_t req;
    struct peer *peer;
    char *bytes;
};

static void flush(struct peer *p);

static void on_written(uv_write_t *req, int status) {
    struct writing *w = req->data;
    struct peer *p = w->peer;
    p->is_writing = false;
    free(w->bytes);
    free(w);
    if (status == 0) flush(p);
}

static void flush(struct peer *p) {
    size_t n = 0;
    if (p->out.n == 0 || p->is_writing || uv_is_closing((uv_handle_t *)&p->tcp)) return;
    struct writing *w = calloc(1, sizeof *w);
    if (!w) abort();
    *w = (struct writing){.peer = p, .bytes = buf_take(&p->out, &n)};
    w->req.data = w;
    uv_buf_t b = uv_buf_init(w->bytes, (unsigned)n);
    p->is_writing = uv_write(&w->req, (uv_stream_t *)&p->tcp, &b, 1, on_written) == 0;
}

static void answer(struct peer *p, const struct pdu *q, const char *id) {
    struct pdu a;
    pdu_init(&a, q->command | PDU_RESP, q->sequence);
    snprintf(a.message_id, sizeof a.message_id, "%s", id);
    snprintf(a.system_id, sizeof a.system_id, "bench");
    pdu_write(&p->out, &a);
}

/* ---- messages in ---- */

static void hand_in(void) {
    char text[TEXT_BYTES + 1];
    struct peer *p = g.receiver;
    while (p && g.in_sent < g.in_n && g.in_sent - g.in_answered < g.window) {
        struct pdu m;
        uint64_t i = g.in_sent++;
        pdu_init(&m, PDU_DELIVER, g.sequence = g.sequence % PDU_SEQUENCE_MAX + 1);
        m.from = (struct pdu_address){.ton = 1, .npi = 1};
        m.to = (struct pdu_address){.ton = 3, .text = "12345"};
        snprintf(m.from.text, sizeof m.from.text, "49170%07u", (unsigned)(i % g.senders));
        snprintf(text, sizeof text, "Die Laterne vor Haus %08" PRIu64 " ist seit Montag dunkel. %*s", g.serial++, 60, "Bitte nachsehen.");
        m.text = span_str(text);
        pdu_write(&p->out, &m);
    }
}

static void on_deliver_answer(const struct pdu *p) {
    g.in_answered++;
    g.in_refused += p->status != 0;
    if (g.in_answered == g.in_n)
        say("in", g.in_n, g.in_refused, seconds_since(g.in_began_ns));
    else
        hand_in();
}

static void on_submit(struct peer *p, const struct pdu *q) {
    char id[24];
    snprintf(id, sizeof id, "%" PRIu64, g.serial++);
    answer(p, q, id);
    if (g.out_n && ++g.out_answered == g.out_n) {
        g.out_n = 0;
        say("out", g.out_answered, 0, seconds_since(g.out_began_ns));
    }
}

static void take(struct peer *p, struct span bytes) {
    struct pdu q;
    if (pdu_read(bytes, &q, NULL) != 0) {
        fprintf(stderr, "smsc_load: a PDU that cannot be read\n");
        exit(1);
    }
    switch (q.command) {
    case PDU_BIND_TRANSCEIVER:
    case PDU_BIND_RECEIVER:
    case PDU_BIND_TRANSMITTER:
        answer(p, &q, "");
        if (q.command != PDU_BIND_TRANSMITTER) g.receiver = p;
        say("bound", 1, 0, 0);
        break;
    case PDU_SUBMIT:
        on_submit(p, &q);
        break;
    case PDU_DELIVER | PDU_RESP:
        on_deliver_answer(&q);
        break;
    case PDU_ENQUIRE:
    case PDU_UNBIND:
        answer(p, &q, "");
        break;
    default:
        break;
    }
}

/* ---- the wire ---- */

static void on_closed(uv_handle_t *h) {
    struct peer *p = h->data;
    buf_free(&p->in);
    buf_free(&p->out);
    free(p);
}

static char shared[READ_BYTES];
static void on_alloc(uv_handle_t *h, size_t n, uv_buf_t *b) {
    (void)h;
    (void)n;
    *b = uv_buf_init(shared, sizeof shared);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b) {
    struct peer *p = s->data;
    size_t at = 0;
    if (n < 0) {
        if (g.receiver == p) g.receiver = NULL;
        uv_close((uv_handle_t *)s, on_closed);
        return;
    }
    buf_add(&p->in, b->base, (size_t)n);
    for (;;) {
        struct span rest = {p->in.p + at, p->in.n - at};
        int64_t len = pdu_length(rest);
        if (len < 0) exit(1);
        if (len == 0 || (size_t)len > rest.n) break;
        take(p, (struct span){rest.p, (size_t)len});
        at += (size_t)len;
    }
    buf_drop(&p->in, at);
    flush(p);
}

static void on_connection(uv_stream_t *server, int status) {
    struct peer *p = calloc(1, sizeof *p);
    if (!p || status < 0) abort();
    uv_tcp_init(g.loop, &p->tcp);
    p->tcp.data = p;
    if (uv_accept(server, (uv_stream_t *)&p->tcp) != 0) abort();
    uv_tcp_nodelay(&p->tcp, 1);
    uv_read_start((uv_stream_t *)&p->tcp, on_alloc, on_read);
}

/* ---- what the test asks for ---- */

static void command(const char *line) {
    uint64_t n = 0, window = 0, senders = 0;
    if (sscanf(line, "in %" SCNu64 " %" SCNu64 " %" SCNu64, &n, &window, &senders) == 3 && n && window && senders && g.receiver) {
        g.in_n = n;
        g.in_sent = g.in_answered = g.in_refused = 0;
        g.senders = senders;
        g.window = window;
        g.in_began_ns = uv_hrtime();
        hand_in();
        flush(g.receiver);
    } else if (sscanf(line, "out %" SCNu64, &n) == 1 && n) {
        g.out_n = n;
        g.out_answered = 0;
        g.out_began_ns = uv_hrtime();
    } else {
        fprintf(stderr, "smsc_load: not understood, or nobody is bound: %s\n", line);
        exit(1);
    }
}

static void on_input(uv_stream_t *s, ssize_t n, const uv_buf_t *b) {
    (void)s;
    if (n < 0) exit(0); /* who started us is gone */
    buf_add(&g.line, b->base, (size_t)n);
    for (char *end; g.line.n && (end = memchr(g.line.p, '\n', g.line.n));) {
        char line[LINE_BYTES];
        size_t len = (size_t)(end - g.line.p);
        snprintf(line, sizeof line, "%.*s", (int)len, g.line.p);
        buf_drop(&g.line, len + 1);
        command(line);
    }
}

int main(int argc, char **argv) {
    struct sockaddr_in at;
    g.loop = uv_default_loop();
    if (argc != 2 || uv_ip4_addr("127.0.0.1", atoi(argv[1]), &at) != 0) {
        fprintf(stderr, "usage: smsc_load PORT\n");
        return 2;
    }
    g.serial = uv_hrtime() / 1000 % 90000000; /* so that a second run says nothing twice */
    uv_tcp_init(g.loop, &g.server);
    uv_pipe_init(g.loop, &g.input, 0);
    if (uv_tcp_bind(&g.server, (const struct sockaddr *)&at, 0) != 0 || uv_listen((uv_stream_t *)&g.server, 8, on_connection) != 0 ||
        uv_pipe_open(&g.input, 0) != 0 || uv_read_start((uv_stream_t *)&g.input, on_alloc, on_input) != 0) {
        fprintf(stderr, "smsc_load: cannot listen on %s\n", argv[1]);
        return 1;
    }
    say("ready", 1, 0, 0);
    uv_run(g.loop, UV_RUN_DEFAULT);
    return 0;
}
