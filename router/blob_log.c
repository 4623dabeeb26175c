/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * blob_log: a sync is cheap only when the file system has nothing of its own to write: the space
 * ahead is filled with zeros first, so that a batch overwrites blocks which exist already. A record
 * ends with a byte that is not zero; the zeros behind the last one are not content. A segment has
 * one writer, who holds its lock: a second gateway on the same folder begins one of its own.
 */
#include "router/blob_log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/arena.h"
#include "gateway/base/crypto.h"

#define MAGIC 0x31474C42u /* "BLG1" */
#define END_BYTE 0xDB
#define TAG_BYTES 16               /* as it stands in the name: hex */
#define HEAD_BYTES (8 + TAG_BYTES) /* magic, length, tag */
#define ZEROS_BYTES 65536

struct blob_log {
    char dir[512];
    int fd; /* of the current segment, or -1 */
    uint32_t segment, segment_max;
    size_t at;    /* where the batch begins */
    size_t ahead; /* up to here the file has blocks */
    struct buf batch;
};

static void path_of(const struct blob_log *l, uint32_t segment, char out[600]) {
    snprintf(out, 600, "%s/%08x.log", l->dir, segment);
}

static int sync_dir(const char *dir) {
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int rc = fsync(fd) ? errno : 0;
    close(fd);
    return rc;
}

/* The end of the last record, found from behind. */
static off_t content_end(int fd, off_t size) {
    char chunk[ZEROS_BYTES];
    while (size > 0) {
        size_t n = size < ZEROS_BYTES ? (size_t)size : ZEROS_BYTES;
        ssize_t got = pread(fd, chunk, n, size - (off_t)n);
        if (got != (ssize_t)n)
            return -1;
        while (n > 0 && chunk[n - 1] == 0)
            n--, size--;
        if (n > 0)
            return size;
    }
    return 0;
}

static uint32_t last_segment(const char *dir) {
    uint32_t last = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        char *end = NULL;
        unsigned long n = strtoul(e->d_name, &end, 16);
        if (end == e->d_name + 8 && strcmp(end, ".log") == 0 && n > last)
            last = (uint32_t)n;
    }
    if (d)
        closedir(d);
    return last;
}

static void leave(struct blob_log *l) {
    if (l->fd < 0)
        return;
    int rc = l->ahead > l->at ? ftruncate(l->fd, (off_t)l->at) : 0;
    (void)rc; /* zeros that stay are not content */
    close(l->fd);
    l->fd = -1;
}

static int begin_segment(struct blob_log *l) {
    char path[600];
    leave(l);
    l->at = l->ahead = 0;
    do {
        path_of(l, ++l->segment, path);
        l->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    } while (l->fd < 0 && errno == EEXIST);
    if (l->fd < 0 || flock(l->fd, LOCK_EX | LOCK_NB) != 0)
        return errno;
    return sync_dir(l->dir);
}

static int resume_segment(struct blob_log *l) {
    char path[600];
    struct stat st;
    path_of(l, l->segment, path);
    l->fd = open(path, O_RDWR | O_CLOEXEC);
    if (l->fd < 0)
        return errno;
    if (flock(l->fd, LOCK_EX | LOCK_NB) != 0) {
        close(l->fd);
        l->fd = -1;
        return begin_segment(l);
    }
    off_t end = fstat(l->fd, &st) == 0 ? content_end(l->fd, st.st_size) : -1;
    if (end < 0 || ftruncate(l->fd, end) != 0)
        return EIO;
    l->at = l->ahead = (size_t)end;
    return 0;
}

struct blob_log *blob_log_open(const char *dir, uint32_t segment_bytes, struct fault *f) {
    struct blob_log *l = xcalloc(1, sizeof *l);
    snprintf(l->dir, sizeof l->dir, "%s", dir);
    l->fd = -1;
    l->segment_max = segment_bytes ? segment_bytes : BLOB_LOG_SEGMENT_BYTES;
    l->segment = last_segment(dir);
    int rc = l->segment ? resume_segment(l) : begin_segment(l);
    if (!rc)
        return l;
    fault_set(f, ERR_STORAGE, "The blob store %s cannot be opened: %s.", dir, strerror(rc));
    blob_log_close(&l);
    return NULL;
}

