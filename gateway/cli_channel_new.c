/* SPDX-License-Identifier: EUPL-1.2 */
/* cli_channel_new: the skeleton of a channel, from the binary into a folder, under its own name. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "gateway/base/buf.h"
#include "gateway/base/embed.h"
#include "gateway/cli_channel.h"

/* The skeletons are called pigeon everywhere; the new channel has its own name. */
static const char placeholder[] = "pigeon";

static void rename_text(struct span text, const char *name, struct buf *out) {
    size_t n = sizeof placeholder - 1;
    while (text.n) {
        const char *hit = memmem(text.p, text.n, placeholder, n);
        size_t before = hit ? (size_t)(hit - text.p) : text.n;
        buf_add(out, text.p, before);
        if (hit)
            buf_adds(out, name);
        text.p += before + (hit ? n : 0);
        text.n -= before + (hit ? n : 0);
    }
}

static int write_one(const char *folder, const char *file, struct span text) {
    struct buf path = {0};
    buf_addf(&path, "%s/%s", folder, file);
    FILE *f = fopen(path.p, "wxe");
    bool ok = f && fwrite(text.p, 1, text.n, f) == text.n;
    bool is_program = text.n > 2 && text.p[0] == '#' && text.p[1] == '!';
    if (f && fclose(f) != 0)
        ok = false;
    if (ok && is_program)
        ok = chmod(path.p, 0755) == 0;
    if (!ok)
        fprintf(stderr, "draht channel new: %s cannot be written: %s\n", path.p, strerror(errno));
    buf_free(&path);
    return ok ? 0 : -1;
}

int cli_channel_new(const char *name, const char *lang, const char *folder) {
    size_t n = strlen(lang);
    if (mkdir(folder, 0755) < 0) {
        fprintf(stderr, "draht channel new: the folder %s cannot be made: %s\n", folder,
                strerror(errno));
        return -1;
    }
    for (const struct embed_file *e = embed_skeletons; e->path; e++) {
        if (strncmp(e->path, lang, n) != 0 || e->path[n] != '/')
            continue;
        struct buf text = {0}, file = {0};
        rename_text((struct span){(const char *)e->bytes, e->n}, name, &text);
        rename_text(span_str(e->path + n + 1), name, &file);
        int rc = write_one(folder, file.p, buf_span(&text));
        buf_free(&text);
        buf_free(&file);
        if (rc < 0)
            return rc;
    }
    printf("%s: a channel in %s. Read %s/README.md; it says how to %stest and run it.\n", folder,
           lang, folder, strcmp(lang, "c") ? "" : "build, ");
    return 0;
}
