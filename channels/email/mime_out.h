/* SPDX-License-Identifier: EUPL-1.2 */
/* mime_out: writes a mail. Every line of ours ends with CRLF, is at most 76 bytes in bodies, and no
 * value can start a new header field. Any thread; no I/O. */
#ifndef DRAHT_EMAIL_MIME_OUT_H
#define DRAHT_EMAIL_MIME_OUT_H

#include "channels/abi/draht_channel.h"
#include "gateway/base/buf.h"

#define MIME_OUT_REFERENCES_MAX 11 /* the first and the last ten */

struct mime_out { /* all borrowed; addresses and ids without <>, valid */
    struct span from, from_name, to, to_name, reply_to;
    struct span message_id, in_reply_to;
    const struct span *references;
    size_t references_n;
    struct span subject, text, html, language;
    const struct draht_attachment *attachments;
    size_t attachments_n;
    int64_t date_ms;
    bool is_automatic;
};
/* Appends the whole mail. An empty html is made from the text. */
void mime_out_write(const struct mime_out *m, struct buf *out);
/* Exposed for tests: one header field with folding and RFC 2047 where needed. */
void mime_out_field(struct buf *out, const char *name, struct span value);

#endif
