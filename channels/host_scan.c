/* SPDX-License-Identifier: EUPL-1.2 */
/* host_scan: a file on its way through the ClamAV daemon (its INSTREAM command) before anybody
 * stores it. One connection a file. It does not judge what an unanswered file means: the channel
 * does. */
#include "channels/host_private.h"

#include <stdlib.h>

#include "gateway/base/json.h"

enum { SCAN_MS = 20000, SCANS_MAX = 16, ANSWER_BYTES_MAX = 512, OPTIONS_BYTES_MAX = 1 << 20 };

struct host_scan {
    struct host_channel *c; /* until it is settled */
    struct host_scan *next, **prev;
    draht_scan_fn done;
    void *arg;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    uv_connect_t connect;
    uv_getaddrinfo_t lookup;
    uv_write_t write;
    struct loop_timer *timer;
    struct buf file;
    uint8_t length[4]; /* big-endian, before the only chunk */
    char answer[ANSWER_BYTES_MAX];
    size_t answer_n;
    bool is_open, is_looking_up, is_settled;
};

/* Freed when libuv holds nothing of it any more. */
static void release(struct host_scan *s) {
    if (s->is_open || s->is_looking_up)
        return;
    buf_free(&s->file);
    free(s);
}

static void on_closed(uv_handle_t *h) {
    struct host_scan *s = h->data;
    s->is_open = false;
    release(s);
}

/* The file's last moment here: the channel hears the answer, the connection goes. */
static void settle(struct host_scan *s, int status, struct span finding) {
    if (s->is_settled)
        return;
    struct host_channel *c = s->c;
    s->is_settled = true;
    *s->prev = s->next;
    if (s->next)
        s->next->prev = s->prev;
    c->scans_n--;
    loop_timer_stop(&s->timer);
    if (s->is_open)
        uv_close(&s->uv.handle, on_closed);
    if (s->is_looking_up)
        uv_cancel((uv_req_t *)&s->lookup);
    if (host_unpend(c))
        s->done(s->arg, status, host_dspan(finding));
    release(s);
}

static void fail(struct host_scan *s, const char *why) {
    if (!s->is_settled)
        log_warn("scan.failed", "channel=%s what=%s", s->c->id, why);
    settle(s, DRAHT_E_UNAVAILABLE, SPAN_NONE);
}

/* "stream: OK", "stream: <name> FOUND", or a sentence that ends with ERROR. */
static void judge(struct host_scan *s) {
    struct span line = span_trim((struct span){s->answer, strnlen(s->answer, s->answer_n)});
    static const char lead[] = "stream: ", found[] = " FOUND";
    const size_t lead_n = sizeof lead - 1, found_n = sizeof found - 1;
    if (span_eq(line, "stream: OK")) {
        settle(s, 0, SPAN_NONE);
    } else if (line.n > lead_n + found_n && memcmp(line.p, lead, lead_n) == 0 &&
               memcmp(line.p + line.n - found_n, found, found_n) == 0) {
        struct span name = {line.p + lead_n, line.n - lead_n - found_n};
        log_warn("scan.found", "channel=%s name=%.*s", s->c->id, (int)(name.n < 100 ? name.n : 100),
                 name.p);
        settle(s, 1, name);
    } else {
        fail(s, "clamd did not scan the file");
    }
}

static void on_room(uv_handle_t *h, size_t suggested, uv_buf_t *b) {
    struct host_scan *s = h->data;
    (void)suggested;
    *b = uv_buf_init(s->answer + s->answer_n, (unsigned)(ANSWER_BYTES_MAX - s->answer_n));
}

static void on_read(uv_stream_t *h, ssize_t n, const uv_buf_t *b) {
    struct host_scan *s = h->data;
    (void)b;
    if (n > 0)
        s->answer_n += (size_t)n;
    if (n < 0)
        fail(s, n == UV_ENOBUFS ? "the answer of clamd is too long" : "clamd hung up");
    else if (memchr(s->answer, 0, s->answer_n))
        judge(s);
}

/* clamd may answer and hang up before it has read a file that is too large for it: what it said
 * counts, so a failed write waits for the reading side. */
static void on_written(uv_write_t *w, int status) {
    (void)w, (void)status;
}

