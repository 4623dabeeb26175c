/* SPDX-License-Identifier: EUPL-1.2 */
/* spool: the file is mapped, so growing it is a copy into the page cache and never a wait for the
 * disk; its blocks are reserved first, so a full disk is an error here and not a SIGBUS later. */
#include "channels/email/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gateway/base/error.h"

#define KEPT_BYTES (64 * 1024)

static int open_file(void) {
    const char *dir = getenv("TMPDIR");
    return open(dir && *dir ? dir : "/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

/* 1: no such files here. */
static int grow(struct spool *s, size_t bytes) {
    size_t cap = (bytes / SPOOL_STEP_BYTES + 1) * SPOOL_STEP_BYTES;
    if (!s->map) {
        s->fd = open_file();
        if (s->fd < 0)
            return 1;
    }
    if (fallocate(s->fd, 0, 0, (off_t)cap) != 0) {
        bool is_unable = errno == EOPNOTSUPP || errno == ENOSYS;
        if (!s->map)
            close(s->fd);
        return is_unable && !s->map ? 1 : ERR_UNAVAILABLE;
    }
    void *map = s->map ? mremap(s->map, s->cap, cap, MREMAP_MAYMOVE)
                       : mmap(NULL, cap, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
    if (map == MAP_FAILED) {
        if (!s->map)
            close(s->fd);
        return ERR_UNAVAILABLE;
    }
    s->map = map;
    s->cap = cap;
    return 0;
}

static int move_out(struct spool *s) {
    int rc = grow(s, s->memory.n);
    if (rc != 0)
        return rc;
    memcpy(s->map, s->memory.p, s->memory.n);
    s->n = s->memory.n;
    buf_free(&s->memory);
    return 0;
}

int spool_add(struct spool *s, const void *p, size_t n) {
    if (!s->map && s->memory.n <= SPOOL_MEMORY_BYTES && s->memory.n + n > SPOOL_MEMORY_BYTES &&
        s->memory.n > 0 && move_out(s) < 0)
        return ERR_UNAVAILABLE;
    if (!s->map) {
        buf_add(&s->memory, p, n);
        return 0;
    }
    if (n > s->cap - s->n && grow(s, s->n + n) != 0)
        return ERR_UNAVAILABLE;
    memcpy(s->map + s->n, p, n);
    s->n += n;
    return 0;
}

struct span spool_span(const struct spool *s) {
    return s->map ? (struct span){s->map, s->n} : buf_span(&s->memory);
}

size_t spool_bytes(const struct spool *s) {
    return s->map ? s->n : s->memory.n;
}

size_t spool_memory(const struct spool *s) {
    return s->map ? 0 : s->memory.n;
}

void spool_clear(struct spool *s) {
    if (s->map) {
        munmap(s->map, s->cap);
        close(s->fd);
        s->map = NULL;
        s->n = s->cap = 0;
    }
    if (s->memory.cap > KEPT_BYTES)
        buf_free(&s->memory);
    else
        buf_clear(&s->memory);
}

void spool_free(struct spool *s) {
    spool_clear(s);
    buf_free(&s->memory);
}