void blob_log_close(struct blob_log **lp) {
    struct blob_log *l = *lp;
    if (!l)
        return;
    leave(l);
    buf_free(&l->batch);
    free(l);
    *lp = NULL;
}

/* ---- append ---- */
/* A segment that is full ends with the batch; a batch never spans two of them. */
void blob_log_name(const struct blob_log *l, char out[BLOB_LOG_NAME_BYTES + 1]) {
    uint8_t tag[TAG_BYTES / 2];
    size_t offset = l->at + l->batch.n;
    crypto_random(tag, sizeof tag);
    snprintf(out, BLOB_LOG_NAME_BYTES + 1, "%08x%08zx", l->segment, offset);
    crypto_hex(tag, sizeof tag, out + 16);
}

void blob_log_add(struct blob_log *l, const char *name, struct span bytes) {
    uint32_t words[2] = {MAGIC, (uint32_t)bytes.n};
    static const unsigned char end = END_BYTE;
    buf_add(&l->batch, words, sizeof words);
    buf_add(&l->batch, name + 16, TAG_BYTES);
    buf_add(&l->batch, bytes.p, bytes.n);
    buf_add(&l->batch, &end, 1);
}

static int write_at(int fd, const char *p, size_t n, size_t at) {
    while (n > 0) {
        ssize_t w = pwrite(fd, p, n, (off_t)at);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            return w ? errno : EIO;
        p += w;
        n -= (size_t)w;
        at += (size_t)w;
    }
    return 0;
}

/* Without room for zeros the batch may still fit: then it is only slower. */
static void prepare(struct blob_log *l, size_t n) {
    static const char zeros[ZEROS_BYTES];
    if (l->at + n <= l->ahead)
        return;
    size_t to = l->at + n + BLOB_LOG_AHEAD_BYTES;
    for (size_t i = l->ahead; i < to; i += ZEROS_BYTES) {
        if (write_at(l->fd, zeros, to - i < ZEROS_BYTES ? to - i : ZEROS_BYTES, i) == 0)
            continue;
        int rc = ftruncate(l->fd, (off_t)l->ahead); /* others need the room more than we do */
        (void)rc;
        return;
    }
    l->ahead = to;
}

int blob_log_commit(struct blob_log *l) {
    size_t n = l->batch.n;
    if (n == 0)
        return 0;
    int rc = l->fd < 0 ? EIO : 0;
    if (!rc) {
        prepare(l, n);
        rc = write_at(l->fd, l->batch.p, n, l->at);
    }
    if (!rc && fdatasync(l->fd) != 0) {
        rc = errno;
        l->at = l->segment_max; /* what the kernel holds of this file is not to be trusted */
    }
    if (!rc)
        l->at += n;
    if (l->ahead < l->at)
        l->ahead = l->at;
    buf_clear(&l->batch);
    if (l->at >= l->segment_max || l->fd < 0) {
        int next = begin_segment(l);
        if (next && !rc)
            return 0; /* this batch is durable; the next one reports the trouble */
    }
    return rc;
}

/* ---- read ---- */
bool blob_log_has(const char *name) {
    return strncmp(name, "00000000", 8) != 0;
}

int blob_log_read(const struct blob_log *l, const char *name, struct buf *out) {
    char path[600], part[9] = "";
    uint8_t head[HEAD_BYTES];
    uint32_t words[2];
    memcpy(part, name, 8);
    path_of(l, (uint32_t)strtoul(part, NULL, 16), path);
    memcpy(part, name + 8, 8);
    off_t at = (off_t)strtoul(part, NULL, 16);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    bool is_here = pread(fd, head, sizeof head, at) == HEAD_BYTES;
    memcpy(words, head, sizeof words);
    is_here = is_here && words[0] == MAGIC && words[1] <= BLOB_LOG_RECORD_BYTES_MAX &&
              memcmp(head + 8, name + 16, TAG_BYTES) == 0;
    char *bytes = is_here ? malloc(words[1] + 1) : NULL;
    if (bytes && pread(fd, bytes, words[1], at + HEAD_BYTES) == (ssize_t)words[1])
        buf_add(out, bytes, words[1]);
    else
        is_here = false;
    free(bytes);
    close(fd);
    return is_here ? 0 : ENOENT;
}
