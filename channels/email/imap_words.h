/* SPDX-License-Identifier: EUPL-1.2 */
/* imap_words: reading and writing the words of IMAP lines, for imap.c. */
#ifndef DRAHT_EMAIL_IMAP_WORDS_H
#define DRAHT_EMAIL_IMAP_WORDS_H

#include "gateway/base/span.h"

#define IMAP_UID_MAX 4294967295ULL
#define IMAP_NAME_BYTES 450

/* A mailbox name as a quoted string; what cannot stand in one is dropped. Returns out. */
const char *imap_quoted(const char *name, char out[IMAP_NAME_BYTES]);
/* "4 17"; untouched where it is not that. */
void imap_two_numbers(struct span v, unsigned long long *a, unsigned long long *b);
/* The number behind the first occurrence of word, any case. */
bool imap_find_number(struct span line, const char *word, unsigned long long *out);
bool imap_has_word(struct span line, const char *word);

#endif
