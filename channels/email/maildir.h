/* SPDX-License-Identifier: EUPL-1.2 */
/* maildir: a mail as a file, durable before it is called delivered. Blocking: thread pool only. */
#ifndef DRAHT_EMAIL_MAILDIR_H
#define DRAHT_EMAIL_MAILDIR_H

#include "gateway/base/span.h"

/* Writes tmp/, fsyncs, renames into new/. name: [A-Za-z0-9.-]; delivering the same name again
 * changes nothing, wherever a mail program has moved it (new/, cur/). Makes the folders. 0, or a
 * negative errno. */
int maildir_deliver(const char *dir, const char *name, struct span mail);

#endif
