/* SPDX-License-Identifier: EUPL-1.2 */
/* child: libuv spawns; util-linux' setpriv goes before the program, where it is installed, so that
 * the kernel ends the child when we are killed (libuv has no hook between fork and exec). */
#include "gateway/net/child.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/base/arena.h"
#include "gateway/base/buf.h"

#define ARGS_MAX 64
#define LINE_BYTES_MAX_DEFAULT 65536
#define READ_BYTES 8192
#define STDIN_QUEUE_BYTES_MAX ((size_t)4 << 20)
#define LEFT_OPEN_MS 1000 /* for outputs that a stray grandchild keeps open */

struct output {
    uv_pipe_t uv;
    struct child *child;
    int fd;
    struct buf line;
    bool is_cut; /* the rest of this line is dropped */
    char in[READ_BYTES];
};

struct child {
    uv_process_t process;
    uv_pipe_t input;
    uv_shutdown_t input_end;
    struct output out[2];
    struct loop *loop;
    struct loop_timer *kill;
    void (*on_line)(void *arg, int fd, struct span line);
    void (*on_exit)(void *arg, int64_t status, int signal);
    void (*on_bytes)(void *arg, struct span bytes);
    void *arg;
    size_t line_max;
    int handles, pid, signal;
    int64_t status;
    bool has_exited, ending, has_group;
};

struct input_write {
    uv_write_t uv;
    char bytes[];
};

static void say_line(struct output *o) {
    size_t n = o->line.n;
    if (n > 0 && o->line.p[n - 1] == '\r')
        n--;
    if (o->child->on_line)
        o->child->on_line(o->child->arg, o->fd, (struct span){o->line.p ? o->line.p : "", n});
    buf_clear(&o->line);
    o->is_cut = false;
}

static void release(void *arg) {
    struct child *c = arg;
    buf_free(&c->out[0].line);
    buf_free(&c->out[1].line);
    free(c);
}

/* on_exit comes after the last line: when the process has ended and both outputs are closed. */
static void handle_gone(uv_handle_t *h) {
    struct child *c = h->data;
    if (--c->handles > 0)
        return;
    loop_timer_stop(&c->kill);
    bool was_ending = c->ending;
    if (c->has_exited && c->on_exit)
        c->on_exit(c->arg, c->status, c->signal);
    if (was_ending)
        release(c); /* else child_end does it, perhaps from inside on_exit */
}

static void shut(struct child *c, uv_handle_t *h) {
    if (uv_is_closing(h))
        return;
    h->data = c;
    uv_close(h, handle_gone);
}

static void give_room(uv_handle_t *h, size_t want, uv_buf_t *b) {
    struct output *o = h->data;
    (void)want;
    *b = uv_buf_init(o->in, sizeof o->in);
}

static void take_bytes(struct output *o, struct span bytes) {
    struct span rest = bytes;
    while (rest.n > 0) {
        const char *lf = memchr(rest.p, '\n', rest.n);
        size_t n = lf ? (size_t)(lf - rest.p) : rest.n;
        size_t room = o->child->line_max - o->line.n;
        if (!o->is_cut)
            buf_add(&o->line, rest.p, n < room ? n : room);
        if (n > room)
            o->is_cut = true;
        if (!lf)
            return;
        say_line(o);
        rest = (struct span){lf + 1, rest.n - n - 1};
    }
}

static void output_came(uv_stream_t *s, ssize_t n, const uv_buf_t *b) {
    struct output *o = s->data;
    if (n > 0 && o->fd == 1 && o->child->on_bytes) {
        o->child->on_bytes(o->child->arg, (struct span){b->base, (size_t)n});
    } else if (n > 0) {
        take_bytes(o, (struct span){b->base, (size_t)n});
    } else if (n < 0) {
        if (o->line.n > 0)
            say_line(o);
        shut(o->child, (uv_handle_t *)s);
    }
}

static void signal_all(struct child *c, int number) {
    if (!c->has_group || kill(-c->pid, number) < 0)
        uv_process_kill(&c->process, number);
}

static void left_open(void *arg) {
    struct child *c = arg;
    loop_timer_stop(&c->kill);
    shut(c, (uv_handle_t *)&c->out[0].uv);
    shut(c, (uv_handle_t *)&c->out[1].uv);
}

static void exited(uv_process_t *p, int64_t status, int signal) {
    struct child *c = p->data;
    c->has_exited = true;
    c->status = status;
    c->signal = signal;
    loop_timer_stop(&c->kill);
    shut(c, (uv_handle_t *)&c->input);
    shut(c, (uv_handle_t *)&c->process);
    /* A grandchild may hold the outputs open: the owner waits for the child only. */
    if (c->has_group)
        kill(-c->pid, SIGKILL);
    if (c->ending)
        left_open(c);
    else if (c->has_group)
        c->kill = loop_timer(c->loop, LEFT_OPEN_MS, 0, left_open, c);
}

