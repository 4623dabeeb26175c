/* SPDX-License-Identifier: EUPL-1.2 */
/* cli_channel_log: reads the file, not the gateway, so that it also answers when the gateway is
 * down, which is when people look. */
#include "gateway/cli_channel_log.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "channels/host_log.h"
#include "gateway/app_private.h"
#include "gateway/cli.h"

#define LINES 50
#define LINES_MAX 1000000
#define LOOK_AGAIN_NS 200000000L
#define LINE_BYTES_MAX 65536

struct log_view {
    const char *id;
    struct app_options app;
    unsigned long long lines;
    bool follows, as_json;
};

static int usage(const char *text) {
    fprintf(stderr, "draht channel log: %s; see draht channel --help\n", text);
    return CLI_USAGE;
}

static void show(const struct log_view *v, const char *line, size_t n) {
    json_t *o = v->as_json ? NULL : json_parse((struct span){line, n}, LINE_BYTES_MAX, NULL);
    const char *dir = json_str(o, "dir", "");
    if (!o) {
        printf("%.*s\n", (int)n, line);
    } else if (*json_str(o, "method", "")) {
        printf("%s %-6s %s %s -> ", json_str(o, "at", ""), dir, json_str(o, "method", ""),
               json_str(o, "url", ""));
        if (*json_str(o, "error", ""))
            printf("%s", json_str(o, "error", ""));
        else
            printf("%lld", (long long)json_int(o, "status", 0));
        printf(" (%lld ms, %lld bytes out, %lld in)\n", (long long)json_int(o, "ms", 0),
               (long long)json_int(o, "bytes_out", 0), (long long)json_int(o, "bytes_in", 0));
    } else {
        printf("%s %-6s %s%s%s%s\n", json_str(o, "at", ""), dir, json_str(o, "level", ""),
               *json_str(o, "event", "") ? " " : "", json_str(o, "event", ""), "");
        if (*json_str(o, "text", ""))
            printf("    %s\n", json_str(o, "text", ""));
    }
    json_decref(o);
}

static void read_into(const char *path, struct buf *all) {
    char part[16384];
    size_t n;
    FILE *f = fopen(path, "re");
    while (f && (n = fread(part, 1, sizeof part, f)) > 0)
        buf_add(all, part, n);
    if (f)
        fclose(f);
}

static void show_all(const struct log_view *v, struct span text) {
    while (text.n) {
        const char *end = memchr(text.p, '\n', text.n);
        size_t n = end ? (size_t)(end - text.p) : text.n;
        show(v, text.p, n);
        text = (struct span){text.p + n + (end != NULL), text.n - n - (end != NULL)};
    }
    fflush(stdout);
}

static void show_newest(const struct log_view *v, const struct buf *all) {
    size_t at = all->n;
    for (unsigned long long lines = 0; at > 0; at--)
        if (all->p[at - 1] == '\n' && at != all->n && ++lines == v->lines)
            break;
    show_all(v, v->lines ? (struct span){all->p + at, all->n - at} : SPAN_NONE);
}

/* Whole lines that came since; a file that was put aside is read to its end by its open handle. */
static void follow(const struct log_view *v, const char *path, long at) {
    const struct timespec pause = {0, LOOK_AGAIN_NS};
    FILE *f = fopen(path, "re");
    char *line = NULL;
    size_t cap = 0;
    if (f)
        fseek(f, at, SEEK_SET);
    for (;; nanosleep(&pause, NULL)) {
        struct stat now, open_one;
        ssize_t n;
        for (; f && (at = ftell(f), n = getline(&line, &cap, f)) > 0; fflush(stdout)) {
            if (line[n - 1] != '\n') {
                fseek(f, at, SEEK_SET);
                break;
            }
            show(v, line, (size_t)n - 1);
        }
        if (f)
            clearerr(f);
        if (stat(path, &now) < 0 ||
            (f && fstat(fileno(f), &open_one) == 0 && open_one.st_ino == now.st_ino))
            continue;
        if (f)
            fclose(f);
        f = fopen(path, "re");
    }
}

static int parse(struct log_view *v, int n, char **words) {
    for (int i = 0; i < n; i++) {
        const char *w = words[i], *value = i + 1 < n ? words[i + 1] : NULL;
        bool takes =
            !strcmp(w, "-n") || !strcmp(w, "-c") || !strcmp(w, "--config") || !strcmp(w, "--state");
        if (takes && !value)
            return usage("an option lacks its value");
        i += takes;
        if (!strcmp(w, "-n")) {
            if (span_u64(span_str(value), LINES_MAX, &v->lines) < 0)
                return usage("-n takes a number");
        } else if (takes && !strcmp(w, "--state")) {
            v->app.state_dir = value;
        } else if (takes) {
            v->app.config_path = value;
        } else if (!strcmp(w, "--follow") || !strcmp(w, "-f")) {
            v->follows = true;
        } else if (!strcmp(w, "--json")) {
            v->as_json = true;
        } else if (w[0] == '-' || v->id) {
            return usage("there is no such option");
        } else {
            v->id = w;
        }
    }
    return v->id && !strchr(v->id, '/') ? CLI_OK : usage("the id of a channel is missing");
}

int cli_channel_log(int words_n, char **words) {
    struct log_view v = {.lines = LINES};
    struct buf faults = {0}, all = {0};
    char path[PATH_MAX], older[PATH_MAX];
    int e = parse(&v, words_n, words);
    if (e != CLI_OK)
        return e;
    struct arena *memory = NULL;
    struct config *c = app_config_load(&v.app, &memory, &faults);
    if (!c) {
        fprintf(stderr, "%s", faults.p ? faults.p : "");
        buf_free(&faults);
        return CLI_FAILED;
    }
    host_log_path(c->state_dir, v.id, "", path);
    host_log_path(c->state_dir, v.id, ".1", older);
    read_into(older, &all);
    size_t before = all.n;
    read_into(path, &all);
    if (!all.n && !v.follows)
        fprintf(stderr, "draht channel log: %s has nothing yet\n", path);
    e = all.n || v.follows ? CLI_OK : CLI_FAILED;
    show_newest(&v, &all);
    if (v.follows)
        follow(&v, path, (long)(all.n - before));
    buf_free(&all);
    buf_free(&faults);
    config_free(&c);
    arena_free(&memory);
    return e;
}
