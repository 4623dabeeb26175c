/* SPDX-License-Identifier: EUPL-1.2 */
/* spawn: where the program is, and what it gets from us: words, a clean environment, limits. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "channels/exec/exec_private.h"

#define WORDS_MAX 60

static const char *env_line(struct arena *a, const char *name, const char *fallback) {
    const char *v = getenv(name);
    return arena_printf(a, "%s=%s", name, v ? v : fallback);
}

/* lib/draht beside our bin, so that programs that came with Draht are found by their name. */
static const char *find(struct arena *a, const char *name) {
    char self[PATH_MAX];
    ssize_t n = strchr(name, '/') ? -1 : readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0)
        return name;
    self[n] = 0;
    for (int i = 0; i < 2; i++) {
        char *slash = strrchr(self, '/');
        if (slash)
            *slash = 0;
    }
    const char *path = arena_printf(a, "%s/lib/draht/%s", self, name);
    return access(path, X_OK) == 0 ? path : name;
}

int exec_spawn(struct loop *l, const json_t *options, const char *spool, struct child_options *o,
               struct child **out, struct fault *f) {
    struct arena *a = arena_new();
    const json_t *command = json_object_get(options, "command");
    const char *argv[WORDS_MAX + 5];
    size_t n = 0, words = json_array_size(command);
    argv[n++] = arena_printf(a, "/proc/%d/exe", (int)getpid()); /* setpriv stands between us */
    argv[n++] = EXEC_HELPER_ARG;
    argv[n++] = arena_printf(a, "%lld", (long long)json_int(options, "memory_mb", 512));
    argv[n++] = arena_printf(a, "%lld", (long long)json_int(options, "processes", 128));
    for (size_t i = 0; i < words && i < WORDS_MAX; i++) {
        const char *w = json_string_value(json_array_get(command, i));
        argv[n++] = i == 0 ? find(a, w ? w : "") : w ? w : "";
    }
    argv[n] = NULL;
    const char *env[] = {env_line(a, "PATH", "/usr/local/bin:/usr/bin:/bin"),
                         env_line(a, "LANG", "C.UTF-8"), env_line(a, "HOME", "/"),
                         arena_printf(a, "TMPDIR=%s", spool && *spool ? spool : "/tmp"), NULL};
    o->argv = argv;
    o->env = env;
    o->has_group = true;
    o->line_max = EXEC_STDERR_LINE_BYTES;
    *out = child_spawn(l, o, f);
    o->argv = NULL;
    o->env = NULL;
    arena_free(&a);
    return *out ? 0 : f->code;
}

bool exec_can_run(const json_t *options) {
    const char *name = json_string_value(json_array_get(json_object_get(options, "command"), 0));
    struct arena *a = arena_new();
    const char *path = find(a, name ? name : "");
    bool can = strchr(path, '/') && access(path, X_OK) == 0;
    const char *all = getenv("PATH");
    struct span rest = span_str(all && !strchr(path, '/') ? all : NULL);
    while (!can && rest.p) {
        struct span folder = span_cut(&rest, ':');
        can = access(arena_printf(a, "%.*s/%s", (int)folder.n, folder.p, path), X_OK) == 0;
    }
    arena_free(&a);
    return can;
}