/* Where setpriv is in PATH's usual places, or NULL. */
static const char *find_setpriv(void) {
    static const char *const places[] = {"/usr/bin/setpriv", "/bin/setpriv", "/usr/sbin/setpriv"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (access(places[i], X_OK) == 0)
            return places[i];
    return NULL;
}

static const char *const *basic_env(char store[3][512], const char *env[4]) {
    static const char *const names[] = {"PATH", "LANG", "HOME"};
    size_t n = 0;
    for (size_t i = 0; i < 3; i++) {
        const char *v = getenv(names[i]);
        if (!v || strlen(v) > 500)
            continue;
        snprintf(store[n], sizeof store[n], "%s=%s", names[i], v);
        env[n] = store[n];
        n++;
    }
    env[n] = NULL;
    return env;
}

static int spawn(struct child *c, const struct child_options *o, const char *const *args) {
    char store[3][512];
    const char *env[4];
    uv_stdio_container_t io[3];
    io[0] = (uv_stdio_container_t){.flags = UV_CREATE_PIPE | UV_READABLE_PIPE,
                                   .data.stream = (uv_stream_t *)&c->input};
    for (int i = 0; i < 2; i++)
        io[i + 1] = (uv_stdio_container_t){.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
                                           .data.stream = (uv_stream_t *)&c->out[i].uv};
    const char *const *child_env = o->env ? o->env : basic_env(store, env);
    uv_process_options_t p = {.file = args[0],
                              .args = (char **)(uintptr_t)args,
                              .env = (char **)(uintptr_t)child_env,
                              .cwd = o->cwd,
                              .flags = o->has_group ? UV_PROCESS_DETACHED : 0,
                              .exit_cb = exited,
                              .stdio_count = 3,
                              .stdio = io};
    return uv_spawn(loop_uv(c->loop), &c->process, &p);
}

static void prepare(struct child *c, struct loop *l, const struct child_options *o) {
    c->loop = l;
    c->on_line = o->on_line;
    c->on_exit = o->on_exit;
    c->on_bytes = o->on_bytes;
    c->has_group = o->has_group;
    c->arg = o->arg;
    c->line_max = o->line_max ? o->line_max : LINE_BYTES_MAX_DEFAULT;
    uv_pipe_init(loop_uv(l), &c->input, 0);
    for (int i = 0; i < 2; i++) {
        uv_pipe_init(loop_uv(l), &c->out[i].uv, 0);
        c->out[i].child = c;
        c->out[i].fd = i + 1;
        c->out[i].uv.data = &c->out[i];
    }
    c->process.data = c;
    c->handles = 4;
}

struct child *child_spawn(struct loop *l, const struct child_options *o, struct fault *f) {
    const char *args[ARGS_MAX + 5];
    size_t n = 0, given = 0;
    while (o->argv[given])
        given++;
    if (given == 0 || given > ARGS_MAX) {
        fault_set(f, ERR_INVALID, "a program with 1 to %d words is needed", ARGS_MAX);
        return NULL;
    }
    const char *setpriv = find_setpriv();
    if (setpriv) {
        args[n++] = setpriv;
        args[n++] = "--pdeathsig";
        args[n++] = "TERM";
        args[n++] = "--";
    }
    memcpy(args + n, o->argv, (given + 1) * sizeof *args);
    struct child *c = xcalloc(1, sizeof *c);
    prepare(c, l, o);
    int rc = spawn(c, o, args);
    if (rc == 0) {
        c->pid = c->process.pid;
        for (int i = 0; i < 2; i++)
            uv_read_start((uv_stream_t *)&c->out[i].uv, give_room, output_came);
        return c;
    }
    fault_set(f, rc, "cannot start %s: %s", o->argv[0], uv_strerror(rc));
    c->ending = true;
    shut(c, (uv_handle_t *)&c->process);
    shut(c, (uv_handle_t *)&c->input);
    shut(c, (uv_handle_t *)&c->out[0].uv);
    shut(c, (uv_handle_t *)&c->out[1].uv);
    return NULL;
}

int child_pid(const struct child *c) {
    return c->pid;
}

static void input_written(uv_write_t *w, int status) {
    (void)status;
    free(w->data);
}

int child_write(struct child *c, struct span bytes) {
    uv_stream_t *in = (uv_stream_t *)&c->input;
    if (uv_is_closing((uv_handle_t *)in))
        return ERR_CLOSED;
    if (bytes.n == 0)
        return 0;
    if (uv_stream_get_write_queue_size(in) + bytes.n > STDIN_QUEUE_BYTES_MAX)
        return ERR_LIMIT;
    struct input_write *w = xcalloc(1, sizeof *w + bytes.n);
    memcpy(w->bytes, bytes.p, bytes.n);
    w->uv.data = w;
    uv_buf_t b = uv_buf_init(w->bytes, (unsigned)bytes.n);
    if (uv_write(&w->uv, in, &b, 1, input_written) == 0)
        return 0;
    free(w);
    return ERR_CLOSED;
}

void child_read_stop(struct child *c) {
    uv_read_stop((uv_stream_t *)&c->out[0].uv);
}

void child_read_start(struct child *c) {
    if (!uv_is_closing((uv_handle_t *)&c->out[0].uv))
        uv_read_start((uv_stream_t *)&c->out[0].uv, give_room, output_came);
}

static void input_ended(uv_shutdown_t *r, int status) {
    struct child *c = r->data;
    if (status != UV_ECANCELED) /* else it is being closed already */
        shut(c, (uv_handle_t *)&c->input);
}

void child_close_stdin(struct child *c) {
    if (uv_is_closing((uv_handle_t *)&c->input) || c->input_end.data)
        return;
    c->input_end.data = c;
    if (uv_shutdown(&c->input_end, (uv_stream_t *)&c->input, input_ended) < 0)
        shut(c, (uv_handle_t *)&c->input);
}

static void grace_passed(void *arg) {
    struct child *c = arg;
    signal_all(c, SIGKILL);
}

void child_end(struct child **c, uint32_t grace_ms) {
    if (!*c)
        return;
    struct child *me = *c;
    *c = NULL;
    me->ending = true;
    if (me->handles == 0) { /* on_exit ran before, perhaps we are in it */
        loop_soon(me->loop, release, me);
        return;
    }
    if (me->has_exited) {
        left_open(me);
        return;
    }
    signal_all(me, SIGTERM);
    me->kill = loop_timer(me->loop, grace_ms, 0, grace_passed, me);
}
