/* SPDX-License-Identifier: EUPL-1.2 */
/* helper: the last step before a program of the operator: limits, no open files of ours, then exec.
 * It is Draht's own binary, because between fork and exec there is no hook in libuv. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <linux/close_range.h>
#include <unistd.h>

#include "channels/exec/exec.h"

#define FILES_MAX 256
#define EXIT_NOT_FOUND 127

static void limit(__rlimit_resource_t what, rlim_t most) {
    struct rlimit r = {most, most};
    setrlimit(what, &r);
}

int exec_helper_main(int argc, char **argv) {
    if (argc < 5) {
        fputs("draht: the helper for programs takes: memory_mb processes program...\n", stderr);
        return EXIT_NOT_FOUND;
    }
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NOFILE, FILES_MAX);
    limit(RLIMIT_NPROC, (rlim_t)strtoul(argv[3], NULL, 10));
    limit(RLIMIT_DATA, (rlim_t)strtoul(argv[2], NULL, 10) << 20);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    signal(SIGPIPE, SIG_DFL);
    umask(077);
    if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        for (int fd = 3; fd < FILES_MAX; fd++)
            fcntl(fd, F_SETFD, FD_CLOEXEC);
    execvp(argv[4], argv + 4);
    fprintf(stderr, "%s: %s\n", argv[4], strerror(errno));
    _exit(EXIT_NOT_FOUND); /* nothing of ours is to run under these limits */
}
