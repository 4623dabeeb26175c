/* SPDX-License-Identifier: EUPL-1.2 */
/* crash: a process of its own that opens the channel and ends in mid-send, as Draht would by a
 * fault of the machine. What it kept is on disk after each change, as the store's is. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "channels/conformance/inner.h"

enum { LENGTHS = 2, REPORT_BYTES_MAX = 1 << 26 };

/* A record of the report: what it is, the length of its name, the length of its value, both. */
static void add(struct buf *b, char what, const char *name, struct span value) {
    uint32_t lengths[LENGTHS] = {(uint32_t)strlen(name), (uint32_t)value.n};
    buf_add(b, &what, 1);
    buf_add(b, lengths, sizeof lengths);
    buf_adds(b, name);
    buf_add(b, value.p ? value.p : "", value.n);
}

static void path_of(const struct conf *k, const char *end, char out[96]) {
    snprintf(out, 96, "%s/crash%s", k->dir, end);
}

static void report(struct conf *k, const char *fault) {
    struct buf b = {0};
    char part[96], whole[96];
    add(&b, 'f', fault, SPAN(""));
    add(&b, 'k', k->send_key, SPAN(""));
    for (const struct conf_entry *e = k->states; e; e = e->next)
        add(&b, 's', e->key, buf_span(&e->value));
    for (const struct conf_entry *e = k->blobs; e; e = e->next)
        add(&b, 'b', e->key, buf_span(&e->value));
    path_of(k, ".part", part);
    path_of(k, "", whole);
    FILE *f = fopen(part, "we");
    bool is_whole = f && fwrite(b.p, 1, b.n, f) == b.n;
    if (f && fclose(f) == 0 && is_whole)
        rename(part, whole);
    buf_free(&b);
}

void conf_crash_note(struct conf *k) {
    if (k->is_doomed)
        report(k, "");
}

/* ---- the process that ends */

__attribute__((noreturn)) static void give_up(struct conf *k, const char *fault) {
    report(k, fault);
    _exit(1);
}

static bool never(const struct conf *k) {
    (void)k;
    return false;
}

__attribute__((noreturn)) static void live_and_end(struct conf *k, const char *text) {
    setpgid(0, 0);
    k->loop = loop_new(); /* the other one belongs to the process that goes on */
    k->transfers = transfers_new(k->loop);
    k->is_doomed = true;
    report(k, "it did not get as far as sending");
    if (!conf_ready(k))
        give_up(k, k->text);
    report(k, "nothing was sent in time");
    conf_send(k, text, false);
    bool is_sent = conf_wait(k, k->driver ? conf_settled : conf_sending, k->patience_ms);
    report(k, k->driver && is_sent ? "the verdict came before the provider's" : "");
    if (!is_sent && !k->driver)
        give_up(k, "nothing was sent in time");
    if (!k->driver && !k->saw_send && k->tokens->verdict != DRAHT_SENT)
        give_up(k, k->tokens->reason);
    if (k->driver) /* the driver tells the other process, which ends this one */
        conf_wait(k, never, k->patience_ms);
    raise(SIGKILL);
    _exit(1);
}

/* ---- the process that goes on */

static void entries_forget(struct conf_entry **list) {
    while (*list) {
        struct conf_entry *e = *list;
        *list = e->next;
        free(e->key);
        buf_free(&e->value);
        free(e);
    }
}

static void take(struct conf *k, char what, const char *name, struct span value,
                 char fault[CONF_TEXT_BYTES]) {
    if (what == 'f')
        snprintf(fault, CONF_TEXT_BYTES, "%s", name);
    else if (what == 'k' && !k->driver) /* a driver told this process itself */
        snprintf(k->send_key, sizeof k->send_key, "%s", name);
    else if (what == 's' || what == 'b')
        buf_add(&conf_entry_new(what == 's' ? &k->states : &k->blobs, name)->value, value.p,
                value.n);
}

static void read_records(struct conf *k, struct span rest, char fault[CONF_TEXT_BYTES]) {
    uint32_t lengths[LENGTHS];
    while (rest.n > sizeof lengths) {
        char what = rest.p[0];
        memcpy(lengths, rest.p + 1, sizeof lengths);
        const char *name = rest.p + 1 + sizeof lengths;
        size_t n = 1 + sizeof lengths + lengths[0] + lengths[1];
        if (n > rest.n)
            return;
        char *own = xstrndup(name, lengths[0]);
        take(k, what, own, (struct span){name + lengths[0], lengths[1]}, fault);
        free(own);
        rest = (struct span){rest.p + n, rest.n - n};
    }
}

/* What was kept becomes ours. */
static void take_over(struct conf *k, char fault[CONF_TEXT_BYTES]) {
    char path[96], part[4096];
    struct buf all = {0};
    path_of(k, "", path);
    FILE *f = fopen(path, "re");
    for (size_t n; f && all.n < REPORT_BYTES_MAX && (n = fread(part, 1, sizeof part, f)) > 0;)
        buf_add(&all, part, n);
    if (f)
        fclose(f);
    entries_forget(&k->states);
    entries_forget(&k->blobs);
    read_records(k, buf_span(&all), fault);
    buf_free(&all);
    unlink(path);
}

static pid_t doomed;
static int doomed_status;

static bool is_over(const struct conf *k) {
    if (doomed > 0 && waitpid(doomed, &doomed_status, WNOHANG) == doomed)
        doomed = 0;
    return !doomed || (k->driver && (k->saw_send || k->driver_gone));
}

bool conf_crash(struct conf *k, const char *text) {
    char fault[CONF_TEXT_BYTES] = "it left no report";
    k->saw_send = false;
    k->send_key[0] = 0;
    fflush(NULL);
    doomed = fork();
    if (doomed == 0)
        live_and_end(k, text);
    pid_t pid = doomed;
    if (pid < 0) {
        doomed = 0;
        conf_fail(k, "no further process can be started");
        return false;
    }
    conf_wait(k, is_over, k->patience_ms * 3);
    kill(pid, SIGKILL);
    if (doomed > 0)
        waitpid(pid, &doomed_status, 0);
    kill(-pid, SIGKILL); /* what it had started */
    doomed = 0;
    take_over(k, fault);
    bool is_hit = k->driver ? k->saw_send : WIFSIGNALED(doomed_status) && !fault[0];
    if (!is_hit)
        conf_fail(k, "a second Draht was to end in mid-send, but %.400s",
                  fault[0] ? fault : "the provider never got the message");
    return is_hit;
}
