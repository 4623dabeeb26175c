/* SPDX-License-Identifier: EUPL-1.2 */
/* locale: the texts that citizens receive, from the embedded YAML files. Loaded once, never freed.
 */
#include <stdarg.h>

#include "config/config.h"
#include "config/tree.h"
#include "gateway/base/embed.h"
#include "gateway/base/error.h"

static const struct language {
    const char *name, *file;
} languages[] = {{"de", "de.yaml"}, {"en", "en.yaml"}, {"de-easy", "de-easy.yaml"}};
#define LANGUAGES_N 3
static struct tree_node *roots[LANGUAGES_N];

int locale_init(struct fault *f) {
    static struct arena *kept;
    if (kept)
        return 0;
    struct arena *a = arena_new();
    struct tree_node *read[LANGUAGES_N];
    struct buf faults = {0};
    int rc = 0;
    for (int i = 0; i < LANGUAGES_N && rc == 0; i++) {
        const struct embed_file *file = embed_find(embed_locales, languages[i].file);
        read[i] = file ? tree_parse(a, file->path,
                                    (struct span){(const char *)file->bytes, file->n}, &faults)
                       : NULL;
        if (!read[i])
            rc = fault_set(f, ERR_INVALID, "The texts %s cannot be read: %.300s", languages[i].file,
                           faults.n ? faults.p : "missing");
    }
    buf_free(&faults);
    if (rc) {
        arena_free(&a);
        return rc;
    }
    memcpy(roots, read, sizeof roots);
    kept = a;
    return 0;
}

static const char *find(const struct tree_node *node, const char *key) {
    char part[64];
    while (node) {
        const char *dot = strchr(key, '.');
        size_t n = dot ? (size_t)(dot - key) : strlen(key);
        if (n >= sizeof part)
            return NULL;
        memcpy(part, key, n);
        part[n] = '\0';
        node = tree_get(node, part);
        if (!dot)
            return node && node->kind == TREE_SCALAR ? node->text : NULL;
        key = dot + 1;
    }
    return NULL;
}

const char *locale_text(const char *lang, const char *key) {
    for (int i = 0; lang && i < LANGUAGES_N; i++) {
        const char *text = strcmp(languages[i].name, lang) == 0 ? find(roots[i], key) : NULL;
        if (text)
            return text;
    }
    return find(roots[0], key);
}

#define VALUES_MAX 32
char *locale_format(struct arena *a, const char *lang, const char *key, ...) {
    const char *names[VALUES_MAX], *values[VALUES_MAX], *p = locale_text(lang, key);
    int n = 0;
    va_list args;
    va_start(args, key);
    for (const char *name; n < VALUES_MAX && (name = va_arg(args, const char *)); n++) {
        names[n] = name;
        values[n] = va_arg(args, const char *);
    }
    va_end(args);
    if (!p)
        return NULL; /* better no text than a key in a citizen's hands */
    struct buf out = {0};
    while (*p) {
        const char *end = *p == '{' ? strchr(p, '}') : NULL;
        int hit = -1;
        for (int i = 0; end && i < n; i++)
            if (span_eq((struct span){p + 1, (size_t)(end - p) - 1}, names[i]))
                hit = i;
        if (hit >= 0) {
            buf_adds(&out, values[hit] ? values[hit] : "");
            p = end + 1;
        } else {
            buf_add(&out, p++, 1);
        }
    }
    char *text = arena_strndup(a, out.p, out.n);
    buf_free(&out);
    return text;
}
