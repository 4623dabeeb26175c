/* SPDX-License-Identifier: EUPL-1.2 */
/* run: one process from its start to its end, and when the next one comes. A program that fails
 * again and again rests, so that it costs nothing. */
#include "channels/exec/exec_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "channels/settings.h"

static void again_passed(void *arg) {
    run_begin(arg);
}

uint64_t run_delay_ms(int fails, uint32_t dice) {
    if (fails >= EXEC_FAILS_MAX)
        return EXEC_REST_MS;
    uint64_t delay = EXEC_BACKOFF_MIN_MS;
    for (int i = 1; i < fails; i++)
        delay *= 2;
    return delay * (75 + dice % 51) / 100;
}

static void restart_later(struct exec *x, const char *why) {
    uint32_t dice;
    x->h->random(&dice, sizeof dice);
    uint64_t delay = run_delay_ms(x->fails, dice);
    exec_log(x, 2, "exec.restart", "delay_ms=%llu fails=%d why=%s", (unsigned long long)delay,
             x->fails, why);
    loop_timer_stop(&x->again);
    x->again = loop_timer(x->loop, delay, 0, again_passed, x);
}

/* What came after the process: its answers are lost, the next process is due. */
static void on_end(void *arg, int64_t status, int signal) {
    struct run *r = arg;
    struct exec *x = r->x;
    if (r->child)
        child_end(&r->child, 0);
    if (x) {
        if (!*r->why)
            snprintf(r->why, sizeof r->why, "The program ended (status %lld, signal %d).",
                     (long long)status, signal);
        bool held = r->state == RUN_READY && exec_now(x) - r->began_ms >= EXEC_HELD_MS;
        r->state = RUN_ENDING;
        talk_fail_all(r);
        x->run = NULL;
        loop_timer_stop(&x->tick);
        x->fails = held ? 1 : x->fails + 1;
        if (x->is_stopping) {
            draht_done_fn done = x->stopped;
            x->stopped = NULL;
            if (done)
                done(x->stopped_arg, 0);
        } else {
            exec_up(x, false, r->why);
            restart_later(x, r->why);
        }
    }
    wire_free(&r->wire);
    free(r);
}

/* Standard error, and how much of it there may be. */
static void on_line(void *arg, int fd, struct span line) {
    struct run *r = arg;
    struct exec *x = r->x;
    (void)fd;
    if (!x || !line.n)
        return;
    if (kit_bucket_take(&x->lines, exec_now(x), EXEC_STDERR_BURST, EXEC_STDERR_EVERY_MS) > 0) {
        x->lines_lost++;
        return;
    }
    if (x->lines_lost)
        exec_log(x, 2, "exec.stderr", "%llu lines were dropped", (unsigned long long)x->lines_lost);
    x->lines_lost = 0;
    exec_log(x, 1, "exec.stderr", "%.*s", (int)line.n, line.p);
}

static void on_bytes(void *arg, struct span bytes) {
    talk_bytes(arg, bytes);
}

void run_break(struct run *r, const char *why) {
    struct exec *x = r->x;
    if (!x || r->state == RUN_ENDING)
        return;
    r->state = RUN_ENDING;
    snprintf(r->why, sizeof r->why, "%s", why);
    exec_log(x, 3, "exec.broken", "%s", why);
    if (!x->is_stopping)
        exec_up(x, false, why);
    talk_fail_all(r);
    if (r->child)
        child_end(&r->child, EXEC_TERM_MS);
}

static void on_health(struct exec *x, void *arg, enum exec_outcome o,
                      const struct wire_message *m) {
    (void)arg, (void)m;
    if (x->run)
        x->run->asks_health = false;
    /* Whom we do not read, or who still speaks, does not hang. */
    if (o == EXEC_LATE && x->run && !x->run->is_paused &&
        exec_now(x) - x->run->alive_ms >= x->timeout_ms)
        run_break(x->run, "The program hangs: it did not answer to health.");
}

static void tick(void *arg) {
    struct exec *x = arg;
    struct run *r = x->run;
    if (!r || r->state == RUN_ENDING)
        return;
    talk_late(r);
    int64_t every = x->timeout_ms < EXEC_HEALTH_MS ? x->timeout_ms : EXEC_HEALTH_MS;
    r = x->run;
    if (r && r->state == RUN_READY && !r->asks_health && exec_now(x) >= r->health_ms + every) {
        r->asks_health = true;
        r->health_ms = exec_now(x);
        talk_ask(r, "health", NULL, x->timeout_ms, on_health, NULL);
    }
}

static void on_init(struct exec *x, void *arg, enum exec_outcome o, const struct wire_message *m) {
    struct run *r = x->run;
    (void)arg;
    if (o == EXEC_DIED || !r)
        return;
    if (o == EXEC_LATE || m->error) {
        char why[EXEC_SENTENCE_BYTES];
        snprintf(why, sizeof why, "The program did not get ready: %.180s",
                 o == EXEC_LATE ? "no answer in 10 seconds." : json_str(m->error, "message", ""));
        run_break(r, why);
        return;
    }
    r->state = RUN_READY;
    r->health_ms = exec_now(x);
    exec_log(x, 1, "exec.ready", "program=%s version=%s", x->manifest.name, x->manifest.version);
    exec_up(x, json_flag(m->result, "up", true), json_str(m->result, "sentence", ""));
    calls_ready(x);
}

