/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * chat_load: many citizens at once, for the measurements. Opens CONNECTIONS web chats on loopback and
 * either holds them (idle), or has each send its next message as soon as the last one was
 * acknowledged (closed), or sends RATE messages per second over all (paced). Prints one JSON line when it is
 * ready and one at the end. It counts only acknowledgements that arrived.
 *
 *   chat_load PORT idle|closed|paced CONNECTIONS SECONDS [RATE] [TEXT_BYTES]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <uv.h>

enum { RX_BYTES = 65536, TEXT_MAX = 4000, LAT_MAX = 2000000 };
enum phase { CONNECTING, HANDSHAKE, HELLO, OPEN };

struct conn {
    uv_tcp_t tcp;
    enum phase phase;
    int number, sent;
    uint64_t sent_ns;
    char *rx; /* only while a partial frame is waiting */
    size_t rx_n;
    int is_waiting;
};

static struct {
    uv_loop_t *loop;
    struct sockaddr_in to;
    int connections, opened, failed, next, connecting;
    const char *mode;
    int seconds, rate, text_bytes, port;
    int is_ready;
    uint64_t start_ns, acks, nacks, paced_sent;
    float *lat;
    size_t lat_n;
    struct conn *conns;
    uv_timer_t end, pace;
    char text[TEXT_MAX + 1];
} g;

static void on_written(uv_write_t *req, int status) {
    (void)status;
    free(req);
}

static void send_bytes(struct conn *c, const char *p, size_t n) {
    struct {
        uv_write_t req;
        char bytes[];
    } *w = malloc(sizeof *w + n);
    if (!w) {
        abort();
    }
    memcpy(w->bytes, p, n);
    uv_buf_t b = uv_buf_init(w->bytes, (unsigned)n);
    if (uv_write(&w->req, (uv_stream_t *)&c->tcp, &b, 1, on_written) < 0) {
        free(w);
    }
}

/* A masked text frame with the zero mask, which RFC 6455 allows. */
static void send_frame(struct conn *c, const char *text, size_t n) {
    char f[TEXT_MAX + 512];
    size_t h = 0;
    f[h++] = (char)0x81;
    if (n < 126) {
        f[h++] = (char)(0x80 | n);
    } else {
        f[h++] = (char)(0x80 | 126);
        f[h++] = (char)(n >> 8);
        f[h++] = (char)(n & 255);
    }
    memset(f + h, 0, 4);
    h += 4;
    memcpy(f + h, text, n);
    send_bytes(c, f, h + n);
}

static void say(struct conn *c) {
    char m[TEXT_MAX + 256];
    int n = snprintf(m, sizeof m, "{\"t\":\"msg\",\"cid\":\"c%d-%d\",\"text\":\"%s\"}", c->number, c->sent++, g.text);
    c->is_waiting = 1;
    c->sent_ns = uv_hrtime();
    send_frame(c, m, (size_t)n);
}

static void open_more(void);

static void begin(void) {
    g.is_ready = 1;
    g.start_ns = uv_hrtime();
    printf("{\"ready\":%d,\"failed\":%d}\n", g.opened, g.failed);
    fflush(stdout);
    uv_timer_start(&g.end, g.end.timer_cb, (uint64_t)g.seconds * 1000, 0);
    if (strcmp(g.mode, "closed") == 0) {
        for (int i = 0; i < g.connections; i++) {
            if (g.conns[i].phase == OPEN) {
                say(&g.conns[i]);
            }
        }
    }
}

static int has(const char *p, size_t n, const char *word) {
    return memmem(p, n, word, strlen(word)) != NULL;
}

static void on_text(struct conn *c, const char *p, size_t n) {
    if (c->phase == HELLO && has(p, n, "\"t\":\"welcome\"")) {
        c->phase = OPEN;
        g.opened++;
        g.connecting--;
        open_more();
    } else if (has(p, n, "\"t\":\"ack\"")) {
        c->is_waiting = 0;
        g.acks++;
        if (g.lat_n < LAT_MAX) {
            g.lat[g.lat_n++] = (float)((double)(uv_hrtime() - c->sent_ns) / 1e6);
        }
        if (strcmp(g.mode, "closed") == 0) {
            say(c);
        }
    } else if (has(p, n, "\"t\":\"nack\"")) {
        c->is_waiting = 0;
        if (g.nacks++ == 0) {
            fprintf(stderr, "chat_load: first refusal: %.*s\n", (int)n, p);
        }
    }
}

/* Eats whole frames; gives how many bytes were used. */
static size_t frames(struct conn *c, const char *p, size_t n) {
    size_t used = 0;
    while (n - used >= 2) {
        const unsigned char *f = (const unsigned char *)p + used;
        size_t len = f[1] & 127, head = 2;
        if (len == 126) {
            if (n - used < 4) {
                break;
            }
            len = (size_t)f[2] << 8 | f[3];
            head = 4;
        }
        if (len == 127 || n - used < head + len) {
            break;
        }
        int op = f[0] & 15;
        if (op == 1) {
            on_text(c, (const char *)f + head, len);
        } else if (op == 9) {
            char pong[6] = {(char)0x8a, (char)0x80, 0, 0, 0, 0};
            send_bytes(c, pong, sizeof pong);
        }
        used += head + len;
    }
    return used;
}

static char shared_rx[RX_BYTES];
static void on_alloc(uv_handle_t *h, size_t n, uv_buf_t *b) {
    (void)h;
    (void)n;
    *b = uv_buf_init(shared_rx, sizeof shared_rx);
}

