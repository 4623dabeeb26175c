/* SPDX-License-Identifier: EUPL-1.2 */
/* normalize: raw client frames, one JSON object a line, become what intake would see. No state is
 * touched. */
#include "channels/kit/normal.h"
#include "channels/webchat/webchat_private.h"

#define CHANNEL "webchat"

static json_t *or_null(struct span s) {
    return s.n ? json_stringn(s.p, s.n) : json_null();
}

static json_t *ignored(const char *reason) {
    return kit_normal_ignored(CHANNEL, reason);
}

static json_t *receipt(const struct frame *f) {
    json_t *o = json_object();
    json_puts(o, "kind", "receipt");
    json_puts(o, "channel", CHANNEL);
    json_puts(o, "state", f->kind == FRAME_READ ? "read" : "delivered");
    json_puti(o, "up_to_seq", (int64_t)f->seq);
    return o;
}

static json_t *message(struct arena *a, const struct frame *f) {
    struct utf8_notes notes = {0};
    struct span clean = utf8_clean(a, f->text, FRAME_BYTES_MAX, &notes);
    struct kit_normal m = {.channel = CHANNEL,
                           .external_id = f->cid,
                           .text = clean,
                           .had_controls = notes.had_controls,
                           .had_bidi = notes.had_bidi,
                           .was_cut = notes.was_cut};
    json_t *o = kit_normal_message(&m);
    for (size_t i = 0; i < f->files_n; i++) /* a frame names uploads, not files */
        kit_normal_file(o, SPAN_NONE, SPAN_NONE, -1, SPAN_NONE);
    json_object_set_new(o, "language", or_null(f->lang));
    return o;
}

static json_t *one(struct arena *a, struct span line) {
    struct frame f;
    int rc = frame_parse(line, &f);
    if (rc < 0)
        return ignored(rc == ERR_TOO_LARGE ? "beyond a limit" : "not a client frame");
    json_t *o;
    if (f.kind == FRAME_GOT || f.kind == FRAME_READ)
        o = receipt(&f);
    else if (f.kind != FRAME_MESSAGE)
        o = ignored("carries no message");
    else if (span_trim(f.text).n == 0 && f.files_n == 0)
        o = ignored("empty message");
    else if (utf8_count(f.text) > 10000)
        o = ignored("text beyond the limit");
    else
        o = message(a, &f);
    frame_free(&f);
    return o;
}

static void print(struct buf *b, struct span frame) {
    struct arena *a = arena_new();
    json_t *o = one(a, frame);
    kit_normal_print(b, o);
    arena_free(&a);
}

int webchat_normalize(const char *raw, size_t n, char **out, char *err) {
    struct buf b = {0};
    struct frame whole;
    struct span rest = {raw, n};
    (void)err;
    if (frame_parse(rest, &whole) == 0) { /* one frame over several lines */
        frame_free(&whole);
        print(&b, rest);
        rest = SPAN_NONE;
    }
    while (rest.p) {
        struct span line = span_trim(span_cut(&rest, '\n'));
        if (line.n)
            print(&b, line);
    }
    *out = b.p ? buf_take(&b, NULL) : xstrdup("");
    return 0;
}
