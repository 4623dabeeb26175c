/* SPDX-License-Identifier: EUPL-1.2 */
/* smpp_words: STOP, START and HELP. What somebody asked for is kept before they are told so. */
#include <stdio.h>
#include <stdlib.h>

#include "channels/smpp/smpp_channel.h"

struct saying {
    struct smpp *c;
    struct delivery d;
    char id[80], number[NUMBER_BYTES];
    enum kit_keyword word;
};

void smpp_stop_key(struct smpp *c, struct span number, char out[40]) {
    char hash[33];
    smpp_hash(c, "stop", number, hash);
    snprintf(out, 40, "stop.%s", hash);
}

static void kept(void *arg, int status) {
    struct saying *y = arg;
    struct smpp *c = y->c;
    struct buf text = {0};
    if (status == 0) {
        smpp_seen_stored(c, y->id, &y->d);
        kit_words_answer(c->h, c->host, c->set.language, y->word, &text);
        if (text.n)
            smpp_out_reply(c, y->number, buf_span(&text));
    }
    smpp_answer(&y->d, status == 0 ? PDU_OK : PDU_RX_T_APPN);
    buf_free(&text);
    free(y);
}

bool smpp_words(struct smpp *c, const struct smpp_text *t) {
    enum kit_keyword word = kit_words_find(&c->set.words, t->text);
    if (word == KIT_WORD_NONE)
        return false;
    char key[40];
    struct saying *y = xcalloc(1, sizeof *y);
    *y = (struct saying){.c = c, .d = t->d, .word = word};
    snprintf(y->id, sizeof y->id, "%s", t->external_id);
    snprintf(y->number, sizeof y->number, "%s", t->from);
    smpp_stop_key(c, span_str(t->from), key);
    if (word == KIT_WORD_STOP)
        c->h->state_set(c->host, kit_str(key), kit_str("1"), 0, kept, y);
    else if (word == KIT_WORD_START)
        c->h->state_del(c->host, kit_str(key), kept, y);
    else
        kept(y, 0);
    return true;
}