static void gone(struct conn *c) {
    if (uv_is_closing((uv_handle_t *)&c->tcp)) {
        return;
    }
    if (c->phase != OPEN) {
        g.failed++;
        g.connecting--;
    }
    c->phase = CONNECTING;
    uv_close((uv_handle_t *)&c->tcp, NULL);
    open_more();
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b) {
    struct conn *c = s->data;
    if (n < 0) {
        gone(c);
        return;
    }
    const char *p = b->base;
    size_t len = (size_t)n;
    char *joined = NULL;
    if (c->rx_n) {
        joined = realloc(c->rx, c->rx_n + len);
        if (!joined) {
            abort();
        }
        memcpy(joined + c->rx_n, p, len);
        p = joined;
        len += c->rx_n;
        c->rx = NULL;
        c->rx_n = 0;
    }
    size_t used = 0;
    if (c->phase == HANDSHAKE) {
        const char *end = memmem(p, len, "\r\n\r\n", 4);
        if (end) {
            used = (size_t)(end - p) + 4;
            if (!has(p, used, " 101 ")) {
                fprintf(stderr, "chat_load: refused: %.*s\n", (int)(used < 200 ? used : 200), p);
                free(joined);
                gone(c);
                return;
            }
            c->phase = HELLO;
            const char *hello = "{\"t\":\"hello\",\"lang\":\"de\",\"token\":null,\"last_seq\":0}";
            send_frame(c, hello, strlen(hello));
        }
    }
    if (c->phase != HANDSHAKE) {
        used += frames(c, p + used, len - used);
    }
    if (used < len) {
        c->rx_n = len - used;
        c->rx = malloc(c->rx_n);
        if (!c->rx) {
            abort();
        }
        memcpy(c->rx, p + used, c->rx_n);
    }
    free(joined);
}

static void on_connect(uv_connect_t *req, int status) {
    struct conn *c = req->handle->data;
    free(req);
    if (status < 0) {
        gone(c);
        return;
    }
    c->phase = HANDSHAKE;
    uv_tcp_nodelay(&c->tcp, 1);
    uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
    char head[512];
    int n = snprintf(head, sizeof head,
                     "GET /channels/chat/socket HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nOrigin: http://127.0.0.1:%d\r\n"
                     "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: draht.chat.v1\r\n\r\n",
                     g.port, g.port);
    send_bytes(c, head, (size_t)n);
}

/* At most 64 handshakes at once, so that the listen queue never overflows. */
static void open_more(void) {
    while (g.next < g.connections && g.connecting < 64) {
        struct conn *c = &g.conns[g.next];
        c->number = g.next++;
        c->tcp.data = c;
        g.connecting++;
        uv_tcp_init(g.loop, &c->tcp);
        uv_connect_t *req = malloc(sizeof *req);
        if (!req || uv_tcp_connect(req, &c->tcp, (const struct sockaddr *)&g.to, on_connect) < 0) {
            abort();
        }
    }
    if (!g.is_ready && g.next == g.connections && g.connecting == 0) {
        begin();
    }
}

static void on_pace(uv_timer_t *t) {
    (void)t;
    if (!g.is_ready) {
        return;
    }
    uint64_t due = (uv_hrtime() - g.start_ns) / 1000000 * (uint64_t)g.rate / 1000;
    for (int tries = 0; g.paced_sent < due && tries < g.connections; tries++) {
        struct conn *c = &g.conns[g.paced_sent % (uint64_t)g.connections];
        if (c->phase == OPEN && !c->is_waiting) {
            say(c);
        }
        g.paced_sent++;
    }
}

static int by_value(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

static void on_end(uv_timer_t *t) {
    (void)t;
    double seconds = (double)(uv_hrtime() - g.start_ns) / 1e9;
    qsort(g.lat, g.lat_n, sizeof *g.lat, by_value);
    printf("{\"acks\":%" PRIu64 ",\"nacks\":%" PRIu64 ",\"seconds\":%.3f,\"per_s\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"open\":%d}\n",
           g.acks, g.nacks, seconds, (double)g.acks / seconds, g.lat_n ? (double)g.lat[g.lat_n / 2] : 0,
           g.lat_n ? (double)g.lat[g.lat_n * 99 / 100] : 0, g.opened);
    fflush(stdout);
    exit(0);
}

int main(int argc, char **argv) {
    if (argc < 5) {
        fprintf(stderr, "usage: chat_load PORT idle|closed|paced CONNECTIONS SECONDS [RATE] [TEXT_BYTES]\n");
        return 2;
    }
    struct rlimit files = {65536, 65536};
    setrlimit(RLIMIT_NOFILE, &files);
    g.port = atoi(argv[1]);
    g.mode = argv[2];
    g.connections = atoi(argv[3]);
    g.seconds = atoi(argv[4]);
    g.rate = argc > 5 ? atoi(argv[5]) : 100;
    g.text_bytes = argc > 6 ? atoi(argv[6]) : 120;
    if (g.connections < 1 || g.text_bytes > TEXT_MAX || g.text_bytes < 1) {
        return 2;
    }
    memset(g.text, 'x', (size_t)g.text_bytes);
    g.lat = malloc(LAT_MAX * sizeof *g.lat);
    g.conns = calloc((size_t)g.connections, sizeof *g.conns);
    g.loop = uv_default_loop();
    if (!g.lat || !g.conns || uv_ip4_addr("127.0.0.1", g.port, &g.to) < 0) {
        return 1;
    }
    uv_timer_init(g.loop, &g.end);
    g.end.timer_cb = on_end;
    uv_timer_init(g.loop, &g.pace);
    if (strcmp(g.mode, "paced") == 0) {
        uv_timer_start(&g.pace, on_pace, 5, 5);
    }
    open_more();
    uv_run(g.loop, UV_RUN_DEFAULT);
    return 0;
}