static void ask_init(struct run *r) {
    struct exec *x = r->x;
    json_t *p = json_object();
    struct draht_span url = x->h->fact(x->host, "public.url");
    struct buf address = {0};
    buf_addf(&address, "%.*s/channels/%s", (int)url.n, url.p ? url.p : "", x->id);
    json_puts(p, "channel", x->id);
    json_object_set(p, "settings", x->settings);
    json_puts(p, "spool", x->spool);
    json_puti(p, "credit", EXEC_CREDIT);
    json_puti(p, "line_max", (int64_t)WIRE_LINE_BYTES_MAX);
    json_puti(p, "file_max", (int64_t)FILES_BYTES_MAX);
    json_puti(p, "timeout_ms", x->timeout_ms);
    json_put(p, "public_url", buf_span(&address));
    buf_free(&address);
    r->state = RUN_INIT;
    talk_ask(r, "draht.init", p, r->began_ms + EXEC_HANDSHAKE_MS - exec_now(x), on_init, NULL);
}

static int read_manifest(struct exec *x, const json_t *result, char *why) {
    char err[MANIFEST_ERR_BYTES];
    arena_free(&x->memory);
    x->memory = arena_new();
    if (manifest_read(x->memory, result, &x->manifest, err) < 0) {
        snprintf(why, EXEC_SENTENCE_BYTES, "The program's manifest is wrong: %.180s.", err);
        return ERR_INVALID;
    }
    json_decref(x->settings);
    x->settings = settings_check(json_object_get(x->options, "settings"), x->manifest.options, err);
    if (!x->settings)
        snprintf(why, EXEC_SENTENCE_BYTES, "settings: %.200s.", err);
    return x->settings ? 0 : ERR_INVALID;
}

static void on_manifest(struct exec *x, void *arg, enum exec_outcome o,
                        const struct wire_message *m) {
    char why[EXEC_SENTENCE_BYTES];
    (void)arg;
    if (o == EXEC_DIED || !x->run)
        return;
    if (o == EXEC_LATE || m->error) {
        run_break(x->run, "The program gave no manifest within 10 seconds.");
        return;
    }
    if (read_manifest(x, m->result, why) < 0) {
        run_break(x->run, why);
        return;
    }
    if (x->h->offer)
        x->h->offer(x->host, x->manifest.caps, x->manifest.text_max, x->manifest.concurrency);
    ask_init(x->run);
}

static void start_program(void *arg, int status, const struct files_item *items, size_t n,
                          size_t which) {
    struct exec *x = arg;
    struct fault f = {0};
    (void)items, (void)n, (void)which;
    x->clearing = NULL;
    struct run *r = xcalloc(1, sizeof *r);
    struct child_options o = {
        .on_line = on_line, .on_exit = on_end, .on_bytes = on_bytes, .arg = r};
    if (status < 0)
        fault_set(&f, status, "the spool folder cannot be made");
    if (status < 0 || exec_spawn(x->loop, x->options, x->spool, &o, &r->child, &f) < 0) {
        free(r);
        x->fails++;
        exec_up(x, false, f.text);
        restart_later(x, f.text);
        return;
    }
    r->x = x;
    x->run = r;
    r->began_ms = exec_now(x);
    x->tick = loop_timer(x->loop, EXEC_TICK_MS, EXEC_TICK_MS, tick, x);
    json_t *p = json_pack("{s:[i]}", "protocol", MANIFEST_PROTOCOL);
    talk_ask(r, "draht.manifest", p, EXEC_HANDSHAKE_MS, on_manifest, NULL);
}

void run_begin(struct exec *x) {
    loop_timer_stop(&x->again);
    x->clearing = files_clear(x->loop, x->spool, start_program, x);
}

static void on_shutdown(struct exec *x, void *arg, enum exec_outcome o,
                        const struct wire_message *m) {
    (void)arg, (void)m;
    if (o != EXEC_DIED && x->run && x->run->child)
        child_end(&x->run->child, EXEC_TERM_MS);
}

void run_shutdown(struct exec *x) {
    struct run *r = x->run;
    if (r->state == RUN_ENDING)
        return;
    if (r->state == RUN_READY &&
        talk_ask(r, "shutdown", NULL, EXEC_SHUTDOWN_MS, on_shutdown, NULL) == 0) {
        r->state = RUN_SHUTDOWN;
        return;
    }
    run_break(r, "Draht ends.");
}

void run_forget(struct exec *x) {
    struct run *r = x->run;
    if (!r)
        return;
    x->run = NULL;
    r->x = NULL;
    r->state = RUN_ENDING;
    talk_fail_all(r);
    if (r->child)
        child_end(&r->child, 1);
}
