/* SPDX-License-Identifier: EUPL-1.2 */
/* host_log: lines are gathered on the loop and written by the thread pool, one batch at a time, so
 * that a slow disk never holds a channel up; what it cannot take in time is counted, not queued. */
#include "channels/host_log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "channels/host_private.h"

#define LINE_BYTES_MAX 65536

struct host_log {
    struct host *host;
    struct redact *redact;
    char path[PATH_MAX], older[PATH_MAX], dir[PATH_MAX];
    char *ring[HOST_LOG_LINES];
    size_t ring_at, ring_n;
    struct buf pending, writing;
    uint64_t dropped;
    bool is_writing, has_file;
};

void host_log_path(const char *state_dir, const char *id, const char *suffix, char *out) {
    if (snprintf(out, PATH_MAX, "%s/log/channel-%s%s.jsonl", state_dir, id, suffix) >= PATH_MAX)
        out[0] = 0;
}

struct host_log *host_log_new(struct host_channel *c, const char *state_dir) {
    struct host_log *l = xcalloc(1, sizeof *l);
    l->host = c->host;
    l->redact = redact_new(c->ops.options, c->options);
    l->has_file = state_dir && *state_dir && c->host->o.loop;
    if (!l->has_file)
        return l;
    snprintf(l->dir, sizeof l->dir, "%s/log", state_dir);
    host_log_path(state_dir, c->id, "", l->path);
    host_log_path(state_dir, c->id, ".1", l->older);
    return l;
}

void host_log_free(struct host_log **lp) {
    struct host_log *l = *lp;
    if (!l)
        return;
    *lp = NULL;
    for (size_t i = 0; i < HOST_LOG_LINES; i++)
        free(l->ring[i]);
    redact_free(&l->redact);
    buf_free(&l->pending);
    buf_free(&l->writing);
    free(l);
}

/* On a pool thread: touches only what does not change while is_writing. Errors have nobody to go
 * to: the memory still has the lines. */
static void write_batch(void *arg) {
    struct host_log *l = arg;
    struct stat st;
    if (mkdir(l->dir, 0700) < 0 && errno != EEXIST)
        return;
    if (stat(l->path, &st) == 0 && st.st_size + (off_t)l->writing.n > (off_t)HOST_LOG_FILE_BYTES)
        rename(l->path, l->older);
    int fd = open(l->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return;
    for (size_t at = 0; at < l->writing.n;) {
        ssize_t n = write(fd, l->writing.p + at, l->writing.n - at);
        if (n < 0)
            break;
        at += (size_t)n;
    }
    close(fd);
}

static void write_next(struct host_log *l);

static void on_written(void *arg, int status) {
    struct host_log *l = arg;
    struct host *h = l->host;
    (void)status;
    l->is_writing = false;
    buf_clear(&l->writing);
    write_next(l);
    host_unref(h);
}

static void write_next(struct host_log *l) {
    if (l->is_writing || !l->pending.n)
        return;
    struct buf empty = l->writing;
    l->writing = l->pending;
    l->pending = empty;
    l->is_writing = true;
    host_ref(l->host);
    if (loop_work(l->host->o.loop, write_batch, on_written, l) == 0)
        return;
    l->is_writing = false;
    host_unref(l->host);
}

/* o is taken. */
static void add(struct host_log *l, json_t *o) {
    char at[CLOCK_RFC3339_BYTES];
    clock_rfc3339(host_now(l->host), at);
    json_puts(o, "at", at);
    if (l->dropped)
        json_puti(o, "dropped", (int64_t)l->dropped);
    char *text = json_text(o);
    json_decref(o);
    size_t n = strlen(text);
    if (l->has_file && l->pending.n + n < HOST_LOG_PENDING_BYTES) {
        buf_add(&l->pending, text, n);
        buf_adds(&l->pending, "\n");
        l->dropped = 0;
    } else if (l->has_file) {
        l->dropped++;
    }
    free(l->ring[l->ring_at]);
    l->ring[l->ring_at] = text;
    l->ring_at = (l->ring_at + 1) % HOST_LOG_LINES;
    l->ring_n += l->ring_n < HOST_LOG_LINES;
    if (l->has_file)
        write_next(l);
}

static void put_redacted(const struct host_log *l, json_t *o, const char *key, struct span s,
                         void (*fn)(const struct redact *r, struct span s, struct buf *out)) {
    struct buf b = {0};
    fn(l->redact, s, &b);
    json_put(o, key, buf_span(&b));
    buf_free(&b);
}

void host_log_request(struct host_channel *c, const struct host_log_request *q) {
    if (!c->log)
        return;
    json_t *o = json_object();
    json_puts(o, "dir", q->dir);
    json_put(o, "method", q->method);
    put_redacted(c->log, o, "url", q->url, redact_url);
    if (q->status)
        json_puti(o, "status", q->status);
    else
        json_puts(o, "error", error_name(q->error));
    json_puti(o, "ms", q->ms);
    if (q->bytes_out >= 0)
        json_puti(o, "bytes_out", q->bytes_out);
    if (q->bytes_in >= 0)
        json_puti(o, "bytes_in", q->bytes_in);
    add(c->log, o);
}

char *host_log_begin(struct host_log_request *q, const char *method, const char *url,
                     size_t bytes_out) {
    struct buf both = {0};
    size_t n = strlen(method ? method : "GET");
    buf_adds(&both, method ? method : "GET");
    buf_adds(&both, url ? url : "");
    size_t all = both.n;
    char *p = buf_take(&both, NULL);
    *q = (struct host_log_request){.dir = "out",
                                   .method = {p, n},
                                   .url = {p + n, all - n},
                                   .bytes_out = (int64_t)bytes_out,
                                   .bytes_in = -1};
    return p;
}

void host_log_answered(struct host_channel *c, struct host_log_request *q, int64_t begun_ms,
                       const struct http_answer *a, int64_t bytes_in) {
    q->status = a->error ? 0 : a->status;
    q->error = a->error;
    q->ms = host_now(c->host) - begun_ms;
    q->bytes_in = bytes_in;
    host_log_request(c, q);
}

void host_log_redact(const struct host_channel *c, const char *text, struct buf *out) {
    redact_text(c->log ? c->log->redact : NULL, span_str(text), out);
    buf_adds(out, "");
}

void host_log_text(struct host_channel *c, int level, const char *event, const char *text) {
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    if (!c->log)
        return;
    json_t *o = json_object();
    json_puts(o, "dir", "log");
    json_puts(o, "level", levels[level < 0 ? 0 : level > 3 ? 3 : level]);
    json_put(o, "event", span_str(event));
    put_redacted(c->log, o, "text", span_str(text), redact_text);
    add(c->log, o);
}

json_t *host_log_lines(const struct host_log *l, int limit) {
    json_t *all = json_array();
    size_t n = l ? l->ring_n : 0;
    if (limit >= 0 && n > (size_t)limit)
        n = (size_t)limit;
    for (size_t i = 0; i < n; i++) {
        const char *text = l->ring[(l->ring_at + HOST_LOG_LINES - n + i) % HOST_LOG_LINES];
        json_array_append_new(all, json_parse(span_str(text), LINE_BYTES_MAX, NULL));
    }
    return all;
}
