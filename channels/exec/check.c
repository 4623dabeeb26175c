/* SPDX-License-Identifier: EUPL-1.2 */
/* check: who are you, and would these settings do? Asked before anything runs (draht check). */
#include <stdio.h>
#include <stdlib.h>

#include "channels/exec/exec_private.h"
#include "channels/settings.h"

struct check {
    struct loop *loop;
    struct child *child;
    struct loop_timer *timer;
    struct wire wire;
    const json_t *options;
    char *err;
    char said[EXEC_SENTENCE_BYTES]; /* its last line on standard error */
    int rc;
    bool is_done;
};

static void finish(struct check *c, int rc) {
    if (c->is_done)
        return;
    c->is_done = true;
    c->rc = rc;
    loop_timer_stop(&c->timer);
    if (c->child)
        child_end(&c->child, 1000);
}

static int judge(struct check *c, const json_t *result) {
    struct arena *a = arena_new();
    struct manifest m;
    char err[MANIFEST_ERR_BYTES] = "";
    int rc = manifest_read(a, result, &m, err);
    if (rc < 0) {
        snprintf(c->err, 256, "the program's manifest is wrong: %.180s", err);
    } else {
        json_t *settings = settings_check(json_object_get(c->options, "settings"), m.options, err);
        rc = settings ? 0 : ERR_INVALID;
        if (!settings)
            snprintf(c->err, 256, "settings: %.220s", err);
        json_decref(settings);
    }
    arena_free(&a);
    return rc;
}

static void on_bytes(void *arg, struct span bytes) {
    struct check *c = arg;
    struct wire_message m;
    char why[WIRE_SENTENCE_BYTES];
    int rc = 1;
    if (c->is_done)
        return;
    wire_feed(&c->wire, bytes);
    while (!c->is_done && (rc = wire_next(&c->wire, &m, why)) > 0) {
        if (m.kind == WIRE_RESPONSE)
            finish(c, judge(c, m.result));
        wire_message_free(&m);
    }
    if (rc >= 0)
        return;
    snprintf(c->err, 256, "the program broke the protocol: %s", why);
    finish(c, rc);
}

static void on_line(void *arg, int fd, struct span line) {
    struct check *c = arg;
    (void)fd;
    if (line.n)
        snprintf(c->said, sizeof c->said, "%.*s", (int)line.n, line.p);
}

static void on_end(void *arg, int64_t status, int signal) {
    struct check *c = arg;
    if (!c->is_done) {
        snprintf(c->err, 256, "the program ended (status %d, signal %d) without a manifest: %.150s",
                 (int)status, signal, c->said);
        finish(c, ERR_CLOSED);
    }
    loop_stop(c->loop);
}

static void too_late(void *arg) {
    struct check *c = arg;
    snprintf(c->err, 256, "the program gave no manifest within %d seconds",
             EXEC_HANDSHAKE_MS / 1000);
    finish(c, ERR_TIMEOUT);
}

static void ask(struct check *c) {
    struct buf line = {0};
    wire_request(&line, 1, "draht.manifest", json_pack("{s:[i]}", "protocol", MANIFEST_PROTOCOL));
    child_write(c->child, buf_span(&line));
    buf_free(&line);
}

int exec_check(const char *options_json, char err[256]) {
    json_t *options = json_parse(span_str(options_json), WIRE_LINE_BYTES_MAX, NULL);
    struct check c = {.loop = loop_new(), .options = options, .err = err};
    struct child_options o = {
        .on_line = on_line, .on_exit = on_end, .on_bytes = on_bytes, .arg = &c};
    struct fault f = {0};
    if (strcmp(json_str(options, "mode", ""), "once") == 0) {
        if (!exec_can_run(options)) {
            snprintf(err, 256, "command: there is no program that may be run.");
            c.rc = ERR_INVALID;
        }
    } else if (exec_spawn(c.loop, options, "", &o, &c.child, &f) < 0) {
        snprintf(err, 256, "%.250s", f.text);
        c.rc = ERR_INVALID;
    } else {
        c.timer = loop_timer(c.loop, EXEC_HANDSHAKE_MS, 0, too_late, &c);
        ask(&c);
        loop_run(c.loop);
    }
    loop_free(&c.loop);
    wire_free(&c.wire);
    json_decref(options);
    return c.rc;
}
