/* SPDX-License-Identifier: EUPL-1.2 */
/* child: a supervised process (embedded redis-server, exec channels): pipes, restart left to the
 * owner, ended with SIGTERM and after grace_ms with SIGKILL; dies with us (PR_SET_PDEATHSIG via
 * setpriv-like wrapper is not used; see .c). */
#ifndef DRAHT_NET_CHILD_H
#define DRAHT_NET_CHILD_H

#include "gateway/base/error.h"
#include "gateway/base/span.h"
#include "gateway/net/loop.h"

struct child;
struct child_options {
    const char *const *argv; /* argv[0] is searched in PATH */
    const char *const
        *env; /* NULL-terminated; NULL: PATH, LANG and HOME only. No inherited secrets. */
    const char *cwd;
    void (*on_line)(void *arg, int fd,
                    struct span line); /* fd 1 or 2, without LF, at most line_max */
    void (*on_exit)(void *arg, int64_t status, int signal);
    void *arg;
    size_t line_max; /* 0: 65,536; longer lines are cut */
    /* Given: fd 1 comes here as it arrives and not as lines. */
    void (*on_bytes)(void *arg, struct span bytes);
    /* A session and process group of its own: TERM and KILL reach all of it, and what is left of it
     * when the process has ended is killed. */
    bool has_group;
};
struct child *child_spawn(struct loop *l, const struct child_options *o, struct fault *f);
int child_pid(const struct child *c);
/* stdin, copied. ERR_LIMIT: more than 4 MiB would wait, ERR_CLOSED: stdin is closed; nothing was
 * taken. */
int child_write(struct child *c, struct span bytes);
void child_read_stop(struct child *c); /* nothing more from fd 1 until child_read_start */
void child_read_start(struct child *c);
void child_close_stdin(struct child *c); /* after what was written before */
/* TERM, then KILL after grace_ms; on_exit is called (once); then released. Sets NULL. */
void child_end(struct child **c, uint32_t grace_ms);

#endif
