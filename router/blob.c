/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * blob: attachments and originals, each sealed under a key of its own that travels in the blob's
 * name
 * ("<name>.<key>"), which itself is kept only inside sealed records. Small ones share a commit of
 * the log, large ones become files. All disk work happens on the thread pool, one commit at a time.
 * It does not delete.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "router/blob_log.h"
#include "router/inner.h"

#define BLOB_SMALL_BYTES 65536u
#define BLOB_MAX_BYTES (128u << 20)
#define BLOB_KEY_TEXT 43 /* 32 bytes as base64url */
#define BLOB_NAME_BYTES BLOB_LOG_NAME_BYTES
#define BLOB_FULL_NAME (BLOB_NAME_BYTES + 1 + BLOB_KEY_TEXT)

struct job {
    struct job *next;
    struct blobs *blobs;
    blob_fn done;
    void *arg;
    char name[BLOB_FULL_NAME + 1];
    uint8_t key[CRYPTO_KEY_BYTES];
    struct span bytes; /* put: plain, owned */
    struct buf result; /* get: plain */
    int error;
};
struct blobs {
    struct loop *loop;
    struct crypto *crypto;
    struct blob_log *log;
    char dir[512];
    struct job *queued, **queued_end, *writing;
    size_t pending;
};

static int error_of(int rc) {
    if (rc == 0)
        return 0;
    return rc == ENOENT ? ERR_NOT_FOUND : ERR_STORAGE;
}

struct blobs *blobs_open(struct loop *l, struct crypto *c, const char *state_dir, struct fault *f) {
    struct blobs *b = xcalloc(1, sizeof *b);
    b->loop = l;
    b->crypto = c;
    b->queued_end = &b->queued;
    snprintf(b->dir, sizeof b->dir, "%s/blobs", state_dir);
    if (mkdir(b->dir, 0700) && errno != EEXIST)
        fault_set(f, ERR_STORAGE, "The blob store %s cannot be made: %s.", b->dir, strerror(errno));
    else
        b->log = blob_log_open(b->dir, 0, f);
    if (b->log)
        return b;
    free(b);
    return NULL;
}

bool blobs_is_idle(const struct blobs *b) {
    return !b->pending;
}

void blobs_close(struct blobs **bp) {
    if (!*bp)
        return;
    blob_log_close(&(*bp)->log);
    free(*bp);
    *bp = NULL;
}

static void job_free(struct job *j) {
    free((char *)(uintptr_t)j->bytes.p);
    buf_free(&j->result);
    explicit_bzero(j, sizeof *j);
    free(j);
}

/* ---- files: written beside, made durable, renamed; the folder is made durable too ---- */
static int sync_dir(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int rc = fsync(fd) ? errno : 0;
    close(fd);
    return rc;
}

