/* SPDX-License-Identifier: EUPL-1.2 */
/* app_key: the master key and the state folder belong together. STATE/key-check holds a keyed hash
 * of a fixed word; it tells a wrong key before anything is read or written with it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/app_private.h"

static bool exists(const char *dir, const char *name) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return access(path, F_OK) == 0;
}

static int write_check(const char *path, const char *hash, struct fault *f) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ssize_t n = (ssize_t)strlen(hash);
    bool ok = fd >= 0 && write(fd, hash, (size_t)n) == n && fsync(fd) == 0;
    int why = errno;
    if (fd >= 0)
        close(fd);
    if (!ok && fd >= 0)
        unlink(path);
    return ok ? 0 : fault_set(f, ERR_STORAGE, "%s cannot be written: %s", path, strerror(why));
}

static int check(const struct crypto *k, const struct config *c, struct fault *f) {
    char path[PATH_MAX], hash[CRYPTO_HASH_HEX], kept[CRYPTO_HASH_HEX] = "";
    snprintf(path, sizeof path, "%s/key-check", c->state_dir);
    crypto_hash(k, "key-check", SPAN("draht"), hash);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT
                   ? write_check(path, hash, f)
                   : fault_set(f, ERR_STORAGE, "%s cannot be read: %s", path, strerror(errno));
    ssize_t n = read(fd, kept, sizeof kept - 1);
    close(fd);
    if (n == (ssize_t)sizeof kept - 1 && strcmp(kept, hash) == 0)
        return 0;
    return fault_set(f, ERR_CRYPTO,
                     "%s is not the key that %s was written with. Put the master.key that belongs "
                     "to this state folder back; without it its messages cannot be read",
                     c->master_key, c->state_dir);
}

struct crypto *app_key_open(const struct config *c, bool *made_out, struct fault *f) {
    bool has_data = exists(c->state_dir, "key-check") || exists(c->state_dir, "redis");
    if (has_data && access(c->master_key, F_OK) < 0 && errno == ENOENT) {
        fault_set(f, ERR_CRYPTO,
                  "%s is missing, and %s holds messages that only it can open. Put your copy of "
                  "master.key there (mode 0600) and start again",
                  c->master_key, c->state_dir);
        return NULL;
    }
    struct crypto *k = crypto_open(c->master_key, made_out, f);
    if (k && check(k, c, f) < 0)
        crypto_free(&k);
    return k;
}
