/* SPDX-License-Identifier: EUPL-1.2 */
/* keyword: a message that is nothing but a word, compared with lists. */
#include "channels/kit/keyword.h"

#include <stdio.h>
#include <strings.h>

/* What could be a word; empty when there is none. */
static struct span word_of(struct span text) {
    struct span s = span_trim(text);
    while (s.n && (s.p[s.n - 1] == '.' || s.p[s.n - 1] == '!'))
        s.n--;
    return s.n <= KIT_WORD_BYTES_MAX ? s : SPAN_NONE;
}

enum kit_keyword kit_words_find(const struct kit_words *w, struct span text) {
    struct span s = word_of(text);
    for (int which = KIT_WORD_STOP; s.n && which <= KIT_WORD_HELP; which++)
        for (size_t i = 0; i < w->n[which]; i++)
            if (span_ieq(s, w->of[which][i]))
                return (enum kit_keyword)which;
    return KIT_WORD_NONE;
}

static bool is_listed(struct span s, const char *list) {
    for (struct span rest = span_str(list); s.n && rest.p;) {
        struct span word = span_cut(&rest, ',');
        if (word.n == s.n && strncasecmp(word.p, s.p, s.n) == 0)
            return true;
    }
    return false;
}

enum kit_keyword kit_keyword(struct span text) {
    struct span s = word_of(text);
    return is_listed(s, KIT_STOP_WORDS)    ? KIT_WORD_STOP
           : is_listed(s, KIT_START_WORDS) ? KIT_WORD_START
                                           : KIT_WORD_NONE;
}

void kit_words_read(struct kit_words *w, enum kit_keyword which, json_t *options, const char *name,
                    const char *fallback) {
    json_t *v = json_object_get(options, name);
    if (!json_is_array(v)) {
        struct span rest = span_str(json_is_string(v) ? json_string_value(v) : fallback);
        json_t *list = json_array();
        while (rest.p) {
            struct span word = span_trim(span_cut(&rest, ','));
            if (word.n)
                json_array_append_new(list, json_stringn(word.p, word.n));
        }
        json_object_set_new(options, name, list);
        v = list;
    }
    w->n[which] = 0;
    for (size_t i = 0; i < json_array_size(v) && w->n[which] < KIT_WORDS_MAX; i++) {
        const char *s = json_string_value(json_array_get(v, i));
        if (s && *s)
            w->of[which][w->n[which]++] = s;
    }
}

static void put_fact(const struct draht_host *h, void *host, const char *name, struct buf *b) {
    struct draht_span v = h->fact(host, name);
    if (v.p)
        buf_add(b, v.p, v.n);
}

void kit_words_answer(const struct draht_host *h, void *host, const char *language,
                      enum kit_keyword word, struct buf *out) {
    static const char *const keys[] = {"", "stop", "start", "help"};
    char name[64];
    struct buf text = {0};
    snprintf(name, sizeof name, "locale.%s.sms.%s", language, keys[word]);
    put_fact(h, host, name, &text);
    struct span rest = buf_span(&text);
    while (rest.n) {
        struct span city = SPAN("{city}"), phone = SPAN("{phone}");
        bool is_city = rest.n >= city.n && memcmp(rest.p, city.p, city.n) == 0;
        bool is_phone = rest.n >= phone.n && memcmp(rest.p, phone.p, phone.n) == 0;
        size_t n = is_city ? city.n : is_phone ? phone.n : 1;
        if (is_city || is_phone)
            put_fact(h, host, is_city ? "city.name" : "city.phone", out);
        else
            buf_add(out, rest.p, 1);
        rest = (struct span){rest.p + n, rest.n - n};
    }
    buf_free(&text);
}
