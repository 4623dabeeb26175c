/* SPDX-License-Identifier: EUPL-1.2 */
/* manifest: what a program says about itself, read into the border's own notation. */
#ifndef DRAHT_CHANNELS_EXEC_MANIFEST_H
#define DRAHT_CHANNELS_EXEC_MANIFEST_H

#include "channels/abi/draht_channel.h"
#include "gateway/base/arena.h"
#include "gateway/base/json.h"

#define MANIFEST_PROTOCOL 1
#define MANIFEST_OPTIONS_MAX 100
#define MANIFEST_CONCURRENCY_MAX 64
#define MANIFEST_ERR_BYTES 256

struct manifest { /* all in the arena */
    const char *name, *version;
    uint32_t caps, text_max, concurrency;
    struct draht_option *options; /* ended by a row without a name */
};
/* 0, or ERR_INVALID with a sentence in err. Everything is copied. */
int manifest_read(struct arena *a, const json_t *result, struct manifest *out,
                  char err[MANIFEST_ERR_BYTES]);
/* Caps, text_max, concurrency of o into m, those that are there; on a fault m is as before. */
int manifest_offer(const json_t *o, struct manifest *m, char err[MANIFEST_ERR_BYTES]);

#endif
