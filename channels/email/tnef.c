/* SPDX-License-Identifier: EUPL-1.2 */
/* tnef: the parent's side. The child is this program again with TNEF_HELPER_ARG; it answers with
 * one line a file, "name SP content", both base64url, and "." when it got to the end. */
#include "channels/email/tnef.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/base/crypto.h"
#include "gateway/net/child.h"

#define UNPACK_TIMEOUT_MS 10000
#define LINE_BYTES_MAX ((size_t)64 * 1024 * 1024)

struct unpack {
    struct loop *loop;
    struct mail *mail;
    struct child *child;
    struct loop_timer *timer;
    size_t next; /* part to look at */
    bool saw_end;
    void (*done)(void *arg);
    void *arg;
};

static void next_part(struct unpack *u);

static struct span decoded(struct arena *a, struct span b64) {
    uint8_t *p = arena_alloc(a, b64.n + 1);
    int n = crypto_b64url_decode(b64, p, b64.n + 1);
    return n < 0 ? SPAN_NONE : (struct span){(const char *)p, (size_t)n};
}

static void child_line(void *arg, int fd, struct span line) {
    struct unpack *u = arg;
    if (fd != 1 || u->saw_end)
        return;
    if (span_eq(line, ".")) {
        u->saw_end = true;
        return;
    }
    struct span rest = line, name = span_cut(&rest, ' ');
    struct span bytes = rest.p ? decoded(u->mail->arena, rest) : SPAN_NONE;
    if (!bytes.p)
        return;
    struct mail_part *p = mail_add_part(u->mail);
    if (!p)
        return;
    p->name = mail_safe_name(u->mail->arena, decoded(u->mail->arena, name), "anhang");
    p->type = SPAN("application/octet-stream");
    p->bytes = bytes;
}

static void child_ended(void *arg, int64_t status, int signal) {
    struct unpack *u = arg;
    if (status != 0 || signal != 0 || !u->saw_end)
        mail_warn(u->mail, "winmail-unreadable");
    loop_timer_stop(&u->timer);
    if (u->child)
        child_end(&u->child, 0);
    next_part(u);
}

static void too_slow(void *arg) {
    struct unpack *u = arg;
    loop_timer_stop(&u->timer);
    kill(child_pid(u->child), SIGKILL);
}

static void spawn_failed(void *arg) {
    struct unpack *u = arg;
    mail_warn(u->mail, "winmail-unreadable");
    next_part(u);
}

static void run(struct unpack *u, struct span tnef) {
    char self[32]; /* not /proc/self: a wrapper stands between us and the helper */
    snprintf(self, sizeof self, "/proc/%d/exe", (int)getpid());
    const char *argv[] = {self, TNEF_HELPER_ARG, NULL};
    struct child_options o = {.argv = argv,
                              .on_line = child_line,
                              .on_exit = child_ended,
                              .arg = u,
                              .line_max = LINE_BYTES_MAX};
    struct fault f = {0};
    u->saw_end = false;
    u->child = child_spawn(u->loop, &o, &f);
    if (!u->child) {
        loop_soon(u->loop, spawn_failed, u);
        return;
    }
    u->timer = loop_timer(u->loop, UNPACK_TIMEOUT_MS, 0, too_slow, u);
    child_write(u->child, tnef);
    child_close_stdin(u->child);
}

static void next_part(struct unpack *u) {
    while (u->next < u->mail->parts_n) {
        const struct mail_part *p = &u->mail->parts[u->next++];
        if (!p->is_tnef)
            continue;
        run(u, p->bytes);
        return;
    }
    void (*done)(void *) = u->done;
    void *arg = u->arg;
    free(u);
    done(arg);
}

void tnef_unpack(struct loop *l, struct mail *m, void (*done)(void *arg), void *arg) {
    struct unpack *u = xcalloc(1, sizeof *u);
    *u = (struct unpack){.loop = l, .mail = m, .done = done, .arg = arg};
    next_part(u);
}
