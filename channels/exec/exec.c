/* SPDX-License-Identifier: EUPL-1.2 */
/* exec: options and life of a channel that is a program. The program itself is in run.c. */
#include "channels/exec/exec_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const struct draht_option options[] = {
    {"command", DRAHT_OPT_LIST, NULL, 1, 60, NULL, DRAHT_OPT_REQUIRED,
     "The program and its words. A name without a slash is searched in lib/draht and in PATH."},
    {"settings", DRAHT_OPT_TREE, NULL, 0, 0, NULL, 0,
     "The program's own options; which ones it says itself."},
    {"spool", DRAHT_OPT_STRING, "", 0, 1000, NULL, 0,
     "Folder for attachments on their way. Empty: below state_dir."},
    {"memory_mb", DRAHT_OPT_INT, "512", 16, 65536, NULL, 0, "Most memory of the program, in MiB."},
    {"processes", DRAHT_OPT_INT, "128", 1, 65536, NULL, 0,
     "Most processes of its user (not for root)."},
    {"timeout_s", DRAHT_OPT_INT, "30", 1, 600, NULL, 0,
     "Longest wait for an answer of the program."},
    {"mode", DRAHT_OPT_ENUM, "wire", 0, 0, "wire|once", 0,
     "wire: one program that speaks the wire. once: the program is run for each reply."},
    {"at_once", DRAHT_OPT_INT, "4", 1, 64, NULL, 0, "once: how many may run at the same time."},
    {"idempotent", DRAHT_OPT_BOOL, "false", 0, 0, NULL, 0,
     "once: sending the same message twice is harmless, so it is never in doubt."},
    {"text_max", DRAHT_OPT_INT, "0", 0, 1000000, NULL, 0,
     "once: longest reply in characters; 0: any length."},
    {"secret", DRAHT_OPT_STRING, "", 0, 1000, NULL, DRAHT_OPT_SECRET,
     "once: with it messages and receipts may be posted to /channels/<id>/in and /receipt."},
    {"clamd", DRAHT_OPT_STRING, "", 0, 300, NULL, 0,
     "ClamAV daemon that looks at files when the program asks (scan): unix:/path or host:port."},
    {NULL, DRAHT_OPT_STRING, NULL, 0, 0, NULL, 0, NULL},
};

void exec_log(struct exec *x, int level, const char *event, const char *fmt, ...) {
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    x->h->log(x->host, level, event, text);
}

void exec_up(struct exec *x, bool is_up, const char *sentence) {
    x->is_up = is_up;
    x->h->health(x->host, is_up, sentence);
}

static int exec_open(const struct draht_host *h, void *host, const char *id, const char *text,
                     void **out, char *err) {
    json_t *o = json_parse(span_str(text), WIRE_LINE_BYTES_MAX, NULL);
    if (!json_array_size(json_object_get(o, "command")) || !h->builtin ||
        !h->builtin(host, "loop")) {
        snprintf(err, 256, "command is missing.");
        json_decref(o);
        return ERR_INVALID;
    }
    struct exec *x = xcalloc(1, sizeof *x);
    x->h = h;
    x->host = host;
    x->loop = h->builtin(host, "loop");
    x->id = xstrdup(id);
    x->options = o;
    x->present = json_object();
    x->is_once = strcmp(json_str(o, "mode", "wire"), "once") == 0;
    x->timeout_ms = json_int(o, "timeout_s", 30) * 1000;
    const char *spool = json_str(o, "spool", "");
    struct buf path = {0};
    if (*spool)
        buf_adds(&path, spool);
    else
        buf_addf(&path, "%s/draht-exec-%s", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", id);
    x->spool = buf_take(&path, NULL);
    *out = x;
    return 0;
}

static int exec_start(void *channel, char *err) {
    struct exec *x = channel;
    x->is_started = true;
    if (x->is_once)
        return once_start(x, err);
    exec_up(x, false, "The program is being started.");
    run_begin(x);
    return 0;
}

static void exec_stop(void *channel, draht_done_fn done, void *arg) {
    struct exec *x = channel;
    x->is_stopping = true;
    x->stopped = done;
    x->stopped_arg = arg;
    web_streams_end(x);
    sockets_end(x);
    if (x->is_once) {
        once_stop(x);
        return;
    }
    loop_timer_stop(&x->again);
    files_drop(x->clearing);
    x->clearing = NULL;
    if (x->run) {
        run_shutdown(x);
        return;
    }
    x->stopped = NULL;
    done(arg, 0);
}

static void exec_close(void *channel) {
    struct exec *x = channel;
    loop_timer_stop(&x->again);
    loop_timer_stop(&x->tick);
    files_drop(x->clearing);
    run_forget(x);
    sends_forget(x);
    web_forget(x);
    sockets_forget(x);
    while (x->asks)
        ask_release(x->asks);
    arena_free(&x->memory);
    json_decref(x->settings);
    json_decref(x->options);
    json_decref(x->present);
    free(x->lease);
    free(x->spool);
    free(x->id);
    free(x);
}

static int exec_send(void *channel, const struct draht_outbound *m, struct draht_token *t) {
    return sends_new(channel, m, t);
}

static bool is_ready(const struct exec *x) {
    return x->run && x->run->state == RUN_READY;
}

static void exec_typing(void *channel, struct draht_span thread, struct draht_span who,
                        int is_typing) {
    struct exec *x = channel;
    if (!is_ready(x) || !(x->manifest.caps & DRAHT_CAP_TYPING))
        return;
    json_t *p = json_object();
    json_put(p, "thread", kit_in(thread));
    json_put(p, "who", kit_in(who));
    json_object_set_new(p, "typing", json_boolean(is_typing));
    talk_tell(x->run, "typing", p);
}

static void exec_notify(void *channel, struct draht_span thread, const char *what,
                        struct draht_span detail) {
    struct exec *x = channel;
    if (!is_ready(x))
        return;
    json_t *p = json_object();
    json_put(p, "thread", kit_in(thread));
    json_puts(p, "what", what);
    json_put(p, "detail", kit_in(detail));
    talk_tell(x->run, "notify", p);
}

static int exec_is_present(void *channel, struct draht_span thread) {
    const struct exec *x = channel;
    return thread.n && json_object_getn(x->present, thread.p, thread.n) != NULL;
}

const struct draht_channel_ops exec_ops = {.size = sizeof(struct draht_channel_ops),
                                           .type = "exec",
                                           .options = options,
                                           .concurrency = 1,
                                           .open = exec_open,
                                           .start = exec_start,
                                           .stop = exec_stop,
                                           .close = exec_close,
                                           .send = exec_send,
                                           .typing = exec_typing,
                                           .notify = exec_notify,
                                           .is_present = exec_is_present};
