/* SPDX-License-Identifier: EUPL-1.2 */
/* files: one walk over the files of a reply, in the order in which staff can mend them. */
#include "channels/kit/files.h"

#define MIB (1u << 20)

static const char *size_text(struct arena *a, uint64_t bytes) {
    if (bytes % MIB == 0)
        return arena_printf(a, "%llu MB", (unsigned long long)(bytes / MIB));
    if (bytes % 1000000 == 0)
        return arena_printf(a, "%llu MB", (unsigned long long)(bytes / 1000000));
    return arena_printf(a, "%llu KB", (unsigned long long)(bytes / 1000));
}

static const char *fill(struct arena *a, const char *words, struct span name, const char *max) {
    struct buf b = {0};
    while (*words) {
        bool is_name = strncmp(words, "{name}", 6) == 0, is_max = strncmp(words, "{max}", 5) == 0;
        if (is_name)
            buf_add(&b, name.p ? name.p : "", name.n);
        else if (is_max)
            buf_adds(&b, max);
        else
            buf_add(&b, words, 1);
        words += is_name ? 6 : is_max ? 5 : 1;
    }
    buf_adds(&b, "");
    const char *out = arena_strdup(a, b.p);
    buf_free(&b);
    return out;
}

static const struct draht_file_kind *kind_of(struct arena *a, const struct draht_files *limits,
                                             const char *type) {
    for (size_t i = 0; i < limits->kinds_n; i++) {
        struct draht_span types = limits->kinds[i].types;
        const char *list = arena_strndup(a, types.p, types.n);
        if (strcmp(list, "*") == 0 || kit_type_listed(list, type))
            return &limits->kinds[i];
    }
    return NULL;
}

static const char *one_fault(struct arena *a, const struct draht_files *limits,
                             const struct draht_attachment *x,
                             const struct kit_files_words *words) {
    const char *type = words->by_content
                           ? kit_sniff(kit_in(x->bytes))
                           : arena_strndup(a, x->type.p ? x->type.p : "", kit_in(x->type).n);
    const struct draht_file_kind *kind = kind_of(a, limits, type);
    if (!kind && limits->kinds_n)
        return fill(a, words->kind, kit_in(x->name), "");
    uint64_t max = kind ? kind->bytes_max : 0;
    bool is_said_by_total = limits->total_max && max >= limits->total_max;
    return max && x->bytes.n > max && !is_said_by_total
               ? fill(a, words->size, kit_in(x->name), size_text(a, max))
               : NULL;
}

const char *kit_files_fault(struct arena *a, const struct draht_files *limits,
                            const struct draht_attachment *files, size_t n,
                            const struct kit_files_words *words) {
    uint64_t sum = 0;
    if (limits->count_max && n > limits->count_max)
        return fill(a, words->count, SPAN_NONE, arena_printf(a, "%u", limits->count_max));
    for (size_t i = 0; i < n; i++) {
        const char *fault = one_fault(a, limits, &files[i], words);
        if (fault)
            return fault;
        sum += files[i].bytes.n;
    }
    return limits->total_max && sum > limits->total_max
               ? fill(a, words->total, SPAN_NONE, size_text(a, limits->total_max))
               : NULL;
}
