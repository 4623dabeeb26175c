/* SPDX-License-Identifier: EUPL-1.2 */
/* keyword: words by which a person ends or resumes text messages or asks for help, and the city's
 * answers to them. */
#ifndef DRAHT_CHANNELS_KIT_KEYWORD_H
#define DRAHT_CHANNELS_KIT_KEYWORD_H

#include "channels/kit/kit.h"
#include "gateway/base/json.h"

/* By carriers' rules and Twilio's list, and the German ones people write. */
#define KIT_STOP_WORDS                                                                             \
    "STOP,STOPP,STOPALL,STOP ALL,ENDE,END,UNSUBSCRIBE,QUIT,CANCEL,REVOKE,OPTOUT,ABMELDEN"
#define KIT_START_WORDS "START,UNSTOP,ANMELDEN"
#define KIT_HELP_WORDS "HILFE,HELP,INFO"

#define KIT_WORDS_MAX 16
#define KIT_WORD_BYTES_MAX 40 /* a longer text is no word */

enum kit_keyword { KIT_WORD_NONE, KIT_WORD_STOP, KIT_WORD_START, KIT_WORD_HELP };
/* Only when the message is nothing but the word (case, blanks, full stops and exclamation marks do
 * not count). Of KIT_STOP_WORDS and KIT_START_WORDS; no help. */
enum kit_keyword kit_keyword(struct span text);

/* The words of one channel. */
struct kit_words {
    const char *of[KIT_WORD_HELP + 1][KIT_WORDS_MAX];
    size_t n[KIT_WORD_HELP + 1];
};
/* Reads the option: a list, or a text with commas, which becomes one. The words live as long as
 * options. */
void kit_words_read(struct kit_words *w, enum kit_keyword which, json_t *options, const char *name,
                    const char *fallback);
/* The same as kit_keyword with the words of the channel. */
enum kit_keyword kit_words_find(const struct kit_words *w, struct span text);
/* Appends the city's answer: locale.<language>.sms.<stop|start|help> with {city} and {phone} filled
 * in. */
void kit_words_answer(const struct draht_host *h, void *host, const char *language,
                      enum kit_keyword word, struct buf *out);

#endif
