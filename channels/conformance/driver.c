/* SPDX-License-Identifier: EUPL-1.2 */
/* driver: a program that plays the provider, one JSON object a line, for protocols other than HTTP.
 */
#include <stdio.h>
#include <stdlib.h>

#include "channels/conformance/inner.h"

enum { SAID_BYTES_MAX = 1 << 20, GRACE_MS = 2000, STDERR_KEPT = 2000 };

static void say(struct conf *k, json_t *v) {
    char *text = json_text(v);
    struct buf b = {0};
    buf_addf(&b, "%s\n", text);
    if (k->driver && !k->driver_gone)
        child_write(k->driver, buf_span(&b));
    buf_free(&b);
    free(text);
    json_decref(v);
}

static void on_said(struct conf *k, const json_t *v, struct span line) {
    const char *answer = json_str(v, "answer", NULL);
    if (json_flag(v, "ready", false))
        k->driver_ready = true;
    if (answer) {
        k->answer = !strcmp(answer, "accepted")  ? CONF_ACCEPTED
                    : !strcmp(answer, "later")   ? CONF_LATER
                    : !strcmp(answer, "refused") ? CONF_REFUSED
                                                 : CONF_OTHER;
        if (k->answer == CONF_ACCEPTED && !k->stored_n)
            k->early++;
        snprintf(k->answer_text, sizeof k->answer_text, "%.300s", json_str(v, "text", ""));
    }
    if (json_object_get(v, "sent")) {
        struct buf copy = {0};
        buf_add(&copy, line.p, line.n);
        k->saw_send = true;
        k->sends_n++;
        struct buf quoted = {0};
        conf_expand(k, "{text:json}", &quoted);
        k->saw_text = k->saw_text || (quoted.n && strstr(copy.p, quoted.p));
        k->saw_file = k->saw_file || json_flag(json_object_get(v, "sent"), "file", false);
        snprintf(k->send_key, sizeof k->send_key, "%s",
                 json_str(json_object_get(v, "sent"), "key", ""));
        buf_free(&copy);
        buf_free(&quoted);
    }
}

static void on_line(void *arg, int fd, struct span line) {
    struct conf *k = arg;
    json_t *v = fd == 1 ? json_parse(line, SAID_BYTES_MAX, NULL) : NULL;
    if (json_is_object(v))
        on_said(k, v, line);
    else if (k->driver_err.n < STDERR_KEPT)
        buf_addf(&k->driver_err, "%.*s\n", (int)(line.n < 400 ? line.n : 400), line.p);
    json_decref(v);
}

static void on_ended(void *arg, int64_t status, int signal) {
    struct conf *k = arg;
    (void)status, (void)signal;
    k->driver_gone = true;
    if (k->driver) /* it ended by itself */
        child_end(&k->driver, 0);
}

static bool is_ready(const struct conf *k) {
    return k->driver_ready || k->driver_gone;
}

int conf_driver_start(struct conf *k, const char *command, struct fault *f) {
    const char *const argv[] = {"sh", "-c", command, NULL};
    struct child_options o = {.argv = argv,
                              .cwd = k->here,
                              .on_line = on_line,
                              .on_exit = on_ended,
                              .arg = k,
                              .line_max = SAID_BYTES_MAX};
    k->driver = child_spawn(k->loop, &o, f);
    if (!k->driver)
        return f->code;
    json_t *options = conf_expand_json(k, json_object_get(k->script, "options"));
    say(k, json_pack("{s:s,s:o}", "do", "start", "options", options));
    if (conf_expect(k, is_ready) && !k->driver_gone)
        return 0;
    return fault_set(f, ERR_UNAVAILABLE, "the driver \"%.200s\" %s. It said: %.200s", command,
                     k->driver_gone ? "ended" : "was not ready in time",
                     k->driver_err.n ? k->driver_err.p : "nothing");
}

void conf_driver_inject(struct conf *k, const char *what) {
    struct buf file = {0};
    conf_encode("base64", buf_span(&k->file), &file);
    say(k, json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "do", "inject", "what", what, "id",
                     conf_var(k, "id"), "sender", conf_var(k, "sender"), "text",
                     conf_var(k, "text"), "external", conf_var(k, "external"), "file",
                     !strcmp(what, "attachment") ? file.p : ""));
    buf_free(&file);
}

void conf_driver_mode(struct conf *k, const char *mode) {
    k->driver_ready = false;
    say(k, json_pack("{s:s,s:s}", "do", "answer", "as", mode));
    conf_expect(k, is_ready);
}

static bool is_gone(const struct conf *k) {
    return k->driver_gone;
}

void conf_driver_end(struct conf *k) {
    if (k->driver) {
        child_end(&k->driver, GRACE_MS);
        conf_wait(k, is_gone, GRACE_MS * 2);
    }
    buf_free(&k->driver_err);
}