static void on_connected(uv_connect_t *k, int status) {
    struct host_scan *s = k->data;
    if (s->is_settled)
        return;
    if (status < 0) {
        fail(s, "clamd cannot be reached");
        return;
    }
    static char hail[] = "zINSTREAM", end[4];
    uv_buf_t parts[] = {uv_buf_init(hail, sizeof hail), uv_buf_init((char *)s->length, 4),
                        uv_buf_init(s->file.p, (unsigned)s->file.n), uv_buf_init(end, sizeof end)};
    if (uv_read_start(&s->uv.stream, on_room, on_read) < 0 ||
        uv_write(&s->write, &s->uv.stream, parts, 4, on_written) < 0)
        fail(s, "clamd cannot be written to");
}

static int connect_tcp(struct host_scan *s, const struct sockaddr *a) {
    return uv_tcp_connect(&s->connect, &s->uv.tcp, a, on_connected);
}

static void on_looked_up(uv_getaddrinfo_t *g, int status, struct addrinfo *list) {
    struct host_scan *s = g->data;
    s->is_looking_up = false;
    if (!s->is_settled && status == 0)
        status = connect_tcp(s, list->ai_addr);
    if (!s->is_settled && status < 0)
        fail(s, "the name of the clamd host is not known");
    else if (s->is_settled)
        release(s);
    uv_freeaddrinfo(list);
}

static int dial_tcp(struct host_scan *s, const char *address) {
    const char *colon = strrchr(address, ':');
    char host[256];
    unsigned long long port;
    if (!colon || colon == address || (size_t)(colon - address) >= sizeof host ||
        span_u64(span_str(colon + 1), 65535, &port) < 0)
        return ERR_INVALID;
    bool has_brackets = address[0] == '[' && colon[-1] == ']';
    snprintf(host, sizeof host, "%.*s", (int)(colon - address) - (has_brackets ? 2 : 0),
             address + (has_brackets ? 1 : 0));
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (uv_ip4_addr(host, (int)port, &v4) == 0)
        return connect_tcp(s, (struct sockaddr *)&v4);
    if (uv_ip6_addr(host, (int)port, &v6) == 0)
        return connect_tcp(s, (struct sockaddr *)&v6);
    struct addrinfo want = {.ai_socktype = SOCK_STREAM};
    int rc = uv_getaddrinfo(loop_uv(s->c->host->o.loop), &s->lookup, on_looked_up, host, colon + 1,
                            &want);
    s->is_looking_up = rc == 0;
    return rc;
}

static int dial(struct host_scan *s, const char *address) {
    uv_loop_t *uv = loop_uv(s->c->host->o.loop);
    bool is_unix = strncmp(address, "unix:", 5) == 0;
    int rc = is_unix ? uv_pipe_init(uv, &s->uv.pipe, 0) : uv_tcp_init(uv, &s->uv.tcp);
    if (rc < 0)
        return rc;
    s->is_open = true;
    s->uv.handle.data = s->connect.data = s->lookup.data = s;
    if (!is_unix)
        return dial_tcp(s, address);
    uv_pipe_connect(&s->connect, &s->uv.pipe, address + 5, on_connected);
    return 0;
}

static void on_late(void *arg) {
    fail(arg, "no answer in time");
}

static void on_refused(void *arg) {
    fail(arg, "too many files at once, or no usable address");
}

void host_scan(void *host, struct draht_span bytes, draht_scan_fn done, void *arg) {
    struct host_channel *c = host;
    struct host_scan *s = xcalloc(1, sizeof *s);
    s->c = c;
    s->done = done;
    s->arg = arg;
    s->next = c->scans;
    s->prev = &c->scans;
    if (s->next)
        s->next->prev = &s->next;
    c->scans = s;
    host_pend(c);
    json_t *options = json_parse(span_str(c->options), OPTIONS_BYTES_MAX, NULL);
    bool is_possible = c->scans_n++ < SCANS_MAX && bytes.n > 0 && bytes.n <= INT32_MAX;
    if (is_possible) {
        for (int i = 0; i < 4; i++)
            s->length[i] = (uint8_t)(bytes.n >> (24 - 8 * i));
        buf_add(&s->file, bytes.p, bytes.n);
        is_possible = dial(s, json_str(options, "clamd", "")) == 0;
    }
    json_decref(options);
    /* The answer is due later in any case, also when nothing can be done. */
    s->timer = loop_timer(c->host->o.loop, is_possible ? SCAN_MS : 0, 0,
                          is_possible ? on_late : on_refused, s);
}

void host_scans_drop(struct host_channel *c) {
    while (c->scans)
        settle(c->scans, DRAHT_E_UNAVAILABLE, SPAN_NONE);
}
