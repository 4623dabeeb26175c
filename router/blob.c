/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * blob: attachments and originals, each sealed under a key of its own that travels in the blob's
 * name
 * ("<name>.<key>"), which itself is kept only inside sealed records. Small ones share an LMDB
 * commit, large ones become files. All disk work happens on the thread pool, one commit at a time.
 * It does not delete.
 */
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "router/inner.h"

#define BLOB_SMALL_BYTES 65536u
#define BLOB_MAX_BYTES (128u << 20)
#define BLOB_KEY_TEXT 43 /* 32 bytes as base64url */
#define BLOB_NAME_BYTES (CRYPTO_HASH_HEX - 1)
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
    MDB_env *env;
    MDB_dbi dbi;
    char dir[512];
    struct job *queued, **queued_end, *writing;
    size_t pending;
};

static int error_of(int rc) {
    if (rc == 0)
        return 0;
    if (rc == MDB_NOTFOUND || rc == ENOENT)
        return ERR_NOT_FOUND;
    return ERR_STORAGE;
}

struct blobs *blobs_open(struct loop *l, struct crypto *c, const char *state_dir, size_t map_bytes,
                         struct fault *f) {
    struct blobs *b = xcalloc(1, sizeof *b);
    b->loop = l;
    b->crypto = c;
    b->queued_end = &b->queued;
    snprintf(b->dir, sizeof b->dir, "%s/blobs", state_dir);
    MDB_txn *txn = NULL;
    int rc = mkdir(b->dir, 0700) && errno != EEXIST ? errno : mdb_env_create(&b->env);
    if (!rc)
        rc = mdb_env_set_mapsize(b->env, map_bytes);
    if (!rc)
        rc = mdb_env_open(b->env, b->dir, MDB_NOTLS, 0600);
    if (!rc)
        rc = mdb_txn_begin(b->env, NULL, 0, &txn);
    if (!rc)
        rc = mdb_dbi_open(txn, NULL, MDB_CREATE, &b->dbi);
    if (!rc)
        rc = mdb_txn_commit(txn);
    else if (txn)
        mdb_txn_abort(txn);
    if (!rc)
        return b;
    fault_set(f, ERR_STORAGE, "The blob store %s cannot be opened: %s.", b->dir, mdb_strerror(rc));
    if (b->env)
        mdb_env_close(b->env);
    free(b);
    return NULL;
}

bool blobs_is_idle(const struct blobs *b) {
    return !b->pending;
}

void blobs_close(struct blobs **bp) {
    if (!*bp)
        return;
    mdb_env_close((*bp)->env);
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
    snprintf(dir, sizeof dir, "%s/%.2s", b->dir, name);
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
    snprintf(path, sizeof path, "%s/%.2s/%.32s", b->dir, name, name);
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
static int put_one(struct blobs *b, MDB_txn *txn, struct job *j) {
    struct buf sealed = {0};
    struct span aad = {j->name, BLOB_NAME_BYTES};
    crypto_seal(j->key, aad, j->bytes, &sealed);
    int rc;
    if (j->bytes.n > BLOB_SMALL_BYTES) {
        rc = file_put(b, j->name, buf_span(&sealed));
    } else {
        MDB_val k = {BLOB_NAME_BYTES, j->name}, v = {sealed.n, sealed.p};
        rc = mdb_put(txn, b->dbi, &k, &v, 0);
    }
    buf_free(&sealed);
    return rc;
}

static void put_work(void *arg) {
    struct blobs *b = arg;
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(b->env, NULL, 0, &txn);
    for (struct job *j = b->writing; j; j = j->next) {
        j->error = rc ? ERR_STORAGE : error_of(put_one(b, txn, j));
        if (j->error && j->bytes.n <= BLOB_SMALL_BYTES)
            rc = ERR_STORAGE; /* a failed put spoils the transaction */
    }
    if (txn && rc)
        mdb_txn_abort(txn);
    else if (txn)
        rc = mdb_txn_commit(txn);
    if (!rc)
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
    uint8_t salt[16];
    crypto_random(salt, sizeof salt);
    crypto_random(j->key, sizeof j->key);
    crypto_hash(b->crypto, "blob", (struct span){(const char *)salt, sizeof salt}, j->name);
    j->name[BLOB_NAME_BYTES] = '.';
    crypto_b64url(j->key, sizeof j->key, j->name + BLOB_NAME_BYTES + 1);
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
    MDB_txn *txn = NULL;
    MDB_val k = {BLOB_NAME_BYTES, j->name}, v;
    int rc = mdb_txn_begin(b->env, NULL, MDB_RDONLY, &txn);
    if (!rc)
        rc = mdb_get(txn, b->dbi, &k, &v);
    if (!rc)
        buf_add(&sealed, v.mv_data, v.mv_size);
    if (txn)
        mdb_txn_abort(txn);
    if (rc == MDB_NOTFOUND)
        rc = file_get(b, j->name, &sealed);
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
