/* SPDX-License-Identifier: EUPL-1.2 */
/* multipart: writes a body of multipart/form-data (RFC 7578), fields first, then a file. No I/O. */
#ifndef DRAHT_CHANNELS_KIT_MULTIPART_H
#define DRAHT_CHANNELS_KIT_MULTIPART_H

#include <stdint.h>

#include "gateway/base/buf.h"
#include "gateway/base/span.h"

#define KIT_BOUNDARY_RANDOM_BYTES 16

struct kit_multipart {
    struct buf body; /* the caller frees it */
    char boundary[5 + 2 * KIT_BOUNDARY_RANDOM_BYTES + 1];
    char content_type[100]; /* the header's value */
};
/* random: bytes nobody can guess, so that no content ends its part early. */
void kit_multipart_begin(struct kit_multipart *m, const uint8_t random[KIT_BOUNDARY_RANDOM_BYTES]);
void kit_multipart_field(struct kit_multipart *m, const char *name, struct span value);
/* file_name may be anything (it becomes a safe base name); a type without a slash, or with
 * anything but printable ASCII, is sent as application/octet-stream. */
void kit_multipart_file(struct kit_multipart *m, const char *name, struct span file_name,
                        struct span type, struct span bytes);
void kit_multipart_end(struct kit_multipart *m);

#endif
