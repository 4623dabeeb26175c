/* SPDX-License-Identifier: EUPL-1.2 */
/* smpp_words: STOP, START and HELP. What somebody asked for is kept before they are told so. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/smpp/smpp_channel.h"
#include "gateway/base/utf8.h"

enum { WORD_BYTES_MAX = 40 };

struct saying {
    struct smpp *c;
    struct delivery d;
    char id[80], number[NUMBER_BYTES];
    const char *key;
};

void smpp_stop_key(struct smpp *c, struct span number, char out[40]) {
    char hash[33];
    smpp_hash(c, "stop", number, hash);
    snprintf(out, 40, "stop.%s", hash);
}

static void put_fact(struct smpp *c, struct buf *b, const char *name) {
    struct draht_span v = c->h->fact(c->host, name);
    if (v.p)
        buf_add(b, v.p, v.n);
}

/* The text with {city} and {phone} filled in. */
static void text_of(struct smpp *c, const char *key, struct buf *out) {
    char name[64];
    struct buf text = {0};
    snprintf(name, sizeof name, "locale.%s.sms.%s", c->set.language, key);
    put_fact(c, &text, name);
    struct span rest = buf_span(&text);
    while (rest.n) {
        struct span city = SPAN("{city}"), phone = SPAN("{phone}");
        bool is_city = rest.n >= city.n && memcmp(rest.p, city.p, city.n) == 0;
        bool is_phone = rest.n >= phone.n && memcmp(rest.p, phone.p, phone.n) == 0;
        size_t n = is_city ? city.n : is_phone ? phone.n : 1;
        if (is_city || is_phone)
            put_fact(c, out, is_city ? "city.name" : "city.phone");
        else
            buf_add(out, rest.p, 1);
        rest = (struct span){rest.p + n, rest.n - n};
    }
    buf_free(&text);
}

static void kept(void *arg, int status) {
    struct saying *y = arg;
    struct smpp *c = y->c;
    struct buf text = {0};
    if (status == 0) {
        smpp_seen_stored(c, y->id, &y->d);
        text_of(c, y->key, &text);
        if (text.n)
            smpp_out_reply(c, y->number, buf_span(&text));
    }
    smpp_answer(&y->d, status == 0 ? PDU_OK : PDU_RX_T_APPN);
    buf_free(&text);
    free(y);
}

static bool is_one_of(struct span text, const char *const *words, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (span_ieq(text, words[i]))
            return true;
    return false;
}

bool smpp_words(struct smpp *c, const struct smpp_text *t) {
    struct span text = span_trim(t->text);
    const struct smpp_settings *set = &c->set;
    while (text.n && strchr(".!", text.p[text.n - 1]))
        text.n--;
    if (text.n == 0 || text.n > WORD_BYTES_MAX)
        return false;
    bool is_stop = is_one_of(text, set->stop, set->stop_n),
         is_start = is_one_of(text, set->start, set->start_n),
         is_help = is_one_of(text, set->help, set->help_n);
    if (!is_stop && !is_start && !is_help)
        return false;
    char key[40];
    struct saying *y = xcalloc(1, sizeof *y);
    *y = (struct saying){.c = c, .d = t->d, .key = is_stop ? "stop" : is_start ? "start" : "help"};
    snprintf(y->id, sizeof y->id, "%s", t->external_id);
    snprintf(y->number, sizeof y->number, "%s", t->from);
    smpp_stop_key(c, span_str(t->from), key);
    if (is_stop)
        c->h->state_set(c->host, kit_str(key), kit_str("1"), 0, kept, y);
    else if (is_start)
        c->h->state_del(c->host, kit_str(key), kept, y);
    else
        kept(y, 0);
    return true;
}
