/* SPDX-License-Identifier: EUPL-1.2 */
/* files: attachments on their way through a channel's spool, read and written on pool threads. */
#ifndef DRAHT_CHANNELS_EXEC_FILES_H
#define DRAHT_CHANNELS_EXEC_FILES_H

#include "gateway/base/buf.h"
#include "gateway/net/loop.h"

#define FILES_NAME_BYTES_MAX 100
#define FILES_BYTES_MAX ((size_t)25 << 20) /* one file; all of one message: twice that */

struct files_item {
    char name[FILES_NAME_BYTES_MAX + 1]; /* in the folder */
    struct buf bytes;
};
struct files_job;
/* status 0, ERR_NOT_FOUND (not a plain file of the folder), ERR_TOO_LARGE, ERR_STORAGE. items are
 * borrowed; which: the item that failed. */
typedef void (*files_fn)(void *arg, int status, const struct files_item *items, size_t n,
                         size_t which);

/* Letters, digits, '.', '_', '-', no leading dot, at most FILES_NAME_BYTES_MAX. */
bool files_name_is_good(const char *name);
/* items: taken (free). done comes once, on the loop, unless files_drop was called before. */
struct files_job *files_write(struct loop *l, const char *folder, struct files_item *items,
                              size_t n, files_fn done, void *arg);
struct files_job *files_read(struct loop *l, const char *folder, struct files_item *items, size_t n,
                             files_fn done, void *arg);
/* Makes folder/in and folder/out, empty. */
struct files_job *files_clear(struct loop *l, const char *folder, files_fn done, void *arg);
/* done will not be called; accepts NULL. */
void files_drop(struct files_job *job);

#endif
