/* SPDX-License-Identifier: EUPL-1.2 */
/* life: finds the channel, gives it checked options, opens, stops and closes it. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "channels/conformance/inner.h"
#include "channels/registry.h"
#include "config/config.h"
#include "gateway/base/clock.h"

enum { TICK_MS = 2, STOP_WAIT_MS = 12000, PROGRAM_TIMEOUT_S = 10 };

struct waiting {
    struct conf *k;
    bool (*is)(const struct conf *k);
    int64_t until_ms;
    bool hit;
};

static int64_t now_ms(void) {
    return clock_ms(&clock_system);
}

static void on_tick(void *arg) {
    struct waiting *w = arg;
    w->hit = w->is && w->is(w->k);
    if (w->hit || now_ms() >= w->until_ms)
        loop_stop(w->k->loop);
}

bool conf_wait(struct conf *k, bool (*is)(const struct conf *k), int64_t ms) {
    struct waiting w = {k, is, now_ms() + ms, false};
    struct loop_timer *t = loop_timer(k->loop, 0, TICK_MS, on_tick, &w);
    loop_run(k->loop);
    loop_timer_stop(&t);
    return w.hit;
}

bool conf_expect(struct conf *k, bool (*is)(const struct conf *k)) {
    bool came = conf_wait(k, is, k->patience_ms);
    if (!came)
        k->patience_ms = CONF_HURRY_MS;
    return came;
}

void conf_rest(struct conf *k, int64_t ms) {
    conf_wait(k, NULL, ms);
}

/* ---- options */

/* config_options_fn has no argument of its own, so the table under test stands here. */
static const struct draht_channel_ops *tried;

static const struct draht_option *options_of(const char *type, int *rows_out) {
    if (!tried || !tried->type || strcmp(type, tried->type) != 0)
        return registry_options(type, rows_out);
    int n = 0;
    while (tried->options && tried->options[n].name)
        n++;
    if (rows_out)
        *rows_out = n;
    static const struct draht_option none[] = {{NULL, DRAHT_OPT_STRING, NULL, 0, 0, NULL, 0, NULL}};
    return tried->options ? tried->options : none;
}

/* The sentence without "file:line:column: ". */
static void sentence_of(const char *faults, struct buf *err) {
    const char *p = strstr(faults, ": ");
    p = p ? p + 2 : faults;
    buf_add(err, p, strcspn(p, "\n"));
}

/* Placeholders filled in; a program's options are the settings of the type that runs it. */
static json_t *options_with(struct conf *k, const json_t *over) {
    json_t *merged = conf_merge(json_object_get(k->script, "options"), over);
    json_t *options = conf_expand_json(k, merged);
    json_decref(merged);
    if (!k->program)
        return options;
    json_t *all = json_pack("{s:[s],s:o,s:i}", "command", k->program, "settings", options,
                            "timeout_s", PROGRAM_TIMEOUT_S);
    char spool[96];
    snprintf(spool, sizeof spool, "%s/spool", k->dir);
    json_puts(all, "spool", spool);
    json_t *more = conf_expand_json(k, conf_get(k, "exec"));
    json_object_update(all, more);
    json_decref(more);
    return all;
}

int conf_options(struct conf *k, const json_t *over, struct buf *err) {
    json_t *options = options_with(k, over);
    json_t *all = json_pack("{s:[{s:s,s:s,s:o}]}", "channels", "id", CONF_ID, "type", k->ops.type,
                            "options", options);
    char *text = json_text(all), path[96];
    struct buf faults = {0};
    snprintf(path, sizeof path, "%s/draht.yaml", k->dir);
    FILE *f = fopen(path, "we");
    if (f) {
        fputs(text, f);
        fclose(f);
    }
    tried = &k->ops;
    struct config *c = config_load(path, options_of, &faults);
    free(k->options);
    k->options = c ? xstrdup(c->channels[0].options ? c->channels[0].options : "{}") : NULL;
    if (!c)
        sentence_of(faults.p ? faults.p : "", err);
    int rc = c ? 0 : ERR_INVALID;
    if (c)
        config_free(&c);
    buf_free(&faults);
    free(text);
    json_decref(all);
    return rc;
}

/* ---- life */

int conf_open(struct conf *k) {
    struct buf err = {0};
    k->open_error[0] = 0;
    if (conf_options(k, NULL, &err) < 0) {
        snprintf(k->open_error, sizeof k->open_error, "%.250s", err.p ? err.p : "");
        buf_free(&err);
        return -1;
    }
    k->is_up = k->is_stopping = false;
    k->downs_n = 0;
    k->stops_n = 0;
    k->is_open = true; /* it may ask facts already */
    int rc = k->ops.open(&conf_host, k, CONF_ID, k->options, &k->channel, k->open_error);
    k->is_open = rc >= 0;
    if (rc < 0)
        k->channel = NULL;
    if (rc >= 0 && k->ops.start(k->channel, k->open_error) < 0) {
        conf_close(k);
        return -1;
    }
    k->is_started = rc >= 0;
    return rc;
}

static void on_stopped(void *arg, int status) {
    struct conf *k = arg;
    (void)status;
    if (k->stops_n++)
        conf_violation(k, "stop called done twice");
}

static bool is_stopped(const struct conf *k) {
    return k->stops_n > 0;
}

void conf_stop(struct conf *k) {
    k->is_stopping = true;
    k->ops.stop(k->channel, on_stopped, k);
}

void conf_close(struct conf *k) {
    if (!k->is_open)
        return;
    if (k->is_started && !k->is_stopping)
        conf_stop(k);
    if (k->is_started)
        conf_wait(k, is_stopped, STOP_WAIT_MS);
    k->ops.close(k->channel);
    k->channel = NULL;
    k->is_open = k->is_started = k->is_up = false;
    conf_host_forget(k);
    conf_web_forget(k);
    k->prepared[0] = 0;
}

static bool is_decided(const struct conf *k) {
    return k->is_up || k->downs_n >= CONF_DOWNS_MAX;
}

bool conf_ready(struct conf *k) {
    if (!k->is_open && conf_open(k) < 0) {
        conf_fail(k, "it does not open: %s", k->open_error);
        return false;
    }
    conf_expect(k, is_decided);
    if (k->is_up) {
        k->why_down[0] = k->last_line[0] = 0; /* how it started */
        return true;
    }
    conf_fail(k, "it never said that it is up (host->health)%s%s%s%s",
              *k->sentence ? "; it said: " : "", k->sentence, *k->stranger ? "; it asked for " : "",
              k->stranger);
    return false;
}

int conf_children(const struct conf *k, bool kill_them) {
    int n = 0, own = (int)getpid(), driver = k->driver ? child_pid(k->driver) : -1;
    DIR *d = opendir("/proc");
    for (struct dirent *e; d && (e = readdir(d));) {
        int pid = atoi(e->d_name), parent = 0;
        char path[300], state = 0;
        if (pid <= 0 || pid == driver)
            continue;
        snprintf(path, sizeof path, "/proc/%d/stat", pid);
        FILE *f = fopen(path, "re");
        if (f && fscanf(f, "%*d (%*[^)]) %c %d", &state, &parent) == 2 && parent == own &&
            state != 'Z') {
            n++;
            if (kill_them)
                kill(pid, SIGKILL);
        }
        if (f)
            fclose(f);
    }
    if (d)
        closedir(d);
    return n;
}