static int write_all(int fd, const char *p, size_t n) {
    while (n) {
        ssize_t w = write(fd, p, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            return w ? errno : EIO;
        p += w;
        n -= (size_t)w;
    }
    return fsync(fd) ? errno : 0;
}

static int file_put(const struct blobs *b, const char *name, struct span sealed) {
    char dir[560], path[640], temp[656];
    snprintf(dir, sizeof dir, "%s/%.2s", b->dir, name + 8);
    snprintf(path, sizeof path, "%s/%.32s", dir, name);
    snprintf(temp, sizeof temp, "%s.new", path);
    if (mkdir(dir, 0700) && errno != EEXIST)
        return errno;
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    int rc = write_all(fd, sealed.p, sealed.n);
    if (close(fd) && !rc)
        rc = errno;
    if (!rc && rename(temp, path))
        rc = errno;
    if (rc)
        unlink(temp);
    if (!rc)
        rc = sync_dir(dir);
    return rc ? rc : sync_dir(b->dir);
}

static int file_get(const struct blobs *b, const char *name, struct buf *out) {
    char path[640], chunk[65536];
    snprintf(path, sizeof path, "%s/%.2s/%.32s", b->dir, name + 8, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    ssize_t n;
    while ((n = read(fd, chunk, sizeof chunk)) > 0 &&
           out->n <= BLOB_MAX_BYTES + CRYPTO_SEAL_OVERHEAD)
        buf_add(out, chunk, (size_t)n);
    int rc = n < 0 ? errno : 0;
    close(fd);
    return rc;
}

/* ---- put: one commit for all that wait ---- */
static void name_it(struct blobs *b, struct job *j, bool is_small) {
    uint8_t random[(BLOB_NAME_BYTES - 8) / 2];
    if (is_small) {
        blob_log_name(b->log, j->name);
    } else {
        crypto_random(random, sizeof random);
        memcpy(j->name, "00000000", 8);
        for (size_t i = 0; i < sizeof random; i++)
            snprintf(j->name + 8 + 2 * i, 3, "%02x", random[i]);
    }
    j->name[BLOB_NAME_BYTES] = '.';
    crypto_b64url(j->key, sizeof j->key, j->name + BLOB_NAME_BYTES + 1);
}

static void put_one(struct blobs *b, struct job *j) {
    struct buf sealed = {0};
    bool is_small = j->bytes.n <= BLOB_SMALL_BYTES;
    name_it(b, j, is_small);
    crypto_seal(j->key, (struct span){j->name, BLOB_NAME_BYTES}, j->bytes, &sealed);
    if (is_small)
        blob_log_add(b->log, j->name, buf_span(&sealed));
    else
        j->error = error_of(file_put(b, j->name, buf_span(&sealed)));
    buf_free(&sealed);
}

static void put_work(void *arg) {
    struct blobs *b = arg;
    for (struct job *j = b->writing; j; j = j->next)
        put_one(b, j);
    if (blob_log_commit(b->log) == 0)
        return;
    for (struct job *j = b->writing; j; j = j->next)
        if (j->bytes.n <= BLOB_SMALL_BYTES)
            j->error = ERR_STORAGE;
}

static void start_writing(struct blobs *b);

static void put_after(void *arg, int status) {
    struct blobs *b = arg;
    struct job *j = b->writing;
    b->writing = NULL;
    start_writing(b);
    while (j) {
        struct job *next = j->next;
        int error = status ? ERR_STORAGE : j->error;
        b->pending--;
        j->done(j->arg, error, error ? SPAN_NONE : span_str(j->name));
        job_free(j);
        j = next;
    }
}

static void start_writing(struct blobs *b) {
    if (b->writing || !b->queued)
        return;
    b->writing = b->queued;
    b->queued = NULL;
    b->queued_end = &b->queued;
    if (loop_work(b->loop, put_work, put_after, b))
        put_after(b, UV_ECANCELED);
}

static void start_soon(void *arg) {
    start_writing(arg);
}

static void refuse_soon(void *arg) {
    struct job *j = arg;
    j->blobs->pending--;
    j->done(j->arg, j->error, SPAN_NONE);
    job_free(j);
}

static struct job *job_new(struct router *r, blob_fn done, void *arg) {
    struct job *j = xcalloc(1, sizeof *j);
    j->blobs = r->blobs;
    j->done = done;
    j->arg = arg;
    r->blobs->pending++;
    return j;
}

void blob_put(struct router *r, struct span bytes, blob_fn done, void *arg) {
    struct blobs *b = r->blobs;
    struct job *j = job_new(r, done, arg);
    if (bytes.n > BLOB_MAX_BYTES) {
        j->error = ERR_TOO_LARGE;
        loop_soon(b->loop, refuse_soon, j);
        return;
    }
    crypto_random(j->key, sizeof j->key);
    char *copy = xcalloc(1, bytes.n + 1);
    if (bytes.n)
        memcpy(copy, bytes.p, bytes.n);
    j->bytes = (struct span){copy, bytes.n};
    *b->queued_end = j;
    b->queued_end = &j->next;
    if (!b->writing)
        loop_soon(b->loop, start_soon, b);
}

/* ---- get ---- */
static void get_work(void *arg) {
    struct job *j = arg;
    struct blobs *b = j->blobs;
    struct buf sealed = {0};
    int rc = blob_log_has(j->name) ? blob_log_read(b->log, j->name, &sealed)
                                   : file_get(b, j->name, &sealed);
    j->error = error_of(rc);
    if (!j->error)
        j->error = crypto_unseal(j->key, (struct span){j->name, BLOB_NAME_BYTES}, buf_span(&sealed),
                                 &j->result);
    buf_free(&sealed);
}

static void get_after(void *arg, int status) {
    struct job *j = arg;
    j->blobs->pending--;
    int error = status ? ERR_STORAGE : j->error;
    j->done(j->arg, error,
            error ? SPAN_NONE : (struct span){j->result.p ? j->result.p : "", j->result.n});
    job_free(j);
}

void blob_get(struct router *r, struct span blob, blob_fn done, void *arg) {
    struct job *j = job_new(r, done, arg);
    j->error = ERR_NOT_FOUND;
    bool is_name = blob.n == BLOB_FULL_NAME && blob.p[BLOB_NAME_BYTES] == '.';
    for (size_t i = 0; is_name && i < BLOB_NAME_BYTES; i++)
        is_name = (blob.p[i] >= '0' && blob.p[i] <= '9') || (blob.p[i] >= 'a' && blob.p[i] <= 'f');
    if (is_name) {
        struct span key = {blob.p + BLOB_NAME_BYTES + 1, BLOB_KEY_TEXT};
        memcpy(j->name, blob.p, BLOB_FULL_NAME);
        is_name = crypto_b64url_decode(key, j->key, sizeof j->key) == CRYPTO_KEY_BYTES;
    }
    if (!is_name)
        loop_soon(j->blobs->loop, refuse_soon, j);
    else if (loop_work(j->blobs->loop, get_work, get_after, j))
        loop_soon(j->blobs->loop, refuse_soon, j);
}
