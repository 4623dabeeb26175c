/* SPDX-License-Identifier: EUPL-1.2 */
/* app_config: settings as this process uses them: command line above file, paths below state_dir
 * made absolute, the state folder and its lock. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "channels/registry.h"
#include "gateway/app_private.h"

static const char *absolute(struct arena *m, const char *path) {
    char cwd[PATH_MAX];
    if (path[0] == '/' || !getcwd(cwd, sizeof cwd))
        return arena_strdup(m, path);
    return arena_printf(m, "%s/%s", cwd, path);
}

/* Mail has somewhere to go without a relay: a Maildir below state_dir. In a demo nothing goes
 * anywhere else. */
static const char *mail_options(struct arena *m, const struct config *c, const char *options) {
    json_t *o = json_parse(span_str(options ? options : "{}"), 1 << 20, NULL);
    if (!json_is_object(o)) {
        json_decref(o);
        return options;
    }
    if (c->demo) {
        json_puts(o, "relay", "");
        json_puts(o, "imap_url", "");
        json_puts(o, "outgoing_maildir", "");
    }
    if (!*json_str(o, "relay", "") && !*json_str(o, "outgoing_maildir", ""))
        json_puts(o, "outgoing_maildir", arena_printf(m, "%s/outgoing", c->state_dir));
    char *text = json_text(o);
    const char *kept = arena_strdup(m, text);
    free(text);
    json_decref(o);
    return kept;
}

/* Attachments on their way through a program lie below state_dir. */
static const char *exec_options(struct arena *m, const struct config *c,
                                const struct config_channel *cc) {
    json_t *o = json_parse(span_str(cc->options ? cc->options : "{}"), 1 << 20, NULL);
    if (json_is_object(o) && !*json_str(o, "spool", ""))
        json_puts(o, "spool", arena_printf(m, "%s/exec/%s", c->state_dir, cc->id));
    char *text = json_text(o);
    const char *kept = arena_strdup(m, text);
    free(text);
    json_decref(o);
    return kept;
}

static void fill_channels(struct arena *m, struct config *c) {
    struct config_channel *list =
        arena_alloc(m, sizeof *list * (size_t)(c->channels_n ? c->channels_n : 1));
    for (int i = 0; i < c->channels_n; i++) {
        list[i] = c->channels[i];
        if (!strcmp(list[i].type, "email"))
            list[i].options = mail_options(m, c, list[i].options);
        else if (!c->demo && !strcmp(list[i].type, "exec"))
            list[i].options = exec_options(m, c, &list[i]);
        else if (c->demo && strcmp(list[i].type, "webchat"))
            list[i].enabled = false; /* nothing of a demo leaves the house */
    }
    c->channels = list;
}

static int make_folders(const char *path, struct fault *f) {
    char part[PATH_MAX];
    snprintf(part, sizeof part, "%s", path);
    for (char *p = part + 1;; p++) {
        if (*p && *p != '/')
            continue;
        char kept = *p;
        *p = 0;
        if (mkdir(part, 0700) < 0 && errno != EEXIST)
            return fault_set(f, -errno, "cannot make %s: %s", part, strerror(errno));
        *p = kept;
        if (!kept)
            return 0;
    }
}

struct config *app_config_load(const struct app_options *o, struct arena **memory,
                               struct buf *faults) {
    struct arena *m = arena_new();
    const char *path = o->config_path;
    const char *state = o->state_dir ? absolute(m, o->state_dir) : NULL;
    if (o->demo && !path) {
        state = state ? state : absolute(m, "state-demo");
        struct fault f = {0};
        path = make_folders(state, &f) < 0 ? NULL : app_demo_config(m, state);
        if (!path)
            buf_addf(faults, "%s: the demo's configuration cannot be written\n", state);
    }
    struct config *c = o->demo && !path ? NULL : config_load(path, registry_options, faults);
    if (!c) {
        arena_free(&m);
        return NULL;
    }
    const char *before = arena_printf(m, "%s/", c->state_dir);
    const char *key = c->master_key ? c->master_key : "";
    bool key_inside = !*key || !strncmp(key, before, strlen(before));
    c->state_dir = absolute(m, state ? state : c->state_dir);
    if (key_inside)
        c->master_key =
            arena_printf(m, "%s/%s", c->state_dir, *key ? key + strlen(before) : "master.key");
    c->demo = c->demo || o->demo;
    fill_channels(m, c);
    *memory = m;
    return c;
}

int app_state_open(const struct config *c, struct fault *f) {
    int e = make_folders(c->state_dir, f);
    if (e < 0)
        return e;
    struct stat st;
    if (stat(c->state_dir, &st) < 0 || !S_ISDIR(st.st_mode))
        return fault_set(f, -errno, "%s is not a folder", c->state_dir);
    if ((st.st_mode & 077) && chmod(c->state_dir, 0700) < 0)
        return fault_set(f, -errno, "%s must be readable by its owner alone (chmod 700)",
                         c->state_dir);
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/lock", c->state_dir) >= (int)sizeof path)
        return fault_set(f, ERR_TOO_LARGE, "state_dir is too long");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return fault_set(f, -errno, "cannot open %s: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        close(fd);
        return fault_set(f, ERR_CONFLICT,
                         "another draht works in %s. End it first, or choose another --state",
                         c->state_dir);
    }
    return fd;
}
