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

static void field(struct buf *b, const char *boundary, const char *name, struct span value) {
    buf_addf(b, "--%s\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n", boundary, name);
    buf_add(b, value.p, value.n);
    buf_adds(b, "\r\n");
}

static void fields(const struct meta *m, const struct draht_attachment *x, const char *boundary,
                   struct buf *b) {
    if (m->flavour == META_WHATSAPP) {
        field(b, boundary, "messaging_product", SPAN("whatsapp"));
        field(b, boundary, "type", kit_in(x->type));
        return;
    }
    struct buf message = {0};
    buf_addf(&message, "{\"attachment\":{\"type\":\"%s\",\"payload\":{\"is_reusable\":false}}}",
             meta_file_kind(m, x));
    if (m->flavour == META_INSTAGRAM)
        field(b, boundary, "platform", SPAN("instagram"));
    field(b, boundary, "message", buf_span(&message));
    buf_free(&message);
}

void meta_upload_body(const struct meta *m, const struct draht_attachment *x, struct buf *b,
                      char content_type[200]) {
    uint8_t raw[16];
    char boundary[50] = "draht";
    m->h->random(raw, sizeof raw);
    for (int i = 0; i < 16; i++)
        snprintf(boundary + 5 + 2 * i, 3, "%02x", raw[i]);
    snprintf(content_type, 200, "multipart/form-data; boundary=%s", boundary);
    fields(m, x, boundary, b);
    struct arena *a = arena_new();
    struct span name = kit_name(a, kit_in(x->name));
    buf_addf(b,
             "--%s\r\nContent-Disposition: form-data; name=\"%s\"; filename=\"%.*s\"\r\n"
             "Content-Type: %.*s\r\n\r\n",
             boundary, m->flavour == META_WHATSAPP ? "file" : "filedata", (int)name.n, name.p,
             (int)x->type.n, x->type.p ? x->type.p : "");
    arena_free(&a);
    buf_add(b, x->bytes.p, x->bytes.n);
    buf_addf(b, "\r\n--%s--\r\n", boundary);
}
