/* SPDX-License-Identifier: EUPL-1.2 */
/* once: a program that is run for each reply and ends: JSON on standard input, its verdict in the
 * exit status. The statuses are those of sysexits.h. */
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "channels/exec/exec_private.h"
#include "config/secret.h"
#include "gateway/base/utf8.h"

#define STDOUT_BYTES_MAX ((size_t)65536)
#define ID_BYTES_MAX 1024
#define REASON_BYTES_MAX 500
#define SPOOL_AGAIN_MS 10000
#define EXIT_NOT_RUNNABLE 126
#define EXIT_NOT_FOUND 127

struct once {
    struct sending *s; /* NULL: settled, only the process is waited for */
    struct exec *x;    /* NULL with s */
    struct child *child;
    struct loop_timer *timer;
    struct buf said;
    const char *why; /* why it was ended */
};

static void on_line(void *arg, int fd, struct span line) {
    const struct once *o = arg;
    struct exec *x = o->x;
    (void)fd;
    if (!x || !line.n)
        return;
    if (kit_bucket_take(&x->lines, exec_now(x), EXEC_STDERR_BURST, EXEC_STDERR_EVERY_MS) > 0)
        x->lines_lost++;
    else
        exec_log(x, 1, "exec.stderr", "%.*s", (int)line.n, line.p);
}

static void give_up(struct once *o, const char *why) {
    o->why = why;
    loop_timer_stop(&o->timer);
    exec_log(o->x, 2, "exec.once", "message=%.*s %s", (int)o->s->m->message.n, o->s->m->message.p,
             why);
    if (o->child)
        child_end(&o->child, EXEC_TERM_MS);
}

static void on_bytes(void *arg, struct span bytes) {
    struct once *o = arg;
    if (!o->s || o->why)
        return;
    if (o->said.n + bytes.n > STDOUT_BYTES_MAX)
        give_up(o, "The program wrote more than 64 KiB to its standard output.");
    else
        buf_add(&o->said, bytes.p, bytes.n);
}

static void too_late(void *arg) {
    give_up(arg, "The program did not end in time.");
}

/* The first line of what it said, valid and trimmed; in the arena. */
static struct span first_line(const struct once *o, struct arena *a, size_t most) {
    struct span s = buf_span(&o->said);
    const char *lf = s.n ? memchr(s.p, '\n', s.n) : NULL;
    if (lf)
        s.n = (size_t)(lf - s.p);
    while (s.n && (unsigned char)s.p[s.n - 1] <= ' ')
        s.n--;
    return s.n ? utf8_clean(a, s, most, NULL) : (struct span){"", 0};
}

static void settle(struct once *o, int64_t status, int signal) {
    struct sending *s = o->s;
    struct arena *a = arena_new();
    struct span line = first_line(o, a, REASON_BYTES_MAX);
    char reason[REASON_BYTES_MAX + 1];
    if (o->why)
        snprintf(reason, sizeof reason, "%s", o->why);
    else if (line.n)
        snprintf(reason, sizeof reason, "%.*s", (int)line.n, line.p);
    else
        snprintf(reason, sizeof reason, "The program ended (status %lld, signal %d).",
                 (long long)status, signal);
    struct exec *x = o->x;
    s->once = NULL;
    o->s = NULL;
    o->x = NULL;
    if (o->why || signal) {
        sends_unknown(s, reason);
    } else if (status == EX_OK) {
        struct span id = first_line(o, a, ID_BYTES_MAX);
        if (id.n)
            x->h->part_done(s->token, s->m->part, kit_out(id));
        sends_settle(s, DRAHT_SENT, "");
    } else if (status == EX_TEMPFAIL) {
        sends_settle(s, DRAHT_RETRY, reason);
    } else if (status == EX_USAGE || status == EX_CONFIG || status == EXIT_NOT_RUNNABLE ||
               status == EXIT_NOT_FOUND) {
        sends_settle(s, DRAHT_MISCONFIGURED, reason);
    } else if (status > EX_USAGE && status < EX_CONFIG) {
        sends_settle(s, DRAHT_REJECTED, reason);
    } else {
        sends_unknown(s, reason);
    }
    arena_free(&a);
}

