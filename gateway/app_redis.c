/* SPDX-License-Identifier: EUPL-1.2 */
/* app_redis: see the header. A terminal's Ctrl-C must not reach the store before the gateway has
 * drained, so the child gets a session of its own. */
#include "gateway/app_redis.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "gateway/base/arena.h"
#include "gateway/base/log.h"
#include "gateway/net/child.h"

#define GRACE_MS 8000
#define LEFT_OVER_MS 10000
#define BACKOFF_FIRST_MS 50
#define BACKOFF_MAX_MS 5000
#define STEADY_MS 60000

struct app_redis {
    struct loop *loop;
    char *dir, *socket, *address, *pid_file;
    struct child *child;
    struct loop_timer *again;
    uint32_t backoff_ms;
    uint64_t started_ms;
    bool is_stopping;
    void (*done)(void *arg);
    void *arg;
};

static char *join(const char *a, const char *b) {
    size_t n = strlen(a) + strlen(b) + 1;
    char *s = xcalloc(1, n);
    snprintf(s, n, "%s%s", a, b);
    return s;
}

/* Whether pid is a redis-server that works in our folder: its folder is nobody else's. */
static bool is_ours(const struct app_redis *r, long pid) {
    char link[64], cwd[PATH_MAX], dir[PATH_MAX];
    snprintf(link, sizeof link, "/proc/%ld/cwd", pid);
    ssize_t n = readlink(link, cwd, sizeof cwd - 1);
    if (n <= 0 || !realpath(r->dir, dir))
        return false;
    cwd[n] = 0;
    return strcmp(cwd, dir) == 0;
}

static int end_left_over(struct app_redis *r, struct fault *f) {
    FILE *file = fopen(r->pid_file, "re");
    char line[32] = "";
    if (!file)
        return 0;
    char *got = fgets(line, sizeof line, file);
    fclose(file);
    long pid = got ? strtol(line, NULL, 10) : 0;
    if (pid <= 1 || !is_ours(r, pid))
        return 0;
    log_warn("redis.left_over", "pid=%ld ended before a new one starts", pid);
    kill((pid_t)pid, SIGTERM);
    for (int waited = 0; waited < LEFT_OVER_MS && is_ours(r, pid); waited += 5)
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    if (is_ours(r, pid))
        return fault_set(f, ERR_CONFLICT,
                         "another redis-server (pid %ld) works in %s and does not end", pid,
                         r->dir);
    return 0;
}

static void on_line(void *arg, int fd, struct span line) {
    (void)arg;
    (void)fd;
    log_debug("redis.says", "%.*s", (int)(line.n > 300 ? 300 : line.n), line.p);
}

static void start_again(void *arg);

static void on_exit_(void *arg, int64_t status, int signal) {
    struct app_redis *r = arg;
    if (r->is_stopping) {
        unlink(r->pid_file);
        if (r->done)
            r->done(r->arg);
        return;
    }
    child_end(&r->child, 0);
    if (uv_now(loop_uv(r->loop)) - r->started_ms > STEADY_MS)
        r->backoff_ms = BACKOFF_FIRST_MS;
    log_error("redis.ended", "status=%lld signal=%d, started again in %u ms", (long long)status,
              signal, r->backoff_ms);
    loop_timer_stop(&r->again);
    r->again = loop_timer(r->loop, r->backoff_ms, 0, start_again, r);
    r->backoff_ms = r->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : r->backoff_ms * 2;
}

/* What waits to be sent stands in sorted sets that change with each message; as a list (128 by
 * default) each change would walk through it. */
static int spawn(struct app_redis *r, struct fault *f) {
    const char *all[] = {"/usr/bin/setsid",
                         "redis-server",
                         "--port",
                         "0",
                         "--unixsocket",
                         r->socket,
                         "--unixsocketperm",
                         "700",
                         "--dir",
                         r->dir,
                         "--appendonly",
                         "yes",
                         "--appendfsync",
                         "always",
                         "--save",
                         "",
                         "--daemonize",
                         "no",
                         "--pidfile",
                         r->pid_file,
                         "--aof-use-rdb-preamble",
                         "yes",
                         "--auto-aof-rewrite-percentage",
                         "100",
                         "--auto-aof-rewrite-min-size",
                         "64mb",
                         "--maxmemory-policy",
                         "noeviction",
                         "--no-appendfsync-on-rewrite",
                         "no",
                         "--loglevel",
                         "warning",
                         "--zset-max-listpack-entries",
                         "32",
                         NULL};
    const char *const *argv = access(all[0], X_OK) == 0 ? all : all + 1;
    struct child_options o = {
        .argv = argv, .cwd = r->dir, .on_line = on_line, .on_exit = on_exit_, .arg = r};
    r->started_ms = uv_now(loop_uv(r->loop));
    mode_t old = umask(077); /* the store's files are nobody else's to read */
    r->child = child_spawn(r->loop, &o, f);
    umask(old);
    return r->child ? 0 : ERR_UNAVAILABLE;
}

static void start_again(void *arg) {
    struct app_redis *r = arg;
    struct fault f = {0};
    loop_timer_stop(&r->again);
    if (spawn(r, &f) == 0)
        return;
    log_error("redis.start", "%s", f.text);
    r->again = loop_timer(r->loop, BACKOFF_MAX_MS, 0, start_again, r);
}

static int prepare(struct app_redis *r, struct fault *f) {
    if (mkdir(r->dir, 0700) < 0 && errno != EEXIST)
        return fault_set(f, -errno, "cannot make %s: %s", r->dir, strerror(errno));
    if (strlen(r->socket) >= sizeof((struct sockaddr_un *)0)->sun_path)
        return fault_set(f, ERR_TOO_LARGE,
                         "%s: the path is too long for a unix socket; choose a shorter state_dir",
                         r->socket);
    return end_left_over(r, f);
}

struct app_redis *app_redis_start(struct loop *l, const char *state_dir, struct fault *f) {
    struct app_redis *r = xcalloc(1, sizeof *r);
    r->loop = l;
    r->backoff_ms = BACKOFF_FIRST_MS;
    r->dir = join(state_dir, "/redis");
    r->socket = join(r->dir, "/redis.sock");
    r->address = join("unix:", r->socket);
    r->pid_file = join(r->dir, "/redis.pid");
    if (prepare(r, f) < 0 || spawn(r, f) < 0)
        app_redis_free(&r);
    return r;
}

const char *app_redis_address(const struct app_redis *r) {
    return r->address;
}

void app_redis_stop(struct app_redis *r, void (*done)(void *arg), void *arg) {
    r->is_stopping = true;
    r->done = done;
    r->arg = arg;
    loop_timer_stop(&r->again);
    if (r->child)
        child_end(&r->child, GRACE_MS);
    else
        loop_soon(r->loop, done, arg);
}

void app_redis_kill(struct app_redis *r) {
    if (r->child)
        kill(child_pid(r->child), SIGTERM);
}

void app_redis_free(struct app_redis **rp) {
    struct app_redis *r = *rp;
    if (!r)
        return;
    free(r->dir);
    free(r->socket);
    free(r->address);
    free(r->pid_file);
    free(r);
    *rp = NULL;
}
