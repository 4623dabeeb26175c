/* SPDX-License-Identifier: EUPL-1.2 */
/* mime_encode: quoted-printable, base64, encoded words and parameters of outgoing mail. */
#ifndef DRAHT_EMAIL_MIME_ENCODE_H
#define DRAHT_EMAIL_MIME_ENCODE_H

#include "gateway/base/buf.h"

void mime_encode_qp(struct buf *out, struct span text);      /* LF or CRLF in, CRLF out */
void mime_encode_base64(struct buf *out, struct span bytes); /* lines of 76 */
/* RFC 2047 words in UTF-8, folded; controls become spaces. */
void mime_encode_words(struct buf *out, struct span text);
/* A display name: atom, quoted string or encoded words. */
void mime_encode_phrase(struct buf *out, struct span name);
/* "; name=..." quoted when it is plain ASCII, else by RFC 2231. */
void mime_encode_file_name(struct buf *out, const char *parameter, struct span name);

#endif
