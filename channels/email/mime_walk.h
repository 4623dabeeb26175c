/* SPDX-License-Identifier: EUPL-1.2 */
/* mime_walk: what mime_in.c (the head) and mime_walk.c (the body) share. GMime's types are known to
 * these two alone. */
#ifndef DRAHT_EMAIL_MIME_WALK_H
#define DRAHT_EMAIL_MIME_WALK_H

#include <gmime/gmime.h>

#include "channels/email/mail.h"
#include "gateway/base/buf.h"

struct mime_walk {
    struct mail *mail;
    struct buf text, html;
    struct span status; /* content of the delivery-status, disposition or feedback part */
    int parts, parts_max;
};

/* Visits the body: texts, attachments, report parts. */
void mime_walk(struct mime_walk *w, GMimeObject *root);
/* GMime's strings are UTF-8 only mostly: a clean copy in the arena. */
struct span mime_string(struct arena *a, const char *s, size_t max_bytes);

#endif
