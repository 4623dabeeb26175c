/* SPDX-License-Identifier: EUPL-1.2 */
/* multipart: nothing that came from outside reaches a part's head unchecked. */
#include "channels/kit/multipart.h"

#include <stdio.h>

#include "channels/kit/kit.h"
#include "gateway/base/crypto.h"

void kit_multipart_begin(struct kit_multipart *m, const uint8_t random[KIT_BOUNDARY_RANDOM_BYTES]) {
    *m = (struct kit_multipart){.boundary = "draht"};
    crypto_hex(random, KIT_BOUNDARY_RANDOM_BYTES, m->boundary + 5);
    snprintf(m->content_type, sizeof m->content_type, "multipart/form-data; boundary=%s",
             m->boundary);
}

void kit_multipart_field(struct kit_multipart *m, const char *name, struct span value) {
    buf_addf(&m->body, "--%s\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n", m->boundary,
             name);
    buf_add(&m->body, value.p, value.n);
    buf_adds(&m->body, "\r\n");
}

static bool is_media_type(struct span s) {
    size_t slashes = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < ' ' || s.p[i] >= 127)
            return false;
        slashes += s.p[i] == '/';
    }
    return slashes > 0;
}

void kit_multipart_file(struct kit_multipart *m, const char *name, struct span file_name,
                        struct span type, struct span bytes) {
    struct arena *a = arena_new();
    struct span safe = kit_name(a, file_name);
    if (!is_media_type(type))
        type = SPAN("application/octet-stream");
    buf_addf(&m->body,
             "--%s\r\nContent-Disposition: form-data; name=\"%s\"; filename=\"%.*s\"\r\n"
             "Content-Type: %.*s\r\n\r\n",
             m->boundary, name, (int)safe.n, safe.p, (int)type.n, type.p);
    arena_free(&a);
    buf_add(&m->body, bytes.p, bytes.n);
    buf_adds(&m->body, "\r\n");
}

void kit_multipart_end(struct kit_multipart *m) {
    buf_addf(&m->body, "--%s--\r\n", m->boundary);
}
