/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * crypto_key: the master key and its file. The file is made once, durably and never over another;
 * losing it makes everything sealed unreadable, so nothing here ever replaces or deletes it.
 */
#include <sodium.h> /* before ours: see crypto_hash in crypto.h */

#include "gateway/base/crypto_key.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/arena.h"

#define HEX_BYTES (2 * CRYPTO_KEY_BYTES)

struct crypto *crypto_from_key(const uint8_t key[CRYPTO_KEY_BYTES]) {
    struct crypto *c = xcalloc(1, sizeof *c);
    c->master = sodium_malloc(CRYPTO_KEY_BYTES);
    if (!c->master)
        abort();
    memcpy(c->master, key, CRYPTO_KEY_BYTES);
    sodium_mprotect_readonly(c->master);
    return c;
}

void crypto_free(struct crypto **c) {
    if (!c || !*c)
        return;
    sodium_free((*c)->master);
    free(*c);
    *c = NULL;
}

static int sync_folder_of(const char *path) {
    char *copy = xstrdup(path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0)
        close(fd);
    free(copy);
    return rc;
}

/* Writes beside and links into place, so that a crash leaves either no key or a whole one. */
static int make_file(const char *path, const uint8_t key[CRYPTO_KEY_BYTES], struct fault *fault) {
    char hex[HEX_BYTES + 2];
    struct buf beside = {0};
    buf_addf(&beside, "%s.%ld.new", path, (long)getpid());
    crypto_hex(key, CRYPTO_KEY_BYTES, hex);
    hex[HEX_BYTES] = '\n';
    int fd = open(beside.p, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool is_good = fd >= 0 && write(fd, hex, HEX_BYTES + 1) == HEX_BYTES + 1 && fsync(fd) == 0;
    int why = errno;
    if (fd >= 0 && close(fd) != 0)
        is_good = false;
    if (is_good && link(beside.p, path) != 0) {
        is_good = false;
        why = errno;
    }
    if (fd >= 0)
        unlink(beside.p);
    if (is_good)
        sync_folder_of(path);
    sodium_memzero(hex, sizeof hex);
    buf_free(&beside);
    if (is_good)
        return 0;
    return fault_set(fault, ERR_STORAGE, "The key file %s cannot be made: %s.", path,
                     strerror(why));
}

static int read_file(int fd, const char *path, uint8_t key[CRYPTO_KEY_BYTES], struct fault *fault) {
    struct stat st;
    char text[HEX_BYTES + 8];
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return fault_set(fault, ERR_CRYPTO, "The key file %s is not a plain file.", path);
    if (st.st_mode & 0077)
        return fault_set(fault, ERR_CRYPTO,
                         "The key file %s can be read by others; run: chmod 600 %s", path, path);
    ssize_t n = read(fd, text, sizeof text);
    struct span hex = n > 0 ? span_trim((struct span){text, (size_t)n}) : SPAN_NONE;
    size_t got = 0;
    bool is_good = hex.n == HEX_BYTES &&
                   sodium_hex2bin(key, CRYPTO_KEY_BYTES, hex.p, hex.n, NULL, &got, NULL) == 0 &&
                   got == CRYPTO_KEY_BYTES;
    sodium_memzero(text, sizeof text);
    return is_good
               ? 0
               : fault_set(fault, ERR_CRYPTO, "The key file %s does not hold 64 hex digits.", path);
}

struct crypto *crypto_open(const char *key_path, bool *made_out, struct fault *fault) {
    uint8_t key[CRYPTO_KEY_BYTES];
    bool is_made = false;
    int rc, fd = open(key_path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        rc = read_file(fd, key_path, key, fault);
        close(fd);
    } else if (errno == ENOENT) {
        randombytes_buf(key, sizeof key);
        rc = make_file(key_path, key, fault);
        is_made = true;
    } else {
        rc = fault_set(fault, ERR_STORAGE, "The key file %s cannot be read: %s.", key_path,
                       strerror(errno));
    }
    struct crypto *c = rc == 0 ? crypto_from_key(key) : NULL;
    sodium_memzero(key, sizeof key);
    if (c && made_out)
        *made_out = is_made;
    return c;
}
