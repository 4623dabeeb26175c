/* SPDX-License-Identifier: EUPL-1.2 */
/* maildir: write, fsync, rename, fsync the folder; in this order, or a power cut loses mail. */
#include "channels/email/maildir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES_MAX 4096

static int make_dir(const char *path) {
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return 0;
    return -errno;
}

static int make_dirs(const char *dir) {
    static const char *const subs[] = {"tmp", "new", "cur"};
    int rc = make_dir(dir);
    char path[PATH_BYTES_MAX];
    for (size_t i = 0; i < sizeof subs / sizeof *subs && rc == 0; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, subs[i]);
        rc = make_dir(path);
    }
    return rc;
}

/* In cur/ a name has got flags behind ":2,". */
static bool is_in_cur(const char *dir, const char *name) {
    char path[PATH_BYTES_MAX];
    snprintf(path, sizeof path, "%s/cur", dir);
    DIR *d = opendir(path);
    if (!d)
        return false;
    size_t n = strlen(name);
    bool found = false;
    for (struct dirent *e; !found && (e = readdir(d));)
        found = strncmp(e->d_name, name, n) == 0 && (e->d_name[n] == 0 || e->d_name[n] == ':');
    closedir(d);
    return found;
}

static int write_file(const char *path, struct span mail) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int rc = 0;
    while (mail.n > 0 && rc == 0) {
        ssize_t n = write(fd, mail.p, mail.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            rc = -errno;
        else
            mail = (struct span){mail.p + n, mail.n - (size_t)n};
    }
    if (rc == 0 && fsync(fd) != 0)
        rc = -errno;
    if (close(fd) != 0 && rc == 0)
        rc = -errno;
    return rc;
}

static int sync_dir(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int rc = fsync(fd) == 0 ? 0 : -errno;
    close(fd);
    return rc;
}

int maildir_deliver(const char *dir, const char *name, struct span mail) {
    char tmp[PATH_BYTES_MAX], fresh[PATH_BYTES_MAX];
    if (strlen(dir) + strlen(name) + 16 > PATH_BYTES_MAX)
        return -ENAMETOOLONG;
    int rc = make_dirs(dir);
    if (rc != 0)
        return rc;
    snprintf(tmp, sizeof tmp, "%s/tmp/%s.%d", dir, name, (int)getpid());
    snprintf(fresh, sizeof fresh, "%s/new/%s", dir, name);
    if (access(fresh, F_OK) == 0 || is_in_cur(dir, name))
        return 0;
    rc = write_file(tmp, mail);
    if (rc == 0 && rename(tmp, fresh) != 0)
        rc = -errno;
    if (rc != 0) {
        unlink(tmp);
        return rc;
    }
    snprintf(fresh, sizeof fresh, "%s/new", dir);
    return sync_dir(fresh);
}
