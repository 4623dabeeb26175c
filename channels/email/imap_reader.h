/* SPDX-License-Identifier: EUPL-1.2 */
/* imap_reader: an IMAP server's bytes as lines, with the literals in them cut out. */
#ifndef DRAHT_EMAIL_IMAP_READER_H
#define DRAHT_EMAIL_IMAP_READER_H

#include "gateway/base/buf.h"

#define IMAP_LINE_BYTES_MAX (256 * 1024)
#define IMAP_LITERALS_MAX 16 /* in one response */

struct imap_reader { /* zeroed, then literal_max set */
    struct buf line, literal;
    size_t literal_max, literal_left;
    int literals;
};
/* line without CRLF, "{n}" standing where a literal was; literal: the last one of the line.
 * Borrowed. False stops the reading (the connection goes away). */
typedef bool (*imap_line_fn)(void *arg, struct span line, struct span literal);
/* 0, 1 when the callback stopped it, or ERR_PROTOCOL: line or literal above the limit. */
int imap_reader_feed(struct imap_reader *r, struct span in, imap_line_fn fn, void *arg);
void imap_reader_reset(struct imap_reader *r);

#endif
