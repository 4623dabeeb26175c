/* SPDX-License-Identifier: EUPL-1.2 */
/* imap_words: pieces of IMAP's lines. No state, no connection. */
#include "channels/email/imap_words.h"

const char *imap_quoted(const char *name, char out[IMAP_NAME_BYTES]) {
    size_t n = 0;
    out[n++] = '"';
    for (; *name && n < 440; name++) {
        if ((unsigned char)*name < 0x20)
            continue;
        if (*name == '"' || *name == '\\')
            out[n++] = '\\';
        out[n++] = *name;
    }
    out[n++] = '"';
    out[n] = 0;
    return out;
}

void imap_two_numbers(struct span v, unsigned long long *a, unsigned long long *b) {
    struct span rest = v, first = span_cut(&rest, ' ');
    if (rest.p && span_u64(first, IMAP_UID_MAX, a) == 0)
        span_u64(rest, IMAP_UID_MAX, b);
}

bool imap_find_number(struct span line, const char *word, unsigned long long *out) {
    size_t n = strlen(word);
    for (size_t i = 0; i + n < line.n; i++) {
        if (!span_istarts((struct span){line.p + i, line.n - i}, word))
            continue;
        size_t a = i + n, b = a;
        while (b < line.n && line.p[b] >= '0' && line.p[b] <= '9')
            b++;
        return span_u64((struct span){line.p + a, b - a}, 1ULL << 40, out) == 0;
    }
    return false;
}

bool imap_has_word(struct span line, const char *word) {
    while (line.p)
        if (span_ieq(span_cut(&line, ' '), word))
            return true;
    return false;
}
