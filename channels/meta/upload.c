/* SPDX-License-Identifier: EUPL-1.2 */
/* upload: a file of a reply as multipart/form-data, and what the API calls its kind. */
#include <stdio.h>

#include "channels/meta/meta_private.h"

#define IMAGE_BYTES_MAX (5u << 20)
#define SOUND_BYTES_MAX (16u << 20) /* audio and video */
#define INSTAGRAM_PICTURES "image/png image/jpeg image/gif"
#define INSTAGRAM_OTHERS                                                                           \
    "audio/aac audio/mp4 audio/wav video/mp4 audio/ogg video/ogg video/x-msvideo "                 \
    "video/quicktime video/webm application/pdf"

static const struct {
    const char *types, *kind;
    uint64_t bytes_max;
} kinds[] = {
    {"image/jpeg image/png", "image", IMAGE_BYTES_MAX},
    {"audio/aac audio/mp4 audio/mpeg audio/amr audio/ogg", "audio", SOUND_BYTES_MAX},
    {"video/mp4 video/3gpp", "video", SOUND_BYTES_MAX},
};

/* What each of them takes: WhatsApp documents of any kind; the others by the pages on attachments.
 */
static const struct draht_file_kind whatsapp[] = {{{"*", 1}, 100u << 20}};
static const struct draht_file_kind messenger[] = {{{"*", 1}, 25u << 20}};
static const struct draht_file_kind instagram[] = {
    {{INSTAGRAM_PICTURES, sizeof INSTAGRAM_PICTURES - 1}, 8u << 20},
    {{INSTAGRAM_OTHERS, sizeof INSTAGRAM_OTHERS - 1}, 25u << 20}};

static struct draht_files limits(const struct meta *m) {
    struct draht_files f = {.size = sizeof f, .kinds = whatsapp, .kinds_n = 1};
    if (m->flavour == META_MESSENGER)
        f.kinds = messenger;
    if (m->flavour == META_INSTAGRAM) {
        f.kinds = instagram;
        f.kinds_n = sizeof instagram / sizeof *instagram;
    }
    return f;
}

void meta_offer_limits(struct meta *m) {
    struct draht_files f = limits(m);
    struct draht_text t = meta_text_limits(m);
    m->h->files(m->host, &f);
    m->h->text(m->host, &t);
}

const char *meta_files_fault(const struct meta *m, struct arena *a,
                             const struct draht_attachment *files, size_t n) {
    static const struct kit_files_words words = {
        .kind = "The channel does not carry this kind of file: {name}.",
        .size = "{name} is larger than the channel carries: at most {max}."};
    struct draht_files f = limits(m);
    return kit_files_fault(a, &f, files, n, &words);
}

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
