/* SPDX-License-Identifier: EUPL-1.2 */
/* upload: a file of a reply as multipart/form-data, and what the API calls its kind. */
#include <stdio.h>

#include "channels/meta/meta_private.h"

#define IMAGE_BYTES_MAX (5u << 20)
#define SOUND_BYTES_MAX (16u << 20) /* audio and video */

static const struct {
    const char *types, *kind;
    uint64_t bytes_max;
} kinds[] = {
    {"image/jpeg image/png", "image", IMAGE_BYTES_MAX},
    {"audio/aac audio/mp4 audio/mpeg audio/amr audio/ogg", "audio", SOUND_BYTES_MAX},
    {"video/mp4 video/3gpp", "video", SOUND_BYTES_MAX},
};

const char *meta_file_kind(const struct meta *m, const struct draht_attachment *x) {
    char type[100];
    snprintf(type, sizeof type, "%.*s", (int)x->type.n, x->type.p ? x->type.p : "");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (x->bytes.n <= kinds[i].bytes_max && kit_type_listed(kinds[i].types, type))
            return kinds[i].kind;
    return m->flavour == META_WHATSAPP ? "document" : "file";
}

static void fields(const struct meta *m, const struct draht_attachment *x,
                   struct kit_multipart *b) {
    if (m->flavour == META_WHATSAPP) {
        kit_multipart_field(b, "messaging_product", SPAN("whatsapp"));
        kit_multipart_field(b, "type", kit_in(x->type));
        return;
    }
    struct buf message = {0};
    buf_addf(&message, "{\"attachment\":{\"type\":\"%s\",\"payload\":{\"is_reusable\":false}}}",
             meta_file_kind(m, x));
    if (m->flavour == META_INSTAGRAM)
        kit_multipart_field(b, "platform", SPAN("instagram"));
    kit_multipart_field(b, "message", buf_span(&message));
    buf_free(&message);
}

void meta_upload_body(const struct meta *m, const struct draht_attachment *x,
                      struct kit_multipart *b) {
    uint8_t raw[KIT_BOUNDARY_RANDOM_BYTES];
    m->h->random(raw, sizeof raw);
    kit_multipart_begin(b, raw);
    fields(m, x, b);
    kit_multipart_file(b, m->flavour == META_WHATSAPP ? "file" : "filedata", kit_in(x->name),
                       kit_in(x->type), kit_in(x->bytes));
    kit_multipart_end(b);
}
