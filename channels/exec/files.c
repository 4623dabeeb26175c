/* SPDX-License-Identifier: EUPL-1.2 */
/* files: the other side is not trusted: names are plain, links are not followed, pipes and devices
 * are no files, and sizes are limits before memory is used. */
#include "channels/exec/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/arena.h"
#include "gateway/base/error.h"

struct files_job {
    char *folder;
    struct files_item *items;
    size_t n, which;
    int status;
    files_fn done;
    void *arg;
};

bool files_name_is_good(const char *name) {
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    return n && n <= FILES_NAME_BYTES_MAX && !name[n] && name[0] != '.';
}

static void finished(void *arg, int status) {
    struct files_job *j = arg;
    if (j->done)
        j->done(j->arg, status < 0 ? ERR_STORAGE : j->status, j->items, j->n, j->which);
    for (size_t i = 0; i < j->n; i++)
        buf_free(&j->items[i].bytes);
    free(j->items);
    free(j->folder);
    free(j);
}

static int write_one(int dir, const struct files_item *item) {
    int fd = openat(dir, item->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    size_t at = 0;
    if (fd < 0)
        return ERR_STORAGE;
    while (at < item->bytes.n) {
        ssize_t n = write(fd, item->bytes.p + at, item->bytes.n - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    return close(fd) < 0 || at < item->bytes.n ? ERR_STORAGE : 0;
}

static int read_all(int fd, size_t size, struct buf *out) {
    char part[65536];
    while (out->n <= size) {
        ssize_t n = read(fd, part, sizeof part);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? ERR_STORAGE : 0;
        buf_add(out, part, (size_t)n);
    }
    return ERR_TOO_LARGE; /* it grew */
}

static int read_one(int dir, struct files_item *item, size_t room) {
    struct stat st;
    int fd = openat(dir, item->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return ERR_NOT_FOUND;
    int rc = fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ? ERR_NOT_FOUND : 0;
    if (rc == 0 && ((size_t)st.st_size > FILES_BYTES_MAX || (size_t)st.st_size > room))
        rc = ERR_TOO_LARGE;
    if (rc == 0)
        rc = read_all(fd, (size_t)st.st_size, &item->bytes);
    close(fd);
    return rc;
}

static void work(struct files_job *j, bool is_write) {
    int dir = open(j->folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    size_t room = 2 * FILES_BYTES_MAX;
    j->status = dir < 0 ? ERR_STORAGE : 0;
    for (; j->status == 0 && j->which < j->n; j->which++) {
        struct files_item *item = &j->items[j->which];
        j->status = is_write ? write_one(dir, item) : read_one(dir, item, room);
        if (j->status < 0)
            break;
        room -= is_write ? 0 : item->bytes.n;
    }
    if (dir >= 0)
        close(dir);
}

static void do_write(void *arg) {
    work(arg, true);
}

static void do_read(void *arg) {
    work(arg, false);
}

static int empty(const char *parent, const char *name) {
    struct buf path = {0};
    buf_addf(&path, "%s/%s", parent, name);
    int rc = mkdir(path.p, 0700) < 0 && errno != EEXIST ? ERR_STORAGE : 0;
    DIR *d = opendir(path.p);
    struct dirent *e;
    while (d && (e = readdir(d)))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
            unlinkat(dirfd(d), e->d_name, 0) < 0)
            unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
    if (d)
        closedir(d);
    buf_free(&path);
    return d ? rc : ERR_STORAGE;
}

static void do_clear(void *arg) {
    struct files_job *j = arg;
    struct buf path = {0};
    for (const char *p = j->folder; (p = strchr(p + 1, '/'));) {
        buf_clear(&path);
        buf_add(&path, j->folder, (size_t)(p - j->folder));
        mkdir(path.p, 0700); /* what fails here fails again below */
    }
    mkdir(j->folder, 0700);
    buf_free(&path);
    j->status = empty(j->folder, "in");
    if (j->status == 0)
        j->status = empty(j->folder, "out");
}

static struct files_job *begin(struct loop *l, const char *folder, struct files_item *items,
                               size_t n, void (*fn)(void *), files_fn done, void *arg) {
    struct files_job *j = xcalloc(1, sizeof *j);
    j->folder = xstrdup(folder);
    j->items = items;
    j->n = n;
    j->done = done;
    j->arg = arg;
    loop_work(l, fn, finished, j);
    return j;
}

struct files_job *files_write(struct loop *l, const char *folder, struct files_item *items,
                              size_t n, files_fn done, void *arg) {
    return begin(l, folder, items, n, do_write, done, arg);
}

struct files_job *files_read(struct loop *l, const char *folder, struct files_item *items, size_t n,
                             files_fn done, void *arg) {
    return begin(l, folder, items, n, do_read, done, arg);
}

struct files_job *files_clear(struct loop *l, const char *folder, files_fn done, void *arg) {
    return begin(l, folder, NULL, 0, do_clear, done, arg);
}

void files_drop(struct files_job *job) {
    if (job)
        job->done = NULL;
}