static void on_end(void *arg, int64_t status, int signal) {
    struct once *o = arg;
    loop_timer_stop(&o->timer);
    if (o->child)
        child_end(&o->child, 0);
    if (o->s)
        settle(o, status, signal);
    buf_free(&o->said);
    free(o);
}

void once_forget(struct once *o) {
    if (!o)
        return;
    o->s = NULL;
    o->x = NULL;
    loop_timer_stop(&o->timer);
    if (o->child)
        child_end(&o->child, 1);
}

int once_begin(struct sending *s, json_t *params) {
    struct exec *x = s->x;
    struct fault f = {0};
    struct buf line = {0};
    json_object_set(params, "settings", x->settings);
    json_puts(params, "channel", x->id);
    char *text = json_text(params);
    json_decref(params);
    buf_addf(&line, "%s\n", text);
    free(text);
    if (line.n > WIRE_LINE_BYTES_MAX + 1) {
        buf_free(&line);
        return ERR_TOO_LARGE;
    }
    struct once *o = xcalloc(1, sizeof *o);
    struct child_options options = {
        .on_line = on_line, .on_exit = on_end, .on_bytes = on_bytes, .arg = o};
    if (exec_spawn(x->loop, x->options, x->spool, &options, &o->child, &f) < 0) {
        exec_log(x, 3, "exec.once", "%s", f.text);
        buf_free(&line);
        free(o);
        return ERR_CLOSED;
    }
    o->s = s;
    o->x = x;
    s->once = o;
    o->timer = loop_timer(x->loop, (uint64_t)x->timeout_ms, 0, too_late, o);
    child_write(o->child, buf_span(&line));
    child_close_stdin(o->child);
    buf_free(&line);
    return 0;
}

/* Texts that point to a secret become it. NULL: one cannot be read. */
static json_t *resolve(const json_t *settings, struct fault *f) {
    const char *key;
    json_t *v, *out = json_object();
    struct arena *a = arena_new();
    json_object_foreach((json_t *)(uintptr_t)settings, key, v) {
        const char *s = json_is_string(v) ? json_string_value(v) : NULL;
        bool points = s && (strncmp(s, "file:/", 6) == 0 || strncmp(s, "env:", 4) == 0);
        const char *secret = points ? secret_resolve(a, s, f) : s;
        if (points && !secret) {
            json_decref(out);
            arena_free(&a);
            return NULL;
        }
        json_object_set_new(out, key, points ? json_string(secret) : json_deep_copy(v));
    }
    arena_free(&a);
    return out;
}

static void clear_spool(void *arg);

static void on_cleared(void *arg, int status, const struct files_item *items, size_t n,
                       size_t which) {
    struct exec *x = arg;
    (void)items, (void)n, (void)which;
    x->clearing = NULL;
    if (status < 0) {
        exec_up(x, false, "The spool folder cannot be made.");
        loop_timer_stop(&x->again);
        x->again = loop_timer(x->loop, SPOOL_AGAIN_MS, 0, clear_spool, x);
        return;
    }
    exec_up(x, true, "");
}

static void clear_spool(void *arg) {
    struct exec *x = arg;
    x->clearing = files_clear(x->loop, x->spool, on_cleared, x);
}

int once_start(struct exec *x, char *err) {
    struct fault f = {0};
    x->settings = resolve(json_object_get(x->options, "settings"), &f);
    if (!x->settings) {
        snprintf(err, 256, "settings: %.240s", f.text);
        return ERR_INVALID;
    }
    if (*json_str(x->options, "secret", "") && once_routes(x) < 0) {
        snprintf(err, 256, "The routes for messages could not be set.");
        return ERR_INVALID;
    }
    x->manifest.caps = DRAHT_CAP_ATTACHMENTS | DRAHT_CAP_FIRST |
                       (json_flag(x->options, "idempotent", false) ? DRAHT_CAP_IDEMPOTENT : 0);
    x->h->offer(x->host, x->manifest.caps, (uint32_t)json_int(x->options, "text_max", 0),
                (uint32_t)json_int(x->options, "at_once", 4));
    clear_spool(x);
    return 0;
}

void once_settled(struct exec *x) {
    if (!x->is_once || !x->is_stopping || x->sends || !x->stopped)
        return;
    draht_done_fn done = x->stopped;
    x->stopped = NULL;
    done(x->stopped_arg, 0);
}

void once_stop(struct exec *x) {
    once_settled(x);
}
