/* SPDX-License-Identifier: EUPL-1.2 */
/* secret: reads small regular files and the environment; never a pipe or device, which could block.
 */
#include "config/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/log.h"

static const char *from_file(struct arena *a, const char *path, struct fault *fault) {
    char text[SECRET_MAX_BYTES + 1];
    struct stat st;
    if (path[0] != '/') {
        fault_set(fault, ERR_INVALID, "file: needs an absolute path");
        return NULL;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        fault_set(fault, ERR_NOT_FOUND, "the secret file %.300s cannot be read: %s", path,
                  strerror(errno));
        return NULL;
    }
    ssize_t n = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? read(fd, text, sizeof text) : -1;
    close(fd);
    if (n < 0 || n > SECRET_MAX_BYTES || memchr(text, '\0', (size_t)n)) {
        fault_set(fault, ERR_INVALID,
                  "the secret file %.300s is not a text file of at most %d bytes", path,
                  SECRET_MAX_BYTES);
        return NULL;
    }
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    if (!n) {
        fault_set(fault, ERR_INVALID, "the secret file %.300s is empty", path);
        return NULL;
    }
    return arena_strndup(a, text, (size_t)n);
}

const char *secret_resolve(struct arena *a, const char *value, struct fault *fault) {
    const char *found = value;
    if (strncmp(value, "file:", 5) == 0) {
        found = from_file(a, value + 5, fault);
    } else if (strncmp(value, "env:", 4) == 0) {
        found = getenv(value + 4);
        if (!found || !*found) {
            fault_set(fault, ERR_NOT_FOUND, "the environment variable %.100s is not set",
                      value + 4);
            return NULL;
        }
    }
    if (!found)
        return NULL;
    log_redact(found);
    return arena_strdup(a, found);
}
